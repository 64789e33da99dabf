package retention_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// sealed is a world with one tenant that was sealed just now, with so many passports.
func sealed(t *testing.T, passports int) (*world, id.Tenant) {
	t.Helper()
	w := found(t)
	leaver := w.tenant(1, passports, true)
	w.comes(leaver, lifecycle.Sealed)
	w.now = w.lives.all[leaver].Record.SealedAt.Add(2 * time.Hour)
	return w, leaver
}

func (w *world) dispose(t id.Tenant) retention.Work {
	return w.works.all[workName(retention.Work{Tenant: t, Kind: retention.Dispose})]
}

// TestCustodian holds that every passport is decided about once, and that a run that was killed on any page changes
// nothing about the decisions or their digest.
func TestCustodian(t *testing.T) {
	decided := func(killAt int) (retention.Plan, string) {
		w, leaver := sealed(t, 9)
		if err := w.tick().Run(t.Context(), w.now); err != nil { // adds the work if it is not there
			t.Fatal(err)
		}
		w.keepFails = killAt
		for range 20 {
			if err := w.custodian().Run(t.Context(), w.now); err != nil {
				t.Fatal(err)
			}
			w.now = w.now.Add(30 * time.Minute)
		}
		w.until(time.Hour, 24*3, func() bool { return w.lives.all[leaver].Record.PlanHash != "" })
		l := w.lives.all[leaver]
		p, err := retention.ReadPlan(l.Plan)
		if err != nil {
			t.Fatal(err)
		}
		if len(w.kept) != 9 || l.CertificateID == "" || !strings.HasPrefix(l.CertificateSecret, "sha-256:") {
			t.Errorf("%d passports kept, %+v", len(w.kept), l)
		}
		return p, p.Passports.Digest
	}
	plan, digest := decided(0)
	if plan.Passports.Count != 9 || len(plan.Passports.Tally) != 2 || len(plan.Passports.Listed) != 5 || len(plan.Stores) != 6 || plan.Stores[1].Items != 9 {
		t.Errorf("%+v", plan)
	}
	for _, l := range plan.Passports.Listed {
		if l.Kind != lifecycle.Custody || l.Basis.Act == "" || l.Until.IsZero() {
			t.Errorf("%+v", l)
		}
	}
	for killed := 1; killed <= 9; killed++ {
		if again, d := decided(killed); d != digest || again.Passports.Count != 9 {
			t.Errorf("killed at passport %d: %s instead of %s, %d decided", killed, d, digest, again.Passports.Count)
		}
	}
}

// TestUndecidable holds that nothing is deleted while nobody can say what the law wants with one passport.
func TestUndecidable(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 3, true)
	w.cases[leaver][1].Facts.Group = "unheard-of"
	w.comes(leaver, lifecycle.Sealed)
	for range 24 * 10 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	if k := w.dispose(leaver); w.state(leaver) != lifecycle.Sealed || k.Why != "product-group-unknown" || w.rows(leaver) != 18 {
		t.Fatalf("%s, %+v", w.state(leaver), k)
	}
	w.cases[leaver][1].Facts.Group = "general"
	w.comes(leaver, lifecycle.Certified)
}

// TestPlanNames holds that a plan names so many passports one by one, and counts the rest.
func TestPlanNames(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 2*retention.MaxListed+20, true)
	w.until(2*time.Hour, 12*40, func() bool { return w.lives.all[leaver].Record.PlanHash != "" })
	p, err := retention.ReadPlan(w.lives.all[leaver].Plan)
	if err != nil || len(p.Passports.Listed) != retention.MaxListed || p.Passports.More != 10 || len(w.lives.all[leaver].Plan) > 200_000 {
		t.Errorf("%v: %d listed, %d more, %d bytes", err, len(p.Passports.Listed), p.Passports.More, len(w.lives.all[leaver].Plan))
	}
}

// TestBeforeTheBeginning holds what the deletion waits for, one by one: the plan, the decisions, the keys turned off, and
// the proof from the log.
func TestBeforeTheBeginning(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*world)
		fix   func(*world)
		stays lifecycle.State
	}{
		{"no proof", func(w *world) { w.proof = func(lifecycle.Record) *lifecycle.LogProof { return nil } }, func(w *world) { w.proof = w.proven }, lifecycle.Sealed},
		{"no keys", func(w *world) { w.switchFails = errors.New("down") }, func(w *world) { w.switchFails = nil }, lifecycle.Sealed},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := found(t)
			leaver := w.tenant(1, 2, true)
			w.until(2*time.Hour, 12*40, func() bool { return w.now.After(w.lives.all[leaver].Record.EffectiveAt.Add(26 * day)) })
			c.spoil(w)
			for range 12 * 14 {
				_ = w.tick().Run(t.Context(), w.now) // some of these fail
				for _, job := range []string{"custodian", "worker", "auditor"} {
					if err := w.jobs()[job](t.Context(), w.now); err != nil {
						t.Fatal(err)
					}
				}
				w.now = w.now.Add(2 * time.Hour)
			}
			if w.state(leaver) != c.stays || w.rows(leaver) != 12 {
				t.Fatalf("%s, %d rows", w.state(leaver), w.rows(leaver))
			}
			c.fix(w)
			w.comes(leaver, lifecycle.Certified)
			for _, k := range lifecycle.NoticeKinds() {
				if _, n := w.mail(leaver, k); n != 1 {
					t.Errorf("%s went out %d times", k, n)
				}
			}
		})
	}
}

// TestNobodyCanBeReached holds that the window does not close without its notices while the mail is down for some days, and
// that an organisation whose owners take no mail for good is deleted in time all the same: what was not delivered is
// written down.
func TestNobodyCanBeReached(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 2, true)
	ends := func() time.Time { return w.lives.all[leaver].Record.Deadlines().NotBefore }
	until := func(when time.Time) {
		t.Helper()
		for w.now.Before(when) {
			_ = w.tick().Run(t.Context(), w.now) // fails while a mail does
			for _, job := range []string{"custodian", "worker", "auditor"} {
				if err := w.jobs()[job](t.Context(), w.now); err != nil {
					t.Fatal(err)
				}
			}
			w.now = w.now.Add(2 * time.Hour)
		}
	}
	until(w.lives.all[leaver].Record.EffectiveAt.Add(26 * day))
	w.mailFails = errors.New("down")
	until(ends().Add(lifecycle.Insistence - 2*time.Hour))
	if w.state(leaver) != lifecycle.Window {
		t.Fatalf("%s, and two notices did not go out", w.state(leaver))
	}
	until(ends().Add(lifecycle.Insistence + 6*time.Hour))
	if w.state(leaver) != lifecycle.Sealed {
		t.Fatalf("nobody can be reached, and it is %s", w.state(leaver))
	}
	r := w.lives.all[leaver].Record
	until(r.SealedAt.Add(lifecycle.Insistence + 12*time.Hour))
	history := w.lives.all[leaver].History
	w.comes(leaver, lifecycle.ActiveClear)
	if w.now.After(r.Deadlines().ActiveBy) {
		t.Errorf("it was deleted at %s, and was to be by %s", w.now, r.Deadlines().ActiveBy)
	}
	lost := 0
	for _, m := range history {
		if m.Detail["reached"] == "0" {
			lost++
		}
	}
	if lost != 3 { // two of the countdown, and the last
		t.Errorf("%d notices are said to be undeliverable", lost)
	}
}

// TestOneCannotBeReached holds that an owner who takes no mail keeps nothing waiting as long as another one does: the window
// closes when it was to.
func TestOneCannotBeReached(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 2, true)
	w.mailFails, w.reached = errors.New("the mailbox of one of two is full"), 1
	ends := time.Time{}
	for range 12 * 40 {
		_ = w.tick().Run(t.Context(), w.now) // fails, so that the other one is tried again
		if r := w.lives.all[leaver].Record; r.State == lifecycle.Sealed {
			if late := w.now.Sub(ends); late > 4*time.Hour || len(r.Notices) != 5 {
				t.Errorf("it was sealed %s after the window was to close, with %d notices", late, len(r.Notices))
			}
			return
		}
		ends = w.lives.all[leaver].Record.Deadlines().NotBefore
		w.now = w.now.Add(2 * time.Hour)
	}
	t.Errorf("it is %s", w.state(leaver))
}
