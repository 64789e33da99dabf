package routes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestExportIsASnapshot writes between the request and the packing: the package shows what was, except for the drafts'
// content, which says that it is newer.
func TestExportIsASnapshot(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	serial := func(n int) string {
		return strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprint("S", n)), "A/B", fmt.Sprint("S", n))
	}
	draft, published := k.Create(t, anna, serial(1)), k.Publish(t, anna, k.Create(t, anna, serial(2)))
	untouched := k.Publish(t, anna, k.Create(t, anna, serial(3)))
	k.Clock.Advance(time.Second)
	made := answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"passports"}`), 202)
	k.Clock.Advance(time.Second)
	k.Create(t, anna, serial(4))
	k.Publish(t, anna, draft)
	if w := k.Do(t, "PATCH", "/v1/passports/"+published, anna, `{"content":{"brand":"NEW"}}`, "If-Match", `"2"`); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	k.Publish(t, anna, published)
	k.PackAll(t)
	_, a := fetched(t, k, anna, made["id"].(string))
	want := map[string]string{draft: "draft true 0", published: "published true 1", untouched: "published <nil> 1"}
	passports, versions := lines(t, a, "passports/"), lines(t, a, "versions/")
	if len(passports) != 3 || len(versions) != 2 {
		t.Errorf("%d passports, %d versions", len(passports), len(versions))
	}
	for _, p := range passports {
		if got := fmt.Sprint(p["status"], " ", p["changedSinceSnapshot"], " ", p["version"]); got != want[p["id"].(string)] {
			t.Errorf("%s: %s, want %s", p["id"], got, want[p["id"].(string)])
		}
	}
	for _, v := range versions {
		if v["number"].(float64) != 1 || strings.Contains(fmt.Sprint(v["content"]), "NEW") {
			t.Errorf("version %v of %s is from after the snapshot", v["number"], v["passport"])
		}
	}
}

// TestExportHasWhatIsDeletedLater deletes passports before and after an export was asked for: what is deleted before is not
// in it, what is deleted later is, with its versions and documents, and so is what is taken back. Custody passes over all that
// is deleted.
func TestExportHasWhatIsDeletedLater(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	var all []string
	for n := range 6 {
		p := k.Create(t, anna, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprint("G", n)), "A/B", fmt.Sprint("G", n)))
		add(t, k, anna, "/v1/passports/"+p, paper, "text/plain", "document")
		if n%2 == 0 {
			k.Publish(t, anna, p)
			suspended(t, k, anna, p)
		}
		all = append(all, p)
	}
	remove := func(p string) {
		tag := k.Do(t, "GET", "/v1/passports/"+p, anna, "").Header().Get("ETag")
		answer(t, k.Do(t, "DELETE", "/v1/passports/"+p, anna, "", "If-Match", tag), 200)
	}
	back := func(p string) {
		answer(t, k.Do(t, "POST", "/v1/passports/"+p+"/restoration", anna, ""), 200)
	}
	remove(all[0])
	remove(all[1])
	k.Clock.Advance(time.Second)
	made := answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"passports"}`), 202)
	k.Clock.Advance(time.Second)
	for _, p := range all[2:5] {
		remove(p)
	}
	back(all[1])
	back(all[4])
	k.PackAll(t)
	_, a := fetched(t, k, anna, made["id"].(string))
	var got []string
	for _, p := range lines(t, a, "passports/") {
		got = append(got, p["id"].(string))
		if want := map[bool]string{true: "suspended", false: "draft"}[p["version"].(float64) == 1]; p["status"] != want {
			t.Errorf("%s is %v, want %s", p["id"], p["status"], want)
		}
	}
	want := slices.Sorted(slices.Values(all[1:]))
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("of %v there is %v, want %v", all, got, want)
	}
	if v, d := lines(t, a, "versions/"), lines(t, a, "documents/"); len(v) != 2 || len(d) != len(want) || a.Manifest.Counts[export.MissingPassports] != 0 {
		t.Errorf("%d versions, %d documents, counts %v", len(v), len(d), a.Manifest.Counts)
	}
	if e := answer(t, k.Do(t, "GET", "/v1/exports/"+made["id"].(string), anna, ""), 200); e["total"].(float64) != 6 || e["items"].(float64) != 6 {
		t.Errorf("%v of %v passports", e["items"], e["total"])
	}
	if _, a := exported(t, k, anna, `{"scope":"passports"}`); a.Manifest.Counts["passports"] != 3 || a.Manifest.Counts[export.MissingPassports] != 0 {
		t.Errorf("the next one has %v", a.Manifest.Counts)
	}
	cases := dynamo.NewCases(k.App.Database(), k.App.Stores().Ring, nil)
	var kept []string
	for after := ""; ; {
		some, err := cases.Facts(t.Context(), tenant, after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		kept, after = append(kept, string(some[0].Facts.Passport)), some[0].Place
	}
	want = slices.Sorted(slices.Values([]string{all[1], all[4], all[5]}))
	slices.Sort(kept)
	if !slices.Equal(kept, want) {
		t.Errorf("custody decides about %v, want %v", kept, want)
	}
}
