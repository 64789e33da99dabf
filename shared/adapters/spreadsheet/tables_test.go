package spreadsheet_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// schema is what of a group's schema values are made of.
type schema struct {
	Type       string             `json:"type"`
	Format     string             `json:"format"`
	Pattern    string             `json:"pattern"`
	Enum       []string           `json:"enum"`
	Properties map[string]*schema `json:"properties"`
	Items      *schema            `json:"items"`
	Display    string             `json:"x-display"`
	Refused    string             `json:"x-refused"`
}

// words are texts that tables are known to spoil.
func words() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.SampledFrom([]string{
			"=1+1", "+49 30 1234", "-5", "@SUM(A1)", "'=x", "007", "1e5", "2027-02-18", "true", "a;b", `say "hi"`, "two\nlines", "Ölmühle 名前", "a,b\tc", "[x]", "sep=;", "#1", "1/2", "_x0041_",
			"<b>&amp;</b>", "none",
		}),
		rapid.StringMatching(`[A-Za-z0-9äöüß=+;,.'"-]([ A-Za-z0-9äöüß=+;,.'"-]{0,10}[A-Za-z0-9äöü])?`),
	)
}

// value draws something of a schema; nil for nothing.
func (s *schema) value(t *rapid.T, name string, depth int) any {
	if s.Refused != "" || depth > 6 || rapid.IntRange(0, 2).Draw(t, name) == 0 {
		return nil
	}
	switch {
	case s.Display == "language-map":
		m := map[string]any{}
		for _, l := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"de", "en", "it", "pt-BR", "no", "zh-Hant"}), 1, 3, rapid.ID).Draw(t, name) {
			m[l] = words().Draw(t, name)
		}
		return m
	case s.Type == "object":
		m := map[string]any{}
		for n, p := range s.Properties {
			if v := p.value(t, n, depth+1); v != nil {
				m[n] = v
			}
		}
		if len(m) == 0 {
			return nil
		}
		return m
	case s.Type == "array":
		var list []any
		for range rapid.IntRange(0, 5).Draw(t, name) {
			if v := s.Items.value(t, name, depth+1); v != nil {
				list = append(list, v)
			}
		}
		return append([]any{}, list...)
	}
	return s.scalar(t, name)
}

func (s *schema) scalar(t *rapid.T, name string) any {
	day := rapid.SampledFrom([]string{"2027-02-18", "1899-12-31", "2024-02-29"})
	switch {
	case len(s.Enum) > 0:
		return rapid.SampledFrom(s.Enum).Draw(t, name)
	case s.Type == "boolean":
		return rapid.Bool().Draw(t, name)
	case s.Type == "integer":
		return json.Number(fmt.Sprint(rapid.Int64Range(-1<<53, 1<<53).Draw(t, name)))
	case s.Type == "number":
		f := rapid.Float64Range(-1e15, 1e15).Draw(t, name)
		if f != 0 && math.Abs(f) < 1e-20 {
			f = 0.1
		}
		b, _ := json.Marshal(f)
		return rapid.SampledFrom([]json.Number{json.Number(b), "0.10", "7500", "-0.5", "1e3"}).Draw(t, name)
	case s.Format == "date-time":
		return rapid.SampledFrom([]string{"2027-02-18T09:30:00Z", "2027-02-18T09:30:00.5Z", "2027-02-18T09:30:00+01:00", "2027-02-18T09:30:00.123456789Z"}).Draw(t, name)
	case s.Format == "date" || strings.HasPrefix(s.Pattern, "^[0-9]{4}-(0[1-9]|1[0-2])") && strings.Contains(s.Pattern, "[12][0-9]"):
		return day.Draw(t, name)
	case strings.HasPrefix(s.Pattern, "^[0-9]{4}-(0[1-9]|1[0-2])"):
		return "2027-02"
	}
	return words().Draw(t, name)
}

// TestTablesComeBack states that what is written of passports comes back with the mapping that is suggested for the file,
// whatever texts, languages, numbers, days and lists they have.
func TestTablesComeBack(t *testing.T) {
	for _, name := range []string{"general", "battery"} {
		g, err := productgroup.NewSet().Find(name)
		if err != nil {
			t.Fatal(err)
		}
		root := &schema{}
		if err := json.Unmarshal(g.Schema(), root); err != nil {
			t.Fatal(err)
		}
		for _, f := range []export.Format{export.CSV, export.XLSX} {
			t.Run(name+"-"+string(f), func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					var contents []map[string]any
					for n := range rapid.IntRange(1, 4).Draw(rt, "rows") {
						content, _ := root.value(rt, "content", 0).(map[string]any)
						if content == nil {
							content = map[string]any{}
						}
						content["serialNumber"] = fmt.Sprint("S", n)
						contents = append(contents, content)
					}
					comesBack(rt, g, f, contents)
				})
			})
		}
	}
}

func comesBack(t *rapid.T, g *productgroup.Group, f export.Format, contents []map[string]any) {
	file := written(t, g, f, contents)
	items, err := spreadsheet.OpenItems(bytes.NewReader(file), int64(len(file)), spreadsheet.Format(f), spreadsheet.Limits{Bytes: 1 << 30, Columns: intake.MaxColumns})
	if err != nil {
		t.Fatalf("%v\n%s", err, file)
	}
	headers, _ := items.Headers(t.Context())
	recipe := suggested(t, g, headers)
	c, err := intake.NewConverter(recipe, g, headers)
	if err != nil {
		t.Fatal(err)
	}
	for n, content := range contents {
		it, err := items.Next(t.Context())
		if err != nil {
			t.Fatalf("row %d: %v", n, err)
		}
		got, problems := c.Convert(it)
		want := got
		want.Content = content
		a, err1 := got.Hash()
		b, err2 := want.Hash()
		if len(problems) > 0 || a != b || errors.Join(err1, err2) != nil || got.Granularity != identifier.Item {
			x, _ := json.Marshal(got.Content)
			y, _ := json.Marshal(content)
			t.Fatalf("row %d comes back as\n%s\nit was\n%s\n%v %v", n, x, y, problems, errors.Join(err1, err2))
		}
	}
	if _, err := items.Next(t.Context()); !errors.Is(err, io.EOF) {
		t.Fatalf("more rows: %v", err)
	}
}

func written(t *rapid.T, g *productgroup.Group, f export.Format, contents []map[string]any) []byte {
	layout, err := intake.NewLayout(g, intake.Shapes{})
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range contents {
		layout.See(content)
	}
	headings := append([]intake.Heading{{Pointer: "/status", Kind: intake.TextCell}, {Pointer: "/productIdentifier", Kind: intake.TextCell}, {Pointer: "/granularity", Kind: intake.TextCell}}, layout.Headings()...)
	var file bytes.Buffer
	table, err := spreadsheet.Tables{}.Open(&file, f, headings)
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range contents {
		own := []intake.Cell{{Kind: intake.TextCell, Text: "published"}, {Kind: intake.TextCell, Text: "https://id.gs1.org/01/09506000134376/21/" + fmt.Sprint(content["serialNumber"])}, {Kind: intake.TextCell, Text: "item"}}
		if left, err := table.Row(append(own, layout.Cells(content)...)); err != nil || left > 0 {
			t.Fatal(left, err)
		}
	}
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// suggested is the mapping that is proposed for headers, without those that lead nowhere.
func suggested(t *rapid.T, g *productgroup.Group, headers []string) intake.Recipe {
	all, err := intake.Suggest(headers, nil, g)
	if err != nil {
		t.Fatal(err)
	}
	r := intake.Recipe{Name: "as suggested", ProductGroup: g.Name()}
	for _, s := range all {
		if s.Confidence != intake.None {
			r.Mapping.Columns = append(r.Mapping.Columns, s.Column)
		}
		if s.Confidence == intake.Likely || s.Confidence == intake.None && s.Column.Header != "/status" {
			t.Fatalf("what %s says is not certain: %+v", s.Column.Header, s)
		}
	}
	if err := r.Check(g); err != nil {
		t.Fatalf("the suggestion cannot be used: %v", err)
	}
	return r
}

// TestWhatNoCellHolds holds that a text too large for a cell is left out and counted, and everything else is there.
func TestWhatNoCellHolds(t *testing.T) {
	for f, text := range map[export.Format]string{export.XLSX: strings.Repeat("x", 40_000), export.CSV: "a\x00b"} {
		var file bytes.Buffer
		table, err := spreadsheet.Tables{}.Open(&file, f, []intake.Heading{{Pointer: "/content/brand", Kind: intake.TextCell}, {Pointer: "/content/weightKg", Kind: intake.NumberCell}})
		if err != nil {
			t.Fatal(err)
		}
		left, err := table.Row([]intake.Cell{{Kind: intake.TextCell, Text: text}, {Kind: intake.NumberCell, Text: "7.50"}})
		if left != 1 || err != nil || table.Close() != nil {
			t.Errorf("%s: %d left out, %v", f, left, err)
		}
	}
}
