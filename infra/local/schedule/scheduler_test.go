package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/infra/local/schedule"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

func start() time.Time { return time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC) }

func tasks(t testing.TB, pairs ...string) []schedule.Task {
	t.Helper()
	var all []schedule.Task
	for i := 0; i < len(pairs); i += 2 {
		e, err := schedule.Parse(pairs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, schedule.Task{Name: pairs[i], When: e})
	}
	return all
}

func TestAdvanceRunsInOrder(t *testing.T) {
	var got []string
	s, err := schedule.New(start(), func(_ context.Context, f schedule.Firing) error {
		got = append(got, f.Due.Format("02 15:04 ")+f.Task)
		return nil
	}, tasks(t, "sweep", "rate(12 hours)", "backup", "cron(0 0 * * ? *)", "never", "cron(0 0 1 1 ? 2020)")...)
	if err != nil {
		t.Fatal(err)
	}
	upcoming := []schedule.Firing{{Task: "sweep", Due: start().Add(3 * time.Hour)}, {Task: "backup", Due: start().Add(15 * time.Hour)}}
	if d := cmp.Diff(upcoming, s.Upcoming()); d != "" {
		t.Error(d)
	}
	to := time.Date(2027, 2, 20, 0, 0, 0, 0, time.UTC)
	if _, err := s.Advance(t.Context(), to); err != nil {
		t.Fatal(err)
	}
	want := []string{"18 12:00 sweep", "19 00:00 backup", "19 00:00 sweep", "19 12:00 sweep", "20 00:00 backup", "20 00:00 sweep"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	ran, err := s.Advance(t.Context(), to)
	if err != nil || len(ran) != 0 {
		t.Errorf("the same instant again ran %v, %v", ran, err)
	}
}

func TestAdvanceClockStandsAtTheDueInstant(t *testing.T) {
	c := clock.NewMovable(clock.Fixed(start()))
	var seen []time.Time
	s, err := schedule.New(c.Now(), func(_ context.Context, f schedule.Firing) error {
		if !c.Now().Equal(f.Due) {
			t.Errorf("the clock says %v at the run of %v", c.Now(), f.Due)
		}
		seen = append(seen, f.Due)
		return nil
	}, tasks(t, "sweep", "rate(1 hour)")...)
	if err != nil {
		t.Fatal(err)
	}
	ran, err := s.AdvanceClock(t.Context(), c, 150*time.Minute)
	if err != nil || len(ran) != 2 || len(seen) != 2 {
		t.Errorf("ran %v, %v", ran, err)
	}
	if want := start().Add(150 * time.Minute); !c.Now().Equal(want) {
		t.Errorf("the clock ended at %v", c.Now())
	}
	if ran, _ := s.AdvanceClock(t.Context(), c, -time.Hour); len(ran) != 0 || !c.Now().Equal(start().Add(150*time.Minute)) {
		t.Errorf("time ran backwards: %v, %v", c.Now(), ran)
	}
}

func TestFailuresStopNothing(t *testing.T) {
	broken := errors.New("broken")
	s, err := schedule.New(start(), func(_ context.Context, f schedule.Firing) error {
		switch f.Task {
		case "a":
			return broken
		case "b":
			panic("no such thing")
		}
		return nil
	}, tasks(t, "c", "rate(1 day)", "b", "rate(1 day)", "a", "rate(1 day)")...)
	if err != nil {
		t.Fatal(err)
	}
	ran, err := s.Advance(t.Context(), start().Add(24*time.Hour))
	if err != nil || len(ran) != 3 {
		t.Fatalf("ran %v, %v", ran, err)
	}
	if !errors.Is(ran[0].Err, broken) || ran[1].Err == nil || !strings.Contains(ran[1].Err.Error(), "b panicked") || ran[2].Err != nil {
		t.Errorf("ran %v", ran)
	}
}

func TestStoppedAdvanceGoesOnWhereItStopped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var got []string
	s, err := schedule.New(start(), func(_ context.Context, f schedule.Firing) error {
		got = append(got, f.Task)
		if len(got) == 2 {
			cancel()
		}
		return nil
	}, tasks(t, "a", "rate(1 day)", "b", "rate(1 day)", "c", "rate(1 day)")...)
	if err != nil {
		t.Fatal(err)
	}
	c := clock.NewMovable(clock.Fixed(start()))
	ran, err := s.AdvanceClock(ctx, c, 48*time.Hour)
	if !errors.Is(err, context.Canceled) || len(ran) != 2 || !strings.Contains(err.Error(), "before c") {
		t.Fatalf("ran %v, %v", ran, err)
	}
	if due := start().Add(15 * time.Hour); !c.Now().Equal(due) {
		t.Errorf("the clock went on to %v", c.Now())
	}
	if _, err := s.Advance(t.Context(), start().Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"a", "b", "c", "a", "b", "c"}, got); d != "" {
		t.Error(d)
	}
}

func TestOneNameTwice(t *testing.T) {
	_, err := schedule.New(start(), nil, tasks(t, "a", "rate(1 day)", "a", "rate(1 hour)")...)
	if err == nil || !strings.Contains(err.Error(), "two schedules named a") {
		t.Errorf("got %v", err)
	}
}

// TestStepsMakeNoDifference: however a span of time is cut into advances, the same runs come out, in order, each at an
// instant of its expression, and none is missing.
func TestStepsMakeNoDifference(t *testing.T) {
	expressions := []string{"rate(7 minutes)", "rate(1 hour)", "rate(3 hours)", "cron(0/20 * * * ? *)", "cron(30 9-17 ? * MON-FRI *)", "cron(0 0 * * ? *)"}
	rapid.Check(t, func(rt *rapid.T) {
		var pairs []string
		chosen := map[string]schedule.Expression{}
		for i := range rapid.IntRange(1, 5).Draw(rt, "tasks") {
			name := fmt.Sprintf("t%d", i)
			pairs = append(pairs, name, rapid.SampledFrom(expressions).Draw(rt, name))
		}
		all := tasks(t, pairs...)
		for _, task := range all {
			chosen[task.Name] = task.When
		}
		var got []schedule.Firing
		s, err := schedule.New(start(), func(_ context.Context, f schedule.Firing) error { got = append(got, f); return nil }, all...)
		if err != nil {
			rt.Fatal(err)
		}
		to := start()
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			to = to.Add(time.Duration(rapid.IntRange(0, 2000).Draw(rt, "minutes")) * time.Minute)
			if _, err := s.Advance(t.Context(), to); err != nil {
				rt.Fatal(err)
			}
		}
		var want []schedule.Firing
		for name, e := range chosen {
			for due := e.Next(start()); !due.After(to); due = e.Next(due) {
				want = append(want, schedule.Firing{Task: name, Due: due})
			}
		}
		sort.Slice(want, func(i, j int) bool {
			if !want[i].Due.Equal(want[j].Due) {
				return want[i].Due.Before(want[j].Due)
			}
			return want[i].Task < want[j].Task
		})
		if d := cmp.Diff(want, got); d != "" {
			rt.Fatal(d)
		}
	})
}
