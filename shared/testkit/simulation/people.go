package simulation

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// life reads the life of a tenant as the application does.
func (w *World) life(t *tenant) lifecycle.Life {
	l, err := w.ledger.lives.Life(context.Background(), t.id)
	if err != nil {
		panic(err)
	}
	return l
}

// may tells whether the application lets a tenant do something now.
func (w *World) may(t *tenant, c lifecycle.Capability) bool {
	return !t.closed && w.life(t).Record.Can(c, w.now) == nil
}

// owner is one of the owners of a tenant, as a caller.
func (w *World) owner(t *tenant, which int) access.Caller {
	return access.Caller{
		Tenant: t.id, Actor: string(access.Person) + ":" + string(t.members[which]), Role: access.Owner,
		Request: id.New[id.Request](w.ids), At: w.now,
	}
}

// change stores a step that somebody of the tenant, or an operator, takes, as the API does.
func (w *World) change(t *tenant, by access.Caller, do func(lifecycle.Record) (lifecycle.Record, audit.Event, error)) error {
	l := w.life(t)
	after, event, err := do(l.Record)
	if err != nil || event == "" {
		return err
	}
	e := audit.New(w.ids, by, event, "tenant:"+string(t.id), "", "")
	switch event {
	case lifecycle.EventTerminated:
		e = e.With("effectiveAt", after.EffectiveAt.Format(time.RFC3339Nano))
	case lifecycle.EventExpedited:
		e = e.With("confirmedAt", after.Expedited.ConfirmedAt.Format(time.RFC3339Nano))
	default:
	}
	s := lifecycle.Step{Before: l.Record, After: l, Entries: []audit.Entry{e}, Notices: []audit.Notice{audit.NoticeOf(w.ids, e)}}
	s.After.Record = after
	s.After.History = append(l.History, lifecycle.Moment{Event: event, At: w.now, Actor: by.Actor, Detail: e.Detail})
	s.After.DueAt = time.Time{}
	if after.Begins() != (time.Time{}) {
		s.After.DueAt = w.now
	}
	return w.ledger.lives.Step(context.Background(), s)
}

// terminate ends a contract at an instant; the truth is written down before the platform is told.
func (w *World) terminate(t *tenant, ahead time.Duration) bool {
	if t.closed || t.exit != nil || !w.may(t, lifecycle.Leave) {
		return false
	}
	by, effective := w.owner(t, 0), w.now.Add(ahead)
	x := &exit{noticed: w.now, t0: effective, notices: map[lifecycle.NoticeKind]int{}, longest: []policyTerms{terms(lifecycle.Current()), terms(w.policy)}}
	t.exit = x
	err := w.change(t, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.Terminate(r, by, lifecycle.Termination{EffectiveAt: effective, Confirmation: t.name, Name: t.name, Policy: w.policy}, w.now)
	})
	if err != nil {
		w.logf("%s: terminate: %v", t, err)
		t.exit = nil
		return false
	}
	t.lastExit = w.now
	w.stats.Exits++
	w.logf("%s: leaves, T0 %s, not before %s", t, x.t0.Format(time.RFC3339), x.notBefore().Format(time.RFC3339))
	w.at(x.t0, func() { w.begins(t, x) })
	w.oracle.watch(t, x)
	return true
}

// begins is T0.
func (w *World) begins(t *tenant, x *exit) {
	if t.exit != x {
		return
	}
	x.digest, x.taken = w.digest(t.id), true
	for range 2 {
		w.at(x.t0.Add(w.dice.people.between(0, windowDays)), func() { w.oracle.probe(t, x, "at random") })
	}
	w.at(x.t0.Add(windowDays), func() { w.oracle.probe(t, x, "after 30 days") })
	w.at(x.notBefore().Add(-time.Second), func() { w.oracle.probe(t, x, "in the last second") })
}

// reinstate takes a termination back, if it still can be.
func (w *World) reinstate(t *tenant, x *exit) {
	if t.closed || t.exit != x {
		return
	}
	by := w.owner(t, w.dice.people.IntN(2))
	err := w.change(t, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.Reinstate(r, by, w.now)
	})
	if err != nil {
		if w.now.Before(x.notBefore()) && !x.broken {
			w.oracle.fail(2, t, "it cannot be taken up again: %v", err)
		}
		return
	}
	if x.taken && !x.corrupted && w.digest(t.id) != x.digest {
		w.oracle.fail(10, t, "it is not what it was at T0")
	}
	w.stats.Reinstated++
	t.exit = nil
}

// expedite asks for an early end; another owner agrees some time later, and one in four thinks again.
func (w *World) expedite(t *tenant, x *exit) {
	d := w.dice.people
	first, second := w.owner(t, 0), w.owner(t, 1)
	ask := func(by access.Caller, do func(lifecycle.Record, access.Caller, time.Time) (lifecycle.Record, audit.Event, error)) error {
		if t.exit != x || t.closed {
			return errors.New("it is too late")
		}
		by.At = w.now
		return w.change(t, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) { return do(r, by, w.now) })
	}
	if ask(first, lifecycle.Expedite) != nil {
		return
	}
	w.after(d.between(0, 4*day), func() {
		if ask(first, lifecycle.ConfirmExpedite) == nil {
			w.oracle.fail(2, t, "one owner alone has shortened the window")
		}
		now := w.now
		if ask(second, lifecycle.ConfirmExpedite) != nil {
			return
		}
		x.consent = now
		w.logf("%s: two owners want an early end, not before %s", t, x.notBefore().Format(time.RFC3339))
		if d.chance(0.25) {
			w.after(d.between(0, 70*time.Hour), func() {
				if ask(second, lifecycle.DropExpedite) == nil {
					x.consent = time.Time{}
				}
			})
		}
	})
}

// suspend and activate are the operator's.
func (w *World) suspend(t *tenant) {
	operator := access.Caller{Tenant: t.id, Actor: "operator:1", Request: id.New[id.Request](w.ids), At: w.now}
	if t.closed || w.change(t, operator, lifecycle.Suspend) != nil {
		return
	}
	w.after(w.dice.people.between(day, 200*day), func() {
		if !t.closed {
			_ = w.change(t, operator, lifecycle.Activate) // it may have left in the meantime
		}
	})
}

// hand over some passports, while the window is open.
func (w *World) handOver(t *tenant, x *exit) {
	if t.exit != x || t.closed || !w.may(t, lifecycle.Read) {
		return
	}
	by := w.owner(t, 0)
	for _, p := range t.passports {
		if !w.dice.people.chance(0.4) || !p.erasedAt.IsZero() {
			continue
		}
		law, err := lifecycle.LoadLaw()
		if err != nil {
			panic(err)
		}
		c := lifecycle.Choice{SuccessorURL: "https://successor.example/p/" + string(p.Passport), DeclaredBy: by.Actor, DeclaredAt: w.now}
		if _, err := lifecycle.Choose(p.PassportFacts, c, law, w.now); err != nil {
			continue
		}
		p.choice = c
		e := audit.New(w.ids, by, lifecycle.EventDispositionSet, "passport:"+string(p.Passport), "", "")
		if err := w.ledger.choices.Choose(context.Background(), t.id, p.Passport, c, e); err != nil {
			panic(err)
		}
	}
}
