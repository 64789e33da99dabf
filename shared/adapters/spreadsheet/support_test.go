package spreadsheet_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func open(data []byte, l spreadsheet.Limits) (*spreadsheet.Table, error) {
	return spreadsheet.Open(bytes.NewReader(data), int64(len(data)), l)
}

// readAll gives the columns and the rows of a file, or fails the test.
func readAll(t testing.TB, data []byte, l spreadsheet.Limits) ([]string, []spreadsheet.Row) {
	t.Helper()
	table, err := open(data, l)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	var rows []spreadsheet.Row
	for {
		row, err := table.Next()
		if errors.Is(err, io.EOF) {
			return table.Columns(), rows
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		rows = append(rows, row)
	}
}

// drain reads a file to its end or its first error.
func drain(data []byte, l spreadsheet.Limits) error {
	table, err := open(data, l)
	if err != nil {
		return err
	}
	for {
		if _, err := table.Next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func texts(rows []spreadsheet.Row) [][]string {
	var out [][]string
	for _, r := range rows {
		var line []string
		for _, c := range r.Cells {
			line = append(line, c.Text)
		}
		out = append(out, line)
	}
	return out
}

// wantFault checks the code of a refusal, its pointers and that it has a sentence.
func wantFault(t *testing.T, err error, code fault.Code, pointers ...string) {
	t.Helper()
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		t.Fatalf("error = %v, want a fault with code %s", err, code)
	}
	if f.Code != code || !strings.HasSuffix(f.Detail, ".") {
		t.Fatalf("fault = %v, want code %s and a sentence", f, code)
	}
	var got []string
	for _, field := range f.Fields {
		got = append(got, field.Pointer)
	}
	if !slices.Equal(got, pointers) {
		t.Fatalf("pointers = %v, want %v (%v)", got, pointers, f)
	}
}

// parts is a workbook taken apart.
type parts map[string]string

const (
	relType = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	mlType  = "application/vnd.openxmlformats-officedocument.spreadsheetml."
	mainNS  = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
)

// book is a minimal workbook as another program would write it: shared strings, one sheet with the rows given.
func book(rows string) parts {
	return parts{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="` + mlType + `sheet.main+xml"/></Types>`,
		"_rels/.rels":     `<Relationships><Relationship Id="a" Type="` + relType + `/officeDocument" Target="/xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml": `<workbook ` + mainNS + ` xmlns:r="` + relType + `"><sheets><sheet name="One" sheetId="7" r:id="x"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="x" Type="` + relType + `/worksheet" Target="worksheets/s.xml"/>` +
			`<Relationship Id="y" Type="` + relType + `/sharedStrings" Target="sharedStrings.xml"/>` +
			`<Relationship Id="z" Type="` + relType + `/styles" Target="styles.xml"/></Relationships>`,
		"xl/sharedStrings.xml": `<sst ` + mainNS + `><si><t>name</t></si><si><r><rPr><b/></rPr><t>ri</t></r><r><t xml:space="preserve">ch </t></r><rPh sb="0" eb="1"><t>x</t></rPh></si><si/></sst>`,
		"xl/styles.xml": `<styleSheet ` + mainNS + `><numFmts><numFmt numFmtId="170" formatCode="[$-407]d\.\ mmmm\ yyyy;@"/><numFmt numFmtId="171" formatCode="00000000000000"/>` +
			`<numFmt numFmtId="172" formatCode="[h]:mm"/><numFmt numFmtId="173" formatCode="0.00&quot; days&quot;"/></numFmts>` +
			`<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/><xf numFmtId="22"/><xf numFmtId="20"/><xf numFmtId="170"/>` +
			`<xf numFmtId="171"/><xf numFmtId="172"/><xf numFmtId="173"/></cellXfs></styleSheet>`,
		"xl/worksheets/s.xml": `<worksheet ` + mainNS + `><sheetData>` + rows + `</sheetData></worksheet>`,
	}
}

// with returns a copy with one part replaced or added; text "" removes it.
func (p parts) with(name, text string) parts {
	q := maps.Clone(p)
	q[name] = text
	if text == "" {
		delete(q, name)
	}
	return q
}

// edit returns a copy with a replacement in one part, which must change it.
func (p parts) edit(t *testing.T, name, from, to string) parts {
	t.Helper()
	text := strings.Replace(p[name], from, to, 1)
	if text == p[name] {
		t.Fatalf("%s does not hold %q", name, from)
	}
	return p.with(name, text)
}

func (p parts) pack(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(p)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = io.WriteString(w, p[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const headerRow = `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>b</t></is></c></row>`
