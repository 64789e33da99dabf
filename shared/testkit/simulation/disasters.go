package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// daily draws what a day brings.
func (w *World) daily() {
	d := w.dice.schedule
	var quiet time.Time // no second outage before that: the promise stands on schedulers that run most of the time
	w.every(day, func() time.Duration {
		if d.chance(w.mix.Outage) && w.now.After(quiet) {
			length := d.between(time.Hour, 72*time.Hour)
			w.engine.outage, quiet = w.now.Add(length), w.now.Add(length+10*day)
			w.logf("nothing runs for %s", length.Round(time.Minute))
		}
		if d.chance(w.mix.Halt) && w.now.After(quiet.Add(30*day)) {
			length := d.between(5*day+time.Hour, 7*day)
			w.engine.outage, quiet = w.now.Add(length), w.now.Add(length+20*day)
			w.injected("halt")
			w.logf("nothing runs for %s, and then only with an operator's word", length.Round(time.Minute))
			w.after(length, w.resume)
		}
		if d.chance(w.mix.Lost) {
			w.loseDue()
		}
		if d.chance(w.mix.Down) {
			for _, p := range w.places {
				if p.outside && w.now.After(p.downTill.Add(5*day)) {
					p.downTill = w.now.Add(d.between(time.Hour, 4*day))
					w.logf("%s is down until %s", p.provider, p.downTill.Format(time.RFC3339))
					break
				}
			}
		}
		if d.chance(w.mix.Shrug) {
			w.backups.shrugs = w.now.Add(d.between(time.Hour, 5*day))
		}
		if d.chance(0.02) {
			w.backups.make("native")
		}
		if d.chance(w.mix.Restore) {
			w.restore()
		}
		if d.chance(w.mix.MassExit) {
			w.massExit()
		}
		if d.chance(w.mix.Policy / 365) {
			w.repolicy()
		}
		return day
	})
	w.every(27*time.Hour, func() time.Duration {
		w.oracle.daily()
		return day
	})
	w.every(9*day, func() time.Duration {
		oldest, complete, err := w.backups.Oldest(context.Background())
		if err == nil {
			_, err = w.journals.Prune(context.Background(), oldest, complete)
		}
		if err != nil {
			panic(err)
		}
		return 30 * day
	})
}

// resume is an operator's word that the silence was an outage and the clock is right.
func (w *World) resume() {
	high, _, err := w.ledger.guards.Mark(context.Background())
	if err != nil {
		panic(err)
	}
	w.ledger.guards.Say(lifecycle.Resume{Above: high, UpTo: w.now.Add(2 * day), SignedBy: "operator:1", Entry: string(id.New[id.Entry](w.ids))})
}

// loseDue takes a tenant that leaves out of the list of what is due, as an index that lost a row would.
func (w *World) loseDue() {
	for _, t := range w.tenants {
		if t.exit != nil && !t.closed && w.dice.schedule.chance(0.3) {
			w.injected("due row lost")
			w.ledger.lives.Lose(t.id)
			return
		}
	}
}

// massExit lets half of the customers leave within an hour.
func (w *World) massExit() {
	w.injected("mass exit")
	for _, t := range w.tenants {
		if !t.closed && t.exit == nil && w.dice.script.chance(0.5) {
			w.after(w.dice.script.between(0, time.Hour), func() { w.leave(t) })
		}
	}
}

// repolicy makes another policy that of the build: in some durations stricter, in some not.
func (w *World) repolicy() {
	d := w.dice.people
	p := lifecycle.Current()
	p.Version = fmt.Sprintf("%s-%d", w.now.Format("2006-01"), w.dice.people.IntN(1000))
	switch d.IntN(4) {
	case 0:
		p.Window += day
	case 1:
		p.Active -= 3 * day
	case 2:
		p.Drain += 2 * time.Hour
	case 3:
		p.Residual, p.Active = p.Residual-day, p.Active-2*day
	}
	if err := p.Check(); err != nil {
		panic(err)
	}
	w.injected("policy changed")
	w.logf("another policy: %s", p.Version)
	w.policy, w.engine.tick.Policy = p, p
	for _, t := range w.tenants { // what is running keeps the stricter of both; a window that has closed is not opened again
		switch x := t.exit; {
		case x == nil || t.closed:
		case x.sealed.IsZero():
			x.latest = terms(p)
		default:
			x.longest = append(x.longest, policyTerms{active: p.Active, residual: p.Residual})
		}
	}
}
