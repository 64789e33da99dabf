package simulation

import (
	"context"
	"slices"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// hold asks for a legal hold on something of a tenant: some are never approved, some are reviewed, some overdue, and
// each that was approved is released in the end.
func (w *World) hold(t *tenant) {
	if t.closed {
		return
	}
	d := w.dice.people
	scope := lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: t.id}
	alive := slices.DeleteFunc(slices.Clone(t.passports), func(p *passport) bool { return !p.erasedAt.IsZero() })
	switch n := d.IntN(4); {
	case n == 1 && len(alive) > 0:
		scope.Kind, scope.Passport = lifecycle.ScopePassport, alive[d.IntN(len(alive))].Passport
	case n == 2:
		scope.Kind, scope.User = lifecycle.ScopeUser, t.members[d.IntN(len(t.members))]
	case n == 3 && len(alive) > 1:
		i := d.IntN(len(alive) - 1)
		scope.Kind, scope.From, scope.To = lifecycle.ScopeRange, alive[i].Passport, alive[i+1+d.IntN(len(alive)-i-1)].Passport
	}
	h := &held{scope: scope, id: string(id.New[id.Request](w.ids))}
	basis := lifecycle.Basis{Act: "Code of Civil Procedure", Article: "21", Case: "C/09/1"}
	asked, err := lifecycle.Ask(h.id, scope, basis, "operator:1", w.now.Add(d.between(30*day, 89*day)), 90*day, w.now)
	if err != nil {
		panic(err)
	}
	w.saveHold(t, nil, asked, lifecycle.EventHoldAsked)
	if _, err := asked.Approve("operator:1", w.now); err == nil {
		w.oracle.fail(7, t, "one person alone has put a hold in force")
	}
	if d.chance(0.15) {
		return // nobody approves it
	}
	w.after(d.between(0, 2*day), func() {
		if t.closed {
			return
		}
		approved, err := asked.Approve("operator:2", w.now)
		if err != nil {
			panic(err)
		}
		t.holds = append(t.holds, h)
		h.from, h.approved = w.now, true
		w.saveHold(t, &asked, approved, lifecycle.EventHoldApproved)
		w.logf("%s: hold on %s in force: %s", t, scope.Kind, h.id)
		w.after(d.between(day, 150*day), func() {
			released, err := approved.Release("operator:2", w.now)
			if err != nil {
				panic(err)
			}
			h.till = w.now
			w.saveHold(t, &approved, released, lifecycle.EventHoldReleased)
			w.logf("%s: hold released: %s", t, h.id)
		})
	})
}

func (w *World) saveHold(t *tenant, before *lifecycle.Hold, after lifecycle.Hold, event audit.Event) {
	by := access.Caller{Tenant: t.id, Actor: "operator:1", Request: id.New[id.Request](w.ids), At: w.now}
	e := audit.New(w.ids, by, event, "hold:"+after.ID, "", "")
	if err := w.ledger.holds.Save(context.Background(), before, after, e); err != nil {
		panic(err)
	}
	w.stats.Holds++
}
