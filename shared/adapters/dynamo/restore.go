package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
)

// fewRows is how many versions and moments one transaction takes beside the passport, its reservation and the entry
// (DynamoDB: 100 members, 4 MB).
const fewRows = 20

// Restore implements restore.Target. Documents, versions and moments come first, in as many transactions as they need, and
// the passport itself last: without it, nothing of them can be seen. What an earlier call has stored is stored again as it
// is; documents, whose bytes lie apart, are left as they are.
func (s *Passports) Restore(ctx context.Context, w restore.Whole, entry audit.Entry) (present bool, err error) {
	p := w.Passport
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
	if err := s.restorePapers(ctx, p, w.Documents); err != nil {
		return false, err
	}
	for _, v := range w.Versions {
		if err := s.putVersion(ctx, x, v, ""); err != nil {
			return false, err
		}
		if err := flush(fewRows); err != nil {
			return false, err
		}
	}
	for n, m := range w.History {
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
