package retention_test

import (
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// TestStoreNobodyCounts holds that there is no certificate while a store is left out of the count.
func TestStoreNobodyCounts(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 1, true)
	w.comes(leaver, lifecycle.ResidualClear)
	for range 24 {
		a := w.auditor()
		a.Stores = a.Stores[1:]
		if err := a.Run(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		if err := w.tick().Run(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
	}
	if w.state(leaver) != lifecycle.ResidualClear {
		t.Fatalf("%s without a count of every store", w.state(leaver))
	}
	w.comes(leaver, lifecycle.Certified)
}

// TestDecidedAsSealed holds that a custodian that comes late decides by what counted when the window closed.
func TestDecidedAsSealed(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 1, true)
	w.until(2*time.Hour, 12*40, func() bool {
		if err := w.tick().Run(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		return w.state(leaver) == lifecycle.Sealed
	})
	f := &w.cases[leaver][0].Facts
	f.PlacedAt, f.PublishedAt = time.Time{}, w.lives.all[leaver].Record.SealedAt.AddDate(-30, 0, 0) // kept until the end of that day
	clear(w.kept)
	for name, k := range w.works.all {
		if k.Kind == retention.Dispose { // nobody has begun
			k.Cursor, k.Done, k.State, k.Digest = "", time.Time{}, nil, nil
			w.works.all[name] = k
		}
	}
	w.now = w.now.Add(2 * day)
	if err := w.custodian().Run(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if d := w.kept[f.Passport]; d.Kind != lifecycle.Custody {
		t.Errorf("%+v", d)
	}
}

// TestErasureTooEarly holds that work that says that it is due, for something that can still be taken back, does nothing and
// is noticed.
func TestErasureTooEarly(t *testing.T) {
	w := found(t)
	tenant := w.tenant(1, 1, false)
	k := retention.ErasePassport(tenant, passportID(1000), w.now, w.now.Add(day))
	k.NotBefore = w.now
	if err := w.works.Add(t.Context(), k); err != nil {
		t.Fatal(err)
	}
	w.work()
	if !w.has(passportID(1000)) || w.figures[retention.EarlyDestructiveAttempt] != 1 {
		t.Errorf("%v", w.figures)
	}
}

// TestErasureSpares holds that a hold on a person keeps what is theirs when a passport goes, for as long as it is in force.
func TestErasureSpares(t *testing.T) {
	w := found(t)
	tenant, p, held := w.tenant(1, 3, false), passportID(1001), personID(55)
	w.shelf("objects").rows = append(w.shelf("objects").rows, row{tenant: tenant, passport: p, person: held, name: "evidence"})
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeUser, Tenant: tenant, User: held})
	asked := w.now
	if _, err := w.erasures().Passport(t.Context(), tenant, p, w.now); err != nil {
		t.Fatal(err)
	}
	w.now = asked.Add(7*day + time.Hour)
	w.work()
	w.now = w.now.Add(3 * time.Hour)
	w.work()
	if n := len(w.shelf("objects").rows); n != 3 || !w.has(p) || len(w.shelf("records").rows) != 2 {
		t.Errorf("%d objects, %d records", n, len(w.shelf("records").rows))
	}
	if closed, _ := w.Closed(t.Context(), retention.Order{Tenant: tenant, Passport: p, Asked: asked}); closed {
		t.Error("the journal says that it is done")
	}
	w.holds.all[0].ReleasedAt, w.holds.all[0].ReleasedBy = w.now, "person:b"
	w.now = w.now.Add(2 * time.Hour)
	w.work()
	if w.has(p) || len(w.works.all) != 0 {
		t.Error("it was forgotten")
	}
}

// TestPlanHolds holds that a plan names the holds in force, and no other.
func TestPlanHolds(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 2, true)
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: leaver, Passport: passportID(1000)})
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: leaver})
	w.holds.all[1].ApprovedBy, w.holds.all[1].ApprovedAt = "", time.Time{}
	w.until(2*time.Hour, 12*40, func() bool { return w.lives.all[leaver].Record.PlanHash != "" })
	p, err := retention.ReadPlan(w.lives.all[leaver].Plan)
	if err != nil || len(p.Holds) != 1 || p.Holds[0].Scope != lifecycle.ScopePassport || p.Holds[0].Act == "" {
		t.Errorf("%v %+v", err, p.Holds)
	}
}

// TestAdopt holds that a new policy counts for a running termination where it is stricter, once, and nowhere else.
func TestAdopt(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 1, true)
	w.all()
	r := w.lives.all[leaver].Record
	strict, lax := lifecycle.Current(), lifecycle.Current()
	strict.Version, strict.Active, strict.Proof = "strict", 55*day, 30*day
	lax.Version = "lax"
	run := func(p lifecycle.Policy) {
		w.now = w.now.Add(16 * day)
		w.mark = time.Time{}
		tick := w.tick()
		tick.Policy = p
		if err := tick.Run(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
	}
	steps := len(w.lives.steps)
	run(lax)
	if len(w.lives.all[leaver].Record.Later) != 0 {
		t.Error("a policy that changes nothing was written down")
	}
	run(strict)
	after := w.lives.all[leaver].Record
	if !after.Deadlines().ActiveBy.Equal(r.EffectiveAt.Add(55*day)) || after.Deadlines().NotBefore.Before(r.Deadlines().NotBefore) || len(after.Later) != 1 || len(w.lives.steps) == steps {
		t.Errorf("%+v", after)
	}
	run(strict)
	if n := len(w.lives.all[leaver].Record.Later); n != 1 {
		t.Errorf("written down %d times", n)
	}
}
