package routes_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/importing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// exported asks for an export, packs it and opens the package.
func exported(t *testing.T, k *testkit.Kit, token, options string) ([]byte, *archive.Archive) {
	t.Helper()
	made := answer(t, k.Do(t, "POST", "/v1/exports", token, options), 202)
	k.PackAll(t)
	return fetched(t, k, token, made["id"].(string))
}

func fetched(t *testing.T, k *testkit.Kit, token, export string) ([]byte, *archive.Archive) {
	t.Helper()
	got := answer(t, k.Do(t, "GET", "/v1/exports/"+export+"?link=true", token, ""), 200)
	if got["state"] != "ready" {
		t.Fatalf("the export is %v", got)
	}
	resp := k.Fetch(t, got["download"].(map[string]any)["url"].(string))
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("fetching: %d %.300s %v", resp.StatusCode, b, err)
	}
	if n := int64(got["bytes"].(float64)); n != int64(len(b)) {
		t.Errorf("the export says %d bytes and has %d", n, len(b))
	}
	a, err := archive.Open(bytes.NewReader(b), int64(len(b)), platformKey(t, k))
	if err == nil {
		err = a.Verify(nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b, a
}

func platformKey(t *testing.T, k *testkit.Kit) *ecdsa.PublicKey {
	t.Helper()
	block, _ := pem.Decode(k.Do(t, "GET", "/trust/audit-key", "", "").Body.Bytes())
	if block == nil {
		t.Fatal("no key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PublicKey)
}

// lines are the records of a kind.
func lines(t *testing.T, a *archive.Archive, folder string) []map[string]any {
	t.Helper()
	var all []map[string]any
	err := a.Lines(folder, func(line []byte) error {
		var v map[string]any
		err := json.Unmarshal(line, &v)
		all = append(all, v)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestExport takes a whole workspace away: everything that was put in is in the package, and nothing of anybody else.
func TestExport(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, other := k.Organisation(t, "otto", "CANARY-OTHER")
	k.Create(t, other, complete)
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "editor")
	answer(t, k.Do(t, "POST", "/v1/api-keys", anna, `{"name":"shop","scopes":["passports:read"]}`), 201)
	var ids []string
	for n := range 7 {
		ids = append(ids, k.Create(t, anna, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprint("S", n)), "A/B", fmt.Sprint("S", n))))
	}
	k.Publish(t, anna, ids[2])
	k.Clock.Advance(time.Minute)
	big := k.Create(t, anna, large(t, 250_000))
	k.Publish(t, anna, big)
	k.Clock.Advance(time.Minute)
	expect(t, k, 403, "forbidden", "POST", "/v1/exports", bert, `{"scope":"workspace"}`)
	expect(t, k, 422, "value-invalid", "POST", "/v1/exports", anna, `{"scope":"everything","status":"lost"}`)
	raw, a := exported(t, k, anna, `{"scope":"workspace","formats":["en18223"]}`)
	standard(t, lines(t, a, "en18223/"), 2)
	passports, versions := lines(t, a, "passports/"), lines(t, a, "versions/")
	if len(passports) != 8 || len(versions) != 2 || a.Manifest.Counts["passports"] != 8 {
		t.Errorf("%d passports, %d versions, counts %v", len(passports), len(versions), a.Manifest.Counts)
	}
	for _, p := range passports {
		one := answer(t, k.Do(t, "GET", "/v1/passports/"+p["id"].(string), anna, ""), 200)
		for _, name := range []string{"content", "status", "revision", "productIdentifier", "createdAt", "updatedAt", "granularity", "productGroup"} {
			if fmt.Sprint(one[name]) != fmt.Sprint(p[name]) {
				t.Errorf("%s of %s: %.100v, want %.100v", name, p["id"], p[name], one[name])
			}
		}
	}
	for _, v := range versions {
		one := answer(t, k.Do(t, "GET", fmt.Sprintf("/v1/passports/%s/versions/%v", v["passport"], v["number"]), anna, ""), 200)
		if fmt.Sprint(one["content"]) != fmt.Sprint(v["content"]) || one["contentHash"] != v["contentHash"] {
			t.Errorf("version %v of %s differs", v["number"], v["passport"])
		}
	}
	if m := lines(t, a, "account/members"); len(m) != 2 || !slices.ContainsFunc(m, func(m map[string]any) bool { return m["email"] == "bert@nordeiche.example" }) {
		t.Errorf("members: %v", m)
	}
	if keys := lines(t, a, "account/api-keys"); len(keys) != 1 || keys[0]["name"] != "shop" {
		t.Errorf("keys: %v", keys)
	}
	if own := lines(t, a, "account/organisation"); len(own) != 1 || own[0]["name"] != "Nordeiche" {
		t.Errorf("organisation: %v", own)
	}
	if recent := lines(t, a, "account/audit-not-yet-signed"); len(recent) < 12 {
		t.Errorf("%d entries of the trail", len(recent))
	}
	described(t, a, raw)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || bytes.Contains(b, []byte("CANARY-OTHER")) {
			t.Errorf("%s: %v, or it holds another organisation's data", f.Name, err)
		}
	}
	foreign := answer(t, k.Do(t, "GET", "/v1/exports", anna, ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	expect(t, k, 404, "export-not-found", "GET", "/v1/exports/"+foreign, other, "")
	expect(t, k, 204, "", "DELETE", "/v1/exports/"+foreign, anna, "")
	if got := answer(t, k.Do(t, "GET", "/v1/exports/"+foreign+"?link=true", anna, ""), 200); got["state"] != "deleted" || got["download"] != nil {
		t.Errorf("deleted: %v", got)
	}
}

// described holds every line against the JSON Schema that comes with the package.
func described(t *testing.T, a *archive.Archive, raw []byte) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	for _, member := range a.Manifest.Schemas {
		r, err := z.Open(member)
		if err != nil {
			t.Fatal(err)
		}
		v, err := jsonschema.UnmarshalJSON(r)
		if err == nil {
			err = compiler.AddResource("https://export.example/"+member, v)
		}
		if err != nil {
			t.Fatalf("%s: %v", member, err)
		}
	}
	checked := 0
	for _, m := range a.Manifest.Members {
		if !strings.HasSuffix(m.Name, ".ndjson") {
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(m.Name, "account/"), "/")
		kind = strings.TrimSuffix(kind, ".ndjson")
		schema, err := compiler.Compile("https://export.example/" + a.Manifest.Schemas[kind])
		if err != nil {
			t.Fatalf("%s has no schema: %v", m.Name, err)
		}
		if err := a.Lines(m.Name, func(line []byte) error {
			v, err := jsonschema.UnmarshalJSON(bytes.NewReader(line))
			if err != nil {
				return err
			}
			checked++
			return schema.Validate(v)
		}); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	if checked < 20 {
		t.Errorf("only %d lines", checked)
	}
}

// standard holds passports in the form of EN 18223 against a schema of that standard that is not ours.
func standard(t *testing.T, passports []map[string]any, want int) {
	t.Helper()
	if len(passports) != want {
		t.Errorf("%d passports in the form of the standard, want %d", len(passports), want)
	}
	file := filepath.Join("..", "..", "..", "..", "shared", "standards", "en18222", "en18222-en18223.schema.json")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Logf("not held against EN 18223: %s is not there", filepath.Base(file))
		return
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("https://standard.example/schema", v); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("https://standard.example/schema#/$defs/DigitalProductPassportCompressed")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range passports {
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(instance); err != nil {
			t.Errorf("%s: %v", p["uniqueProductIdentifier"], err)
		}
	}
}

// TestExportIsTamperEvident changes a package in every member, and holds that the check names the one.
func TestExportIsTamperEvident(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	raw, _ := exported(t, k, anna, `{"scope":"workspace"}`)
	z, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	for _, victim := range z.File {
		for _, how := range []string{"changed", "removed"} {
			var b bytes.Buffer
			w := zip.NewWriter(&b)
			for _, f := range z.File {
				if f.Name == victim.Name && how == "removed" {
					continue
				}
				r, err := f.Open()
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if f.Name == victim.Name {
					content[len(content)/2] ^= 1
				}
				o, err := w.Create(f.Name)
				if err == nil {
					_, err = o.Write(content)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			a, err := archive.Open(bytes.NewReader(b.Bytes()), int64(b.Len()), platformKey(t, k))
			if err == nil {
				err = a.Verify(nil)
			}
			named := victim.Name
			if named == archive.ManifestName && how == "changed" {
				named = archive.SignatureName // it is the signature that no longer fits
			}
			if w, ok := errors.AsType[*archive.Wrong](err); !ok || w.Member != named {
				t.Errorf("%s %s: %v", victim.Name, how, err)
			}
		}
	}
}

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

// TestPackagingMayFail lets every call of the packager to the real engines fail, refused or carried out with its answer
// lost. Once somebody looks at the export it is asked for again, goes on and is whole.
func TestPackagingMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	failures := 0
	for at := int64(1); at <= 26; at++ {
		for _, apply := range []bool{false, true} {
			k.Clock.Advance(25 * time.Hour)
			anna = k.SignIn(t, "anna")
			repeated(t, k, "POST", "/v1/exports", anna, `{"scope":"workspace"}`, "")
			made := answer(t, k.Do(t, "GET", "/v1/exports", anna, ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
			for _, object := range k.Arrivals("requests/") {
				s.arm(at, apply)
				if err := k.Pack(t, object); err != nil {
					failures++
				}
				s.arm(0, false)
			}
			for look := 0; ; look++ {
				if state := answer(t, k.Do(t, "GET", "/v1/exports/"+made, anna, ""), 200)["state"]; state == "ready" {
					break
				} else if look > 3 {
					t.Fatalf("call %d (carried out: %v): the export stays %v", at, apply, state)
				}
				k.Clock.Advance(7 * time.Minute)
				anna = k.SignIn(t, "anna")
				k.PackAll(t)
			}
			_, a := fetched(t, k, anna, made)
			if p, v := lines(t, a, "passports/"), lines(t, a, "versions/"); len(p) != 1 || len(v) != 1 {
				t.Errorf("call %d (carried out: %v): %d passports, %d versions", at, apply, len(p), len(v))
			}
		}
	}
	if failures < 20 {
		t.Errorf("only %d runs were sabotaged", failures)
	}
}

// TestExportLimits holds that five exports a day are enough, and that links end.
func TestExportLimits(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	for range 5 {
		answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"account"}`), 202)
	}
	expect(t, k, 429, "rate-limited", "POST", "/v1/exports", anna, `{"scope":"account"}`)
	k.PackAll(t)
	made := answer(t, k.Do(t, "GET", "/v1/exports", anna, ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	link := answer(t, k.Do(t, "GET", "/v1/exports/"+made+"?link=true", anna, ""), 200)["download"].(map[string]any)["url"].(string)
	if !strings.Contains(link, "X-Amz-Expires=900") {
		t.Errorf("the link lives otherwise: %s", link)
	}
	for _, forged := range []string{strings.Replace(link, "X-Amz-Expires=900", "X-Amz-Expires=90000", 1), strings.Replace(link, made, "0199aaaa-0000-7000-8000-00000000000a", 1)} {
		if resp := k.Fetch(t, forged); resp.StatusCode != http.StatusForbidden {
			t.Errorf("a forged link: %d", resp.StatusCode)
		}
	}
	k.Clock.Advance(8 * 24 * time.Hour)
	if got := answer(t, k.Do(t, "GET", "/v1/exports/"+made+"?link=true", k.SignIn(t, "anna"), ""), 200); got["state"] != "expired" || got["download"] != nil {
		t.Errorf("after a week: %v", got)
	}
}

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
				lead(t, rt, k, owner, k.Create(t, owner, text))
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
		if d := cmp.Diff(lines(t, before, "versions/"), lines(t, after, "versions/")); d != "" {
			rt.Fatalf("versions: %s", d)
		}
		if d := cmp.Diff(comparable(lines(t, before, "passports/")), comparable(lines(t, after, "passports/"))); d != "" {
			rt.Fatalf("passports: %s", d)
		}
		again := committed(t, k, new, uploaded(t, k, new, raw))
		if again["state"] != "done" || again["restored"].(float64) != 0 || again["present"].(float64) != float64(before.Manifest.Counts["passports"]) {
			rt.Fatalf("again: %v", again)
		}
	})
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

// comparable leaves out what coming back changes: when, and that what was published is not.
func comparable(passports []map[string]any) []map[string]any {
	for _, p := range passports {
		delete(p, "updatedAt")
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
	broken := slices.Clone(raw)
	broken[len(broken)/3] ^= 1
	for name, file := range map[string][]byte{"changed": broken, "cut off": raw[:len(raw)-100], "no archive": []byte("hello"), "another archive": otherZip(t)} {
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
	if listed := answer(t, k.Do(t, "GET", "/v1/imports", otto, ""), 200)["items"].([]any); len(listed) != 6 {
		t.Errorf("%d imports", len(listed))
	}
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
	k.Create(t, anna, large(t, 250_000))
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	failures := 0
	for at := int64(1); at <= 20; at++ {
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
		}
	}
	if failures < 10 {
		t.Errorf("only %d runs were sabotaged", failures)
	}
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
	runner := importing.Runner(k.App, k.Env["UPLOADS_BUCKET"])
	runner.Patience = 0
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
