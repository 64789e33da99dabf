package lifecycle_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const (
	holdID   = "01920000-0000-7000-8000-00000000000a"
	passport = "01920000-0000-7000-8000-00000000000b"
)

// hold is in force on a scope.
func hold(t testing.TB, s lifecycle.Scope, at time.Time) lifecycle.Hold {
	t.Helper()
	s.Tenant = tenantID
	h, err := lifecycle.Ask(holdID, s, lifecycle.Basis{Act: "Regulation (EU) 2019/1020", Article: "14"}, "person:officer", at.Add(80*day), 90*day, at)
	if err == nil {
		h, err = h.Approve("person:counsel", at)
	}
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// advances is one row of the table of steps: the record of a state, at how long after which instant, with which change
// of the facts.
type advances struct {
	name  string
	from  lifecycle.State
	after func(lifecycle.Record) time.Time
	edit  func(*lifecycle.Record, *lifecycle.Facts)
	event audit.Event
	code  fault.Code
	says  string
}

const reserve = lifecycle.Reserve

func plus(since func(lifecycle.Record) time.Time, d time.Duration) func(lifecycle.Record) time.Time {
	return func(r lifecycle.Record) time.Time { return since(r).Add(d) }
}

func effective(r lifecycle.Record) time.Time { return r.EffectiveAt }
func closes(r lifecycle.Record) time.Time    { return r.Deadlines().NotBefore }
func drained(r lifecycle.Record) time.Time   { return r.Deadlines().DrainUntil }
func second(r lifecycle.Record) time.Time    { return r.SecondVerified }
func clear(r lifecycle.Record) time.Time     { return r.ActiveClearAt }
func residual(r lifecycle.Record) time.Time  { return r.ResidualClearAt }

func steps(t *testing.T) []advances {
	none := func(*lifecycle.Record, *lifecycle.Facts) {}
	facts := func(edit func(*lifecycle.Facts)) func(*lifecycle.Record, *lifecycle.Facts) {
		return func(_ *lifecycle.Record, f *lifecycle.Facts) { edit(f) }
	}
	proof := func(edit func(*lifecycle.LogProof)) func(*lifecycle.Record, *lifecycle.Facts) {
		return func(_ *lifecycle.Record, f *lifecycle.Facts) { edit(f.Proof) }
	}
	held := func(s lifecycle.Scope) func(*lifecycle.Record, *lifecycle.Facts) {
		return facts(func(f *lifecycle.Facts) { f.Holds = []lifecycle.Hold{hold(t, s, begin())} })
	}
	whole := lifecycle.Scope{Kind: lifecycle.ScopeTenant}
	one := lifecycle.Scope{Kind: lifecycle.ScopePassport, Passport: passport}
	const waits = fault.CodeStepBlocked
	return []advances{
		{"before T0", lifecycle.Scheduled, plus(effective, reserve-1), none, "", "", ""},
		{"at T0", lifecycle.Scheduled, plus(effective, reserve), none, lifecycle.EventWindowOpened, "", ""},
		{"days after T0", lifecycle.Scheduled, plus(effective, 3*day), none, lifecycle.EventWindowOpened, "", ""},

		{"a moment before the window ends", lifecycle.Window, plus(closes, reserve-1), none, "", "", ""},
		{"when the window ends", lifecycle.Window, plus(closes, reserve), none, lifecycle.EventSealed, "", ""},
		{"a running export", lifecycle.Window, plus(closes, reserve), facts(func(f *lifecycle.Facts) { f.ExportRunning = true }), lifecycle.EventWindowExtended, "", ""},
		{"an export done a moment ago", lifecycle.Window, plus(closes, reserve), facts(func(f *lifecycle.Facts) { f.ExportDoneAt = begin().Add(31 * day) }), lifecycle.EventWindowExtended, "", ""},
		{"an export done long ago", lifecycle.Window, plus(closes, reserve), facts(func(f *lifecycle.Facts) { f.ExportDoneAt = begin().Add(20 * day) }), lifecycle.EventSealed, "", ""},
		{"an export that never ends", lifecycle.Window, plus(closes, 5*day+reserve), facts(func(f *lifecycle.Facts) { f.ExportRunning = true }), lifecycle.EventSealed, "", ""},
		{"a notice not sent", lifecycle.Window, plus(closes, reserve), func(r *lifecycle.Record, _ *lifecycle.Facts) { r.Notices = r.Notices[1:] }, "", waits, "window-open"},
		{"a hold does not shorten or keep the window", lifecycle.Window, plus(closes, reserve), held(whole), lifecycle.EventSealed, "", ""},

		{"during the drain", lifecycle.Sealed, plus(drained, reserve-1), none, "", "", ""},
		{"after the drain", lifecycle.Sealed, plus(drained, reserve), none, lifecycle.EventDeleting, "", ""},
		{"no plan", lifecycle.Sealed, plus(drained, reserve), func(r *lifecycle.Record, _ *lifecycle.Facts) { r.PlanHash = "" }, "", waits, "plan"},
		{"no proof", lifecycle.Sealed, plus(drained, reserve), facts(func(f *lifecycle.Facts) { f.Proof = nil }), "", waits, "audit log"},
		{"the proof of another tenant", lifecycle.Sealed, plus(drained, reserve), proof(func(p *lifecycle.LogProof) { p.Tenant = "x" }), "", waits, "audit log"},
		{"the proof of another instant", lifecycle.Sealed, plus(drained, reserve), proof(func(p *lifecycle.LogProof) { p.At = p.At.Add(1) }), "", waits, "audit log"},
		{"the proof of another event", lifecycle.Sealed, plus(drained, reserve), proof(func(p *lifecycle.LogProof) { p.Event = audit.TenantRenamed }), "", waits, "audit log"},
		{"a proof taken back", lifecycle.Sealed, plus(drained, reserve), proof(func(p *lifecycle.LogProof) { p.Withdrawn = true }), "", waits, "audit log"},
		{"a proof without signature", lifecycle.Sealed, plus(drained, reserve), proof(func(p *lifecycle.LogProof) { p.SignedAt = time.Time{} }), "", waits, "audit log"},
		{"a proof of 29 days", lifecycle.Sealed, plus(drained, reserve), func(r *lifecycle.Record, f *lifecycle.Facts) { f.Proof.SignedAt = drained(*r).Add(-29 * day) }, "", waits, "audit log"},
		{"a proof of 30 days less a moment", lifecycle.Sealed, plus(drained, reserve), func(r *lifecycle.Record, f *lifecycle.Facts) { f.Proof.SignedAt = drained(*r).Add(-30*day + 1) }, "", waits, "audit log"},
		{"a proof of 30 days", lifecycle.Sealed, plus(drained, reserve), func(r *lifecycle.Record, f *lifecycle.Facts) { f.Proof.SignedAt = drained(*r).Add(-30 * day) }, lifecycle.EventDeleting, "", ""},
		{"an early end that nobody wanted", lifecycle.Sealed, plus(drained, reserve), proof(func(p *lifecycle.LogProof) { p.Event = lifecycle.EventExpedited }), "", waits, "audit log"},
		{"too many today", lifecycle.Sealed, plus(drained, reserve), facts(func(f *lifecycle.Facts) { f.Admitted = false }), "", waits, "more tenants"},
		{"everything held", lifecycle.Sealed, plus(drained, reserve), held(whole), "", fault.CodeHeld, "2019/1020"},
		{"one passport held", lifecycle.Sealed, plus(drained, reserve), held(one), lifecycle.EventDeleting, "", ""},

		{"after both verifications", lifecycle.Deleting, plus(second, hour), none, lifecycle.EventActiveClear, "", ""},
		{"long after the second", lifecycle.Deleting, plus(second, 5*day), none, "", waits, "come back"},
		{"after one", lifecycle.Deleting, plus(second, hour), func(r *lifecycle.Record, _ *lifecycle.Facts) { r.SecondVerified = time.Time{} }, "", "", ""},
		{"with one passport held", lifecycle.Deleting, plus(second, hour), held(one), "", fault.CodeHeld, "2019/1020"},

		{"no backup left", lifecycle.ActiveClear, plus(clear, 10*day), none, lifecycle.EventResidualClear, "", ""},
		{"a younger backup", lifecycle.ActiveClear, plus(clear, 10*day), func(r *lifecycle.Record, f *lifecycle.Facts) { f.OldestBackup = r.ActiveClearAt.Add(1) }, lifecycle.EventResidualClear, "", ""},
		{"a backup from the same instant", lifecycle.ActiveClear, plus(clear, 10*day), func(r *lifecycle.Record, f *lifecycle.Facts) { f.OldestBackup = r.ActiveClearAt }, "", "", ""},
		{"backups not looked at", lifecycle.ActiveClear, plus(clear, 10*day), facts(func(f *lifecycle.Facts) { f.BackupsRead = false }), "", waits, "inventory"},
		{"keys not destroyed", lifecycle.ActiveClear, plus(clear, 10*day), facts(func(f *lifecycle.Facts) { f.KeysDestroyedAt = time.Time{} }), "", waits, "keys"},
		{"copies of keys left", lifecycle.ActiveClear, plus(clear, 7*day+reserve), func(r *lifecycle.Record, f *lifecycle.Facts) { f.KeysDestroyedAt = r.ActiveClearAt.Add(1) }, "", "", ""},
		{"copies of keys gone", lifecycle.ActiveClear, plus(clear, 7*day+reserve), func(r *lifecycle.Record, f *lifecycle.Facts) { f.KeysDestroyedAt = r.ActiveClearAt }, lifecycle.EventResidualClear, "", ""},
		{"the journal open", lifecycle.ActiveClear, plus(clear, 10*day), facts(func(f *lifecycle.Facts) { f.JournalClosed = false }), "", waits, "journal"},
		{"keys held", lifecycle.ActiveClear, plus(clear, 10*day), held(one), "", fault.CodeHeld, "2019/1020"},

		{"signed", lifecycle.ResidualClear, plus(residual, hour), none, lifecycle.EventCertified, "", ""},
		{"not signed", lifecycle.ResidualClear, plus(residual, hour), facts(func(f *lifecycle.Facts) { f.Certificate = "" }), "", waits, "certificate"},
	}
}

// TestAdvance holds each step: when it is taken, when it is not due, and what it waits for.
func TestAdvance(t *testing.T) {
	all := walk(t)
	for _, c := range steps(t) {
		r := all[c.from]
		when := c.after(r)
		r = notify(r, when)
		f := good(r, when)
		c.edit(&r, &f)
		after, event, err := lifecycle.Advance(r, now(t, when), f)
		if event != c.event || code(err) != c.code {
			t.Errorf("%s, %s: %q %v", c.from, c.name, event, err)
			continue
		}
		if err != nil && !strings.Contains(fault.Of(err).Detail, c.says) {
			t.Errorf("%s, %s: %v does not say %q", c.from, c.name, err, c.says)
		}
		if event == "" {
			if diff := cmp.Diff(r, after); diff != "" {
				t.Errorf("%s, %s: changed without event: %s", c.from, c.name, diff)
			}
			continue
		}
		if err := after.Check(); err != nil || after.Revision != r.Revision+1 || !after.HighWater.Equal(when) {
			t.Errorf("%s, %s: %v %+v", c.from, c.name, err, after)
		}
		if (after.State != r.State) != (after.Epoch == r.Epoch+1) {
			t.Errorf("%s, %s: epoch %d after %d", c.from, c.name, after.Epoch, r.Epoch)
		}
	}
}

// TestResting holds that nothing happens by itself to tenants that stay, or that are gone.
func TestResting(t *testing.T) {
	all := walk(t)
	for _, s := range []lifecycle.State{lifecycle.Active, lifecycle.Suspended, lifecycle.Certified} {
		r := all[s]
		when := begin().AddDate(30, 0, 0)
		after, event, err := lifecycle.Advance(r, now(t, when), good(r, when))
		if diff := cmp.Diff(r, after); diff != "" || event != "" || err != nil {
			t.Errorf("%s: %s %v %s", s, event, err, diff)
		}
	}
}

// TestExpeditedProof holds that the consent of the second owner, three days old in the log, opens the deletion, and
// nothing younger.
func TestExpeditedProof(t *testing.T) {
	r := walk(t)[lifecycle.Window]
	consent := begin().Add(day)
	r, _, _ = lifecycle.Expedite(r, ann(), consent)
	r, _, err := lifecycle.ConfirmExpedite(r, bob(), consent)
	if err != nil {
		t.Fatal(err)
	}
	r = notify(r, consent)
	r, _, err = lifecycle.Advance(r, now(t, consent.Add(73*hour)), lifecycle.Facts{})
	if err != nil || r.State != lifecycle.Sealed {
		t.Fatal(r.State, err)
	}
	r, _, err = lifecycle.Freeze(r, "sha-256:plan", now(t, r.SealedAt))
	if err != nil {
		t.Fatal(err)
	}
	when := r.SealedAt.Add(26 * hour)
	f := good(r, when)
	if _, _, err := lifecycle.Advance(r, now(t, when), f); code(err) != fault.CodeStepBlocked {
		t.Errorf("the proof of the termination alone, a few days old: %v", err)
	}
	for name, c := range map[string]struct {
		edit func(r *lifecycle.Record, end, yes *lifecycle.LogProof)
		ok   bool
	}{
		"both, in time":             {func(*lifecycle.Record, *lifecycle.LogProof, *lifecycle.LogProof) {}, true},
		"a consent signed late":     {func(_ *lifecycle.Record, _, yes *lifecycle.LogProof) { yes.SignedAt = when.Add(-71 * hour) }, false},
		"a termination signed late": {func(_ *lifecycle.Record, end, _ *lifecycle.LogProof) { end.SignedAt = when.Add(-71 * hour) }, false},
		"another consent":           {func(_ *lifecycle.Record, _, yes *lifecycle.LogProof) { yes.At = consent.Add(1) }, false},
		"a consent taken back":      {func(_ *lifecycle.Record, _, yes *lifecycle.LogProof) { yes.Withdrawn = true }, false},
		"a termination taken back":  {func(_ *lifecycle.Record, end, _ *lifecycle.LogProof) { end.Withdrawn = true }, false},
		"the consent of another":    {func(_ *lifecycle.Record, _, yes *lifecycle.LogProof) { yes.Tenant = "x" }, false},
		"no termination":            {func(_ *lifecycle.Record, end, yes *lifecycle.LogProof) { *end = *yes }, false},
		"a later end of the contract in the log": {func(_ *lifecycle.Record, end, _ *lifecycle.LogProof) {
			end.At = r.T0.Add(360 * day)
		}, false},
		"an end that one owner alone wanted": {func(r *lifecycle.Record, _, _ *lifecycle.LogProof) {
			r.Expedited = &lifecycle.Expedited{AskedBy: "a", AskedAt: consent, ConfirmedAt: consent}
		}, false},
	} {
		r := r
		end := lifecycle.LogProof{Tenant: tenantID, Event: lifecycle.EventTerminated, At: r.T0, SignedAt: r.NoticedAt.Add(hour)}
		yes := lifecycle.LogProof{Tenant: tenantID, Event: lifecycle.EventExpedited, At: consent, SignedAt: consent.Add(hour)}
		c.edit(&r, &end, &yes)
		end.Consent = &yes
		f.Proof = &end
		_, event, err := lifecycle.Advance(r, now(t, when), f)
		if (event == lifecycle.EventDeleting) != c.ok || (err == nil) != c.ok {
			t.Errorf("%s: %s %v", name, event, err)
		}
		if proven := end.Covers(r, now(t, when)); proven != c.ok {
			t.Errorf("%s: proven %v", name, proven)
		}
	}
}

// TestExtension holds that a running export keeps the window open, that the window never shrinks again, and the bound.
func TestExtension(t *testing.T) {
	r := walk(t)[lifecycle.Window]
	planned := r.Deadlines().NotBefore
	when := planned.Add(hour)
	r = notify(r, when)
	r, event, err := lifecycle.Advance(r, now(t, when), lifecycle.Facts{ExportRunning: true})
	if err != nil || event != lifecycle.EventWindowExtended || !r.ExtendedUntil.Equal(when.Add(6*hour)) {
		t.Fatal(event, err, r.ExtendedUntil)
	}
	if same, event, err := lifecycle.Advance(r, now(t, when.Add(5*hour)), lifecycle.Facts{}); event != "" || err != nil || same.State != lifecycle.Window {
		t.Errorf("the export ended and the window shrank: %s %v", event, err)
	}
	done := when.Add(5 * hour)
	longer, event, err := lifecycle.Advance(r, now(t, when.Add(7*hour)), lifecycle.Facts{ExportDoneAt: done})
	if err != nil || event != lifecycle.EventWindowExtended || !longer.ExtendedUntil.Equal(done.Add(6*hour)) {
		t.Errorf("no time to fetch: %s %v %s", event, err, longer.ExtendedUntil)
	}
	for range 100 {
		when = when.Add(6 * hour)
		if r.State != lifecycle.Window {
			break
		}
		if r, _, err = lifecycle.Advance(r, now(t, when), lifecycle.Facts{ExportRunning: true}); err != nil {
			t.Fatal(err)
		}
	}
	if r.State != lifecycle.Sealed || r.SealedAt.After(planned.Add(5*day+12*hour)) || r.Check() != nil {
		t.Errorf("an export without end: %s at %s, %v", r.State, r.SealedAt, r.Check())
	}
	if d := walk(t)[lifecycle.Window].Deadlines(); !d.ActiveBy.Equal(r.Deadlines().ActiveBy) {
		t.Error("the extension moved the deadline of the deletion")
	}
}

func TestVerifications(t *testing.T) {
	r := walk(t)[lifecycle.Deleting]
	r.FirstVerified, r.SecondVerified, r.HighWater = time.Time{}, time.Time{}, r.DeletingAt
	verify := func(r lifecycle.Record, after time.Duration, residue int) (lifecycle.Record, audit.Event) {
		t.Helper()
		r, event, err := lifecycle.Verified(r, now(t, r.DeletingAt.Add(after)), residue)
		if err != nil || r.Check() != nil {
			t.Fatal(err, r.Check())
		}
		return r, event
	}
	first, event := verify(r, hour, 0)
	if event != lifecycle.EventVerified || first.FirstVerified.IsZero() || !first.SecondVerified.IsZero() {
		t.Fatal(event, first)
	}
	soon, event := verify(first, 25*hour, 0) // 24 h less the reserve of the clock
	if event != "" || !soon.SecondVerified.IsZero() {
		t.Error("the second came within a day", event)
	}
	both, event := verify(first, 25*hour+reserve, 0)
	if event != lifecycle.EventVerified || both.SecondVerified.IsZero() {
		t.Error("the second was not taken", event)
	}
	for name, residue := range map[string]int{"one row": 1, "a count that makes no sense": -1} {
		again, event := verify(both, 30*hour, residue)
		if event != lifecycle.EventResidueFound || !again.FirstVerified.IsZero() || !again.SecondVerified.IsZero() {
			t.Errorf("%s: %s %+v", name, event, again)
		}
	}
	for s, r := range walk(t) {
		if _, _, err := lifecycle.Verified(r, now(t, begin().AddDate(1, 0, 0)), 0); (err == nil) != (s == lifecycle.Deleting) {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// TestReopen holds that a tenant in which rows were found has to be verified twice again, and keeps its deadlines.
func TestReopen(t *testing.T) {
	for _, s := range []lifecycle.State{lifecycle.ActiveClear, lifecycle.ResidualClear} {
		r := walk(t)[s]
		again, event, err := lifecycle.Reopen(r, now(t, r.HighWater.Add(hour)))
		if err != nil || event != lifecycle.EventReopened || again.State != lifecycle.Deleting || again.Epoch != r.Epoch+1 || again.Check() != nil {
			t.Fatalf("%s: %s %v %v", s, event, err, again.Check())
		}
		if !again.FirstVerified.IsZero() || !again.SecondVerified.IsZero() || !again.ActiveClearAt.IsZero() || !again.ResidualClearAt.IsZero() {
			t.Errorf("%s: %+v", s, again)
		}
		if again.Deadlines() != r.Deadlines() {
			t.Errorf("%s: the deadlines moved", s)
		}
		if same, event, err := lifecycle.Advance(again, now(t, r.HighWater.Add(2*hour)), good(again, r.HighWater)); event != "" || err != nil || same.State != lifecycle.Deleting {
			t.Errorf("%s: clear without a verification: %s %v", s, event, err)
		}
	}
}

// TestMarkNeverGoesBack takes a step with a machine whose clock is a little behind the one before.
func TestMarkNeverGoesBack(t *testing.T) {
	r := walk(t)[lifecycle.Deleting]
	behind, _, err := lifecycle.Verified(r, now(t, r.HighWater.Add(-100*time.Second)), 1)
	if err != nil || !behind.HighWater.Equal(r.HighWater) {
		t.Errorf("from %s to %s: %v", r.HighWater, behind.HighWater, err)
	}
}

// TestNeighbours holds that a reading a little behind the last step, from another machine, gives a sound record.
func TestNeighbours(t *testing.T) {
	r := walk(t)[lifecycle.Deleting]
	r.FirstVerified, r.SecondVerified, r.HighWater = time.Time{}, time.Time{}, r.DeletingAt
	r, _, err := lifecycle.Verified(r, now(t, r.DeletingAt.Add(-100*time.Second)), 0)
	if err != nil || r.Check() != nil || !r.FirstVerified.Equal(r.DeletingAt) {
		t.Errorf("verified at %s, deleting since %s: %v %v", r.FirstVerified, r.DeletingAt, err, r.Check())
	}
	w, _, err := lifecycle.Expedite(walk(t)[lifecycle.Window], ann(), begin().Add(day))
	if err != nil {
		t.Fatal(err)
	}
	if w, _, err = lifecycle.ConfirmExpedite(w, bob(), begin().Add(day-100*time.Second)); err != nil || w.Check() != nil || !w.Expedited.ConfirmedAt.Equal(begin().Add(day)) {
		t.Errorf("%+v: %v %v", w.Expedited, err, w.Check())
	}
	if _, _, err = lifecycle.ConfirmExpedite(w, bob(), begin().Add(day-301*time.Second)); !errors.Is(err, lifecycle.ErrClock) {
		t.Error("consent before the question:", err)
	}
}

func TestFreeze(t *testing.T) {
	r := walk(t)[lifecycle.Sealed]
	if same, event, err := lifecycle.Freeze(r, r.PlanHash, now(t, r.SealedAt)); err != nil || event != "" || same.Revision != r.Revision {
		t.Error("the same plan again:", event, err)
	}
	if _, _, err := lifecycle.Freeze(r, "sha-256:other", now(t, r.SealedAt)); code(err) != fault.CodeStepBlocked {
		t.Error("another plan:", err)
	}
	r.PlanHash = ""
	if _, _, err := lifecycle.Freeze(r, "", now(t, r.SealedAt)); code(err) != fault.CodeStepBlocked {
		t.Error("no hash:", err)
	}
	if _, _, err := lifecycle.Freeze(walk(t)[lifecycle.Window], "sha-256:plan", now(t, begin())); code(err) != fault.CodeStepBlocked {
		t.Error("in the window:", err)
	}
}

// TestCorrupted spoils one member of a sound record: no step is taken, whatever the facts say.
func TestCorrupted(t *testing.T) {
	all := walk(t)
	for name, c := range map[string]struct {
		from  lifecycle.State
		spoil func(*lifecycle.Record)
	}{
		"T0 moved back":           {lifecycle.Window, func(r *lifecycle.Record) { r.T0 = r.T0.Add(-40 * day) }},
		"both moved back":         {lifecycle.Window, func(r *lifecycle.Record) { r.T0, r.EffectiveAt = r.T0.Add(-40*day), r.T0.Add(-40*day) }},
		"T0 lost":                 {lifecycle.Window, func(r *lifecycle.Record) { r.T0 = time.Time{} }},
		"an unknown state":        {lifecycle.Window, func(r *lifecycle.Record) { r.State = "gone" }},
		"sealed out of nothing":   {lifecycle.Active, func(r *lifecycle.Record) { r.State, r.PlanHash = lifecycle.Sealed, "x" }},
		"sealed in the window":    {lifecycle.Window, func(r *lifecycle.Record) { r.State, r.SealedAt = lifecycle.Sealed, r.T0.Add(day) }},
		"sealed without instant":  {lifecycle.Window, func(r *lifecycle.Record) { r.State = lifecycle.Sealed }},
		"a policy without window": {lifecycle.Window, func(r *lifecycle.Record) { r.Accepted.Window = 0 }},
		"no policy":               {lifecycle.Window, func(r *lifecycle.Record) { r.Accepted, r.Later = lifecycle.Policy{}, nil }},
		"one owner in both parts": {lifecycle.Window, func(r *lifecycle.Record) { r.Expedited = &lifecycle.Expedited{"a", begin(), "a", begin()} }},
		"an owner out of nowhere": {lifecycle.Window, func(r *lifecycle.Record) { r.Expedited = &lifecycle.Expedited{"", begin(), "b", begin()} }},
		"consent without a name":  {lifecycle.Window, func(r *lifecycle.Record) { r.Expedited = &lifecycle.Expedited{"a", begin(), "", begin()} }},
		"extended for a year":     {lifecycle.Window, func(r *lifecycle.Record) { r.ExtendedUntil = begin().AddDate(1, 0, 0) }},
		"no notice":               {lifecycle.Scheduled, func(r *lifecycle.Record) { r.NoticedAt = time.Time{} }},
		"notice after the fact":   {lifecycle.Scheduled, func(r *lifecycle.Record) { r.NoticedAt = r.EffectiveAt.Add(1) }},
		"T0 too early":            {lifecycle.Scheduled, func(r *lifecycle.Record) { r.T0 = r.EffectiveAt }},
		"no drain":                {lifecycle.Deleting, func(r *lifecycle.Record) { r.DeletingAt = r.SealedAt.Add(hour) }},
		"deleting without plan":   {lifecycle.Deleting, func(r *lifecycle.Record) { r.PlanHash = "" }},
		"verified at once":        {lifecycle.Deleting, func(r *lifecycle.Record) { r.SecondVerified = r.FirstVerified.Add(hour) }},
		"verified before":         {lifecycle.Deleting, func(r *lifecycle.Record) { r.FirstVerified = r.DeletingAt.Add(-1) }},
		"the first lost":          {lifecycle.Deleting, func(r *lifecycle.Record) { r.FirstVerified = time.Time{} }},
		"clear and not verified":  {lifecycle.ActiveClear, func(r *lifecycle.Record) { r.FirstVerified, r.SecondVerified = time.Time{}, time.Time{} }},
		"clear before verified":   {lifecycle.ActiveClear, func(r *lifecycle.Record) { r.ActiveClearAt = r.SecondVerified.Add(-1) }},
		"clear while deleting":    {lifecycle.Deleting, func(r *lifecycle.Record) { r.ActiveClearAt = r.SecondVerified }},
		"backups before":          {lifecycle.ResidualClear, func(r *lifecycle.Record) { r.ResidualClearAt = r.ActiveClearAt.Add(-1) }},
		"a lost certificate":      {lifecycle.Certified, func(r *lifecycle.Record) { r.Certificate = "" }},
		"active with a T0":        {lifecycle.Active, func(r *lifecycle.Record) { r.T0 = begin() }},
		"sealed and in window":    {lifecycle.Sealed, func(r *lifecycle.Record) { r.State = lifecycle.Window }},
		"deleting and sealed":     {lifecycle.Deleting, func(r *lifecycle.Record) { r.State = lifecycle.Sealed }},
	} {
		r := all[c.from]
		c.spoil(&r)
		when := begin().AddDate(2, 0, 0)
		after, event, err := lifecycle.Advance(r, now(t, when), good(r, when))
		if code(err) != fault.CodeInternal || event != "" {
			t.Errorf("%s: %s %v", name, event, err)
		}
		if diff := cmp.Diff(r, after); diff != "" {
			t.Errorf("%s: changed: %s", name, diff)
		}
	}
}

// TestAdvanceClock takes no step with a reading that is not whole or went back.
func TestAdvanceClock(t *testing.T) {
	for s, r := range walk(t) {
		bad := []lifecycle.Instants{{}, {NotAfter: begin()}, {NotBefore: begin().AddDate(2, 0, 0), NotAfter: begin().AddDate(1, 0, 0)}}
		if !r.HighWater.IsZero() {
			back := r.HighWater.Add(-301 * time.Second)
			bad = append(bad, lifecycle.Instants{NotBefore: back.Add(-reserve), NotAfter: back})
		}
		for _, i := range bad {
			if _, event, err := lifecycle.Advance(r, i, good(r, begin())); !errors.Is(err, lifecycle.ErrClock) || event != "" {
				t.Errorf("%s with %v: %s %v", s, i, event, err)
			}
		}
	}
}
