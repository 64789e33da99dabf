package dynamo

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Documents implements document.Store. A row says where the content lies; content comes first and its row second, so that
// a failure between leaves sealed bytes that nothing leads to, and never a row without its bytes. Such leftovers cannot be
// read by anybody, count nowhere, and go with the tenant's objects.
type Documents struct {
	db       *DB
	ring     *keyring.Ring[id.Tenant]
	contents Overflow
	now      clock.Clock
}

// NewDocuments makes the store.
func NewDocuments(db *DB, ring *keyring.Ring[id.Tenant], contents Overflow, now clock.Clock) *Documents {
	return &Documents{db: db, ring: ring, contents: contents, now: now}
}

// sealedPaper is what of a document is sealed in its row.
type sealedPaper struct {
	Name     string              `json:"n"`
	Kind     document.Kind       `json:"k"`
	Language string              `json:"l,omitempty"`
	Audience []audience.Audience `json:"a"`
	Media    string              `json:"m"`
	Size     int64               `json:"s"`
	SHA256   string              `json:"h"`
}

// Room asks whether a document may be added. One batch read.
func (s *Documents) Room(ctx context.Context, t id.Tenant, p id.Passport) error {
	meta, count := passportKey(t, p), documentsKey(t, p)
	found, err := s.db.batchGet(ctx, s.db.tables.Records, []key{meta, count})
	if err != nil {
		return err
	}
	if it := found[meta]; it == nil || archived(it) {
		return shut(it)
	}
	if it := found[count]; it != nil {
		r := reader{it: it}
		if r.number("n") >= document.MaxPerPassport {
			return document.Full()
		}
		return r.err
	}
	return nil
}

func archived(passportRow item) bool {
	r := reader{it: passportRow}
	return r.text("st") == string(passport.Archived)
}

// shut is why the documents of a passport, as its row is, cannot change.
func shut(passportRow item) error {
	if passportRow == nil {
		return passport.NotFound()
	}
	return document.Fixed()
}

// Add stores a document. One object and one transaction.
func (s *Documents) Add(ctx context.Context, d document.Document, content []byte, entry audit.Entry) error {
	it, ref, err := s.put(ctx, d, content)
	if err != nil {
		return err
	}
	x := &transaction{}
	s.open(x, d)
	x.update(s.db.tables.Records, documentsKey(d.Tenant, d.Passport), "SET v = :one, n = if_not_exists(n, :zero) + :one", "attribute_not_exists(n) OR n < :most",
		item{":zero": number(0), ":one": number(1), ":most": number(document.MaxPerPassport)}, means(document.Full()))
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, unconditional)
	writeAudit(s.db, x, entry)
	err = s.db.commit(ctx, x)
	if f := fault.Of(err); err != nil && (f.Kind == fault.NotFound || f.Kind == fault.Conflict) { // certainly nothing was stored
		_ = s.contents.Remove(ctx, d.Tenant, ref) // as good as it goes: what is left harms nobody
	}
	return err
}

// put stores the content and makes the row that leads to it.
func (s *Documents) put(ctx context.Context, d document.Document, content []byte) (item, string, error) {
	k := documentKey(d.Tenant, d.Passport, d.ID)
	small, err := json.Marshal(sealedPaper{d.Name, d.Kind, d.Language, d.Audience.List(), d.Media, d.Size, d.SHA256})
	if err != nil {
		return nil, "", fmt.Errorf("dynamo: encode document: %w", err)
	}
	sum, err := s.ring.Seal(ctx, d.Tenant, k.place("sum"), small)
	if err != nil {
		return nil, "", err
	}
	body, err := s.ring.Seal(ctx, d.Tenant, k.place("body"), content)
	if err != nil {
		return nil, "", err
	}
	ref, err := s.contents.Put(ctx, d.Tenant, d.Passport, body)
	if err != nil {
		return nil, "", fmt.Errorf("store document: %w", err)
	}
	it := k.attributes()
	it["v"], it["id"], it["pid"] = number(1), text(string(d.ID)), text(string(d.Passport))
	it["at"], it["by"], it["sum"], it["ref"] = moment(d.AddedAt), text(d.AddedBy), blob(sum), text(ref)
	return it, ref, nil
}

// open demands that the passport is there and not archived.
func (s *Documents) open(x *transaction, d document.Document) {
	x.check(s.db.tables.Records, passportKey(d.Tenant, d.Passport), "attribute_exists(PK) AND st <> :archived", item{":archived": text(string(passport.Archived))}, shut)
}

// Document returns one document. One read.
func (s *Documents) Document(ctx context.Context, t id.Tenant, p id.Passport, d id.Document) (document.Document, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, documentKey(t, p, d))
	if err != nil {
		return document.Document{}, err
	}
	if it == nil {
		return document.Document{}, document.NotFound()
	}
	return s.read(ctx, t, it)
}

func (s *Documents) read(ctx context.Context, t id.Tenant, it item) (document.Document, error) {
	r := reader{it: it}
	k := key{r.text("PK"), r.text("SK")}
	d := document.Document{
		ID: id.Document(r.text("id")), Passport: id.Passport(r.text("pid")), Tenant: t, AddedAt: r.moment("at"), AddedBy: r.text("by"), Ref: r.text("ref"),
	}
	sum := r.blob("sum")
	if r.err != nil {
		return d, r.err
	}
	plain, err := s.ring.Open(ctx, t, k.place("sum"), sum)
	if err != nil {
		return d, err
	}
	var paper sealedPaper
	if err := json.Unmarshal(plain, &paper); err != nil {
		return d, fmt.Errorf("dynamo: decode document: %w", err)
	}
	d.Name, d.Kind, d.Language, d.Media, d.Size, d.SHA256 = paper.Name, paper.Kind, paper.Language, paper.Media, paper.Size, paper.SHA256
	d.Audience, err = audience.Of(paper.Audience...)
	return d, err
}

// Documents lists documents, latest first. One query; one read more when there are none.
func (s *Documents) Documents(ctx context.Context, t id.Tenant, p id.Passport, req page.Request) (page.Of[document.Document], error) {
	var got page.Of[document.Document]
	secret, err := s.ring.CursorKey(ctx, t)
	if err != nil {
		return got, err
	}
	sealer, err := page.NewSealer(secret, s.now)
	if err != nil {
		return got, err
	}
	scope, below := "documents|"+string(t)+"|"+string(p), documentPrefix+"~"
	if req.Cursor != "" {
		position, err := sealer.Open(scope, req.Cursor)
		if err != nil {
			return got, err
		}
		below = string(position)
	}
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, Limit: aws.Int32(int32(req.Limit) + 2), ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("PK = :p AND SK BETWEEN :lo AND :hi"),
		ExpressionAttributeValues: item{":p": text(passportPartition(t, p)), ":lo": text(documentPrefix), ":hi": text(below)},
	})
	if err != nil {
		return got, err
	}
	for _, it := range out.Items {
		r := reader{it: it}
		if r.text("SK") == below {
			continue // BETWEEN includes its bounds
		}
		if len(got.Items) == req.Limit {
			got.Next = sealer.Seal(scope, []byte(documentKey(t, p, got.Items[req.Limit-1].ID).sort))
			break
		}
		d, err := s.read(ctx, t, it)
		if err != nil {
			return got, err
		}
		got.Items = append(got.Items, d)
	}
	if len(out.Items) == 0 && req.Cursor == "" { // no documents and no passport look the same to a query
		it, err := s.db.get(ctx, s.db.tables.Records, passportKey(t, p))
		if err == nil && it == nil {
			err = passport.NotFound()
		}
		return got, err
	}
	return got, nil
}

// Content returns the bytes of a document. One object.
func (s *Documents) Content(ctx context.Context, d document.Document) ([]byte, error) {
	sealed, err := s.contents.Get(ctx, d.Tenant, d.Ref)
	if err != nil {
		return nil, fmt.Errorf("read document: %w", err)
	}
	return s.ring.Open(ctx, d.Tenant, documentKey(d.Tenant, d.Passport, d.ID).place("body"), sealed)
}

// Delete removes a document and then its content: a failure between leaves content that nothing leads to. One transaction
// and one object.
func (s *Documents) Delete(ctx context.Context, d document.Document, entry audit.Entry) error {
	x := &transaction{}
	s.open(x, d)
	x.delete(s.db.tables.Records, documentKey(d.Tenant, d.Passport, d.ID), "attribute_exists(PK)", nil, means(document.NotFound()))
	x.update(s.db.tables.Records, documentsKey(d.Tenant, d.Passport), "SET n = n - :one", "n > :zero", item{":zero": number(0), ":one": number(1)}, unconditional)
	writeAudit(s.db, x, entry)
	if err := s.db.commit(ctx, x); err != nil {
		return err
	}
	_ = s.contents.Remove(ctx, d.Tenant, d.Ref) // as good as it goes: nothing leads to it any more
	return nil
}
