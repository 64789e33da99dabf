package routes_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// product is the identifier of a chair.
func product(serial string) string { return "https://id.gs1.org/01/09506000134376/21/" + serial }

// chairs is a table of chairs, with one that has no name and one that comes twice.
func chairs(serials ...string) string {
	var b strings.Builder
	b.WriteString("Product identifier;Serial number;Name (en);Manufacturer name;Weight (g);Remark\n")
	for _, s := range serials {
		fmt.Fprintf(&b, "%s;%s;Chair %s;Nordeiche;7500;=cmd()\n", product(s), s, s)
	}
	return b.String()
}

// chairRecipe says what the columns of chairs become.
const chairRecipe = `{"name":"Chairs of Nordeiche","productGroup":"general","granularity":"item","mapping":{"decimal":",","columns":[` +
	`{"header":"Product identifier","pointer":"/productIdentifier"},{"header":"Serial number","pointer":"/content/serialNumber"},` +
	`{"header":"Name (en)","pointer":"/content/name","language":"en"},{"header":"Manufacturer name","pointer":"/content/manufacturer/name"}]}}`

// announced uploads a file of a format, with more members in the announcement, and lets the runner look at it.
func announced(t *testing.T, k *testkit.Kit, token, format, more string, file []byte) map[string]any {
	t.Helper()
	made := answer(t, k.Do(t, "POST", "/v1/imports", token, fmt.Sprintf(`{"format":%q,"size":%d,"sha256":"%x"%s}`, format, len(file), sha256.Sum256(file), more)), 201)
	form := made["upload"].(map[string]any)
	if resp := k.Send(t, form["method"].(string), form["url"].(string), form["headers"].(map[string]any), file); resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("upload: %d %s", resp.StatusCode, b)
	}
	k.ImportAll(t)
	return answer(t, k.Do(t, "GET", "/v1/imports/"+made["id"].(string), token, ""), 200)
}

// TestTablesChangeLargePassports lets a table change passports whose content does not fit into a row: what it does not say
// stays.
func TestTablesChangeLargePassports(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	big := k.Create(t, anna, large(t, 450_000))
	before := answer(t, k.Do(t, "GET", "/v1/passports/"+big, anna, ""), 200)
	file := "Product identifier;Manufacturer name\n" + before["productIdentifier"].(string) + ";Ahorn\n"
	recipe := `{"name":"Makers","productGroup":"general","granularity":"model","mapping":{"columns":[{"header":"Product identifier","pointer":"/productIdentifier"},` +
		`{"header":"Manufacturer name","pointer":"/content/manufacturer/name"}]}}`
	done := committed(t, k, anna, announced(t, k, anna, "csv", `,"productGroup":"general","recipe":`+recipe, []byte(file)))
	if done["state"] != "done" || totals(t, done, "commit", "updated") != 1 {
		t.Fatalf("%v", done)
	}
	want, got := before["content"].(map[string]any), answer(t, k.Do(t, "GET", "/v1/passports/"+big, anna, ""), 200)["content"].(map[string]any)
	maker := got["manufacturer"].(map[string]any)["name"]
	want["manufacturer"], got["manufacturer"] = nil, nil
	if maker != "Ahorn" || !reflect.DeepEqual(want, got) {
		t.Errorf("made by %v, or something else has changed", maker)
	}
}

// totals are those of a phase of an import.
func totals(t *testing.T, run map[string]any, phase, name string) float64 {
	t.Helper()
	p, ok := run[phase].(map[string]any)
	if !ok {
		t.Fatalf("no %s in %v", phase, run)
	}
	return p["totals"].(map[string]any)[name].(float64)
}

// verdicts fetches the report of a phase.
func verdicts(t *testing.T, k *testkit.Kit, run map[string]any, phase string) [][]string {
	t.Helper()
	link, _ := run["reports"].(map[string]any)[phase].(string)
	resp := k.Fetch(t, link)
	raw, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("report: %d %s %v", resp.StatusCode, raw, err)
	}
	rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(raw, []byte("\ufeff")))).ReadAll()
	if err != nil {
		t.Fatalf("report: %v\n%s", err, raw)
	}
	return rows
}

func passports(t *testing.T, k *testkit.Kit, token string) []any {
	t.Helper()
	return answer(t, k.Do(t, "GET", "/v1/passports", token, ""), 200)["items"].([]any)
}

// TestTableBecomesPassports goes the way of somebody with a spreadsheet: upload, see what the columns might become, say it,
// look at the dry run, store, fix, and store again.
func TestTableBecomesPassports(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	table := chairs("A1", "A2") + fmt.Sprintf("%s;A2;Again;Nordeiche;1;\n", product("A2")) + "not an identifier;A4;Chair;Nordeiche;1;\n"
	run := announced(t, k, anna, "csv", `,"productGroup":"general","granularity":"item"`, []byte(table))
	one := "/v1/imports/" + run["id"].(string)
	if run["state"] != "uploaded" || len(run["headers"].([]any)) != 6 {
		t.Fatalf("arrived: %v", run)
	}
	first := run["suggestions"].([]any)[0].(map[string]any)
	if first["confidence"] != "exact" || first["column"].(map[string]any)["pointer"] != "/productIdentifier" {
		t.Errorf("suggested: %v", first)
	}
	expect(t, k, 409, "import-state", "POST", one+"/commit", anna, "")
	expect(t, k, 422, "value-invalid", "POST", one+"/check", anna, `{}`)
	expect(t, k, 422, "value-invalid", "POST", one+"/check", anna, `{"recipe":`+strings.Replace(chairRecipe, "/content/serialNumber", "/content/nowhere", 1)+`}`)
	expect(t, k, 422, "value-invalid", "POST", one+"/check", anna, `{"existing":"both","recipe":`+chairRecipe+`}`)
	answer(t, k.Do(t, "POST", one+"/check", anna, `{"recipe":`+chairRecipe+`}`), 202)
	k.ImportAll(t)
	run = answer(t, k.Do(t, "GET", one, anna, ""), 200)
	if run["state"] != "checked" || totals(t, run, "check", "created") != 2 || totals(t, run, "check", "duplicates") != 1 || totals(t, run, "check", "refused") != 1 {
		t.Fatalf("checked: %v", run)
	}
	if n := len(passports(t, k, anna)); n != 0 {
		t.Fatalf("a dry run stored %d passports", n)
	}
	rows := verdicts(t, k, run, "check")
	if len(rows) < 5 {
		t.Fatalf("the report has %d lines: %v", len(rows), rows)
	}
	answer(t, k.Do(t, "POST", one+"/commit", anna, ""), 202)
	k.ImportAll(t)
	run = answer(t, k.Do(t, "GET", one, anna, ""), 200)
	if run["state"] != "done" || totals(t, run, "commit", "created") != 2 || len(passports(t, k, anna)) != 2 {
		t.Fatalf("committed: %v", run)
	}
	if rows := verdicts(t, k, run, "commit"); !strings.Contains(fmt.Sprint(rows), "product-identifier") {
		t.Errorf("the report of the commit: %v", rows)
	}

	changed := strings.Replace(chairs("A1", "A2", "A3"), "Chair A2", "Stool", 1)
	run = announced(t, k, anna, "csv", `,"productGroup":"general","granularity":"item","recipe":`+chairRecipe, []byte(changed))
	run = committed(t, k, anna, run)
	for name, n := range map[string]float64{"created": 1, "updated": 1, "unchanged": 1, "refused": 0} {
		if got := totals(t, run, "commit", name); got != n {
			t.Errorf("second import: %s %v instead of %v", name, got, n)
		}
	}
	if listed := answer(t, k.Do(t, "GET", "/v1/imports", anna, ""), 200)["items"].([]any); len(listed) != 2 {
		t.Errorf("%d imports", len(listed))
	}
	expect(t, k, 204, "", "DELETE", one, anna, "")
}

// TestWorkbooksAndDocuments brings the same passports as a workbook and as documents.
func TestWorkbooksAndDocuments(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	var b bytes.Buffer
	lined := strings.Split(strings.TrimSpace(chairs("X1", "X2")), "\n")
	var columns []spreadsheet.Column
	for _, header := range strings.Split(lined[0], ";") {
		columns = append(columns, spreadsheet.Column{Name: header, Kind: spreadsheet.Text})
	}
	w, err := spreadsheet.NewXLSX(&b, columns)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lined[1:] {
		var cells []any
		for _, cell := range strings.Split(line, ";") {
			cells = append(cells, cell)
		}
		if err := w.Row(cells...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	run := committed(t, k, anna, announced(t, k, anna, "xlsx", `,"productGroup":"general","granularity":"item","recipe":`+chairRecipe, b.Bytes()))
	if run["state"] != "done" || totals(t, run, "commit", "created") != 2 {
		t.Fatalf("workbook: %v", run)
	}
	var lines strings.Builder
	for _, s := range []string{"X2", "X3"} {
		var doc bytes.Buffer
		if err := json.Compact(&doc, []byte(strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", s), "A/B", s))); err != nil {
			t.Fatal(err)
		}
		lines.Write(append(doc.Bytes(), '\n'))
	}
	lines.WriteString("{\n")
	run = announced(t, k, anna, "ndjson", `,"publish":true`, []byte(lines.String()))
	if run["state"] != "checked" || totals(t, run, "check", "created") != 1 || totals(t, run, "check", "updated") != 1 || totals(t, run, "check", "refused") != 1 {
		t.Fatalf("documents: %v", run)
	}
	run = committed(t, k, anna, run)
	if run["state"] != "done" || totals(t, run, "commit", "published") != 2 {
		t.Fatalf("documents: %v", run)
	}
	if got := k.Do(t, "GET", "/01/09506000134376/21/X3", "", "", "Accept", "application/json"); got.Code != 200 {
		t.Errorf("a published passport: %d %s", got.Code, got.Body)
	}
}

// TestTablesPublishOnlyForThoseWhoMay holds that an editor imports drafts, and that asking to publish takes the right to.
func TestTablesPublishOnlyForThoseWhoMay(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	ed := k.Join(t, anna, "ed", "editor")
	run := announced(t, k, ed, "csv", `,"productGroup":"general","granularity":"item","publish":true,"recipe":`+chairRecipe, []byte(chairs("E1")+product("E2")+";E2;;;;\n"))
	w := k.Do(t, "POST", "/v1/imports/"+run["id"].(string)+"/commit", ed, "")
	if w.Code != http.StatusForbidden {
		t.Fatalf("an editor publishes: %d %s", w.Code, w.Body)
	}
	run = committed(t, k, anna, run)
	if run["state"] != "done" || totals(t, run, "commit", "created") != 2 || totals(t, run, "commit", "published") != 1 || totals(t, run, "commit", "unfinished") != 1 {
		t.Errorf("a passport that is whole and one that is not: %v", run["commit"])
	}
}

// TestForeignRecipes leads recipes through their life, and holds that another organisation's are not there.
func TestForeignRecipes(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	_, otto := k.Organisation(t, "otto", "Another")
	theirs := answer(t, k.Do(t, "POST", "/v1/import-recipes", anna, chairRecipe), 201)
	which := theirs["id"].(string)
	kept := answer(t, k.Do(t, "POST", "/v1/import-recipes", otto, strings.Replace(chairRecipe, `{"name"`, `{"id":"`+which+`","revision":7,"name"`, 1)), 201)
	if kept["id"] == which || kept["revision"].(float64) != 1 {
		t.Errorf("a recipe took over what names another: %v", kept)
	}
	begin := fmt.Sprintf(`{"format":"csv","size":1,"sha256":%q,"productGroup":"general","recipeId":%q}`, strings.Repeat("a", 64), which)
	if w := k.Do(t, "POST", "/v1/imports", otto, begin); w.Code != 422 || !strings.Contains(w.Body.String(), "recipe-not-found") {
		t.Errorf("begin with a foreign recipe: %d %s", w.Code, w.Body)
	}
	run := announced(t, k, otto, "csv", `,"productGroup":"general","granularity":"item"`, []byte(chairs("F1")))
	one := "/v1/imports/" + run["id"].(string)
	if w := k.Do(t, "POST", one+"/check", otto, `{"recipeId":"`+which+`"}`); w.Code != 422 || !strings.Contains(w.Body.String(), "recipe-not-found") {
		t.Errorf("check with a foreign recipe: %d %s", w.Code, w.Body)
	}
	answer(t, k.Do(t, "POST", one+"/check", otto, `{"recipeId":"`+kept["id"].(string)+`"}`), 202)
	k.ImportAll(t)
	if run = answer(t, k.Do(t, "GET", one, otto, ""), 200); run["state"] != "checked" {
		t.Errorf("check with a kept recipe: %v", run)
	}
	mine := "/v1/import-recipes/" + which
	tag := k.Do(t, "GET", mine, anna, "").Header().Get("ETag")
	if w := k.Do(t, "PUT", mine, anna, strings.Replace(chairRecipe, "Chairs of", "Stools of", 1), "If-Match", tag); w.Code != 200 || w.Header().Get("ETag") == tag {
		t.Errorf("change: %d %s", w.Code, w.Body)
	}
	if w := k.Do(t, "PUT", mine, anna, chairRecipe, "If-Match", tag); w.Code != 412 {
		t.Errorf("change of what has changed: %d %s", w.Code, w.Body)
	}
	if items := answer(t, k.Do(t, "GET", "/v1/import-recipes?productGroup=general", anna, ""), 200)["items"].([]any); len(items) != 1 || items[0].(map[string]any)["name"] != "Stools of Nordeiche" {
		t.Errorf("list: %v", items)
	}
	expect(t, k, 204, "", "DELETE", mine, anna, "")
	expect(t, k, 404, "recipe-not-found", "GET", mine, anna, "")
}

// TestTablesRefused holds that a file that is no such table ends with a sentence for people, and nothing is stored of it.
func TestTablesRefused(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	for name, c := range map[string]struct {
		format string
		file   []byte
		says   string
	}{
		"a picture":           {"csv", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), ""},
		"10,000 columns":      {"csv", []byte(strings.Repeat("a;", 9999) + "b\n"), "columns"},
		"no workbook":         {"xlsx", []byte("hello"), ""},
		"a zip bomb":          {"xlsx", bomb(t), ""},
		"a line without end":  {"ndjson", bytes.Repeat([]byte("x"), 5<<20), "longer"},
		"a header that lacks": {"csv", []byte("Something\n1\n"), "Product identifier"},
	} {
		more := `,"productGroup":"general","granularity":"item","recipe":` + chairRecipe
		if c.format == "ndjson" {
			more = ""
		}
		run := announced(t, k, anna, c.format, more, c.file)
		if why, _ := run["why"].(string); run["state"] != "failed" || why == "" || !strings.Contains(why, c.says) {
			t.Errorf("%s: %v: %v", name, run["state"], run["why"])
		}
		expect(t, k, 409, "import-state", "POST", "/v1/imports/"+run["id"].(string)+"/commit", anna, "")
	}
	for name, body := range map[string]string{
		"too large": `{"format":"csv","productGroup":"general","size":200000001,"sha256":"%s"}`, "no group": `{"format":"csv","size":1,"sha256":"%s"}`,
		"unknown group": `{"format":"csv","productGroup":"boats","size":1,"sha256":"%s"}`, "another format": `{"format":"ods","productGroup":"general","size":1,"sha256":"%s"}`,
		"recipe for documents": `{"format":"ndjson","size":1,"sha256":"%s","recipe":` + chairRecipe + `}`, "sheet of a CSV": `{"format":"csv","sheet":"1","productGroup":"general","size":1,"sha256":"%s"}`,
	} {
		if w := k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(body, strings.Repeat("a", 64))); w.Code != 422 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	if n := len(passports(t, k, anna)); n != 0 {
		t.Errorf("%d passports", n)
	}
}

// bomb is a workbook whose sheet is a gigabyte of zeros.
func bomb(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("xl/workbook.xml")
	if err == nil {
		zeros := make([]byte, 1<<20)
		for range 1 << 10 {
			if _, err = f.Write(zeros); err != nil {
				break
			}
		}
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestTablesMayFail lets every call of the runner fail, refused or carried out with its answer lost, in the dry run and in
// the commit: in the end each row has become what it says, once.
func TestTablesMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	failures := 0
	for at := int64(1); at <= 30; at++ {
		for _, apply := range []bool{false, true} {
			who := fmt.Sprintf("t%d%v", at, apply)
			_, own := k.Organisation(t, who, who)
			serials := []string{fmt.Sprintf("M%d%vA", at, apply), fmt.Sprintf("M%d%vB", at, apply)}
			file := []byte(chairs(serials...))
			made := answer(t, k.Do(t, "POST", "/v1/imports", own, fmt.Sprintf(`{"format":"csv","size":%d,"sha256":"%x","productGroup":"general","granularity":"item","recipe":%s}`, len(file), sha256.Sum256(file), chairRecipe)), 201)
			form := made["upload"].(map[string]any)
			k.Send(t, form["method"].(string), form["url"].(string), form["headers"].(map[string]any), file)
			one := "/v1/imports/" + made["id"].(string)
			var got map[string]any
			phase := func(end string) {
				for _, object := range k.Arrivals("") {
					if !strings.HasPrefix(object, "uploads/") && !strings.HasPrefix(object, "commits/") {
						continue
					}
					s.arm(at, apply)
					if err := k.Import(t, object); err != nil {
						failures++
						s.arm(0, false)
						k.Clock.Advance(2 * time.Minute)
						_ = k.Import(t, object) // as S3 does: what failed is delivered again
					}
					s.arm(0, false)
				}
				got = nil
				for look := 0; got["state"] != end; look++ {
					if look > 3 {
						t.Fatalf("call %d (carried out: %v): %v", at, apply, got)
					}
					k.Clock.Advance(3 * time.Minute)
					k.ImportAll(t)
					own = k.SignIn(t, who)
					got = answer(t, k.Do(t, "GET", one, own, ""), 200)
				}
			}
			phase("checked")
			answer(t, k.Do(t, "POST", one+"/commit", own, ""), 202)
			phase("done")
			if n := len(passports(t, k, own)); n != 2 || totals(t, got, "commit", "created") != 2 || len(verdicts(t, k, got, "commit")) != 3 {
				t.Errorf("call %d (carried out: %v): %d passports, %v", at, apply, n, got["commit"])
			}
		}
	}
	if failures < 30 {
		t.Errorf("only %d runs were sabotaged", failures)
	}
}
