package lifecycle

import "time"

// Phase is a part of the promise with a deadline of its own.
type Phase string

// The phases.
const (
	PhaseWindow   Phase = "window"   // not before: slack is how long the customer still has
	PhaseActive   Phase = "active"   // active systems and sub-processors
	PhaseResidual Phase = "residual" // backups, keys and logs
)

// Slack is how much time a phase has left.
type Slack struct {
	Phase  Phase
	By     time.Time
	Left   time.Duration // until By; from the end of the phase when it is done; negative: the deadline has passed or was missed
	Done   time.Time     // zero: not yet
	Held   bool          // a hold is in force: no deadline runs
	Finish time.Time     // projected end, never before now; equal to Done when done
}

// Late tells whether the phase has missed its deadline, or will if nothing changes.
func (s Slack) Late() bool {
	return !s.Held && s.Phase != PhaseWindow && (s.Left < 0 || s.Finish.After(s.By))
}

// Slacks is what each phase of a running termination has left, nil for none. work is how long sweeping is expected to
// take from now on; holds are those of the tenant. now is the later reading of the clock.
func (r Record) Slacks(holds []Hold, work time.Duration, now time.Time) []Slack {
	if r.Begins().IsZero() {
		return nil
	}
	p := r.Policy()
	d, held := p.Prolong(r.Deadlines(), holds)
	active, residual := r.finish(d, max(work, 0), now)
	phases := []Slack{
		{Phase: PhaseWindow, By: d.NotBefore, Done: r.SealedAt, Finish: latest(d.NotBefore, now)},
		{Phase: PhaseActive, By: d.ActiveBy, Done: r.ActiveClearAt, Finish: active, Held: held},
		{Phase: PhaseResidual, By: d.ResidualBy, Done: r.ResidualClearAt, Finish: residual, Held: held},
	}
	for i := range phases {
		s := &phases[i]
		s.Left = s.By.Sub(now)
		if !s.Done.IsZero() {
			s.Left, s.Finish, s.Held = s.By.Sub(s.Done), s.Done, false
		}
	}
	return phases
}

// finish projects when the active systems and the residual copies will be clear, adding up the waits that are still ahead.
func (r Record) finish(d Deadlines, work time.Duration, now time.Time) (active, residual time.Time) {
	p := r.Policy()
	sealed, drained := r.SealedAt, d.DrainUntil
	if sealed.IsZero() {
		sealed = latest(d.NotBefore, now)
		drained = sealed.Add(p.Drain)
	}
	switch {
	case !r.ActiveClearAt.IsZero():
		active = r.ActiveClearAt
	case !r.FirstVerified.IsZero():
		active = latest(r.FirstVerified.Add(p.Between), now)
	default:
		active = latest(drained, now).Add(work + p.Between)
	}
	residual = latest(active.Add(max(p.Backup+p.BackupLag, p.Keys)), now)
	return active, residual
}
