package productgroup_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// node is what the tests read of a schema, apart from the code they test.
type node struct {
	Title, Description string
	Type, Format       string
	Enum               []string
	Pattern            string
	Examples           []string
	Properties         map[string]*node
	Items              *node
	Required           []string
	Additional         any                 `json:"additionalProperties"`
	Display            string              `json:"x-display"`
	Words              map[string]string   `json:"x-words"`
	Levels             []string            `json:"x-levels"`
	Audience           []audience.Audience `json:"x-audience"`
	Refused            string              `json:"x-refused"`
	AtMost             []string            `json:"x-at-most"`
}

func document(t testing.TB, g *productgroup.Group) *node {
	t.Helper()
	n := &node{}
	if err := json.Unmarshal(g.Schema(), n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestSchemaIsWhole holds what every place of a schema needs: words for people, a closed list of members, and an element
// that decides who reads it: its own, or one above it, never both.
func TestSchemaIsWhole(t *testing.T) {
	for _, g := range productgroup.NewSet().All() {
		elements := map[string]bool{}
		for _, e := range g.Elements() {
			elements[e.Pointer] = true
			if e.Section == "" {
				t.Errorf("%s %s is in no section", g.Name(), e.Pointer)
			}
			if (e.DataPoint > 0 || g.Name() == "general") && !strings.HasPrefix(e.Source, "Regulation (EU) ") {
				t.Errorf("%s %s does not say where it comes from", g.Name(), e.Pointer)
			}
		}
		var walk func(n *node, at string, above bool)
		walk = func(n *node, at string, above bool) {
			own := elements[at]
			switch leaf := len(n.Properties) == 0; {
			case own && above:
				t.Errorf("%s %s is an element within an element", g.Name(), at)
			case leaf && !own && !above:
				t.Errorf("%s %s belongs to no element: nobody decides who reads it", g.Name(), at)
			}
			delete(elements, at)
			if n.Title == "" || n.Description == "" {
				t.Errorf("%s %s has no words", g.Name(), at)
			}
			if n.Type == "object" && n.Display != "language-map" && n.Additional != false {
				t.Errorf("%s %s takes members that it does not declare", g.Name(), at)
			}
			for _, name := range n.Required {
				if n.Properties[name] == nil {
					t.Errorf("%s %s needs %s, which it does not declare", g.Name(), at, name)
				}
			}
			for name, child := range n.Properties {
				for _, above := range child.AtMost {
					if n.Properties[above] == nil {
						t.Errorf("%s %s/%s is compared with %s, which is not beside it", g.Name(), at, name, above)
					}
				}
				walk(child, at+"/"+name, above || own)
			}
			if n.Items != nil {
				walk(n.Items, at+"/*", above || own)
			}
		}
		root := document(t, g)
		if root.Additional != false || len(root.Required) > 0 {
			t.Errorf("%s: the content must be closed, and a draft may lack anything", g.Name())
		}
		for name, child := range root.Properties {
			walk(child, "/"+name, false)
		}
		for pointer := range elements {
			t.Errorf("%s has an element %s and no such member", g.Name(), pointer)
		}
	}
}

// TestLevelsAgainstTheList compares where each data point may be and must be filled with the level that the list reads
// out of the law.
func TestLevelsAgainstTheList(t *testing.T) {
	b, err := os.ReadFile("../../../../shared/standards/battery/datapoints-71.json")
	if err != nil {
		t.Skip("standards data is not beside the repository: ../shared/standards/battery/datapoints-71.json")
	}
	var doc struct {
		DataPoints []struct {
			Nr               int
			Level, Lifecycle string
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	type where struct{ May, Must string }
	special := map[string]where{ // data point 7 names the three levels
		"/batteryModelId": {"model batch item", "model batch item"}, "/batchNumber": {"batch item", "batch"}, "/serialNumber": {"item", "item"},
	}
	levels := map[int]string{}
	for _, dp := range doc.DataPoints {
		levels[dp.Nr] = dp.Lifecycle + " " + dp.Level
	}
	for _, e := range group(t, "battery").Elements() {
		if e.DataPoint == 0 {
			continue // when a value was recorded
		}
		want, ok := special[e.Pointer]
		if !ok {
			switch level := levels[e.DataPoint]; {
			case e.Refused != "":
			case level == "dynamic item":
				want = where{"item", "item"}
			case level == "static item or batch":
				want = where{"batch item", "batch item"}
			case level == "static model or batch":
				want = where{"model batch item", "batch item"}
			case strings.HasPrefix(level, "static model"), level == "static item": // inherited downwards; the operator is due everywhere
				want = where{"model batch item", "model batch item"}
			default:
				t.Errorf("data point %d (%s): level %q is unknown", e.DataPoint, e.Pointer, level)
			}
		}
		if got := (where{words(e.Levels), words(e.Due)}); got != want {
			t.Errorf("data point %d (%s): %+v, want %+v", e.DataPoint, e.Pointer, got, want)
		}
	}
}

func words(levels []identifier.Granularity) string {
	var s []string
	for _, l := range levels {
		s = append(s, string(l))
	}
	return strings.Join(s, " ")
}

// filler fills a schema with values that can be told apart, and remembers under which element each one is.
type filler struct {
	n    int
	told map[string]*token // by element pointer and text
}

type token struct {
	element string
	texts   []string // one of them must be told
}

func (f *filler) fill(n *node, at, element string) any {
	if n.Levels != nil {
		element = at
	}
	f.n++
	tell := func(texts ...string) {
		f.told[fmt.Sprint(f.n)] = &token{element, texts}
	}
	switch {
	case n.Display == "language-map":
		s := fmt.Sprintf("text %dz", f.n)
		tell(s)
		return map[string]any{"en": s}
	case len(n.Properties) > 0:
		m := map[string]any{}
		names := make([]string, 0, len(n.Properties))
		for name := range n.Properties {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			m[name] = f.fill(n.Properties[name], at+"/"+name, element)
		}
		return m
	case n.Items != nil:
		return []any{f.fill(n.Items, at, element), f.fill(n.Items, at, element)}
	case len(n.Enum) > 0:
		tell(n.Enum[0], n.Words[n.Enum[0]])
		return n.Enum[0]
	case n.Type == "number", n.Type == "integer":
		s := fmt.Sprintf("%d.%d", f.n, 1000+f.n)
		tell(s)
		return json.Number(s)
	case n.Type == "boolean":
		tell("yes")
		return true
	case n.Format == "uri":
		s := fmt.Sprintf("https://x.example/%dz", f.n)
		tell(s)
		return s
	case n.Format == "email":
		s := fmt.Sprintf("a%dz@x.example", f.n)
		tell(s)
		return s
	}
	s := fmt.Sprintf("value %dz", f.n)
	tell(s)
	return s
}

// TestDescribeTellsEverything fills every member of every group and holds: what an audience may read is told to it in
// words, under a label and a section, and what it may not read is not.
func TestDescribeTellsEverything(t *testing.T) {
	for _, g := range productgroup.NewSet().All() {
		f := &filler{told: map[string]*token{}}
		content := f.fill(document(t, g), "", "").(map[string]any)
		readers := map[string]audience.Set{}
		for _, e := range g.Elements() {
			readers[e.Pointer] = e.Audiences
		}
		for _, a := range audience.All() {
			var told strings.Builder
			for _, s := range g.Describe(g.View(content, a), []string{"en"}) {
				for _, r := range s.Rows {
					if s.Title == "" || r.Label == "" || len(r.Values) == 0 {
						t.Errorf("%s: a row without words: %+v", g.Name(), r)
					}
					for _, v := range r.Values {
						told.WriteString(v.Text + "\n" + v.Href + "\n")
					}
				}
			}
			for _, want := range f.told {
				got := slices.ContainsFunc(want.texts, func(s string) bool { return s != "" && strings.Contains(told.String(), s) })
				if may := readers[want.element].Has(a); got != may {
					t.Errorf("%s: %v under %s is told to %s: %v, want %v", g.Name(), want.texts, want.element, a, got, may)
				}
			}
		}
	}
}

// TestViewKeepsWhatIsDeclared holds that undeclared members are removed at every depth, that nothing is left of objects
// and lists that held nothing else, and that a view shares nothing with its source.
func TestViewKeepsWhatIsDeclared(t *testing.T) {
	for _, tc := range []struct{ group, content, want string }{
		{"battery", `{"manufacturer":{"name":"A","address":{"city":"X","secret":1}},"secret":{"a":1}}`, `{"manufacturer":{"name":"A","address":{"city":"X"}}}`},
		{"battery", `{"manufacturer":{"address":{"secret":1},"secret":"x"}}`, `{}`},
		{"battery", `{"hazardousSubstances":[{"name":"x","secret":1},{"secret":1}]}`, `{"hazardousSubstances":[{"name":"x"}]}`},
		{"battery", `{"hazardousSubstances":[]}`, `{"hazardousSubstances":[]}`},
		{"battery", `{"hazardousSubstances":[{"secret":1}]}`, `{}`}, // not the statement that there are none
		{"battery", `{"criticalRawMaterials":["Lithium",{"secret":1}]}`, `{"criticalRawMaterials":["Lithium"]}`},
		{"battery", `{"batteryChemistry":{"secret":1},"batteryModelId":["secret"]}`, `{}`},
		{"battery", `{"wasteBatteryInformation":{"text":{"en":"x","de":{"secret":1}}}}`, `{"wasteBatteryInformation":{"text":{"en":"x"}}}`},
		{"battery", `{"materialComposition":"x","carbonFootprintClass":"A"}`, `{}`},
		{"general", `{"manufacturer":{"name":"A","secret":1,"address":{"secret":1}}}`, `{"manufacturer":{"name":"A"}}`},
	} {
		content := map[string]any{}
		if err := json.Unmarshal([]byte(tc.content), &content); err != nil {
			t.Fatal(err)
		}
		g := group(t, tc.group)
		view := g.View(content, audience.Public)
		got, err := json.Marshal(view)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != canonical(t, tc.want) {
			t.Errorf("%s: %s, want %s", tc.content, got, tc.want)
		}
		spoil(view)
		if again, _ := json.Marshal(content); string(again) != canonical(t, tc.content) {
			t.Errorf("%s: changing the view changed the content: %s", tc.content, again)
		}
	}
}

func canonical(t *testing.T, s string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	b, _ := json.Marshal(v)
	return string(b)
}

func spoil(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, child := range v {
			spoil(child)
		}
		v["spoiled"] = true
	case []any:
		for i, child := range v {
			spoil(child)
			v[i] = "spoiled"
		}
	}
}

// TestInheritIsAssociative states the law that lets a batch version stand for its model: completing item by batch by
// model is the same from either end, an empty parent or child adds nothing, and a passport inherits nothing from itself.
func TestInheritIsAssociative(t *testing.T) {
	g := group(t, "battery")
	content := rapid.Custom(func(rt *rapid.T) map[string]any {
		m := map[string]any{}
		for _, e := range rapid.SliceOfN(rapid.SampledFrom(g.Elements()), 0, 12).Draw(rt, "elements") {
			at := m
			parts := strings.Split(e.Pointer, "/")[1:]
			for _, p := range parts[:len(parts)-1] {
				next, ok := at[p].(map[string]any)
				if !ok {
					next = map[string]any{}
					at[p] = next
				}
				at = next
			}
			at[parts[len(parts)-1]] = rapid.SampledFrom([]any{"x", "y", []any{}, map[string]any{"en": "z"}}).Draw(rt, "value")
		}
		return m
	})
	rapid.Check(t, func(rt *rapid.T) {
		a, b, c := content.Draw(rt, "model"), content.Draw(rt, "batch"), content.Draw(rt, "item")
		for _, d := range []string{
			cmp.Diff(g.Inherit(g.Inherit(a, b), c), g.Inherit(a, g.Inherit(b, c))),
			cmp.Diff(a, g.Inherit(a, nil)), cmp.Diff(a, g.Inherit(nil, a)), cmp.Diff(a, g.Inherit(a, a)),
		} {
			if d != "" {
				rt.Fatal(d)
			}
		}
	})
}

// TestOrder holds that a value above one that must not be below it is refused, drafts included, and that values that
// cannot be compared are left to the schema.
func TestOrder(t *testing.T) {
	for _, tc := range []struct {
		content string
		want    []string
	}{
		{`{"minimalVoltageV":3,"nominalVoltageV":3,"maximumVoltageV":4.2}`, nil},
		{`{"minimalVoltageV":5,"maximumVoltageV":4.2}`, []string{"/content/minimalVoltageV"}},
		{`{"minimalVoltageV":5,"nominalVoltageV":4.5,"maximumVoltageV":4.2}`, []string{"/content/minimalVoltageV", "/content/nominalVoltageV"}},
		{`{"minimalVoltageV":5}`, nil},
		{`{"minimalVoltageV":"5","nominalVoltageV":1}`, nil},
		{`{"minimalVoltageV":5,"nominalVoltageV":null}`, nil},
		{`{"powerLimitMinW":1e3,"powerLimitMaxW":999.5}`, []string{"/content/powerLimitMinW"}},
		{`{"notInUseTemperatureRange":{"minC":60,"maxC":-40}}`, []string{"/content/notInUseTemperatureRange/minC"}},
		{`{"notInUseTemperatureRange":{"minC":-40,"maxC":60}}`, nil},
	} {
		d := json.NewDecoder(strings.NewReader(tc.content))
		d.UseNumber()
		var content map[string]any
		if err := d.Decode(&content); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, f := range group(t, "battery").CheckRules(content, identifier.Model) {
			got = append(got, f.Pointer)
			if f.Code != fault.CodeContentValue || f.Detail == "" {
				t.Errorf("%s: %+v", tc.content, f)
			}
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.content, d)
		}
	}
}

// TestRefusalsSayWhatToDo holds that each refused data point names the member to use instead or says when it will apply,
// whether or not the draft names its category.
func TestRefusalsSayWhatToDo(t *testing.T) {
	for member, want := range map[string]struct {
		code  fault.Code
		words string
	}{
		"materialComposition":        {fault.CodeDataPointRefused, "hazardousSubstances"},
		"ratedCapacityAh":            {fault.CodeDataPointRefused, "nominalCapacityAh"},
		"carbonFootprintDeclaration": {fault.CodeDataPointPending, "Article 7(1)"},
		"carbonFootprintClass":       {fault.CodeDataPointPending, "Article 7(2)"},
		"dueDiligenceReport":         {fault.CodeDataPointPending, "18 August 2027"},
		"instructionsForUse":         {fault.CodeDataPointPending, "Omnibus IV"},
	} {
		for _, category := range []string{"", "ev", "lmt", "industrial"} {
			content := map[string]any{member: "x"}
			if category != "" {
				content["batteryCategory"] = category
			}
			got := group(t, "battery").CheckRules(content, identifier.Model)
			if len(got) != 1 || got[0].Pointer != "/content/"+member || got[0].Code != want.code || !strings.Contains(got[0].Detail, want.words) {
				t.Errorf("%s in category %q: %+v", member, category, got)
			}
		}
	}
}

// TestContextCoversTheSchema holds that each member that may be filled has a term of its own, at every depth, and that
// no term catches members that nobody declared.
func TestContextCoversTheSchema(t *testing.T) {
	for _, g := range productgroup.NewSet().All() {
		seen := map[string]string{}
		var walk func(n *node, context map[string]any, at string)
		walk = func(n *node, context map[string]any, at string) {
			if _, ok := context["@vocab"]; ok || context["@protected"] != true {
				t.Errorf("%s %s: the context must be protected and must not catch what is undeclared", g.Name(), at)
			}
			for name, child := range n.Properties {
				term, ok := context[name].(map[string]any)
				if ok == (child.Refused != "") {
					t.Errorf("%s %s/%s: has a term: %v", g.Name(), at, name, ok)
				}
				if !ok {
					continue
				}
				iri := fmt.Sprint(term["@id"])
				if twin := seen[iri]; twin != "" || !strings.HasPrefix(iri, productgroup.Vocabulary+g.Name()+"/") {
					t.Errorf("%s %s/%s: its term is %s, as is that of %q", g.Name(), at, name, iri, twin)
				}
				seen[iri] = at + "/" + name
				inner := child
				if child.Items != nil {
					inner = child.Items
				}
				if nested, ok := term["@context"].(map[string]any); ok {
					walk(inner, nested, at+"/"+name)
				} else if len(inner.Properties) > 0 {
					t.Errorf("%s %s/%s: its members have no terms", g.Name(), at, name)
				}
			}
		}
		walk(document(t, g), g.Context(), "")
	}
}
