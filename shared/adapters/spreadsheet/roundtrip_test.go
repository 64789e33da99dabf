package spreadsheet_test

import (
	"bytes"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
)

// awkward is text that breaks naive writers: formulas, quotes, separators, line ends, escapes of SpreadsheetML, control
// characters, marks and characters outside the basic plane.
func awkward(controls string) *rapid.Generator[string] {
	piece := rapid.OneOf(
		rapid.SampledFrom([]string{"=", "+", "-", "@", "'", "\"", "\t", "\r", "\n", "\r\n", " ", "\u00A0", ",", ";", "|", "sep=", "<html", "PK\x03\x04", "{\\rtf", "_", "x", "_x000D_", "_x0041",
			"_x005F_", "_x00", "&", "<", ">", "]]>", "\uFEFF", "\uFF1D", "\u200B", "\uFFFE", "\uFFFF", "\u0085", "😀", "de", "@de", "ß", "0", "1E5", "\u007F", "\uFFFD"}),
		rapid.SampledFrom(strings.Split(controls, "")),
		rapid.StringN(0, 5, -1),
	)
	return rapid.Map(rapid.SliceOfN(piece, 0, 6), func(p []string) string {
		s := strings.ToValidUTF8(strings.Join(p, ""), "?")
		if !strings.Contains(controls, "\x00") {
			s = strings.ReplaceAll(s, "\x00", "")
		}
		return s
	})
}

// sample is one cell as it is written and as it has to be read.
type sample struct {
	write any
	want  string
	kind  spreadsheet.Kind // in XLSX; in CSV everything is text
}

func day(t *rapid.T) time.Time {
	return time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), 0).UTC()
}

func drawSample(t *rapid.T, kind spreadsheet.Kind, text *rapid.Generator[string]) sample {
	if rapid.IntRange(0, 9).Draw(t, "nil") == 0 {
		return sample{}
	}
	switch kind {
	case spreadsheet.Number:
		digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,12})?(e[+-]?[0-9]{1,2})?`).Draw(t, "digits")
		return sample{digits, digits, spreadsheet.Number}
	case spreadsheet.Date:
		d := day(t).Format("2006-01-02")
		return sample{d, d, spreadsheet.Date}
	case spreadsheet.Instant:
		at := day(t).Add(time.Duration(rapid.SampledFrom([]int{0, 1, 999, 500_000_000, 1_000_000, 123_000_000, 999_999_999}).Draw(t, "ns")))
		return sample{at, at.Format(time.RFC3339Nano), spreadsheet.Instant}
	case spreadsheet.Bool:
		b := rapid.Bool().Draw(t, "bool")
		return sample{b, fmt.Sprint(b), spreadsheet.Bool}
	case spreadsheet.Language:
		l := spreadsheet.LanguageText{Language: rapid.SampledFrom([]string{"de", "pt-BR", "zh-Hant-TW"}).Draw(t, "tag"), Text: text.Draw(t, "text")}
		return sample{l, l.String(), spreadsheet.Text}
	}
	s := text.Draw(t, "text")
	return sample{s, s, spreadsheet.Text}
}

type table struct {
	columns []spreadsheet.Column
	rows    [][]sample
}

func drawTable(t *rapid.T, text *rapid.Generator[string]) table {
	kinds := []spreadsheet.Kind{spreadsheet.Text, spreadsheet.Number, spreadsheet.Date, spreadsheet.Instant, spreadsheet.Bool, spreadsheet.Language}
	var out table
	for range rapid.IntRange(1, 6).Draw(t, "columns") {
		out.columns = append(out.columns, spreadsheet.Column{Name: "n", Title: text.Draw(t, "title"), Kind: rapid.SampledFrom(kinds).Draw(t, "kind")})
	}
	for range rapid.IntRange(0, 6).Draw(t, "rows") {
		var row []sample
		for _, c := range out.columns {
			row = append(row, drawSample(t, c.Kind, text))
		}
		out.rows = append(out.rows, row)
	}
	return out
}

func (tb table) write(t *rapid.T, row func(...any) error, end func() error) {
	for _, r := range tb.rows {
		var values []any
		for _, s := range r {
			values = append(values, s.write)
		}
		if err := row(values...); err != nil {
			t.Fatalf("Row(%q): %v", values, err)
		}
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
}

// check compares what was read. Headers are never empty, because Name stands in; rows without a value are passed over.
func (tb table) check(t *rapid.T, data []byte, typed bool) {
	got, err := open(data, spreadsheet.Limits{})
	if err != nil {
		t.Fatalf("Open: %v\n%q", err, data)
	}
	var columns []string
	for _, c := range tb.columns {
		columns = append(columns, max(c.Title, map[bool]string{true: "n"}[c.Title == ""]))
	}
	if d := cmp.Diff(columns, got.Columns()); d != "" {
		t.Fatalf("columns (-want +got):\n%s\n%q", d, data)
	}
	for i, r := range tb.rows {
		all := ""
		for _, s := range r {
			all += s.want
		}
		if all == "" {
			continue
		}
		row, err := got.Next()
		if err != nil {
			t.Fatalf("row %d: %v\n%q", i, err, data)
		}
		if row.Number != i+2 {
			t.Fatalf("row number = %d, want %d", row.Number, i+2)
		}
		for j, s := range r {
			checkCell(t, s, row.Cells[j], typed)
		}
	}
	if row, err := got.Next(); err == nil {
		t.Fatalf("there is one row more: %+v", row)
	}
}

func checkCell(t *rapid.T, s sample, got spreadsheet.Cell, typed bool) {
	want := s.kind
	if s.want == "" {
		want = spreadsheet.Empty
	} else if !typed {
		want = spreadsheet.Text
	} else if s.kind != got.Kind && got.Kind == spreadsheet.Text {
		want = spreadsheet.Text // what no sheet holds exactly is text
	}
	if s.kind == spreadsheet.Number && s.want != "" {
		a, ok := new(big.Rat).SetString(s.want)
		b, ok2 := new(big.Rat).SetString(got.Text)
		if !ok || !ok2 || a.Cmp(b) != 0 || got.Kind != want {
			t.Fatalf("number %q was read as %q (%s)", s.want, got.Text, got.Kind)
		}
		return
	}
	if got != (spreadsheet.Cell{Text: s.want, Kind: want}) {
		t.Fatalf("%q was read as %q (%s), want kind %q", s.want, got.Text, got.Kind, want)
	}
}

func TestCSVRoundTrip(t *testing.T) {
	text := awkward("\x01\x02\x1B\x1F\x0B\x0C")
	rapid.Check(t, func(t *rapid.T) {
		tb := drawTable(t, text)
		var b bytes.Buffer
		w := spreadsheet.NewCSV(&b, tb.columns, spreadsheet.CSVOptions{
			Separator: rapid.SampledFrom([]rune{0, ',', ';', '\t', '|'}).Draw(t, "separator"), BOM: rapid.Bool().Draw(t, "bom")})
		tb.write(t, w.Row, w.Close)
		tb.check(t, b.Bytes(), false)
	})
}

func TestXLSXRoundTrip(t *testing.T) {
	text := awkward("\x00\x01\x02\x1B\x1F\x0B\x0C")
	rapid.Check(t, func(t *rapid.T) {
		tb := drawTable(t, text)
		var b bytes.Buffer
		w, err := spreadsheet.NewXLSX(&b, tb.columns)
		if err != nil {
			t.Fatal(err)
		}
		tb.write(t, w.Row, w.Close)
		tb.check(t, b.Bytes(), true)
	})
}

func TestFloatsKeepTheirBits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64Range(-1e300, 1e300).Draw(t, "f")
		columns := []spreadsheet.Column{{Name: "f", Kind: spreadsheet.Number}}
		var b bytes.Buffer
		w, err := spreadsheet.NewXLSX(&b, columns)
		if err != nil {
			t.Fatal(err)
		}
		tb := table{columns: columns, rows: [][]sample{{{write: f}}}}
		tb.write(t, w.Row, w.Close)
		got, err := open(b.Bytes(), spreadsheet.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		row, err := got.Next()
		if err != nil {
			t.Fatal(err)
		}
		var back float64
		if _, err := fmt.Sscan(row.Cells[0].Text, &back); err != nil || back != f {
			t.Fatalf("%v was read as %q", f, row.Cells[0].Text)
		}
	})
}

func TestLanguageTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := spreadsheet.LanguageText{Language: rapid.StringMatching(`[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?`).Draw(t, "tag"), Text: awkward("\x01").Draw(t, "text")}
		got, ok := spreadsheet.ParseLanguageText(l.String())
		if !ok || got != l {
			t.Fatalf("%q became %q, %v", l, got, ok)
		}
	})
	for _, s := range []string{"", "a", "mail@example.org", "a@", "a@d", "a@de-", "a@123"} {
		if got, ok := spreadsheet.ParseLanguageText(s); ok || got.Text != s {
			t.Errorf("ParseLanguageText(%q) = %q, %v", s, got, ok)
		}
	}
}

func FuzzRoundTrip(f *testing.F) {
	for _, s := range []string{"", "=1+1", "'=1", "''=", "_x000D_", "_x0041\r", "\"", "a\r\nb", "sep=;", "\uFEFFx", " \u200B@x", "\x00"} {
		f.Add(s, s)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		if !utf8.ValidString(a) || !utf8.ValidString(b) || len(a)+len(b) > 20_000 || a+b == "" {
			return
		}
		columns := []spreadsheet.Column{{Name: "a", Kind: spreadsheet.Text}, {Name: "b", Kind: spreadsheet.Text}}
		var x, c bytes.Buffer
		wx, err := spreadsheet.NewXLSX(&x, columns)
		if err != nil {
			t.Fatal(err)
		}
		wc := spreadsheet.NewCSV(&c, columns, spreadsheet.CSVOptions{})
		want := [][]string{{a, b}}
		if err := wx.Row(a, b); err != nil || wx.Close() != nil {
			t.Fatal(err)
		}
		if _, rows := readAll(t, x.Bytes(), spreadsheet.Limits{}); cmp.Diff(want, texts(rows)) != "" {
			t.Fatalf("xlsx: %q, want %q", texts(rows), want)
		}
		if strings.Contains(a+b, "\x00") {
			return
		}
		if err := wc.Row(a, b); err != nil || wc.Close() != nil {
			t.Fatal(err)
		}
		if _, rows := readAll(t, c.Bytes(), spreadsheet.Limits{}); cmp.Diff(want, texts(rows)) != "" {
			t.Fatalf("csv: %q, want %q from %q", texts(rows), want, c.Bytes())
		}
	})
}
