package routes_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/bringing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// uploaded announces a file, uploads it and lets it be checked.
func uploaded(t *testing.T, k *testkit.Kit, token string, file []byte) map[string]any {
	t.Helper()
	made := answer(t, k.Do(t, "POST", "/v1/imports", token, fmt.Sprintf(`{"format":"archive","size":%d,"sha256":"%x"}`, len(file), sha256.Sum256(file))), 201)
	form := made["upload"].(map[string]any)
	if resp := k.Send(t, form["method"].(string), form["url"].(string), form["headers"].(map[string]any), file); resp.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(resp.Body)
		t.Fatalf("upload: %d %s", resp.StatusCode, b)
	}
	k.ImportAll(t)
	return answer(t, k.Do(t, "GET", "/v1/imports/"+made["id"].(string), token, ""), 200)
}

// committed stores a checked import.
func committed(t *testing.T, k *testkit.Kit, token string, i map[string]any) map[string]any {
	t.Helper()
	one := "/v1/imports/" + i["id"].(string)
	answer(t, k.Do(t, "POST", one+"/commit", token, ""), 202)
	k.ImportAll(t)
	return answer(t, k.Do(t, "GET", one, token, ""), 200)
}

// TestRoundTrip exports random workspaces and brings them into an empty organisation: content, versions and history come
// out of a second export as they were in the first.
func TestRoundTrip(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	n := 0
	rapid.Check(t, func(rt *rapid.T) {
		n++
		who, heir := fmt.Sprint("owner", n), fmt.Sprint("heir", n)
		_, owner := k.Organisation(t, who, fmt.Sprint("Before ", n))
		for serial := range rapid.IntRange(0, 6).Draw(rt, "passports") {
			text := strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprintf("R%dX%d", n, serial)), "A/B", fmt.Sprintf("R%dX%d", n, serial))
			text = strings.Replace(text, "CANARY-NAME", rapid.StringMatching(`[a-zäß€"\\\\ ]{1,20}[a-z]`).Draw(rt, "name"), 1)
			if json.Valid([]byte(text)) {
				passport := k.Create(t, owner, text)
				for range rapid.IntRange(0, 3).Draw(rt, "documents") {
					papered(t, rt, k, owner, passport)
				}
				lead(t, rt, k, owner, passport)
			}
		}
		k.Clock.Advance(time.Second)
		raw, before := exported(t, k, owner, `{"scope":"workspace"}`)
		_, new := k.Organisation(t, heir, fmt.Sprint("After ", n))
		checked := uploaded(t, k, new, raw)
		if checked["state"] != "checked" || checked["restored"].(float64) != 0 {
			rt.Fatalf("checked: %v", checked)
		}
		done := committed(t, k, new, checked)
		if done["state"] != "done" || done["failed"].(float64) != 0 || done["restored"].(float64) != float64(before.Manifest.Counts["passports"]) {
			rt.Fatalf("done: %v", done)
		}
		_, after := exported(t, k, new, `{"scope":"workspace"}`)
		if d := cmp.Diff(comparable(lines(t, before, "versions/")), comparable(lines(t, after, "versions/"))); d != "" {
			rt.Fatalf("versions: %s", d)
		}
		if d := cmp.Diff(comparable(lines(t, before, "passports/")), comparable(lines(t, after, "passports/"))); d != "" {
			rt.Fatalf("passports: %s", d)
		}
		if d := cmp.Diff(papers(t, before), papers(t, after)); d != "" {
			rt.Fatalf("documents: %s", d)
		}
		if checked["documents"] != float64(before.Manifest.Counts["documents"]) {
			rt.Fatalf("%v documents are announced, %d are there", checked["documents"], before.Manifest.Counts["documents"])
		}
		again := committed(t, k, new, uploaded(t, k, new, raw))
		if again["state"] != "done" || again["restored"].(float64) != 0 || again["present"].(float64) != float64(before.Manifest.Counts["passports"]) {
			rt.Fatalf("again: %v", again)
		}
	})
}

// papered adds a random document to a passport.
func papered(t *testing.T, rt *rapid.T, k *testkit.Kit, token, passport string) {
	t.Helper()
	audience := rapid.SampledFrom([]string{"public", "authority", "legitimate-interest", "authority,public", "legitimate-interest,authority"}).Draw(rt, "audience")
	kind := rapid.SampledFrom(document.Kinds()).Draw(rt, "kind")
	query := fmt.Sprintf("?name=%s&kind=%s&audience=%s&language=%s", url.QueryEscape(rapid.StringMatching(`[a-zäß€"\\/]{1,20}`).Draw(rt, "name")), kind, audience, rapid.SampledFrom([]string{"", "de", "pt-BR"}).Draw(rt, "language"))
	media := rapid.SampledFrom([]string{"text/plain", "text/csv", "application/xml"}).Draw(rt, "media")
	k.Clock.Advance(time.Millisecond)
	add(t, k, token, "/v1/passports/"+passport, query, media, string(rapid.SliceOfN(rapid.Byte(), 1, 3).Draw(rt, "bytes")))
}

// papers are the documents of an archive with their bytes, without the identifiers that coming back changes.
func papers(t *testing.T, a *archive.Archive) []string {
	t.Helper()
	var all []string
	for _, d := range lines(t, a, "documents/") {
		b, err := a.File(d["file"].(string), int64(d["size"].(float64)))
		if err != nil {
			t.Fatal(err)
		}
		delete(d, "id")
		delete(d, "passport")
		all = append(all, fmt.Sprintf("%v %q", d, b))
	}
	slices.Sort(all)
	return all
}

// lead leads a passport through a part of its life.
func lead(t *testing.T, rt *rapid.T, k *testkit.Kit, token, passport string) {
	t.Helper()
	one := "/v1/passports/" + passport
	for _, step := range [][2]string{{"/publication", ""}, {"/publication", ""}, {"/suspension", `{"reason":"under review"}`}, {"/archival", `{"reason":"recycled"}`}} {
		if rapid.IntRange(0, 2).Draw(rt, "stop") == 0 {
			return
		}
		k.Clock.Advance(time.Second)
		tag := k.Do(t, "GET", one, token, "").Header().Get("ETag")
		if w := k.Do(t, "POST", one+step[0], token, step[1], "If-Match", tag); w.Code != 200 && w.Code != 409 {
			t.Fatalf("%s: %d %s", step[0], w.Code, w.Body)
		}
	}
}

// comparable leaves out what coming back changes: when, under which identifier, and that what was published is not. Records
// are in the order of their products, since identifiers order them otherwise.
func comparable(passports []map[string]any) []map[string]any {
	slices.SortStableFunc(passports, func(a, b map[string]any) int {
		return strings.Compare(a["productIdentifier"].(string), b["productIdentifier"].(string))
	})
	for _, p := range passports {
		delete(p, "updatedAt")
		delete(p, "id")
		delete(p, "passport")
		history, _ := p["history"].([]any)
		if n := len(history); n > 0 && p["status"] == "suspended" && strings.HasPrefix(fmt.Sprint(p["reason"]), "Restored") {
			p["status"], p["history"] = "published", history[:n-1]
			delete(p, "reason")
		}
	}
	return passports
}

// TestImportRefuses holds that nothing is stored of a file that is not what was signed or announced, or is somebody
// else's passport already.
func TestImportRefuses(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	_, otto := k.Organisation(t, "otto", "Another")
	broken := spoiled(t, raw, "passports/000001.ndjson")
	for name, file := range map[string][]byte{"changed": broken, "cut off": raw[:len(raw)-100], "without its first byte": raw[1:], "without its first member": raw[1000:], "no archive": []byte("hello"), "another archive": otherZip(t)} {
		got := uploaded(t, k, otto, file)
		if got["state"] != "refused" || got["why"] == "" {
			t.Errorf("%s: %v", name, got)
		}
		expect(t, k, 409, "import-state", "POST", "/v1/imports/"+got["id"].(string)+"/commit", otto, "")
	}
	for name, body := range map[string]string{
		"no size": `{"format":"archive","size":0,"sha256":"` + strings.Repeat("a", 64) + `"}`, "too large": `{"format":"archive","size":5368709121,"sha256":"` + strings.Repeat("a", 64) + `"}`,
		"no digest": `{"format":"archive","size":1,"sha256":"x"}`, "another format": `{"format":"csv","size":1,"sha256":"` + strings.Repeat("a", 64) + `"}`,
	} {
		if w := k.Do(t, "POST", "/v1/imports", otto, body); w.Code != 422 {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
	}
	made := answer(t, k.Do(t, "POST", "/v1/imports", otto, fmt.Sprintf(`{"format":"archive","size":%d,"sha256":"%x"}`, len(raw), sha256.Sum256(raw))), 201)
	form := made["upload"].(map[string]any)
	if resp := k.Send(t, "PUT", form["url"].(string), form["headers"].(map[string]any), broken); resp.StatusCode == http.StatusOK {
		t.Error("a file with another digest than announced was taken")
	}
	expect(t, k, 204, "", "DELETE", "/v1/imports/"+made["id"].(string), otto, "")
	k.Create(t, otto, complete) // the product is taken here
	checked := uploaded(t, k, otto, raw)
	done := committed(t, k, otto, checked)
	if done["failed"].(float64) != 1 || done["problems"].([]any)[0].(map[string]any)["code"] != "product-identifier-taken" {
		t.Errorf("a product that is taken: %v", done)
	}
	told := done["problems"].([]any)[0].(map[string]any)["productIdentifier"].(string)
	for _, row := range k.Dump(t) {
		if strings.HasPrefix(row, "RECORDS_TABLE") && strings.Contains(row, told) {
			t.Errorf("a row names the product %s: %.300s", told, row)
		}
	}
	if listed := answer(t, k.Do(t, "GET", "/v1/imports", otto, ""), 200)["items"].([]any); len(listed) != 8 {
		t.Errorf("%d imports", len(listed))
	}
}

// spoiled is an archive with one bit changed in the data of a member.
func spoiled(t *testing.T, raw []byte, member string) []byte {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		if f.Name == member {
			at, err := f.DataOffset()
			if err != nil {
				t.Fatal(err)
			}
			b := slices.Clone(raw)
			b[at+int64(f.CompressedSize64)/2] ^= 1
			return b
		}
	}
	t.Fatalf("the archive has no %s", member)
	return nil
}

func otherZip(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("manifest.json")
	if err == nil {
		_, err = f.Write([]byte(`{"format":"passportcraft-export/1"}`))
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestImportingMayFail lets every call of the runner fail, refused or carried out with its answer lost: in the end each
// passport is there once.
func TestImportingMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Create(t, anna, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "S1"), "A/B", "S1"))
	k.Publish(t, anna, k.Create(t, anna, complete))
	big := k.Create(t, anna, large(t, 250_000))
	for n := range 2 {
		add(t, k, anna, "/v1/passports/"+big, paper, "text/plain", fmt.Sprint("document ", n))
	}
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	failures := 0
	for at := int64(1); at <= 27; at++ {
		for _, apply := range []bool{false, true} {
			who := fmt.Sprintf("heir%d%v", at, apply)
			_, heir := k.Organisation(t, who, who)
			made := uploaded(t, k, heir, raw)
			one := "/v1/imports/" + made["id"].(string)
			answer(t, k.Do(t, "POST", one+"/commit", heir, ""), 202)
			for _, object := range k.Arrivals("commits/") {
				s.arm(at, apply)
				if err := k.Import(t, object); err != nil {
					failures++
				}
				s.arm(0, false)
			}
			var got map[string]any
			for look := 0; got["state"] != "done"; look++ {
				if look > 3 {
					t.Fatalf("call %d (carried out: %v): %v", at, apply, got)
				}
				k.Clock.Advance(3 * time.Minute)
				k.ImportAll(t)
				heir = k.SignIn(t, who)
				got = answer(t, k.Do(t, "GET", one, heir, ""), 200)
			}
			if items := answer(t, k.Do(t, "GET", "/v1/passports", heir, ""), 200)["items"].([]any); len(items) != 3 || got["failed"].(float64) != 0 {
				t.Errorf("call %d (carried out: %v): %d passports, %v", at, apply, len(items), got)
			}
			if n := fetchable(t, k, heir); n != 2 {
				t.Errorf("call %d (carried out: %v): %d documents", at, apply, n)
			}
		}
	}
	if failures < 10 {
		t.Errorf("only %d runs were sabotaged", failures)
	}
}

// fetchable counts the documents of all passports, and holds that each can be fetched.
func fetchable(t *testing.T, k *testkit.Kit, token string) int {
	t.Helper()
	n := 0
	for _, p := range answer(t, k.Do(t, "GET", "/v1/passports", token, ""), 200)["items"].([]any) {
		all := "/v1/passports/" + p.(map[string]any)["id"].(string) + "/documents"
		for _, d := range answer(t, k.Do(t, "GET", all, token, ""), 200)["items"].([]any) {
			d := d.(map[string]any)
			w := k.Do(t, "GET", all+"/"+d["id"].(string)+"/content", token, "")
			if w.Code != 200 || fmt.Sprintf("%x", sha256.Sum256(w.Body.Bytes())) != d["sha256"] {
				t.Errorf("%v: %d %.100s", d["name"], w.Code, w.Body)
			}
			n++
		}
	}
	return n
}

// TestImportGoesOn holds that a runner whose time is up asks to be called again, and the next goes on where it was.
func TestImportGoesOn(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	for n := range 120 {
		k.Create(t, anna, chair(fmt.Sprint("G", n)))
	}
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	tenant, heir := k.Organisation(t, "heir", "Heir")
	made := uploaded(t, k, heir, raw)
	one := "/v1/imports/" + made["id"].(string)
	answer(t, k.Do(t, "POST", one+"/commit", heir, ""), 202)
	runner := bringing.New(k.App, k.Env["UPLOADS_BUCKET"]).Within(0)
	for calls, read := 1, 0.0; ; calls++ {
		k.Arrivals("")
		if err := runner.Run(k.AsFunction("run-import"), tenant, id.Import(made["id"].(string))); err != nil {
			t.Fatal(err)
		}
		got := answer(t, k.Do(t, "GET", one, heir, ""), 200)
		if got["state"] == "done" {
			if calls != 3 || got["restored"].(float64) != 120 {
				t.Errorf("after %d calls: %v", calls, got)
			}
			return
		}
		if now := got["read"].(float64); now != read+50 || len(k.Arrivals("commits/")) != 1 {
			t.Fatalf("call %d has come to %v", calls, now)
		}
		read += 50
	}
}

// TestNobodyTakesOverACarrier holds that bringing a copy of somebody's passports into another organisation gives no hold on
// theirs: not on the product, not on the data carrier.
func TestNobodyTakesOverACarrier(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	published, draft := k.Publish(t, anna, k.Create(t, anna, complete)), k.Create(t, anna, chair("D1"))
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	k.Clock.Advance(time.Second)
	_, otto := k.Organisation(t, "otto", "Another")
	if done := committed(t, k, otto, uploaded(t, k, otto, raw)); done["restored"].(float64) != 2 {
		t.Fatalf("%v", done)
	}
	leads := func(passport string) string {
		return k.Do(t, "GET", "/q/"+passport+".svg", "", "").Body.String()
	}
	before := leads(published)
	theirs := answer(t, k.Do(t, "GET", "/v1/passports", otto, ""), 200)["items"].([]any)
	for n, p := range theirs {
		p := p.(map[string]any)
		one := "/v1/passports/" + p["id"].(string)
		if p["id"] == published || p["id"] == draft {
			t.Errorf("two organisations have the passport %s", p["id"])
		}
		if p["status"] == "suspended" { // the product is still anna's
			if w := k.Do(t, "POST", one+"/publication", otto, "", "If-Match", fmt.Sprintf("%q", fmt.Sprint(p["revision"]))); w.Code != 409 {
				t.Errorf("publishing her product: %d %s", w.Code, w.Body)
			}
		}
		change := fmt.Sprintf(`{"productIdentifier":"https://id.gs1.org/01/09506000134376/21/OTTO%d","content":{"serialNumber":"OTTO%d","name":{"en":"Chair"},"manufacturer":{"name":"Otto"},"disassembly":"Screws."}}`, n, n)
		w := k.Do(t, "PATCH", one, otto, change, "If-Match", fmt.Sprintf("%q", fmt.Sprint(p["revision"])))
		if w.Code != 200 {
			continue // a passport that was published keeps its product
		}
		k.Publish(t, otto, p["id"].(string))
		if got := leads(p["id"].(string)); !strings.Contains(got, "OTTO") {
			t.Errorf("the carrier of otto's own passport: %.200s", got)
		}
	}
	if after := leads(published); after != before || !strings.HasPrefix(after, "<svg") {
		t.Error("the carrier of anna's passport leads elsewhere")
	}
}
