package dynamo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Runs implements intake.Book. A run shows samples of the tenant's content, so all of it but its state is sealed.
type Runs struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
}

// NewRuns makes the store.
func NewRuns(db *DB, ring *keyring.Ring[id.Tenant]) *Runs { return &Runs{db: db, ring: ring} }

// largestSealed is the most that a sealed value may take in a row, with room for everything else (DynamoDB: 400 KB a row).
const largestSealed = 380_000

// pack seals a value as compressed JSON: what repeats itself, such as a hundred similar refusals, takes little room then.
func pack(ctx context.Context, ring *keyring.Ring[id.Tenant], t id.Tenant, k key, v any) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if err := errors.Join(json.NewEncoder(z).Encode(v), z.Close()); err != nil {
		return nil, fmt.Errorf("dynamo: encode: %w", err)
	}
	if b.Len() > largestSealed {
		return nil, fault.New(fault.CodeBodyTooLarge, "The recipe, the headers of the file or the sample of its rows are too large to keep.")
	}
	return ring.Seal(ctx, t, k.place("e"), b.Bytes())
}

func unpack(ctx context.Context, ring *keyring.Ring[id.Tenant], t id.Tenant, it item, into any) error {
	r := reader{it: it}
	k := key{r.text("PK"), r.text("SK")}
	sealed := r.blob("e")
	if r.err != nil {
		return r.err
	}
	plain, err := ring.Open(ctx, t, k.place("e"), sealed)
	if err != nil {
		return err
	}
	z, err := gzip.NewReader(bytes.NewReader(plain))
	if err != nil {
		return fmt.Errorf("dynamo: decode: %w", err)
	}
	d := json.NewDecoder(io.LimitReader(z, 64<<20))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("dynamo: decode: %w", err)
	}
	return nil
}

func (s *Runs) item(ctx context.Context, r intake.Run) (item, error) {
	k := runKey(r.Tenant, r.ID)
	sealed, err := pack(ctx, s.ring, r.Tenant, k, r)
	if err != nil {
		return nil, err
	}
	it := k.attributes()
	it["v"], it["st"], it["rev"], it["e"] = number(1), text(string(r.State)), number(r.Revision), blob(sealed)
	writeDue(it, k, r.Due())
	return it, nil
}

// Create stores a new run with its audit entry. One transaction.
func (s *Runs) Create(ctx context.Context, r intake.Run, entry audit.Entry) error {
	it, err := s.item(ctx, r)
	if err != nil {
		return err
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, unconditional)
	writeAudit(s.db, x, entry)
	return s.db.commit(ctx, x)
}

// Load returns a run. One read.
func (s *Runs) Load(ctx context.Context, t id.Tenant, run id.Import) (r intake.Run, err error) {
	it, err := s.db.get(ctx, s.db.tables.Records, runKey(t, run))
	if err == nil && it == nil {
		err = intake.NotFound()
	}
	if err == nil {
		err = unpack(ctx, s.ring, t, it, &r)
	}
	return r, err
}

// Save stores the next revision of a run. One write, or one transaction with entries.
func (s *Runs) Save(ctx context.Context, r intake.Run, entries ...audit.Entry) error {
	it, err := s.item(ctx, r)
	if err != nil {
		return err
	}
	seen := item{":r": number(r.Revision - 1)}
	if len(entries) == 0 {
		met, _, err := s.db.put(ctx, s.db.tables.Records, it, "rev = :r", seen, nil)
		if err == nil && !met {
			err = intake.ErrStale
		}
		return err
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, "rev = :r", seen, means(intake.ErrStale))
	for _, e := range entries {
		writeAudit(s.db, x, e)
	}
	return s.db.commit(ctx, x)
}

// List lists the latest runs, latest first. One query for each megabyte.
func (s *Runs) List(ctx context.Context, t id.Tenant) ([]intake.Run, error) {
	return latest(ctx, s.db, runKey(t, "").partition, func(it item) (r intake.Run, err error) {
		err = unpack(ctx, s.ring, t, it, &r)
		return r, err
	})
}

func listing(db *DB, partition string, forward bool) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &db.tables.Records, ScanIndexForward: aws.Bool(forward), ConsistentRead: aws.Bool(true), Limit: aws.Int32(mostListed),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(partition)},
	}
}

// Recipes implements intake.Recipes.
type Recipes struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
}

// NewRecipes makes the store.
func NewRecipes(db *DB, ring *keyring.Ring[id.Tenant]) *Recipes { return &Recipes{db: db, ring: ring} }

// Recipe returns a recipe. One read.
func (s *Recipes) Recipe(ctx context.Context, t id.Tenant, which string) (r intake.Recipe, err error) {
	if !id.Valid(id.Recipe(which)) {
		return r, intake.RecipeNotFound()
	}
	it, err := s.db.get(ctx, s.db.tables.Records, recipeKey(t, id.Recipe(which)))
	if err == nil && it == nil {
		err = intake.RecipeNotFound()
	}
	if err == nil {
		err = unpack(ctx, s.ring, t, it, &r)
	}
	return r, err
}

// Recipes lists recipes in the order in which they were made. One query for each megabyte.
func (s *Recipes) Recipes(ctx context.Context, t id.Tenant) ([]intake.Recipe, error) {
	var all []intake.Recipe
	err := s.db.each(ctx, listing(s.db, recipeKey(t, "").partition, true), func(it item) error {
		var r intake.Recipe
		if err := unpack(ctx, s.ring, t, it, &r); err != nil {
			return err
		}
		all = append(all, r)
		return nil
	})
	return all, err
}

// Save stores the next revision of a recipe with its audit entry. One transaction.
func (s *Recipes) Save(ctx context.Context, t id.Tenant, r intake.Recipe, entry audit.Entry) error {
	k := recipeKey(t, id.Recipe(r.ID))
	sealed, err := pack(ctx, s.ring, t, k, r)
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["rev"], it["e"] = number(1), number(r.Revision), blob(sealed)
	condition, values := "attribute_not_exists(PK)", item(nil)
	if r.Revision > 1 {
		condition, values = "rev = :r", item{":r": number(r.Revision - 1)}
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, condition, values, means(fault.New(fault.CodeRevisionStale, "Somebody else changed the recipe at this moment.")))
	writeAudit(s.db, x, entry)
	return s.db.commit(ctx, x)
}

// Delete removes a recipe with its audit entry. One transaction.
func (s *Recipes) Delete(ctx context.Context, t id.Tenant, which string, entry audit.Entry) error {
	x := &transaction{}
	x.delete(s.db.tables.Records, recipeKey(t, id.Recipe(which)), "attribute_exists(PK)", nil, means(intake.RecipeNotFound()))
	writeAudit(s.db, x, entry)
	return s.db.commit(ctx, x)
}
