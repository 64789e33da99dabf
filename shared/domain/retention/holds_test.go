package retention_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/certificate"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// hold puts a hold in force, now.
func (w *world) hold(s lifecycle.Scope) {
	w.holds.all = append(w.holds.all, lifecycle.Hold{
		ID: "01920000-0000-7000-8000-00000000000a", Scope: s, Basis: lifecycle.Basis{Act: "Regulation (EU) 2019/1020", Article: "14"},
		RequestedBy: "person:a", RequestedAt: w.now, ApprovedBy: "person:b", ApprovedAt: w.now, ReviewBy: w.now.Add(80 * day),
	})
}

// has tells whether any store still holds a row of a passport.
func (w *world) has(p id.Passport) bool {
	for _, s := range w.shelves {
		if slices.ContainsFunc(s.rows, func(r row) bool { return r.passport == p }) {
			return true
		}
	}
	return false
}

// TestHeldPassport holds that a hold keeps one passport, in every store, and nothing else; that the rest goes on as planned,
// also in the phases after it; and that its release moves the deadlines and ends it.
func TestHeldPassport(t *testing.T) {
	w, leaver := begun(t, 6)
	held := passportID(1002)
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: leaver, Passport: held})
	for range 24 * 3 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	for n := range 6 {
		if p := passportID(1000 + n); w.has(p) != (p == held) {
			t.Errorf("passport %d: %t", n, w.has(p))
		}
	}
	if len(w.shelf("members").rows) != 0 || len(w.shelf("keys").rows) != 6 {
		t.Errorf("%d members, %d keys", len(w.shelf("members").rows), len(w.shelf("keys").rows))
	}
	if k := w.sweepOf(leaver, "records"); !k.Done.IsZero() || k.Spared != 1 || k.Deleted != 5 {
		t.Errorf("%+v", k)
	}
	asked := len(w.shelf("records").pages)
	for range 12 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	if n := len(w.shelf("records").pages); n != asked {
		t.Errorf("what is held was walked %d times more", n-asked)
	}
	w.now = w.now.Add(4 * day)
	w.until(4*day, 12, func() bool { return w.now.After(w.lives.all[leaver].Record.T0.Add(70 * day)) })
	if !w.has(held) {
		t.Fatal("a deadline ended the hold")
	}
	w.holds.all[0].ReleasedAt, w.holds.all[0].ReleasedBy = w.now, "person:b"
	w.comes(leaver, lifecycle.ActiveClear)
	if by := w.sweepOf(leaver, "records").By; !by.Equal(w.holds.all[0].ReleasedAt.Add(30 * day)) {
		t.Errorf("to be done by %s", by)
	}
	w.comes(leaver, lifecycle.Certified)
	for _, c := range w.lives.certs {
		d := w.certificate(c)
		if v := d.Violations(); len(v) > 0 || len(d.Holds) != 1 {
			t.Errorf("%v %v", v, d.Holds)
		}
	}
}

// TestHeldTenant holds that a hold on everything stops the deletion before it begins, and in its middle.
func TestHeldTenant(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 4, true)
	w.comes(leaver, lifecycle.Sealed)
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: leaver})
	for range 24 * 4 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	if w.state(leaver) != lifecycle.Sealed || w.most[retention.StepsFailed] > 0 {
		t.Fatalf("%s, %v", w.state(leaver), w.most)
	}
	w.holds.all[0].ReleasedAt, w.holds.all[0].ReleasedBy = w.now, "person:b"
	w.shelf("objects").err = errors.New("down")
	w.comes(leaver, lifecycle.Deleting)
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: leaver})
	w.shelf("objects").err = nil
	left := w.rows(leaver)
	for range 24 {
		w.all()
		w.now = w.now.Add(time.Hour)
	}
	if w.rows(leaver) != left || left == 0 {
		t.Errorf("%d rows, then %d", left, w.rows(leaver))
	}
	w.holds.all[1].ReleasedAt, w.holds.all[1].ReleasedBy = w.now, "person:b"
	w.comes(leaver, lifecycle.ActiveClear)
}

// TestHeldTenantIsNotTouched holds that a hold on everything keeps stores from being asked at all: what a store spares is
// for it to know, and this needs no knowledge.
func TestHeldTenantIsNotTouched(t *testing.T) {
	w, leaver := begun(t, 3)
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: leaver})
	before := map[string]int{}
	for _, s := range w.shelves {
		before[s.name] = len(s.pages)
	}
	for range 5 {
		w.work()
		w.now = w.now.Add(2 * time.Hour)
	}
	for _, s := range w.shelves {
		if n := len(s.pages) - before[s.name]; n != 0 {
			t.Errorf("%s was asked to delete %d times", s.name, n)
		}
	}
}

// TestHoldOfNothing holds that a hold that comes when nothing is left stands against nothing, and not in the certificate.
func TestHoldOfNothing(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 3, true)
	w.comes(leaver, lifecycle.ResidualClear)
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: leaver})
	w.comes(leaver, lifecycle.Certified)
	for _, row := range w.lives.certs {
		d, err := certificate.Verify(row.Document, row.Signature, &w.key.PublicKey)
		if err != nil || len(d.Holds) > 0 || len(d.Violations()) > 0 {
			t.Errorf("%v, %v, %v", err, d.Holds, d.Violations())
		}
	}
}

// TestHoldBetweenPages holds that a hold counts from the next page on, however long the run has been going.
func TestHoldBetweenPages(t *testing.T) {
	w, leaver := begun(t, 9)
	s := w.shelf("records")
	last := passportID(1008)
	s.hook = func() {
		if len(s.pages) == 2 {
			w.hold(lifecycle.Scope{Kind: lifecycle.ScopeRange, Tenant: leaver, From: last, To: last + "~"})
		}
	}
	w.work()
	if !slices.ContainsFunc(s.rows, func(r row) bool { return r.passport == last }) || len(s.rows) != 1 || len(s.pages) < 3 {
		t.Errorf("%d rows after %d pages", len(s.rows), len(s.pages))
	}
}

// TestHoldWithinAPass holds that what a hold kept is deleted also when it came and went between two looks.
func TestHoldWithinAPass(t *testing.T) {
	w, leaver := begun(t, 9)
	s := w.shelf("records")
	s.hook = func() {
		if len(s.pages) == 2 {
			w.hold(lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: leaver, Passport: passportID(1008)})
		}
	}
	w.work()
	if len(s.rows) != 1 {
		t.Fatalf("%d rows", len(s.rows))
	}
	w.holds.all[0].ReleasedAt, w.holds.all[0].ReleasedBy = w.now.Add(time.Minute), "person:b"
	w.comes(leaver, lifecycle.ActiveClear)
	if at := w.lives.all[leaver].Record.ActiveClearAt; at.Sub(w.holds.all[0].ReleasedAt) > 3*day {
		t.Errorf("clear at %s", at)
	}
}

// TestErasure deletes one passport: it can be taken back for seven days, and is gone everywhere a day later.
func TestErasure(t *testing.T) {
	w := found(t)
	tenant := w.tenant(1, 4, false)
	gone, back := passportID(1001), passportID(1002)
	e := w.erasures()
	asked := w.now
	for _, p := range []id.Passport{gone, back} {
		until, err := e.Passport(t.Context(), tenant, p, w.now)
		if err != nil || !until.Equal(asked.Add(7*day)) {
			t.Fatal(until, err)
		}
	}
	w.now = w.now.Add(3 * day)
	if until, err := e.Passport(t.Context(), tenant, gone, w.now); err != nil || !until.Equal(asked.Add(7*day)) {
		t.Errorf("asking again moved it to %s: %v", until, err)
	}
	w.work()
	w.now = asked.Add(7*day - time.Minute)
	if err := e.Undo(t.Context(), tenant, back, w.now); err != nil {
		t.Fatal(err)
	}
	w.work()
	if !w.has(gone) || w.rows(tenant) != 24 {
		t.Fatal("it was deleted while it could be taken back")
	}
	w.now = asked.Add(7*day + time.Minute)
	if err := e.Undo(t.Context(), tenant, gone, w.now); fault.Of(err).Code != fault.CodeStepBlocked {
		t.Errorf("taken back too late: %v", err)
	}
	w.work()
	w.now = w.now.Add(time.Hour)
	w.work()
	if w.has(gone) || !w.has(back) || w.rows(tenant) != 20 || len(w.works.all) != 0 {
		t.Errorf("%d rows, work %v", w.rows(tenant), w.works.all)
	}
	if closed, _ := w.Closed(t.Context(), retention.Order{Tenant: tenant, Passport: gone, Asked: asked}); !closed || len(w.journal) != 1 {
		t.Errorf("journal %v", w.journal)
	}
	if w.most[retention.EarlyDestructiveAttempt] > 0 {
		t.Error("a false alarm")
	}
	if err := e.Undo(t.Context(), tenant, gone, w.now); err == nil {
		t.Error("what is gone was taken back")
	}
}

// TestErasureWaits holds what stands against an erasure: a hold on exactly this, the window of a termination, and a store
// that only says that it has deleted.
func TestErasureWaits(t *testing.T) {
	w := found(t)
	tenant := w.tenant(1, 4, false)
	held, free := passportID(1001), passportID(1002)
	if _, err := w.erasures().Passport(t.Context(), tenant, held, w.now); err != nil {
		t.Fatal(err)
	}
	if _, err := w.erasures().Passport(t.Context(), tenant, free, w.now); err != nil {
		t.Fatal(err)
	}
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: tenant, Passport: held})
	if _, err := w.erasures().Passport(t.Context(), tenant, held, w.now); fault.Of(err).Code != fault.CodeHeld {
		t.Errorf("asked for while held: %v", err)
	}
	w.shelf("objects").lie = true
	for range 8 * 24 {
		w.work()
		w.now = w.now.Add(time.Hour)
	}
	if !w.has(held) || len(w.journal) != 1 || w.most[retention.ResidualFound] != 1 || !w.has(free) {
		t.Errorf("journal %v, %v", w.journal, w.most)
	}
	w.shelf("objects").lie = false
	w.now = w.now.Add(2 * time.Hour)
	w.work()
	if w.has(free) || !w.has(held) {
		t.Error("the wrong one")
	}
	l := w.lives.all[tenant]
	l.Record.State, l.Record.Epoch, l.Record.Revision, l.Record.NoticedAt, l.Record.EffectiveAt = lifecycle.Scheduled, 1, 1, w.now, w.now
	l.DueAt = w.now
	w.lives.all[tenant] = l
	w.holds.all[0].ReleasedAt, w.holds.all[0].ReleasedBy = w.now, "person:b"
	w.now = w.now.Add(day)
	w.all()
	w.now = w.now.Add(day)
	w.all()
	if !w.has(held) || w.figures[retention.LateErasures] != 1 {
		t.Errorf("something was destroyed in the window, or nobody knows that it is late: %v", w.most)
	}
	w.comes(tenant, lifecycle.Certified)
	if w.rows(tenant) != 0 || len(w.early) > 0 {
		t.Errorf("%d rows, %v", w.rows(tenant), w.early)
	}
	for order, closed := range w.journal {
		if closed.IsZero() {
			t.Errorf("%s stays open in the journal", order)
		}
	}
}

// TestErasurePerson erases persons of a tenant, and one who is in none any more.
func TestErasurePerson(t *testing.T) {
	w := found(t)
	tenant := w.tenant(1, 4, false)
	if _, err := w.erasures().Person(t.Context(), tenant, personID(1001), w.now); err != nil {
		t.Fatal(err)
	}
	nowhere := personID(77)
	w.shelf("members").rows = append(w.shelf("members").rows, row{person: nowhere, name: "x"})
	if err := w.works.Add(t.Context(), retention.ErasePerson(nowhere, w.now)); err != nil {
		t.Fatal(err)
	}
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopeUser, Tenant: tenantID(9), User: nowhere})
	w.now = w.now.Add(time.Hour)
	w.work()
	if w.rows(tenant) != 22 || len(w.shelf("members").rows) != 4 {
		t.Errorf("%d rows, %d members", w.rows(tenant), len(w.shelf("members").rows))
	}
	w.holds.all[0].ReleasedAt, w.holds.all[0].ReleasedBy = w.now, "person:b"
	w.now = w.now.Add(2 * time.Hour)
	w.work()
	if len(w.shelf("members").rows) != 3 || len(w.works.all) != 0 || w.most[retention.EarlyDestructiveAttempt] > 0 {
		t.Errorf("%d members, %v", len(w.shelf("members").rows), w.works.all)
	}
}

// TestUndoRace holds that whoever is first wins: a worker that has begun, or an owner who takes it back.
func TestUndoRace(t *testing.T) {
	w := found(t)
	tenant, p := w.tenant(1, 1, false), passportID(1000)
	if _, err := w.erasures().Passport(t.Context(), tenant, p, w.now); err != nil {
		t.Fatal(err)
	}
	var read retention.Work
	for _, k := range w.works.all {
		read = k
	}
	if err := w.erasures().Undo(t.Context(), tenant, p, w.now); err != nil {
		t.Fatal(err)
	}
	if _, err := w.works.Claim(t.Context(), read, w.now); !errors.Is(err, retention.ErrTaken) {
		t.Errorf("a worker went on with what was taken back: %v", err)
	}
	if err := w.erasures().Undo(t.Context(), tenant, p, w.now); err == nil || !strings.Contains(err.Error(), "Nobody") {
		t.Errorf("%v", err)
	}
}
