package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Of the search for what came back.
const (
	everySearch = everyWeek     // after the end of the last one
	goesOn      = 6 * time.Hour // with one that did not come to its end: the runs between are for those who leave
)

// Detect compares every tenant of whom any store holds something with the register, a week after it last has to the end.
// One that is neither in it nor in a life came back from a restore, a replay or a late write: that is written down, raises
// an alarm, and a day later it is deleted. A census is read before the register, so that a tenant founded meanwhile is
// found there. A store that was walked is not walked again in the same search; one that fails is, some hours later.
func (a *Auditor) Detect(ctx context.Context, now time.Time) error {
	at, err := a.observe(ctx, now, false)
	if err != nil {
		return err
	}
	s, err := a.Guards.Search(ctx)
	if err != nil {
		return err
	}
	if s.due(at.NotAfter) {
		err = a.search(ctx, &s, at)
	}
	since := s.Ended
	if since.IsZero() {
		since = s.Began
	}
	if !since.IsZero() {
		a.Meter.Put(DetectorAge, at.at().Sub(since).Hours()/24)
	}
	return err
}

// due tells whether it is time to begin a search, or to go on with one.
func (s Search) due(now time.Time) bool {
	if s.Began.IsZero() || !s.Ended.Before(s.Began) {
		return now.Sub(s.Ended) >= everySearch
	}
	return now.Sub(s.Tried) >= goesOn
}

// search walks the stores that were not walked yet.
func (a *Auditor) search(ctx context.Context, s *Search, at reading) error {
	if s.Began.IsZero() || !s.Ended.Before(s.Began) {
		s.Began, s.Done = at.at(), nil
	}
	s.Tried = at.at()
	if err := a.Guards.Searched(ctx, *s); err != nil {
		return err
	}
	hits, known := 0, map[id.Tenant]bool{} // asked for once, however many stores name them
	var failures []error
	for _, c := range a.Census {
		if slices.Contains(s.Done, c.Name()) {
			continue
		}
		n, err := a.walk(ctx, c, known, at)
		hits += n
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", c.Name(), err))
			continue
		}
		s.Done = append(s.Done, c.Name())
		if err := a.Guards.Searched(ctx, *s); err != nil {
			return errors.Join(append(failures, err)...)
		}
	}
	a.Meter.Put(ResurrectionFound, float64(hits))
	if len(failures) > 0 {
		return errors.Join(failures...)
	}
	s.Ended = at.at()
	return a.Guards.Searched(ctx, *s)
}

// walk walks one store. What it said before it failed counts.
func (a *Auditor) walk(ctx context.Context, c Census, known map[id.Tenant]bool, at reading) (hits int, err error) {
	seen := map[id.Tenant]bool{}
	err = c.Tenants(ctx, func(t id.Tenant) error {
		if seen[t] = true; at.over() {
			return errors.New("there was no time for the whole of it")
		}
		return nil
	})
	failures := []error{err}
	for _, t := range slices.Sorted(maps.Keys(seen)) {
		if known[t] {
			continue
		}
		nobody, err := nobodys(ctx, a.Register, a.Lives, Work{Tenant: t})
		known[t] = err == nil && !nobody
		if err == nil && nobody {
			hits++
			err = a.resurrected(ctx, t, c.Name(), at.at())
		}
		failures = append(failures, err)
	}
	return hits, errors.Join(failures...)
}

// resurrected writes a finding down and has every store searched for more of it.
func (a *Auditor) resurrected(ctx context.Context, t id.Tenant, store string, now time.Time) error {
	if err := a.Register.Found(ctx, t, store, now); err != nil {
		return err
	}
	state, err := json.Marshal(found{At: now})
	if err != nil {
		return err
	}
	works, err := a.Works.Of(ctx, t)
	if err != nil {
		return err
	}
	var missing []Work
	notBefore := now.Add(doubt + lifecycle.Reserve + lifecycle.MaxDisagreement)
	for _, s := range a.Stores {
		w := Work{Tenant: t, Kind: Stray, Store: s.Name(), Phase: s.Phase(), NotBefore: notBefore, By: now.Add(everyWeek), State: state}
		was, ok := find(works, w)
		switch {
		case !ok:
			missing = append(missing, w)
		case !was.Done.IsZero():
			was = again(was, 0, notBefore)
			was.State, was.By = state, w.By
			if err := put(ctx, a.Works, was); err != nil && !ignorable(err) {
				return err
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return a.Works.Add(ctx, missing...)
}
