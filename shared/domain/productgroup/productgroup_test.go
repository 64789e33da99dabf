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

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func group(t testing.TB, name string) *productgroup.Group {
	t.Helper()
	g, err := productgroup.NewSet().Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func sample(t testing.TB, name string) map[string]any {
	t.Helper()
	b, err := samples.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var body struct{ Content map[string]any }
	if err := d.Decode(&body); err != nil {
		t.Fatal(err)
	}
	return body.Content
}

// TestCommissionDataPoints compares every row with the Commission's list: applicability per category, annex point and
// with it the audience, and the level.
func TestCommissionDataPoints(t *testing.T) {
	b, err := os.ReadFile("../../../../shared/standards/battery/datapoints-71.json")
	if err != nil {
		t.Skip("standards data is not beside the repository: ../shared/standards/battery/datapoints-71.json")
	}
	var doc struct {
		DataPoints []struct {
			Nr            int
			AnnexXIIIPt   int `json:"annexXiiiPoint"`
			Lifecycle     string
			Applicability map[string]productgroup.Applicability
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	elements := map[int][]productgroup.Element{}
	for _, e := range group(t, "battery").Elements() {
		elements[e.DataPoint] = append(elements[e.DataPoint], e)
	}
	if len(doc.DataPoints) != 71 {
		t.Fatalf("%d data points in the list", len(doc.DataPoints))
	}
	for _, dp := range doc.DataPoints {
		if dp.Nr == 1 {
			continue // the unique identifier is the passport's own product identifier
		}
		own := elements[dp.Nr]
		if len(own) == 0 {
			t.Errorf("data point %d has no element", dp.Nr)
			continue
		}
		strongest := map[string]productgroup.Applicability{}
		for _, e := range own {
			for category, a := range e.Applicability {
				if strongest[category] == "" || strongest[category] == productgroup.Optional {
					strongest[category] = a // a data point may have optional members beside its mandatory ones
				}
			}
			want := audience.AnnexXIII(dp.AnnexXIIIPt)
			if e.Refused != "" {
				want = 0
			}
			if e.Audiences != want {
				t.Errorf("data point %d (%s): audiences %v, want %v", dp.Nr, e.Pointer, e.Audiences.List(), want.List())
			}
			if live := slices.Equal(e.Levels, []identifier.Granularity{identifier.Item}); dp.Lifecycle == "dynamic" && !live {
				t.Errorf("data point %d (%s) is live and belongs to items only, not %v", dp.Nr, e.Pointer, e.Levels)
			}
		}
		if d := cmp.Diff(dp.Applicability, strongest); d != "" {
			t.Errorf("data point %d: applicability (-list +ours):\n%s", dp.Nr, d)
		}
	}
}

// TestMatrix puts each data point alone into a passport of each category, at its level, and expects what its code says.
func TestMatrix(t *testing.T) {
	g := group(t, "battery")
	for _, e := range g.Elements() {
		if e.Pointer == "/batteryCategory" {
			continue
		}
		for _, category := range []string{"ev", "lmt", "industrial"} {
			for _, level := range []identifier.Granularity{identifier.Model, identifier.Batch, identifier.Item} {
				content := map[string]any{"batteryCategory": category}
				put(content, e.Pointer, "x")
				var codes []fault.Code
				for _, f := range g.CheckRules(content, level) {
					codes = append(codes, f.Code)
				}
				var want []fault.Code
				switch a := e.For(category); {
				case a == productgroup.Pending:
					want = []fault.Code{fault.CodeDataPointPending}
				case e.Refused != "":
					want = []fault.Code{fault.CodeDataPointRefused}
				case a == productgroup.NotApplicable:
					want = []fault.Code{fault.CodeDataPointCategory}
				case !slices.Contains(e.Levels, level):
					want = []fault.Code{fault.CodeDataPointLevel}
				}
				if d := cmp.Diff(want, codes); d != "" {
					t.Errorf("%s, %s, %s: %s", e.Pointer, category, level, d)
				}
				for _, a := range audience.All() {
					_, visible := get(g.View(content, a), e.Pointer)
					if visible != e.Audiences.Has(a) {
						t.Errorf("%s is visible to %s: %v", e.Pointer, a, visible)
					}
				}
				missing := slices.ContainsFunc(g.CheckComplete(map[string]any{"batteryCategory": category}, level), func(f fault.Field) bool { return f.Pointer == "/content"+e.Pointer })
				if due := e.For(category) == productgroup.Mandatory && slices.Contains(e.Due, level); missing != due {
					t.Errorf("%s is demanded of a %s %s: %v, want %v", e.Pointer, category, level, missing, due)
				}
			}
		}
	}
}

func put(m map[string]any, pointer string, v any) {
	parts := strings.Split(pointer, "/")[1:]
	for _, p := range parts[:len(parts)-1] {
		next := map[string]any{}
		m[p] = next
		m = next
	}
	m[parts[len(parts)-1]] = v
}

func get(m map[string]any, pointer string) (any, bool) {
	var v any = m
	for _, p := range strings.Split(pointer, "/")[1:] {
		o, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = o[p]; !ok {
			return nil, false
		}
	}
	return v, true
}

// TestSamples holds that the samples are complete, each at its level with what it inherits.
func TestSamples(t *testing.T) {
	check := schemacheck.New(productgroup.NewSet())
	battery := group(t, "battery")
	model, batch, item := sample(t, "1-ev-model.json"), sample(t, "2-ev-batch.json"), sample(t, "3-ev-item.json")
	whole := battery.Inherit(battery.Inherit(model, batch), item)
	for _, tc := range []struct {
		group   string
		level   identifier.Granularity
		content map[string]any
	}{{"battery", identifier.Model, model}, {"battery", identifier.Batch, battery.Inherit(model, batch)}, {"battery", identifier.Item, whole}, {"general", identifier.Model, sample(t, "4-chair.json")}} {
		g := group(t, tc.group)
		fields := append(check.Check(tc.group, tc.content), g.CheckRules(tc.content, tc.level)...)
		fields = append(fields, g.CheckComplete(tc.content, tc.level)...)
		if len(fields) > 0 {
			t.Errorf("%s %s: %v", tc.group, tc.level, fields)
		}
		for _, s := range g.Describe(g.View(tc.content, audience.Public), []string{"de"}) {
			for _, r := range s.Rows {
				if r.Label == "" || s.Title == "" || len(r.Values) == 0 {
					t.Errorf("a row without words: %+v", r)
				}
			}
		}
	}
	for name := range whole { // each omission is noticed
		rest := map[string]any{}
		for k, v := range whole {
			if k != name {
				rest[k] = v
			}
		}
		e := slices.IndexFunc(battery.Elements(), func(e productgroup.Element) bool {
			return strings.HasPrefix(e.Pointer, "/"+name) && e.For("ev") == productgroup.Mandatory && slices.Contains(e.Due, identifier.Item)
		})
		if n := len(battery.CheckComplete(rest, identifier.Item)); (n > 0) != (e >= 0) {
			t.Errorf("without %s: %d gaps", name, n)
		}
	}
}

// TestInherit holds that an element is taken whole and a container is not.
func TestInherit(t *testing.T) {
	object := func(s string) (m map[string]any) {
		if err := json.Unmarshal([]byte(s), &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, tc := range []struct{ group, parent, child, want string }{
		{"general", `{"manufacturer":{"name":"A","web":"https://a.example"},"name":{"en":"a","de":"b"},"brand":"B"}`, `{"manufacturer":{"name":"C"},"name":{"en":"c"}}`, `{"manufacturer":{"name":"C"},"name":{"en":"c"},"brand":"B"}`},
		{"battery", `{"manufacturer":{"name":"A","web":"https://a.example"}}`, `{"manufacturer":{"name":"C"},"batteryStatus":"original"}`, `{"manufacturer":{"name":"C","web":"https://a.example"},"batteryStatus":"original"}`},
		{"general", `{}`, `{}`, `{}`},
		{"general", `{"substancesOfConcern":[{"name":"x"}]}`, `{"substancesOfConcern":[]}`, `{"substancesOfConcern":[]}`},
	} {
		parent, child := object(tc.parent), object(tc.child)
		if d := cmp.Diff(object(tc.want), group(t, tc.group).Inherit(parent, child)); d != "" {
			t.Errorf("%s over %s: %s", tc.child, tc.parent, d)
		}
		if cmp.Diff(object(tc.parent), parent)+cmp.Diff(object(tc.child), child) != "" {
			t.Errorf("%s over %s changed its arguments", tc.child, tc.parent)
		}
	}
}

// TestViewNeverLeaks states the law of views: whatever is in the content, an audience sees elements of its own only, and
// what nobody declared is seen by nobody.
func TestViewNeverLeaks(t *testing.T) {
	g := group(t, "battery")
	rapid.Check(t, func(rt *rapid.T) {
		content := map[string]any{"unheardOf": "SECRET", "manufacturer": map[string]any{"secret": "SECRET"}}
		for _, e := range rapid.SliceOfN(rapid.SampledFrom(g.Elements()), 0, 20).Draw(rt, "elements") {
			parts := strings.Split(e.Pointer, "/")[1:]
			m := content
			for _, p := range parts[:len(parts)-1] {
				next, ok := m[p].(map[string]any)
				if !ok {
					next = map[string]any{}
					m[p] = next
				}
				m = next
			}
			m[parts[len(parts)-1]] = fmt.Sprintf("[%s]", e.Pointer)
		}
		a := rapid.SampledFrom(audience.All()).Draw(rt, "audience")
		seen, err := json.Marshal(g.View(content, a))
		if err != nil {
			rt.Fatal(err)
		}
		if strings.Contains(string(seen), "SECRET") {
			rt.Fatal("an undeclared member is seen")
		}
		for _, e := range g.Elements() {
			if strings.Contains(string(seen), "["+e.Pointer+"]") && !e.Audiences.Has(a) {
				rt.Fatalf("%s sees %s", a, e.Pointer)
			}
		}
	})
}
