package simulation

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// back sees a row that a restored backup brings back: invariant 6.
func (o *oracle) back(r *row) {
	t := o.w.byID[r.tenant]
	if r.cause == ghost || !t.closed && o.held(t, r) {
		return
	}
	switch {
	case t.closed:
		o.fail(6, t, "%s %s came back from a backup after the certificate", r.place.name, r.key)
	case t.exit != nil && !t.exit.deleting.IsZero():
		o.fail(6, t, "%s %s came back from a backup while the tenant is being deleted", r.place.name, r.key)
	default:
		for _, e := range t.erasures {
			if !e.undone && e.names(r) && o.w.now.After(e.notBefore.Add(2*time.Hour)) && !r.gone.IsZero() {
				o.fail(6, t, "%s %s came back from a backup after its deletion", r.place.name, r.key)
			}
		}
	}
}

// daily looks at what must hold every day: invariants 6 and 12.
func (o *oracle) daily() {
	w := o.w
	calm := w.now.Sub(epoch()) > 2*day && w.now.After(w.engine.outage.Add(3*day))
	if calm && len(w.backups.points) > 0 {
		newest := w.backups.points[len(w.backups.points)-1].made
		if age := w.now.Sub(newest); age > 25*time.Hour {
			o.fail(12, nil, "the newest backup is %s old", age.Round(time.Hour))
		}
	}
	w.backups.clean()
	for _, p := range w.backups.points {
		age, allowed := w.now.Sub(p.made), copyDays
		if p.kind == "native" { // removed by a daily job, which may fail
			allowed += day + w.patience() + 6*day
		}
		if age > allowed {
			o.fail(12, nil, "backup %s is %s old", p.id, age.Round(time.Hour))
			p.made = w.now // said once
		}
	}
	for _, t := range w.tenants {
		if t.closed {
			o.gone(t)
		}
	}
	if x := w.now.Sub(epoch()); int(x/day)%30 == 0 {
		o.custody()
	}
}

// gone wants nothing of a certified tenant anywhere, but what was written since by nobody knows whom and the weekly search
// has still to find.
func (o *oracle) gone(t *tenant) {
	allowed := detectorDays + o.w.patience()
	if o.w.mix.Lie+o.w.mix.Throttle+o.w.mix.CrashBefore+o.w.mix.CrashAfter > 0 { // the search of one week fails, or its deletion was a lie
		allowed += 8 * day
	}
	for _, p := range o.w.places {
		s, ok := p.shelves[t.id]
		if !ok || len(s.live) == 0 {
			continue
		}
		for _, r := range p.rows(t.id) {
			if r.cause != ghost && r.cause != restored || o.w.now.Sub(r.at) > allowed {
				o.fail(6, t, "%s %s is there after the certificate", p.name, r.key)
				o.w.stats.Residual++
				r.at = o.w.now // said once
			}
		}
	}
}

// custody wants everything kept to end on its date.
func (o *oracle) custody() {
	for _, p := range o.w.custodyOrder {
		k := o.w.custody[p]
		if k.disposition.Kind != lifecycle.Custody {
			continue
		}
		if o.w.now.After(k.disposition.Until.Add(2*day + o.w.patience())) {
			o.fail(9, k.tenant, "passport %s is kept beyond %s", p, k.disposition.Until.Format(time.DateOnly))
		}
	}
}
