package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
)

// fewRows is how many versions and moments one transaction takes beside the passport, its reservation and the entry
// (DynamoDB: 100 members, 4 MB).
const fewRows = 20

// Restore implements restore.Target. Versions and moments come first, in as many transactions as they need, and the
// passport itself last: without it, nothing of them can be seen. What an earlier call has stored is stored again as it is.
func (s *Passports) Restore(ctx context.Context, p passport.Passport, versions []passport.Version, history []passport.Moment, entry audit.Entry) (present bool, err error) {
	k, err := s.identOf(ctx, p.Tenant, p.Product)
	if err != nil {
		return false, err
	}
	found, err := s.db.batchGet(ctx, s.db.tables.Records, []key{k, passportKey(p.Tenant, p.ID)})
	if err != nil {
		return false, err
	}
	if it := found[passportKey(p.Tenant, p.ID)]; it != nil {
		return true, nil
	}
	if it := found[k]; it != nil {
		return false, passport.Taken()
	}
	x := &transaction{}
	flush := func(limit int) error {
		if len(x.members) <= limit {
			return nil
		}
		err := s.db.commit(ctx, x)
		x = &transaction{}
		return err
	}
	for _, v := range versions {
		if err := s.putVersion(ctx, x, v, ""); err != nil {
			return false, err
		}
		if err := flush(fewRows); err != nil {
			return false, err
		}
	}
	for n, m := range history {
		s.putMoment(x, p.Tenant, p.ID, m, int64(n+1), "")
		if err := flush(fewRows); err != nil {
			return false, err
		}
	}
	c := passport.Change{After: p, Entry: entry}
	if err := s.writePassport(ctx, x, c); err != nil {
		return false, err
	}
	if err := s.writeIdent(ctx, x, c); err != nil {
		return false, err
	}
	writeAudit(s.db, x, entry)
	return false, s.db.commit(ctx, x)
}
