package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The years that EventBridge takes.
const firstYear, lastYear = 1970, 2199

// cron is what the six fields allow, one bit for each value.
type cron struct {
	minutes, hours, months uint64
	years                  [lastYear - firstYear + 1]bool
	days                   monthDays
	weekdays               weekDays
	byWeekday              bool // the day-of-week field decides; the other one is "?"
}

// monthDays is the day-of-month field.
type monthDays struct {
	set     uint64 // bits 1 to 31
	last    bool   // L
	nearest int    // the n of nW: the weekday (Monday to Friday) nearest to day n in the same month
}

// weekDays is the day-of-week field, Sunday = 1.
type weekDays struct {
	set  uint64 // bits 1 to 7
	last int    // the n of nL: the last such day of the month
	nth  int    // the k of n#k, with the day in set
}

// field is the shape of one of the six.
type field struct {
	name     string
	min, max int
	names    []string // of the values from min on
}

func fields() [6]field {
	return [6]field{
		{name: "minutes", max: 59},
		{name: "hours", max: 23},
		{name: "day-of-month", min: 1, max: 31},
		{name: "month", min: 1, max: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
		{name: "day-of-week", min: 1, max: 7, names: strings.Fields("SUN MON TUE WED THU FRI SAT")},
		{name: "year", min: firstYear, max: lastYear},
	}
}

func parseCron(inner string) (*cron, error) {
	parts := strings.Fields(strings.ToUpper(inner))
	if len(parts) != 6 {
		return nil, fmt.Errorf("cron takes six fields (minutes hours day-of-month month day-of-week year), not %d", len(parts))
	}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, fmt.Errorf("exactly one of day-of-month and day-of-week must be ?")
	}
	c := &cron{byWeekday: parts[2] == "?"}
	for i, f := range fields() {
		var err error
		switch i {
		case 0:
			c.minutes, err = f.bits(parts[i])
		case 1:
			c.hours, err = f.bits(parts[i])
		case 2:
			if !c.byWeekday {
				c.days, err = f.monthDays(parts[i])
			}
		case 3:
			c.months, err = f.bits(parts[i])
		case 4:
			if c.byWeekday {
				c.weekdays, err = f.weekDays(parts[i])
			}
		case 5:
			err = f.each(parts[i], func(year int) { c.years[year-firstYear] = true })
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return c, nil
}

func (f field) monthDays(s string) (d monthDays, err error) {
	if s == "L" {
		return monthDays{last: true}, nil
	}
	if n, ok := strings.CutSuffix(s, "W"); ok {
		d.nearest, err = f.value(n)
		return d, err
	}
	d.set, err = f.bits(s)
	return d, err
}

func (f field) weekDays(s string) (d weekDays, err error) {
	if s == "L" { // the last day of the week
		return weekDays{set: 1 << 7}, nil
	}
	if n, ok := strings.CutSuffix(s, "L"); ok {
		d.last, err = f.value(n)
		return d, err
	}
	if n, k, ok := strings.Cut(s, "#"); ok {
		day, err := f.value(n)
		if err != nil {
			return d, err
		}
		d.nth, err = strconv.Atoi(k)
		if err != nil || len(k) != 1 || d.nth < 1 || d.nth > 5 {
			return d, fmt.Errorf("%q: after # comes which one of the month, 1 to 5", s)
		}
		d.set = 1 << day
		return d, nil
	}
	d.set, err = f.bits(s)
	return d, err
}

func (f field) bits(s string) (set uint64, err error) {
	err = f.each(s, func(v int) { set |= 1 << v })
	return set, err
}

// each calls yield with every value that a list of values, ranges and steps stands for.
func (f field) each(s string, yield func(int)) error {
	for part := range strings.SplitSeq(s, ",") {
		span, stepText, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			var err error
			step, err = strconv.Atoi(stepText)
			if err != nil || step < 1 || step > f.max || strings.TrimLeft(stepText, "0123456789") != "" {
				return fmt.Errorf("%q: the step must be a whole number from 1 to %d", part, f.max)
			}
		}
		from, to := f.min, f.max
		if span != "*" {
			low, high, ranged := strings.Cut(span, "-")
			var err error
			if from, err = f.value(low); err != nil {
				return err
			}
			switch {
			case ranged:
				if to, err = f.value(high); err != nil {
					return err
				}
			case !stepped: // 10/5 runs from 10 to the end, 10 alone is 10
				to = from
			}
		}
		if from > to {
			return fmt.Errorf("%q runs backwards", part)
		}
		for v := from; v <= to; v += step {
			yield(v)
		}
	}
	return nil
}

func (f field) value(s string) (int, error) {
	for i, name := range f.names {
		if s == name {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(s)
	if err != nil || strings.TrimLeft(s, "0123456789") != "" || n < f.min || n > f.max {
		return 0, fmt.Errorf("%q is not a value from %d to %d", s, f.min, f.max)
	}
	return n, nil
}

// next goes from the largest unit to the smallest. The lower bounds hold only as long as all larger units are those of
// the first possible minute.
func (c *cron) next(after time.Time) time.Time {
	start := after.Truncate(time.Minute).Add(time.Minute)
	if start.Year() < firstYear {
		start = time.Date(firstYear, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	for year := start.Year(); year <= lastYear; year++ {
		if !c.years[year-firstYear] {
			continue
		}
		for month := time.January; month <= time.December; month++ {
			first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
			if c.months>>uint(month)&1 == 0 || first.AddDate(0, 1, 0).Compare(start) <= 0 {
				continue
			}
			for days, day := c.daysOf(year, month), 1; day <= 31; day++ {
				if days>>uint(day)&1 == 0 {
					continue
				}
				if due := c.within(first.AddDate(0, 0, day-1), start); !due.IsZero() {
					return due
				}
			}
		}
	}
	return time.Time{}
}

// within is the first allowed minute of a day that is not before start; zero if there is none.
func (c *cron) within(day, start time.Time) time.Time {
	for hour := range 24 {
		at := day.Add(time.Duration(hour) * time.Hour)
		if c.hours>>uint(hour)&1 == 0 || !at.Add(time.Hour).After(start) {
			continue
		}
		for minute := range 60 {
			due := at.Add(time.Duration(minute) * time.Minute)
			if c.minutes>>uint(minute)&1 == 1 && !due.Before(start) {
				return due
			}
		}
	}
	return time.Time{}
}

// daysOf is the days of a month that the day fields allow, bits 1 to 31.
func (c *cron) daysOf(year int, month time.Month) (set uint64) {
	end := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	length := end.Day()
	weekday := func(day int) int { return int(end.AddDate(0, 0, day-length).Weekday()) + 1 }
	switch {
	case !c.byWeekday && c.days.last:
		return 1 << length
	case !c.byWeekday && c.days.nearest > length:
		return 0
	case !c.byWeekday && c.days.nearest > 0:
		return 1 << nearest(c.days.nearest, length, weekday(c.days.nearest))
	case !c.byWeekday:
		return c.days.set & (1<<(length+1) - 1)
	}
	for day := 1; day <= length; day++ {
		w := weekday(day)
		switch {
		case c.weekdays.last > 0:
			if w == c.weekdays.last && day > length-7 {
				set |= 1 << day
			}
		case c.weekdays.set>>w&1 == 1 && (c.weekdays.nth == 0 || (day+6)/7 == c.weekdays.nth):
			set |= 1 << day
		}
	}
	return set
}

// nearest moves a day off the weekend without leaving the month.
func nearest(day, length, weekday int) int {
	switch {
	case weekday == 7 && day == 1:
		return day + 2
	case weekday == 7:
		return day - 1
	case weekday == 1 && day == length:
		return day - 2
	case weekday == 1:
		return day + 1
	}
	return day
}
