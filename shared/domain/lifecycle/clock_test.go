package lifecycle_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

func TestObserve(t *testing.T) {
	base := begin()
	for _, c := range []struct {
		name    string
		sources []time.Duration
		ok      bool
	}{
		{"two that agree", []time.Duration{0, 0}, true},
		{"300 seconds apart", []time.Duration{0, 300 * time.Second}, true},
		{"300 seconds apart, the other way", []time.Duration{300 * time.Second, 0}, true},
		{"a moment more", []time.Duration{0, 300*time.Second + 1}, false},
		{"a day back", []time.Duration{0, -day}, false},
		{"three, one wrong", []time.Duration{0, time.Second, 6 * time.Minute}, false},
		{"one", []time.Duration{0}, false},
		{"none", nil, false},
	} {
		var sources []time.Time
		for _, d := range c.sources {
			sources = append(sources, base.Add(d))
		}
		i, err := lifecycle.Observe(sources...)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, lifecycle.ErrClock) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && (!i.NotBefore.Equal(base.Add(-600*time.Second)) || i.NotAfter.Before(base)) {
			t.Errorf("%s: %v", c.name, i)
		}
	}
	if _, err := lifecycle.Observe(base, time.Time{}); !errors.Is(err, lifecycle.ErrClock) {
		t.Error("a source without time:", err)
	}
}

func TestGuard(t *testing.T) {
	high := begin()
	word := func(above, upTo time.Time) *lifecycle.Resume {
		return &lifecycle.Resume{Above: above, UpTo: upTo, SignedBy: "operator:1", Entry: "e"}
	}
	far := high.Add(20 * day)
	unsigned, unlogged := *word(high, far), *word(high, far)
	unsigned.SignedBy, unlogged.Entry = "", ""
	for _, c := range []struct {
		name string
		high time.Time
		at   time.Time
		word *lifecycle.Resume
		ok   bool
		mark time.Time
	}{
		{"the first reading", time.Time{}, high, nil, true, high},
		{"a little later", high, high.Add(15 * time.Minute), nil, true, high.Add(15 * time.Minute)},
		{"another machine, a little behind", high, high.Add(-300 * time.Second), nil, true, high},
		{"further behind", high, high.Add(-300*time.Second - 1), nil, false, high},
		{"five days of silence", high, high.Add(5 * day), nil, true, high.Add(5 * day)},
		{"a moment more", high, high.Add(5*day + 1), nil, false, high},
		{"an outage, confirmed", high, far, word(high, far), true, far},
		{"beyond what was confirmed", high, far.Add(1), word(high, far), false, high},
		{"confirmed for another outage", high, far, word(high.Add(-day), far), false, high},
		{"not signed", high, far, &unsigned, false, high},
		{"not in the log", high, far, &unlogged, false, high},
		{"back, and confirmed", high, high.Add(-day), word(high, far), false, high},
	} {
		mark, err := lifecycle.Guard(c.high, lifecycle.Instants{NotBefore: c.at.Add(-reserve), NotAfter: c.at}, c.word)
		if (err == nil) != c.ok || !mark.Equal(c.mark) || err != nil && !errors.Is(err, lifecycle.ErrClock) {
			t.Errorf("%s: %s %v", c.name, mark, err)
		}
	}
	if _, err := lifecycle.Guard(time.Time{}, lifecycle.Instants{}, nil); !errors.Is(err, lifecycle.ErrClock) {
		t.Error("no reading:", err)
	}
}

// TestGuardLaw feeds any readings: the mark never goes back, and never ahead by more than the jump.
func TestGuardLaw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mark := begin()
		for range rapid.IntRange(1, 50).Draw(t, "readings") {
			at := mark.Add(time.Duration(rapid.Int64Range(int64(-10*day), int64(10*day)).Draw(t, "off")))
			next, err := lifecycle.Guard(mark, lifecycle.Instants{NotBefore: at.Add(-reserve), NotAfter: at}, nil)
			if next.Before(mark) || next.Sub(mark) > lifecycle.MaxJump || err != nil && !next.Equal(mark) {
				t.Fatalf("from %s by %s to %s: %v", mark, at, next, err)
			}
			mark = next
		}
	})
}
