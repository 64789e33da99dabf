package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// fewRows is how many versions and moments one transaction takes beside the passport, its reservation and the entry
// (DynamoDB: 100 members, 4 MB).
const fewRows = 20

// Restore implements restore.Target. A passport with a short history and no documents is one transaction, which is refused
// when the passport or its product is there already. Of others documents, versions and moments come first, in as many
// transactions as they need, and the passport itself last: without it, nothing of them can be seen, and what an earlier call
// has stored is stored again as it is; documents, whose bytes lie apart, are left as they are. The row names the import, so
// that one whose answer was lost is not taken for one that was there before.
func (s *Passports) Restore(ctx context.Context, w restore.Whole, entry audit.Entry) (present bool, err error) {
	p := w.Passport
	if len(w.Versions)+len(w.History) > fewRows || len(w.Documents) > 0 {
		if there, present, err := s.there(ctx, w.By, p); there || err != nil {
			return present, err
		}
	}
	if err := s.restorePapers(ctx, p, w.Documents); err != nil {
		return false, err
	}
	x, err := s.past(ctx, p, w.Versions, w.History)
	if err != nil {
		return false, err
	}
	c := passport.Change{After: p, Entry: entry}
	if err := s.writePassport(ctx, x, c); err != nil {
		return false, err
	}
	x.members[len(x.members)-1].Put.Item["imp"] = text(string(w.By))
	if err := s.writeIdent(ctx, x, c); err != nil {
		return false, err
	}
	writeAudit(s.db, x, entry)
	err = s.db.commit(ctx, x)
	if err == nil || fault.Of(err).Kind == fault.Unavailable {
		return false, err
	}
	if there, present, failed := s.there(ctx, w.By, p); there || failed != nil {
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

// restorePapers stores documents of a passport that nobody sees yet, one after the other. For each that is not there yet,
// one read, one object and one write; one write for their number.
func (s *Passports) restorePapers(ctx context.Context, p passport.Passport, all []restore.Paper) error {
	if len(all) == 0 {
		return nil
	}
	store := NewDocuments(s.db, s.ring, s.overflow, s.now)
	for _, paper := range all {
		d := paper.Document
		found, err := s.db.get(ctx, s.db.tables.Records, documentKey(d.Tenant, d.Passport, d.ID))
		if err != nil {
			return err
		}
		if found != nil {
			continue
		}
		content, err := paper.Content()
		if err != nil {
			return err
		}
		it, _, err := store.put(ctx, d, content)
		if err != nil {
			return err
		}
		if _, _, err := s.db.put(ctx, s.db.tables.Records, it, "", nil, nil); err != nil {
			return err
		}
	}
	count := documentsKey(p.Tenant, p.ID).attributes()
	count["v"], count["n"] = number(1), number(len(all))
	_, _, err := s.db.put(ctx, s.db.tables.Records, count, "", nil, nil)
	return err
}
