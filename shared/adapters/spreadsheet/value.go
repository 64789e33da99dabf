package spreadsheet

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// value is one cell to be written: the canonical text of its kind, which is what CSV holds, and for days and instants
// the time that XLSX turns into a serial number.
type value struct {
	kind   Kind
	text   string
	at     time.Time
	double bool // the number came as a float64, so a double holds it whatever its digits
}

const fullDate = "2006-01-02"

// Plain is text in a column of any kind: a value that is not of the column's kind and has to stand there all the same.
type Plain string

// convert fits v to the kind of its column. nil and a nil pointer to a string are empty.
//
//	Text      string
//	Number    int, int32, int64, uint32, uint64, float64, json.Number, or a string that is a JSON number
//	Date      time.Time (its day in its own zone), or a string 2026-02-18
//	Instant   time.Time, or an RFC 3339 string
//	Bool      bool
//	Language  LanguageText, or a string without a language
func (c Column) convert(v any, row, column int) (value, error) {
	if v == nil {
		return value{}, nil
	}
	if p, ok := v.(Plain); ok {
		v, c.Kind = string(p), Text
	}
	var out value
	ok := false
	switch c.Kind {
	case Text:
		out.text, ok = v.(string)
	case Language:
		switch x := v.(type) {
		case LanguageText:
			out.text, ok = x.String(), true
		case string:
			out.text, ok = x, true
		}
	case Number:
		return number(v, row, column)
	case Date, Instant:
		return moment(c.Kind, v, row, column)
	case Bool:
		var b bool
		if b, ok = v.(bool); ok {
			out.text = strconv.FormatBool(b)
		}
	}
	if !ok {
		return value{}, wrongType(c.Kind, v, row, column)
	}
	if !utf8.ValidString(out.text) {
		return value{}, cellFault(row, column, fault.CodeValueInvalid, "The text of the cell is not valid UTF-8.")
	}
	if out.text != "" {
		out.kind = c.Kind
	}
	return out, nil
}

// wrongType is a mistake of the program, not of the person who asked for the file, hence no fault.
func wrongType(k Kind, v any, row, column int) error {
	return fmt.Errorf("spreadsheet: cell %s is a %T, which a column of kind %q does not take", pointer(row, column), v, k)
}

func number(v any, row, column int) (value, error) {
	out := value{kind: Number}
	switch x := v.(type) {
	case int:
		out.text = strconv.Itoa(x)
	case int32:
		out.text = strconv.FormatInt(int64(x), 10)
	case int64:
		out.text = strconv.FormatInt(x, 10)
	case uint32:
		out.text = strconv.FormatUint(uint64(x), 10)
	case uint64:
		out.text = strconv.FormatUint(x, 10)
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return value{}, cellFault(row, column, fault.CodeValueInvalid, "The value %v is not a number that a table can hold.", x)
		}
		out.text, out.double = formatFloat(x), true
	case json.Number:
		out.text = string(x)
	case string:
		out.text = x
	default:
		return value{}, wrongType(Number, v, row, column)
	}
	if out.text == "" {
		return value{}, nil
	}
	if !jsonNumber(out.text) {
		return value{}, cellFault(row, column, fault.CodeValueInvalid, "The text %.40q is not a number.", out.text)
	}
	return out, nil
}

func moment(k Kind, v any, row, column int) (value, error) {
	out := value{kind: k}
	switch x := v.(type) {
	case time.Time:
		out.at = x
	case string:
		if x == "" {
			return value{}, nil
		}
		layout := time.RFC3339Nano
		if k == Date {
			layout = fullDate
		}
		at, err := time.Parse(layout, x)
		if err != nil {
			return value{}, cellFault(row, column, fault.CodeValueInvalid, "The text %.40q is not %s.", x,
				map[Kind]string{Date: "a day such as 2026-02-18", Instant: "an instant such as 2026-02-18T09:30:00Z"}[k])
		}
		out.at = at
	default:
		return value{}, wrongType(k, v, row, column)
	}
	if k == Date {
		y, m, d := out.at.Date()
		out.at = time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
		out.text = out.at.Format(fullDate)
	} else {
		out.at = out.at.UTC()
		out.text = out.at.Format(time.RFC3339Nano)
	}
	if y := out.at.Year(); y < 0 || y > 9999 {
		return value{}, cellFault(row, column, fault.CodeValueInvalid, "The year %d is outside 0000 to 9999.", y)
	}
	return out, nil
}

// jsonNumber tells whether s is a number in the grammar of RFC 8259 clause 6.
func jsonNumber(s string) bool {
	digits := func() bool {
		n := 0
		for n < len(s) && s[n] >= '0' && s[n] <= '9' {
			n++
		}
		s = s[n:]
		return n > 0
	}
	if s != "" && s[0] == '-' {
		s = s[1:]
	}
	if s != "" && s[0] == '0' {
		s = s[1:]
	} else if !digits() {
		return false
	}
	if s != "" && s[0] == '.' {
		s = s[1:]
		if !digits() {
			return false
		}
	}
	if s != "" && (s[0] == 'e' || s[0] == 'E') {
		s = s[1:]
		if s != "" && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if !digits() {
			return false
		}
	}
	return s == ""
}

// significant counts the digits of a JSON number between its first and its last that is not zero.
func significant(s string) int {
	n, zeros, started := 0, 0, false
	for _, c := range []byte(s) {
		switch {
		case c == 'e' || c == 'E':
			return n
		case c == '0' && started:
			zeros++
		case c > '0' && c <= '9':
			started = true
			n += zeros + 1
			zeros = 0
		}
	}
	return n
}

// formatFloat is the shortest decimal text that reads back as the same double, without an exponent where a person would
// write none.
func formatFloat(x float64) string {
	if a := math.Abs(x); a != 0 && (a < 1e-7 || a >= 1e21) {
		return strconv.FormatFloat(x, 'e', -1, 64)
	}
	return strconv.FormatFloat(x, 'f', -1, 64)
}

// checkColumns refuses what no writer can write.
func checkColumns(columns []Column) error {
	if len(columns) == 0 || len(columns) > sheetColumns {
		return fmt.Errorf("spreadsheet: a table has 1 to %d columns, not %d", sheetColumns, len(columns))
	}
	for i, c := range columns {
		switch c.Kind {
		case Text, Number, Date, Instant, Bool, Language:
		default:
			return fmt.Errorf("spreadsheet: column %q has the kind %q, which cannot be written", c.Name, c.Kind)
		}
		if !utf8.ValidString(c.header()) {
			return cellFault(0, i, fault.CodeValueInvalid, "The header is not valid UTF-8.")
		}
	}
	return nil
}

// convertRow fits all values of a row, or none.
func convertRow(columns []Column, values []any, row int, into []value) ([]value, error) {
	if len(values) != len(columns) {
		return nil, fmt.Errorf("spreadsheet: row %d has %d values for %d columns", row, len(values), len(columns))
	}
	into = into[:0]
	for i, c := range columns {
		v, err := c.convert(values[i], row, i)
		if err != nil {
			return nil, err
		}
		into = append(into, v)
	}
	return into, nil
}
