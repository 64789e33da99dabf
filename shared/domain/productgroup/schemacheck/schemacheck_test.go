package schemacheck_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func decode(t testing.TB, s string) map[string]any {
	t.Helper()
	var content map[string]any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&content); err != nil {
		t.Fatal(err)
	}
	return content
}

// TestWords holds what a person is told about each kind of mistake, and that nothing else is said.
func TestWords(t *testing.T) {
	const (
		unknown = fault.CodeContentUnknown
		typ     = fault.CodeContentType
		value   = fault.CodeContentValue
		invalid = fault.CodeContentInvalid
	)
	check := schemacheck.New(productgroup.NewSet())
	for _, tc := range []struct {
		content string
		want    []fault.Field
	}{
		{`{}`, nil},
		{`{"batteryWeightKg":438.5,"expectedLifetimeCycles":2000.0}`, nil},
		{`{"nominalCapcityAh":1}`, []fault.Field{{Pointer: "/nominalCapcityAh", Code: unknown, Detail: `There is no such data element. Did you mean "nominalCapacityAh"?`}}},
		{`{"Batterychemistry":"LFP"}`, []fault.Field{{Pointer: "/Batterychemistry", Code: unknown, Detail: `There is no such data element. Did you mean "batteryChemistry"?`}}},
		{`{"minimumVoltageV":1,"recycledContentZincPct":1}`, []fault.Field{ // as close to maximumVoltageV; another metal is no slip
			{Pointer: "/minimumVoltageV", Code: unknown, Detail: `There is no such data element. Did you mean "minimalVoltageV"?`},
			{Pointer: "/recycledContentZincPct", Code: unknown, Detail: "There is no such data element in this product group."},
		}},
		{`{"manufacturer":{"foo":1}}`, []fault.Field{{Pointer: "/manufacturer/foo", Code: unknown, Detail: "There is no such data element in this product group."}}},
		{`{"hazardousSubstances":[{"name":"x","casNummer":"1"}]}`, []fault.Field{{Pointer: "/hazardousSubstances/0/casNummer", Code: unknown, Detail: `There is no such data element. Did you mean "casNumber"?`}}},
		{`{"a/b~c":1}`, []fault.Field{{Pointer: "/a~1b~0c", Code: unknown, Detail: "There is no such data element in this product group."}}},
		{`{"nominalCapacityAh":"1"}`, []fault.Field{{Pointer: "/nominalCapacityAh", Code: typ, Detail: "This must be a number, not text."}}},
		{`{"expectedLifetimeCycles":1.5}`, []fault.Field{{Pointer: "/expectedLifetimeCycles", Code: typ, Detail: "This must be a whole number, not a number."}}},
		{`{"manufacturer":null}`, []fault.Field{{Pointer: "/manufacturer", Code: typ, Detail: "This must be an object, not null."}}},
		{`{"nominalCapacityAh":0}`, []fault.Field{{Pointer: "/nominalCapacityAh", Code: value, Detail: "More than 0 is expected."}}},
		{`{"voltageTemperatureRange":{"minC":-300,"maxC":1}}`, []fault.Field{{Pointer: "/voltageTemperatureRange/minC", Code: value, Detail: "At least -273.15 is expected."}}},
		{`{"renewableContentPct":101}`, []fault.Field{{Pointer: "/renewableContentPct", Code: value, Detail: "At most 100 is expected."}}},
		{`{"batteryCategory":"EV"}`, []fault.Field{{Pointer: "/batteryCategory", Code: value, Detail: "Allowed are: ev, lmt, industrial."}}},
		{`{"manufacturer":{"address":{"street":"x"}}}`, []fault.Field{
			{Pointer: "/manufacturer/address/city", Code: invalid, Detail: `"city" is needed here.`},
			{Pointer: "/manufacturer/address/country", Code: invalid, Detail: `"country" is needed here.`},
		}},
		{`{"manufacturer":{"email":"nobody"}}`, []fault.Field{{Pointer: "/manufacturer/email", Code: value, Detail: "This is not a valid e-mail address, for example name@example.com."}}},
		{`{"manufacturer":{"web":"javascript:alert(1)"}}`, []fault.Field{{Pointer: "/manufacturer/web", Code: value, Detail: "The text does not have the expected form, for example https://example.com/page."}}},
		{`{"manufacturingDate":"02/2027"}`, []fault.Field{{Pointer: "/manufacturingDate", Code: value, Detail: "The text does not have the expected form, for example 2027-02."}}},
		{`{"stateOfHealth":{"recordedAt":"2027"}}`, []fault.Field{{Pointer: "/stateOfHealth/recordedAt", Code: value, Detail: "This is not a valid instant, for example 2027-02-18T09:30:00Z."}}},
		{`{"batteryModelId":""}`, []fault.Field{{Pointer: "/batteryModelId", Code: value, Detail: "The text is empty."}}},
		{`{"serialNumber":"123456789012345678901"}`, []fault.Field{{Pointer: "/serialNumber", Code: value, Detail: "The text has 21 characters; at most 20 are allowed."}}},
		{`{"criticalRawMaterials":["Lithium","Cobalt","Lithium"]}`, []fault.Field{{Pointer: "/criticalRawMaterials", Code: value, Detail: "Entries 1 and 3 of the list are the same."}}},
		{`{"wasteBatteryInformation":{}}`, []fault.Field{{Pointer: "/wasteBatteryInformation", Code: value, Detail: "The object is empty."}}},
		{`{"wasteBatteryInformation":{"text":{"English":"x","de":""}}}`, []fault.Field{
			{Pointer: "/wasteBatteryInformation/text/English", Code: value, Detail: "The name is not a language tag such as en, de or pt-BR."},
			{Pointer: "/wasteBatteryInformation/text/de", Code: value, Detail: "The text is empty."},
		}},
		{`{"batteryWeightKg":1e400}`, []fault.Field{{Pointer: "/batteryWeightKg", Code: value, Detail: "The number is too large: it must fit a 64-bit floating point number."}}},
		{`{"batteryWeightKg":1e99999999}`, []fault.Field{{Pointer: "/batteryWeightKg", Code: value, Detail: "The number is too large: it must fit a 64-bit floating point number."}}},
		{`{"batteryWeightKg":2e-999999}`, []fault.Field{{Pointer: "/batteryWeightKg", Code: value, Detail: "The number is too close to zero: it must fit a 64-bit floating point number."}}},
		{`{"hazardousSubstances":[{"concentrationPct":0.` + strings.Repeat("1", 60) + `}]}`, []fault.Field{{Pointer: "/hazardousSubstances/0/concentrationPct", Code: value, Detail: "The number is written with 62 characters; at most 40 are allowed."}}},
		{`{"usageHistory":{"chargeDischargeCycles":0e5}}`, nil},
	} {
		for i := range tc.want {
			tc.want[i].Pointer = "/content" + tc.want[i].Pointer
		}
		if d := cmp.Diff(tc.want, check.Check("battery", decode(t, tc.content))); d != "" {
			t.Errorf("%s (-want +got):\n%s", tc.content, d)
		}
	}
	if got := check.Check("unheardOf", decode(t, `{"x":1}`)); got != nil {
		t.Errorf("a group without a schema: %v", got)
	}
}

// TestOutsideTheGuidance holds that the categories on which the guidance is silent are refused with that reason: silence
// is neither a rule nor an exemption.
func TestOutsideTheGuidance(t *testing.T) {
	check := schemacheck.New(productgroup.NewSet())
	for _, category := range []string{"portable", "sli"} {
		got := check.Check("battery", map[string]any{"batteryCategory": category})
		if len(got) != 1 || got[0].Pointer != "/content/batteryCategory" || got[0].Code != fault.CodeContentValue || !strings.Contains(got[0].Detail, "silent") {
			t.Errorf("%s: %v", category, got)
		}
	}
}

// TestFloods holds that the answer stays small whatever is sent, and that it is the same each time.
func TestFloods(t *testing.T) {
	check := schemacheck.New(productgroup.NewSet())
	var members strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&members, `"A%d":"x",`, i)
	}
	for _, tc := range []struct {
		name, content string
		count         int
		first         string
	}{
		{"unknown members", `{` + members.String() + `"z":1}`, schemacheck.MaxFields, "/content/A0"},
		{"a long unknown member", `{"` + strings.Repeat("a", 100_000) + `":1}`, 1, "/content/a"},
		{"languages", `{"wasteBatteryInformation":{"text":{` + members.String() + `"en":"x"}}}`, 1, "/content/wasteBatteryInformation/text"},
		{"list of wrong entries", `{"criticalRawMaterials":[` + strings.Repeat("5,", 5000) + `5]}`, 1, "/content/criticalRawMaterials"},
		{"wrong entries within the limit", `{"hazardousSubstances":[` + strings.Repeat(`{},`, 400) + `{}]}`, schemacheck.MaxFields, "/content/hazardousSubstances/0/name"},
		{"huge numbers", `{"usageHistory":{"stateOfCharge":[` + strings.Repeat(`{"stateOfChargePct":1e999999},`, 4000) + `{}]}}`, schemacheck.MaxFields, "/content/usageHistory/stateOfCharge/0/stateOfChargePct"},
	} {
		content := decode(t, tc.content)
		got := check.Check("battery", content)
		if len(got) != tc.count {
			t.Errorf("%s: %d fields, want %d", tc.name, len(got), tc.count)
			continue
		}
		if !strings.HasPrefix(got[0].Pointer, tc.first) {
			t.Errorf("%s: the first is %.80s", tc.name, got[0].Pointer)
		}
		if d := cmp.Diff(got, check.Check("battery", content)); d != "" {
			t.Errorf("%s: a second check differs: %s", tc.name, d)
		}
	}
}

// TestExamples holds that the examples shown to people pass the schemas they come from.
func TestExamples(t *testing.T) {
	set := productgroup.NewSet()
	check := schemacheck.New(set)
	for _, g := range set.All() {
		var doc map[string]any
		if err := json.Unmarshal(g.Schema(), &doc); err != nil {
			t.Fatal(err)
		}
		var walk func(n map[string]any, wrap func(any) map[string]any, at string)
		walk = func(n map[string]any, wrap func(any) map[string]any, at string) {
			if n["pattern"] != nil || n["format"] != nil {
				examples, _ := n["examples"].([]any)
				if len(examples) == 0 {
					t.Errorf("%s %s has a form and no example", g.Name(), at)
				}
				for _, e := range examples {
					for _, f := range check.Check(g.Name(), wrap(e)) {
						if f.Code != fault.CodeContentInvalid { // the members beside it are missing
							t.Errorf("%s %s: the example %v: %v", g.Name(), at, e, f)
						}
					}
				}
			}
			if items, ok := n["items"].(map[string]any); ok {
				walk(items, func(v any) map[string]any { return wrap([]any{v}) }, at+"/*")
			}
			properties, _ := n["properties"].(map[string]any)
			for name, child := range properties {
				walk(child.(map[string]any), func(v any) map[string]any {
					inner := map[string]any{name: v}
					if at == "" {
						return inner
					}
					return wrap(inner)
				}, at+"/"+name)
			}
		}
		walk(doc, nil, "")
	}
}

// FuzzCheck holds for any content: no panic, at most MaxFields fields in order of their pointers, each with a code of
// the content family and a sentence.
func FuzzCheck(f *testing.F) {
	for _, name := range samples.Names() {
		b, err := samples.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	for _, s := range []string{`{"batteryWeightKg":1e99999999}`, `{"a/b":[null]}`, `{"name":{"":""}}`, `{"wasteBatteryInformation":{"text":[]}}`, `{"hazardousSubstances":[[],{},0,"",true,null]}`} {
		f.Add([]byte(s))
	}
	check := schemacheck.New(productgroup.NewSet())
	codes := []fault.Code{fault.CodeContentUnknown, fault.CodeContentType, fault.CodeContentValue, fault.CodeContentInvalid}
	f.Fuzz(func(t *testing.T, b []byte) {
		var content map[string]any
		d := json.NewDecoder(strings.NewReader(string(b)))
		d.UseNumber()
		if d.Decode(&content) != nil {
			return
		}
		if inner, ok := content["content"].(map[string]any); ok {
			content = inner
		}
		for _, group := range []string{"battery", "general"} {
			got := check.Check(group, content)
			if len(got) > schemacheck.MaxFields || !slices.IsSortedFunc(got, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) }) {
				t.Fatalf("%d fields, or out of order: %v", len(got), got)
			}
			for _, field := range got {
				if !strings.HasPrefix(field.Pointer, "/content") || !slices.Contains(codes, field.Code) || field.Detail == "" {
					t.Fatalf("%+v", field)
				}
			}
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	for _, name := range samples.Names() {
		body, err := samples.Read(name)
		if err != nil {
			b.Fatal(err)
		}
		request := decode(b, string(body))
		group, content := request["productGroup"].(string), request["content"].(map[string]any)
		check := schemacheck.New(productgroup.NewSet())
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if f := check.Check(group, content); len(f) > 0 {
					b.Fatal(f)
				}
			}
		})
	}
}

// BenchmarkFirstCheck is what a cold function pays once: reading and compiling the schema.
func BenchmarkFirstCheck(b *testing.B) {
	for b.Loop() {
		if f := schemacheck.New(productgroup.NewSet()).Check("battery", map[string]any{}); len(f) > 0 {
			b.Fatal(f)
		}
	}
}
