package spreadsheet_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func utf16Text(s string, big bool) string {
	var b strings.Builder
	for _, u := range append([]uint16{0xFEFF}, utf16.Encode([]rune(s))...) {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, file string
		separator  rune
		encoding   string
		columns    []string
		rows       [][]string
	}{
		{"comma", "a,b\r\n1,2\r\n", ',', "utf-8", []string{"a", "b"}, [][]string{{"1", "2"}}},
		{"semicolon with decimal commas", "a;b\n1,5;2,5\n3,5;4,5", ';', "utf-8", []string{"a", "b"}, [][]string{{"1,5", "2,5"}, {"3,5", "4,5"}}},
		{"tab", "a\tb\n1,2\t3;4\n", '\t', "utf-8", []string{"a", "b"}, [][]string{{"1,2", "3;4"}}},
		{"bar", "a|b\n1|2\n", '|', "utf-8", []string{"a", "b"}, [][]string{{"1", "2"}}},
		{"one column", "a\n1;2\n", ',', "utf-8", []string{"a"}, [][]string{{"1;2"}}},
		{"separators in quotes do not count", "\"a;x;y\",\"b;z\"\n\"1;2;3\",\"4\"\n", ',', "utf-8", []string{"a;x;y", "b;z"}, [][]string{{"1;2;3", "4"}}},
		{"hint of Excel", "sep=;\r\na,b;c\r\n1;2\r\n", ';', "utf-8", []string{"a,b", "c"}, [][]string{{"1", "2"}}},
		{"byte order mark", "\xEF\xBB\xBFä,b\n1,2\n", ',', "utf-8", []string{"ä", "b"}, [][]string{{"1", "2"}}},
		{"UTF-16 little endian", utf16Text("ä;b\n😀;2\n", false), ';', "utf-16le", []string{"ä", "b"}, [][]string{{"😀", "2"}}},
		{"UTF-16 big endian", utf16Text("ä;b\n😀;2\n", true), ';', "utf-16be", []string{"ä", "b"}, [][]string{{"😀", "2"}}},
		{"Windows-1252", "Gr\xF6\xDFe;\x80\n1;\x93x\x94\n", ';', "windows-1252", []string{"Größe", "€"}, [][]string{{"1", "“x”"}}},
		{"mixed line ends", "a,b\r1,2\n3,4\r\n5,6", ',', "utf-8", []string{"a", "b"}, [][]string{{"1", "2"}, {"3", "4"}, {"5", "6"}}},
		{"quotes", "a,b\n\"x \"\"y\"\"\r\nz\",5\" pipe\n\"q\" ,\"\"\n", ',', "utf-8", []string{"a", "b"}, [][]string{{"x \"y\"\r\nz", "5\" pipe"}, {"q", ""}}},
		{"short and blank rows", "a,b,,\n\n,,\n1\n2,3,,,\n", ',', "utf-8", []string{"a", "b"}, [][]string{{"1", ""}, {"2", "3"}}},
		{"neutralised", "a,b\n'=1,'x\n' @y,''=z\n", ',', "utf-8", []string{"a", "b"}, [][]string{{"=1", "'x"}, {" @y", "'=z"}}},
		{"header below blank lines", "\n\r\n,\na,b\n1,2\n", ',', "utf-8", []string{"a", "b"}, [][]string{{"1", "2"}}},
		{"controls in UTF-8", "a\n\x1F\x7F\n", ',', "utf-8", []string{"a"}, [][]string{{"\x1F\x7F"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, err := open([]byte(c.file), spreadsheet.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if table.Separator() != c.separator || table.Encoding() != c.encoding || table.Format() != spreadsheet.CSV {
				t.Errorf("separator %q, encoding %s, format %s", table.Separator(), table.Encoding(), table.Format())
			}
			columns, rows := readAll(t, []byte(c.file), spreadsheet.Limits{})
			if d := cmp.Diff(c.columns, columns) + cmp.Diff(c.rows, texts(rows)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestRowNumbersAreThoseOfTheFile(t *testing.T) {
	_, rows := readAll(t, []byte("\na\n\n1\n\"2\n2\"\n3\n"), spreadsheet.Limits{})
	var got []int
	for _, r := range rows {
		got = append(got, r.Number)
	}
	if d := cmp.Diff([]int{4, 5, 6}, got); d != "" {
		t.Errorf("numbers (-want +got):\n%s", d)
	}
}

func TestRefuseCSV(t *testing.T) {
	wide := strings.Repeat("x,", 9_999) + "x\n"
	for _, c := range []struct {
		name, file string
		limits     spreadsheet.Limits
		code       fault.Code
		pointers   []string
	}{
		{"empty", "", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"blank", " \n\n", spreadsheet.Limits{}, "", nil}, // a header of one blank is a header
		{"only separators", ",,\n,\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"binary", "a,b\n1,\x002\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"U+0000 far behind", "a,b\n" + strings.Repeat("1,2\n", 50_000) + "\x00", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"binary that is not UTF-8", "a,\xFF\x01\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"UTF-16 without mark", utf16Text("a,b\n", false)[2:], spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"UTF-16 cut off", utf16Text("a,b\n", false) + "x", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"UTF-16 with half a pair far behind", utf16Text(strings.Repeat("a,b\n", 50_000), false) + "\x00\xD8", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"mark of UTF-8 before something else", "\xEF\xBB\xBFGr\xF6\xDFe\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"HTML", "\n<!DOCTYPE html><table>", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"PDF", "%PDF-1.7\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, nil},
		{"open quote", "a,b\n1,\"2\n3,4\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, []string{"/rows/2/columns/B"}},
		{"text behind a quote", "a,b\n1,\"2\"3\n", spreadsheet.Limits{}, fault.CodeFileUnreadable, []string{"/rows/2/columns/B"}},
		{"too many columns", wide, spreadsheet.Limits{}, fault.CodeColumnsTooMany, nil},
		{"too many rows", "a\n1\n2\n3\n", spreadsheet.Limits{Rows: 2}, fault.CodeRowsTooMany, nil},
		{"as many rows as allowed", "a\n1\n2\n", spreadsheet.Limits{Rows: 2}, "", nil},
		{"too large", "a\n1\n", spreadsheet.Limits{Bytes: 3}, fault.CodeFileTooLarge, nil},
		{"row too wide", "a,b\n1,2,3\n", spreadsheet.Limits{}, fault.CodeRowTooWide, []string{"/rows/2/columns/C"}},
		{"cell too large", "a,b\nxxxxx,yyyyy\n", spreadsheet.Limits{CellBytes: 4}, fault.CodeCellTooLarge, []string{"/rows/2/columns/A", "/rows/2/columns/B"}},
		{"cell as large as allowed", "a,b\nxxxx,\"yyyy\"\n", spreadsheet.Limits{CellBytes: 4}, "", nil},
		{"header too large", "a,bbbbb\n", spreadsheet.Limits{CellBytes: 4}, fault.CodeCellTooLarge, []string{"/rows/1/columns/B"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := drain([]byte(c.file), c.limits)
			if c.code == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			wantFault(t, err, c.code, c.pointers...)
			if c.code == fault.CodeColumnsTooMany && !strings.Contains(err.Error(), "10000 columns") {
				t.Errorf("the refusal does not say how many columns there are: %v", err)
			}
		})
	}
}

// A 5 GiB file is refused by its size alone: nothing of it is read.
func TestTooLargeIsNotRead(t *testing.T) {
	_, err := spreadsheet.Open(nil, 5<<30, spreadsheet.Limits{})
	wantFault(t, err, fault.CodeFileTooLarge)
}

func TestReadingGoesOnAfterARefusedRow(t *testing.T) {
	table, err := open([]byte("a,b\n1,2,3\n"+strings.Repeat("x", 20)+",2\n5,6\n"), spreadsheet.Limits{CellBytes: 10})
	if err != nil {
		t.Fatal(err)
	}
	for n, code := range map[int]fault.Code{2: fault.CodeRowTooWide} {
		row, err := table.Next()
		wantFault(t, err, code, "/rows/2/columns/C")
		if row.Number != n {
			t.Errorf("Number = %d, want %d", row.Number, n)
		}
		if len(row.Cells) != 2 || row.Cells[0].Text != "1" || row.Cells[1].Text != "2" {
			t.Errorf("the other cells are %v", row.Cells)
		}
	}
	row, err := table.Next()
	wantFault(t, err, fault.CodeCellTooLarge, "/rows/3/columns/A")
	if row.Number != 3 || len(row.Cells) != 2 || row.Cells[0].Text != "" || row.Cells[1].Text != "2" {
		t.Errorf("%+v", row)
	}
	row, err = table.Next()
	if err != nil || row.Number != 4 || row.Cells[1].Text != "6" {
		t.Errorf("Next = %v, %v", row, err)
	}
	for range 2 {
		if _, err := table.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("Next at the end = %v", err)
		}
	}
}

// failing serves a file that cannot be read behind a certain offset.
type failing struct {
	io.ReaderAt
	from int64
}

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off+int64(len(p)) > f.from {
		return 0, iotest.ErrTimeout
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestReaderErrorsAreNoFault(t *testing.T) {
	csv := "a,b\n" + strings.Repeat("1,2\n", 100_000)
	for name, file := range map[string]string{"csv": csv, "xlsx": string(book(headerRow).pack(t))} {
		for _, from := range []int64{0, int64(len(file)) / 2, int64(len(file)) - 1} {
			_, err := spreadsheet.Open(failing{strings.NewReader(file), from}, int64(len(file)), spreadsheet.Limits{})
			if _, ok := errors.AsType[*fault.Error](err); ok || !errors.Is(err, iotest.ErrTimeout) {
				t.Errorf("%s, failing at %d: %v", name, from, err)
			}
		}
	}
}

func TestWriteCSV(t *testing.T) {
	columns := []spreadsheet.Column{{Name: "a", Title: "Größe, brutto", Kind: spreadsheet.Text}, {Name: "n", Kind: spreadsheet.Number}}
	var b strings.Builder
	w := spreadsheet.NewCSV(&b, columns, spreadsheet.CSVOptions{BOM: true, Separator: ';'})
	for _, row := range [][]any{{"-5", "-5"}, {"x\"y", 1.5}, {nil, nil}, {"a,b", 7}} {
		if err := w.Row(row...); err != nil {
			t.Fatal(err)
		}
	}
	wantFault(t, w.Row("\x00", 1), fault.CodeValueInvalid, "/rows/6/columns/A")
	wantFault(t, w.Row("\xFF", 1), fault.CodeValueInvalid, "/rows/6/columns/A")
	wantFault(t, w.Row("a", "1,5"), fault.CodeValueInvalid, "/rows/6/columns/B")
	if err := w.Row("a"); err == nil {
		t.Error("a row of one value was taken")
	}
	if err := w.Row(1, 1); err == nil {
		t.Error("a number was taken for text")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	want := "\uFEFF\"Größe, brutto\";n\r\n'-5;-5\r\n\"x\"\"y\";1.5\r\n;\r\n\"a,b\";7\r\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if w.Row("a", 1) == nil || w.Close() == nil {
		t.Error("a closed writer goes on writing")
	}
}

func TestWritersRefuseUnusableColumns(t *testing.T) {
	for name, columns := range map[string][]spreadsheet.Column{
		"none": nil, "read-only kind": {{Name: "a", Kind: spreadsheet.Formula}}, "no kind": {{Name: "a"}},
		"bad header": {{Name: "\xFF", Kind: spreadsheet.Text}}, "too many": make([]spreadsheet.Column, 16_385),
	} {
		if err := spreadsheet.NewCSV(io.Discard, columns, spreadsheet.CSVOptions{}).Close(); err == nil {
			t.Errorf("CSV, %s: taken", name)
		}
		if _, err := spreadsheet.NewXLSX(io.Discard, columns); err == nil {
			t.Errorf("XLSX, %s: taken", name)
		}
	}
	if err := spreadsheet.NewCSV(io.Discard, []spreadsheet.Column{{Name: "a", Kind: spreadsheet.Text}}, spreadsheet.CSVOptions{Separator: 'x'}).Close(); err == nil {
		t.Error("the separator x was taken")
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a;b\r\n\"x\"\"y\";'=1\r\n", "sep=\t\na\tb", utf16Text("ä;b\n😀;2\n", false), "Gr\xF6\xDFe;\x80\n", "\"", "a\n\"b\" x", "\xEF\xBB\xBF", "\r\r\n\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data) })
}

// sound checks what holds of every file: errors are faults, rows are as wide as the header and their numbers grow.
func sound(t *testing.T, data []byte) {
	l := spreadsheet.Limits{Columns: 20, Rows: 500, CellBytes: 1000, PartBytes: 1 << 20, TotalBytes: 2 << 20, StringBytes: 1 << 16}
	table, err := open(data, l)
	if err != nil {
		if _, ok := errors.AsType[*fault.Error](err); !ok {
			t.Fatalf("no fault: %v", err)
		}
		return
	}
	if n := len(table.Columns()); n == 0 || n > 20 {
		t.Fatalf("%d columns", n)
	}
	for last := 0; ; {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			if _, ok := errors.AsType[*fault.Error](err); !ok {
				t.Fatalf("no fault: %v", err)
			}
			if row.Number == 0 {
				return
			}
		} else if len(row.Cells) != len(table.Columns()) {
			t.Fatalf("%d cells for %d columns", len(row.Cells), len(table.Columns()))
		}
		if row.Number <= last {
			t.Fatalf("row %d follows %d", row.Number, last)
		}
		last = row.Number
		for _, c := range row.Cells {
			if (c.Kind == spreadsheet.Empty) != (c.Text == "") {
				t.Fatalf("cell %+v", c)
			}
		}
	}
}

// Other readers pass over empty lines, so an empty value in the only column has to be visible.
func TestALoneEmptyFieldIsNoEmptyLine(t *testing.T) {
	var b strings.Builder
	w := spreadsheet.NewCSV(&b, []spreadsheet.Column{{Name: "a", Kind: spreadsheet.Text}}, spreadsheet.CSVOptions{})
	if err := w.Row(""); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	if want := "a\r\n\"\"\r\n"; b.String() != want {
		t.Errorf("%q, want %q", b.String(), want)
	}
}
