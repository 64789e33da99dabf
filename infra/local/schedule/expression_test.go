package schedule_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/infra/local/schedule"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse("2006-01-02 15:04:05", s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestNext has the examples of the EventBridge user guide and the corners of each field.
func TestNext(t *testing.T) {
	for _, c := range []struct {
		expression, after string
		want              []string
	}{
		{"rate(1 minute)", "2026-11-23 10:00:00", []string{"2026-11-23 10:01:00", "2026-11-23 10:02:00"}},
		{"rate(5 minutes)", "2026-11-23 10:04:59", []string{"2026-11-23 10:05:00", "2026-11-23 10:10:00"}},
		{"rate(1 day)", "2026-11-23 10:00:00", []string{"2026-11-24 00:00:00", "2026-11-25 00:00:00"}},
		{"rate(1 hour)", "1969-12-31 23:30:00", []string{"1970-01-01 00:00:00", "1970-01-01 01:00:00"}},
		{"rate(1 hour)", "1969-12-31 23:00:00", []string{"1970-01-01 00:00:00"}},
		{"cron(0 10 * * ? *)", "2026-11-23 10:00:00", []string{"2026-11-24 10:00:00", "2026-11-25 10:00:00"}},
		{"cron(15 12 * * ? *)", "2026-11-23 12:14:59", []string{"2026-11-23 12:15:00"}},
		{"cron(0 18 ? * MON-FRI *)", "2026-11-20 18:00:00", []string{"2026-11-23 18:00:00", "2026-11-24 18:00:00"}},
		{"cron(0 8 1 * ? *)", "2026-11-23 00:00:00", []string{"2026-12-01 08:00:00", "2027-01-01 08:00:00"}},
		{"cron(0/15 * * * ? *)", "2026-11-23 10:46:00", []string{"2026-11-23 11:00:00", "2026-11-23 11:15:00"}},
		{"cron(0/5 8-17 ? * MON-FRI *)", "2026-11-20 17:54:00", []string{"2026-11-20 17:55:00", "2026-11-23 08:00:00"}},
		{"cron(0 0 L * ? *)", "2028-02-01 00:00:00", []string{"2028-02-29 00:00:00", "2028-03-31 00:00:00", "2028-04-30 00:00:00"}},
		{"cron(0 0 31 * ? *)", "2026-01-31 00:00:00", []string{"2026-03-31 00:00:00", "2026-05-31 00:00:00"}},
		{"cron(0 0 29 2 ? *)", "2026-01-01 00:00:00", []string{"2028-02-29 00:00:00", "2032-02-29 00:00:00"}},
		{"cron(0 0 29 2 ? *)", "2096-03-01 00:00:00", []string{"2104-02-29 00:00:00"}},
		{"cron(0 0 1W * ? *)", "2026-07-31 00:00:00", []string{"2026-08-03 00:00:00", "2026-09-01 00:00:00"}},  // 1 August is a Saturday
		{"cron(0 0 31W * ? *)", "2027-01-01 00:00:00", []string{"2027-01-29 00:00:00", "2027-03-31 00:00:00"}}, // 31 January is a Sunday
		{"cron(0 0 15W * ? *)", "2026-11-01 00:00:00", []string{"2026-11-16 00:00:00", "2026-12-15 00:00:00"}}, // 15 November is a Sunday
		{"cron(0 0 ? * 2#1 *)", "2026-11-03 00:00:00", []string{"2026-12-07 00:00:00", "2027-01-04 00:00:00"}}, // first Monday
		{"cron(0 0 ? * FRI#5 *)", "2026-11-01 00:00:00", []string{"2027-01-29 00:00:00", "2027-04-30 00:00:00"}},
		{"cron(0 0 ? * 6L *)", "2026-11-01 00:00:00", []string{"2026-11-27 00:00:00", "2026-12-25 00:00:00"}}, // last Friday
		{"cron(0 0 ? * L *)", "2026-11-23 00:00:00", []string{"2026-11-28 00:00:00", "2026-12-05 00:00:00"}},  // Saturdays
		{"cron(30 6 ? JAN,dec 1 2027)", "2026-11-23 00:00:00", []string{"2027-01-03 06:30:00", "2027-01-10 06:30:00"}},
		{"cron(0 0 1 1 ? 2026)", "2026-01-01 00:00:00", []string{"never"}},
		{"cron(59 23 31 12 ? *)", "2199-12-31 23:58:00", []string{"2199-12-31 23:59:00", "never"}},
		{"cron(0 0 31 2 ? *)", "2026-01-01 00:00:00", []string{"never"}},
		{"cron(0 0 1 1 ? 1970-1972)", "0001-01-01 00:00:00", []string{"1970-01-01 00:00:00", "1971-01-01 00:00:00", "1972-01-01 00:00:00", "never"}},
		{" cron( 1,2,3/20   0-4/2 1 1/3 ? 2000/10 ) ", "2009-12-31 00:00:00", []string{"2010-01-01 00:01:00", "2010-01-01 00:02:00", "2010-01-01 00:03:00", "2010-01-01 00:23:00", "2010-01-01 00:43:00", "2010-01-01 02:01:00"}},
	} {
		t.Run(c.expression+" after "+c.after, func(t *testing.T) {
			e, err := schedule.Parse(c.expression)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			now := at(t, c.after)
			for range c.want {
				next := e.Next(now)
				if next.IsZero() {
					got = append(got, "never")
					break
				}
				got = append(got, next.Format("2006-01-02 15:04:05"))
				now = next
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestNextIsInUTC(t *testing.T) {
	e, err := schedule.Parse("cron(0 3 * * ? *)")
	if err != nil {
		t.Fatal(err)
	}
	paris := time.FixedZone("", 3600)
	want := time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)
	if got := e.Next(time.Date(2026, 11, 23, 3, 30, 0, 0, paris)); got != want {
		t.Errorf("got %v", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for source, want := range map[string]string{
		"":                        "rate(value unit)",
		"rate(5 minutes":          "rate(value unit)",
		"at(2026-01-01T00:00:00)": "neither rate nor cron",
		"rate(5)":                 "value and a unit",
		"rate(0 minutes)":         "whole number from 1",
		"rate(-1 minutes)":        "whole number from 1",
		"rate(+2 minutes)":        "whole number from 1",
		"rate(1 minutes)":         "singular",
		"rate(5 minute)":          "singular",
		"rate(5 weeks)":           "not a unit",
		"rate(5 s)":               "not a unit",
		"rate(5 minutess)":        "not a unit",
		"rate(9999999 days)":      "ten years",
		"cron(0 0 * * ?)":         "six fields",
		"cron(0 0 * * * *)":       "exactly one",
		"cron(0 0 ? * ? *)":       "exactly one",
		"cron(60 0 * * ? *)":      "minutes: \"60\"",
		"cron(0 24 * * ? *)":      "hours: \"24\"",
		"cron(0 0 0 * ? *)":       "day-of-month: \"0\"",
		"cron(0 0 32W * ? *)":     "day-of-month: \"32\"",
		"cron(0 0 1 13 ? *)":      "month: \"13\"",
		"cron(0 0 ? * 8 *)":       "day-of-week: \"8\"",
		"cron(0 0 ? * 0L *)":      "day-of-week: \"0\"",
		"cron(0 0 ? * 2#6 *)":     "1 to 5",
		"cron(0 0 ? * 2#1,3#1 *)": "day-of-week",
		"cron(0 0 1 * ? 1969)":    "year: \"1969\"",
		"cron(0 0 1 * ? 2200)":    "year: \"2200\"",
		"cron(0 17-9 * * ? *)":    "backwards",
		"cron(0 0 ? * FRI-MON *)": "backwards",
		"cron(0/0 0 * * ? *)":     "step",
		"cron(0/+5 0 * * ? *)":    "step",
		"cron(0, 0 * * ? *)":      "minutes: \"\"",
		"cron(0 0 1,L * ? *)":     "day-of-month: \"L\"",
		"cron(0 0 1 FOO ? *)":     "month: \"FOO\"",
		"cron(0 ? * * ? *)":       "hours: \"?\"",
	} {
		t.Run(source, func(t *testing.T) {
			if _, err := schedule.Parse(source); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("want an error with %q, got %v", want, err)
			}
		})
	}
}

func TestRateSpacing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]string{"minute", "hour", "day"}).Draw(t, "unit")
		length := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}[unit]
		n := rapid.IntRange(1, 400).Draw(t, "n")
		if n != 1 {
			unit += "s"
		}
		e, err := schedule.Parse(fmt.Sprintf("rate(%d %s)", n, unit))
		if err != nil {
			t.Fatal(err)
		}
		every := time.Duration(n) * length
		after := time.Unix(rapid.Int64Range(-1e10, 1e11).Draw(t, "after"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		first := e.Next(after)
		if !first.After(after) || first.Sub(after) > every {
			t.Fatalf("%v after %v: %v", e, after, first)
		}
		if second := e.Next(first); second.Sub(first) != every {
			t.Fatalf("%v: %v is followed by %v", e, first, second)
		}
	})
}

// draw is a field as text and, found without the parser, the values it stands for. It names values from low to high; what
// has no end of its own runs to end.
func draw(t *rapid.T, name string, low, high, end int) (string, []int) {
	var parts []string
	allowed := map[int]bool{}
	take := func(from, to, step int) {
		for v := from; v <= to; v += step {
			allowed[v] = true
		}
	}
	for range rapid.IntRange(1, 3).Draw(t, name+" parts") {
		a := rapid.IntRange(low, high).Draw(t, name+" a")
		b := rapid.IntRange(a, high).Draw(t, name+" b")
		step := rapid.IntRange(1, max(1, high/2)).Draw(t, name+" step")
		switch rapid.IntRange(0, 4).Draw(t, name+" form") {
		case 0:
			parts = append(parts, fmt.Sprint(a))
			take(a, a, 1)
		case 1:
			parts = append(parts, fmt.Sprintf("%d-%d", a, b))
			take(a, b, 1)
		case 2:
			parts = append(parts, fmt.Sprintf("%d/%d", a, step))
			take(a, end, step)
		case 3:
			parts = append(parts, fmt.Sprintf("%d-%d/%d", a, b, step))
			take(a, b, step)
		case 4:
			parts = append(parts, "*")
			take(low, end, 1)
		}
	}
	values := make([]int, 0, len(allowed))
	for v := range allowed {
		values = append(values, v)
	}
	return strings.Join(parts, ","), values
}

// TestCronMatchesItsFields: the next instant has allowed values only, and no minute before it has.
func TestCronMatchesItsFields(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		minutes, allowedMinutes := draw(t, "minutes", 0, 59, 59)
		hours, allowedHours := draw(t, "hours", 0, 23, 23)
		months, allowedMonths := draw(t, "month", 1, 12, 12)
		days, weekdays := "?", "?"
		var allowedDays, allowedWeekdays []int
		if rapid.Bool().Draw(t, "by weekday") {
			weekdays, allowedWeekdays = draw(t, "day-of-week", 1, 7, 7)
		} else {
			days, allowedDays = draw(t, "day-of-month", 1, 28, 31)
		}
		source := fmt.Sprintf("cron(%s %s %s %s %s *)", minutes, hours, days, months, weekdays)
		e, err := schedule.Parse(source)
		if err != nil {
			t.Fatal(err)
		}
		dayMatches := func(at time.Time) bool {
			return slices.Contains(allowedMonths, int(at.Month())) &&
				(allowedDays == nil || slices.Contains(allowedDays, at.Day())) &&
				(allowedWeekdays == nil || slices.Contains(allowedWeekdays, int(at.Weekday())+1))
		}
		matches := func(at time.Time) bool {
			return slices.Contains(allowedMinutes, at.Minute()) && slices.Contains(allowedHours, at.Hour()) && dayMatches(at)
		}
		after := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(t, "after"), 0).UTC()
		next := e.Next(after)
		if !next.After(after) || !matches(next) || next.Second() != 0 || next.Nanosecond() != 0 {
			t.Fatalf("%s after %v: %v", source, after, next)
		}
		for at := after.Truncate(time.Minute).Add(time.Minute); at.Before(next); {
			if !dayMatches(at) { // nothing on this day
				at = at.Truncate(24 * time.Hour).Add(24 * time.Hour)
				continue
			}
			if matches(at) {
				t.Fatalf("%s after %v: %v, but %v is earlier", source, after, next, at)
			}
			at = at.Add(time.Minute)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"rate(5 minutes)", "rate(1 day)", "cron(0 3 * * ? *)", "cron(0/15 8-17 ? JAN-MAR MON#2 2027)", "cron(0 0 L * ? 2199)",
		"cron(0 0 31W * ? *)", "cron(0 0 ? * 6L 2026,2028/4)", "cron(((", "rate(99999999999999999999 days)", "cron(0 0 30 2 ? *)",
	} {
		f.Add(s, int64(1_800_000_000))
	}
	f.Fuzz(func(t *testing.T, source string, unix int64) {
		e, err := schedule.Parse(source)
		if err != nil {
			return
		}
		if e.String() != source {
			t.Errorf("String() = %q", e.String())
		}
		after := time.Unix(unix%100_000_000_000, 0)
		next := e.Next(after)
		if next.IsZero() {
			return // cron whose years are over or whose day never comes
		}
		if !next.After(after) || next.Second() != 0 {
			t.Errorf("%q after %v: %v", source, after, next)
		}
		if again := e.Next(next.Add(-time.Second)); !again.Equal(next) {
			t.Errorf("%q: %v, and from a second before it %v", source, next, again)
		}
	})
}
