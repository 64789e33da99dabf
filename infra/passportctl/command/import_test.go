package command_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
)

const plainRecipe = `{"name":"Chairs","productGroup":"general","granularity":"item","mapping":{"columns":[` +
	`{"header":"Product identifier","pointer":"/productIdentifier"},{"header":"Serial number","pointer":"/content/serialNumber"}]}}`

// TestImportIsGoneOnWith interrupts an import while it is checked and while it is stored: it says whether anything will be
// stored, and how to go on, which works.
func TestImportIsGoneOnWith(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, key := o.Tenant(t, "Nordeiche")
	table, recipe := filepath.Join(dir, "chairs.csv"), filepath.Join(dir, "recipe.json")
	write(t, table, "Product identifier;Serial number\nhttps://id.gs1.org/01/09506000134376/21/T-1;T-1\n")
	write(t, recipe, plainRecipe)
	stored := func() int {
		return strings.Count(o.Do(t, "GET", "/v1/passports", key, "").Body.String(), `"productIdentifier"`)
	}
	o.wait = func() error { return errors.New("interrupted") }
	code, _, said := o.ctl(t, key, "import", table, "-recipe", recipe)
	which := regexp.MustCompile("`passportctl import -id (\\S+) -url").FindStringSubmatch(said)
	if code != command.Bad || which == nil || !strings.Contains(said, "nothing of it will be stored") {
		t.Fatalf("%d %s", code, said)
	}
	o.wait = nil
	if code, out, said := o.ctl(t, key, "import", "-id", which[1], "-dry-run"); code != command.Good || !strings.Contains(out, "1 would be created") || !strings.Contains(said, "import -id "+which[1]) || stored() != 0 {
		t.Fatalf("%d %s%s", code, out, said)
	}
	o.wait = func() error { return errors.New("interrupted") }
	if code, _, said := o.ctl(t, key, "import", "-id", which[1]); code != command.Bad || !strings.Contains(said, "goes on being stored") {
		t.Fatalf("%d %s", code, said)
	}
	o.wait = nil
	report := filepath.Join(dir, "report.csv")
	if code, out, said := o.ctl(t, key, "import", "-id", which[1], "-report", report); code != command.Good || !strings.Contains(out, "done: 1 row; 1 created, ") || stored() != 1 {
		t.Fatalf("%d %s%s", code, out, said)
	}
	if b, err := os.ReadFile(report); err != nil || !strings.Contains(string(b), "T-1") {
		t.Errorf("%s %v", b, err)
	}
	for _, args := range [][]string{{"-id", which[1], table}, {"-id", which[1], "-publish"}, {"-id", "../exports"}, {}} {
		if code, _, said := o.ctl(t, key, append([]string{"import"}, args...)...); code != command.Usage {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
}
