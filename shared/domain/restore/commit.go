package restore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

const errPause = signal("out of time")

// commit stores block after block of passports, from where an earlier call has come to, and then recipes and settings.
func (r *Runner) commit(ctx context.Context, i *Import, a *archive.Archive, until time.Time) error {
	n, done := int64(0), i.Read
	var block []records
	size := 0
	err := merge(a, func(one records) error {
		if n++; n <= done {
			return nil
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
		if !r.Now().Before(until) {
			return errPause
		}
		return nil
	})
	if errors.Is(err, errPause) {
		i.LeaseUntil, i.Asked = r.Now(), i.Asked+1
		if err := r.Store.Save(ctx, *i); err != nil {
			return err
		}
		return r.Files.Ask(ctx, i.Tenant, i.ID, i.Asked)
	}
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

// verdict is what became of a passport.
type verdict struct {
	present bool
	err     error
}

// block stores passports, some at a time: they have nothing to do with one another. They are counted in their order, up to
// the first that the storage did not answer for; those after it may be stored as well, and are met again as stored by this
// import. Of documents, one file is in memory at a time.
func (r *Runner) block(ctx context.Context, i *Import, a *archive.Archive, all []records) error {
	became := make([]verdict, len(all))
	slots := make(chan struct{}, max(1, r.Parallel))
	var wait sync.WaitGroup
	var papersInHand sync.Mutex
	for n := range all {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			became[n].present, became[n].err = r.one(ctx, *i, a, all[n], &papersInHand)
		})
	}
	wait.Wait()
	for n, v := range became {
		if err := i.count(all[n].passport, v); err != nil {
			return err
		}
	}
	return nil
}

func (r *Runner) one(ctx context.Context, i Import, a *archive.Archive, one records, papersInHand *sync.Mutex) (present bool, err error) {
	whole, err := r.back(i, one)
	if err != nil {
		return false, err
	}
	if whole.Documents, err = papers(a, i, whole.Passport.ID, one.documents); err != nil {
		return false, err
	}
	if len(whole.Documents) > 0 {
		papersInHand.Lock()
		defer papersInHand.Unlock()
	}
	entry := audit.New(r.IDs, r.caller(i), audit.PassportRestored, "passport:"+string(whole.Passport.ID), "", "").With("import", string(i.ID))
	return r.Target.Restore(ctx, whole, entry)
}

// count takes what became of a passport into the account. What is wrong with it is written down and stops nothing else; a
// storage that does not answer stops the run, which then goes on later.
func (i *Import) count(p export.PassportRecord, v verdict) error {
	switch {
	case v.err == nil && v.present:
		i.Present++
	case v.err == nil:
		i.Restored++
	default:
		if err := i.refused(Problem{Passport: string(p.ID), ProductIdentifier: p.ProductIdentifier}, v.err); err != nil {
			return err
		}
		i.Failed++
	}
	i.Read++
	return nil
}
