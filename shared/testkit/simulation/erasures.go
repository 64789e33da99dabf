package simulation

import (
	"context"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// erasure is the deletion of a passport or a person as it is in truth.
type erasure struct {
	tenant    *tenant
	passport  id.Passport
	person    id.Person
	asked     time.Time
	notBefore time.Time
	undone    bool
}

func (e *erasure) names(r *row) bool {
	return e.passport != "" && r.passport == e.passport || e.person != "" && r.person == e.person
}

// erasePassport asks for the deletion of a passport that was never published; some are taken back.
func (w *World) erasePassport(t *tenant, p *passport) {
	if p.Published {
		return // the law may keep it, and the application refuses
	}
	if _, err := w.engine.erasures.Passport(context.Background(), t.id, p.Passport, w.now); err != nil {
		return
	}
	e := &erasure{tenant: t, passport: p.Passport, asked: w.now, notBefore: w.now.Add(undoDays)}
	p.erasedAt = w.now
	t.erasures = append(t.erasures, e)
	w.stats.Erasures++
	w.logf("%s: passport %s is to be deleted", t, p.Passport)
	if w.dice.people.chance(0.3) {
		w.after(w.dice.people.between(0, undoDays), func() {
			if t.closed || t.exit != nil {
				return
			}
			if err := w.engine.erasures.Undo(context.Background(), t.id, p.Passport, w.now); err != nil {
				w.oracle.fail(7, t, "the deletion of a passport cannot be taken back within 7 days: %v", err)
				return
			}
			e.undone, p.erasedAt = true, time.Time{}
		})
	}
	w.at(e.notBefore.Add(eraseHours+w.patience()), func() { w.oracle.erased(e) })
}

// erasePerson erases somebody who is no owner and belongs to nobody else.
func (w *World) erasePerson(t *tenant) {
	last := t.members[len(t.members)-1]
	for _, other := range w.tenants {
		if other != t && slices.Contains(other.members, last) {
			return
		}
	}
	if _, err := w.engine.erasures.Person(context.Background(), t.id, last, w.now); err != nil {
		return
	}
	t.members = t.members[:len(t.members)-1]
	e := &erasure{tenant: t, person: last, asked: w.now, notBefore: w.now}
	t.erasures = append(t.erasures, e)
	w.stats.Erasures++
	w.logf("%s: person %s is to be erased", t, last)
	w.at(w.now.Add(7*day+w.patience()), func() { w.oracle.erased(e) })
}

// patience is what the faults of this run may add to a deadline of hours.
func (w *World) patience() time.Duration {
	p := 3 * w.mix.Step
	if w.mix.Outage > 0 {
		p += 84 * time.Hour
	}
	if w.mix.Down > 0 {
		p += 5 * day
	}
	if w.mix.Lie+w.mix.Throttle+w.mix.Partial+w.mix.CrashBefore+w.mix.CrashAfter+w.mix.Missed+w.mix.Jump+w.mix.Back+w.mix.Skew > 0 {
		p += 2 * day
	}
	return p
}

// erased wants nothing left of what was to be deleted, unless the contract has ended in the meantime or a hold keeps it.
func (o *oracle) erased(e *erasure) {
	t := e.tenant
	if e.undone || t.closed || t.exit != nil || e.interrupted(t) {
		return
	}
	for _, h := range t.holds {
		if h.approved && (h.till.IsZero() || h.till.After(e.asked)) {
			return
		}
	}
	for _, p := range o.w.places {
		for _, r := range p.rows(t.id) {
			if e.names(r) {
				o.fail(3, t, "%s %s should have been deleted", p.name, r.key)
			}
		}
	}
}

// interrupted: a termination since then, though taken back, has made the deletion wait.
func (e *erasure) interrupted(t *tenant) bool { return t.lastExit.After(e.asked) }
