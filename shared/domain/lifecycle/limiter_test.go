package lifecycle_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

func TestLimiter(t *testing.T) {
	var l lifecycle.Limiter
	var a lifecycle.Admission
	noon := time.Date(2026, 10, 14, 12, 0, 0, 0, time.UTC)
	for i := range 5 {
		if l, a = l.Enter(noon); !a.Admitted {
			t.Fatalf("tenant %d of a quiet day was stopped", i+1)
		}
	}
	l, a = l.Enter(noon)
	if a.Admitted || !a.Page || !a.Until.Equal(noon.Add(day)) {
		t.Fatalf("the sixth: %+v", a)
	}
	l, a = l.Enter(noon.Add(13 * hour)) // the next day, still paused
	if a.Admitted || a.Page || !a.Until.Equal(noon.Add(day)) {
		t.Errorf("during the pause: %+v", a)
	}
	vetoed := l.Veto("operator:1")
	if _, a = vetoed.Enter(noon.Add(20 * day)); a.Admitted || a.Page || !a.Until.IsZero() {
		t.Errorf("after a veto: %+v", a)
	}
	if _, a = vetoed.Lift(noon.Add(20 * day)).Enter(noon.Add(20 * day)); !a.Admitted {
		t.Errorf("after the veto was lifted: %+v", a)
	}
	for i := range 500 { // nobody said no: the mass goes on
		if l, a = l.Enter(noon.Add(day)); !a.Admitted {
			t.Fatalf("tenant %d after the pause: %+v", i+1, a)
		}
	}
	if limit := l.Limit(noon.Add(2 * day)); limit != 3*505/30 {
		t.Errorf("a mean of %d in 30 days gives a limit of %d", 505, limit)
	}
	if l, a = l.Enter(noon.Add(2*day - 1)); !a.Admitted {
		t.Errorf("within a day of the pause's end: %+v", a)
	}
	for range 49 {
		l, a = l.Enter(noon.Add(2*day + hour))
	}
	if _, a = l.Enter(noon.Add(2*day + hour)); a.Admitted || !a.Page {
		t.Errorf("three times the mean: %+v", a)
	}
	if limit := l.Limit(noon.Add(40 * day)); limit != lifecycle.LimiterFloor {
		t.Errorf("40 days later the limit is %d", limit)
	}
	if (lifecycle.Limiter{}).Veto("operator:1").VetoedBy != "" {
		t.Error("a veto without a pause")
	}
}

// TestLimiterLaws: whoever asks again waits a day at most, the limiter forgets old days, and asking changes nothing of
// the limiter that was asked.
func TestLimiterLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l lifecycle.Limiter
		at, refused := begin(), time.Time{}
		for range rapid.IntRange(1, 200).Draw(t, "asks") {
			at = at.Add(time.Duration(rapid.IntRange(0, 12*60).Draw(t, "minutes")) * time.Minute)
			before := len(l.Days)
			next, a := l.Enter(at)
			if len(l.Days) != before {
				t.Fatal("the limiter that was asked changed")
			}
			switch {
			case a.Admitted:
				refused = time.Time{}
			case refused.IsZero():
				refused = at
			case at.Sub(refused) > 24*time.Hour:
				t.Fatalf("refused since %s", refused)
			}
			if l = next; len(l.Days) > lifecycle.LimiterDays+1 {
				t.Fatalf("%d days are remembered", len(l.Days))
			}
		}
	})
}
