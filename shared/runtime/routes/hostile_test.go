package routes_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// workbook is a small workbook as other programs write it, with parts more or other.
func workbook(t *testing.T, rows string, more map[string]string) []byte {
	t.Helper()
	const rel = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	const main = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	parts := map[string]string{
		"[Content_Types].xml": `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="xml" ContentType="application/xml"/>` +
			`<Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`,
		"_rels/.rels":                `<Relationships><Relationship Id="a" Type="` + rel + `/officeDocument" Target="/xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            `<workbook ` + main + ` xmlns:r="` + rel + `"><sheets><sheet name="One" sheetId="1" r:id="x"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="x" Type="` + rel + `/worksheet" Target="worksheets/s.xml"/></Relationships>`,
		"xl/worksheets/s.xml":        `<worksheet ` + main + `><sheetData>` + rows + `</sheetData></worksheet>`,
	}
	maps.Copy(parts, more)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte(parts[name]))
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

// sheetRow is a row of texts.
func sheetRow(number int, cells ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<row r="%d">`, number)
	for _, c := range cells {
		fmt.Fprintf(&b, `<c t="inlineStr"><is><t>%s</t></is></c>`, c)
	}
	return b.String() + "</row>"
}

// locked is what Excel writes for a workbook with a password: no ZIP at all.
func locked() []byte {
	file := make([]byte, 2048)
	copy(file, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1")
	file[30] = 9
	binary.LittleEndian.PutUint32(file[48:], 1)
	for i, u := range utf16.Encode([]rune("EncryptedPackage")) {
		binary.LittleEndian.PutUint16(file[1024+128+2*i:], u)
	}
	return file
}

// overlapping lets the parts of a workbook share their bytes.
func overlapping(file []byte) []byte {
	forged := bytes.Clone(file)
	first := bytes.Index(forged, []byte("PK\x01\x02"))
	second := first + 4 + bytes.Index(forged[first+4:], []byte("PK\x01\x02"))
	copy(forged[second+42:second+46], forged[first+42:first+46])
	return forged
}

// kept are the rows that are not the import itself and what is written down of it.
func kept(t *testing.T, k *testkit.Kit) []string {
	t.Helper()
	return slices.DeleteFunc(k.Dump(t), func(row string) bool {
		return strings.Contains(row, "#B ") || strings.Contains(row, "#A#") || strings.Contains(row, "#RATE ")
	})
}

// TestHostileTables brings files that are meant to do harm, or that no program should have to take: each ends with the code
// of what is wrong and a sentence, and the tables are as they were.
func TestHostileTables(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	head := sheetRow(1, "Product identifier", "Serial number", "Name (en)", "Manufacturer name")
	one := head + sheetRow(2, product("H1"), "H1", "Chair", "Nordeiche")
	if run := announced(t, k, anna, "xlsx", `,"productGroup":"general","granularity":"item","recipe":`+chairRecipe, workbook(t, one, nil)); run["state"] != "checked" || totals(t, run, "check", "created") != 1 {
		t.Fatalf("the workbook that the others are made of: %v", run)
	}
	before := kept(t, k)
	types := `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.ms-excel.sheet.macroEnabled.main+xml"/></Types>`
	for name, c := range map[string]struct {
		format string
		file   []byte
		code   string
	}{
		"macros":                        {"xlsx", workbook(t, one, map[string]string{"xl/vbaProject.bin": "x"}), "macro-refused"},
		"macros by type":                {"xlsx", workbook(t, one, map[string]string{"[Content_Types].xml": types}), "macro-refused"},
		"links to other workbooks":      {"xlsx", workbook(t, one, map[string]string{"xl/externalLinks/externalLink1.xml": "<x/>"}), "external-links-refused"},
		"a password":                    {"xlsx", locked(), "file-encrypted"},
		"a bomb":                        {"xlsx", workbook(t, head+strings.Repeat(" ", 40<<20), nil), "file-packing-refused"},
		"parts over one another":        {"xlsx", overlapping(workbook(t, one, nil)), "file-packing-refused"},
		"two thousand parts":            {"xlsx", workbook(t, one, crowd()), "file-packing-refused"},
		"a path upwards":                {"xlsx", workbook(t, one, map[string]string{"xl/../../evil": "x"}), "file-packing-refused"},
		"a document type":               {"xlsx", workbook(t, one, map[string]string{"xl/workbook.xml": `<!DOCTYPE x [<!ENTITY a "b">]><workbook/>`}), "file-unreadable"},
		"10,000 columns in a workbook":  {"xlsx", workbook(t, sheetRow(1, slices.Repeat([]string{"x"}, 10_000)...), nil), "columns-too-many"},
		"a formula in the header":       {"xlsx", workbook(t, `<row r="1"><c r="A1"><f>1+1</f><v>2</v></c></row>`, nil), "formula-refused"},
		"a CSV file as a workbook":      {"xlsx", []byte(chairs("H1")), "file-unreadable"},
		"a workbook as a CSV file":      {"csv", workbook(t, one, nil), "file-unreadable"},
		"a workbook that is cut off":    {"xlsx", workbook(t, one, nil)[:900], "file-unreadable"},
		"10,000 columns":                {"csv", []byte(strings.Repeat("a;", 9999) + "b\n"), "columns-too-many"},
		"a picture":                     {"csv", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), "file-unreadable"},
		"half a character of UTF-16":    {"csv", append([]byte("\xff\xfe"), 'a', 0, ';'), "file-unreadable"},
		"two encodings":                 {"csv", []byte("\xef\xbb\xbfName;Gr\xf6\xdfe\n"), "file-unreadable"},
		"an open quote":                 {"csv", []byte(chairs("H1") + "\"H2;x"), "file-unreadable"},
		"a line of documents, too long": {"ndjson", bytes.Repeat([]byte("x"), 5<<20), "file-unreadable"},
	} {
		more := `,"productGroup":"general","granularity":"item","recipe":` + chairRecipe
		if c.format == "ndjson" {
			more = ""
		}
		run := announced(t, k, anna, c.format, more, c.file)
		if why, _ := run["why"].(string); run["state"] != "failed" || run["code"] != c.code || !strings.HasSuffix(why, ".") {
			t.Errorf("%s: %v, %v (want %s): %v", name, run["state"], run["code"], c.code, run["why"])
		}
		expect(t, k, 409, "import-state", "POST", "/v1/imports/"+run["id"].(string)+"/commit", anna, "")
	}
	for _, format := range []string{"csv", "xlsx", "ndjson", "archive"} {
		w := k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(`{"format":%q,"size":5368709121,"sha256":%q,"productGroup":"general"}`, format, strings.Repeat("a", 64)))
		if w.Code != 422 || !strings.Contains(w.Body.String(), "/size") {
			t.Errorf("more than 5 GB as %s: %d %s", format, w.Code, w.Body)
		}
	}
	if after := kept(t, k); !slices.Equal(before, after) {
		t.Errorf("rows were written: %d before, %d after", len(before), len(after))
	}
}

func crowd() map[string]string {
	all := map[string]string{}
	for n := range 2000 {
		all[fmt.Sprint("xl/media/", n)] = "x"
	}
	return all
}

// TestStrangeEncodings brings the same table in the encodings and with the separators that spreadsheet programs write.
func TestStrangeEncodings(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	table := strings.ReplaceAll(chairs("E1"), "Chair", "Stühle für Größe")
	wide := func(order binary.AppendByteOrder, mark string) []byte {
		b := []byte(mark)
		for _, u := range utf16.Encode([]rune(table)) {
			b = order.AppendUint16(b, u)
		}
		return b
	}
	var western []byte
	for _, r := range table {
		western = append(western, byte(r)) // all of its characters are below U+0100
	}
	for name, file := range map[string][]byte{
		"UTF-8": []byte(table), "UTF-8 with a mark": []byte("\xef\xbb\xbf" + table), "UTF-16 LE": wide(binary.LittleEndian, "\xff\xfe"), "UTF-16 BE": wide(binary.BigEndian, "\xfe\xff"),
		"Windows-1252": western, "tabs": []byte(strings.ReplaceAll(table, ";", "\t")), "commas": []byte(strings.ReplaceAll(table, ";", ",")), "lines of DOS": []byte(strings.ReplaceAll(table, "\n", "\r\n")),
	} {
		run := announced(t, k, anna, "csv", `,"productGroup":"general","granularity":"item","recipe":`+chairRecipe, file)
		if run["state"] != "checked" || totals(t, run, "check", "created") != 1 || !strings.Contains(fmt.Sprint(run["check"]), "Stühle für Größe E1") {
			t.Errorf("%s: %v %v %v", name, run["state"], run["why"], run["check"])
		}
	}
	if n := len(passports(t, k, anna)); n != 0 {
		t.Errorf("%d passports", n)
	}
}
