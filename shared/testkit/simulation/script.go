package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// script lets a tenant come at some time and do what customers do.
func (w *World) script(at time.Duration) {
	w.after(at, func() {
		t := w.found()
		d := w.dice.script
		w.after(d.between(0, 30*day), func() { w.busy(t) })
		if d.chance(0.85) {
			w.after(d.between(10*day, w.life5()), func() { w.leave(t) })
		}
		if d.chance(0.1) {
			w.after(d.between(0, w.life5()), func() { w.suspend(t) })
		}
		if d.chance(w.mix.Hold) {
			w.after(d.between(0, w.life5()), func() { w.hold(t) })
		}
	})
}

// life5 is how long a tenant may stay: most of a run.
func (w *World) life5() time.Duration { return max(30*day, w.end.Sub(w.now)*3/4) }

// busy is a customer at work, every some weeks, as long as it may write.
func (w *World) busy(t *tenant) {
	if t.closed {
		return
	}
	if w.may(t, lifecycle.Write) {
		w.work(t)
	}
	w.after(w.dice.people.between(10*day, 90*day), func() { w.busy(t) })
}

// work is what a customer does in one sitting. Now and then something of it is written some minutes later, by a process
// that began while it was allowed: the fence lets it through only in the same epoch.
func (w *World) work(t *tenant) {
	d := w.dice.people
	alive := t.passports[:0:0]
	for _, p := range t.passports {
		if p.erasedAt.IsZero() {
			alive = append(alive, p)
		}
	}
	switch n := d.IntN(10); {
	case n < 2 || len(alive) == 0:
		w.create(t)
	case n == 2:
		w.recycle(alive[d.IntN(len(alive))])
	case n == 3 && len(alive) > 1:
		w.erasePassport(t, alive[d.IntN(len(alive))])
	case n == 4 && len(t.members) > 3:
		w.erasePerson(t)
	case n == 5:
		w.join(t)
	default:
		p := alive[d.IntN(len(alive))]
		if !p.Published && d.chance(0.5) {
			w.publish(t, p)
		}
		epoch := w.life(t).Record.Epoch
		w.after(d.between(0, 15*time.Minute), func() {
			if w.may(t, lifecycle.Write) && w.life(t).Record.Epoch == epoch && p.erasedAt.IsZero() {
				w.version(t, p, work)
			}
		})
	}
	if d.chance(0.1) {
		w.export(t, d.between(time.Minute, 2*time.Hour))
	}
}

func (w *World) recycle(p *passport) {
	if p.Group == "battery" && p.Published {
		p.RecycledAt = w.now
	}
}

// leave ends a contract, and whatever follows from it.
func (w *World) leave(t *tenant) {
	d := w.dice.script
	ahead := time.Duration(0)
	if d.chance(0.3) {
		ahead = d.between(time.Hour, 60*day)
	}
	if !w.terminate(t, ahead) {
		return
	}
	x := t.exit
	end := x.notBefore().Sub(w.now)
	if d.chance(w.mix.Expedite) {
		w.after(d.between(0, end), func() { w.expedite(t, x) })
	}
	if d.chance(0.5) {
		w.after(d.between(ahead, end), func() { w.handOver(t, x) })
	}
	if d.chance(0.3) { // it takes everything away in the last hours
		w.after(end-d.between(time.Minute, 3*time.Hour), func() { w.export(t, d.between(time.Hour, 40*time.Hour)) })
	}
	if d.chance(w.mix.Corrupt) {
		w.after(d.between(ahead, end), func() { w.corrupt(t, x) })
	}
	if d.chance(w.mix.Hold) {
		w.after(d.between(0, 100*day), func() { w.hold(t) })
	}
	if d.chance(w.mix.Reinstate) {
		when := pick(d, d.between(0, end), end-time.Second, end+d.between(0, day))
		w.after(when, func() {
			w.reinstate(t, x)
			w.after(d.between(0, 200*day), func() { w.leave(t) })
		})
	}
}

// corrupt changes a row behind everybody's back: T0 as if it had been weeks earlier. Some days later somebody notices and
// puts it right.
func (w *World) corrupt(t *tenant, x *exit) {
	l := w.life(t)
	if t.exit != x || t.closed || l.Record.State != lifecycle.Window && l.Record.State != lifecycle.Sealed {
		return
	}
	w.injected("life row corrupted")
	right := l.Record
	by := w.dice.faults.between(20*day, 70*day)
	x.corrupted, x.broken = true, true
	w.logf("%s: its row is corrupted: T0 %s earlier", t, by.Round(time.Hour))
	w.ledger.lives.Overwrite(t.id, func(l *lifecycle.Life) {
		r := &l.Record
		r.T0, r.EffectiveAt, r.NoticedAt, r.Revision = r.T0.Add(-by), r.EffectiveAt.Add(-by), r.NoticedAt.Add(-by), r.Revision+1
		l.DueAt = w.now
	})
	w.after(w.dice.faults.between(day, 5*day), func() {
		if s := w.life0(t); s != lifecycle.Window && s != lifecycle.Sealed {
			return // by now the deletion has begun, as it had to: the early T0 only makes it hurry
		}
		w.ledger.lives.Overwrite(t.id, func(l *lifecycle.Life) {
			is := l.Record
			l.Record.T0, l.Record.EffectiveAt, l.Record.NoticedAt = right.T0, right.EffectiveAt, right.NoticedAt
			if is.State == lifecycle.Sealed && right.State == lifecycle.Window {
				notices := is.Notices
				l.Record = right
				l.Record.Epoch, l.Record.Notices, l.Plan = is.Epoch+1, notices, nil
				x.sealed = time.Time{}
			}
			l.Record.Revision = is.Revision + 1
			l.DueAt = w.now
		})
		w.says(w.life(t).Record)
		if _, err := w.ledger.works.Of(context.Background(), t.id); err == nil && w.life(t).Record.State == lifecycle.Window {
			_ = w.ledger.works.Remove(context.Background(), t.id)
		}
		x.broken = false
		w.logf("%s: its row is put right", t)
	})
}

// onSealed is what still comes after a seal: what was under way, within the drain, and what nobody can explain.
func (w *World) onSealed(t *tenant) {
	d := w.dice.faults
	if d.chance(w.mix.Straggle) {
		for range 1 + d.IntN(3) {
			w.after(d.between(0, 24*time.Hour), func() { w.stray(t, straggler) })
		}
	}
	if d.chance(w.mix.Ghost) {
		w.after(d.between(2*day, 120*day), func() { w.stray(t, ghost) })
	}
}

// stray writes something into some place for a tenant that is sealed.
func (w *World) stray(t *tenant, why cause) {
	if w.life0(t) == lifecycle.Window {
		return
	}
	if why == ghost {
		if t.exit == nil {
			return
		}
		t.exit.haunted = true
	}
	t.serial++
	p := w.places[w.dice.faults.IntN(len(w.places)-1)] // not a key
	w.injected([]string{"", "straggling write", "write long after"}[why])
	w.logf("%s: a stray write into %s", t, p.name)
	p.put(row{tenant: t.id, key: fmt.Sprintf("stray#%d", t.serial), kind: "stray", value: w.dice.faults.Uint64(), cause: why})
}

// life0 is the state of a tenant, "" when it is forgotten.
func (w *World) life0(t *tenant) lifecycle.State {
	if t.closed {
		return ""
	}
	return w.life(t).Record.State
}
