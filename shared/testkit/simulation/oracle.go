package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// The promise in numbers, written down here once more: the oracle must not ask the code that it judges.
const (
	windowDays   = 30 * day
	lastDay      = 12 * time.Hour
	coolingOff   = 72 * time.Hour
	drainHours   = 25 * time.Hour
	activeDays   = 60 * day
	residualDays = 90 * day
	releaseDays  = 30 * day
	undoDays     = 7 * day
	eraseHours   = 24 * time.Hour
	copyDays     = 28*day + 8*time.Hour
	detectorDays = 10 * day // a weekly search finds what came back, and it is deleted a day later
	mostBroken   = 25       // then a run ends: the rest follows from these
)

// exit is a termination as it is in truth.
type exit struct {
	noticed, t0 time.Time
	consent     time.Time     // of the second owner to an early end
	longest     []policyTerms // of every policy that counts for it
	latest      policyTerms   // of the build, while the window is open; it counts if it is still that when the window closes
	digest      uint64        // of what could be exported, at T0
	taken       bool          // digest was
	corrupted   bool          // its row was changed behind everybody's back, at some time
	broken      bool          // its row is wrong now
	haunted     bool          // something was written long after: what comes back has no deadline of its own

	sealed, deleting, activeClear, residualClear, certified time.Time // as the engine says
	notices                                                 map[lifecycle.NoticeKind]int
}

// policyTerms are the durations of a policy that was in force for an exit, see Policy.
type policyTerms struct {
	window, grace, active, residual, drain, cooling time.Duration
}

func terms(p lifecycle.Policy) policyTerms {
	return policyTerms{p.Window, p.Grace, p.Active, p.Residual, p.Drain, p.CoolingOff}
}

// endOfDay is the first midnight UTC not before an instant.
func endOfDay(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	midnight := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if midnight.Equal(t) {
		return midnight
	}
	return midnight.AddDate(0, 0, 1)
}

// notBefore is the first instant at which anything may be destroyed.
func (x *exit) notBefore() time.Time {
	var window, grace, cooling time.Duration = windowDays, lastDay, coolingOff
	for _, p := range append(slices.Clip(x.longest), x.latest) {
		window, grace, cooling = max(window, p.window), max(grace, p.grace), max(cooling, p.cooling)
	}
	end := endOfDay(x.t0.Add(window)).Add(grace)
	if !x.consent.IsZero() {
		early := x.consent.Add(cooling)
		if early.Before(x.t0) {
			early = x.t0
		}
		if early.Before(end) {
			end = early
		}
	}
	return end
}

// deadlines are the last instants, with what holds have kept.
func (x *exit) deadlines(t *tenant) (active, residual time.Time, heldNow bool) {
	var a, r time.Duration = activeDays, residualDays
	for _, p := range x.longest {
		a, r = min(a, p.active), min(r, p.residual)
	}
	active, residual = x.t0.Add(a), x.t0.Add(r)
	for _, h := range t.holds {
		if !h.approved {
			continue
		}
		if h.till.IsZero() {
			heldNow = true
			continue
		}
		if by := h.till.Add(releaseDays); by.After(active) {
			active = by
			if by.Add(releaseDays).After(residual) {
				residual = by.Add(releaseDays)
			}
		}
	}
	return active, residual, heldNow
}

// Broken is one promise that was not kept.
type Broken struct {
	Invariant int // of the specification, 1 to 15
	At        time.Time
	Tenant    string
	What      string
}

func (b Broken) String() string {
	return fmt.Sprintf("invariant %d, %s, %s: %s", b.Invariant, b.At.Format(time.RFC3339), b.Tenant, b.What)
}

// oracle watches.
type oracle struct {
	w      *World
	broken []Broken
	told   map[string]int // mails by tenant and key

	entered, reached []time.Time // when deletions began, and when a day had had enough of them
}

func newOracle(w *World) *oracle { return &oracle{w: w, told: map[string]int{}} }

func (o *oracle) enough() bool { return len(o.broken) >= mostBroken }

func (o *oracle) fail(invariant int, t *tenant, format string, args ...any) {
	b := Broken{Invariant: invariant, At: o.w.now, What: fmt.Sprintf(format, args...)}
	if t != nil {
		b.Tenant = fmt.Sprintf("%s (%s)", t, t.id)
	}
	if len(o.broken) < mostBroken {
		o.broken = append(o.broken, b)
	}
	o.w.logf("BROKEN %s", b)
}

// written sees every row that comes into being.
func (o *oracle) written(r *row) {
	if t := o.w.byID[r.tenant]; t != nil && t.closed && r.cause != ghost {
		o.fail(6, t, "%s %s was written after the certificate", r.place.name, r.key)
	}
}

// removed sees every row that goes, and knows whether it may.
func (o *oracle) removed(r *row, by string) {
	o.w.stats.Removed++
	if by != "sweep" {
		return // by the customers themselves
	}
	t := o.w.byID[r.tenant]
	for _, h := range t.holds {
		if h.inForce() && (h.covers(r) || r.kind == "tenant-key") {
			o.fail(7, t, "%s %s was removed under hold %s", r.place.name, r.key, h.id)
		}
	}
	x := t.exit
	ends := x != nil && !o.w.now.Before(x.notBefore()) && !x.sealed.IsZero() && !o.w.now.Before(x.sealed.Add(drainHours-30*time.Minute))
	if t.closed || !ends && o.erasable(t, r) {
		return
	}
	switch {
	case x == nil || o.w.now.Before(x.t0):
		o.fail(8, t, "%s %s was removed, and the contract runs", r.place.name, r.key)
		o.w.stats.Early++
	case o.w.now.Before(x.notBefore()):
		o.fail(1, t, "%s %s was removed before %s", r.place.name, r.key, x.notBefore().Format(time.RFC3339))
		o.w.stats.Early++
	case !ends:
		o.fail(1, t, "%s %s was removed before the drain had ended", r.place.name, r.key)
		o.w.stats.Early++
	case r.kind == "tenant-key" && o.left(t, false) > 0:
		o.fail(1, t, "the key was destroyed while %d rows are left", o.left(t, false))
	}
}

// erasable tells whether a row belongs to a passport or a person whose deletion was asked for and can no longer be undone.
func (o *oracle) erasable(t *tenant, r *row) bool {
	for _, e := range t.erasures {
		if e.undone || !e.names(r) {
			continue
		}
		if o.w.now.Before(e.notBefore) {
			o.fail(1, t, "%s %s was removed while it could be taken back until %s", r.place.name, r.key, e.notBefore.Format(time.RFC3339))
		}
		return true
	}
	return false
}

// left counts what is left of a tenant in the active systems: without keys, and without what a hold keeps if asked so.
func (o *oracle) left(t *tenant, heldToo bool) int {
	n := 0
	for _, p := range o.w.places {
		if p == o.w.keys {
			continue
		}
		for _, r := range p.rows(t.id) {
			if !heldToo && o.held(t, r) || r.cause == ghost && o.w.now.Sub(r.at) < detectorDays {
				continue
			}
			n++
		}
	}
	return n
}

func (o *oracle) held(t *tenant, r *row) bool {
	for _, h := range t.holds {
		if h.inForce() && h.covers(r) {
			return true
		}
	}
	return false
}

// residue counts what is left of a tenant in copies.
func (o *oracle) residue(t id.Tenant) (n int) {
	for _, p := range o.w.places {
		p.catchUp(t)
		s := p.shelf(t)
		for _, r := range s.dead {
			if r.cause != ghost && p.copied(r) {
				n++
			}
		}
	}
	return n
}
