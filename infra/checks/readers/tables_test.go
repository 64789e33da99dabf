package readers_test

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
)

// office converts a file with LibreOffice and returns where the result is.
func office(t *testing.T, file, to, filter string, input ...string) string {
	t.Helper()
	if _, err := exec.LookPath("soffice"); err != nil {
		t.Skip("soffice (LibreOffice) is not installed")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	args := append([]string{"-env:UserInstallation=file://" + dir + "/profile", "--headless"}, input...)
	out, err := exec.CommandContext(ctx, "soffice", append(args, "--convert-to", to+filter, "--outdir", dir, file)...).CombinedOutput()
	if err != nil {
		t.Fatalf("soffice: %v\n%s", err, out)
	}
	return filepath.Join(dir, strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))+"."+to)
}

var columns = []spreadsheet.Column{
	{Name: "id", Kind: spreadsheet.Text}, {Name: "text", Kind: spreadsheet.Text}, {Name: "name", Kind: spreadsheet.Language}, {Name: "mass", Kind: spreadsheet.Number},
	{Name: "made", Kind: spreadsheet.Date}, {Name: "reusable", Kind: spreadsheet.Bool},
}

// hostile are texts that a spreadsheet program would run, or read as something else.
var hostile = []string{
	"=1+1", "=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "=HYPERLINK(\"https://example.com\";\"x\")", "00420", "1/2", "2026-02-18", "1e5", "TRUE", "plain", "Grün, \"quoted\"; and more", "two\nlines", "'quoted",
}

// table writes hostile texts with values of other kinds beside them.
func table(t *testing.T, name string, make func(io.Writer) (row func(...any) error, end func() error)) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	row, end := make(out)
	made := time.Date(2026, 2, 18, 0, 0, 0, 0, time.UTC)
	for n, text := range hostile {
		if err := row(fmt.Sprint("row", n), text, spreadsheet.LanguageText{Language: "de", Text: "Stuhl"}, 2.5, made, n%2 == 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(end(), out.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLibreOfficeOpensWorkbooks converts a workbook of ours to CSV: each text is the text that was written, nothing was
// computed, and numbers, dates and truth values are what they were.
func TestLibreOfficeOpensWorkbooks(t *testing.T) {
	file := table(t, "ours.xlsx", func(w io.Writer) (func(...any) error, func() error) {
		x, err := spreadsheet.NewXLSX(w, columns)
		if err != nil {
			t.Fatal(err)
		}
		return x.Row, x.Close
	})
	read, err := os.Open(office(t, file, "csv", ":Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"))
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	lines, err := csv.NewReader(read).ReadAll()
	if err != nil || len(lines) != len(hostile)+1 {
		t.Fatalf("%d lines: %v", len(lines), err)
	}
	for n, text := range hostile {
		want := []string{fmt.Sprint("row", n), text, "Stuhl@de", "2.5", "2026-02-18", strings.ToUpper(fmt.Sprint(n%2 == 0))}
		if d := cmp.Diff(want, lines[n+1]); d != "" {
			t.Errorf("row %d: %s", n+1, d)
		}
	}
}

// TestLibreOfficeOpensCSV converts a CSV file of ours to a workbook and reads that: no cell became a formula, not even where
// the program was told to look for formulas.
func TestLibreOfficeOpensCSV(t *testing.T) {
	file := table(t, "ours.csv", func(w io.Writer) (func(...any) error, func() error) {
		c := spreadsheet.NewCSV(w, columns, spreadsheet.CSVOptions{BOM: true})
		return c.Row, c.Close
	})
	// 44,34,76,1,,0,false,true: comma, quote, UTF-8, from line 1, numbers and dates are detected.
	converted := office(t, file, "xlsx", "", "--infilter=CSV:44,34,76,1,,0,false,true,false,false,false,-1,true")
	in, err := os.Open(converted)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	about, err := in.Stat()
	if err != nil {
		t.Fatal(err)
	}
	read, err := spreadsheet.Open(in, about.Size(), spreadsheet.Limits{})
	if err != nil {
		t.Fatalf("our reader refuses what LibreOffice wrote: %v", err)
	}
	for n := range hostile {
		row, err := read.Next()
		if err != nil {
			t.Fatalf("row %d: %v", n, err)
		}
		if text := row.Cells[1]; text.Kind == spreadsheet.Formula || text.Kind == spreadsheet.Error || strings.TrimPrefix(text.Text, "'") != strings.TrimPrefix(hostile[n], "'") && text.Kind == spreadsheet.Text {
			t.Errorf("row %d: %q became %s %q", n, hostile[n], text.Kind, text.Text)
		}
		if row.Cells[0].Text != fmt.Sprint("row", n) || row.Cells[3].Text != "2.5" || row.Cells[4].Text != "2026-02-18" {
			t.Errorf("row %d: %v", n, row.Cells)
		}
	}
}

// TestOpenpyxlOpensWorkbooks reads a workbook of ours with the library that most scripts use.
func TestOpenpyxlOpensWorkbooks(t *testing.T) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import openpyxl").Run(); err != nil {
		t.Skip("python3 with openpyxl is not installed")
	}
	file := table(t, "ours.xlsx", func(w io.Writer) (func(...any) error, func() error) {
		x, err := spreadsheet.NewXLSX(w, columns)
		if err != nil {
			t.Fatal(err)
		}
		return x.Row, x.Close
	})
	said := run(t, "python3", "-c", `
import sys, openpyxl
for row in openpyxl.load_workbook(sys.argv[1]).active.iter_rows(min_row=2):
    assert row[1].data_type in ("s", "inlineStr"), row[1].data_type
    print(repr(row[1].value), row[3].value)`, file)
	if lines := strings.Split(strings.TrimSpace(said), "\n"); len(lines) != len(hostile) || lines[0] != "'=1+1' 2.5" {
		t.Errorf("it reads %q", lines)
	}
}
