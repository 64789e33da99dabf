package spreadsheet

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
)

// Tables implements export.Tables.
type Tables struct{}

// writer is what both formats have.
type writer interface {
	Row(values ...any) error
	Close() error
}

// Open implements export.Tables. CSV begins with a byte order mark, by which spreadsheet programs tell UTF-8.
func (Tables) Open(w io.Writer, f export.Format, headings []intake.Heading) (export.Table, error) {
	columns := make([]Column, len(headings))
	for i, h := range headings {
		columns[i] = Column{Name: h.Pointer, Kind: map[intake.CellKind]Kind{
			intake.TextCell: Text, intake.NumberCell: Number, intake.DateCell: Date, intake.InstantCell: Instant, intake.BooleanCell: Bool,
		}[h.Kind]}
	}
	t := &table{columns: columns, values: make([]any, len(columns)), fits: func(s string) bool { return strings.IndexByte(s, 0) < 0 }}
	switch f {
	case export.CSV:
		t.to = NewCSV(w, columns, CSVOptions{BOM: true})
	case export.XLSX:
		x, err := NewXLSX(w, columns)
		if err != nil {
			return nil, err
		}
		t.to, t.fits = x, func(s string) bool { return units(s) <= cellUnits }
	default:
		return nil, fmt.Errorf("spreadsheet: %q is no format of tables", f)
	}
	return t, nil
}

// table is a table being written.
type table struct {
	to      writer
	columns []Column
	values  []any
	fits    func(text string) bool
}

// Row writes the cells of a row. A text that no cell can hold is left out, and counted.
func (t *table) Row(cells []intake.Cell) (left int, err error) {
	for i, c := range cells {
		t.values[i] = nil
		switch {
		case c.Text == "":
		case !utf8.ValidString(c.Text) || !t.fits(c.Text):
			left++
		case c.Kind == intake.BooleanCell && t.columns[i].Kind == Bool:
			t.values[i] = c.Text == "true"
		case c.Kind != intake.TextCell && string(c.Kind) == string(t.columns[i].Kind):
			t.values[i] = c.Text
		default:
			t.values[i] = Plain(c.Text)
		}
	}
	return left, t.to.Row(t.values...)
}

// Close ends the table.
func (t *table) Close() error { return t.to.Close() }
