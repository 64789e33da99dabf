package retention

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// lease is how long whoever has claimed a piece of work may be silent.
const lease = 5 * time.Minute

// Backing off after failures: twice as long each time.
const (
	firstBackOff = time.Minute
	maxBackOff   = time.Hour
	stillAfter   = 2 * time.Hour // without progress: an alarm
)

// heldBack is why work rests that a hold stands against.
const heldBack = "legal-hold"

// inOrder sorts by urgency where it is the same for all, then in the order in which stores are emptied.
func inOrder(works []Work) []Work {
	out := slices.Clone(works)
	slices.SortStableFunc(out, func(a, b Work) int {
		return cmp.Or(a.By.Compare(b.By), cmp.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Phase, b.Phase),
			cmp.Compare(a.Store, b.Store), cmp.Compare(a.Passport, b.Passport), cmp.Compare(a.Person, b.Person))
	})
	return out
}

// claim takes a piece of work over, unless somebody is at it.
func claim(ctx context.Context, works Works, w Work, at reading) (Work, error) {
	if w.Lease.After(at.at()) {
		return w, ErrTaken
	}
	return works.Claim(ctx, w, at.at().Add(lease))
}

// put lays a piece of work down; nobody has to wait for the lease.
func put(ctx context.Context, works Works, w Work) error {
	w.Lease = time.Time{}
	return works.Save(ctx, w)
}

// failed writes a failure down and has the work rest, longer each time.
func failed(w Work, err error, now time.Time) Work {
	w.Attempts++
	w.Why = string(fault.Of(err).Code)
	w.NotBefore = now.Add(min(maxBackOff, firstBackOff<<min(w.Attempts-1, 10)))
	return w
}

// rest puts a piece of work back after a failure, and says why.
func (t Time) rest(ctx context.Context, works Works, w Work, err error, now time.Time) error {
	t.Meter.Failed(w, err)
	return put(ctx, works, failed(w, err, now))
}

// deferred has the work come again later, without blame.
func deferred(w Work, why string, until time.Time) Work {
	w.Why, w.NotBefore = why, until
	return w
}

// again opens a piece of work that was done, because something was found.
func again(w Work, left int64, now time.Time) Work {
	w.Done, w.Ended, w.Verified, w.Receipt = time.Time{}, time.Time{}, time.Time{}, nil
	w.Cursor, w.NotBefore, w.Left, w.Attempts = "", now, left, 0
	w.Progress = now
	return w
}

// still tells whether a piece of work has stood still for too long.
func still(w Work, now time.Time) bool {
	if !w.Done.IsZero() || w.Began.IsZero() || !w.Ended.IsZero() {
		return false
	}
	last := w.Progress
	if w.Began.After(last) {
		last = w.Began
	}
	return now.Sub(last) > stillAfter
}

// rested tells whether a store has nothing left that may be deleted: it is empty, or what is left is held.
func rested(w Work) bool { return !w.Done.IsZero() || !w.Ended.IsZero() && w.Spared > 0 }

// ignorable is what two who meet may answer each other: the other one goes on.
func ignorable(err error) bool { return errors.Is(err, ErrTaken) || errors.Is(err, lifecycle.ErrStale) }
