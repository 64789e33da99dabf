package spreadsheet

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Spreadsheets count days as numbers (ECMA-376 part 1 clause 18.17.4). In the 1900 system day 1 is 1900-01-01 and day
// 60 is the 29th of February 1900, which never was; from day 61, 1900-03-01, the count is that from 1899-12-30. In the
// 1904 system day 0 is 1904-01-01.
const (
	firstSoundDay = 61
	lastDay       = 2_958_465 // 9999-12-31 in the 1900 system
	shift1904     = 1_462     // days between the two systems
)

func epoch() time.Time { return time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC) }

// daySerial is the serial number of t's day in the 1900 system, if every program reads that number as the same day.
func daySerial(t time.Time) (int64, bool) {
	seconds := t.Unix() - epoch().Unix()
	days := seconds / 86_400
	return days, seconds >= firstSoundDay*86_400 && days <= lastDay
}

// shape says how a number format shows a number.
type shape struct {
	date, clock bool
	zulu        bool // ends with a literal Z after a clock: the instant is in UTC
	pad         int  // shows a whole number with at least so many digits, the format being zeros only
}

// builtinShape is the shape of the number formats that need no declaration (ECMA-376 part 1 clause 18.8.30, with those
// that East Asian versions add).
func builtinShape(id int) shape {
	switch {
	case id >= 14 && id <= 17, id >= 27 && id <= 31, id == 36, id >= 50 && id <= 54, id >= 57 && id <= 58:
		return shape{date: true}
	case id >= 18 && id <= 21, id >= 32 && id <= 35, id == 45, id == 47, id == 55, id == 56:
		return shape{clock: true}
	case id == 22:
		return shape{date: true, clock: true}
	}
	return shape{}
}

// formatShape reads a number format code as far as needed to tell days, times of day and padded numbers from other
// numbers. Only the first section counts, which is the one for positive numbers. Elapsed time such as [h]:mm is a plain
// number of days.
func formatShape(code string) shape {
	if strings.EqualFold(code, "General") {
		return shape{}
	}
	if len(code) > 1 && len(code) <= 32 && strings.Trim(code, "0") == "" {
		return shape{pad: len(code)}
	}
	var s shape
	month, elapsed := false, false
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case ';':
			i = len(code)
		case '\\', '_', '*':
			i++
			s.zulu = c == '\\' && i < len(code) && code[i] == 'Z'
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return s
			}
			s.zulu = code[i+1:i+1+end] == "Z"
			i += end + 1
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return s
			}
			inside := strings.ToLower(code[i+1 : i+end])
			elapsed = elapsed || inside != "" && strings.Trim(inside, string(inside[0])) == "" && strings.ContainsAny(inside, "hms")
			i += end
		case 'y', 'Y', 'd', 'D':
			s.date, s.zulu = true, false
		case 'h', 'H', 's', 'S':
			s.clock, s.zulu = true, false
		case 'm', 'M':
			month, s.zulu = true, false
		default:
			s.zulu = false
		}
	}
	if elapsed {
		return shape{}
	}
	s.date = s.date || month && !s.clock
	s.zulu = s.zulu && s.date && s.clock
	return s
}

// show turns the text of a numeric cell into a Cell of the shape. Text that is no number is kept as an error value.
func show(text string, s shape, from1904 bool) Cell {
	text = strings.TrimSpace(text)
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) || strings.ContainsAny(text, "xX_pP") {
		return Cell{Text: text, Kind: Error}
	}
	if s.date || s.clock {
		if c, ok := showMoment(f, s, from1904); ok {
			return c
		}
	}
	if !jsonNumber(text) || significant(text) > 15 || strings.ContainsAny(text, "eE") {
		text = formatFloat(f)
	}
	if s.pad > len(text) && strings.Trim(text, "0123456789") == "" {
		return Cell{Text: strings.Repeat("0", s.pad-len(text)) + text, Kind: Text}
	}
	return Cell{Text: text, Kind: Number}
}

// showMoment writes a serial number as ISO 8601, to the millisecond. Numbers outside the calendar of the date system are
// not moments: programs show them as numbers or as an error.
func showMoment(f float64, s shape, from1904 bool) (Cell, bool) {
	if from1904 {
		f += shift1904
	}
	if f < 0 || f >= lastDay+1 {
		return Cell{}, false
	}
	days := int64(f)
	ms := int64(math.Round((f - float64(days)) * 86_400_000))
	within := time.Duration(ms) * time.Millisecond
	if !s.date && (days == 0 || from1904 && days == shift1904) && ms < 86_400_000 {
		return Cell{Text: epoch().Add(within).Format("15:04:05.999"), Kind: Time}, true
	}
	switch {
	case from1904:
	case days == 60 || days == 0:
		return Cell{}, false
	case days < 60:
		days++ // before the day that never was, the count is one ahead of the calendar
	}
	t := epoch().AddDate(0, 0, int(days)).Add(within)
	switch {
	case s.zulu:
		return Cell{Text: t.Format("2006-01-02T15:04:05.999Z"), Kind: Instant}, true
	case s.clock || ms != 0:
		return Cell{Text: t.Format("2006-01-02T15:04:05.999"), Kind: DateTime}, true
	}
	return Cell{Text: t.Format(fullDate), Kind: Date}, true
}

func parseIn(layout, s string) (time.Time, error) {
	t, err := time.Parse(layout, s)
	return t.UTC(), err
}
