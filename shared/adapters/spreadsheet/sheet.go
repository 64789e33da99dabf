package spreadsheet

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// sheetReader reads the rows of one sheet (ECMA-376 part 1 clause 18.3.1).
type sheetReader struct {
	*elements
	book    *workbook
	merged  covering
	inData  bool
	number  int // of the row read last
	ended   bool
	text    []byte // of the cell being read
	formula bool   // the cell being read has one
	over    bool   // the cell being read is over the limit
}

func (w *workbook) openSheet(s sheet) (rowReader, error) {
	part, err := w.archive.open(s.part)
	if err != nil {
		return nil, err
	}
	areas, err := scanMerged(part)
	if err != nil {
		return nil, unreadable(err, "The sheet %.40q cannot be unpacked.", s.name)
	}
	columns := w.archive.limits.Columns
	areas = slices.DeleteFunc(areas, func(a area) bool { return a.left >= columns })
	w.archive.unpacked = 0 // the second pass reads the same bytes
	e, err := w.archive.elements(s.part)
	if err != nil {
		return nil, err
	}
	return &sheetReader{elements: e, book: w, merged: covering{areas: areas, most: columns}}, nil
}

func (r *sheetReader) row(width int) (record, error) {
	for !r.ended {
		token, err := r.next()
		if errors.Is(err, io.EOF) {
			r.ended = true
			break
		}
		if err != nil {
			return record{}, err
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name.Local == "sheetData" {
				r.inData = true
			}
			if x.Name.Local != "row" || !r.inData {
				continue
			}
			rec, err := r.cells(x, width)
			if err != nil {
				return record{}, err
			}
			if rec.wide > 0 {
				rec.cells = rec.cells[:min(rec.wide, len(rec.cells))]
				return rec, nil
			}
		case xml.EndElement:
			r.ended = x.Name.Local == "sheetData" // nothing behind it concerns the rows
		}
	}
	return record{}, io.EOF
}

// cells reads to the end of the row.
func (r *sheetReader) cells(start xml.StartElement, width int) (record, error) {
	number := r.number + 1
	if s := attribute(start, "r"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n <= r.number {
			return record{}, fault.New(fault.CodeFileUnreadable, "After row %d, the sheet has a row numbered %.20q.", r.number, s)
		}
		number = n
	}
	if number > sheetRows {
		return record{}, fault.New(fault.CodeFileUnreadable, "The sheet has a row beyond %d.", sheetRows)
	}
	r.number = number
	if !r.merged.reach(number) {
		return record{}, fault.New(fault.CodeFileUnreadable, "In row %d, the sheet has merged cells that overlap.", number)
	}
	rec := record{number: number, cells: make([]Cell, 0, width)}
	column := -1
	for {
		token, err := r.next()
		if err != nil {
			return record{}, unreadable(err, "The sheet ends in row %d.", number)
		}
		if _, ends := token.(xml.EndElement); ends {
			return rec, nil
		}
		c, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if c.Name.Local != "c" {
			if err := r.skip(); err != nil {
				return record{}, err
			}
			continue
		}
		if column, err = r.position(c, column); err != nil {
			return record{}, err
		}
		if err := r.cell(c, &rec, column, width); err != nil {
			return record{}, err
		}
	}
}

// skip reads to the end of the element that was just opened.
func (r *sheetReader) skip() error {
	outside := r.depth - 1
	for r.depth > outside {
		if _, err := r.next(); err != nil {
			return unreadable(err, "The sheet ends in row %d.", r.number)
		}
	}
	return nil
}

// position is the column of a cell: that of its address, or the one after the last.
func (r *sheetReader) position(c xml.StartElement, last int) (int, error) {
	column := last + 1
	if ref := attribute(c, "r"); ref != "" {
		col, row, ok := parseRef(ref)
		if !ok || row != r.number || col <= last {
			return 0, fault.New(fault.CodeFileUnreadable, "In row %d, the sheet has a cell with the address %.20q.", r.number, ref)
		}
		column = col
	}
	if column >= sheetColumns {
		return 0, fault.New(fault.CodeFileUnreadable, "In row %d, the sheet has a cell beyond column %s.", r.number, letters(sheetColumns-1))
	}
	return column, nil
}

// cell reads one cell and adds it to the row.
func (r *sheetReader) cell(c xml.StartElement, rec *record, column, width int) error {
	kind, style := attribute(c, "t"), attribute(c, "s")
	if err := r.content(); err != nil {
		return err
	}
	if r.merged.hides(r.number, column) {
		return nil
	}
	if r.formula && !r.book.archive.limits.AcceptFormulas {
		rec.wide = column + 1
		r.refuse(rec, column, fault.CodeFormulaRefused, "The cell %s%d holds a formula. Replace it by its value.")
		return nil
	}
	out, err := r.value(kind, style)
	if err != nil {
		return cellFault(r.number, column, fault.CodeFileUnreadable, "The cell %s%d cannot be read: %v.", letters(column), r.number, err)
	}
	if out.Text == "" && !r.over {
		return nil
	}
	rec.wide = column + 1
	if r.over {
		r.refuse(rec, column, fault.CodeCellTooLarge, fmt.Sprintf("The cell %%s%%d has more than %d bytes.", r.book.archive.limits.CellBytes))
		return nil
	}
	if r.formula {
		out.Kind = Formula
	}
	if column < width {
		for len(rec.cells) < column {
			rec.cells = append(rec.cells, Cell{})
		}
		rec.cells = append(rec.cells, out)
	}
	return nil
}

// refuse notes a refused cell; the first hundred of a row are enough.
func (r *sheetReader) refuse(rec *record, column int, code fault.Code, sentence string) {
	if len(rec.faults) < 100 {
		rec.faults = append(rec.faults, fault.Field{Pointer: pointer(r.number, column), Code: code,
			Detail: fmt.Sprintf(sentence, letters(column), r.number)})
	}
}

// content reads to the end of the cell: its text into r.text, and whether it has a formula.
func (r *sheetReader) content() error {
	r.text, r.formula, r.over = r.text[:0], false, false
	limit := r.book.archive.limits.CellBytes
	inValue := false
	for {
		token, err := r.next()
		if err != nil {
			return unreadable(err, "The sheet ends in row %d.", r.number)
		}
		switch x := token.(type) {
		case xml.StartElement:
			switch x.Name.Local {
			case "v":
				inValue = true
			case "is":
				if r.text, r.over, err = r.richText(r.text[:0], limit); err != nil {
					return err
				}
			case "f":
				r.formula = true
				if err := r.skip(); err != nil {
					return err
				}
			default:
				if err := r.skip(); err != nil {
					return err
				}
			}
		case xml.CharData:
			if inValue {
				if len(r.text)+len(x) > limit {
					r.over = true
				} else {
					r.text = append(r.text, x...)
				}
			}
		case xml.EndElement:
			if x.Name.Local != "v" {
				return nil
			}
			inValue = false
		}
	}
}

// value makes the cell's content of its type (ST_CellType, clause 18.18.11). An error says what is wrong with it.
func (r *sheetReader) value(kind, style string) (Cell, error) {
	text := r.text
	switch kind {
	case "s":
		if len(text) == 0 {
			return Cell{}, nil
		}
		i, err := strconv.Atoi(strings.TrimSpace(string(text)))
		shared, over, ok := r.book.strings.get(i)
		if err != nil || !ok {
			return Cell{}, fmt.Errorf("there is no shared string %.20q", text)
		}
		r.over = over
		return textCell(shared), nil
	case "inlineStr", "str":
		return textCell(text), nil
	}
	if len(text) == 0 || r.over {
		return Cell{}, nil
	}
	switch kind {
	case "b":
		return Cell{Text: strconv.FormatBool(strings.TrimSpace(string(text)) == "1" || string(text) == "true"), Kind: Bool}, nil
	case "e":
		return Cell{Text: string(text), Kind: Error}, nil
	case "d":
		return isoCell(strings.TrimSpace(string(text))), nil
	case "", "n":
		var s shape
		if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(r.book.styles) {
			s = r.book.styles[i]
		}
		return show(string(text), s, r.book.from1904), nil
	}
	return Cell{}, fmt.Errorf("its type %.20q is unknown", kind)
}

func textCell(text []byte) Cell {
	if len(text) == 0 {
		return Cell{}
	}
	return Cell{Text: unescape(text), Kind: Text}
}

// isoCell is a cell that holds ISO 8601 text already.
func isoCell(s string) Cell {
	for _, form := range []struct {
		layout, out string
		kind        Kind
	}{
		{fullDate, fullDate, Date},
		{"2006-01-02T15:04:05.999999999Z07:00", "2006-01-02T15:04:05.999999999Z", Instant},
		{"2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05.999999999", DateTime},
		{"15:04:05.999999999", "15:04:05.999999999", Time},
	} {
		if at, err := parseIn(form.layout, s); err == nil {
			return Cell{Text: at.Format(form.out), Kind: form.kind}
		}
	}
	return Cell{Text: s, Kind: Error}
}
