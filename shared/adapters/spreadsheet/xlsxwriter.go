package spreadsheet

import (
	"archive/zip"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Indexes into cellXfs of stylesPart.
const (
	styleHeader = 1
	styleDate   = 2
	styleMoment = 3
	styleText   = 4
)

// XLSXWriter writes a table as an Excel workbook, row by row, to a stream. Text is written inline rather than in a
// table of shared strings, so memory does not grow with the rows. When a sheet is full (1,048,576 rows with its header)
// the table goes on in the next one, Data, Data 2, … each with the header.
//
// Equal rows give equal bytes: the file carries no clock.
type XLSXWriter struct {
	zip     *zip.Writer
	sheet   io.Writer
	columns []Column
	names   []string // column letters
	sheets  int
	rows    int // rows of the present sheet, the header included
	total   int // rows written with Row
	limit   int // rows a sheet takes
	line    []byte
	values  []value
	err     error // sticky
}

// NewXLSX makes a writer and writes the beginning of the workbook. Unusable columns are an error.
func NewXLSX(w io.Writer, columns []Column) (*XLSXWriter, error) {
	if err := checkColumns(columns); err != nil {
		return nil, err
	}
	x := &XLSXWriter{zip: zip.NewWriter(w), columns: columns, limit: sheetRows}
	for i, c := range columns {
		x.names = append(x.names, letters(i))
		if units(c.header()) > cellUnits {
			return nil, tooLong(0, i)
		}
	}
	for _, p := range []struct{ name, text string }{
		{"[Content_Types].xml", contentTypesPart}, {"_rels/.rels", packageRelsPart}, {"xl/styles.xml", stylesPart},
	} {
		if err := x.part(p.name, p.text); err != nil {
			return nil, err
		}
	}
	if err := x.begin(); err != nil {
		return nil, err
	}
	return x, nil
}

// Row writes one row; Column documents which Go types each kind takes. An error that is a fault names a value that the
// table cannot hold (text over 32,767 UTF-16 units among them: it is refused, never cut or split); nothing of the row
// was written, and the writer stays usable. Any other error is final.
//
// A number is a number in the sheet when spreadsheet programs keep it: at most 15 significant digits, or a float64. A
// day is a date from 1900-03-01 on, an instant a date with time when it is whole in milliseconds. Everything else is
// written as text in the form that Kind documents, so that no digit is lost.
func (x *XLSXWriter) Row(values ...any) error {
	if x.err != nil {
		return x.err
	}
	converted, err := convertRow(x.columns, values, x.total+2, x.values)
	if err != nil {
		return err
	}
	x.values = converted
	for i, v := range converted {
		if (v.kind == Text || v.kind == Language || v.kind == Number) && units(v.text) > cellUnits {
			return tooLong(x.total+2, i)
		}
	}
	if x.rows == x.limit {
		if err := x.next(); err != nil {
			return err
		}
	}
	x.open()
	for i, v := range converted {
		x.cell(i, v)
	}
	if err := x.flush(); err != nil {
		return err
	}
	x.total++
	return nil
}

// Close ends the workbook. It does not close the underlying writer.
func (x *XLSXWriter) Close() error {
	if x.err != nil {
		return x.err
	}
	if err := x.end(); err != nil {
		return err
	}
	var sheets, rels strings.Builder
	for i := 1; i <= x.sheets; i++ {
		name := "Data"
		if i > 1 {
			name += " " + strconv.Itoa(i)
		}
		fmt.Fprintf(&sheets, `<sheet name="%s" sheetId="%d" r:id="rId%d"/>`, name, i, i)
		fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/worksheet" Target="worksheets/sheet%d.xml"/>`, i, officeRels, i)
	}
	fmt.Fprintf(&rels, `<Relationship Id="rId%d" Type="%s/styles" Target="styles.xml"/>`, x.sheets+1, officeRels)
	if err := x.part("xl/workbook.xml", fmt.Sprintf(workbookPart, sheets.String())); err != nil {
		return err
	}
	if err := x.part("xl/_rels/workbook.xml.rels", fmt.Sprintf(relsPart, rels.String())); err != nil {
		return err
	}
	if err := x.zip.Close(); err != nil {
		return x.fail(err)
	}
	x.err = closed()
	return nil
}

func (x *XLSXWriter) next() error {
	if err := x.end(); err != nil {
		return err
	}
	return x.begin()
}

func (x *XLSXWriter) begin() error {
	x.sheets++
	w, err := x.create(fmt.Sprintf("xl/worksheets/sheet%d.xml", x.sheets))
	if err != nil {
		return err
	}
	x.sheet, x.rows = w, 0
	x.line = fmt.Appendf(x.line[:0], sheetPart, len(x.columns))
	x.openInto()
	for i, c := range x.columns {
		x.inline(i, styleHeader, c.header())
	}
	return x.flush()
}

func (x *XLSXWriter) end() error {
	_, err := io.WriteString(x.sheet, "</sheetData></worksheet>")
	return x.fail(err)
}

func (x *XLSXWriter) open() {
	x.line = x.line[:0]
	x.openInto()
}

func (x *XLSXWriter) openInto() {
	x.line = append(x.line, `<row r="`...)
	x.line = strconv.AppendInt(x.line, int64(x.rows+1), 10)
	x.line = append(x.line, `">`...)
}

func (x *XLSXWriter) flush() error {
	x.line = append(x.line, "</row>"...)
	if _, err := x.sheet.Write(x.line); err != nil {
		return x.fail(err)
	}
	x.rows++
	return nil
}

func (x *XLSXWriter) cell(i int, v value) {
	switch v.kind {
	case Number:
		if (v.double || significant(v.text) <= 15) && holds(v.text) {
			x.plain(i, 0, "", v.text)
			return
		}
	case Bool:
		x.plain(i, 0, "b", map[string]string{"true": "1", "false": "0"}[v.text])
		return
	case Date:
		if days, ok := daySerial(v.at); ok {
			x.plain(i, styleDate, "", strconv.FormatInt(days, 10))
			return
		}
	case Instant:
		if days, ok := daySerial(v.at); ok && v.at.Nanosecond()%int(time.Millisecond) == 0 {
			within := v.at.Sub(v.at.Truncate(24 * time.Hour))
			x.plain(i, styleMoment, "", strconv.FormatFloat(float64(days)+float64(within)/float64(24*time.Hour), 'f', -1, 64))
			return
		}
	case Empty:
		return
	}
	x.inline(i, styleText, v.text)
}

func (x *XLSXWriter) start(i, style int, kind string) {
	x.line = append(append(x.line, `<c r="`...), x.names[i]...)
	x.line = strconv.AppendInt(x.line, int64(x.rows+1), 10)
	if style > 0 {
		x.line = append(x.line, `" s="`...)
		x.line = strconv.AppendInt(x.line, int64(style), 10)
	}
	if kind != "" {
		x.line = append(append(x.line, `" t="`...), kind...)
	}
	x.line = append(x.line, `">`...)
}

func (x *XLSXWriter) plain(i, style int, kind, text string) {
	x.start(i, style, kind)
	x.line = append(append(append(x.line, "<v>"...), text...), "</v></c>"...)
}

func (x *XLSXWriter) inline(i, style int, text string) {
	x.start(i, style, "inlineStr")
	x.line = append(x.line, `<is><t xml:space="preserve">`...)
	x.line = append(appendXML(x.line, text), "</t></is></c>"...)
}

func (x *XLSXWriter) part(name, text string) error {
	w, err := x.create(name)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return x.fail(err)
}

// create begins a part. The earliest instant that ZIP can hold stands in for the time of change.
func (x *XLSXWriter) create(name string) (io.Writer, error) {
	w, err := x.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)})
	return w, x.fail(err)
}

func (x *XLSXWriter) fail(err error) error {
	if err != nil && x.err == nil {
		x.err = fmt.Errorf("write xlsx: %w", err)
	}
	return x.err
}

func tooLong(row, column int) error {
	return cellFault(row, column, fault.CodeCellTooLarge,
		"The cell holds more than %d characters, which is all that a spreadsheet cell takes. Export as JSON or CSV instead.", cellUnits)
}

// units counts UTF-16 code units, in which spreadsheet programs measure.
func units(s string) int {
	if len(s) <= cellUnits {
		return len(s) // an upper bound is enough below the limit
	}
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// holds tells whether the number is within the range of spreadsheet programs, which is that of normal doubles up to
// 9.99E307; outside they show an error or zero.
func holds(s string) bool {
	f, err := strconv.ParseFloat(s, 64)
	if f == 0 {
		return err == nil && significant(s) == 0
	}
	return math.Abs(f) >= 2.3e-308 && math.Abs(f) <= 9.99e307
}
