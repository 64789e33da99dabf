package intake

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// cellReader makes values of the cells of one column.
type cellReader struct {
	column  Column
	at      int // position in the file, -1 when it has no such column
	pointer string
	place   place
	units   map[string]unit
	decimal Decimal
	dates   DateOrder
	factor  *big.Rat          // from the unit of the column to that of the field; nil for 1
	enum    map[string]string // codes of an enumeration by their words
}

func wrong(code fault.Code, format string, args ...any) *Problem {
	return &Problem{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// cleanCell cleans a cell. Spaces around it mean nothing; signs that nobody can see, and the errors that spreadsheets write in
// place of a result, are refused.
func cleanCell(s string) (string, *Problem) {
	if len(s) > MaxCell {
		return "", wrong(fault.CodeContentValue, "The cell has %d bytes; at most %d are read.", len(s), MaxCell)
	}
	if !utf8.ValidString(s) {
		return "", wrong(fault.CodeContentValue, "The cell is not UTF-8 text.")
	}
	s = strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' })
	for _, r := range s {
		if r < 0x20 && r != '\n' && r != '\t' && r != '\r' || r == 0x7f || r == utf8.RuneError {
			return "", wrong(fault.CodeContentValue, "The cell has the control or replacement character %s.", strconv.QuoteRuneToASCII(r))
		}
	}
	if strings.HasPrefix(s, "#") && slices.Contains([]string{"#N/A", "#NV", "#REF!", "#BEZUG!", "#DIV/0!", "#VALUE!", "#WERT!", "#NAME?", "#NUM!", "#ZAHL!", "#NULL!"}, s) {
		return "", wrong(fault.CodeContentValue, "The cell holds the spreadsheet error %s instead of a value.", s)
	}
	return s, nil
}

// read makes the value of a clean cell that is not empty. For a language map it is the text in the language.
func (r *cellReader) read(s string) (any, *Problem) {
	switch r.place.field.kind() {
	case kindList:
		return r.list(s)
	case kindObjects, kindObject:
		return r.structure(s)
	}
	return r.scalar(r.place.field, s)
}

func (r *cellReader) scalar(f *field, s string) (any, *Problem) {
	switch f.kind() {
	case kindNumber, kindInteger:
		return r.number(f, s)
	case kindBoolean:
		return boolean(s)
	case kindDate, kindMonth:
		return date(s, r.dates, f.kind() == kindMonth)
	case kindInstant:
		if _, err := time.Parse(time.RFC3339, s); err != nil {
			return nil, wrong(fault.CodeContentValue, "%s is not an instant: write date, time and time zone, for example 2027-02-18T09:30:00Z.", quote(s))
		}
		return s, nil
	case kindRefused:
		return nil, wrong(fault.CodeDataPointRefused, "%s", f.Refused)
	}
	if slices.Contains(f.Enum, any(s)) {
		return s, nil
	}
	if code, ok := r.enum[plainWords(s)]; ok && len(f.Enum) > 0 {
		return code, nil
	}
	return s, nil
}

func (r *cellReader) list(s string) (any, *Problem) {
	out := []any{}
	if saysNone(s) && r.place.field.EmptyStates {
		return out, nil
	}
	if strings.HasPrefix(s, "[") { // as exports write what no separator can part
		if v, problem := readJSON([]byte(s)); problem == nil {
			return v, nil
		}
	}
	item := r.place.field.Items
	if item == nil {
		item = &field{Type: "string"}
	}
	for _, part := range strings.Split(s, r.column.Separator) {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		v, problem := r.scalar(item, part)
		if problem != nil {
			return nil, problem
		}
		out = append(out, v)
	}
	if len(out) == 0 {
		return nil, wrong(fault.CodeContentValue, "Between the separators there is nothing.")
	}
	return out, nil
}

// structure reads what a single cell can hold only as JSON.
func (r *cellReader) structure(s string) (any, *Problem) {
	f := r.place.field
	if f.kind() == kindObjects && f.EmptyStates && saysNone(s) {
		return []any{}, nil
	}
	v, problem := readJSON([]byte(s))
	if problem != nil {
		return nil, wrong(fault.CodeContentType, "The field has several members: write it as JSON, or map a column to each member. %s", problem.Detail)
	}
	_, list := v.([]any)
	_, object := v.(map[string]any)
	if f.kind() == kindObjects && !list || f.kind() == kindObject && !object {
		return nil, wrong(fault.CodeContentType, "The field is of type %s; the cell holds other JSON.", f.Type)
	}
	return v, nil
}

// saysNone tells whether a cell states that there is nothing, for lists whose emptiness is a statement.
func saysNone(s string) bool {
	return slices.Contains([]string{"none", "no", "keine", "keiner", "nein", "[]"}, strings.ToLower(s))
}

func boolean(s string) (any, *Problem) {
	switch strings.ToLower(s) {
	case "true", "yes", "y", "1", "ja", "j", "wahr":
		return true, nil
	case "false", "no", "n", "0", "nein", "falsch":
		return false, nil
	}
	return nil, wrong(fault.CodeContentType, "%s is neither yes nor no (ja, nein, true, false, 1, 0).", quote(s))
}

// date reads a day of the calendar and writes it as ISO 8601. Where the field asks for a month, the day is left away.
func date(s string, order DateOrder, month bool) (any, *Problem) {
	y, m, d, ok := isoDate(s)
	if !ok && order != ISO && order != "" {
		y, m, d, ok = localDate(s, order)
	}
	if !ok {
		how, hint := "", ""
		if order == DayMonthYear || order == MonthDayYear {
			how = " or " + orderWords(order)
		}
		for _, o := range []DateOrder{MonthDayYear, DayMonthYear} {
			y, m, d, ok := localDate(s, o)
			if ok && o != order && onCalendar(y, m, d) && (o == DayMonthYear || !strings.Contains(s, ".")) {
				hint += fmt.Sprintf(" If it means %s, say \"dates\": %q in the recipe.", orderWords(o), o)
			}
		}
		return nil, wrong(fault.CodeContentValue, "%s is not a date; expected is year-month-day%s with a year of four digits.%s", quote(s), how, hint)
	}
	if !onCalendar(y, m, d) {
		return nil, wrong(fault.CodeContentValue, "%s is not a day of the calendar.", quote(s))
	}
	if month || d == 0 {
		return fmt.Sprintf("%04d-%02d", y, m), nil
	}
	return fmt.Sprintf("%04d-%02d-%02d", y, m, d), nil
}

// isoDate reads 2027-02-18 and 2027-02, in which case the day is 0.
func isoDate(s string) (y, m, d int, ok bool) {
	parts := strings.Split(s, "-")
	if len(parts) < 2 || len(parts) > 3 || len(parts[0]) != 4 || len(parts[1]) != 2 || len(parts) == 3 && len(parts[2]) != 2 {
		return 0, 0, 0, false
	}
	n, ok := digits(parts)
	if !ok {
		return 0, 0, 0, false
	}
	if len(parts) == 2 {
		return n[0], n[1], 0, true
	}
	if n[2] == 0 {
		return 0, 0, 0, false
	}
	return n[0], n[1], n[2], true
}

// localDate reads 18.02.2027 and 02.2027 in the order that the recipe says.
func localDate(s string, order DateOrder) (y, m, d int, ok bool) {
	for _, mark := range []string{".", "/", "-"} {
		parts := strings.Split(s, mark)
		last := len(parts) - 1
		if last < 1 || last > 2 || len(parts[last]) != 4 {
			continue
		}
		n, ok := digits(parts)
		if !ok || len(parts[0]) > 2 || len(parts[last-1]) > 2 {
			return 0, 0, 0, false
		}
		switch {
		case last == 1:
			return n[1], n[0], 0, true
		case n[0] == 0 || n[1] == 0:
			return 0, 0, 0, false
		case order == MonthDayYear:
			return n[2], n[0], n[1], true
		}
		return n[2], n[1], n[0], true
	}
	return 0, 0, 0, false
}

func digits(parts []string) ([]int, bool) {
	out := make([]int, len(parts))
	for i, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return nil, false
		}
		n, err := strconv.Atoi(p)
		if err != nil {
			return nil, false
		}
		out[i] = n
	}
	return out, true
}

func quote(s string) string {
	const most = 60
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "…"
	}
	return strconv.Quote(s)
}

// number reads a quantity: digits, perhaps grouped, perhaps with a unit behind them.
func (r *cellReader) number(f *field, s string) (any, *Problem) {
	digits, unit := splitUnit(s)
	factor := r.factor
	if unit != "" {
		own, ok := ratio(r.units, unit, f.Unit)
		switch {
		case !ok:
			return nil, wrong(fault.CodeContentValue, "%s has the unit %s, which cannot be converted into %s without rounding.", quote(s), quote(unit), unitWord(f.Unit))
		case r.column.Unit != "" && (factor == nil && own.Cmp(big.NewRat(1, 1)) != 0 || factor != nil && own.Cmp(factor) != 0):
			return nil, wrong(fault.CodeContentValue, "%s has another unit than the recipe says (%s).", quote(s), r.column.Unit)
		}
		factor = own
	}
	plain, problem := plainNumber(digits, r.decimal)
	if problem != nil {
		other := Comma
		if r.decimal == Comma {
			other = Point
		}
		if _, worse := plainNumber(digits, other); worse == nil && problem.Code == fault.CodeContentType {
			problem.Detail += fmt.Sprintf(" If that is what the %s is for, say \"decimal\": %q in the recipe.", map[Decimal]string{Comma: "comma", Point: "point"}[other], other)
		}
		return nil, problem
	}
	exact, ok := new(big.Rat).SetString(plain)
	if !ok {
		return nil, wrong(fault.CodeContentType, "%s is not a number.", quote(s))
	}
	if factor != nil {
		exact.Mul(exact, factor)
	}
	return asNumber(exact, s, f.kind() == kindInteger)
}

func unitWord(unit string) string {
	if unit == "" {
		return "a number without unit"
	}
	return unit
}

// splitUnit cuts the unit off a quantity. An exponent is none.
func splitUnit(s string) (number, unit string) {
	cut := strings.LastIndexAny(s, "0123456789") + 1
	if cut == 0 || cut < len(s) && strings.IndexByte(".,'", s[cut]) >= 0 {
		return s, ""
	}
	return strings.TrimSpace(s[:cut]), strings.TrimSpace(s[cut:])
}

// asNumber writes a number so that every reader of JSON keeps all of it: as a 64-bit floating point number that is equal to
// it (RFC 7493, section 2.2).
func asNumber(exact *big.Rat, s string, whole bool) (any, *Problem) {
	if whole && !exact.IsInt() {
		return nil, wrong(fault.CodeContentType, "%s is not a whole number.", quote(s))
	}
	nearest, _ := exact.Float64()
	text := strconv.FormatFloat(nearest, 'f', -1, 64)
	back, ok := new(big.Rat).SetString(text)
	if !ok || back.Cmp(exact) != 0 {
		return nil, wrong(fault.CodeContentValue, "%s cannot be kept exactly: give at most 15 significant digits.", quote(s))
	}
	return json.Number(text), nil
}

// plainNumber brings a number into the form of JSON. Thousands may be grouped by spaces or apostrophes; by the other mark
// only where no decimal sign could be meant.
func plainNumber(s string, decimal Decimal) (string, *Problem) {
	if len(s) > 60 {
		return "", wrong(fault.CodeContentValue, "%s is too long for a number.", quote(s))
	}
	mark, other := ".", ","
	if decimal == Comma {
		mark, other = ",", "."
	}
	sign, rest := "", strings.Replace(s, "−", "-", 1)
	if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
		sign, rest = strings.TrimPrefix(rest[:1], "+"), rest[1:]
	}
	rest, exponent, scientific := strings.Cut(strings.ToLower(rest), "e")
	whole, fraction, fractional := strings.Cut(rest, mark)
	if fractional && fraction == "" || strings.Trim(fraction, "0123456789") != "" {
		return "", notNumber(s, mark)
	}
	for _, space := range []string{" ", "\u00a0", "\u202f", "'", "’", other} {
		groups := strings.Split(whole, space)
		if len(groups) == 1 {
			continue
		}
		if !grouped(groups) {
			return "", notNumber(s, mark)
		}
		if space == other && len(groups) == 2 && !fractional {
			return "", wrong(fault.CodeContentValue, "%s can be read in two ways; write it without grouping, with %s for fractions.", quote(s), mark)
		}
		whole = strings.Join(groups, "")
	}
	if whole == "" || strings.Trim(whole, "0123456789") != "" {
		return "", notNumber(s, mark)
	}
	out := sign + whole
	if fractional {
		out += "." + fraction
	}
	if scientific {
		n, err := strconv.Atoi(exponent)
		if err != nil || n < -30 || n > 30 {
			return "", notNumber(s, mark)
		}
		out += "e" + strconv.Itoa(n)
	}
	return out, nil
}

func notNumber(s, mark string) *Problem {
	return wrong(fault.CodeContentType, "%s is not a number with %s for fractions.", quote(s), mark)
}

// grouped tells whether digits are in groups of three, the first one shorter perhaps.
func grouped(groups []string) bool {
	for i, g := range groups {
		if strings.Trim(g, "0123456789") != "" || i > 0 && len(g) != 3 || i == 0 && (len(g) < 1 || len(g) > 3) {
			return false
		}
	}
	return true
}
