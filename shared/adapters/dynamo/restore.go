package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// fewRows is how many versions and moments one transaction takes beside the passport, its reservation and the entry
// (DynamoDB: 100 members, 4 MB).
const fewRows = 20

// Restore implements restore.Target. A passport with a short history is one transaction, which is refused when the passport
// or its product is there already. Of others versions and moments come first, in as many transactions as they need, and the
// passport itself last: without it, nothing of them can be seen, and what an earlier call has stored is stored again as it
// is. The row names the import, so that one whose answer was lost is not taken for one that was there before.
func (s *Passports) Restore(ctx context.Context, by id.Import, p passport.Passport, versions []passport.Version, history []passport.Moment, entry audit.Entry) (present bool, err error) {
	if len(versions)+len(history) > fewRows {
		if there, present, err := s.there(ctx, by, p); there || err != nil {
			return present, err
		}
	}
	x, err := s.past(ctx, p, versions, history)
	if err != nil {
		return false, err
	}
	c := passport.Change{After: p, Entry: entry}
	if err := s.writePassport(ctx, x, c); err != nil {
		return false, err
	}
	x.members[len(x.members)-1].Put.Item["imp"] = text(string(by))
	if err := s.writeIdent(ctx, x, c); err != nil {
		return false, err
	}
	writeAudit(s.db, x, entry)
	err = s.db.commit(ctx, x)
	if err == nil || fault.Of(err).Kind == fault.Unavailable {
		return false, err
	}
	if there, present, failed := s.there(ctx, by, p); there || failed != nil {
		return present, failed
	}
	return false, err
}

// there looks for a passport that is to be restored. One that this import has stored is there, but not present before it;
// that its product belongs to another one is a fault.
func (s *Passports) there(ctx context.Context, by id.Import, p passport.Passport) (there, present bool, err error) {
	k, err := s.identOf(ctx, p.Tenant, p.Product)
	if err != nil {
		return false, false, err
	}
	own := passportKey(p.Tenant, p.ID)
	found, err := s.db.batchGet(ctx, s.db.tables.Records, []key{k, own})
	switch {
	case err != nil:
		return false, false, err
	case found[own] != nil:
		r := reader{it: found[own]}
		return true, r.optional("imp") != string(by), r.err
	case found[k] != nil:
		return false, false, passport.Taken()
	}
	return false, false, nil
}

// past adds what a passport has behind it, in transactions of their own whenever one holds more than a few.
func (s *Passports) past(ctx context.Context, p passport.Passport, versions []passport.Version, history []passport.Moment) (*transaction, error) {
	x := &transaction{}
	flush := func() error {
		if len(x.members) <= fewRows {
			return nil
		}
		err := s.db.commit(ctx, x)
		x = &transaction{}
		return err
	}
	for _, v := range versions {
		if err := s.putVersion(ctx, x, v, ""); err != nil {
			return nil, err
		}
		if err := flush(); err != nil {
			return nil, err
		}
	}
	for n, m := range history {
		s.putMoment(x, p.Tenant, p.ID, m, int64(n+1), "")
		if err := flush(); err != nil {
			return nil, err
		}
	}
	return x, nil
}
