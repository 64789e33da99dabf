package lifecycle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const (
	tenantID id.Tenant = "01920000-0000-7000-8000-000000000001"
	name               = "Example Cells Ltd"
	hour               = time.Hour
	day                = lifecycle.Day
)

func ann() access.Caller { return owner("ann") }
func bob() access.Caller { return owner("bob") }

func owner(who string) access.Caller {
	return access.Caller{Tenant: tenantID, Actor: "person:" + who, Role: access.Owner}
}

// begin is when the tenants of these tests terminate.
func begin() time.Time { return time.Date(2026, 10, 14, 15, 4, 5, 0, time.UTC) }

func ask(effective time.Time) lifecycle.Termination {
	return lifecycle.Termination{EffectiveAt: effective, Confirmation: name, Name: name, Policy: lifecycle.Current()}
}

// now is an honest reading at an instant: the sources agree.
func now(t testing.TB, at time.Time) lifecycle.Instants {
	t.Helper()
	i, err := lifecycle.Observe(at, at)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// good are facts that hold nothing up at an instant.
func good(r lifecycle.Record, at time.Time) lifecycle.Facts {
	return lifecycle.Facts{
		Proof:    &lifecycle.LogProof{Tenant: r.Tenant, Event: lifecycle.EventTerminated, At: r.T0, SignedAt: r.NoticedAt.Add(hour)},
		Admitted: true, BackupsRead: true, KeysDestroyedAt: at.Add(-8 * day), JournalClosed: true, Certificate: "cert-1",
	}
}

// notify sends what is due.
func notify(r lifecycle.Record, at time.Time) lifecycle.Record {
	for _, k := range lifecycle.Due(r, at) {
		r = lifecycle.Notified(r, k, at)
	}
	return r
}

// walk is one sound record in each state, keyed by it.
func walk(t testing.TB) map[lifecycle.State]lifecycle.Record {
	t.Helper()
	out := map[lifecycle.State]lifecycle.Record{}
	keep := func(r lifecycle.Record, err error) lifecycle.Record {
		t.Helper()
		if err == nil {
			err = r.Check()
		}
		if err != nil {
			t.Fatal(err)
		}
		out[r.State] = r
		return r
	}
	step := func(r lifecycle.Record, at time.Time) lifecycle.Record {
		t.Helper()
		r = notify(r, at)
		next, _, err := lifecycle.Advance(r, now(t, at), good(r, at))
		if err == nil && next.State == r.State {
			t.Fatalf("%s did not advance at %s", r.State, at)
		}
		return keep(next, err)
	}
	active := keep(lifecycle.New(tenantID, lifecycle.Current()), nil)
	suspended, _, err := lifecycle.Suspend(active)
	keep(suspended, err)
	r, _, err := lifecycle.Terminate(active, ann(), ask(time.Time{}), begin())
	r = keep(r, err)
	r = step(r, begin().Add(hour))
	r = step(r, r.Deadlines().NotBefore.Add(hour))
	r, _, err = lifecycle.Freeze(r, "sha-256:plan", now(t, r.SealedAt))
	r = keep(r, err)
	r = step(r, r.SealedAt.Add(26*hour))
	r, _, err = lifecycle.Verified(r, now(t, r.DeletingAt.Add(hour)), 0)
	r = keep(r, err)
	r, _, err = lifecycle.Verified(r, now(t, r.FirstVerified.Add(25*hour)), 0)
	r = keep(r, err)
	r = step(r, r.SecondVerified.Add(hour))
	r = step(r, r.ActiveClearAt.Add(29*day))
	step(r, r.ResidualClearAt.Add(hour))
	return out
}

func TestWalk(t *testing.T) {
	all := walk(t)
	for _, s := range lifecycle.States() {
		if _, ok := all[s]; !ok {
			t.Errorf("no record reached %s", s)
		}
	}
	c := all[lifecycle.Certified]
	if d := c.Deadlines(); c.ActiveClearAt.After(d.ActiveBy) || c.ResidualClearAt.After(d.ResidualBy) {
		t.Errorf("a deletion without faults is late: %v", c)
	}
	if c.Epoch != 7 {
		t.Errorf("seven steps gave epoch %d", c.Epoch)
	}
}

func TestTerminate(t *testing.T) {
	active := lifecycle.New(tenantID, lifecycle.Current())
	for _, c := range []struct {
		name string
		by   access.Caller
		edit func(*lifecycle.Termination)
		code fault.Code
		at   string // pointer
	}{
		{"now", ann(), func(*lifecycle.Termination) {}, "", ""},
		{"at this very instant", ann(), func(x *lifecycle.Termination) { x.EffectiveAt = begin() }, "", ""},
		{"in two months", ann(), func(x *lifecycle.Termination) { x.EffectiveAt = begin().AddDate(0, 2, 0) }, "", ""},
		{"with blanks around the name", ann(), func(x *lifecycle.Termination) { x.Confirmation = " " + name + "\n" }, "", ""},
		{"a moment ago", ann(), func(x *lifecycle.Termination) { x.EffectiveAt = begin().Add(-1) }, fault.CodeValueInvalid, "/effectiveAt"},
		{"in three years", ann(), func(x *lifecycle.Termination) { x.EffectiveAt = begin().AddDate(3, 0, 0) }, fault.CodeValueInvalid, "/effectiveAt"},
		{"another name", ann(), func(x *lifecycle.Termination) { x.Confirmation = "Example Cells" }, fault.CodeConfirmationWrong, "/confirmation"},
		{"no name", ann(), func(x *lifecycle.Termination) { x.Confirmation = "" }, fault.CodeConfirmationWrong, "/confirmation"},
		{"a tenant without name", ann(), func(x *lifecycle.Termination) { x.Confirmation, x.Name = "", "" }, fault.CodeConfirmationWrong, "/confirmation"},
		{"an admin", access.Caller{Actor: "person:eve", Role: access.Admin}, func(*lifecycle.Termination) {}, fault.CodeForbidden, ""},
		{"a key", access.Caller{Actor: "key:k", Role: access.Owner}, func(*lifecycle.Termination) {}, fault.CodeForbidden, ""},
		{"a bad policy", ann(), func(x *lifecycle.Termination) { x.Policy.Residual = 0 }, fault.CodeRetentionPolicy, ""},
	} {
		term := ask(time.Time{})
		c.edit(&term)
		r, event, err := lifecycle.Terminate(active, c.by, term, begin())
		if code(err) != c.code {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err != nil {
			if diff := cmp.Diff(active, r); diff != "" || event != "" {
				t.Errorf("%s: refused and changed: %s", c.name, diff)
			}
			if f := fault.Of(err).Fields; c.at != "" && (len(f) != 1 || f[0].Pointer != c.at) {
				t.Errorf("%s: fields %v", c.name, f)
			}
			continue
		}
		if event != lifecycle.EventTerminated || r.State != lifecycle.Scheduled || !r.T0.IsZero() || r.EffectiveAt.Before(begin()) || r.Epoch != 1 || r.RequestedBy != "person:ann" || r.Check() != nil {
			t.Errorf("%s: %s %+v %v", c.name, event, r, r.Check())
		}
	}
}

// TestStatesOfRefusal holds what each act of a person does in each state.
func TestStatesOfRefusal(t *testing.T) {
	type act func(lifecycle.Record, time.Time) (lifecycle.Record, audit.Event, error)
	acts := map[string]act{
		"terminate": func(r lifecycle.Record, at time.Time) (lifecycle.Record, audit.Event, error) {
			stricter := ask(time.Time{})
			stricter.Policy.Backup = 20 * day
			return lifecycle.Terminate(r, ann(), stricter, at)
		},
		"reinstate": func(r lifecycle.Record, at time.Time) (lifecycle.Record, audit.Event, error) {
			return lifecycle.Reinstate(r, ann(), at)
		},
		"expedite": func(r lifecycle.Record, at time.Time) (lifecycle.Record, audit.Event, error) {
			return lifecycle.Expedite(r, ann(), at)
		},
		"suspend": func(r lifecycle.Record, _ time.Time) (lifecycle.Record, audit.Event, error) {
			return lifecycle.Suspend(r)
		},
		"activate": func(r lifecycle.Record, _ time.Time) (lifecycle.Record, audit.Event, error) {
			return lifecycle.Activate(r)
		},
		"reopen": func(r lifecycle.Record, at time.Time) (lifecycle.Record, audit.Event, error) {
			return lifecycle.Reopen(r, now(t, at))
		},
	}
	possible := map[string][]lifecycle.State{
		"terminate": {lifecycle.Active, lifecycle.Suspended},
		"reinstate": {lifecycle.Scheduled, lifecycle.Window},
		"expedite":  {lifecycle.Scheduled, lifecycle.Window},
		"suspend":   {lifecycle.Active, lifecycle.Scheduled, lifecycle.Window},
		"activate":  {lifecycle.Suspended},
		"reopen":    {lifecycle.ActiveClear, lifecycle.ResidualClear},
	}
	for state, r := range walk(t) {
		for what, do := range acts {
			want := false
			for _, s := range possible[what] {
				want = want || s == state
			}
			after, event, err := do(r, begin().AddDate(1, 0, 0))
			if (err == nil) != want || (event != "") != want {
				t.Errorf("%s in %s: %q %v", what, state, event, err)
			}
			if err != nil {
				if diff := cmp.Diff(r, after); diff != "" {
					t.Errorf("%s in %s was refused and changed: %s", what, state, diff)
				}
				continue
			}
			if after.Revision != r.Revision+1 {
				t.Errorf("%s in %s: revision %d after %d", what, state, after.Revision, r.Revision)
			}
			if err := after.Check(); err != nil {
				t.Errorf("%s in %s: %v", what, state, err)
			}
		}
	}
}

// TestReinstateAfterSeal says when the window ended.
func TestReinstateAfterSeal(t *testing.T) {
	r := walk(t)[lifecycle.Sealed]
	_, _, err := lifecycle.Reinstate(r, ann(), r.SealedAt.Add(hour))
	if code(err) != fault.CodeTerminationState || !strings.Contains(fault.Of(err).Detail, r.SealedAt.Format("2006-01-02 15:04:05 UTC")) {
		t.Error(err)
	}
}

// TestReinstateLeavesNothing compares a tenant that came back with one that never left.
func TestReinstateLeavesNothing(t *testing.T) {
	for _, suspended := range []bool{false, true} {
		for _, effective := range []time.Duration{0, 40 * day} {
			r := lifecycle.New(tenantID, lifecycle.Current())
			if suspended {
				r, _, _ = lifecycle.Suspend(r)
			}
			before := r
			r, _, err := lifecycle.Terminate(r, ann(), ask(begin().Add(effective)), begin())
			if err != nil {
				t.Fatal(err)
			}
			r, _, err = lifecycle.Expedite(r, bob(), begin())
			if err != nil {
				t.Fatal(err)
			}
			event := lifecycle.EventCancelled
			if effective == 0 {
				event = lifecycle.EventReinstated
				r, _, err = lifecycle.Advance(r, now(t, begin().Add(hour)), lifecycle.Facts{})
				if err != nil || r.State != lifecycle.Window {
					t.Fatal(r.State, err)
				}
				r = notify(r, begin().Add(20*day))
			}
			r, got, err := lifecycle.Reinstate(r, bob(), begin().Add(20*day))
			if err != nil || got != event || r.Epoch <= before.Epoch {
				t.Fatalf("%s %v %+v", got, err, r)
			}
			r.Epoch, r.Revision, r.HighWater = before.Epoch, before.Revision, before.HighWater
			if diff := cmp.Diff(before, r); diff != "" {
				t.Error(diff)
			}
		}
	}
}

// TestSuspensionOutlivesTermination holds that nobody lifts a suspension by terminating and taking it back, and that a
// termination far ahead does not open writing to a suspended tenant.
func TestSuspensionOutlivesTermination(t *testing.T) {
	r := lifecycle.Record{Tenant: tenantID, State: lifecycle.Suspended, Accepted: lifecycle.Current()} // the flag is not set
	r, _, err := lifecycle.Terminate(r, ann(), ask(begin().Add(100*day)), begin())
	if err != nil {
		t.Fatal(err)
	}
	if r.Can(lifecycle.Write, begin()) == nil || r.Can(lifecycle.Export, begin()) != nil || r.Can(lifecycle.TakeBack, begin()) != nil {
		t.Error("suspended and scheduled: no writing, but exporting and taking back")
	}
	r, _, err = lifecycle.Reinstate(r, ann(), begin().Add(day))
	if err != nil || r.State != lifecycle.Suspended {
		t.Errorf("%s %v", r.State, err)
	}
	r, _, err = lifecycle.Activate(r)
	if err != nil || r.State != lifecycle.Active || r.Suspended {
		t.Errorf("%+v %v", r, err)
	}
}

// TestExpedite walks the early end: two owners, three days, never before the termination is in force.
func TestExpedite(t *testing.T) {
	window := walk(t)[lifecycle.Window]
	asked, event, err := lifecycle.Expedite(window, ann(), begin().Add(day))
	if err != nil || event != lifecycle.EventExpediteAsked || asked.Deadlines() != window.Deadlines() {
		t.Fatalf("asking alone: %s %v", event, err)
	}
	if _, _, err := lifecycle.Expedite(asked, bob(), begin().Add(day)); code(err) != fault.CodeTerminationState {
		t.Errorf("asked twice: %v", err)
	}
	if _, _, err := lifecycle.ConfirmExpedite(asked, ann(), begin().Add(day)); code(err) != fault.CodeSecondPerson || !strings.Contains(fault.Of(err).Detail, "make somebody else an owner") {
		t.Errorf("one owner alone: %v", err)
	}
	if _, _, err := lifecycle.ConfirmExpedite(window, bob(), begin().Add(day)); code(err) != fault.CodeTerminationState {
		t.Errorf("confirmed what nobody asked: %v", err)
	}
	if _, _, err := lifecycle.ConfirmExpedite(asked, access.Caller{Actor: "person:eve", Role: access.Admin}, begin().Add(day)); code(err) != fault.CodeForbidden {
		t.Errorf("an admin confirmed: %v", err)
	}
	consent := begin().Add(2 * day)
	both, event, err := lifecycle.ConfirmExpedite(asked, bob(), consent)
	if err != nil || event != lifecycle.EventExpedited || !both.Deadlines().NotBefore.Equal(consent.Add(72*hour)) {
		t.Fatalf("%s %v %v", event, err, both.Deadlines())
	}
	if asked.Expedited.ConfirmedBy != "" {
		t.Error("the record before was changed")
	}
	if _, _, err := lifecycle.ConfirmExpedite(both, bob(), consent); code(err) != fault.CodeTerminationState {
		t.Errorf("confirmed twice: %v", err)
	}
	both = notify(both, consent)
	for _, c := range []struct {
		after time.Duration
		state lifecycle.State
	}{{71 * hour, lifecycle.Window}, {72*hour + 599*time.Second, lifecycle.Window}, {72*hour + 600*time.Second, lifecycle.Sealed}} {
		r, _, err := lifecycle.Advance(both, now(t, consent.Add(c.after)), lifecycle.Facts{})
		if err != nil || r.State != c.state {
			t.Errorf("%s after consent: %s %v", c.after, r.State, err)
		}
	}
	dropped, event, err := lifecycle.DropExpedite(both, ann(), consent.Add(71*hour))
	if err != nil || event != lifecycle.EventExpediteDropped || dropped.Deadlines() != window.Deadlines() {
		t.Errorf("%s %v", event, err)
	}
	if _, _, err := lifecycle.DropExpedite(window, ann(), consent); code(err) != fault.CodeTerminationState {
		t.Errorf("dropped nothing: %v", err)
	}

	scheduled, _, _ := lifecycle.Terminate(lifecycle.New(tenantID, lifecycle.Current()), ann(), ask(begin().Add(50*day)), begin())
	scheduled, _, _ = lifecycle.Expedite(scheduled, ann(), begin())
	scheduled, _, err = lifecycle.ConfirmExpedite(scheduled, bob(), begin())
	if err != nil || !scheduled.Deadlines().NotBefore.Equal(begin().Add(50*day)) {
		t.Errorf("the seal comes before the termination: %v %v", scheduled.Deadlines(), err)
	}
	late, _, _ := lifecycle.Expedite(window, ann(), begin().Add(30*day))
	late, _, err = lifecycle.ConfirmExpedite(late, bob(), begin().Add(30*day))
	if err != nil || late.Deadlines().NotBefore.After(window.Deadlines().NotBefore) {
		t.Errorf("an early end came later: %v", err)
	}
}

// TestClockOfPeople refuses acts with a clock that is behind the record.
func TestClockOfPeople(t *testing.T) {
	r := walk(t)[lifecycle.Window]
	if _, _, err := lifecycle.Reinstate(r, ann(), r.HighWater.Add(-301*time.Second)); !errors.Is(err, lifecycle.ErrClock) {
		t.Error(err)
	}
	if _, _, err := lifecycle.Reinstate(r, ann(), r.HighWater.Add(-300*time.Second)); err != nil {
		t.Error(err)
	}
	if _, _, err := lifecycle.Expedite(r, ann(), time.Time{}); !errors.Is(err, lifecycle.ErrClock) {
		t.Error(err)
	}
}

// TestAccessStates maps the words of tenants' rows there and back.
func TestAccessStates(t *testing.T) {
	for _, s := range lifecycle.States() {
		if l, ok := lifecycle.Of(s.Access()); !ok || l != s {
			t.Errorf("%s became %s", s, l)
		}
	}
	for _, unknown := range []access.State{"frozen", ""} {
		if _, ok := lifecycle.Of(unknown); ok {
			t.Errorf("%q was understood", unknown)
		}
	}
}
