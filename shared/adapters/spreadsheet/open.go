package spreadsheet

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Format is what a file turned out to be.
type Format string

// The formats that can be read.
const (
	CSV  Format = "csv"
	XLSX Format = "xlsx"
)

// Limits bound what one file may ask of its reader, and say how to read it. A zero or negative number stands for its
// default.
type Limits struct {
	Bytes     int64 // of the file: 200 MB (200,000,000)
	Columns   int   // with a header: 200
	Rows      int   // that hold something, below the header: 1,000,000
	CellBytes int   // of one cell in UTF-8: 131,068, four for each of the 32,767 characters a sheet allows

	// Of a workbook. Sizes are counted while unpacking; what the file declares is used to refuse, never to accept.
	Parts       int   // files in the archive: 1,000
	PartBytes   int64 // unpacked, of one part: 2 GiB
	TotalBytes  int64 // unpacked, of all parts that are read: 3 GiB
	Ratio       int   // unpacked to packed, of a part over 10 MiB: 200
	StringBytes int   // of the table of shared strings, which stays in memory: 64 MiB

	Sheet          string // of a workbook: its name; "" is the first visible sheet
	Separator      rune   // of CSV: one of , ; tab |, or 0 to find out
	AcceptFormulas bool   // take the value that was computed last, with kind Formula, instead of refusing the row
}

func (l Limits) orDefault() Limits {
	positive(&l.Bytes, 200_000_000)
	positive(&l.Columns, 200)
	positive(&l.Rows, 1_000_000)
	positive(&l.CellBytes, 4*cellUnits)
	positive(&l.Parts, 1_000)
	positive(&l.PartBytes, 2<<30)
	positive(&l.TotalBytes, 3<<30)
	positive(&l.Ratio, 200)
	positive(&l.StringBytes, 64<<20)
	l.Columns = min(l.Columns, sheetColumns)
	l.StringBytes = min(l.StringBytes, math.MaxUint32)
	return l
}

func positive[N int | int64](n *N, otherwise N) {
	if *n <= 0 {
		*n = otherwise
	}
}

// Table is an open file. It is not safe for use by several goroutines.
type Table struct {
	format    Format
	encoding  string
	separator rune
	sheets    []string
	columns   []string
	rows      rowReader
	limits    Limits
	src       *source
	taken     int
	err       error // sticky
}

// rowReader reads one row. Cells beyond width are not kept, but wide is the largest column (counted from 1) that holds
// something. An error with a number concerns that row alone; one without ends the table.
type rowReader interface {
	row(width int) (r record, err error)
}

type record struct {
	number int
	cells  []Cell // at most width, without cells that are missing at the end
	wide   int
	faults []fault.Field // cells that are refused
}

// Open reads as much of the file as it takes to know what it is, and its header: of CSV the whole, to know its
// encoding; of a workbook its directory, its small parts and the whole sheet, to know its merged cells. So a file that
// is damaged, too large or in disguise is refused before the first row is handed out.
//
// Refusals are faults: file-too-large, file-unreadable, file-encrypted, file-packing-refused, macro-refused,
// external-links-refused, sheet-not-found, columns-too-many, cell-too-large, formula-refused (in the header). An error of r
// itself is returned wrapped, and is no fault.
func Open(r io.ReaderAt, size int64, l Limits) (*Table, error) {
	l = l.orDefault()
	if size > l.Bytes {
		return nil, fault.New(fault.CodeFileTooLarge, "The file has %d bytes; at most %d are accepted. Split it into several files.", size, l.Bytes)
	}
	t := &Table{limits: l, src: &source{r: r}}
	if err := t.open(size); err != nil {
		return nil, t.src.explain(err)
	}
	return t, nil
}

func (t *Table) open(size int64) error {
	head := make([]byte, min(size, 4096))
	if _, err := io.ReadFull(io.NewSectionReader(t.src, 0, size), head); err != nil {
		return unreadable(err, "The file ends before its stated size.")
	}
	var err error
	switch {
	case size == 0:
		return fault.New(fault.CodeFileUnreadable, "The file is empty.")
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		t.format = XLSX
		err = t.openXLSX(size)
	case bytes.HasPrefix(head, []byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")):
		return t.refuseOLE(head, size)
	default:
		t.format = CSV
		err = t.openCSV(head, size)
	}
	if err != nil {
		return err
	}
	return t.header()
}

// refuseOLE tells workbooks with a password, which are wrapped in an OLE container (MS-OFFCRYPTO clause 2.3), from the
// binary format that came before XLSX. The container's directory names the stream; its first sector is enough.
func (t *Table) refuseOLE(head []byte, size int64) error {
	name := []byte("E\x00n\x00c\x00r\x00y\x00p\x00t\x00e\x00d\x00P\x00a\x00c\x00k\x00a\x00g\x00e\x00")
	if len(head) >= 52 {
		sector := int64(1) << min(head[30], 12)
		first := int64(head[48]) | int64(head[49])<<8 | int64(head[50])<<16 | int64(head[51])<<24
		directory := make([]byte, 4096)
		if at := (first + 1) * sector; at < size {
			n, _ := t.src.ReadAt(directory, at)
			if bytes.Contains(directory[:n], name) {
				return fault.New(fault.CodeFileEncrypted, "The workbook is protected by a password. Save it without one.")
			}
		}
	}
	return fault.New(fault.CodeFileUnreadable,
		"The file is in the old Excel format (.xls) or another binary format of Office. Save it as .xlsx or CSV, without a password.")
}

// header takes the first row that holds something as the names of the columns.
func (t *Table) header() error {
	r, err := t.rows.row(t.limits.Columns)
	switch {
	case errors.Is(err, io.EOF):
		return fault.New(fault.CodeFileUnreadable, "The file has no row with a value, so there are no column headers.")
	case err != nil:
		return err
	case r.wide > t.limits.Columns:
		return fault.New(fault.CodeColumnsTooMany, "The table has %d columns; at most %d are accepted.", r.wide, t.limits.Columns)
	case len(r.faults) > 0:
		return rowFault(r)
	}
	for _, c := range r.cells {
		t.columns = append(t.columns, c.Text)
	}
	return nil
}

// Columns are the headers: the first row that holds something, without empty cells at its end. A header in the middle
// may be empty, and two may be equal.
func (t *Table) Columns() []string { return t.columns }

// Format is CSV or XLSX. Tab-separated text is CSV.
func (t *Table) Format() Format { return t.format }

// Encoding is the character encoding of CSV: utf-8, utf-16le, utf-16be or windows-1252, the last being an assumption,
// made when the file is not valid UTF-8. It is empty for a workbook.
func (t *Table) Encoding() string { return t.encoding }

// Separator is the field separator of CSV, or 0.
func (t *Table) Separator() rune { return t.separator }

// Sheets are the names of a workbook's sheets, in order.
func (t *Table) Sheets() []string { return t.sheets }

// Next reads the next row; rows without any value are passed over, though they count for Number. It returns io.EOF
// after the last.
//
// An error with a Row whose Number is not zero is a fault that concerns this row alone (cell-too-large,
// formula-refused, row-too-wide), with a pointer such as /rows/17/columns/B for each refused cell, and the Row has its
// other cells: Next goes on with the following row. Every other error is final.
func (t *Table) Next() (Row, error) {
	if t.err != nil {
		return Row{}, t.err
	}
	r, err := t.rows.row(len(t.columns))
	if err == nil && t.taken == t.limits.Rows {
		err = fault.New(fault.CodeRowsTooMany, "The table has more than %d rows. Split it into several files.", t.limits.Rows)
	}
	if err != nil {
		if !errors.Is(err, io.EOF) {
			err = t.src.explain(err)
		}
		t.err = err
		return Row{}, err
	}
	t.taken++
	if r.wide > len(t.columns) {
		r.faults = append(r.faults, fault.Field{Pointer: pointer(r.number, r.wide-1), Code: fault.CodeRowTooWide,
			Detail: fmt.Sprintf("Row %d has a value in column %s, which has no header.", r.number, letters(r.wide-1))})
	}
	cells := r.cells
	for len(cells) < len(t.columns) {
		cells = append(cells, Cell{})
	}
	row := Row{Number: r.number, Cells: cells}
	if len(r.faults) > 0 {
		return row, rowFault(r)
	}
	return row, nil
}

// rowFault says what is wrong with the first refused cell of a row and points at all of them.
func rowFault(r record) error {
	return fault.New(r.faults[0].Code, "%s", r.faults[0].Detail).With(r.faults...)
}

// unreadable is a fault for content that is not what it claims to be. A fault inside cause is more precise and stays.
func unreadable(cause error, format string, args ...any) error {
	if f, ok := errors.AsType[*fault.Error](cause); ok {
		return f
	}
	return fault.From(cause, fault.CodeFileUnreadable, format, args...)
}

// source remembers an error of the underlying reader, which is nobody's fault and must not be taken for a damaged file.
type source struct {
	r   io.ReaderAt
	err error
}

func (s *source) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("spreadsheet: the file refers to a place before its beginning")
	}
	n, err := s.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (s *source) explain(err error) error {
	if s.err != nil {
		return fmt.Errorf("read the file: %w", s.err)
	}
	return err
}
