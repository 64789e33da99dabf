package lifecycle

import (
	"slices"
	"time"
)

// Limits of the limiter.
const (
	LimiterFloor  = 5   // so many tenants may always begin their deletion on a day
	LimiterFactor = 3   // times the mean of the days before
	LimiterDays   = 30  // over which the mean is taken
	LimiterPause  = Day // after which the work goes on, unless somebody has said no
)

// Limiter watches how many tenants begin their deletion. A day with far more than usual is more likely our mistake than a
// wave of customers: the work stops, somebody is called, and it goes on after LimiterPause if nobody says no, so that the
// limiter cannot itself break a deadline. The zero value is ready for use.
type Limiter struct {
	Days     []DayCount // the days of the mean and today, oldest first
	PausedAt time.Time  // zero: not paused
	FreeTill time.Time  // after a pause nobody objected to, no limit counts until here
	VetoedBy string     // actor; the pause then lasts until Lift
}

// DayCount is how many tenants began their deletion on a day.
type DayCount struct {
	Day   time.Time // midnight UTC
	Count int
}

// Admission is the answer of the limiter.
type Admission struct {
	Admitted bool
	Page     bool      // the work stops just now: call somebody
	Until    time.Time // when to ask again; zero when admitted, or when somebody has to lift a veto
}

// Enter asks for one more tenant to begin its deletion, and counts it when it may. It is for the caller to store the
// limiter in the transaction that begins the deletion.
func (l Limiter) Enter(now time.Time) (Limiter, Admission) {
	now = now.UTC()
	l = l.prune(now)
	if l.VetoedBy != "" {
		return l, Admission{}
	}
	if !l.PausedAt.IsZero() {
		until := l.PausedAt.Add(LimiterPause)
		if now.Before(until) {
			return l, Admission{Until: until}
		}
		l.PausedAt, l.FreeTill = time.Time{}, now.Add(LimiterPause)
	}
	if !now.Before(l.FreeTill) && l.today(now) >= l.Limit(now) {
		l.PausedAt = now
		return l, Admission{Page: true, Until: now.Add(LimiterPause)}
	}
	return l.count(now), Admission{Admitted: true}
}

// Limit is how many tenants may begin their deletion on the day of an instant: LimiterFloor, or LimiterFactor times the
// mean of the LimiterDays days before it, rounded down, if that is more.
func (l Limiter) Limit(now time.Time) int {
	today := now.UTC().Truncate(Day)
	sum := 0
	for _, d := range l.Days {
		if d.Day.Before(today) && !d.Day.Before(today.Add(-LimiterDays*Day)) {
			sum += d.Count
		}
	}
	return max(LimiterFloor, LimiterFactor*sum/LimiterDays)
}

// Veto keeps a pause until Lift; without a pause there is nothing to say no to.
func (l Limiter) Veto(by string) Limiter {
	if !l.PausedAt.IsZero() {
		l.VetoedBy = by
	}
	return l
}

// Lift ends a pause and its veto at once.
func (l Limiter) Lift(now time.Time) Limiter {
	l.PausedAt, l.VetoedBy, l.FreeTill = time.Time{}, "", now.UTC().Add(LimiterPause)
	return l
}

func (l Limiter) today(now time.Time) int {
	for _, d := range l.Days {
		if d.Day.Equal(now.Truncate(Day)) {
			return d.Count
		}
	}
	return 0
}

// count changes the days in place: prune has made them the caller's own.
func (l Limiter) count(now time.Time) Limiter {
	today := now.Truncate(Day)
	for i, d := range l.Days {
		if d.Day.Equal(today) {
			l.Days[i].Count++
			return l
		}
	}
	l.Days = append(l.Days, DayCount{Day: today, Count: 1})
	return l
}

func (l Limiter) prune(now time.Time) Limiter {
	oldest := now.Truncate(Day).Add(-LimiterDays * Day)
	l.Days = slices.DeleteFunc(slices.Clone(l.Days), func(d DayCount) bool { return d.Day.Before(oldest) })
	return l
}
