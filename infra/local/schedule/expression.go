package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Expression says when something is due. The zero value is never due.
type Expression struct {
	source string
	every  time.Duration // of rate(…)
	cron   *cron         // of cron(…)
}

// longestRate bounds rate(…), so that the length in nanoseconds cannot overflow; EventBridge has no use for longer ones.
const longestRate = 10 * 365 * 24 * time.Hour

// Parse reads "rate(5 minutes)" or "cron(0 3 * * ? *)" in the syntax of Amazon EventBridge. What EventBridge refuses is
// refused here too: otherwise a schedule would run on this machine and fail to deploy. The error names the field.
func Parse(source string) (Expression, error) {
	kind, rest, ok := strings.Cut(strings.TrimSpace(source), "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return Expression{}, fmt.Errorf("schedule %q: write rate(value unit) or cron(minutes hours day-of-month month day-of-week year)", source)
	}
	e := Expression{source: source}
	var err error
	switch kind {
	case "rate":
		e.every, err = parseRate(inner)
	case "cron":
		e.cron, err = parseCron(inner)
	default:
		err = fmt.Errorf("%q is neither rate nor cron", kind)
	}
	if err != nil {
		return Expression{}, fmt.Errorf("schedule %q: %w", source, err)
	}
	return e, nil
}

// String is the expression as it was written.
func (e Expression) String() string { return e.source }

// Next is the first instant after the given one at which the expression is due, in UTC; the zero time if it is never due
// again (cron with years that are over).
//
// A rate counts from 1970-01-01T00:00Z. EventBridge counts from when the schedule was made, which is not known here and
// would change with every restart; the distance between two runs is the same.
func (e Expression) Next(after time.Time) time.Time {
	after = after.UTC().Round(0)
	switch {
	case e.cron != nil:
		return e.cron.next(after)
	case e.every > 0:
		// Whole seconds: nanoseconds since 1970 would overflow in 2262, and a rate is whole minutes.
		step := int64(e.every / time.Second)
		seconds := after.Unix()
		done := seconds / step
		if seconds < 0 && seconds%step != 0 {
			done--
		}
		return time.Unix((done+1)*step, 0).UTC()
	}
	return time.Time{}
}

func parseRate(inner string) (time.Duration, error) {
	parts := strings.Fields(inner)
	if len(parts) != 2 {
		return 0, fmt.Errorf("a rate is a value and a unit, for example rate(5 minutes)")
	}
	n, err := strconv.Atoi(parts[0])
	if err != nil || n < 1 || strings.TrimLeft(parts[0], "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a whole number from 1 on", parts[0])
	}
	units := map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour}
	unit, singular := units[parts[1]]
	if !singular {
		unit = units[strings.TrimSuffix(parts[1], "s")]
		if unit == 0 || !strings.HasSuffix(parts[1], "s") {
			return 0, fmt.Errorf("%q is not a unit; use minutes, hours or days", parts[1])
		}
	}
	if singular != (n == 1) {
		return 0, fmt.Errorf("EventBridge takes the singular with 1 and the plural with every other value")
	}
	if n > int(longestRate/unit) {
		return 0, fmt.Errorf("%d %s is longer than ten years", n, parts[1])
	}
	return time.Duration(n) * unit, nil
}
