package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// Defaults and limits of the worker.
const (
	defaultWrites = 1_000_000 // in one run
	defaultPage   = 500
	glance        = 200               // pieces of work looked at at once
	urgentWithin  = 7 * lifecycle.Day // of the deadline: a share of its own
	maxPasses     = 10_000
	maxShrink     = 5 // halvings of a page after failures
)

// Worker empties stores, counts them for the plan, and deletes single passports and persons: the most urgent first, page
// by page, until its patience or the budget is used up. Any number may run at once, and each may be killed anywhere.
type Worker struct {
	Time
	Works    Works
	Drops    Drops
	Stores   []Store
	Lives    lifecycle.Store
	Holds    lifecycle.Holds
	Register Register
	Journal  Journal
	Budget   int64 // items written in one run; 0: a million
	Page     int   // items of one page; 0: 500
}

// shift is one run of a worker.
type shift struct {
	*Worker
	at     reading
	left   int64 // of the budget
	moved  int   // pages done and pieces of work ended in this pass
	failed int
	still  int
	early  int
	late   map[string]bool // erasures past their deadline, by name
}

// Run works on what is due. Stores that fail are written down and come again; the error is of the Ledger or the clock.
func (w *Worker) Run(ctx context.Context, now time.Time) error {
	at, err := w.observe(ctx, now, false)
	if err != nil {
		return err
	}
	s := &shift{Worker: w, at: at, left: cmp.Or(w.Budget, defaultWrites), late: map[string]bool{}}
	err = s.work(ctx)
	w.Meter.Put(SweepsFailed, float64(s.failed))
	w.Meter.Put(NoProgress, float64(s.still))
	w.Meter.Put(LateErasures, float64(len(s.late)))
	w.Meter.Put(EarlyDestructiveAttempt, float64(s.early))
	return err
}

// work passes over what is due again and again, since stores become ready when those before them are empty.
func (s *shift) work(ctx context.Context) error {
	for pass := range maxPasses {
		due, err := s.Works.Due(ctx, []Kind{Count, Sweep, Erase, Stray}, s.at.at(), glance)
		if err != nil {
			return err
		}
		due = inOrder(due)
		s.moved = 0
		var failures []error
		if pass == 0 {
			failures = s.share(ctx, due)
		}
		for _, w := range due {
			if s.ends(ctx) {
				break
			}
			failures = append(failures, s.serve(ctx, w, s.left))
		}
		if err := errors.Join(failures...); err != nil || s.moved == 0 || s.ends(ctx) {
			return err
		}
	}
	return nil
}

func (s *shift) ends(ctx context.Context) bool { return s.left <= 0 || s.at.over() || ctx.Err() != nil }

// share gives half of the budget in equal parts to what is urgent, so that no single one of it, however large, keeps the
// others from their deadlines.
func (s *shift) share(ctx context.Context, due []Work) (failures []error) {
	var urgent []Work
	for _, w := range due {
		if w.By.Sub(s.at.at()) < urgentWithin {
			urgent = append(urgent, w)
		}
	}
	if len(urgent) < 2 {
		return nil
	}
	each := max(1, s.left/2/int64(len(urgent)))
	for _, w := range urgent {
		if s.ends(ctx) {
			break
		}
		failures = append(failures, s.serve(ctx, w, each))
	}
	return failures
}

// serve works on one piece, with so many writes at most. That somebody else is at it is no failure.
func (s *shift) serve(ctx context.Context, w Work, most int64) error {
	w, err := claim(ctx, s.Works, w, s.at)
	if err == nil {
		if still(w, s.at.at()) {
			s.still++
		}
		if w.Kind == Erase && w.Why != heldBack && s.at.at().After(w.By) {
			s.late[string(w.Tenant)+string(w.Passport)+string(w.Person)] = true
		}
		switch w.Kind {
		case Count:
			err = s.count(ctx, w)
		case Sweep:
			err = s.sweep(ctx, w, most)
		case Erase:
			err = s.erase(ctx, w, most)
		case Stray:
			err = s.stray(ctx, w, most)
		default:
			err = fmt.Errorf("retention: work of kind %q", w.Kind)
		}
	}
	if ignorable(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s of tenant %s: %w", w.Kind, w.Store, w.Tenant, err)
	}
	return nil
}

// count counts one store of a sealed tenant.
func (s *shift) count(ctx context.Context, w Work) error {
	store, ok := s.named(w.Store)
	if !ok {
		return s.fail(ctx, w, ErrUnknownStore)
	}
	if w.Began.IsZero() {
		w.Began = s.at.at()
	}
	items, err := store.Plan(ctx, Order{Tenant: w.Tenant})
	if err != nil {
		return s.fail(ctx, w, err)
	}
	w.Planned, w.Done, w.Progress, w.Attempts, w.Why = items, s.at.at(), s.at.at(), 0, ""
	s.moved++
	return put(ctx, s.Works, w)
}

// ErrUnknownStore stands against work that an older or newer build has left.
var ErrUnknownStore = errors.New("retention: this build has no such store")

func (s *shift) named(name string) (Store, bool) {
	i := slices.IndexFunc(s.Stores, func(st Store) bool { return st.Name() == name })
	if i < 0 {
		return nil, false
	}
	return s.Stores[i], true
}

// fail has a piece of work rest after a failure, the longer the more often it failed.
func (s *shift) fail(ctx context.Context, w Work, err error) error {
	s.failed++
	return s.rest(ctx, s.Works, w, err, s.at.at())
}

// tooEarly counts an attempt to destroy before its time, and has the work rest: the record says no, whoever added it.
func (s *shift) tooEarly(ctx context.Context, w Work) error {
	s.early++
	return put(ctx, s.Works, deferred(w, "early", s.at.at().Add(later)))
}

// pageSize is smaller after failures: a store that is throttled or chokes on one item gets on with the rest.
func (s *shift) pageSize(w Work, most int64) int {
	page := cmp.Or(s.Page, defaultPage) >> min(w.Attempts, maxShrink)
	return int(max(1, min(int64(page), most, s.left)))
}
