package spreadsheet

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// csvReader reads RFC 4180 with what else is met in files: any of four separators, lines that end with LF, CR or both,
// in one file too, quotes in the middle of a field that does not begin with one, blanks between a closing quote and the
// separator. Line ends inside quotes stay as they are.
type csvReader struct {
	in     *bufio.Reader
	comma  byte
	limit  int // bytes of a cell
	number int // of the row read last
	ended  bool

	// Of the field being read.
	text []byte
	over bool // the field is over the limit; the rest of it is not kept
}

func (t *Table) openCSV(head []byte, size int64) error {
	start := strings.ToLower(string(bytes.TrimLeft(bytes.TrimPrefix(head[:min(len(head), 64)], []byte("\xEF\xBB\xBF")), " \r\n")))
	for _, prefix := range []string{"<!doctype", "<html", "<?xml", "%pdf", "{\\rtf"} {
		if strings.HasPrefix(start, prefix) {
			return fault.New(fault.CodeFileUnreadable, "The file begins with %q, so it is no table. Send CSV or .xlsx.", prefix)
		}
	}
	text, err := detect(io.NewSectionReader(t.src, 0, size), head)
	if err != nil {
		return unreadable(err, "The file cannot be read.")
	}
	decoded := text.decoder(io.NewSectionReader(t.src, text.mark, size-text.mark))
	in := bufio.NewReaderSize(decoded, 64<<10)
	first, err := in.Peek(64 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return unreadable(err, "The file cannot be read.")
	}
	r := &csvReader{in: in, limit: t.limits.CellBytes}
	comma, hint := detectSeparator(first)
	if t.limits.Separator != 0 {
		if !strings.ContainsRune(separators, t.limits.Separator) {
			return fmt.Errorf("spreadsheet: %q is no separator of CSV", t.limits.Separator)
		}
		comma = byte(t.limits.Separator)
	}
	if hint {
		r.number = 1
		if _, err := in.Discard(len("sep=,")); err != nil {
			return unreadable(err, "The file cannot be read.")
		}
		if _, err := r.lineEnd(); err != nil && !errors.Is(err, io.EOF) {
			return unreadable(err, "The file cannot be read.")
		}
	}
	r.comma = comma
	t.encoding, t.separator, t.rows = text.encoding, rune(comma), r
	return nil
}

// detectSeparator looks at the first lines, at most 64 KiB. The line sep=; that Excel understands decides; its second result
// tells of it. Otherwise the separator wins that splits most lines into as many fields as the first, and of equals the
// one that gives more fields. A quote opens only where a field may begin, whatever the separator.
func detectSeparator(p []byte) (comma byte, hint bool) {
	if len(p) >= 5 && string(p[:4]) == "sep=" && strings.IndexByte(separators, p[4]) >= 0 &&
		(len(p) == 5 || p[5] == '\r' || p[5] == '\n') {
		return p[4], true
	}
	lines := countSeparators(p)
	comma = separators[0]
	var bestSame, bestCount int
	for i := range separators {
		if len(lines) == 0 || lines[0][i] == 0 {
			continue
		}
		same := 0
		for _, l := range lines {
			if l[i] == lines[0][i] {
				same++
			}
		}
		if same > bestSame || same == bestSame && lines[0][i] > bestCount {
			comma, bestSame, bestCount = separators[i], same, lines[0][i]
		}
	}
	return comma, false
}

// countSeparators counts each separator outside quotes in the first 50 lines that hold something. A last line that is
// cut off counts only when it is the only one.
func countSeparators(p []byte) [][len(separators)]int {
	var lines [][len(separators)]int
	var line [len(separators)]int
	quoted, fresh, blank := false, true, true
	for i := 0; i < len(p) && len(lines) < 50; i++ {
		c := p[i]
		switch {
		case quoted:
			if c == '"' && i+1 < len(p) && p[i+1] == '"' {
				i++
			} else if c == '"' {
				quoted = false
			}
			continue
		case c == '"' && fresh:
			quoted, blank = true, false
		case c == '\r' || c == '\n':
			if !blank {
				lines = append(lines, line)
			}
			line, blank, fresh = [len(separators)]int{}, true, true
			continue
		default:
			blank = false
		}
		s := strings.IndexByte(separators, c)
		if s >= 0 {
			line[s]++
		}
		fresh = s >= 0
	}
	if len(lines) == 0 && !blank {
		lines = append(lines, line)
	}
	return lines
}

// What ended a field.
type ending int

const (
	endField ending = iota
	endLine
	endFile
)

func (r *csvReader) row(width int) (record, error) {
	for {
		if r.ended {
			return record{}, io.EOF
		}
		r.number++
		rec := record{number: r.number}
		for column := 0; ; column++ {
			end, err := r.field(column)
			if err != nil {
				return record{}, unreadable(err, "Row %d cannot be read.", r.number)
			}
			r.keep(&rec, column, width)
			if end != endField {
				r.ended = end == endFile
				break
			}
		}
		if rec.wide > 0 {
			rec.cells = rec.cells[:min(rec.wide, len(rec.cells))]
			return rec, nil
		}
	}
}

// keep adds the field just read to the row.
func (r *csvReader) keep(rec *record, column, width int) {
	c := Cell{}
	if len(r.text) > 0 {
		rec.wide = column + 1
		if column < width && !r.over {
			c = Cell{Text: restore(string(r.text)), Kind: Text}
		}
	}
	if column >= width {
		return
	}
	if r.over {
		rec.faults = append(rec.faults, fault.Field{Pointer: pointer(r.number, column), Code: fault.CodeCellTooLarge,
			Detail: fmt.Sprintf("The cell %s%d has more than %d bytes.", letters(column), r.number, r.limit)})
	}
	rec.cells = append(rec.cells, c)
}

// field reads one field into r.text, with what ends it.
func (r *csvReader) field(column int) (ending, error) {
	r.text, r.over = r.text[:0], false
	c, err := r.in.ReadByte()
	if err == nil && c == '"' {
		return r.quotedField(column)
	}
	for ; err == nil; c, err = r.in.ReadByte() {
		switch c {
		case r.comma:
			return endField, nil
		case '\n':
			return endLine, nil
		case '\r':
			return r.afterCR()
		}
		r.add(c)
	}
	return atEnd(err)
}

func (r *csvReader) quotedField(column int) (ending, error) {
	opened := r.number
	for {
		c, err := r.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return endFile, cellFault(opened, column, fault.CodeFileUnreadable,
				"The quote that opens the cell %s%d is never closed.", letters(column), opened)
		}
		if err != nil {
			return endFile, err
		}
		if c != '"' {
			r.add(c)
			continue
		}
		if c, err = r.in.ReadByte(); err == nil && c == '"' {
			r.add('"')
			continue
		}
		for err == nil && c == ' ' {
			c, err = r.in.ReadByte()
		}
		switch {
		case err != nil:
			return atEnd(err)
		case c == r.comma:
			return endField, nil
		case c == '\n':
			return endLine, nil
		case c == '\r':
			return r.afterCR()
		}
		return endFile, cellFault(r.number, column, fault.CodeFileUnreadable,
			"In the cell %s%d, text follows the closing quote. A quote inside quotes has to be doubled.", letters(column), r.number)
	}
}

func (r *csvReader) add(c byte) {
	if len(r.text) < r.limit {
		r.text = append(r.text, c)
	} else {
		r.over = true
	}
}

// lineEnd reads one line end.
func (r *csvReader) lineEnd() (ending, error) {
	c, err := r.in.ReadByte()
	if err == nil && c == '\r' {
		return r.afterCR()
	}
	if err != nil {
		return atEnd(err)
	}
	return endLine, nil
}

func (r *csvReader) afterCR() (ending, error) {
	next, err := r.in.Peek(1)
	if err == nil && next[0] == '\n' {
		_, err = r.in.Discard(1)
	}
	if errors.Is(err, io.EOF) {
		err = nil // the next field reports it
	}
	return endLine, err
}

func atEnd(err error) (ending, error) {
	if errors.Is(err, io.EOF) {
		return endFile, nil
	}
	return endFile, err
}
