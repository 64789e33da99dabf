package retention

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of the survey.
const (
	overdue     = 2 * time.Hour     // a tenant that is due for so long was lost by the list of what is due, or the tick stands still
	certifiedIn = 3 * lifecycle.Day // after nothing is left anywhere
	defaultRate = 90                // items in a second: the slowest that still keeps the deadline for the largest tenant
)

// Survey is the second way to find work, at least once a day: it walks every life, puts back what the list of what is due
// has lost, and publishes how far every promise is from being broken.
type Survey struct {
	Time
	Lives lifecycle.Store
	Holds lifecycle.Holds
	Works Works
	Law   lifecycle.Law
	Rate  int // items swept in a second, for the projected finish; 0: 90
}

// surveyed is what a survey adds up.
type surveyed struct {
	*Survey
	at      reading
	holds   map[id.Tenant][]lifecycle.Hold
	lost    []lifecycle.Life
	slack   map[lifecycle.Phase]time.Duration
	late    int
	still   int
	missing int
	waiting int // for a certificate
}

// Run walks every life. One that cannot be judged does not stop the others.
func (s *Survey) Run(ctx context.Context, now time.Time) error {
	at, err := s.observe(ctx, now, false)
	if err != nil {
		return err
	}
	u := &surveyed{Survey: s, at: at, holds: map[id.Tenant][]lifecycle.Hold{}, slack: map[lifecycle.Phase]time.Duration{}}
	unreviewed := 0
	err = s.Holds.Each(ctx, func(h lifecycle.Hold) error {
		u.holds[h.Scope.Tenant] = append(u.holds[h.Scope.Tenant], h)
		if h.Overdue(at.NotAfter) {
			unreviewed++
		}
		return nil
	})
	if err != nil {
		return err
	}
	var failures []error
	err = s.Lives.Each(ctx, func(l lifecycle.Life) error {
		if err := u.life(ctx, l); err != nil {
			failures = append(failures, fmt.Errorf("tenant %s: %w", l.Record.Tenant, err))
		}
		return nil
	})
	if err != nil {
		return errors.Join(append(failures, err)...)
	}
	u.publish(unreviewed)
	return errors.Join(append(failures, u.putBack(ctx))...)
}

// life looks at one tenant.
func (u *surveyed) life(ctx context.Context, l lifecycle.Life) error {
	r, now := l.Record, u.at.NotAfter
	if u.isLost(l) {
		u.lost = append(u.lost, l)
	}
	if r.Begins().IsZero() {
		return nil
	}
	if err := r.Check(); err != nil {
		return err
	}
	works, err := u.Works.Of(ctx, r.Tenant)
	if err != nil {
		return err
	}
	holds := u.holds[r.Tenant]
	late := false
	for _, s := range r.Slacks(holds, u.expected(works), now) {
		late = late || s.Late()
		if !s.Done.IsZero() || s.Held {
			continue
		}
		if least, ok := u.slack[s.Phase]; !ok || s.Left < least {
			u.slack[s.Phase] = s.Left
		}
	}
	if late {
		u.late++
	}
	u.missing += missing(r, works, now)
	for _, w := range works {
		if still(w, now) {
			u.still++
		}
	}
	if !r.ResidualClearAt.IsZero() && now.Sub(r.ResidualClearAt) > certifiedIn {
		u.waiting++
	}
	return nil
}

// isLost tells whether nobody would look at a tenant in time: it is due and nobody came, or it is to be looked at later
// than its record asks for.
func (u *surveyed) isLost(l lifecycle.Life) bool {
	now := u.at.NotAfter
	expected := dueAt(l.Record, now, later)
	switch {
	case expected.IsZero():
		return false
	case l.DueAt.IsZero():
		return true
	default:
		return now.Sub(l.DueAt) > overdue || l.DueAt.Sub(expected) > lifecycle.Day
	}
}

// expected is how long what is left to sweep takes.
func (u *surveyed) expected(works []Work) time.Duration {
	left := int64(0)
	for _, w := range works {
		switch {
		case w.Kind == Sweep && w.Done.IsZero():
			left += max(0, w.Planned-w.Deleted)
		case w.Kind == Count && !w.Done.IsZero():
			if _, begun := find(works, Work{Tenant: w.Tenant, Kind: Sweep, Store: w.Store}); !begun {
				left += w.Planned
			}
		}
	}
	return time.Duration(left/int64(cmp.Or(u.Rate, defaultRate))) * time.Second
}

// missing counts stores of which nobody has shown evidence, once for each of the days on which they are chased.
func missing(r lifecycle.Record, works []Work, now time.Time) int {
	n := 0
	for _, days := range []time.Duration{40, 45, 50, 55} {
		if r.T0.IsZero() || now.Before(r.T0.Add(days*lifecycle.Day)) {
			continue
		}
		for _, w := range works {
			if w.Kind == Sweep && w.Receipt == nil && w.Phase != Keys {
				n++
			}
		}
	}
	return n
}

func (u *surveyed) publish(unreviewed int) {
	for _, f := range []struct {
		phase lifecycle.Phase
		name  string
	}{{lifecycle.PhaseWindow, MinSlackWindow}, {lifecycle.PhaseActive, MinSlackActive}, {lifecycle.PhaseResidual, MinSlackResidual}} {
		if left, ok := u.slack[f.phase]; ok {
			u.Meter.Put(f.name, left.Seconds())
		}
	}
	u.Meter.Put(LateTenants, float64(u.late))
	u.Meter.Put(NoProgress, float64(u.still))
	u.Meter.Put(CertificatesOverdue, float64(u.waiting))
	u.Meter.Put(MissingAttestation, float64(u.missing))
	u.Meter.Put(HoldReviewOverdue, float64(unreviewed))
	u.Meter.Put(LawReviewOverdue, float64(len(u.Law.Overdue(u.at.NotAfter))))
	u.Meter.Put(LostDue, float64(len(u.lost)))
}

// putBack writes lost tenants again, due now, by which the list gets them back.
func (u *surveyed) putBack(ctx context.Context) error {
	s := steps{lives: u.Lives, at: u.at}
	var failures []error
	for _, l := range u.lost {
		if err := s.look(ctx, l, u.at.NotAfter); err != nil && !ignorable(err) {
			failures = append(failures, fmt.Errorf("tenant %s: %w", l.Record.Tenant, err))
		}
	}
	return errors.Join(failures...)
}
