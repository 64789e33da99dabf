package routes_test

import (
	"archive/zip"
	"bytes"
	"crypto/ecdsa"
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

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
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

func fetched(t *testing.T, k *testkit.Kit, token, which string) ([]byte, *archive.Archive) {
	t.Helper()
	got := answer(t, k.Do(t, "GET", "/v1/exports/"+which+"?link=true", token, ""), 200)
	if got["state"] != "ready" {
		t.Fatalf("the export is %v", got)
	}
	resp := k.Fetch(t, got["download"].(map[string]any)["url"].(string))
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("fetching: %d %.300s %v", resp.StatusCode, b, err)
	}
	if parts := got["parts"].(float64); parts < 1 {
		t.Errorf("the export says %v parts", parts)
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
	raw, a := exported(t, k, anna, `{"scope":"workspace","formats":["en18223","en18223-jsonld"]}`)
	standard(t, "DigitalProductPassportFull", lines(t, a, "en18223/"), 2)
	standard(t, "DigitalProductPassportCompressed", lines(t, a, "en18223-jsonld/"), 2)
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
func standard(t *testing.T, form string, passports []map[string]any, want int) {
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
	schema, err := c.Compile("https://standard.example/schema#/$defs/" + form)
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

// TestPackagingMayFail lets every call of the packager to the real engines fail, refused or carried out with its answer
// lost. Once somebody looks at the export it is asked for again, goes on and is whole.
func TestPackagingMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	add(t, k, anna, "/v1/passports/"+k.Publish(t, anna, k.Create(t, anna, complete)), paper, "text/plain", "document")
	failures := 0
	for at := int64(1); at <= 29; at++ {
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
			if p, v, d := lines(t, a, "passports/"), lines(t, a, "versions/"), papers(t, a); len(p) != 1 || len(v) != 1 || len(d) != 1 {
				t.Errorf("call %d (carried out: %v): %d passports, %d versions, %d documents", at, apply, len(p), len(v), len(d))
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

// meddler does something when a package is begun, when its first part is uploaded or when it is put together, before or
// after that.
type meddler struct {
	at    string // a method and a query of the multipart upload
	after bool
	then  func()
}

func (m *meddler) Do(r *http.Request) (*http.Response, error) {
	then := m.then
	method, query, _ := strings.Cut(m.at, " ")
	if then == nil || r.Method != method || !r.URL.Query().Has(query) || !strings.Contains(r.URL.Path, "/packages/") {
		return http.DefaultTransport.RoundTrip(r)
	}
	m.then = nil
	if !m.after {
		then()
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if m.after {
		then()
	}
	return resp, err
}

// TestDeletedWhilePacked deletes an export at each step of its packing: no package comes of it, nothing of it is left but
// what the packager remembers, and the next one is whole.
func TestDeletedWhilePacked(t *testing.T) {
	m := &meddler{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: m})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	for n := range 30 {
		k.Create(t, anna, chair(fmt.Sprint("D", n)))
	}
	for _, at := range []string{"POST uploads", "PUT partNumber", "POST uploadId"} {
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("%s, after %v", at, after)
			k.Clock.Advance(25 * time.Hour)
			anna = k.SignIn(t, "anna")
			one := "/v1/exports/" + answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"workspace"}`), 202)["id"].(string)
			*m = meddler{at, after, func() { expect(t, k, 204, "", "DELETE", one, anna, "") }}
			k.PackAll(t)
			if m.then != nil {
				t.Fatalf("%s: there is no such step", name)
			}
			for range 4 {
				k.Clock.Advance(10 * time.Minute)
				deliver(t, k, tend(t, k))
			}
			anna = k.SignIn(t, "anna")
			if got := answer(t, k.Do(t, "GET", one+"?link=true", anna, ""), 200); got["state"] != "deleted" || got["download"] != nil {
				t.Errorf("%s: %v", name, got)
			}
			if all := lying(t, k, "EXPORTS_BUCKET"); slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, "packages/") }) {
				t.Errorf("%s: there is %v", name, all)
			}
			if due := tend(t, k); len(due) != 0 {
				t.Errorf("%s: still due: %v", name, due)
			}
		}
	}
	k.Clock.Advance(25 * time.Hour)
	if _, a := exported(t, k, k.SignIn(t, "anna"), `{"scope":"workspace"}`); a.Manifest.Counts["passports"] != 30 {
		t.Errorf("the next one has %v", a.Manifest.Counts)
	}
}
