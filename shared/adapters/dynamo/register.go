package dynamo

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Register implements retention.Register: the list of all tenants, in the Ledger.
type Register struct{ db *DB }

// NewRegister makes the reader.
func NewRegister(db *DB) *Register { return &Register{db: db} }

// Registered tells whether a tenant exists. One read.
func (s *Register) Registered(ctx context.Context, t id.Tenant) (bool, error) {
	if !id.Valid(t) {
		return false, nil
	}
	it, err := s.db.get(ctx, s.db.tables.Ledger, registerKey(t))
	return it != nil, err
}

// Found writes down that a store holds data of a tenant that does not exist; again on the same day changes nothing. One
// write.
func (s *Register) Found(ctx context.Context, t id.Tenant, store string, at time.Time) error {
	it := strayKey(t, store, at).attributes()
	it["v"], it["at"] = number(1), moment(at)
	_, _, err := s.db.put(ctx, s.db.tables.Ledger, it, "attribute_not_exists(PK)", nil, nil)
	return err
}
