package export_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// tabulated holds that the tables have every passport once, in files that are whole each.
func (w *world) tabulated(t interface{ Fatalf(string, ...any) }, a *archive.Archive, want []id.Passport) {
	z, err := zip.NewReader(bytes.NewReader(w.whole), int64(len(w.whole)))
	if err != nil {
		t.Fatalf("%v", err)
	}
	for _, f := range []export.Format{export.CSV, export.XLSX} {
		var got []id.Passport
		for _, m := range a.Manifest.Members {
			if strings.HasSuffix(m.Name, "."+string(f)) {
				got = append(got, column(t, z, m.Name)...)
			}
		}
		if asked := slices.Contains(w.export.Options.Formats, f); asked && !slices.Equal(got, want) || !asked && got != nil {
			t.Fatalf("%s has %d rows in all, there are %d passports", f, len(got), len(want))
		}
	}
}

// column reads the first column of a table.
func column(t interface{ Fatalf(string, ...any) }, z *zip.Reader, name string) []id.Passport {
	r, err := z.Open(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	table, err := spreadsheet.Open(bytes.NewReader(b), int64(len(b)), spreadsheet.Limits{})
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var out []id.Passport
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil || table.Columns()[0] != "/id" {
			t.Fatalf("%s: %v", name, err)
		}
		out = append(out, id.Passport(row.Cells[0].Text))
	}
}
