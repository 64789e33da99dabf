package dynamo

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Erase implements member.Eraser: it stores the work of deleting a person. One write.
func (s *Works) Erase(ctx context.Context, p id.Person, asked time.Time) (by time.Time, err error) {
	w := retention.ErasePerson(p, asked)
	return w.By, s.Add(ctx, w)
}

// writeErasure adds the work of deleting a passport to the transaction that hides it, and takes it away with the one that
// shows it again: there is no deletion without its work, and no work without its deletion.
func (s *Passports) writeErasure(x *transaction, c passport.Change) error {
	switch {
	case c.Erase != nil:
		it, err := workItem(retention.ErasePassport(c.After.Tenant, c.After.ID, c.Erase.Asked, c.Erase.NotBefore))
		if err != nil {
			return err
		}
		x.put(s.db.tables.Ledger, it, "", nil, unconditional)
	case c.Before != nil && c.Before.Status == passport.Deleted:
		x.delete(s.db.tables.Ledger, workKey(retention.Work{Tenant: c.After.Tenant, Kind: retention.Erase, Passport: c.After.ID}), "", nil, unconditional)
	}
	return nil
}

// writeCarrier takes the way from a passport to its product away when the passport is deleted, and gives it back.
func (s *Passports) writeCarrier(x *transaction, c passport.Change) {
	k := carrierKey(c.After.ID)
	switch {
	case c.After.Status == passport.Deleted:
		x.delete(s.db.tables.Public, k, "", nil, unconditional)
	case c.Before != nil && c.Before.Status == passport.Deleted:
		it := k.attributes()
		it["v"], it["pd"], it["tn"] = number(1), text(c.After.Product.Path()), text(string(c.After.Tenant))
		x.put(s.db.tables.Public, it, "", nil, unconditional)
	}
}
