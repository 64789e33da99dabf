package retention_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// begun is a world with one tenant whose deletion has just begun, and whose stores are full.
func begun(t *testing.T, passports int) (*world, id.Tenant) {
	t.Helper()
	w := found(t)
	leaver := w.tenant(1, passports, true)
	for _, s := range w.shelves {
		s.err = errors.New("not yet")
	}
	w.comes(leaver, lifecycle.Deleting)
	for _, s := range w.shelves {
		s.err = nil
	}
	for name, k := range w.works.all { // as if nobody had tried
		k.Attempts, k.Why, k.Began = 0, "", time.Time{}
		if k.Done.IsZero() {
			k.NotBefore = w.now.Add(-time.Hour)
		}
		w.works.all[name] = k
	}
	if w.rows(leaver) != 6*passports {
		t.Fatal("something was deleted early")
	}
	return w, leaver
}

func (w *world) sweepOf(t id.Tenant, store string) retention.Work {
	return w.works.all[workName(retention.Work{Tenant: t, Kind: retention.Sweep, Store: store})]
}

// work runs the worker, and nobody else.
func (w *world) work() {
	w.t.Helper()
	if err := w.worker().Run(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

// TestPhases holds that stores are emptied in the order of their phases, and the keys not at all before the end.
func TestPhases(t *testing.T) {
	w, leaver := begun(t, 4)
	w.shelf("objects").err = errors.New("throttled")
	w.work()
	left := map[string]int{}
	for _, s := range w.shelves {
		left[s.name] = len(s.rows)
	}
	if left["public"] != 0 || left["records"] != 0 || left["objects"] != 4 || left["members"] != 4 || left["settings"] != 4 || left["keys"] != 4 {
		t.Errorf("%v", left)
	}
	if k := w.sweepOf(leaver, "members"); !k.Done.IsZero() || k.Why != "waits-for-phase" || k.Attempts != 0 {
		t.Errorf("%+v", k)
	}
	w.shelf("objects").err = nil
	w.now = w.now.Add(time.Hour)
	w.work()
	if n := w.rows(leaver); n != 4 || len(w.shelf("keys").rows) != 4 || len(w.early) > 0 {
		t.Errorf("%d rows left, early: %v", n, w.early)
	}
	if k := w.sweepOf(leaver, "records"); k.Deleted != 4 || k.Writes != 4 || k.Done.IsZero() || k.Receipt != nil || len(k.Digest) == 0 || !k.Lease.IsZero() {
		t.Errorf("%+v", k)
	}
}

// TestFailingStore holds that one that fails is asked less and less often, for less and less, and that it is noticed.
func TestFailingStore(t *testing.T) {
	w, leaver := begun(t, 40)
	s := w.shelf("public")
	s.err = errors.New("throttled")
	for range 4 * 6 {
		worker := w.worker()
		worker.Page = 32
		if err := worker.Run(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(15 * time.Minute)
	}
	if asked := s.pages[len(s.pages)-1]; asked != 1 || len(s.pages) > 12 {
		t.Errorf("asked %d times, at last for %d", len(s.pages), asked)
	}
	if k := w.sweepOf(leaver, "public"); k.Why != "internal" || k.Attempts < 6 || k.NotBefore.Sub(w.now) > time.Hour {
		t.Errorf("%+v", k)
	}
	if len(w.why) < 6 || !errors.Is(w.why[0], s.err) {
		t.Errorf("operators were told %v", w.why)
	}
	if w.most[retention.NoProgress] != 1 || w.most[retention.SweepsFailed] != 1 {
		t.Errorf("nobody was called: %v", w.most)
	}
	s.err = nil
	w.now = w.now.Add(2 * time.Hour)
	w.work()
	if k := w.sweepOf(leaver, "public"); k.Done.IsZero() || k.Attempts != 0 || k.Deleted != 40 {
		t.Errorf("%+v", k)
	}
}

// TestLyingStore holds that nobody believes a store that says it has deleted: the count of the auditor decides, however
// often the store says so, and two clean counts are needed after the last one that was not.
func TestLyingStore(t *testing.T) {
	w, leaver := begun(t, 3)
	s := w.shelf("records")
	s.lie = true
	for range 24 * 5 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	l := w.lives.all[leaver]
	if l.Record.State != lifecycle.Deleting || !l.Record.FirstVerified.IsZero() || w.most[retention.ResidualFound] != 3 {
		t.Fatalf("%s, verified %s, residue %v", l.Record.State, l.Record.FirstVerified, w.most[retention.ResidualFound])
	}
	if n := len(l.History); n > 20 {
		t.Errorf("a history of %d moments", n)
	}
	s.lie = false
	fixed := w.now
	w.comes(leaver, lifecycle.ActiveClear)
	r := w.lives.all[leaver].Record
	if r.FirstVerified.Before(fixed) || r.SecondVerified.Sub(r.FirstVerified) < day {
		t.Errorf("verified at %s and %s, and honest since %s", r.FirstVerified, r.SecondVerified, fixed)
	}
	// The same with keys: without them, nothing becomes clear of residues.
	k := w.shelf("keys")
	k.lie = true
	for range 24 * 10 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	if len(k.rows) == 0 || w.state(leaver) != lifecycle.ActiveClear || w.rows(leaver) != 3 {
		t.Fatalf("%s, %d rows", w.state(leaver), w.rows(leaver))
	}
	k.lie = false
	gone := w.now
	w.comes(leaver, lifecycle.ResidualClear)
	if at := w.lives.all[leaver].Record.ResidualClearAt; at.Sub(gone) < 7*day {
		t.Errorf("residual copies gone at %s, keys at %s", at, gone)
	}
}

// TestKeysNeedTheAuditor holds that nothing follows from the word of the worker that the keys are gone.
func TestKeysNeedTheAuditor(t *testing.T) {
	w, leaver := begun(t, 2)
	w.comes(leaver, lifecycle.ActiveClear)
	w.shelf("keys").lie = true
	for range 4 * 20 {
		for _, name := range []string{"tick", "worker"} {
			if err := w.jobs()[name](t.Context(), w.now); err != nil {
				t.Fatal(err)
			}
		}
		w.now = w.now.Add(6 * time.Hour)
	}
	if k := w.sweepOf(leaver, "keys"); k.Done.IsZero() || w.state(leaver) != lifecycle.ActiveClear {
		t.Errorf("%s, %+v", w.state(leaver), k)
	}
}

// TestStuck holds that a store that goes round in circles is left alone and noticed, and does not use up the run.
func TestStuck(t *testing.T) {
	w, leaver := begun(t, 2)
	w.shelf("public").stuck = true
	w.work()
	if k := w.sweepOf(leaver, "public"); k.Attempts != 1 || len(w.shelf("public").pages) > 3 || w.figures[retention.SweepsFailed] != 1 {
		t.Errorf("%+v after %d pages", k, len(w.shelf("public").pages))
	}
}

// TestResidueBetween holds that what is found by the second verification makes the first one worthless.
func TestResidueBetween(t *testing.T) {
	w, leaver := begun(t, 2)
	w.until(time.Hour, 100, func() bool { return !w.lives.all[leaver].Record.FirstVerified.IsZero() })
	first := w.lives.all[leaver].Record.FirstVerified
	w.shelf("objects").rows = append(w.shelf("objects").rows, row{tenant: leaver, name: "late"})
	w.comes(leaver, lifecycle.ActiveClear)
	if r := w.lives.all[leaver].Record; !r.FirstVerified.After(first.Add(day)) || w.rows(leaver) != 2 {
		t.Errorf("%s after %s, %d rows", r.FirstVerified, first, w.rows(leaver))
	}
}

// TestOldVerification holds that a tenant that a hold has kept for a month after its verifications is looked at once more
// before it is called clear: in between something has come back.
func TestOldVerification(t *testing.T) {
	w, leaver := begun(t, 2)
	w.until(time.Hour, 100, func() bool { return !w.lives.all[leaver].Record.FirstVerified.IsZero() })
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeUser, Tenant: leaver, User: personID(7)})
	w.until(time.Hour, 100, func() bool { return !w.lives.all[leaver].Record.SecondVerified.IsZero() })
	for day := 0; day < 30 && w.state(leaver) == lifecycle.Deleting; day++ {
		w.now = w.now.Add(24 * time.Hour)
		w.all()
	}
	w.shelf("objects").rows = append(w.shelf("objects").rows, row{tenant: leaver, name: "late"})
	w.now = w.now.Add(5 * day)
	w.holds.all[0].ReleasedBy, w.holds.all[0].ReleasedAt = "person:b", w.now
	if err := w.tick().Run(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	w.comes(leaver, lifecycle.ActiveClear)
	if n := len(w.shelf("objects").rows); n != 0 {
		t.Errorf("it is called clear, and %d rows are there", n)
	}
}

// TestReopen holds that rows that are found after the completion are deleted by another round, which is another deletion in
// the journal, and that keys, backups and the certificate come after it.
func TestReopen(t *testing.T) {
	w, leaver := begun(t, 2)
	w.oldest = w.now // a backup that does not run out yet
	w.comes(leaver, lifecycle.ActiveClear)
	was := w.lives.all[leaver].Record.ActiveClearAt
	w.shelf("records").rows = append(w.shelf("records").rows, row{tenant: leaver, name: "late"})
	w.until(time.Hour, 24*30, func() bool { // and the keys are still to be destroyed
		w.shelf("keys").err = errors.New("down")
		return w.state(leaver) == lifecycle.Deleting
	})
	w.shelf("keys").err = nil
	w.comes(leaver, lifecycle.ActiveClear)
	if w.most[retention.EarlyDestructiveAttempt] > 0 {
		t.Error("a false alarm")
	}
	r := w.lives.all[leaver].Record
	if !r.ActiveClearAt.After(was) || len(w.shelf("records").rows) != 0 || len(w.journal) != 2 {
		t.Errorf("clear at %s, %d rows, journal %v", r.ActiveClearAt, w.rows(leaver), w.journal)
	}
	w.oldest = r.ActiveClearAt.Add(time.Hour)
	w.comes(leaver, lifecycle.Certified)
	if len(w.lives.certs) != 1 {
		t.Error("no certificate")
	}
	for order, closed := range w.journal {
		if closed.IsZero() {
			t.Errorf("%s stays open in the journal", order)
		}
	}
}

// TestDroppedFromJournal holds that an entry that the journal has dropped before the end is written again.
func TestDroppedFromJournal(t *testing.T) {
	w, leaver := begun(t, 1)
	w.comes(leaver, lifecycle.ActiveClear)
	clear(w.journal)
	w.comes(leaver, lifecycle.Certified)
	if len(w.journal) != 1 {
		t.Errorf("%v", w.journal)
	}
}

// TestEarly holds that work for a tenant that is not to be deleted destroys nothing, whoever added it, and is noticed.
func TestEarly(t *testing.T) {
	w := found(t)
	stayer, leaver := w.tenant(1, 3, false), w.tenant(2, 3, true)
	for _, tenant := range []id.Tenant{stayer, leaver} {
		for _, s := range []string{"public", "keys"} {
			k := retention.Work{Tenant: tenant, Kind: retention.Sweep, Store: s, NotBefore: w.now, By: w.now.Add(day)}
			if err := w.works.Add(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
	}
	stray := retention.Work{Tenant: tenantID(9), Kind: retention.Stray, Store: "public", NotBefore: w.now, By: w.now.Add(day), State: []byte(`{"at":"` + w.now.Add(-20*time.Hour).Format(time.RFC3339) + `"}`)}
	w.shelf("public").rows = append(w.shelf("public").rows, row{tenant: tenantID(9), name: "back"})
	if err := w.works.Add(t.Context(), stray); err != nil {
		t.Fatal(err)
	}
	w.work()
	if w.rows(tenantID(9)) != 1 {
		t.Error("what came back was deleted before anybody could look at it")
	}
	if w.rows(stayer) != 18 || w.rows(leaver) != 18 || w.figures[retention.EarlyDestructiveAttempt] != 5 {
		t.Errorf("%d and %d rows, %v", w.rows(stayer), w.rows(leaver), w.figures)
	}
}

// TestTaken holds that whoever was overtaken writes nothing any more.
func TestTaken(t *testing.T) {
	w, leaver := begun(t, 9)
	k := w.sweepOf(leaver, "public")
	mine, err := w.works.Claim(t.Context(), k, w.now.Add(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	w.work()
	if n := len(w.shelf("public").rows); n != 9 {
		t.Fatalf("somebody worked beside me: %d rows", n)
	}
	w.now = w.now.Add(6 * time.Minute) // I am silent for too long
	w.work()
	if n := len(w.shelf("public").rows); n != 0 {
		t.Errorf("nobody took it over: %d rows", n)
	}
	if err := w.works.Save(t.Context(), mine); !errors.Is(err, retention.ErrTaken) {
		t.Errorf("%v", err)
	}
}

// TestShare holds that one tenant that is late and very large does not keep small ones, which are urgent too, from their
// deadline, and that nobody writes more than the budget.
func TestShare(t *testing.T) {
	w := found(t)
	big := w.tenant(1, 2000, true)
	small := []id.Tenant{}
	for n := range 3 {
		small = append(small, w.tenant(n+2, 5, true))
	}
	for _, s := range w.shelves {
		s.err = errors.New("down for a month")
	}
	w.until(4*time.Hour, 6*56, func() bool { return w.now.After(w.lives.all[big].Record.EffectiveAt.Add(55 * day)) })
	for _, s := range w.shelves {
		s.err = nil
	}
	l := w.lives.all[big]
	before := len(w.shelf("public").rows)
	for range 3 {
		worker := w.worker()
		worker.Budget, worker.Page = 100, 20
		w.now = w.now.Add(time.Hour)
		if err := worker.Run(t.Context(), w.now); err != nil {
			t.Fatal(err)
		}
		if gone := before - len(w.shelf("public").rows); gone > 300 {
			t.Errorf("%d rows gone with a budget of 300", gone)
		}
	}
	if l.Record.State != lifecycle.Deleting || !w.sweepOf(big, "public").Done.IsZero() {
		t.Fatalf("%s: the large tenant is no longer in the way", l.Record.State)
	}
	for _, s := range small {
		if w.sweepOf(s, "public").Done.IsZero() {
			t.Errorf("%s got nothing", s)
		}
	}
}

// TestLimiter holds that a mass exit pauses, is noticed, and goes on after a day.
func TestLimiter(t *testing.T) {
	w := found(t)
	for n := range 8 {
		w.tenant(n+1, 1, true)
	}
	in := func() int {
		n := 0
		for _, l := range w.lives.all {
			if l.Record.State.Begun() {
				n++
			}
		}
		return n
	}
	w.until(time.Hour, 24*40, func() bool { return in() > 0 })
	if in() != lifecycle.LimiterFloor || w.most[retention.LimiterPaused] != 1 {
		t.Fatalf("%d begin at once, %v", in(), w.most)
	}
	paused := w.now
	w.until(time.Hour, 48, func() bool { return in() == 8 })
	if w.now.Sub(paused) < 22*time.Hour {
		t.Errorf("the pause took %s", w.now.Sub(paused))
	}
	w.until(2*time.Hour, 12*100, func() bool { return len(w.lives.certs) == 8 })
}

// TestDeterminism holds that two runs from the same seed do the same, step for step.
func TestDeterminism(t *testing.T) {
	var runs [2][]string
	for i := range runs {
		w := found(t)
		w.proof = func(r lifecycle.Record) *lifecycle.LogProof {
			p := w.proven(r)
			p.Evidence = "" // is signed, too
			return p
		}
		for n := range 3 {
			w.tenant(n+1, 3, true)
		}
		w.until(3*time.Hour, 8*100, func() bool { return len(w.lives.certs) == 3 })
		for _, s := range w.lives.steps {
			s.After.Signature = nil // is another one each time
			runs[i] = append(runs[i], fmt.Sprintf("%+v", s))
		}
	}
	if !slices.Equal(runs[0], runs[1]) {
		t.Error("the same seed, another run")
	}
}
