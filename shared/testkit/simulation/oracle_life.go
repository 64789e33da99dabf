package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/certificate"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// next lists the states that may follow a state, as the specification draws them.
func next(s lifecycle.State) []lifecycle.State {
	switch s {
	case lifecycle.Active:
		return []lifecycle.State{lifecycle.Suspended, lifecycle.Scheduled}
	case lifecycle.Suspended:
		return []lifecycle.State{lifecycle.Active, lifecycle.Scheduled}
	case lifecycle.Scheduled:
		return []lifecycle.State{lifecycle.Active, lifecycle.Suspended, lifecycle.Window}
	case lifecycle.Window:
		return []lifecycle.State{lifecycle.Active, lifecycle.Suspended, lifecycle.Sealed}
	case lifecycle.Sealed:
		return []lifecycle.State{lifecycle.Deleting}
	case lifecycle.Deleting:
		return []lifecycle.State{lifecycle.ActiveClear}
	case lifecycle.ActiveClear:
		return []lifecycle.State{lifecycle.ResidualClear, lifecycle.Deleting}
	case lifecycle.ResidualClear:
		return []lifecycle.State{lifecycle.Certified, lifecycle.Deleting}
	default:
		return nil
	}
}

// stepped sees every step that is stored: invariants 2 to 5, 10, 11, 13 and 15.
func (o *oracle) stepped(s lifecycle.Step) {
	o.w.stats.Steps++
	t := o.w.byID[s.Before.Tenant]
	from, to := s.Before.State, s.After.Record.State
	grown := len(s.After.History)
	had := o.w.moments[t.id]
	switch {
	case grown < had:
		o.fail(13, t, "the history lost %d moments", had-grown)
	case from != to && grown != had+1:
		o.fail(13, t, "the step from %s to %s has %d moments", from, to, grown-had)
	case grown > had+1:
		o.fail(13, t, "one step has %d moments", grown-had)
	}
	o.w.moments[t.id] = grown
	if from == to {
		o.noticed(t, s)
		return
	}
	o.w.logf("%s: %s, now %s", t, from, to)
	if !slices.Contains(next(from), to) {
		o.fail(13, t, "%s follows %s", to, from)
	}
	if x := t.exit; x != nil {
		o.entering(t, x, to)
	}
}

// entering sees a tenant come into a state.
func (o *oracle) entering(t *tenant, x *exit, to lifecycle.State) {
	now := o.w.now
	switch to {
	case lifecycle.Sealed:
		if now.Before(x.notBefore()) && !x.broken {
			o.fail(2, t, "it was sealed before %s", x.notBefore().Format(time.RFC3339))
		}
		x.sealed = now
		if x.latest != (policyTerms{}) {
			x.longest, x.latest = append(x.longest, x.latest), policyTerms{}
		}
		o.w.onSealed(t)
	case lifecycle.Deleting:
		if now.Before(x.notBefore()) || x.sealed.IsZero() || now.Before(x.sealed.Add(drainHours-30*time.Minute)) {
			o.fail(1, t, "its deletion began before %s and the drain", x.notBefore().Format(time.RFC3339))
		}
		if !o.w.disabled[t.id] {
			o.fail(6, t, "its deletion begins, and its key was not turned off")
		}
		for _, h := range t.holds {
			if h.inForce() && h.scope.Kind == lifecycle.ScopeTenant && x.deleting.IsZero() {
				o.fail(7, t, "its deletion begins under hold %s", h.id)
			}
		}
		if x.deleting.IsZero() {
			o.enters(t)
			x.deleting = now
			o.disposed(t)
		}
		x.activeClear, x.residualClear = time.Time{}, time.Time{}
	case lifecycle.ActiveClear:
		x.activeClear = now
		for _, h := range t.holds {
			if h.inForce() {
				o.fail(7, t, "it is called clear under hold %s", h.id)
			}
		}
		if n := o.left(t, true); n > 0 {
			o.fail(5, t, "it is called clear, and %d rows are left: %s", n, o.some(t))
		}
	case lifecycle.ResidualClear:
		x.residualClear = now
		if n := o.residue(t.id); n > 0 {
			o.fail(5, t, "copies are called clear, and %d rows are left in some", n)
		}
	case lifecycle.Certified:
		x.certified = now
	default:
	}
}

// noticed counts notices in a step that leaves the state.
func (o *oracle) noticed(t *tenant, s lifecycle.Step) {
	x := t.exit
	if x == nil {
		return
	}
	for _, n := range s.After.Record.Notices[min(len(s.Before.Notices), len(s.After.Record.Notices)):] {
		x.notices[n.Kind]++
		if x.notices[n.Kind] > 1 {
			o.fail(11, t, "notice %s went out %d times", n.Kind, x.notices[n.Kind])
		}
	}
}

// retired sees a tenant leave the register with its certificate: invariants 5 and 11.
func (o *oracle) retired(l lifecycle.Life, c lifecycle.CertificateRow) {
	t := o.w.byID[l.Record.Tenant]
	x := t.exit
	if t.closed || x == nil {
		o.fail(11, t, "a second certificate")
		return
	}
	for _, h := range t.holds {
		if h.inForce() && h.from.Before(x.residualClear) { // one that came later has nothing left to hold
			o.fail(7, t, "it is certified under hold %s", h.id)
		}
	}
	if n := o.left(t, true); n > 0 {
		o.fail(5, t, "it is certified, and %d rows are left: %s", n, o.some(t))
		o.w.stats.Residual += int64(n)
	}
	if n := len(o.w.keys.rows(t.id)); n > 0 {
		o.fail(5, t, "it is certified, and %d keys are left", n)
		o.w.stats.Residual += int64(n)
	}
	if n := o.residue(t.id); n > 0 {
		o.fail(5, t, "it is certified, and %d rows are left in copies", n)
		o.w.stats.Residual += int64(n)
	}
	o.document(t, x, c)
	o.notices(t, x)
	o.w.stats.Certified++
	if plain := len(t.holds) == 0 && !x.haunted; plain {
		o.w.stats.MaxActive = max(o.w.stats.MaxActive, x.activeClear.Sub(x.t0))
		o.w.stats.MaxResidual = max(o.w.stats.MaxResidual, x.residualClear.Sub(x.t0))
	}
	o.w.logf("%s: certified and forgotten", t)
	t.closed = true
	o.w.ledger.trail.forget(t.id)
}

// notices wants each notice once, but those of the countdown whose day came after an early end.
func (o *oracle) notices(t *tenant, x *exit) {
	for _, want := range []struct {
		kind  lifecycle.NoticeKind
		after time.Duration
	}{
		{lifecycle.NoticeWindow, 0}, {lifecycle.NoticeHalf, 15 * day}, {lifecycle.NoticeWeek, 23 * day}, {lifecycle.NoticeDays, 27 * day},
		{lifecycle.NoticeLast, 29 * day}, {lifecycle.NoticeSealed, 0},
	} {
		if n := x.notices[want.kind]; n != 1 && !x.corrupted && (want.after == 0 || !x.t0.Add(want.after).After(x.notBefore())) {
			o.fail(11, t, "notice %s went out %d times", want.kind, n)
		}
	}
}

// watch schedules the looks at the deadlines of an exit.
func (o *oracle) watch(t *tenant, x *exit) {
	active, residual, _ := x.deadlines(t)
	o.w.at(active.Add(time.Second), func() { o.due(t, x) })
	o.w.at(residual.Add(time.Second), func() { o.due(t, x) })
}

// due looks at an exit when a deadline has passed: invariants 3 and 4. While something is held no deadline runs, and after
// a release there is a new one.
func (o *oracle) due(t *tenant, x *exit) {
	if t.exit != x {
		return
	}
	active, residual, held := x.deadlines(t)
	if held {
		o.w.after(7*day, func() { o.due(t, x) })
		return
	}
	late := o.w.now.Sub(active)
	switch {
	case o.w.now.Before(active):
		o.w.at(active.Add(time.Second), func() { o.due(t, x) })
	case !t.closed && x.activeClear.IsZero() && !x.haunted:
		o.fail(3, t, "active systems are not clear %s after the deadline", late.Round(time.Hour))
	case o.w.now.Before(residual):
		o.w.at(residual.Add(time.Second), func() { o.due(t, x) })
	case !t.closed && x.residualClear.IsZero() && !x.haunted:
		o.fail(4, t, "residual copies are not clear %s after the deadline", o.w.now.Sub(residual).Round(time.Hour))
	}
}

// some names a row that is left.
func (o *oracle) some(t *tenant) string {
	for _, p := range o.w.places {
		if p == o.w.keys {
			continue
		}
		for _, r := range p.rows(t.id) {
			if r.cause != ghost || o.w.now.Sub(r.at) >= detectorDays {
				return fmt.Sprintf("%s %s, written %s", p.name, r.key, r.at.Format(time.RFC3339))
			}
		}
	}
	return ""
}

// document reads the certificate as anybody would who does not have our code.
func (o *oracle) document(t *tenant, x *exit, c lifecycle.CertificateRow) {
	var d struct {
		T0, NotBefore, SealedAt, ActiveClearAt, ResidualClearAt time.Time
		Stores                                                  []struct {
			Name  string
			After int64
		}
	}
	if err := json.Unmarshal(c.Document, &d); err != nil || len(c.Signature) == 0 {
		o.fail(11, t, "the certificate cannot be read: %v", err)
		return
	}
	if !d.T0.Equal(x.t0) && !x.corrupted {
		o.fail(11, t, "the certificate says that T0 was %s", d.T0.Format(time.RFC3339))
	}
	if d.SealedAt.Before(d.NotBefore) || d.ActiveClearAt.Before(d.SealedAt) || d.ResidualClearAt.Before(d.ActiveClearAt) {
		o.fail(11, t, "the instants of the certificate are out of order")
	}
	if len(d.Stores) != len(o.w.places) {
		o.fail(11, t, "the certificate names %d stores of %d", len(d.Stores), len(o.w.places))
	}
	for _, s := range d.Stores {
		if s.After != 0 {
			o.fail(11, t, "the certificate says that %d rows are left in %s", s.After, s.Name)
		}
	}
	o.verified(t, x, c)
	if bytes.Contains(c.Document, []byte(t.id)) || bytes.Contains(c.Document, []byte(t.name)) {
		o.fail(11, t, "the certificate names the tenant")
	}
}

// verified does what passportctl verify certificate does, and what it says has to be that every promise was kept, as far as
// it was. This is the one place where the oracle asks the code that it judges, since others will.
func (o *oracle) verified(t *tenant, x *exit, c lifecycle.CertificateRow) {
	d, err := certificate.Verify(c.Document, c.Signature, &o.w.ledger.trail.key.PrivateKey.PublicKey)
	if err != nil {
		o.fail(11, t, "the certificate is not good: %v", err)
		return
	}
	if broken := d.Violations(); len(broken) > 0 && !x.haunted && !x.corrupted {
		o.fail(11, t, "the certificate says that promises were broken: %s", strings.Join(broken, "; "))
	}
}

// enters counts how many tenants begin their deletion on a day: more than five, or than three times the mean of the thirty
// days before, only when a day has passed since somebody was called.
func (o *oracle) enters(t *tenant) {
	today := o.w.now.Truncate(day)
	before, count := 0, 1
	for _, at := range o.entered {
		switch at := at.Truncate(day); {
		case at.Equal(today):
			count++
		case !at.Before(today.Add(-30 * day)):
			before++
		}
	}
	o.entered = append(o.entered, o.w.now)
	limit := max(5, 3*before/30)
	if count <= limit {
		return
	}
	for _, r := range o.reached {
		if since := o.w.now.Sub(r); since > 23*time.Hour && since < 10*day {
			return
		}
	}
	o.fail(14, t, "%d tenants begin their deletion today, and %d may", count, limit)
}
