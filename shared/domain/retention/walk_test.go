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
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TestWalk leads one tenant from its termination to its certificate, beside one that stays.
func TestWalk(t *testing.T) {
	w := found(t)
	leaver, stayer := w.tenant(1, 7, true), w.tenant(2, 7, false)
	before := w.rows(stayer)
	w.comes(leaver, lifecycle.Sealed)
	if w.rows(leaver) != 6*7 {
		t.Errorf("%d rows are left when the window has closed", w.rows(leaver))
	}
	w.comes(leaver, lifecycle.ActiveClear)
	r := w.lives.all[leaver].Record
	if r.ActiveClearAt.After(r.T0.Add(37 * day)) {
		t.Errorf("clear at %s, after our own aim", r.ActiveClearAt)
	}
	w.comes(leaver, lifecycle.ResidualClear)
	r = w.lives.all[leaver].Record
	history := w.lives.all[leaver].History
	w.comes(leaver, lifecycle.Certified)
	if w.rows(leaver) != 0 || w.rows(stayer) != before || len(w.early) > 0 {
		t.Errorf("%d rows left, %d of %d of the other tenant, early: %v", w.rows(leaver), w.rows(stayer), before, w.early)
	}
	if len(w.works.all) > 0 || len(w.lives.all) != 1 {
		t.Errorf("something still names the tenant: %v", w.works.all)
	}
	if w.most[retention.EarlyDestructiveAttempt] > 0 || w.most[retention.ResidualFound] > 0 || w.most[retention.ClockDisagreement] > 0 || w.most[retention.StepsFailed] > 0 {
		t.Errorf("%v", w.most)
	}
	if !w.disabled[leaver] || w.disabled[stayer] || len(w.journal) != 1 || w.journal[orderName(retention.Order{Tenant: leaver, Asked: r.T0})].IsZero() {
		t.Errorf("keys %v, journal %v", w.disabled, w.journal)
	}
	w.holdsCertificate(leaver, r)
	w.holdsTrail(leaver, history)
}

// TestAttestations holds that there is no certificate while a store shows no evidence, and that evidence is of what the
// auditor has counted, after the last thing that it found there.
func TestAttestations(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 3, true)
	w.comes(leaver, lifecycle.Deleting)
	objects := w.shelf("objects")
	objects.lie = true // it says that it has deleted
	found := func() float64 { return w.most[retention.ResidualFound] }
	w.until(time.Hour, 24*4, func() bool { return found() > 0 })
	if found() == 0 || w.sweepOf(leaver, "objects").Receipt != nil {
		t.Fatal("what was not deleted is not found, or is attested")
	}
	objects.lie, objects.mute = false, true
	w.comes(leaver, lifecycle.ResidualClear)
	end := w.now.Add(20 * day)
	w.until(3*time.Hour, 8*21, func() bool { return len(w.lives.certs) > 0 || w.now.After(end) })
	w.surveyed()
	if len(w.lives.certs) > 0 || w.state(leaver) != lifecycle.ResidualClear || w.figures[retention.MissingAttestation] == 0 || w.figures[retention.CertificatesOverdue] != 1 {
		t.Fatalf("without the evidence of a store it is %s, with %d certificates; %v", w.state(leaver), len(w.lives.certs), w.figures)
	}
	if r := w.sweepOf(leaver, "records").Receipt; r == nil || r.At.Before(w.sweepOf(leaver, "records").Done.Add(-time.Minute)) {
		t.Errorf("the evidence of another store is %+v, of what was done at %s", r, w.sweepOf(leaver, "records").Done)
	}
	objects.mute = false
	w.comes(leaver, lifecycle.Certified)
	for _, row := range w.lives.certs {
		d, err := certificate.Verify(row.Document, row.Signature, &w.key.PublicKey)
		if err != nil || len(d.Violations()) > 0 {
			t.Errorf("%v, %v", err, d.Violations())
		}
	}
}

// holdsCertificate checks the one certificate that there is.
func (w *world) holdsCertificate(leaver id.Tenant, r lifecycle.Record) {
	w.t.Helper()
	if len(w.lives.certs) != 1 {
		w.t.Fatalf("%d certificates", len(w.lives.certs))
	}
	for name, row := range w.lives.certs {
		d, err := certificate.Verify(row.Document, row.Signature, &w.key.PublicKey)
		if err != nil || len(d.Violations()) > 0 {
			w.t.Fatalf("%v %v", err, d.Violations())
		}
		secret, _ := w.Secret(w.t.Context(), name)
		if row.ID != d.ID || row.Secret != retention.HashSecret(secret) || d.Tenant != certificate.Pseudonym(string(leaver), secret) || !d.T0.Equal(r.T0) {
			w.t.Errorf("%+v of %+v", d, row)
		}
		if strings.Contains(string(row.Document), string(leaver)) || strings.Contains(string(row.Document), "person:") {
			w.t.Errorf("it names somebody: %s", row.Document)
		}
		for _, s := range d.Stores {
			if s.Before != 7 || s.Deleted != 7 || s.After != 0 || s.Receipt == nil || s.Digest == "" {
				w.t.Errorf("%+v", s)
			}
		}
		if d.Passports.Count != 7 || len(d.Passports.Listed) != 4 || d.Passports.Listed[0].Act == "" || len(d.Exceptions) == 0 {
			w.t.Errorf("%+v", d.Passports)
		}
		m, _ := w.mail(leaver, lifecycle.NoticeSealed)
		for _, want := range []string{row.ID, secret, r.PlanHash, "records: 7", "7 passports", "4 custody (battery)"} {
			if !strings.Contains(m.Text, want) {
				w.t.Errorf("%q is not told: %s", want, m.Text)
			}
		}
	}
	for _, k := range lifecycle.NoticeKinds() {
		if m, n := w.mail(leaver, k); n != 1 || m.Subject == "" || m.Text == "" {
			w.t.Errorf("%s went out %d times: %+v", k, n, m)
		}
	}
	if len(w.mails) != len(lifecycle.NoticeKinds()) {
		w.t.Errorf("%d mails", len(w.mails))
	}
}

// holdsTrail checks that each step has one moment, and until the deletion began one entry.
func (w *world) holdsTrail(leaver id.Tenant, history []lifecycle.Moment) {
	w.t.Helper()
	entries, notices := 0, 0
	for _, s := range w.lives.steps {
		if s.Before.Tenant != leaver {
			w.t.Errorf("a step of %s, which stays", s.Before.Tenant)
		}
		grows := len(s.After.History) - len(history[:min(len(history), len(s.After.History))])
		looked := s.After.Record.State == s.Before.State && len(s.Entries) == 0
		if want := !s.Before.State.Begun() && !looked; (len(s.Entries) == 1) != want || grows < 0 {
			w.t.Errorf("%d entries of a step from %s to %s", len(s.Entries), s.Before.State, s.After.Record.State)
		}
		entries, notices = entries+len(s.Entries), notices+len(s.Notices)
	}
	if notices < 6 || entries != notices+4 { // opened, sealed, planned and begun are in the trail, and not told beside the notices
		w.t.Errorf("%d entries, %d notices", entries, notices)
	}
	var events []string
	for _, m := range history {
		events = append(events, string(m.Event))
		if m.Actor == "" || m.At.IsZero() {
			w.t.Errorf("%+v", m)
		}
	}
	want := []lifecycle.Moment{{Event: lifecycle.EventTerminated}, {Event: lifecycle.EventWindowOpened}, {Event: lifecycle.EventSealed}, {Event: lifecycle.EventPlanFrozen},
		{Event: lifecycle.EventDeleting}, {Event: lifecycle.EventVerified}, {Event: lifecycle.EventVerified}, {Event: lifecycle.EventActiveClear}, {Event: lifecycle.EventResidualClear}}
	var got []lifecycle.Moment
	for _, m := range history {
		if m.Event != lifecycle.EventNoticeSent {
			got = append(got, lifecycle.Moment{Event: m.Event})
		}
	}
	if !slices.EqualFunc(got, want, func(a, b lifecycle.Moment) bool { return a.Event == b.Event }) {
		w.t.Errorf("%v", events)
	}
}

// TestMidway holds what is possible until the window closes, and what an outage of the schedule changes: nothing.
func TestMidway(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 3, true)
	w.all()
	w.exports[leaver] = w.now.Add(31*day + 12*time.Hour)
	w.now = w.now.Add(3 * day) // nobody came for three days
	w.all()
	if w.state(leaver) != lifecycle.Window || len(w.mails) != 1 {
		t.Fatal(w.state(leaver), len(w.mails))
	}
	w.comes(leaver, lifecycle.Sealed)
	r := w.lives.all[leaver].Record
	if r.SealedAt.Before(w.exports[leaver].Add(6*time.Hour)) || w.most[retention.WindowsExtended] != 1 {
		t.Errorf("the window closed at %s, when an export ran until %s", r.SealedAt, w.exports[leaver])
	}
	if !r.Deadlines().ActiveBy.Equal(r.T0.Add(60 * day)) {
		t.Error("the deadline moved")
	}
}

// TestClock holds that nobody does anything while the time is not known well enough, and that a bad reading leaves no trace.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  func(*world)
	}{
		{"sources disagree", func(w *world) { w.skew = []time.Duration{0, 301 * time.Second} }},
		{"one source", func(w *world) { w.skew = w.skew[:1] }},
		{"all went back", func(w *world) { w.now = w.mark.Add(-6 * time.Minute) }},
		{"all jumped ahead", func(w *world) { w.now = w.mark.Add(5*day + time.Hour) }},
		{"the machine is alone", func(w *world) { w.skew = []time.Duration{400 * day, 400 * day} }},
		{"the sources went back", func(w *world) { w.skew = []time.Duration{-400 * day, -400 * day} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := found(t)
			leaver := w.tenant(1, 3, true)
			w.comes(leaver, lifecycle.Deleting)
			w.shelf("public").err = errors.New("down") // so that there is work left
			w.all()
			w.now = w.now.Add(2 * time.Hour)
			mark, steps, rows := w.mark, len(w.lives.steps), w.rows(leaver)
			w.shelf("public").err = nil
			c.bad(w)
			for name, run := range w.jobs() {
				if err := run(t.Context(), w.now); !errors.Is(err, lifecycle.ErrClock) || w.figures[retention.ClockDisagreement] != 1 {
					t.Errorf("%s: %v", name, err)
				}
			}
			if !w.mark.Equal(mark) || len(w.lives.steps) != steps || w.rows(leaver) != rows {
				t.Error("something was done all the same")
			}
		})
	}
}

// TestClockOfTheCaller holds that the machine's own clock has to agree with the sources.
func TestClockOfTheCaller(t *testing.T) {
	w := found(t)
	w.tenant(1, 1, true)
	for name, run := range w.jobs() {
		for _, off := range []time.Duration{6 * time.Minute, -6 * time.Minute, 400 * day} {
			if err := run(t.Context(), w.now.Add(off)); !errors.Is(err, lifecycle.ErrClock) {
				t.Errorf("%s, off by %s: %v", name, off, err)
			}
		}
	}
	if len(w.lives.steps) > 0 {
		t.Error("something was done all the same")
	}
}

// TestResume holds that an operator's word ends the silence after an outage, and covers no other.
func TestResume(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 3, true)
	w.all()
	high := w.mark
	w.now = w.now.Add(9 * day)
	w.word = &lifecycle.Resume{Above: high.Add(-1), UpTo: w.now.Add(time.Hour), SignedBy: "person:op", Entry: "e"}
	if err := w.tick().Run(t.Context(), w.now); !errors.Is(err, lifecycle.ErrClock) {
		t.Fatalf("the word for another mark: %v", err)
	}
	w.word.Above = high
	w.all()
	if !w.mark.After(high) {
		t.Error("the mark stands still")
	}
	w.comes(leaver, lifecycle.Sealed)
}

// TestOneFails holds that a tenant that cannot be stepped does not stop the others, however often, nor fill the budget.
func TestOneFails(t *testing.T) {
	w := found(t)
	bad, good := w.tenant(1, 1, true), w.tenant(2, 1, true)
	l := w.lives.all[bad]
	l.Record.T0 = w.now // contradicts itself
	l.DueAt = w.now.Add(-day)
	w.lives.all[bad] = l
	tick := w.tick()
	tick.Budget = 1
	failures := 0
	for range 24 * 3 {
		if err := tick.Run(t.Context(), w.now); err != nil {
			failures++
			if !strings.Contains(err.Error(), string(bad)) {
				t.Fatal(err)
			}
		}
		w.now = w.now.Add(time.Hour)
	}
	if failures < 24 || w.state(good) != lifecycle.Window || w.state(bad) != lifecycle.Scheduled {
		t.Errorf("%d failures, %s, %s", failures, w.state(good), w.state(bad))
	}
}
