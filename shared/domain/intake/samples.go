package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// maxSamples is how many rows are looked at to see how a file writes numbers and dates.
const maxSamples = 200

// samples are the first rows of a file. What is wrong with it after its header is for the dry run to say.
func samples(ctx context.Context, from Source) ([]Item, error) {
	var out []Item
	for len(out) < maxSamples {
		it, err := from.Next(ctx)
		if errors.Is(err, io.EOF) || err != nil && final(err) {
			break
		}
		if err != nil {
			return nil, err
		}
		out = append(out, it)
	}
	return out, nil
}

// ways counts cells that can be read in one of two ways only, with an example of it.
type ways struct {
	first, second bool
	example       string
}

// asWritten has columns of numbers and dates read as the rows write them. Only cells count that can be read in one way alone;
// where a column has none, what those of the others say counts, if they agree.
func (s *suggesting) asWritten(rows []Item) {
	for _, one := range []struct {
		kinds []kind
		tell  func(cell string) (first, second bool)
		set   func(c *Column, first bool) (note string)
	}{
		{[]kind{kindNumber, kindInteger}, decimals, func(c *Column, comma bool) string {
			if !comma {
				return "" // it is what is meant where nothing is said
			}
			c.Decimal = Comma
			return `Its numbers are read with a comma for fractions ("decimal": ",")`
		}},
		{[]kind{kindDate, kindMonth}, orders, func(c *Column, dayFirst bool) string {
			if c.Dates = MonthDayYear; dayFirst {
				c.Dates = DayMonthYear
			}
			return fmt.Sprintf("Its dates are read as %s (\"dates\": %q)", orderWords(c.Dates), c.Dates)
		}},
	} {
		columns, all := map[int]*ways{}, ways{}
		for i, f := range s.fields {
			if f == nil || f.kind() != one.kinds[0] && f.kind() != one.kinds[1] {
				continue
			}
			w := &ways{}
			for _, it := range rows {
				w.see(it, i, one.tell)
			}
			columns[i] = w
			all.first, all.second = all.first || w.first, all.second || w.second
		}
		for i, w := range columns {
			said := *w
			if !said.first && !said.second {
				said = all
			}
			if said.first == said.second {
				continue
			}
			if note := one.set(&s.out[i].Column, said.first); note != "" {
				if said.example != "" {
					note += ", as in " + quote(said.example)
				}
				s.out[i].Note = strings.TrimSpace(s.out[i].Note + " " + note + ".")
			}
		}
	}
}

func (w *ways) see(it Item, column int, tell func(string) (bool, bool)) {
	if column >= len(it.Cells) || column < len(it.Exact) && it.Exact[column] {
		return
	}
	cell, problem := cleanCell(it.Cells[column])
	if problem != nil || cell == "" {
		return
	}
	first, second := tell(cell)
	if (first || second) && w.example == "" {
		w.example = cell
	}
	w.first, w.second = w.first || first, w.second || second
}

// decimals tells whether a number is one with a comma only, or with a point only.
func decimals(cell string) (comma, point bool) {
	number, _ := splitUnit(cell)
	_, notPoint := plainNumber(number, Point)
	_, notComma := plainNumber(number, Comma)
	cannot := func(p *Problem) bool { return p != nil && p.Code == fault.CodeContentType } // rather than in two ways
	return notComma == nil && cannot(notPoint), notPoint == nil && cannot(notComma)
}

// orders tells whether a date is one with the day first only, or with the month first only. Points stand between day and
// month, never between month and day.
func orders(cell string) (dayFirst, monthFirst bool) {
	if _, _, _, ok := isoDate(cell); ok {
		return false, false
	}
	reads := func(o DateOrder) bool {
		y, m, d, ok := localDate(cell, o)
		return ok && onCalendar(y, m, d)
	}
	day, month := reads(DayMonthYear), reads(MonthDayYear)
	return day && (!month || strings.Contains(cell, ".")), month && !day
}

// onCalendar tells whether there is such a day; 0 is any of the month.
func onCalendar(y, m, d int) bool {
	return m >= 1 && m <= 12 && (d == 0 || d >= 1 && time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Day() == d)
}

func orderWords(o DateOrder) string {
	if o == MonthDayYear {
		return "month/day/year"
	}
	return "day.month.year"
}
