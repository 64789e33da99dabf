package readers_test

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// answer is the body of an answer that must have a status.
func answer(t *testing.T, k *testkit.Kit, status int, method, path, token, body string) map[string]any {
	t.Helper()
	w := k.Do(t, method, path, token, body)
	if w.Code != status {
		t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
	}
	var v map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

// chair is a passport of the general group with a name.
func chair(serial, name string) string {
	b, err := json.Marshal(map[string]any{
		"productGroup": "general", "granularity": "item", "productIdentifier": "https://id.gs1.org/01/09506000134376/21/" + serial,
		"content": map[string]any{"serialNumber": serial, "name": map[string]any{"en": name}, "manufacturer": map[string]any{"name": "Nordeiche"}},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

const recipe = `{"name":"Chairs","productGroup":"general","granularity":"item","mapping":{"decimal":",","columns":[{"header":"Product identifier","pointer":"/productIdentifier"},` +
	`{"header":"Name (en)","pointer":"/content/name","language":"en","default":"Chair"}]}}`

// export is the package of a workspace that has at least one of every kind of record.
func export(t *testing.T) string {
	t.Helper()
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Join(t, anna, "bert", "editor")
	answer(t, k, 201, "POST", "/v1/invitations", anna, `{"email":"carla@nordeiche.example","role":"viewer"}`)
	answer(t, k, 201, "POST", "/v1/api-keys", anna, `{"name":"shop","scopes":["passports:read"]}`)
	answer(t, k, 201, "POST", "/v1/import-recipes", anna, recipe)
	review := k.Clock.Now().Add(30 * 24 * time.Hour).Format(time.RFC3339)
	answer(t, k, 201, "POST", "/v1/holds", anna, `{"scope":{"kind":"tenant"},"basis":{"act":"Regulation (EU) 2016/679","article":"17(3)(e)"},"reviewBy":"`+review+`"}`)
	for n, name := range []string{"Plain", "Grün 🪑 \u2028 \"quoted\" \\ </script>", "=cmd()", strings.Repeat("long ", 2000)} {
		p := k.Create(t, anna, chair(fmt.Sprint("R", n), name))
		paper := "/v1/passports/" + p + "/documents?kind=manual&audience=public&name=Manual+" + fmt.Sprint(n%2)
		if w := k.Do(t, "POST", paper, anna, "how to sit", "Content-Type", "text/plain"); w.Code != http.StatusCreated {
			t.Fatalf("document: %d %s", w.Code, w.Body)
		}
		if n < 3 {
			k.Publish(t, anna, p)
		}
	}
	k.Clock.Advance(5 * time.Minute)
	for _, j := range auditing.Jobs(k.App.App) {
		if err := j.Run(k.AsFunction(j.Function), k.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	anna = k.SignIn(t, "anna")
	made := answer(t, k, 202, "POST", "/v1/exports", anna, `{"scope":"workspace","formats":["en18223","en18223-jsonld"]}`)["id"].(string)
	k.PackAll(t)
	got := answer(t, k, 200, "GET", "/v1/exports/"+made+"?link=true", anna, "")
	resp := k.Fetch(t, got["download"].(map[string]any)["url"].(string))
	file := filepath.Join(t.TempDir(), "export.zip")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, resp.Body); err != nil || resp.StatusCode != http.StatusOK || out.Close() != nil {
		t.Fatalf("fetching: %d %v", resp.StatusCode, err)
	}
	return file
}

// run runs a program, or skips when it is not installed.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// manifest is what a reader that knows the format from its description alone looks at.
type manifest struct {
	Counts  map[string]int
	Schemas map[string]string
	Members []struct {
		Name   string
		Lines  int
		Size   int
		SHA256 string
	}
}

func contents(t *testing.T, file string) (map[string][]byte, manifest) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	all := map[string][]byte{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if all[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
	var m manifest
	if err := json.Unmarshal(all["manifest.json"], &m); err != nil {
		t.Fatal(err)
	}
	return all, m
}

// TestArchive opens a package with programs and libraries of others.
func TestArchive(t *testing.T) {
	file := export(t)
	all, m := contents(t, file)
	t.Run("unzip", func(t *testing.T) {
		if said := run(t, "unzip", "-t", file); !strings.Contains(said, "No errors detected") {
			t.Errorf("%s", said)
		}
	})
	t.Run("python zipfile", func(t *testing.T) {
		said := run(t, "python3", "-c", `
import sys, json, zipfile, hashlib
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
m = json.loads(z.read("manifest.json"))
for e in m["members"]:
    b = z.read(e["name"])
    assert len(b) == e["size"] and hashlib.sha256(b).hexdigest() == e["sha256"], e["name"]
    if e["name"].endswith(".ndjson"):
        assert len([json.loads(l) for l in b.decode("utf-8").split("\n") if l]) == e["lines"], e["name"]
print(len(m["members"]))`, file)
		if strings.TrimSpace(said) != fmt.Sprint(len(m.Members)) {
			t.Errorf("it reads %s of %d members", said, len(m.Members))
		}
	})
	t.Run("jq", func(t *testing.T) {
		dir := t.TempDir()
		for kind, schema := range m.Schemas {
			if schema == "" {
				t.Errorf("%s has no schema", kind)
			}
		}
		for _, member := range m.Members {
			if !strings.HasSuffix(member.Name, ".ndjson") {
				continue
			}
			one := filepath.Join(dir, "member.ndjson")
			if err := os.WriteFile(one, all[member.Name], 0o600); err != nil {
				t.Fatal(err)
			}
			if said := strings.TrimSpace(run(t, "jq", "-s", `map(select(type == "object")) | length`, one)); said != fmt.Sprint(member.Lines) {
				t.Errorf("%s: it reads %s of %d lines", member.Name, said, member.Lines)
			}
		}
	})
	t.Run("another JSON Schema validator", func(t *testing.T) { described(t, all, m) })
	for _, member := range m.Members {
		if got := fmt.Sprintf("%x", sha256.Sum256(all[member.Name])); got != member.SHA256 || len(all[member.Name]) != member.Size {
			t.Errorf("%s is not as the manifest says", member.Name)
		}
	}
}

// described holds every line against the schema that the package has for it.
func described(t *testing.T, all map[string][]byte, m manifest) {
	t.Helper()
	schemas := map[string]*jsonschema.Resolved{}
	for kind, member := range m.Schemas {
		var s jsonschema.Schema
		if err := json.Unmarshal(all[member], &s); err != nil {
			t.Fatalf("%s: %v", member, err)
		}
		resolved, err := s.Resolve(nil)
		if err != nil {
			t.Fatalf("%s: %v", member, err)
		}
		schemas[kind] = resolved
	}
	seen := map[string]int{}
	for _, member := range m.Members {
		if !strings.HasSuffix(member.Name, ".ndjson") {
			continue
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(member.Name, "account/"), "/")
		kind = strings.TrimSuffix(kind, ".ndjson")
		schema := schemas[kind]
		if schema == nil {
			t.Errorf("%s has no schema", member.Name)
			continue
		}
		for line := range strings.Lines(string(all[member.Name])) {
			var v map[string]any
			if err := json.Unmarshal([]byte(line), &v); err != nil {
				t.Errorf("%s: %v", member.Name, err)
				continue
			}
			if err := schema.Validate(v); err != nil {
				t.Errorf("%s: %v\n%.300s", member.Name, err, line)
			}
			seen[kind]++
			if seen[kind] == 1 { // the schema must be able to refuse
				v["member-that-nobody-knows"] = true
				if schema.Validate(v) == nil && kind != "en18223-jsonld" && kind != "audit" && kind != "audit-not-yet-signed" {
					t.Errorf("the schema of %s takes anything", kind)
				}
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(schemas)) {
		if seen[kind] == 0 {
			t.Errorf("the package has no line of %s, so its schema was not tried", kind)
		}
	}
}
