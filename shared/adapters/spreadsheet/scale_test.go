package spreadsheet_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
)

func productColumns() []spreadsheet.Column {
	return []spreadsheet.Column{{Name: "id", Kind: spreadsheet.Text}, {Name: "name", Kind: spreadsheet.Language}, {Name: "mass", Kind: spreadsheet.Number},
		{Name: "made", Kind: spreadsheet.Date}, {Name: "changed", Kind: spreadsheet.Instant}, {Name: "reusable", Kind: spreadsheet.Bool},
		{Name: "note", Kind: spreadsheet.Text}, {Name: "count", Kind: spreadsheet.Number}, {Name: "code", Kind: spreadsheet.Text}, {Name: "city", Kind: spreadsheet.Text}}
}

func product(i int) []any {
	at := time.Date(2026, 2, 18, 9, 30, i%60, 0, time.UTC)
	return []any{"https://id.example.com/01/04012345678901/21/" + strings.Repeat("A", i%7), spreadsheet.LanguageText{Language: "de", Text: "Fahrradakku"}, 2.5,
		at, at, i%2 == 0, "=not a formula", i, "_x0041_", "Köln"}
}

// write writes n products and returns how much more memory was in use at the end than after the first thousand.
func write(t testing.TB, n int, row func(...any) error, end func() error) (grown int64) {
	t.Helper()
	for i := range n {
		if err := row(product(i)...); err != nil {
			t.Fatal(err)
		}
		if i == 1_000 {
			grown -= heap()
		}
	}
	grown += heap()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	return grown
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestMemoryIsFlat(t *testing.T) {
	const rows, most = 60_000, 1 << 20
	dir := t.TempDir()
	for _, name := range []string{"t.csv", "t.xlsx"} {
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var row func(...any) error
		var end func() error
		if name == "t.csv" {
			w := spreadsheet.NewCSV(f, productColumns(), spreadsheet.CSVOptions{})
			row, end = w.Row, w.Close
		} else {
			w, err := spreadsheet.NewXLSX(f, productColumns())
			if err != nil {
				t.Fatal(err)
			}
			row, end = w.Row, w.Close
		}
		if grown := write(t, rows, row, end); grown > most {
			t.Errorf("writing %s, memory grew by %d bytes", name, grown)
		}
		size, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			t.Fatal(err)
		}
		table, err := spreadsheet.Open(f, size, spreadsheet.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		before, n := int64(0), 0
		for ; ; n++ {
			if _, err := table.Next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if n == 1_000 {
				before = heap()
			}
		}
		if grown := heap() - before; n != rows || grown > most {
			t.Errorf("reading %d rows of %s, memory grew by %d bytes", n, name, grown)
		}
		runtime.KeepAlive(table)
	}
}

// A full sheet is followed by another one; both have the header.
func TestSheetsFollowEachOther(t *testing.T) {
	if testing.Short() {
		t.Skip("writes over a million rows")
	}
	const full, more = 1_048_575, 3
	var b bytes.Buffer
	w, err := spreadsheet.NewXLSX(&b, []spreadsheet.Column{{Name: "n", Kind: spreadsheet.Number}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range full + more {
		if err := w.Row(i); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := open(b.Bytes(), spreadsheet.Limits{Sheet: "Data 2"})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"Data", "Data 2"}, table.Sheets()); d != "" {
		t.Errorf("sheets (-want +got):\n%s", d)
	}
	_, rows := readAll(t, b.Bytes(), spreadsheet.Limits{Sheet: "Data 2"})
	if d := cmp.Diff([][]string{{"1048575"}, {"1048576"}, {"1048577"}}, texts(rows)); d != "" {
		t.Errorf("second sheet (-want +got):\n%s", d)
	}
	if first := unpack(t, b.Bytes(), "xl/worksheets/sheet1.xml"); !strings.Contains(first, `<c r="A1048576"><v>1048574</v></c></row></sheetData>`) {
		t.Error("the first sheet is not full")
	}
}

// An independent program reads the same cells as were written.
func TestLibreOfficeOpensTheWorkbook(t *testing.T) {
	program, err := exec.LookPath("soffice")
	if err != nil {
		t.Skip("soffice (LibreOffice) is not installed")
	}
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "t.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	w, err := spreadsheet.NewXLSX(f, productColumns())
	if err != nil {
		t.Fatal(err)
	}
	write(t, 10, w.Row, w.Close)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "-env:UserInstallation=file://"+dir+"/profile", "--headless",
		"--convert-to", "csv:Text - txt - csv (StarCalc):44,34,76", "--outdir", dir, f.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.Open(filepath.Join(dir, "t.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	lines, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"https://id.example.com/01/04012345678901/21/A", "Fahrradakku@de", "2.5", "2026-02-18", "2026-02-18T09:30:01.000Z", "FALSE", "=not a formula", "1", "_x0041_", "Köln"}
	if len(lines) != 11 {
		t.Fatalf("%d lines, want 11", len(lines))
	}
	if d := cmp.Diff(want, lines[2]); d != "" {
		t.Errorf("second row (-want +got):\n%s", d)
	}
}

// The benchmarks write and read rows of ten cells; one iteration is one row.

func BenchmarkWriteCSV(b *testing.B) {
	b.ReportAllocs()
	w := spreadsheet.NewCSV(io.Discard, productColumns(), spreadsheet.CSVOptions{})
	values := product(1)
	for b.Loop() {
		if err := w.Row(values...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkWriteXLSX(b *testing.B) {
	b.ReportAllocs()
	w, err := spreadsheet.NewXLSX(io.Discard, productColumns())
	if err != nil {
		b.Fatal(err)
	}
	values := product(1)
	for b.Loop() {
		if err := w.Row(values...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkReadCSV(b *testing.B) {
	var file bytes.Buffer
	w := spreadsheet.NewCSV(&file, productColumns(), spreadsheet.CSVOptions{})
	write(b, 20_000, w.Row, w.Close)
	benchmarkRead(b, file.Bytes())
}

func BenchmarkReadXLSX(b *testing.B) {
	var file bytes.Buffer
	w, err := spreadsheet.NewXLSX(&file, productColumns())
	if err != nil {
		b.Fatal(err)
	}
	write(b, 20_000, w.Row, w.Close)
	benchmarkRead(b, file.Bytes())
}

// benchmarkRead opens the file again whenever it has come to its end, so the first pass at Open is part of the cost.
func benchmarkRead(b *testing.B, file []byte) {
	b.ReportAllocs()
	var table *spreadsheet.Table
	for b.Loop() {
		if table == nil {
			opened, err := open(file, spreadsheet.Limits{})
			if err != nil {
				b.Fatal(err)
			}
			table = opened
		}
		if _, err := table.Next(); errors.Is(err, io.EOF) {
			table = nil
		} else if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
