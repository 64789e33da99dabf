package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// SweepKeys is the store "keys": the wrapped keys of a tenant, or of a person. With them goes what is sealed under them,
// wherever a copy of it is.
type SweepKeys struct {
	db     *DB
	now    clock.Clock
	stages []stage
}

// NewSweepKeys makes the store.
func NewSweepKeys(db *DB, now clock.Clock) *SweepKeys {
	s := &SweepKeys{db: db, now: now}
	of := func(o retention.Order, _ *reader) lifecycle.Target {
		return lifecycle.Target{Tenant: o.Tenant, User: o.Person, Keys: true}
	}
	s.stages = []stage{db.rows(db.tables.Keys, "PK, SK", keysOf, of)}
	return s
}

func keysOf(o retention.Order) string {
	if o.Person != "" {
		return personKeyPartition(o.Person)
	}
	return tenantPrefix(o.Tenant)
}

// Name implements retention.Store.
func (s *SweepKeys) Name() string { return "keys" }

// Phase implements retention.Store.
func (s *SweepKeys) Phase() retention.Phase { return retention.Keys }

// Plan implements retention.Store.
func (s *SweepKeys) Plan(ctx context.Context, o retention.Order) (int64, error) {
	return s.Verify(ctx, o)
}

// Sweep implements retention.Store.
func (s *SweepKeys) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (retention.Page, error) {
	if o.Passport != "" {
		return retention.Page{}, nil
	}
	return s.db.sweep(ctx, s.db.tables.Keys, s.stages, o, cursor, most)
}

// Verify implements retention.Store. It walks the whole table.
func (s *SweepKeys) Verify(ctx context.Context, o retention.Order) (int64, error) {
	if o.Passport != "" {
		return 0, nil
	}
	return s.db.tally(ctx, s.db.tables.Keys, "PK = :p", item{":p": text(keysOf(o))})
}

// Evidence implements retention.Store.
func (s *SweepKeys) Evidence(context.Context, retention.Order) (retention.Receipt, error) {
	return receipt(s.Name(), "The whole table was walked for the wrapped keys, and has none. Nothing else opens them; copies in the backup of the key table run out within 7 days.", s.now), nil
}

// Tenants implements retention.Census over the whole table.
func (s *SweepKeys) Tenants(ctx context.Context, do func(id.Tenant) error) error {
	return s.db.census(ctx, s.db.tables.Keys, "PK", namesTenant(do))
}
