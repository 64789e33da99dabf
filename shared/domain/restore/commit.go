package restore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// commit stores block after block of passports, from where an earlier call has come to, and then recipes and settings.
func (r *Runner) commit(ctx context.Context, i *Import, a *archive.Archive, until time.Time) error {
	var block []records
	size := 0
	err := merge(a, i.At, func(l lines) error {
		one, err := l.records()
		if err != nil {
			return err
		}
		block, size = append(block, one), size+one.bytes
		if len(block) < blockSize && size < blockBytes {
			return nil
		}
		if err := r.block(ctx, i, a, block); err != nil {
			return err
		}
		block, size = block[:0], 0
		i.LeaseUntil = r.Now().Add(leaseFor)
		if err := r.Store.Save(ctx, *i); err != nil {
			return err
		}
		if err := r.Stage(ctx, i.Tenant); err != nil {
			return err
		}
		return r.late(until)
	})
	if err == nil {
		err = r.block(ctx, i, a, block)
	}
	if err == nil {
		err = r.keep(ctx, i, a)
	}
	if err == nil {
		err = r.settle(ctx, i, a)
	}
	if err != nil {
		return err
	}
	end := *i
	end.State = Done
	entry := audit.New(r.IDs, r.caller(end), audit.ImportDone, "import:"+string(i.ID), "", "").With("restored", fmt.Sprint(i.Restored))
	return r.Store.Step(ctx, end, entry)
}

// block stores passports, some together and some at a time: they have nothing to do with one another. They are counted in
// their order, up to the first that the storage did not answer for; those after it may be stored as well, and are met again
// as stored by this import. Of documents, one file is in memory at a time.
func (r *Runner) block(ctx context.Context, i *Import, a *archive.Archive, all []records) error {
	became := make([]Verdict, len(all))
	slots := make(chan struct{}, max(1, r.Parallel))
	var wait sync.WaitGroup
	var papersInHand sync.Mutex
	now := *i // reading documents holds the lease
	for rest, into := all, became; len(rest) > 0; {
		n := first(rest)
		some, verdicts := rest[:n], into[:n]
		rest, into = rest[n:], into[n:]
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			r.some(ctx, now, a, some, verdicts, &papersInHand)
		})
	}
	wait.Wait()
	for n, v := range became {
		if err := i.count(all[n], v); err != nil {
			return err
		}
	}
	return nil
}

// first is how many passports from the first one on are stored together.
func first(all []records) int {
	n := 1
	for len(all[0].documents) == 0 && n < min(together, len(all)) && len(all[n].documents) == 0 {
		n++
	}
	return n
}

// some stores passports in one call. Those that cannot be are left out of it.
func (r *Runner) some(ctx context.Context, i Import, a *archive.Archive, all []records, became []Verdict, papersInHand *sync.Mutex) {
	var wholes []Whole
	var places []int
	for n, one := range all {
		w, err := r.whole(i, a, one)
		if err != nil {
			became[n].Err = err
			continue
		}
		wholes, places = append(wholes, w), append(places, n)
	}
	if len(wholes) == 0 {
		return
	}
	if len(all[0].documents) > 0 {
		papersInHand.Lock()
		defer papersInHand.Unlock()
	}
	for n, v := range r.Target.Restore(ctx, wholes) {
		became[places[n]] = v
	}
}

func (r *Runner) whole(i Import, a *archive.Archive, one records) (w Whole, err error) {
	if w, err = r.back(i, one); err != nil {
		return w, err
	}
	w.Documents, err = papers(a, i, w.Passport.ID, one.documents)
	w.Entry = audit.New(r.IDs, r.caller(i), audit.PassportRestored, "passport:"+string(w.Passport.ID), "", "").With("import", string(i.ID))
	return w, err
}

// count takes what became of a passport into the account. What is wrong with it is written down and stops nothing else; a
// storage that does not answer stops the run, which then goes on later.
func (i *Import) count(of records, v Verdict) error {
	switch {
	case v.Err == nil && v.Present:
		i.Present++
	case v.Err == nil:
		i.Restored++
	default:
		if err := i.refused(Problem{Passport: string(of.passport.ID), ProductIdentifier: of.passport.ProductIdentifier}, v.Err); err != nil {
			return err
		}
		i.Failed++
	}
	i.Read, i.At, i.Marked = i.Read+1, of.after, i.Fence
	return nil
}
