package dynamo

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// fewRows is how many versions and moments of one passport a transaction takes beside it, its reservation and the entry.
const fewRows = 20

// What one transaction takes (DynamoDB: 100 members, 4 MB of rows). A passport with versions, moments and entry has six or
// so.
const (
	mostMembers = 100
	mostBytes   = 3 << 20 // of rows; the rest is for names and numbers
)

// Restore implements restore.Target. Passports with a short history and no documents share transactions: what each of them
// needs is in one, which is refused when one of the passports or products is there already. Then each is tried alone. Of
// the others documents, versions and moments come first, in as many transactions as they need, and the passport itself
// last: without it, nothing of them can be seen, and what an earlier call has stored is stored again as it is; documents,
// whose bytes lie apart, are left as they are. The row names the import, so that one whose answer was lost is not taken for
// one that was there before.
func (s *Passports) Restore(ctx context.Context, all []restore.Whole) []restore.Verdict {
	out := make([]restore.Verdict, len(all))
	var some batch
	for n, w := range all {
		p := w.Passport
		short := len(w.Versions)+len(w.History) <= fewRows && len(w.Documents) == 0
		if !short {
			there, present, err := s.there(ctx, w.By, p)
			if there || err != nil {
				out[n] = restore.Verdict{Present: present, Err: err}
				continue
			}
		}
		x, err := s.rows(ctx, w)
		switch {
		case err != nil:
			out[n].Err = err
		case !short:
			out[n] = s.alone(ctx, w, x)
		default:
			if !some.takes(x) {
				s.together(ctx, all, some, out)
				some = batch{}
			}
			some.add(n, x)
		}
	}
	s.together(ctx, all, some, out)
	return out
}

// batch is passports that share a transaction.
type batch struct {
	of    []int // places among all
	each  []*transaction
	whole transaction
	bytes int
}

func (b *batch) takes(x *transaction) bool {
	return len(b.whole.members)+len(x.members) <= mostMembers && b.bytes+x.bytes() <= mostBytes
}

func (b *batch) add(n int, x *transaction) {
	b.of, b.each, b.bytes = append(b.of, n), append(b.each, x), b.bytes+x.bytes()
	b.whole.members, b.whole.meanings = append(b.whole.members, x.members...), append(b.whole.meanings, x.meanings...)
}

// together stores passports in one transaction, or else each in its own.
func (s *Passports) together(ctx context.Context, all []restore.Whole, some batch, out []restore.Verdict) {
	if len(some.of) > 1 {
		err := s.db.commit(ctx, &some.whole)
		if err == nil {
			return
		}
		if fault.Of(err).Kind == fault.Unavailable {
			for _, n := range some.of {
				out[n].Err = err
			}
			return
		}
	}
	for i, n := range some.of {
		out[n] = s.alone(ctx, all[n], some.each[i])
	}
}

// alone commits what is left to store of one passport.
func (s *Passports) alone(ctx context.Context, w restore.Whole, x *transaction) restore.Verdict {
	err := s.db.commit(ctx, x)
	if err == nil || fault.Of(err).Kind == fault.Unavailable {
		return restore.Verdict{Err: err}
	}
	if there, present, failed := s.there(ctx, w.By, w.Passport); there || failed != nil {
		return restore.Verdict{Present: present, Err: failed}
	}
	return restore.Verdict{Err: err}
}

// rows stores what of a passport comes before it, and returns the transaction that stores the rest.
func (s *Passports) rows(ctx context.Context, w restore.Whole) (*transaction, error) {
	if err := s.restorePapers(ctx, w.Passport, w.Documents); err != nil {
		return nil, err
	}
	x, err := s.past(ctx, w.Passport, w.Versions, w.History)
	if err != nil {
		return nil, err
	}
	c := passport.Change{After: w.Passport, Entry: w.Entry}
	if err := s.writePassport(ctx, x, c); err != nil {
		return nil, err
	}
	x.members[len(x.members)-1].Put.Item["imp"] = text(string(w.By))
	if err := s.writeIdent(ctx, x, c); err != nil {
		return nil, err
	}
	writeAudit(s.db, x, w.Entry)
	return x, nil
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
