package spreadsheet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// FuzzItems reads any file as the items of an import, announced as CSV or XLSX: rows are numbered upwards and have a cell for
// each header, and a refusal of the whole has a code and a sentence.
func FuzzItems(f *testing.F) {
	f.Add([]byte("a;b\n1;2\n\"x\";\n"), true)
	f.Add([]byte("\xff\xfea\x00;\x00b\x00\n\x00"), true)
	f.Add([]byte("a\tb\n=1+1\t\x00"), true)
	f.Add(book(headerRow+`<row r="2"><c r="B2"><f>1</f><v>2</v></c></row><row r="3"><c r="A3"><v>1</v></c></row>`).pack(f), false)
	f.Fuzz(func(t *testing.T, file []byte, csv bool) {
		format := spreadsheet.XLSX
		if csv {
			format = spreadsheet.CSV
		}
		items, err := spreadsheet.OpenItems(bytes.NewReader(file), int64(len(file)), format, spreadsheet.Limits{Rows: 1000, TotalBytes: 1 << 20})
		last := 0
		for n := 0; err == nil && n < 2000; n++ {
			it, next := items.Next(context.Background())
			if err = next; errors.Is(err, io.EOF) {
				return
			}
			headers, _ := items.Headers(context.Background())
			if err == nil && (it.Number <= last || len(it.Cells) != len(headers)) {
				t.Fatalf("row %d after %d has %d cells for %d headers and problems %v", it.Number, last, len(it.Cells), len(headers), it.Problems)
			}
			last = it.Number
		}
		if f := fault.Of(err); err != nil && (f.Kind == fault.Internal || f.Detail == "") {
			t.Errorf("%v", err)
		}
	})
}
