package spreadsheet_test

import (
	"archive/zip"
	"bytes"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// cell reads one cell at B2 of an otherwise minimal workbook.
func cell(t *testing.T, p parts) spreadsheet.Cell {
	t.Helper()
	_, rows := readAll(t, p.pack(t), spreadsheet.Limits{AcceptFormulas: true})
	if len(rows) != 1 || rows[0].Number != 2 {
		t.Fatalf("rows = %v", rows)
	}
	return rows[0].Cells[1]
}

func TestReadCells(t *testing.T) {
	for _, c := range []struct {
		name, xml, text string
		kind            spreadsheet.Kind
	}{
		{"shared", `<c r="B2" t="s"><v>0</v></c>`, "name", spreadsheet.Text},
		{"rich, without the phonetic guide", `<c r="B2" t="s"><v>1</v></c>`, "rich ", spreadsheet.Text},
		{"inline", `<c r="B2" t="inlineStr"><is><r><t>a</t></r><r><t>&lt;_x0009_</t></r></is></c>`, "a<\t", spreadsheet.Text},
		{"CDATA", `<c r="B2" t="inlineStr"><is><t><![CDATA[<b>]]>&#228;</t></is></c>`, "<b>ä", spreadsheet.Text},
		{"surrogates", `<c r="B2" t="inlineStr"><is><t>_xD83D__xDE00__xD83D_</t></is></c>`, "😀_xD83D_", spreadsheet.Text},
		{"number", `<c r="B2"><v>1.50</v></c>`, "1.50", spreadsheet.Number},
		{"number as Excel writes 1.1", `<c r="B2"><v>1.1000000000000001</v></c>`, "1.1", spreadsheet.Number},
		{"exponent", `<c r="B2"><v>1.5E-2</v></c>`, "0.015", spreadsheet.Number},
		{"tiny", `<c r="B2"><v>1.5E-20</v></c>`, "1.5e-20", spreadsheet.Number},
		{"no number", `<c r="B2"><v>abc</v></c>`, "abc", spreadsheet.Error},
		{"hexadecimal is no number", `<c r="B2"><v>0x1p4</v></c>`, "0x1p4", spreadsheet.Error},
		{"true", `<c r="B2" t="b"><v>1</v></c>`, "true", spreadsheet.Bool},
		{"false", `<c r="B2" t="b"><v>0</v></c>`, "false", spreadsheet.Bool},
		{"error", `<c r="B2" t="e"><v>#N/A</v></c>`, "#N/A", spreadsheet.Error},
		{"day", `<c r="B2" s="1"><v>45000</v></c>`, "2023-03-15", spreadsheet.Date},
		{"day with a time behind it", `<c r="B2" s="1"><v>45000.25</v></c>`, "2023-03-15T06:00:00", spreadsheet.DateTime},
		{"day and time", `<c r="B2" s="2"><v>45000.5</v></c>`, "2023-03-15T12:00:00", spreadsheet.DateTime},
		{"day and time, rounded to the next day", `<c r="B2" s="2"><v>45000.999999999</v></c>`, "2023-03-16T00:00:00", spreadsheet.DateTime},
		{"time", `<c r="B2" s="3"><v>0.75</v></c>`, "18:00:00", spreadsheet.Time},
		{"time rounded to midnight is no time of day", `<c r="B2" s="3"><v>0.9999999999</v></c>`, "0.9999999999", spreadsheet.Number},
		{"day, own format", `<c r="B2" s="4"><v>1</v></c>`, "1900-01-01", spreadsheet.Date},
		{"before the day that never was", `<c r="B2" s="1"><v>59</v></c>`, "1900-02-28", spreadsheet.Date},
		{"the day that never was", `<c r="B2" s="1"><v>60</v></c>`, "60", spreadsheet.Number},
		{"after it", `<c r="B2" s="1"><v>61</v></c>`, "1900-03-01", spreadsheet.Date},
		{"last day", `<c r="B2" s="1"><v>2958465</v></c>`, "9999-12-31", spreadsheet.Date},
		{"beyond the calendar", `<c r="B2" s="1"><v>2958466</v></c>`, "2958466", spreadsheet.Number},
		{"negative day", `<c r="B2" s="1"><v>-1</v></c>`, "-1", spreadsheet.Number},
		{"GTIN shown with its zeros", `<c r="B2" s="5"><v>4012345678901</v></c>`, "04012345678901", spreadsheet.Text},
		{"negative number in a padded format", `<c r="B2" s="5"><v>-4</v></c>`, "-4", spreadsheet.Number},
		{"elapsed time is a number", `<c r="B2" s="6"><v>1.5</v></c>`, "1.5", spreadsheet.Number},
		{"letters in quotes are no date", `<c r="B2" s="7"><v>2</v></c>`, "2", spreadsheet.Number},
		{"unknown style", `<c r="B2" s="99"><v>2</v></c>`, "2", spreadsheet.Number},
		{"ISO day", `<c r="B2" t="d"><v>2026-02-18</v></c>`, "2026-02-18", spreadsheet.Date},
		{"ISO instant", `<c r="B2" t="d"><v>2026-02-18T10:00:00+01:00</v></c>`, "2026-02-18T09:00:00Z", spreadsheet.Instant},
		{"ISO without zone", `<c r="B2" t="d"><v>2026-02-18T10:00:00.5</v></c>`, "2026-02-18T10:00:00.5", spreadsheet.DateTime},
		{"formula with its text", `<c r="B2" t="str"><f>A1&amp;"x"</f><v>namex</v></c>`, "namex", spreadsheet.Formula},
		{"formula with its day", `<c r="B2" s="1"><f>TODAY()</f><v>45000</v></c>`, "2023-03-15", spreadsheet.Formula},
		{"extension behind the value", `<c r="B2"><v>3</v><extLst><ext><v>9</v></ext></extLst></c>`, "3", spreadsheet.Number},
		{"another prefix", `<x:c r="B2" xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:v>3</x:v></x:c>`, "3", spreadsheet.Number},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := cell(t, book(headerRow+`<row r="2">`+c.xml+`</row>`))
			if d := cmp.Diff(spreadsheet.Cell{Text: c.text, Kind: c.kind}, got); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestRead1904(t *testing.T) {
	for number, want := range map[string]string{"0": "1904-01-01", "1": "1904-01-02", "43538": "2023-03-15"} {
		p := book(headerRow+`<row r="2"><c r="B2" s="1"><v>`+number+`</v></c></row>`).edit(t, "xl/workbook.xml", "<sheets>", `<workbookPr date1904="1"/><sheets>`)
		if got := cell(t, p); got != (spreadsheet.Cell{Text: want, Kind: spreadsheet.Date}) {
			t.Errorf("day %s = %v, want %s", number, got, want)
		}
	}
	p := book(headerRow+`<row r="2"><c r="B2" s="3"><v>0.5</v></c></row>`).edit(t, "xl/workbook.xml", "<sheets>", `<workbookPr date1904="true"/><sheets>`)
	if got := cell(t, p); got != (spreadsheet.Cell{Text: "12:00:00", Kind: spreadsheet.Time}) {
		t.Errorf("noon = %v", got)
	}
}

func TestReadRows(t *testing.T) {
	rows := `<row><c t="s"><v>0</v></c><c/><c t="inlineStr"><is><t>c</t></is></c><c s="1"/></row>` + // no addresses
		`<row r="5"><c r="A5" s="1"/></row>` + // formatted, but blank
		`<row r="7"><c><v>1</v></c><c r="C7"><v>2</v></c></row><row><c r="B8"><v>3</v></c><c r="E8" t="s"><v>2</v></c></row>`
	columns, got := readAll(t, book(rows).pack(t), spreadsheet.Limits{})
	if d := cmp.Diff([]string{"name", "", "c"}, columns); d != "" {
		t.Errorf("columns (-want +got):\n%s", d)
	}
	n := func(s string) spreadsheet.Cell { return spreadsheet.Cell{Text: s, Kind: spreadsheet.Number} }
	want := []spreadsheet.Row{{Number: 7, Cells: []spreadsheet.Cell{n("1"), {}, n("2")}}, {Number: 8, Cells: []spreadsheet.Cell{{}, n("3"), {}}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}

func TestMergedCellsCountOnce(t *testing.T) {
	for name, tag := range map[string]string{"plain": `<mergeCell ref="A2:B3"/>`, "with prefix": `<x:mergeCell x='1' ref='A2:B3' />`} {
		rows := headerRow + `<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>` +
			`<row r="3"><c r="A3"><v>3</v></c><c r="B3"><f>1</f><v>4</v></c></row><row r="4"><c r="A4"><v>5</v></c><c r="B4"><v>6</v></c></row>`
		p := book(rows).edit(t, "xl/worksheets/s.xml", "</sheetData>", `</sheetData><mergeCells xmlns:x="x">`+strings.Repeat(" ", 65_400)+tag+`</mergeCells>`)
		_, got := readAll(t, p.pack(t), spreadsheet.Limits{})
		if d := cmp.Diff([][]string{{"1", ""}, {"5", "6"}}, texts(got)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	// Text that looks like the tag is text.
	p := book(headerRow + `<row r="2"><c r="A2" t="inlineStr"><is><t>mergeCell ref="A2:B2"></t></is></c><c r="B2"><v>2</v></c></row>`)
	if got := cell(t, p); got.Text != "2" {
		t.Errorf("B2 = %v", got)
	}
}

// The tag is found wherever the blocks that are read happen to be cut.
func TestMergedCellsAcrossBlocks(t *testing.T) {
	for pad := 65_000; pad < 65_620; pad += 7 {
		p := book(headerRow+`<row r="2"><c r="A2"><v>1</v></c><c r="B2"><v>2</v></c></row>`).edit(t, "xl/worksheets/s.xml", "</sheetData>",
			`</sheetData>`+strings.Repeat(" ", pad)+`<mergeCells><mergeCell ref="A2:B2"/></mergeCells>`)
		if got := cell(t, p); got.Text != "" {
			t.Fatalf("after %d blanks B2 = %v", pad, got)
		}
	}
}

func TestSheets(t *testing.T) {
	p := book(headerRow).edit(t, "xl/workbook.xml", "<sheets>", `<sheets><sheet name="Chart" r:id="c"/><sheet name="Hidden" state="hidden" r:id="h"/>`).
		edit(t, "xl/_rels/workbook.xml.rels", "</Relationships>", `<Relationship Id="c" Type="`+relType+`/chartsheet" Target="c.xml"/>`+
			`<Relationship Id="h" Type="`+relType+`/worksheet" Target="worksheets/h.xml"/></Relationships>`).
		with("xl/worksheets/h.xml", `<worksheet><sheetData><row><c t="s"><v>1</v></c></row></sheetData></worksheet>`)
	file := p.pack(t)
	table, err := open(file, spreadsheet.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"Chart", "Hidden", "One"}, table.Sheets()); d != "" {
		t.Errorf("sheets (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]string{"name", "b"}, table.Columns()); d != "" {
		t.Errorf("first visible sheet (-want +got):\n%s", d)
	}
	columns, _ := readAll(t, file, spreadsheet.Limits{Sheet: "Hidden"})
	if d := cmp.Diff([]string{"rich "}, columns); d != "" {
		t.Errorf("named sheet (-want +got):\n%s", d)
	}
	_, err = open(file, spreadsheet.Limits{Sheet: "Chart"})
	wantFault(t, err, fault.CodeSheetNotFound)
}

func TestRefuseWorkbook(t *testing.T) {
	const sheet, types, main, rels = "xl/worksheets/s.xml", "[Content_Types].xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
	plain := book(headerRow)
	dtd := `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "b">]>`
	for _, c := range []struct {
		name     string
		p        parts
		code     fault.Code
		pointers []string
	}{
		{"plain", plain, "", nil},
		{"formula", book(headerRow + `<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2"><f t="shared" si="0"/><v>2</v></c></row>`), fault.CodeFormulaRefused, []string{"/rows/2/columns/A", "/rows/2/columns/B"}},
		{"formula without value", book(headerRow + `<row r="2"><c r="B2"><f>1+1</f></c></row>`), fault.CodeFormulaRefused, []string{"/rows/2/columns/B"}},
		{"formula in the header", book(`<row r="3"><c r="B3"><f>1</f><v>1</v></c></row>`), fault.CodeFormulaRefused, []string{"/rows/3/columns/B"}},
		{"macro part", plain.with("xl/vbaProject.bin", "x"), fault.CodeMacroRefused, nil},
		{"macro type", plain.edit(t, types, mlType+"sheet.main", "application/vnd.ms-excel.sheet.macroEnabled.main"), fault.CodeMacroRefused, nil},
		{"macro relation", plain.edit(t, rels, "</Relationships>", `<Relationship Id="m" Type="http://schemas.microsoft.com/office/2006/relationships/vbaProject" Target="m.bin"/></Relationships>`), fault.CodeMacroRefused, nil},
		{"old macro sheet", plain.with("xl/macrosheets/sheet1.xml", "x"), fault.CodeMacroRefused, nil},
		{"macros as a default type only", plain.edit(t, types, "<Override", `<Default Extension="bin" ContentType="application/vnd.ms-office.vbaProject"/><Override`), "", nil},
		{"external links", plain.with("xl/externalLinks/externalLink1.xml", "x"), fault.CodeLinksRefused, nil},
		{"external link by relation", plain.edit(t, rels, "</Relationships>", `<Relationship Id="e" Type="`+relType+`/externalLink" Target="e.xml"/></Relationships>`), fault.CodeLinksRefused, nil},
		{"document type in the sheet", plain.with(sheet, dtd+plain[sheet]), fault.CodeFileUnreadable, nil},
		{"document type in the workbook", plain.with(main, dtd+plain[main]), fault.CodeFileUnreadable, nil},
		{"unknown entity", book(`<row><c t="inlineStr"><is><t>&a;</t></is></c></row>`), fault.CodeFileUnreadable, nil},
		{"XML cut off", plain.with(sheet, strings.TrimSuffix(plain[sheet], "</sheetData></worksheet>")), fault.CodeFileUnreadable, nil},
		{"nested too deeply", book(headerRow + `<row r="2">` + strings.Repeat("<a>", 100) + strings.Repeat("</a>", 100) + `</row>`), fault.CodeFileUnreadable, nil},
		{"endless tag", book(`<row a="` + strings.Repeat("é", 1<<20) + `"/>`), fault.CodeCellTooLarge, nil},
		{"path upwards", plain.with("xl/../../evil", "x"), fault.CodeFilePacking, nil},
		{"absolute path", plain.with("/evil", "x"), fault.CodeFilePacking, nil},
		{"backslash", plain.with("xl\\evil", "x"), fault.CodeFilePacking, nil},
		{"part twice", plain.with("XL/Workbook.XML", "x"), fault.CodeFilePacking, nil},
		{"no types", plain.with(types, ""), fault.CodeFileUnreadable, nil},
		{"OpenDocument", parts{"mimetype": "application/vnd.oasis.opendocument.spreadsheet", "META-INF/manifest.xml": "<x/>"}, fault.CodeFileUnreadable, nil},
		{"no workbook", plain.with(main, ""), fault.CodeFileUnreadable, nil},
		{"text document", plain.with(main, "<document/>"), fault.CodeFileUnreadable, nil},
		{"no sheet", plain.with(sheet, ""), fault.CodeFileUnreadable, nil},
		{"blank sheet", book(`<row r="1"><c r="A1" s="1"/></row>`), fault.CodeFileUnreadable, nil},
		{"binary workbook", plain.edit(t, types, mlType+"sheet.main+xml", "application/vnd.ms-excel.sheet.binary.main"), fault.CodeFileUnreadable, nil},
		{"rows out of order", book(headerRow + `<row r="3"><c><v>1</v></c></row><row r="2"><c><v>1</v></c></row>`), fault.CodeFileUnreadable, nil},
		{"cells out of order", book(headerRow + `<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>`), fault.CodeFileUnreadable, nil},
		{"cell of another row", book(headerRow + `<row r="2"><c r="A3"><v>1</v></c></row>`), fault.CodeFileUnreadable, nil},
		{"column beyond the last", book(headerRow + `<row r="2"><c r="XFE2"><v>1</v></c></row>`), fault.CodeFileUnreadable, nil},
		{"row beyond the last", book(headerRow + `<row r="1048577"><c><v>1</v></c></row>`), fault.CodeFileUnreadable, nil},
		{"no such shared string", book(headerRow + `<row r="2"><c r="A2" t="s"><v>9</v></c></row>`), fault.CodeFileUnreadable, []string{"/rows/2/columns/A"}},
		{"unknown type", book(headerRow + `<row r="2"><c r="A2" t="q"><v>9</v></c></row>`), fault.CodeFileUnreadable, []string{"/rows/2/columns/A"}},
		{"row too wide", book(headerRow + `<row r="2"><c r="AA2"><v>9</v></c></row>`), fault.CodeRowTooWide, []string{"/rows/2/columns/AA"}},
		{"too many columns", book(`<row r="1">` + strings.Repeat(`<c t="s"><v>0</v></c>`, 10_000) + `</row>`), fault.CodeColumnsTooMany, nil},
		{"cell too large", book(headerRow + `<row r="2"><c r="B2" t="inlineStr"><is><t>` + strings.Repeat("x", 131_069) + `</t></is></c></row>`), fault.CodeCellTooLarge, []string{"/rows/2/columns/B"}},
		{"merged cells that overlap", book(headerRow+`<row r="2"><c r="B2"><v>1</v></c></row>`).edit(t, sheet, "</sheetData>",
			`</sheetData><mergeCells>`+strings.Repeat(`<mergeCell ref="A2:B3"/>`, 300)+`</mergeCells>`), fault.CodeFileUnreadable, nil},
		{"too many merged cells", plain.edit(t, sheet, "</sheetData>", `</sheetData>`+strings.Repeat(`<mergeCell ref="A2:B3"/>`, 65_537)), fault.CodeFileUnreadable, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := drain(c.p.pack(t), spreadsheet.Limits{})
			if c.code != "" {
				wantFault(t, err, c.code, c.pointers...)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestWriteXLSX(t *testing.T) {
	var b bytes.Buffer
	w, err := spreadsheet.NewXLSX(&b, []spreadsheet.Column{{Name: "t", Kind: spreadsheet.Text}, {Name: "n", Kind: spreadsheet.Number}, {Name: "i", Kind: spreadsheet.Instant}})
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Repeat("x", 32_767)
	if err := w.Row(long, "0.1", time.Date(2026, 2, 18, 9, 30, 0, 5_000_000, time.UTC)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, w.Row(long+"x", 1, nil), fault.CodeCellTooLarge, "/rows/3/columns/A")
	if err := w.Row(strings.Repeat("é", 32_767), "12345678901234567", time.Date(2026, 2, 18, 9, 30, 0, 5, time.UTC)); err != nil {
		t.Fatal(err)
	}
	wantFault(t, w.Row(strings.Repeat("😀", 16_384), 1, nil), fault.CodeCellTooLarge, "/rows/4/columns/A")
	if err := w.Row("=HYPERLINK(\"x\")", 1e300, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil || w.Close() == nil || w.Row("", 1, nil) == nil {
		t.Fatalf("Close = %v, or a closed writer goes on writing", err)
	}
	_, rows := readAll(t, b.Bytes(), spreadsheet.Limits{})
	want := []spreadsheet.Cell{{Text: "0.1", Kind: spreadsheet.Number}, {Text: "2026-02-18T09:30:00.005Z", Kind: spreadsheet.Instant},
		{Text: "12345678901234567", Kind: spreadsheet.Text}, {Text: "2026-02-18T09:30:00.000000005Z", Kind: spreadsheet.Text}}
	if d := cmp.Diff(want, append(rows[0].Cells[1:], rows[1].Cells[1:]...)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	sheet := unpack(t, b.Bytes(), "xl/worksheets/sheet1.xml")
	for _, part := range []string{`<pane ySplit="1"`, `<c r="A4" s="4" t="inlineStr"><is><t xml:space="preserve">=HYPERLINK(`, `<c r="A1" s="1"`, `<c r="B2"><v>0.1</v></c>`} {
		if !strings.Contains(sheet, part) {
			t.Errorf("the sheet lacks %s", part)
		}
	}
	if strings.Contains(sheet, "<f") {
		t.Error("the sheet holds a formula")
	}
}

func unpack(t *testing.T, data []byte, name string) string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEqualRowsGiveEqualBytes(t *testing.T) {
	write := func() []byte {
		var b bytes.Buffer
		w, err := spreadsheet.NewXLSX(&b, []spreadsheet.Column{{Name: "t", Kind: spreadsheet.Text}})
		if err != nil || w.Row("a") != nil || w.Close() != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	if !bytes.Equal(write(), write()) {
		t.Error("two files of the same rows differ")
	}
}

func FuzzReadXLSX(f *testing.F) {
	f.Add(book(headerRow).pack(f))
	f.Add(book(headerRow + `<row r="2"><c r="B2"><v>1</v></c></row>`).pack(f))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Add([]byte("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"))
	f.Fuzz(func(t *testing.T, data []byte) { sound(t, data) })
}

// FuzzReadSheet goes past the archive, whose checksums keep a fuzzer out: what varies is the XML of three parts.
func FuzzReadSheet(f *testing.F) {
	p := book(headerRow + `<row r="2"><c r="A2" s="1"><v>45000.5</v></c><c r="B2" t="s"><v>1</v></c></row>`)
	f.Add(p["xl/worksheets/s.xml"], p["xl/sharedStrings.xml"], p["xl/styles.xml"])
	f.Add(`<worksheet><sheetData><row><c t="d"><v>2026-02-18</v></c></row></sheetData><mergeCell ref="A1:B2"/></worksheet>`, `<sst><si><t>_x0041_</t></si></sst>`, `<styleSheet/>`)
	f.Fuzz(func(t *testing.T, sheet, shared, styles string) {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for name, text := range p.with("xl/worksheets/s.xml", sheet).with("xl/sharedStrings.xml", shared).with("xl/styles.xml", styles) {
			w, err := z.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(text)),
				CompressedSize64: uint64(len(text)), UncompressedSize64: uint64(len(text))})
			if err == nil {
				_, err = io.WriteString(w, text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		sound(t, b.Bytes())
	})
}
