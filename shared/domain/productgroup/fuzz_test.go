package productgroup_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// FuzzContent holds for any content, whatever its types: no panic; a view of a view is the view; what is inherited from
// oneself is nothing new; and nothing changes the content.
func FuzzContent(f *testing.F) {
	for _, name := range samples.Names() {
		b, err := samples.Read(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(b))
	}
	for _, s := range []string{`{"batteryCategory":7,"manufacturer":[],"dismantling":null}`, `{"name":{"en":1},"materials":[[[]]]}`, `{"minimalVoltageV":1e99999999,"maximumVoltageV":{}}`, `{"voltageTemperatureRange":{"minC":[]}}`} {
		f.Add(s)
	}
	set := productgroup.NewSet()
	f.Fuzz(func(t *testing.T, s string) {
		content, before := read(s), read(s)
		if content == nil {
			return
		}
		for _, g := range set.All() {
			g.CheckRules(content, identifier.Item)
			g.CheckComplete(content, identifier.Item)
			for _, a := range audience.All() {
				view := g.View(content, a)
				if d := cmp.Diff(view, g.View(view, a)); d != "" {
					t.Fatalf("%s for %s: a view of the view differs: %s", g.Name(), a, d)
				}
				g.KeyFacts(g.Describe(view, []string{"de-AT", "en"}))
			}
			g.Describe(content, nil)
			whole := g.Inherit(nil, content)
			if d := cmp.Diff(whole, g.Inherit(whole, content)); d != "" {
				t.Fatalf("%s: inheriting from oneself: %s", g.Name(), d)
			}
		}
		if d := cmp.Diff(before, content); d != "" {
			t.Fatalf("the content changed: %s", d)
		}
	})
}

// read decodes content, or that of a request; nil if it is none.
func read(s string) map[string]any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var content map[string]any
	if d.Decode(&content) != nil {
		return nil
	}
	if inner, ok := content["content"].(map[string]any); ok {
		return inner
	}
	return content
}
