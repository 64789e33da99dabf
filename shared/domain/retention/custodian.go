package retention

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// Custodian decides what becomes of each passport of a sealed tenant, and has what the law keeps copied before anything
// is destroyed. It decides by what is known when the tenant was sealed, so that whoever repeats a page decides the same.
type Custodian struct {
	Time
	Works  Works
	Lives  lifecycle.Store
	Keeper Keeper
	Law    lifecycle.Law
	Page   int // passports at once; 0: 100
}

const custodyPage = 100

// Run works on the tenants whose passports are to be decided about, the most urgent first.
func (c *Custodian) Run(ctx context.Context, now time.Time) error {
	at, err := c.observe(ctx, now, false)
	if err != nil {
		return err
	}
	due, err := c.Works.Due(ctx, []Kind{Dispose}, at.NotAfter, glance)
	if err != nil {
		return err
	}
	var failures []error
	for _, w := range inOrder(due) {
		if at.over() || ctx.Err() != nil {
			break
		}
		if err := c.tenant(ctx, w, at); err != nil && !ignorable(err) {
			failures = append(failures, fmt.Errorf("tenant %s: %w", w.Tenant, err))
		}
	}
	return errors.Join(failures...)
}

// tenant goes on with one tenant, page by page.
func (c *Custodian) tenant(ctx context.Context, w Work, at reading) error {
	w, err := claim(ctx, c.Works, w, at)
	if err != nil {
		return err
	}
	life, err := c.Lives.Life(ctx, w.Tenant)
	if err == nil && life.Record.State != lifecycle.Sealed {
		return put(ctx, c.Works, deferred(w, "not-sealed", at.at().Add(later)))
	}
	var d Decided
	if err == nil && len(w.State) > 0 {
		err = json.Unmarshal(w.State, &d)
	}
	if err != nil {
		return c.rest(ctx, c.Works, w, err, at.at())
	}
	if w.Began.IsZero() {
		w.Began = at.at()
	}
	for !at.over() && ctx.Err() == nil {
		cases, err := c.Keeper.Facts(ctx, w.Tenant, w.Cursor, cmp.Or(c.Page, custodyPage))
		if err != nil {
			return c.rest(ctx, c.Works, w, err, at.at())
		}
		if len(cases) == 0 {
			w.Done, w.Ended, w.Why = at.at(), at.at(), ""
			if w.State, err = json.Marshal(d); err != nil {
				return err
			}
			return put(ctx, c.Works, w)
		}
		for _, one := range cases {
			if err = c.decide(ctx, &w, &d, one, life.Record.SealedAt); err != nil {
				break
			}
		}
		// What was decided before a failure is kept; the next call goes on with the passport that failed.
		state, bad := json.Marshal(d)
		if bad != nil {
			return bad
		}
		w.State = state
		if err != nil {
			return c.rest(ctx, c.Works, w, err, at.at())
		}
		w.Attempts, w.Progress, w.Lease = 0, at.at(), at.at().Add(lease)
		if err := c.Works.Save(ctx, w); err != nil {
			return err
		}
	}
	return put(ctx, c.Works, w)
}

// decide decides about one passport, has it kept, and adds the decision to the list.
func (c *Custodian) decide(ctx context.Context, w *Work, d *Decided, one Case, sealed time.Time) error {
	is, err := lifecycle.Dispose(one.Facts, one.Choice, c.Law, sealed)
	if err != nil {
		return err
	}
	if err := c.Keeper.Keep(ctx, w.Tenant, is); err != nil {
		return fmt.Errorf("passport %s: %w", is.Passport, err)
	}
	line, err := plainJSON(is)
	if err != nil {
		return err
	}
	w.Digest, w.Cursor = roll(w.Digest, line), one.Place
	d.add(is, one.Facts.Group)
	return nil
}

// add counts a decision.
func (d *Decided) add(is lifecycle.Disposition, group string) {
	d.Count++
	i := slices.IndexFunc(d.Tally, func(t lifecycle.Tally) bool { return t.Kind == is.Kind && t.Group == group })
	if i < 0 {
		d.Tally = append(d.Tally, lifecycle.Tally{Kind: is.Kind, Group: group})
		slices.SortFunc(d.Tally, func(a, b lifecycle.Tally) int {
			return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Kind, b.Kind))
		})
		i = slices.IndexFunc(d.Tally, func(t lifecycle.Tally) bool { return t.Kind == is.Kind && t.Group == group })
	}
	d.Tally[i].Count++
	if is.Until.After(d.Tally[i].Until) {
		d.Tally[i].Until = is.Until
	}
	switch {
	case is.Kind == lifecycle.Deleted:
	case len(d.Listed) < MaxListed:
		d.Listed = append(d.Listed, is)
	default:
		d.More++
	}
}
