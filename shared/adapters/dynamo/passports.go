package dynamo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Overflow keeps sealed content that is too large for an item.
type Overflow interface {
	// Put stores sealed bytes of a tenant's passport and returns where.
	Put(ctx context.Context, t id.Tenant, p id.Passport, sealed []byte) (ref string, err error)
	// Get reads them back and verifies that they are what Put stored.
	Get(ctx context.Context, t id.Tenant, ref string) ([]byte, error)
	// Remove deletes what nothing refers to any more; what is not there is no error.
	Remove(ctx context.Context, t id.Tenant, ref string) error
}

// inlineLimit is the largest sealed content, in bytes, that is kept in the item itself.
const inlineLimit = 100 << 10

// Passports implements passport.Store and passport.History.
type Passports struct {
	db       *DB
	ring     *keyring.Ring[id.Tenant]
	overflow Overflow
	squeeze  *keyring.Squeezer
	now      clock.Clock
}

// NewPassports makes the store.
func NewPassports(db *DB, ring *keyring.Ring[id.Tenant], overflow Overflow, now clock.Clock) *Passports {
	return &Passports{db: db, ring: ring, overflow: overflow, squeeze: keyring.NewSqueezer(), now: now}
}

// sealedFacts is what of a passport or version is sealed beside its content, small enough to read in lists.
type sealedFacts struct {
	Product string `json:"p"`
	Reason  string `json:"r,omitempty"`
	Hash    string `json:"h,omitempty"`
	Model   string `json:"m,omitempty"`
	Batch   string `json:"b,omitempty"`
}

// Passport returns one passport. One read.
func (s *Passports) Passport(ctx context.Context, t id.Tenant, p id.Passport) (passport.Passport, error) {
	k := passportKey(t, p)
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err != nil {
		return passport.Passport{}, err
	}
	if it == nil {
		return passport.Passport{}, passport.NotFound()
	}
	return s.passport(ctx, t, k, it)
}

// Find returns the passport of a product. Two reads.
func (s *Passports) Find(ctx context.Context, t id.Tenant, product identifier.Product) (passport.Passport, error) {
	k, err := s.identOf(ctx, t, product)
	if err != nil {
		return passport.Passport{}, err
	}
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err != nil {
		return passport.Passport{}, err
	}
	if it == nil {
		return passport.Passport{}, passport.NotFound()
	}
	r := reader{it: it}
	p := id.Passport(r.text("pid"))
	if r.err != nil {
		return passport.Passport{}, r.err
	}
	return s.Passport(ctx, t, p)
}

// InForce returns the versions in force of products. Two batch reads.
func (s *Passports) InForce(ctx context.Context, t id.Tenant, products []identifier.Product) ([]passport.Version, error) {
	idents := make([]key, len(products))
	for i, p := range products {
		k, err := s.identOf(ctx, t, p)
		if err != nil {
			return nil, err
		}
		idents[i] = k
	}
	rows, err := s.db.batchGet(ctx, s.db.tables.Records, idents)
	if err != nil {
		return nil, err
	}
	var wanted []key
	for _, k := range idents {
		it, ok := rows[k]
		if !ok {
			continue
		}
		r := reader{it: it}
		if n := r.number("ver"); n > 0 {
			wanted = append(wanted, versionKey(t, id.Passport(r.text("pid")), int(n)))
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	found, err := s.db.batchGet(ctx, s.db.tables.Records, wanted)
	if err != nil {
		return nil, err
	}
	out := make([]passport.Version, 0, len(wanted))
	for _, k := range wanted {
		it, ok := found[k]
		if !ok {
			return nil, fmt.Errorf("dynamo: version %s is in force but absent", k.sort)
		}
		v, err := s.version(ctx, t, k, it)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// Commit stores a change in one transaction of at most eight members.
func (s *Passports) Commit(ctx context.Context, c passport.Change) error {
	x := &transaction{}
	if err := s.writePassport(ctx, x, c); err != nil {
		return err
	}
	if err := s.writeIdent(ctx, x, c); err != nil {
		return err
	}
	if c.Version != nil {
		if err := s.writeVersion(ctx, x, *c.Version); err != nil {
			return err
		}
	}
	if c.Moment != nil {
		s.writeMoment(x, c)
	}
	if c.Public != nil {
		// The carrier leads to the product of a passport: it is written when the passport comes into force.
		if err := s.writePublic(x, *c.Public, c.Before == nil || c.Before.Status != passport.Published); err != nil {
			return err
		}
		s.writeCarrier(x, c)
	}
	if err := s.writeErasure(x, c); err != nil {
		return err
	}
	writeAudit(s.db, x, c.Entry)
	return s.db.commit(ctx, x)
}

func (s *Passports) writePassport(ctx context.Context, x *transaction, c passport.Change) error {
	p := c.After
	k := passportKey(p.Tenant, p.ID)
	it := k.attributes()
	it["v"] = number(1)
	it["id"], it["st"], it["pg"], it["gr"] = text(string(p.ID)), text(string(p.Status)), text(p.ProductGroup), text(string(p.Granularity))
	it["rev"], it["ver"] = number(p.Revision), number(p.Version)
	it["crt"], it["upd"] = moment(p.CreatedAt), moment(p.UpdatedAt)
	if !p.PublishedAt.IsZero() {
		it["pub"] = moment(p.PublishedAt)
	}
	it["LPK"] = text(listPartition(p.Tenant, p.Status, shardOf(p.ID, listShards)))
	it["LSK"] = text(listPosition(p.UpdatedAt, p.ID))
	it["CPK"], it["CSK"] = text(creationPartition(p.Tenant, shardOf(p.ID, listShards))), text(string(p.ID))
	if p.Was != "" {
		it["was"] = text(string(p.Was))
	}
	blind, err := s.ring.Blind(ctx, p.Tenant, "product", p.Product.Canonical())
	if err != nil {
		return err
	}
	it["idn"] = text(blind) // leads to the reservation, for whoever deletes both and cannot compute it
	facts := sealedFacts{Product: p.Product.Canonical(), Reason: p.Reason, Hash: p.ContentHash}
	if err := s.seal(ctx, p.Tenant, p.ID, k, it, facts, p.Content); err != nil {
		return err
	}
	if c.Before == nil {
		x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(fmt.Errorf("dynamo: passport %s exists", p.ID)))
		return nil
	}
	x.put(s.db.tables.Records, it, "rev = :seen", item{":seen": number(c.Before.Revision)}, func(old item) error {
		if old == nil {
			return passport.NotFound()
		}
		r := reader{it: old}
		return passport.Stale(r.number("rev"))
	})
	return nil
}

// writeIdent keeps the reservation of the product identifier, and in it which version is in force.
func (s *Passports) writeIdent(ctx context.Context, x *transaction, c passport.Change) error {
	k, err := s.identOf(ctx, c.After.Tenant, c.After.Product)
	if err != nil {
		return err
	}
	inForce := 0
	if c.After.Status == passport.Published {
		inForce = c.After.Version
	}
	mine := item{":p": text(string(c.After.ID))}
	switch {
	case c.Before != nil && c.Before.Product != c.After.Product:
		old, err := s.identOf(ctx, c.After.Tenant, c.Before.Product)
		if err != nil {
			return err
		}
		x.delete(s.db.tables.Records, old, "pid = :p", mine, means(fmt.Errorf("dynamo: passport %s has lost its identifier", c.After.ID)))
		fallthrough
	case c.Before == nil:
		it := k.attributes()
		it["pid"], it["ver"], it["v"] = text(string(c.After.ID)), number(inForce), number(1)
		x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(passport.Taken()))
	case c.Moment != nil:
		mine[":v"] = number(inForce)
		x.update(s.db.tables.Records, k, "SET ver = :v", "pid = :p", mine, means(passport.Taken()))
	}
	return nil
}

func (s *Passports) writeVersion(ctx context.Context, x *transaction, v passport.Version) error {
	return s.putVersion(ctx, x, v, "attribute_not_exists(PK)")
}

func (s *Passports) putVersion(ctx context.Context, x *transaction, v passport.Version, condition string) error {
	k := versionKey(v.Tenant, v.Passport, v.Number)
	it := k.attributes()
	it["v"] = number(1)
	it["id"], it["pg"], it["gr"], it["sv"] = text(string(v.Passport)), text(v.ProductGroup), text(string(v.Granularity)), text(v.SchemaVersion)
	it["num"], it["pub"], it["by"] = number(v.Number), moment(v.PublishedAt), text(v.PublishedBy)
	facts := sealedFacts{Product: v.Product.Canonical(), Hash: v.ContentHash}
	if !v.Links.Model.IsZero() {
		facts.Model = v.Links.Model.Canonical()
	}
	if !v.Links.Batch.IsZero() {
		facts.Batch = v.Links.Batch.Canonical()
	}
	if err := s.seal(ctx, v.Tenant, v.Passport, k, it, facts, v.Content); err != nil {
		return err
	}
	x.put(s.db.tables.Records, it, condition, nil, means(passport.Stale(int64(v.Number))))
	return nil
}

func (s *Passports) writeMoment(x *transaction, c passport.Change) {
	s.putMoment(x, c.After.Tenant, c.After.ID, *c.Moment, c.After.Revision, "attribute_not_exists(PK)")
}

func (s *Passports) putMoment(x *transaction, t id.Tenant, p id.Passport, m passport.Moment, revision int64, condition string) {
	it := momentKey(t, p, m.At, revision).attributes()
	it["v"], it["st"], it["ver"], it["at"] = number(1), text(string(m.Status)), number(m.Version), moment(m.At)
	x.put(s.db.tables.Records, it, condition, nil, means(passport.Stale(revision)))
}

// seal puts the sealed facts and the sealed content into an item, the content beside the table when it is large.
func (s *Passports) seal(ctx context.Context, t id.Tenant, p id.Passport, k key, it item, facts sealedFacts, content passport.Content) error {
	small, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("dynamo: encode facts: %w", err)
	}
	sum, err := s.ring.Seal(ctx, t, k.place("sum"), small)
	if err != nil {
		return err
	}
	plain, err := passport.Encode(content)
	if err != nil {
		return err
	}
	body, err := s.ring.Seal(ctx, t, k.place("body"), plain)
	if err != nil {
		return err
	}
	it["sum"] = blob(sum)
	if len(body) <= inlineLimit {
		it["body"] = blob(body)
		return nil
	}
	ref, err := s.overflow.Put(ctx, t, p, body)
	if err != nil {
		return fmt.Errorf("store large content: %w", err)
	}
	it["ref"] = text(ref)
	return nil
}

func (s *Passports) facts(ctx context.Context, t id.Tenant, k key, sealed []byte) (f sealedFacts, product identifier.Product, err error) {
	plain, err := s.ring.Open(ctx, t, k.place("sum"), sealed)
	if err != nil {
		return f, product, err
	}
	if err := json.Unmarshal(plain, &f); err != nil {
		return f, product, fmt.Errorf("dynamo: decode facts: %w", err)
	}
	product, err = identifier.Parse(f.Product)
	return f, product, err
}

func (s *Passports) content(ctx context.Context, t id.Tenant, k key, r *reader) (passport.Content, error) {
	var body []byte
	if r.has("ref") {
		var err error
		if body, err = s.overflow.Get(ctx, t, r.text("ref")); err != nil {
			return nil, fmt.Errorf("read large content: %w", err)
		}
	} else {
		body = r.blob("body")
	}
	if r.err != nil {
		return nil, r.err
	}
	plain, err := s.ring.Open(ctx, t, k.place("body"), body)
	if err != nil {
		return nil, err
	}
	return passport.DecodeContent(plain)
}

func (s *Passports) passport(ctx context.Context, t id.Tenant, k key, it item) (passport.Passport, error) {
	r := reader{it: it}
	p := passport.Passport{
		ID: id.Passport(r.text("id")), Tenant: t, Status: passport.Status(r.text("st")), Revision: r.number("rev"),
		Version: int(r.number("ver")), ProductGroup: r.text("pg"), Granularity: identifier.Granularity(r.text("gr")),
		CreatedAt: r.moment("crt"), UpdatedAt: r.moment("upd"), PublishedAt: r.optionalMoment("pub"),
		Was: passport.Status(r.optional("was")),
	}
	facts, product, err := s.facts(ctx, t, k, r.blob("sum"))
	if err != nil {
		return passport.Passport{}, err
	}
	p.Product, p.Reason, p.ContentHash = product, facts.Reason, facts.Hash
	p.Content, err = s.content(ctx, t, k, &r)
	return p, err
}

func (s *Passports) identOf(ctx context.Context, t id.Tenant, product identifier.Product) (key, error) {
	blind, err := s.ring.Blind(ctx, t, "product", product.Canonical())
	if err != nil {
		return key{}, err
	}
	return identKey(t, blind), nil
}

// since is the lower bound of list positions at or after an instant.
func since(at time.Time) string { return at.UTC().Format(instant) }
