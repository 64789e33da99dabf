package interop_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/interop"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// content draws a content by the terms of a group: any of them, with any kind of value that their places may hold.
func content(r *rapid.T, terms []productgroup.Term, depth int) map[string]any {
	out := map[string]any{}
	for _, term := range terms {
		if rapid.IntRange(0, 3).Draw(r, term.Name) == 0 {
			out[term.Name] = value(r, term, depth)
		}
	}
	if rapid.IntRange(0, 9).Draw(r, "unknown") == 0 {
		out["ofAnotherSchema"] = scalar(r)
	}
	return out
}

func value(r *rapid.T, term productgroup.Term, depth int) any {
	switch {
	case term.Languages:
		return rapid.Custom(func(r *rapid.T) any {
			out := map[string]any{}
			for _, language := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{"de", "en", "pt-BR", "zh-Hant"}), rapid.ID[string]).Draw(r, "languages") {
				out[language] = rapid.String().Draw(r, language)
			}
			return out
		}).Draw(r, "texts")
	case len(term.Members) == 0 || depth > 3:
		if rapid.Bool().Draw(r, "many") {
			list := []any{}
			for range rapid.IntRange(0, 3).Draw(r, "entries") {
				list = append(list, scalar(r))
			}
			return list
		}
		return scalar(r)
	case rapid.Bool().Draw(r, "list"):
		list := []any{}
		for range rapid.IntRange(0, 3).Draw(r, "objects") {
			list = append(list, content(r, term.Members, depth+1))
		}
		return list
	}
	return content(r, term.Members, depth+1)
}

func scalar(r *rapid.T) any {
	return rapid.OneOf(
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom([]string{"7", "7.50", "-0.1", "1e3", "12345678901234567890.125"}), func(s string) any { return json.Number(s) }),
	).Draw(r, "scalar")
}

// folded is the content of data elements, read by what they say of themselves alone.
func folded(t interface{ Fatalf(string, ...any) }, list []any) map[string]any {
	out := map[string]any{}
	for _, e := range list {
		e := e.(map[string]any)
		name := e["elementId"].(string)
		if _, twice := out[name]; twice {
			t.Fatalf("%s is there twice", name)
		}
		switch kind := e["objectType"]; kind {
		case "SingleValuedDataElement":
			out[name] = e["value"]
		case "DataElementCollection":
			out[name] = folded(t, e["elements"].([]any))
		case "MultiLanguageDataElement":
			texts := map[string]any{}
			for _, text := range e["value"].([]any) {
				texts[text.(map[string]any)["language"].(string)] = text.(map[string]any)["value"]
			}
			out[name] = texts
		case "MultiValuedDataElement":
			values := []any{}
			for _, v := range e["value"].([]any) {
				if group, ok := v.([]any); ok {
					v = folded(t, group)
				}
				values = append(values, v)
			}
			out[name] = values
		default:
			t.Fatalf("%s is a %v", name, kind)
		}
	}
	return out
}

// TestFullLosesNothing holds that the data elements of a passport say all of its content, numbers as they are written, and
// that both forms of a passport have the same header.
func TestFullLosesNothing(t *testing.T) {
	for _, g := range productgroup.NewSet().All() {
		rapid.Check(t, func(r *rapid.T) {
			want := content(r, g.Terms(), 0)
			p := interop.Passport{ID: "1", Granularity: "item", Status: "published", UpdatedAt: time.Unix(0, 0), Owner: "2", Content: want}
			full, compressed := interop.Full(p, g), interop.Compressed(p, g)
			if diff := cmp.Diff(want, folded(r, full["elements"].([]any))); diff != "" {
				r.Fatalf("%s: %s", g.Name(), diff)
			}
			for name, v := range full {
				if name != "elements" && cmp.Diff(v, compressed[name]) != "" {
					r.Fatalf("%s: %v in full, %v compressed", name, v, compressed[name])
				}
			}
		})
	}
}

// TestFullSaysWhatThingsAre holds the types and references of data elements of each kind, and their order.
func TestFullSaysWhatThingsAre(t *testing.T) {
	for name, c := range map[string]struct {
		content string
		want    string // "name type reference-suffix" of each element, and of those below it
	}{
		"general": {
			`{"materials":[{"sharePct":99.9,"name":"Oak"}],"manufacturingDate":"2027-02-18","name":{"en":"Chair","de":"Stuhl"},"weightKg":7,"unheardOf":true,"manufacturer":{"web":"https://a.example"}}`,
			"name languages name; manufacturingDate xsd:date manufacturingDate; weightKg xsd:decimal weightKg; manufacturer(web xsd:anyURI manufacturer.web); " +
				"materials[name xsd:string materials.name; sharePct xsd:decimal materials.sharePct]; unheardOf xsd:boolean -",
		},
		"battery": {
			`{"manufacturingDate":"2027-02","commercialWarrantyMonths":24,"dismantling":{"tools":["T8","T10"]}}`,
			"manufacturingDate xsd:gYearMonth manufacturingDate; commercialWarrantyMonths xsd:integer commercialWarrantyMonths; " +
				"dismantling(tools[] xsd:string T8; tools[] xsd:string T10)",
		},
	} {
		g, err := productgroup.NewSet().Find(name)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(strings.NewReader(c.content))
		d.UseNumber()
		var content map[string]any
		if err := d.Decode(&content); err != nil {
			t.Fatal(err)
		}
		full := interop.Full(interop.Passport{Content: content}, g)
		if got := told(full["elements"].([]any), productgroup.Vocabulary+name+"/1#"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func told(list []any, base string) string {
	var out []string
	for _, e := range list {
		e := e.(map[string]any)
		reference, _ := e["dictionaryReference"].(string)
		if reference = strings.TrimPrefix(reference, base); reference == "" {
			reference = "-"
		}
		name := fmt.Sprint(e["elementId"])
		switch e["objectType"] {
		case "SingleValuedDataElement":
			out = append(out, fmt.Sprint(name, " ", e["valueDataType"], " ", reference))
		case "MultiLanguageDataElement":
			out = append(out, name+" languages "+reference)
		case "DataElementCollection":
			out = append(out, name+"("+told(e["elements"].([]any), base)+")")
		case "MultiValuedDataElement":
			for _, v := range e["value"].([]any) {
				if group, ok := v.([]any); ok {
					out = append(out, name+"["+told(group, base)+"]")
				} else {
					out = append(out, fmt.Sprint(name, "[] ", e["valueDataType"], " ", v))
				}
			}
		}
	}
	return strings.Join(out, "; ")
}
