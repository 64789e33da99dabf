package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// TestNotices asks every hour from T0 to the end of the window: each notice goes out once, at its instant.
func TestNotices(t *testing.T) {
	r := walk(t)[lifecycle.Window]
	r.Notices = nil
	got := map[lifecycle.NoticeKind]time.Duration{}
	for at := r.T0.Add(-day); at.Before(r.Deadlines().NotBefore); at = at.Add(hour) {
		for _, k := range lifecycle.Due(r, at) {
			if _, again := got[k]; again {
				t.Errorf("%s is due again", k)
			}
			got[k] = at.Sub(r.T0)
			once := lifecycle.Notified(r, k, at)
			if twice := lifecycle.Notified(once, k, at); cmp.Diff(once, twice) != "" {
				t.Error("sending twice left a mark")
			}
			r = once
		}
	}
	want := map[lifecycle.NoticeKind]time.Duration{
		lifecycle.NoticeWindow: 0, lifecycle.NoticeHalf: 15 * day, lifecycle.NoticeWeek: 23 * day, lifecycle.NoticeDays: 27 * day, lifecycle.NoticeLast: 29 * day,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNoticesOfStates holds what is due in each state, after an outage too.
func TestNoticesOfStates(t *testing.T) {
	all := walk(t)
	countdown := lifecycle.NoticeKinds()[:5]
	for s, want := range map[lifecycle.State][]lifecycle.NoticeKind{
		lifecycle.Active: nil, lifecycle.Suspended: nil, lifecycle.Scheduled: nil,
		lifecycle.Window: countdown,
		lifecycle.Sealed: {lifecycle.NoticeSealed}, lifecycle.Deleting: {lifecycle.NoticeSealed},
		lifecycle.ActiveClear: {lifecycle.NoticeSealed}, lifecycle.ResidualClear: {lifecycle.NoticeSealed},
		lifecycle.Certified: {lifecycle.NoticeSealed},
	} {
		r := all[s]
		r.Notices = nil
		if got := lifecycle.Due(r, begin().AddDate(1, 0, 0)); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", s, got, want)
		}
	}
}

// TestNoticesAgain: a second termination is announced again.
func TestNoticesAgain(t *testing.T) {
	r := notify(walk(t)[lifecycle.Window], begin().Add(16*day))
	r, _, err := lifecycle.Reinstate(r, ann(), begin().Add(16*day))
	if err != nil {
		t.Fatal(err)
	}
	r, _, err = lifecycle.Terminate(r, ann(), ask(time.Time{}), begin().Add(100*day))
	if err != nil {
		t.Fatal(err)
	}
	r, _, err = lifecycle.Advance(r, now(t, begin().Add(101*day)), lifecycle.Facts{})
	if got := lifecycle.Due(r, begin().Add(101*day)); err != nil || !slices.Equal(got, []lifecycle.NoticeKind{lifecycle.NoticeWindow}) {
		t.Error(got, err)
	}
}
