package command_test

import (
	"archive/zip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

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

// TestTableTellsWhatItLeavesOut holds that whoever brings a table learns which columns come to nothing, which are guessed and
// how numbers and dates are read: with the suggestion, and with each dry run.
func TestTableTellsWhatItLeavesOut(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, key := o.Tenant(t, "Nordeiche")
	table, recipe := filepath.Join(dir, "chairs.csv"), filepath.Join(dir, "recipe.json")
	write(t, table, "EAN;Seriennummer;Gewicht;Herstellungsdatum;Colour\n09506000134376;T-1;4,5;03.02.2026;red\n")
	code, suggested, said := o.ctl(t, key, "import", table, "-group", "general", "-granularity", "item")
	for _, want := range []string{`not imported: column E "Colour". No field`, `guessed: column C "Gewicht" -> /content/weightKg. It names no unit`, `"decimal": ","`, `column D "Herstellungsdatum" -> /content/manufacturingDate. Its dates`} {
		if code != command.Bad || !strings.Contains(said, want) {
			t.Errorf("%d, and not %q: %s", code, want, said)
		}
	}
	write(t, recipe, suggested)
	code, out, said := o.ctl(t, key, "import", table, "-recipe", recipe, "-dry-run")
	if code != command.Good || !strings.Contains(out, "1 would be created") || !strings.Contains(out, `not imported: column E "Colour"`) || strings.Count(out, "not imported") != 1 {
		t.Errorf("%d %s%s", code, out, said)
	}
	write(t, table, "Farbe\nrot\n")
	if code, out, said := o.ctl(t, key, "import", table, "-group", "general"); code != command.Bad || !strings.Contains(out, `"columns": []`) {
		t.Errorf("%d %s%s", code, out, said)
	}
}

// TestTableReport holds that the account of a table says what would be and what was, counts in the same words, and names each
// thing that is wrong once.
func TestTableReport(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, key := o.Tenant(t, "Nordeiche")
	table, recipe := filepath.Join(dir, "chairs.txt"), filepath.Join(dir, "recipe.json")
	const chairs = "https://id.gs1.org/01/09506000134376/21/"
	write(t, table, "Product identifier;Serial number\n"+chairs+"T-1;T-1\n"+chairs+"T-1;T-1\n"+chairs+"T-2;T-2;x\n;T-3\n")
	write(t, recipe, plainRecipe)
	code, out, said := o.ctl(t, key, "import", table, "-format", "csv", "-recipe", recipe, "-dry-run")
	for _, want := range []string{
		"checked: 4 rows; 1 would be created, 0 updated, 0 unchanged, 2 refused, 1 duplicate\n", "row 3, /productIdentifier: Row 2 ", "row 4, C: ", "row 5, Product identifier /productIdentifier: ",
		"3 of 4 rows were not taken: 2 refused, 1 duplicate",
	} {
		if code != command.Bad || !strings.Contains(out+said, want) {
			t.Errorf("%d, and not %q: %s%s", code, want, out, said)
		}
	}
	if strings.Count(out, "  row ") != 3 {
		t.Errorf("not one problem for each row: %s", out)
	}
	if code, out, said := o.ctl(t, key, "import", table, "-recipe", recipe); code != command.Bad || !strings.Contains(out, "done: 4 rows; 1 created, 0 updated") {
		t.Errorf("%d %s%s", code, out, said)
	}
}

// TestArchiveTellsWhatIsLeftToDo brings an export into another organisation: what was published comes back suspended, which
// is said with its number and the way to publish it again; and the key of another platform is not taken for a forgery alone.
func TestArchiveTellsWhatIsLeftToDo(t *testing.T) {
	o, dir := newOutside(t), t.TempDir()
	_, theirs := o.Tenant(t, "Nordeiche")
	_, ours := o.Tenant(t, "Südeiche")
	for _, serial := range []string{"P1", "P2"} {
		o.Publish(t, theirs, o.Create(t, theirs, strings.ReplaceAll(chair, "SERIAL", serial)))
	}
	o.Create(t, theirs, strings.ReplaceAll(chair, "SERIAL", "D1"))
	o.Clock.Advance(time.Minute)
	file, pub, other := filepath.Join(dir, "all.zip"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "other.pem")
	if code, _, said := o.ctl(t, theirs, "export", "-o", file, "-no-audit"); code != command.Good {
		t.Fatal(said)
	}
	code, out, said := o.ctl(t, ours, "import", file)
	if code != command.Good || !strings.Contains(out, "done: 3 restored") || !strings.Contains(out, "2 passports are suspended") || !strings.Contains(out, "/publication publishes one") {
		t.Errorf("%d %s%s", code, out, said)
	}
	var list struct{ Items []struct{ ID string } }
	if err := json.Unmarshal(o.Do(t, "GET", "/v1/passports?status=suspended", ours, "").Body.Bytes(), &list); err != nil || len(list.Items) != 2 {
		t.Fatalf("%v %v", list, err)
	}
	if code, out, said := o.ctl(t, theirs, "import", file); code != command.Good || strings.Contains(out, "suspended") || !strings.Contains(out, "3 there already") {
		t.Errorf("%d %s%s", code, out, said)
	}

	write(t, other, "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt\n6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==\n-----END PUBLIC KEY-----\n")
	if code, said := ctl(t, "", "verify", "export", file, "-key", other); code != command.Bad || !strings.Contains(said, "NOT what was signed") || !strings.Contains(said, "Or "+other+" is not the key") {
		t.Errorf("%d %s", code, said)
	}
	if code, said := ctl(t, "", "audit", "key", "-url", o.url, "-o", pub); code != command.Good {
		t.Fatal(said)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(dir, "half.zip")
	write(t, half, string(b[:len(b)/2]))
	if code, said := ctl(t, "", "verify", "export", half, "-key", pub); code != command.Bad || strings.Contains(said, "is not the key") {
		t.Errorf("%d %s", code, said)
	}

	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	in, err := z.Open("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var manifest map[string]any
	if err := json.NewDecoder(in).Decode(&manifest); err != nil || manifest["tenant"] == "" {
		t.Fatalf("%v %v", manifest, err)
	}
	for name, value := range manifest {
		if value == "" {
			t.Errorf("the manifest says nothing of %s", name)
		}
	}
}
