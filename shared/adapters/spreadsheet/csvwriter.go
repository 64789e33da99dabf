package spreadsheet

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// closed is the error of a writer that was closed before.
func closed() error { return errors.New("spreadsheet: the writer is closed") }

// separators are the field separators that are written and recognised, the likeliest first.
const separators = ",;\t|"

// CSVOptions choose the dialect. The zero value is RFC 4180: commas, UTF-8 without byte order mark.
type CSVOptions struct {
	Separator rune // one of , ; tab |, or 0 for a comma
	BOM       bool // begin with a UTF-8 byte order mark, which Excel needs to recognise UTF-8
}

// CSVWriter writes a table as CSV: UTF-8, lines end with CR LF, the first line is the header.
//
// Text that a spreadsheet program would take for a formula gets an apostrophe in front; Open takes it away again.
// Numbers are written as they are, so -5 stays -5 in a column of kind Number. The protection holds for programs that
// split the line at the separator it was written with.
type CSVWriter struct {
	w       io.Writer
	columns []Column
	comma   byte
	bom     bool
	started bool
	rows    int // rows written, the header included
	line    []byte
	values  []value
	err     error // sticky
}

// NewCSV makes a writer. Nothing is written before the first Row or Close, which report unusable columns or options.
func NewCSV(w io.Writer, columns []Column, o CSVOptions) *CSVWriter {
	c := &CSVWriter{w: w, columns: columns, comma: ',', bom: o.BOM, err: checkColumns(columns)}
	if o.Separator != 0 {
		if !strings.ContainsRune(separators, o.Separator) {
			c.err = fmt.Errorf("spreadsheet: %q is no separator of CSV", o.Separator)
			return c
		}
		c.comma = byte(o.Separator)
	}
	return c
}

// Row writes one row; Column documents which Go types each kind takes. An error that is a fault names a value that no
// table can hold: nothing of the row was written, and the writer stays usable. Any other error is final.
func (c *CSVWriter) Row(values ...any) error {
	if err := c.start(); err != nil {
		return err
	}
	row := c.rows + 1
	converted, err := convertRow(c.columns, values, row, c.values)
	if err != nil {
		return err
	}
	c.values = converted
	c.line = c.line[:0]
	for i, v := range converted {
		text := v.text
		if v.kind == Text || v.kind == Language {
			if strings.IndexByte(text, 0) >= 0 {
				return cellFault(row, i, fault.CodeValueInvalid, "The text holds the character U+0000, which CSV cannot hold.")
			}
			text = neutralise(text)
		}
		c.field(i, text)
	}
	return c.flush()
}

// Close writes the header if no row was written. It does not close the underlying writer.
func (c *CSVWriter) Close() error {
	if err := c.start(); err != nil {
		return err
	}
	c.err = closed()
	return nil
}

func (c *CSVWriter) start() error {
	if c.err != nil || c.started {
		return c.err
	}
	c.started = true
	if c.bom {
		c.line = append(c.line, "\uFEFF"...)
	}
	for i, col := range c.columns {
		if strings.IndexByte(col.header(), 0) >= 0 {
			c.err = cellFault(0, i, fault.CodeValueInvalid, "The header holds the character U+0000, which CSV cannot hold.")
			return c.err
		}
		c.field(i, neutralise(col.header()))
	}
	return c.flush()
}

// field appends one field. Quotes stand around everything that any reader might take apart, at whatever separator,
// around what could be taken for the beginning of another kind of file, and around a lone empty field, which would
// otherwise be an empty line.
func (c *CSVWriter) field(i int, text string) {
	if i > 0 {
		c.line = append(c.line, c.comma)
	}
	if !strings.ContainsAny(text, "\"\r\n,;\t|") && !misleading(text) && (text != "" || len(c.columns) > 1) {
		c.line = append(c.line, text...)
		return
	}
	c.line = append(c.line, '"')
	for {
		quote := strings.IndexByte(text, '"')
		if quote < 0 {
			break
		}
		c.line = append(append(c.line, text[:quote+1]...), '"')
		text = text[quote+1:]
	}
	c.line = append(append(c.line, text...), '"')
}

// misleading tells whether a field without quotes could be trimmed, or at the beginning of a file be taken for a byte
// order mark, a separator hint or another format.
func misleading(text string) bool {
	for _, prefix := range [...]string{" ", "<", "%", "{", "PK", "\uFEFF", "sep="} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return strings.HasSuffix(text, " ")
}

func (c *CSVWriter) flush() error {
	c.line = append(c.line, '\r', '\n')
	if _, err := c.w.Write(c.line); err != nil {
		c.err = fmt.Errorf("write csv: %w", err)
		return c.err
	}
	c.rows++
	return nil
}
