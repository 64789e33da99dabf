package drill_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/drill"
)

// shelf keeps texts by name.
type shelf struct {
	texts map[string]string
	err   error
}

func (s *shelf) Keep(_ context.Context, name, text string) error {
	s.texts[name] = text
	return s.err
}

// TestKept holds that a restore counts when it met its targets, by the instant at which it ended.
func TestKept(t *testing.T) {
	at := time.Date(2027, 2, 18, 3, 0, 0, 0, time.FixedZone("", 3600))
	s := &shelf{texts: map[string]string{}}
	if err := (drill.Report{ID: "A", FinishedAt: at}).Keep(t.Context(), s, "failed"); err != nil || len(s.texts) > 0 {
		t.Errorf("one that failed is kept: %v, %v", s.texts, err)
	}
	if err := (drill.Report{ID: "A_B", FinishedAt: at, Passed: true}).Keep(t.Context(), s, "passed"); err != nil || s.texts["drills/2027-02-18T02:00:00Z_A_B"] != "passed" {
		t.Errorf("%v, %v", s.texts, err)
	}
	s.err = errors.New("down")
	if err := (drill.Report{ID: "C", FinishedAt: at, Passed: true}).Keep(t.Context(), s, "passed"); !errors.Is(err, s.err) {
		t.Error(err)
	}
	for _, tc := range []struct {
		names []string
		want  time.Time
	}{
		{nil, time.Time{}},
		{[]string{"journal/2027-02-18T02:00:00Z_A", "drills/x_A", "drills/", "2027-02-18T02:00:00Z_A"}, time.Time{}},
		{[]string{"drills/2027-02-18T02:00:00Z_A_B"}, at},
		{[]string{"drills/2027-01-18T02:00:00Z_A", "drills/2027-02-18T02:00:00Z_A_B", "drills/2026-12-31T23:59:59Z_A"}, at},
	} {
		if got := drill.Latest(tc.names); !got.Equal(tc.want) {
			t.Errorf("%q: %s", tc.names, got)
		}
	}
}
