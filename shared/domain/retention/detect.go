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

// Detect compares every tenant of whom any store holds something with the register, once a week. One that is neither in
// it nor in a life came back from a restore, a replay or a late write: that is written down, raises an alarm, and a day
// later it is deleted. A census is read before the register, so that a tenant founded meanwhile is found there.
func (a *Auditor) Detect(ctx context.Context, now time.Time) error {
	at, err := a.observe(ctx, now, false)
	if err != nil {
		return err
	}
	hits, known := 0, map[id.Tenant]bool{} // asked for once, however many stores name them
	var failures []error
	for _, c := range a.Census {
		seen := map[id.Tenant]bool{}
		err := c.Tenants(ctx, func(t id.Tenant) error {
			seen[t] = true
			return nil
		})
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", c.Name(), err)) // what it did say counts
		}
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
	}
	a.Meter.Put(ResurrectionFound, float64(hits))
	return errors.Join(failures...)
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
