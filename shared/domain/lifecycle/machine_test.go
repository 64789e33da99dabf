package lifecycle_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// entry is one line of the model's audit log, with the true instant at which a checkpoint over it was signed.
type entry struct {
	event  audit.Event
	at     time.Time
	signed time.Time
}

// life is the real record beside a model that knows the true time and remembers what was promised.
type life struct {
	r    lifecycle.Record
	real time.Time // true time
	mark time.Time // high-water mark of the clock
	log  []entry

	begins    time.Time // what became T0 of the running termination, or will
	ended     time.Time // true time of the seal
	consent   time.Time // true time of the second owner's consent
	notBefore time.Time // the latest that was promised for the running termination
	activeBy  time.Time // the earliest
	sent      map[lifecycle.NoticeKind]int
	runs      int
}

// skew draws how far an honest clock is off.
func skew(t *rapid.T, label string) time.Duration {
	return time.Duration(rapid.IntRange(-149, 149).Draw(t, label)) * time.Second
}

// reading observes two sources, of which one is sometimes far off, or both are, back or ahead by more than the guards let
// through.
func (l *life) reading(t *rapid.T) (lifecycle.Instants, bool) {
	a, b := l.real.Add(skew(t, "first")), l.real.Add(skew(t, "second"))
	wild := time.Duration(rapid.IntRange(6*24, 400*24).Draw(t, "wild")) * time.Hour
	switch rapid.IntRange(0, 9).Draw(t, "fault") {
	case 0:
		a = a.Add(wild)
	case 1:
		a, b = l.mark.Add(wild), l.mark.Add(wild)
	case 2:
		a, b = a.Add(-wild), b.Add(-wild)
	}
	i, err := lifecycle.Observe(a, b)
	if err == nil {
		var mark time.Time
		if mark, err = lifecycle.Guard(l.mark, i, nil); err == nil {
			l.mark = mark
			return i, true
		}
	}
	if !errors.Is(err, lifecycle.ErrClock) {
		t.Fatalf("%v is not ErrClock", err)
	}
	return i, false
}

// accept stores what a step returned, and compares it with what was promised before.
func (l *life) accept(t *rapid.T, r lifecycle.Record, event audit.Event, err error) bool {
	if err != nil || event == "" {
		return false
	}
	if r.Revision != l.r.Revision+1 || r.Epoch < l.r.Epoch || (r.State != l.r.State) != (r.Epoch > l.r.Epoch) && event != audit.TenantSuspended && event != audit.TenantActivated {
		t.Fatalf("%s: revision %d and epoch %d after %d and %d", event, r.Revision, r.Epoch, l.r.Revision, l.r.Epoch)
	}
	if l.r.State.Terminated() && r.State.Terminated() && !r.T0.Equal(l.r.T0) {
		t.Fatalf("%s moved T0 from %s to %s", event, l.r.T0, r.T0)
	}
	if l.r.State.Closed() && !r.State.Closed() {
		t.Fatalf("%s came back from %s", event, l.r.State)
	}
	l.r = r
	l.log = append(l.log, entry{event: event, at: r.EffectiveAt, signed: l.real.Add(time.Hour)})
	return true
}

func (l *life) terminate(t *rapid.T) {
	term := ask(time.Time{})
	clock := l.real.Add(skew(t, "clock"))
	if rapid.Bool().Draw(t, "later") {
		term.EffectiveAt = clock.Add(time.Duration(rapid.IntRange(0, 60*24).Draw(t, "hours")) * time.Hour)
	}
	term.Policy = policies().Draw(t, "policy")
	r, event, err := lifecycle.Terminate(l.r, ann(), term, clock)
	if l.accept(t, r, event, err) {
		l.runs++
		l.begins, l.consent, l.ended, l.sent = r.EffectiveAt, time.Time{}, time.Time{}, map[lifecycle.NoticeKind]int{}
		l.notBefore, l.activeBy = r.Deadlines().NotBefore, r.Deadlines().ActiveBy
		if r.EffectiveAt.Before(clock) {
			t.Fatal("the termination is in force before it was asked for")
		}
	}
}

func (l *life) expedite(t *rapid.T) {
	clock := l.real.Add(skew(t, "clock"))
	who := owner(rapid.SampledFrom([]string{"ann", "bob"}).Draw(t, "who"))
	do := rapid.SampledFrom([]string{"ask", "confirm", "drop"}).Draw(t, "what")
	var r lifecycle.Record
	var event audit.Event
	var err error
	switch do {
	case "ask":
		r, event, err = lifecycle.Expedite(l.r, who, clock)
	case "confirm":
		r, event, err = lifecycle.ConfirmExpedite(l.r, who, clock)
	default:
		r, event, err = lifecycle.DropExpedite(l.r, who, clock)
	}
	if !l.accept(t, r, event, err) {
		return
	}
	switch event {
	case lifecycle.EventExpedited:
		if r.Expedited.AskedBy == r.Expedited.ConfirmedBy {
			t.Fatal("one owner alone")
		}
		l.consent, l.notBefore = clock, r.Deadlines().NotBefore
	case lifecycle.EventExpediteDropped:
		l.consent = time.Time{}
	}
}

// tick is what the engine does every so often: notices, then one step.
func (l *life) tick(t *rapid.T) {
	i, ok := l.reading(t)
	if !ok {
		return
	}
	for _, k := range lifecycle.Due(l.r, i.NotAfter) {
		l.r = lifecycle.Notified(l.r, k, i.NotAfter)
		l.sent[k]++
	}
	f := lifecycle.Facts{
		ExportRunning: rapid.IntRange(0, 3).Draw(t, "export") == 0, Proof: l.proof(), Admitted: rapid.IntRange(0, 9).Draw(t, "admitted") > 0,
		BackupsRead: true, OldestBackup: l.real.Add(-28 * day), JournalClosed: true, Certificate: "c",
	}
	if !l.r.ActiveClearAt.IsZero() {
		f.KeysDestroyedAt = l.r.ActiveClearAt
	}
	before := l.r.State
	r, event, err := lifecycle.Advance(l.r, i, f)
	if !l.accept(t, r, event, err) {
		return
	}
	switch {
	case before == lifecycle.Window && r.State == lifecycle.Sealed:
		l.ended = l.real
		shortest := l.begins.Add(30 * day)
		if early := l.consent.Add(72 * hour); !l.consent.IsZero() && early.Before(shortest) {
			shortest = early
		}
		if l.real.Before(shortest) || l.real.Before(l.begins) {
			t.Fatalf("termination %d in force at %s was sealed at %s", l.runs, l.begins, l.real)
		}
	case before == lifecycle.Sealed && r.State == lifecycle.Deleting:
		if l.real.Before(l.ended.Add(25*hour)) || l.real.Before(r.Deadlines().NotBefore) {
			t.Fatalf("sealed at %s, deleting at %s", l.ended, l.real)
		}
	}
}

// proof is what an honest reader of the log finds: the latest termination and the latest consent to an early end, unless
// they were taken back.
func (l *life) proof() *lifecycle.LogProof {
	var consent *lifecycle.LogProof
	for _, e := range slices.Backward(l.log) {
		switch e.event {
		case lifecycle.EventCancelled, lifecycle.EventReinstated:
			return nil
		case lifecycle.EventTerminated:
			return &lifecycle.LogProof{Tenant: tenantID, Event: e.event, At: e.at, SignedAt: e.signed, Consent: consent}
		case lifecycle.EventExpedited:
			if l.r.Expedited != nil && consent == nil {
				consent = &lifecycle.LogProof{Tenant: tenantID, Event: e.event, At: l.r.Expedited.ConfirmedAt, SignedAt: e.signed}
			}
		}
	}
	return nil
}

func (l *life) verify(t *rapid.T) {
	i, ok := l.reading(t)
	if !ok {
		return
	}
	residue := max(0, rapid.IntRange(-4, 1).Draw(t, "residue"))
	r, event, err := lifecycle.Verified(l.r, i, residue)
	l.accept(t, r, event, err)
	r, event, err = lifecycle.Freeze(l.r, "sha-256:plan", i)
	l.accept(t, r, event, err)
}

// sound is what holds after every action.
func (l *life) sound(t *rapid.T) {
	if err := l.r.Check(); err != nil {
		t.Fatal(err)
	}
	for k, n := range l.sent {
		if n != 1 {
			t.Fatalf("notice %s went out %d times", k, n)
		}
	}
	if l.r.Begins().IsZero() {
		return
	}
	d := l.r.Deadlines()
	if d.NotBefore.Before(l.notBefore) || d.ActiveBy.After(l.activeBy) {
		t.Fatalf("the window, promised until %s, ends at %s; the deletion, promised by %s, ends by %s", l.notBefore, d.NotBefore, l.activeBy, d.ActiveBy)
	}
	l.notBefore, l.activeBy = d.NotBefore, d.ActiveBy
	if l.r.State.Closed() && l.r.Can(lifecycle.Read, l.real) == nil {
		t.Fatal("a sealed tenant can be read")
	}
	if l.r.State == lifecycle.Window && l.r.Can(lifecycle.Export, l.real) != nil {
		t.Fatal("no export in the window")
	}
	if l.r.State != lifecycle.Deleting && !l.r.State.Closed() && l.r.At(l.real) == lifecycle.Window && l.r.Can(lifecycle.Destroy, l.real) == nil {
		t.Fatal("data may be destroyed in the window")
	}
}

// TestMachine lets tenants leave and come back any number of times, with clocks that jump and go back, policies that
// change, owners in a hurry and exports that run long.
func TestMachine(t *testing.T) {
	reached := map[lifecycle.State]int{}
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.SampledFrom([]string{"2026-10-14T15:04:05Z", "2028-01-31T23:00:00Z", "2027-12-15T00:00:00Z", "2037-12-20T03:14:07Z", "2027-03-01T01:00:00Z"}).Draw(t, "start")
		real, err := time.Parse(time.RFC3339, start)
		if err != nil {
			t.Fatal(err)
		}
		l := &life{r: lifecycle.New(tenantID, lifecycle.Current()), real: real, mark: real}
		t.Repeat(map[string]func(*rapid.T){
			"terminate": l.terminate,
			"reinstate": func(t *rapid.T) {
				if rapid.IntRange(0, 3).Draw(t, "sure") > 0 {
					return
				}
				r, event, err := lifecycle.Reinstate(l.r, bob(), l.real.Add(skew(t, "clock")))
				l.accept(t, r, event, err)
			},
			"expedite": l.expedite,
			"suspend": func(t *rapid.T) {
				r, event, err := lifecycle.Suspend(l.r)
				l.accept(t, r, event, err)
			},
			"activate": func(t *rapid.T) {
				r, event, err := lifecycle.Activate(l.r)
				l.accept(t, r, event, err)
			},
			"policy": func(t *rapid.T) {
				if r, err := lifecycle.Adopt(l.r, policies().Draw(t, "policy")); err == nil {
					l.r = r
				}
			},
			"reopen": func(t *rapid.T) {
				if i, ok := l.reading(t); ok && rapid.IntRange(0, 3).Draw(t, "rows") == 0 {
					r, event, err := lifecycle.Reopen(l.r, i)
					l.accept(t, r, event, err)
				}
			},
			"tick":   l.tick,
			"tick 2": l.tick,
			"verify": l.verify,
			"hours":  func(t *rapid.T) { l.pass(t, rapid.IntRange(1, 48).Draw(t, "hours")) },
			"days":   func(t *rapid.T) { l.pass(t, 24*rapid.IntRange(1, 40).Draw(t, "days")) },
			"":       l.sound,
		})
		reached[l.r.State]++
	})
	t.Log("ended in:", reached)
}

// pass lets the true time go on, with ticks of the clock often enough that its mark follows.
func (l *life) pass(t *rapid.T, hours int) {
	for range hours {
		l.real = l.real.Add(hour)
		if i, err := lifecycle.Observe(l.real, l.real); err == nil {
			if l.mark, err = lifecycle.Guard(l.mark, i, nil); err != nil {
				t.Fatalf("an honest clock was refused: %v", err)
			}
		}
	}
}
