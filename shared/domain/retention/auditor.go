package retention

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Auditor counts what is left, independently of whoever deleted it: its stores are other instances, with credentials of
// their own, and it believes nothing that a sweep has said. Two rounds over every store, a day apart, make a tenant
// clear; after that it looks again every week until the certificate, and once more right before it.
type Auditor struct {
	Time
	Works    Works
	Lives    lifecycle.Store
	Stores   []Store
	Census   []Census
	Register Register
	Journal  Journal
	IDs      *id.Source
	Budget   int // tenants in one run; 0: 100
}

// everyWeek is between two looks at a tenant that is clear.
const everyWeek = 7 * lifecycle.Day

// round is one count of every store of a tenant, which may take several runs.
type round struct {
	Epoch int64            `json:"epoch"` // of the record when it began
	Began time.Time        `json:"began"`
	Left  map[string]int64 `json:"left"` // by store, of those that are counted
	Ended bool             `json:"ended,omitempty"`
}

// inspection is one run of the auditor.
type inspection struct {
	*Auditor
	at    reading
	found int64
}

// Run counts for the tenants whose turn it is. A store that does not answer makes the round come again; the error is of
// the Ledger or the clock.
func (a *Auditor) Run(ctx context.Context, now time.Time) error {
	at, err := a.observe(ctx, now, false)
	if err != nil {
		return err
	}
	due, err := a.Works.Due(ctx, []Kind{Verify}, at.NotAfter, cmp.Or(a.Budget, defaultBudget))
	if err != nil {
		return err
	}
	u := &inspection{Auditor: a, at: at}
	var failures []error
	for _, w := range inOrder(due) {
		if at.over() || ctx.Err() != nil {
			break
		}
		if err := u.tenant(ctx, w); err != nil && !ignorable(err) {
			failures = append(failures, fmt.Errorf("tenant %s: %w", w.Tenant, err))
		}
	}
	a.Meter.Put(ResidualFound, float64(u.found))
	return errors.Join(failures...)
}

// tenant counts for one tenant, and draws the conclusion when every store has been counted.
func (u *inspection) tenant(ctx context.Context, w Work) error {
	w, err := claim(ctx, u.Works, w, u.at)
	if err != nil {
		return err
	}
	if w.Began.IsZero() {
		w.Began = u.at.at()
	}
	life, err := u.Lives.Life(ctx, w.Tenant)
	if err != nil {
		return u.rest(ctx, u.Works, w, err, u.at.at())
	}
	works, err := u.Works.Of(ctx, w.Tenant)
	if err != nil {
		return err
	}
	if until := u.notYet(life.Record, works); !until.IsZero() {
		return put(ctx, u.Works, deferred(w, "not-yet", until))
	}
	r, ended, err := u.count(ctx, &w, life.Record, works)
	if err != nil {
		return u.rest(ctx, u.Works, w, err, u.at.at())
	}
	if !ended {
		return put(ctx, u.Works, w)
	}
	return u.conclude(ctx, w, life, works, r)
}

// notYet is when to come again because there is nothing to count yet; zero: there is.
func (u *inspection) notYet(r lifecycle.Record, works []Work) time.Time {
	switch now := u.at.at(); r.State {
	case lifecycle.Deleting:
		for _, s := range u.Stores {
			if s.Phase() == Keys {
				continue
			}
			switch w, ok := find(works, Work{Tenant: r.Tenant, Kind: Sweep, Store: s.Name()}); {
			case ok && w.Done.IsZero() && w.Why == heldBack:
				return now.Add(later)
			case !ok || w.Done.IsZero():
				return now.Add(soon)
			}
		}
		if second := r.SecondVerified; !second.IsZero() && u.at.NotBefore.Before(second.Add(2*r.Policy().Between)) {
			return now.Add(retry) // the tick takes the next step, unless a hold stands against it
		}
		if first := r.FirstVerified; !first.IsZero() && u.at.NotBefore.Before(first.Add(r.Policy().Between)) {
			return first.Add(r.Policy().Between + lifecycle.Reserve + lifecycle.MaxDisagreement)
		}
		return time.Time{}
	case lifecycle.ActiveClear, lifecycle.ResidualClear:
		return time.Time{}
	default:
		return now.Add(later)
	}
}

// count goes on with the round: one store after the other, each written down. ended tells whether all are counted. Keys
// are counted once they are said to be destroyed.
func (u *inspection) count(ctx context.Context, w *Work, r lifecycle.Record, works []Work) (round, bool, error) {
	var n round
	if len(w.State) > 0 {
		if err := json.Unmarshal(w.State, &n); err != nil {
			return n, false, fmt.Errorf("state of a verification: %w", err)
		}
	}
	if n.Ended || n.Began.IsZero() || n.Epoch != r.Epoch {
		n = round{Epoch: r.Epoch, Began: u.at.at()}
	}
	if n.Left == nil {
		n.Left = map[string]int64{}
	}
	for _, s := range inPhases(u.Stores) {
		if _, counted := n.Left[s.Name()]; counted || s.Phase() == Keys && !u.keysGone(r, s, works, n.Began) {
			continue
		}
		if u.at.over() {
			return n, false, nil
		}
		left, err := s.Verify(ctx, Order{Tenant: r.Tenant})
		if err != nil {
			return n, false, fmt.Errorf("%s: %w", s.Name(), err)
		}
		n.Left[s.Name()] = left
		if w.State, err = json.Marshal(n); err != nil {
			return n, false, err
		}
		w.Progress, w.Lease = u.at.at(), u.at.at().Add(lease)
		if err := u.Works.Save(ctx, *w); err != nil {
			return n, false, err
		}
	}
	return n, true, nil
}

// keysGone tells whether a store of keys was said to be empty before the round began.
func (u *inspection) keysGone(r lifecycle.Record, s Store, works []Work, began time.Time) bool {
	w, ok := find(works, Work{Tenant: r.Tenant, Kind: Sweep, Store: s.Name()})
	return ok && r.State != lifecycle.Deleting && !w.Done.IsZero() && !began.Before(w.Done)
}

// conclude draws the conclusion of a round. The step comes before the work is opened again: if it is interrupted between
// the two, the next round finds the same.
func (u *inspection) conclude(ctx context.Context, w Work, life lifecycle.Life, works []Work, n round) error {
	content, keys := int64(0), int64(0)
	for _, s := range u.Stores {
		if s.Phase() == Keys {
			keys += n.Left[s.Name()]
		} else {
			content += n.Left[s.Name()]
		}
	}
	u.found += content + keys
	life, err := u.step(ctx, life, content)
	if err != nil {
		return err
	}
	if content > 0 {
		if err := journalled(ctx, u.Journal, life); err != nil {
			return err
		}
	}
	if err := u.write(ctx, life, works, n); err != nil {
		return err
	}
	if works, err = u.Works.Of(ctx, w.Tenant); err != nil {
		return err
	}
	n.Ended = true
	if w.State, err = json.Marshal(n); err != nil {
		return err
	}
	w.Attempts, w.Why, w.Left = 0, "", content+keys
	if content+keys == 0 {
		w.Verified = n.Began
	}
	w.NotBefore = u.next(life.Record, works, content+keys)
	return put(ctx, u.Works, w)
}

// step writes the outcome into the record of the tenant.
func (u *inspection) step(ctx context.Context, life lifecycle.Life, content int64) (lifecycle.Life, error) {
	var after lifecycle.Record
	var event audit.Event
	var err error
	switch {
	case life.Record.State == lifecycle.Deleting && content > 0 && life.Record.FirstVerified.IsZero() && lastly(life) == lifecycle.EventResidueFound:
		return life, nil // it is written down already, and a history does not grow with each attempt
	case life.Record.State == lifecycle.Deleting:
		after, event, err = lifecycle.Verified(life.Record, u.at.Instants, int(min(content, math.MaxInt32)))
	case content > 0:
		after, event, err = lifecycle.Reopen(life.Record, u.at.Instants)
	}
	if err != nil || event == "" {
		return life, err
	}
	s := steps{lives: u.Lives, ids: u.IDs, actor: "system:retention-auditor", at: u.at}
	return s.take(ctx, life, after, event, map[string]string{"left": fmt.Sprint(content)}, nil)
}

// lastly is the last step of a life.
func lastly(l lifecycle.Life) audit.Event {
	if len(l.History) == 0 {
		return ""
	}
	return l.History[len(l.History)-1].Event
}

// write opens the sweeps of stores in which something was found, marks keys of which nothing was, and asks a store in which
// it has just found nothing for the evidence. One that has none is asked again at the next count, and no certificate comes
// without it.
func (u *inspection) write(ctx context.Context, life lifecycle.Life, works []Work, n round) error {
	for _, s := range inPhases(u.Stores) {
		w, ok := find(works, Work{Tenant: life.Record.Tenant, Kind: Sweep, Store: s.Name()})
		left, counted := n.Left[s.Name()]
		if !ok || !counted {
			continue
		}
		changed := false
		switch {
		case left > 0:
			w, changed = again(w, left, u.at.at()), true
		case s.Phase() == Keys && w.Verified.Before(w.Done):
			w.Verified, w.Left, changed = n.Began, 0, true
		}
		if left == 0 && w.Receipt == nil && !w.Done.IsZero() {
			receipt, err := s.Evidence(ctx, orderOf(life))
			if err != nil {
				u.Meter.Failed(w, err)
			} else {
				w.Receipt, changed = &receipt, true
			}
		}
		if !changed {
			continue
		}
		if err := put(ctx, u.Works, w); err != nil {
			return err
		}
	}
	return nil
}

// next is when to count again.
func (u *inspection) next(r lifecycle.Record, works []Work, left int64) time.Time {
	now := u.at.at()
	switch {
	case left > 0:
		return now.Add(retry)
	case r.State == lifecycle.Deleting && r.SecondVerified.IsZero():
		return r.FirstVerified.Add(r.Policy().Between + lifecycle.Reserve + lifecycle.MaxDisagreement)
	case r.State == lifecycle.Deleting, keysDestroyed(works).IsZero():
		return now.Add(retry)
	default:
		return now.Add(everyWeek)
	}
}
