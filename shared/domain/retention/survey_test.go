package retention_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// surveyed runs the survey.
func (w *world) surveyed() {
	w.t.Helper()
	if err := w.survey().Run(w.t.Context(), w.now); err != nil {
		w.t.Fatal(err)
	}
}

// TestLost holds that the second way finds a tenant that the list of what is due has lost, in each state.
func TestLost(t *testing.T) {
	for _, s := range []lifecycle.State{lifecycle.Scheduled, lifecycle.Window, lifecycle.Sealed, lifecycle.Deleting, lifecycle.ActiveClear, lifecycle.ResidualClear} {
		for name, lose := range map[string]func(*lifecycle.Life){
			"no instant": func(l *lifecycle.Life) { l.DueAt = time.Time{} },
			"far ahead":  func(l *lifecycle.Life) { l.DueAt = l.DueAt.Add(100 * day) },
			"forgotten":  func(l *lifecycle.Life) { l.DueAt = l.DueAt.Add(-100 * day) },
		} {
			w := found(t)
			leaver, other := w.tenant(1, 1, true), w.tenant(2, 1, false)
			w.comes(leaver, s)
			w.surveyed()
			if w.figures[retention.LostDue] != 0 {
				t.Errorf("%s: it was lost before it was", s)
			}
			l := w.lives.all[leaver]
			if lose(&l); l.DueAt.After(w.now.Add(-3*time.Hour)) && name == "forgotten" {
				t.Fatal(l.DueAt)
			}
			w.lives.all[leaver] = l
			w.surveyed()
			if w.figures[retention.LostDue] != 1 || !w.lives.all[other].DueAt.IsZero() {
				t.Errorf("%s, %s: %v", s, name, w.figures)
			}
			w.comes(leaver, lifecycle.Certified)
		}
	}
}

// TestFigures holds the figures by which somebody is called before a promise is broken.
func TestFigures(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 500, true)
	w.tenant(2, 1, false)
	w.all()
	w.surveyed()
	nb := w.lives.all[leaver].Record.Deadlines().NotBefore
	if got := w.figures[retention.MinSlackWindow]; got > nb.Sub(w.now).Seconds() || got < nb.Sub(w.now).Seconds()-60 {
		t.Errorf("the window has %f seconds left", got)
	}
	if w.figures[retention.LateTenants] != 0 || w.figures[retention.MinSlackActive] < 59*86400 || w.figures[retention.LawReviewOverdue] == 0 {
		t.Errorf("%v", w.figures) // the law of this build was to be reviewed before 2028
	}
	w.shelf("objects").mute = true
	w.comes(leaver, lifecycle.ActiveClear)
	t0 := w.lives.all[leaver].Record.T0
	for days, want := range map[int]float64{39: 0, 41: 1, 46: 2, 51: 3, 56: 4} {
		w.now, w.mark = t0.Add(time.Duration(days)*day), time.Time{}
		w.surveyed()
		if got := w.figures[retention.MissingAttestation]; got != want {
			t.Errorf("day %d: %f missing", days, got)
		}
	}
}

// TestLate holds that a deadline that will be missed is known before it is, that a hold is no delay, and that a review of it is.
func TestLate(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 500, true)
	w.comes(leaver, lifecycle.Sealed)
	for _, s := range w.shelves {
		s.err = errors.New("down")
	}
	w.comes(leaver, lifecycle.Deleting)
	due := w.lives.all[leaver].Record.Deadlines().ActiveBy
	w.until(6*time.Hour, 200, func() bool { return due.Sub(w.now) < 36*time.Hour })
	survey := w.survey()
	survey.Rate = 1000
	if err := survey.Run(t.Context(), w.now); err != nil || w.figures[retention.LateTenants] != 0 || w.figures[retention.NoProgress] == 0 {
		t.Errorf("%v, %v", err, w.figures)
	}
	slow := w.survey()
	slow.Rate = 1 // 2,500 items are left outside the keys: not before the day between the verifications
	w.now = due.Add(-24*time.Hour - 30*time.Minute)
	if err := slow.Run(t.Context(), w.now); err != nil || w.figures[retention.LateTenants] != 1 {
		t.Errorf("%v, %v", err, w.figures)
	}
	w.hold(lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: leaver, Passport: passportID(1000)})
	w.surveyed()
	if w.figures[retention.LateTenants] != 0 || w.figures[retention.HoldReviewOverdue] != 0 {
		t.Errorf("%v", w.figures)
	}
	w.holds.all[0].ReviewBy = w.now.Add(-day)
	w.surveyed()
	if w.figures[retention.HoldReviewOverdue] != 1 {
		t.Errorf("%v", w.figures)
	}
}

// TestCertificatesOverdue holds that a tenant that is gone and gets no certificate is not forgotten.
func TestCertificatesOverdue(t *testing.T) {
	w := found(t)
	leaver := w.tenant(1, 1, true)
	w.comes(leaver, lifecycle.ResidualClear)
	for range 24 * 4 {
		if err := w.tick().Run(t.Context(), w.now); err != nil { // and no auditor
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
	}
	w.surveyed()
	if w.figures[retention.CertificatesOverdue] != 1 || w.state(leaver) != lifecycle.ResidualClear {
		t.Errorf("%s, %v", w.state(leaver), w.figures)
	}
	w.comes(leaver, lifecycle.Certified)
}

// TestDetect holds that data of a tenant that does not exist is found, reported at once and deleted a day later, and that
// nothing of a tenant that does exist ever is.
func TestDetect(t *testing.T) {
	w := found(t)
	gone, stayer, fresh := tenantID(7), w.tenant(1, 3, false), w.tenant(2, 3, false)
	delete(w.lives.all, stayer) // it never asked to leave, and is in the register
	delete(w.known, fresh)      // the other way round
	for _, s := range []string{"records", "keys"} {
		w.shelf(s).rows = append(w.shelf(s).rows, row{tenant: gone, name: "back"})
	}
	if err := w.auditor().Detect(t.Context(), w.now); err != nil {
		t.Fatal(err)
	}
	if w.figures[retention.ResurrectionFound] != 2 || strings.Join(w.strays, ", ") != string(gone)+" in records, "+string(gone)+" in keys" {
		t.Fatalf("%v, %v", w.figures, w.strays)
	}
	w.now = w.now.Add(23 * time.Hour)
	w.work()
	if w.rows(gone) != 2 {
		t.Error("nobody had time to look at it")
	}
	w.now = w.now.Add(2 * time.Hour)
	w.work()
	if w.rows(gone) != 0 || w.rows(stayer) != 18 || w.rows(fresh) != 18 || w.most[retention.EarlyDestructiveAttempt] > 0 {
		t.Errorf("%d, %d and %d rows", w.rows(gone), w.rows(stayer), w.rows(fresh))
	}
	w.shelf("public").rows = append(w.shelf("public").rows, row{tenant: gone, name: "again"})
	w.now = w.search.Ended.Add(7*day + time.Minute)
	w.mark = time.Time{}
	if err := w.auditor().Detect(t.Context(), w.now); err != nil || w.figures[retention.ResurrectionFound] != 1 {
		t.Fatal(err, w.figures)
	}
	w.now = w.now.Add(25 * time.Hour)
	w.known[gone] = true // somebody found out whose it is
	w.work()
	if w.rows(gone) != 1 {
		t.Error("data of a tenant that exists was deleted")
	}
}

// TestSearchIsNeverForgotten holds that the search for what came back comes a week after the last one ended and not on some
// day of the week, that one that failed goes on where it was, and that its age is known.
func TestSearchIsNeverForgotten(t *testing.T) {
	w := found(t)
	detect := func(after time.Duration) (walked []string, err error) {
		w.now, w.mark = w.now.Add(after), time.Time{}
		for _, s := range w.shelves {
			s.walks = 0
		}
		err = w.auditor().Detect(t.Context(), w.now)
		for _, s := range w.shelves {
			if s.walks > 0 {
				walked = append(walked, s.name)
			}
		}
		return walked, err
	}
	all := []string{"public", "records", "objects", "members", "settings", "keys"}
	expect := func(what string, after time.Duration, age float64, fails bool, want ...string) {
		t.Helper()
		walked, err := detect(after)
		got := w.figures[retention.DetectorAge]
		if !slices.Equal(walked, want) || (err != nil) != fails || got < age-0.01 || got > age+0.01 {
			t.Errorf("%s: %v, %v, and the last one is %.2f days old; want %v and %.2f", what, walked, err, got, want, age)
		}
	}
	expect("the first", 0, 0, false, all...)
	expect("an hour later", time.Hour, 1.0/24, false)
	expect("after some days", 6*day, 6+1.0/24, false)
	w.shelf("objects").err = errors.New("down")
	expect("one store fails", day, 7+1.0/24, true, all...)
	expect("soon after", time.Hour, 7+2.0/24, false)
	expect("it still does", 6*time.Hour, 7+8.0/24, true, "objects")
	w.shelf("objects").err = nil
	expect("a month in which nobody came", 30*day, 0, false, "objects")
	expect("a week later", 7*day+time.Hour, 0, false, all...)
}
