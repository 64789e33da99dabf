package dynamo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Holds implements lifecycle.Holds. A hold names acts and identifiers, no content; its case is sealed under the tenant's
// key, and the copies of it with it.
type Holds struct {
	db   *DB
	ring *keyring.Ring[id.Tenant] // nil for whoever only has to know what is held: cases are left out
}

// NewHolds makes the store for whoever only has to know what is held. It stores no hold that has a case.
func NewHolds(db *DB) *Holds { return &Holds{db: db} }

// WithCases is the store with the cases.
func (s *Holds) WithCases(ring *keyring.Ring[id.Tenant]) *Holds { return &Holds{s.db, ring} }

// Hold returns a hold. One read.
func (s *Holds) Hold(ctx context.Context, t id.Tenant, hold string) (lifecycle.Hold, error) {
	if !id.Valid(t) || !id.Valid(id.Entry(hold)) {
		return lifecycle.Hold{}, noHold()
	}
	it, err := s.db.get(ctx, s.db.tables.Ledger, holdKey(t, hold))
	if err == nil && it == nil {
		err = noHold()
	}
	if err != nil {
		return lifecycle.Hold{}, err
	}
	return s.read(ctx, t, it)
}

// Of lists the holds on anything of a tenant, in the order of asking. One query.
func (s *Holds) Of(ctx context.Context, t id.Tenant) ([]lifecycle.Hold, error) {
	var all []lifecycle.Hold
	err := s.each(ctx, t, func(h lifecycle.Hold) error {
		all = append(all, h)
		return nil
	})
	slices.SortFunc(all, func(a, b lifecycle.Hold) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, err
}

// Save stores a hold with its audit entry; an entry without identifier is left out, for a tenant whose trail has begun to
// be deleted. One transaction.
func (s *Holds) Save(ctx context.Context, before *lifecycle.Hold, after lifecycle.Hold, e audit.Entry) error {
	b, seen, err := holdText(after)
	if err != nil {
		return err
	}
	k := holdKey(after.Scope.Tenant, after.ID)
	it := k.attributes()
	it["v"], it["e"], it["h"] = number(1), blob(b), blob(seen)
	if after.Scope.Kind == lifecycle.ScopeUser && after.InForce() {
		it["DPK"], it["DSK"] = text(heldPartition(after.Scope.User)), text(after.ID)
	}
	if after.Basis.Case != "" {
		if s.ring == nil {
			return fmt.Errorf("dynamo: the case of hold %s cannot be sealed here", after.ID)
		}
		sealed, err := s.ring.Seal(ctx, after.Scope.Tenant, k.place("c"), []byte(after.Basis.Case))
		if err != nil {
			return err
		}
		it["c"] = blob(sealed)
	}
	condition, values := "attribute_not_exists(PK)", item(nil)
	if before != nil {
		_, was, err := holdText(*before)
		if err != nil {
			return err
		}
		condition, values = "h = :h", item{":h": blob(was)}
	}
	x := &transaction{}
	x.put(s.db.tables.Ledger, it, condition, values, means(lifecycle.ErrStale))
	if e.ID != "" {
		writeAudit(s.db, x, e)
	}
	return s.db.commit(ctx, x)
}

// Each walks the holds of all tenants. One query for each tenant of the register: they are few and far between, and
// somebody looks for reviews that are overdue once a day.
func (s *Holds) Each(ctx context.Context, do func(lifecycle.Hold) error) error {
	return s.db.registered(ctx, func(some []id.Tenant) error {
		for _, t := range some {
			if err := s.each(ctx, t, do); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Holds) each(ctx context.Context, t id.Tenant, do func(lifecycle.Hold) error) error {
	return s.db.each(ctx, s.db.ledger(holdsPartition(t), ""), func(it item) error {
		h, err := s.read(ctx, t, it)
		if err != nil {
			return err
		}
		return do(h)
	})
}

// heldElsewhere tells whether a hold of another organisation than this one keeps a person, who may belong to it no longer.
// One query of the index, and one read for each hold that it names.
func (d *DB) heldElsewhere(ctx context.Context, t id.Tenant, p id.Person) (held bool, err error) {
	in := &dynamodb.QueryInput{
		TableName: &d.tables.Ledger, IndexName: aws.String(indexByDue),
		KeyConditionExpression: aws.String("DPK = :p"), ExpressionAttributeValues: item{":p": text(heldPartition(p))},
	}
	err = d.each(ctx, in, func(it item) error {
		r := reader{it: it}
		k := key{r.text("PK"), r.text("SK")}
		if r.err != nil || held || k.partition == holdsPartition(t) {
			return r.err
		}
		row, err := d.get(ctx, d.tables.Ledger, k)
		if err != nil || row == nil {
			return err
		}
		h, err := holdOf(row)
		held = err == nil && h.InForce()
		return err
	})
	return held, err
}

// read is a hold as it is stored, with its case if that can be opened here.
func (s *Holds) read(ctx context.Context, t id.Tenant, it item) (lifecycle.Hold, error) {
	h, err := holdOf(it)
	if err != nil || s.ring == nil || it["c"] == nil {
		return h, err
	}
	r := reader{it: it}
	sealed := r.blob("c")
	if r.err != nil {
		return h, r.err
	}
	plain, err := s.ring.Open(ctx, t, holdKey(t, h.ID).place("c"), sealed)
	h.Basis.Case = string(plain)
	return h, err
}

// holdText is a hold as JSON without its case, with the digest by which a later change tells that it is still what was
// read.
func holdText(h lifecycle.Hold) (text, digest []byte, err error) {
	h.Basis.Case = ""
	for _, at := range []*time.Time{&h.RequestedAt, &h.ApprovedAt, &h.ReviewBy, &h.ReleasedAt} {
		*at = at.UTC()
	}
	b, err := json.Marshal(h)
	if err != nil {
		return nil, nil, fmt.Errorf("dynamo: encode hold: %w", err)
	}
	sum := sha256.Sum256(b)
	return b, sum[:], nil
}

func holdOf(it item) (h lifecycle.Hold, err error) {
	r := reader{it: it}
	return h, errors.Join(json.Unmarshal(r.blob("e"), &h), r.err)
}

func noHold() error { return fault.New(fault.CodeHoldUnknown, "There is no such legal hold.") }

// Choices implements lifecycle.Choices. What the tenant says lies with its passport and is sealed like it.
type Choices struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
}

// NewChoices makes the store.
func NewChoices(db *DB, ring *keyring.Ring[id.Tenant]) *Choices { return &Choices{db: db, ring: ring} }

// Choice returns what was said about a passport. One read.
func (s *Choices) Choice(ctx context.Context, t id.Tenant, p id.Passport) (c lifecycle.Choice, err error) {
	it, err := s.db.get(ctx, s.db.tables.Records, choiceKey(t, p))
	if err == nil && it != nil {
		err = unpack(ctx, s.ring, t, it, &c)
	}
	return c, err
}

// Choose stores what is said about a passport with its audit entry; the last word counts. One transaction.
func (s *Choices) Choose(ctx context.Context, t id.Tenant, p id.Passport, c lifecycle.Choice, e audit.Entry) error {
	k := choiceKey(t, p)
	sealed, err := pack(ctx, s.ring, t, k, c)
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["e"] = number(1), blob(sealed)
	x := &transaction{}
	x.put(s.db.tables.Records, it, "", nil, unconditional)
	writeAudit(s.db, x, e)
	return s.db.commit(ctx, x)
}
