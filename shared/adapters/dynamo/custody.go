package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// indexByEnd lists passports in custody by the end of it.
const indexByEnd = "ByEnd"

// Custodies implements custody.Store over the table of custody. What not everybody may read is sealed under a key that the
// copy has alone, so that its end is the end of it in every backup.
type Custodies struct {
	db      *DB
	ring    *keyring.Ring[id.Custody]
	keys    *DataKeys[id.Custody]
	squeeze *keyring.Squeezer
}

// NewCustodies makes the store.
func NewCustodies(db *DB, ring *keyring.Ring[id.Custody]) *Custodies {
	return &Custodies{db: db, ring: ring, keys: NewCopyKeys(db), squeeze: keyring.NewSqueezer()}
}

// Keep stores a copy: one read and one write, and with something to seal a key of its own, one call of the key service and
// one write more.
func (s *Custodies) Keep(ctx context.Context, c custody.Copy) error {
	k := custodyKey(c.Product)
	it := k.attributes()
	it["v"], it["cid"], it["id"], it["pg"], it["ver"] = number(1), text(string(c.ID)), text(string(c.Passport)), text(c.ProductGroup), number(c.Version)
	it["pub"], it["since"], it["until"] = moment(c.PublishedAt), moment(c.Since), moment(c.Until)
	it["act"], it["art"], it["rev"] = text(c.Basis.Act), text(c.Basis.Article), text(c.ReviewBy)
	it["EPK"], it["ESK"] = text(custodyEnds(shardOf(c.ID, custodyShards))), text(c.Until.UTC().Format(instant)+"#"+c.Product.Path())
	doc := s.squeeze.Deflate(c.Document)
	if len(doc) > maxPublic {
		return fmt.Errorf("dynamo: the public document of %s is too large", c.Passport)
	}
	it["doc"] = blob(doc)
	if had, err := s.db.get(ctx, s.db.tables.Custody, k); err != nil || had["cid"] != nil {
		return err // kept already, by a call whose answer was lost: the first stays; what ended does not begin again
	}
	if len(c.Restricted) > 0 {
		plain, err := json.Marshal(c.Restricted)
		if err != nil {
			return fmt.Errorf("dynamo: restricted content: %w", err)
		}
		if err := s.ring.Create(ctx, c.ID); err != nil {
			return err
		}
		sealed, err := s.ring.Seal(ctx, c.ID, k.in("Custody", "more"), plain)
		if err != nil {
			return err
		}
		it["more"] = blob(sealed)
	}
	met, _, err := s.db.put(ctx, s.db.tables.Custody, it, "attribute_not_exists(cid)", nil, nil)
	if err == nil && !met { // another process has kept it at this moment
		return s.keys.Destroy(ctx, c.ID)
	}
	return err
}

// Copy returns the copy of a product with what is sealed in it. One read, and one call of the key service.
func (s *Custodies) Copy(ctx context.Context, p identifier.Product) (custody.Copy, error) {
	it, err := s.db.get(ctx, s.db.tables.Custody, custodyKey(p))
	if err != nil {
		return custody.Copy{}, err
	}
	c, err := s.copy(p, it)
	if err != nil || it["more"] == nil {
		return c, err
	}
	r := reader{it: it}
	plain, err := s.ring.Open(ctx, c.ID, custodyKey(p).in("Custody", "more"), r.blob("more"))
	if err != nil {
		return c, err
	}
	var parts map[audience.Audience]json.RawMessage
	if err := json.Unmarshal(plain, &parts); err != nil {
		return c, fmt.Errorf("dynamo: restricted content: %w", err)
	}
	c.Restricted = map[audience.Audience]passport.Content{}
	for a, part := range parts {
		if c.Restricted[a], err = passport.DecodeContent(part); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (s *Custodies) copy(p identifier.Product, it item) (custody.Copy, error) {
	if it == nil || over(it) {
		return custody.Copy{}, passport.NotFound()
	}
	r := reader{it: it}
	c := custody.Copy{
		ID: id.Custody(r.text("cid")), Passport: id.Passport(r.text("id")), Product: p, ProductGroup: r.text("pg"), Version: int(r.number("ver")),
		PublishedAt: r.moment("pub"), Since: r.moment("since"), Until: r.moment("until"),
		Basis: lifecycle.Basis{Act: r.text("act"), Article: r.text("art")}, ReviewBy: r.text("rev"),
	}
	var err error
	c.Document, err = s.squeeze.Inflate(r.blob("doc"))
	return c, errors.Join(r.err, err)
}

// Over lists products whose custody is over. One query for each shard.
func (s *Custodies) Over(ctx context.Context, through time.Time, most int) ([]identifier.Product, error) {
	var all []identifier.Product
	var unread error
	for shard := range custodyShards {
		out, err := s.db.query(ctx, &dynamodb.QueryInput{
			TableName: &s.db.tables.Custody, IndexName: aws.String(indexByEnd), Limit: aws.Int32(int32(most)),
			KeyConditionExpression:    aws.String("EPK = :p AND ESK < :t"),
			ExpressionAttributeValues: item{":p": text(custodyEnds(shard)), ":t": text(through.UTC().Format(instant) + "$")},
		})
		if err != nil {
			return all, errors.Join(unread, err)
		}
		for _, it := range out.Items {
			r := reader{it: it}
			_, path, _ := strings.Cut(r.text("ESK"), "#")
			p, err := identifier.FromPath(path)
			if err = errors.Join(r.err, err); err != nil {
				unread = errors.Join(unread, err)
				continue
			}
			all = append(all, p)
		}
	}
	return all[:min(len(all), most)], unread
}

// over tells whether a row of the table of custody keeps nothing any more, but says what its address answers.
func over(it item) bool { return it["st"] != nil }

// End writes at the product's address that its passport ended, destroys the key, and leaves of the copy no more than what
// the address says: the end of a custody is in no journal, and a table that is restored from an earlier copy is held
// against it. Each step may be repeated.
func (s *Custodies) End(ctx context.Context, p identifier.Product, now time.Time) error {
	it, err := s.db.get(ctx, s.db.tables.Custody, custodyKey(p))
	if err != nil || it == nil || over(it) {
		return err
	}
	c, err := s.copy(p, it)
	if err != nil {
		return err
	}
	if now.Before(c.Until) {
		return fmt.Errorf("dynamo: custody of %s is not over", c.Passport)
	}
	stub := endOf(c, now)
	if _, _, err := s.db.put(ctx, s.db.tables.Public, stub, "attribute_not_exists(tn)", nil, nil); err != nil {
		return err
	}
	if err := s.keys.Destroy(ctx, c.ID); err != nil {
		return err
	}
	stub["cid"] = text(string(c.ID))
	_, _, err = s.db.put(ctx, s.db.tables.Custody, stub, "cid = :c", item{":c": text(string(c.ID))}, nil)
	return err
}

// endOf is what the address of a copy answers when its custody is over.
func endOf(c custody.Copy, now time.Time) item {
	stub := ended(c.Product, passport.Ceased, now)
	stub["id"], stub["pg"], stub["ver"] = text(string(c.Passport)), text(c.ProductGroup), number(c.Version)
	stub["rs"] = text("The period for which the law demands it (" + c.Kept().Basis + ") has ended.")
	return stub
}

// ended is what is left at the address of a product whose operator is gone. It names no tenant, by which it is told from
// the rows of those who are here.
func ended(p identifier.Product, s passport.Status, at time.Time) item {
	it := publicKey(p).attributes()
	it["v"], it["st"], it["at"] = number(1), text(string(s)), moment(at)
	return it
}

// Leave implements custody.Estate: it puts what is left of a published passport in place of what its tenant showed. One
// write, and one more for what leads there. What moved or ceased is written into the table of custody too, where a copy is
// otherwise: nothing else remembers it when Public is restored, for the tenant will be gone. A passport that is only hidden
// stays the tenant's row, to be deleted with the others.
func (s *PublicViews) Leave(ctx context.Context, v passport.PublicView) error {
	it := ended(v.Product, v.Status, v.At)
	it["id"], it["pg"], it["ver"] = text(string(v.Passport)), text(v.ProductGroup), number(v.Version)
	if v.Reason != "" {
		it["rs"] = text(v.Reason)
	}
	if v.Successor != "" {
		it["su"] = text(v.Successor)
	}
	if v.Status == passport.Hidden {
		it["tn"] = text(string(v.Tenant))
	}
	condition := "tn = :t AND id = :p OR attribute_not_exists(tn) AND id = :p"
	met, _, err := s.db.put(ctx, s.db.tables.Public, it, condition, item{":t": text(string(v.Tenant)), ":p": text(string(v.Passport))}, nil)
	if err == nil && !met && v.Status != passport.Hidden {
		err = fmt.Errorf("dynamo: the public row of passport %s is another's or gone", v.Passport)
	}
	if err != nil || v.Status == passport.Hidden {
		return err
	}
	if v.Status != passport.InCustody {
		if _, _, err := s.db.put(ctx, s.db.tables.Custody, it, "attribute_not_exists(cid)", nil, nil); err != nil {
			return err
		}
	}
	// Still leads to the product, and names nobody any more.
	_, _, err = s.db.put(ctx, s.db.tables.Public, carrierOf(it), "", nil, nil)
	return err
}

// Kept completes a view from the table of custody. One read; nothing is unsealed.
func (s *PublicViews) Kept(ctx context.Context, v passport.PublicView) (passport.PublicView, error) {
	it, err := s.db.get(ctx, s.db.tables.Custody, custodyKey(v.Product))
	if err != nil {
		return v, err
	}
	if it != nil && over(it) { // the end was not written at the address: its table was restored
		return s.view(v.Product, it)
	}
	c, err := (&Custodies{squeeze: s.squeeze}).copy(v.Product, it)
	if errors.Is(err, fault.NotFound) {
		return v, fault.New(fault.CodePassportNotFound, "No passport is published for this product.")
	}
	if err != nil {
		return v, err
	}
	v.Document, v.Kept, v.Version, v.ProductGroup = c.Document, c.Kept(), c.Version, c.ProductGroup
	return v, nil
}
