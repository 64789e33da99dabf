package spreadsheet

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Items is a table as intake.Source.
type Items struct {
	table *Table
	read  *progress
}

// progress remembers how far into a file was read last.
type progress struct {
	r  io.ReaderAt
	at atomic.Int64
}

func (p *progress) ReadAt(b []byte, off int64) (int, error) {
	n, err := p.r.ReadAt(b, off)
	p.at.Store(off + int64(n))
	return n, err
}

// OpenItems opens a file that was announced as of a format; another one is refused with file-unreadable.
func OpenItems(r io.ReaderAt, size int64, announced Format, l Limits) (*Items, error) {
	p := &progress{r: r}
	t, err := Open(p, size, l)
	if err != nil {
		return nil, err
	}
	if t.Format() != announced {
		return nil, fault.New(fault.CodeFileUnreadable, "The file was announced as %s and is %s.", strings.ToUpper(string(announced)), strings.ToUpper(string(t.Format())))
	}
	return &Items{table: t, read: p}, nil
}

// Headers implements intake.Source.
func (i *Items) Headers(context.Context) ([]string, error) { return i.table.Columns(), nil }

// Close implements intake.Source.
func (i *Items) Close() error { return nil }

// Next implements intake.Source. What is wrong with the cells of one row goes with the row.
func (i *Items) Next(context.Context) (intake.Item, error) {
	row, err := i.table.Next()
	if err != nil && row.Number == 0 {
		return intake.Item{}, err
	}
	it := intake.Item{Number: row.Number, Ref: fmt.Sprintf("row %d", row.Number), Bytes: i.read.at.Load()}
	if err != nil {
		f := fault.Of(err)
		for _, field := range f.Fields {
			it.Problems = append(it.Problems, intake.Problem{Column: i.column(field.Pointer), Code: field.Code, Detail: field.Detail})
		}
	}
	it.Cells, it.Exact = make([]string, len(row.Cells)), make([]bool, len(row.Cells))
	for n, c := range row.Cells {
		it.Cells[n], it.Exact[n] = c.Text, c.Kind == Number && i.table.Format() == XLSX
	}
	return it, nil
}

// column is the header of the column that the pointer of a cell names.
func (i *Items) column(pointer string) string {
	name := pointer[strings.LastIndexByte(pointer, '/')+1:]
	for n, header := range i.table.Columns() {
		if letters(n) == name {
			return header
		}
	}
	return name
}
