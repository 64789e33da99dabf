package routes_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// member reads one file of a package.
func member(t *testing.T, raw []byte, name string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	r, err := z.Open(name)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return b
}

// asSuggested is the recipe that is proposed for an arrived file.
func asSuggested(t *testing.T, run map[string]any) string {
	t.Helper()
	columns := []any{}
	for _, s := range run["suggestions"].([]any) {
		if s := s.(map[string]any); s["confidence"] == "exact" {
			columns = append(columns, s["column"])
		}
	}
	b, err := json.Marshal(map[string]any{"name": "as suggested", "productGroup": "general", "mapping": map[string]any{"columns": columns}})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// contents are the passports of an organisation by product, as far as a table tells of them.
func contents(t *testing.T, k *testkit.Kit, token string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, p := range passports(t, k, token) {
		one := answer(t, k.Do(t, "GET", "/v1/passports/"+p.(map[string]any)["id"].(string), token, ""), 200)
		b, err := json.Marshal([]any{one["granularity"], one["productGroup"], one["content"]})
		if err != nil {
			t.Fatal(err)
		}
		out[one["productIdentifier"].(string)] = string(b)
	}
	return out
}

// TestTablesGoAround exports passports as CSV and as a workbook and brings each file into another organisation with the
// mapping that is suggested for it: the content is equal, whatever texts, languages, numbers, days and lists it has.
func TestTablesGoAround(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	for n, content := range []string{
		`{"name":{"de":"=Stuhl","en":"+Chair","it":"Sedia","pt-BR":"-cadeira; \"boa\""},"brand":"@x","weightKg":7.50,"serialNumber":"S0","manufacturingDate":"2027-02-18","materials":[{"name":"=Oak","sharePct":99.90},{"name":"Steel; \"V2A\"","originCountry":"DE"}],"substancesOfConcern":[{"name":"Lead","casNumber":"7439-92-1"}]}`,
		`{"name":{"zh-Hant":"椅子"},"description":{"en":"two\nlines, \"quoted\"; = not a formula"},"brand":"007","serialNumber":"S1","manufacturer":{"name":"'Eiche","address":{"city":"Köln","country":"DE","street":"1","postalCode":"00123"}},"materials":[{"name":"Glue"}],"substancesOfConcern":[]}`,
	} {
		k.Create(t, anna, fmt.Sprintf(`{"productGroup":"general","granularity":"item","productIdentifier":%q,"content":%s}`, product(fmt.Sprint("S", n)), content))
	}
	raw, a := exported(t, k, anna, `{"scope":"passports","formats":["xlsx","csv","en18223"]}`)
	if a.Manifest.Counts["tables/general"] != 3 || len(a.Manifest.LeftOut) != 0 {
		t.Errorf("the manifest counts %v and leaves out %v", a.Manifest.Counts, a.Manifest.LeftOut)
	}
	if csv := string(member(t, raw, "tables/general/000001.csv")); !strings.Contains(csv, ",'=Stuhl,") || strings.Contains(csv, ",=") || !strings.Contains(csv, "7.5") {
		t.Errorf("the table is\n%s", csv)
	}
	want := contents(t, k, anna)
	for _, format := range []string{"csv", "xlsx"} {
		_, other := k.Organisation(t, "otto-"+format, "Otto "+format)
		run := announced(t, k, other, format, `,"productGroup":"general"`, member(t, raw, "tables/general/000001."+format))
		answer(t, k.Do(t, "POST", "/v1/imports/"+run["id"].(string)+"/check", other, `{"recipe":`+asSuggested(t, run)+`}`), 202)
		k.ImportAll(t)
		run = committed(t, k, other, answer(t, k.Do(t, "GET", "/v1/imports/"+run["id"].(string), other, ""), 200))
		if totals(t, run, "commit", "created") != 3 {
			t.Fatalf("%s: %v", format, run)
		}
		for product, content := range contents(t, k, other) {
			if content != want[product] {
				t.Errorf("%s: %s comes back as\n%s\nit was\n%s", format, product, content, want[product])
			}
		}
	}
}

// TestLeavingOut holds that versions and audit stay out of a package where nobody wants them, and that it says so.
func TestLeavingOut(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	for pointer, body := range map[string]string{
		"/include/audit":    `{"scope":"passports","include":{"audit":false}}`,
		"/include/versions": `{"scope":"account","include":{"versions":true}}`,
		"/formats/1":        `{"scope":"workspace","formats":["csv","pdf"]}`,
		"/formats/0":        `{"scope":"account","formats":["csv"]}`,
	} {
		if w := k.Do(t, "POST", "/v1/exports", anna, body); w.Code != 422 || !strings.Contains(w.Body.String(), `"`+pointer+`"`) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	raw, a := exported(t, k, anna, `{"scope":"workspace","include":{"versions":false,"audit":false}}`)
	for _, m := range a.Manifest.Members {
		if strings.HasPrefix(m.Name, "versions/") || strings.HasPrefix(m.Name, "audit/") || strings.HasPrefix(m.Name, "account/audit") {
			t.Errorf("%s came along", m.Name)
		}
	}
	if !slices.Equal(a.Manifest.LeftOut, []string{"audit", "versions"}) || len(lines(t, a, "passports/")) != 1 || len(lines(t, a, "en18223/")) != 1 {
		t.Errorf("left out: %v, counts %v", a.Manifest.LeftOut, a.Manifest.Counts)
	}
	_, other := k.Organisation(t, "otto", "Otto")
	run := committed(t, k, other, uploaded(t, k, other, raw))
	if problems, _ := run["problems"].([]any); run["failed"] != 1.0 || len(problems) != 1 || !strings.Contains(fmt.Sprint(problems[0]), "without versions") {
		t.Errorf("a package without versions came back: %v", run)
	}
}

// TestFormats holds which forms of the passports come, said and not said.
func TestFormats(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	for body, want := range map[string]string{
		`{"scope":"passports"}`:                              "en18223",
		`{"scope":"passports","formats":["en18223-jsonld"]}`: "en18223-jsonld",
		`{"scope":"passports","formats":[]}`:                 "",
		`{"scope":"workspace","formats":["csv"]}`:            "tables",
		`{"scope":"account"}`:                                "",
	} {
		_, a := exported(t, k, anna, body)
		var got []string
		for _, m := range a.Manifest.Members {
			folder, _, _ := strings.Cut(m.Name, "/")
			if strings.HasPrefix(folder, "en18223") || folder == "tables" {
				got = append(got, folder)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s brings %q, want %q", body, got, want)
		}
	}
}
