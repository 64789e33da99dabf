package routes_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/piprate/json-gold/ld"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func answer(t *testing.T, w *httptest.ResponseRecorder, status int) map[string]any {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	var m map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &m); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	return m
}

const complete = `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/A%2FB","content":{"serialNumber":"A/B","name":{"en":"CANARY-NAME"},"manufacturer":{"name":"CANARY-MAKER"},"disassembly":"CANARY-DISASSEMBLY"}}`

// TestLife leads one passport through its whole life and looks at it from both sides at every step.
func TestLife(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "Nordeiche")
	const public = "/01/09506000134376/21/A%2FB"
	look := func(status int) string {
		t.Helper()
		w := k.Do(t, "GET", public, "", "", "Accept", "application/json")
		if w.Code != status {
			t.Fatalf("public: %d, want %d: %s", w.Code, status, w.Body)
		}
		return w.Body.String()
	}
	one := "/v1/passports/" + k.Create(t, key, complete)
	look(404)
	before := k.Clock.Now()
	k.Clock.Advance(time.Hour)
	step := func(path, body, tag string, status int) map[string]any {
		t.Helper()
		k.Clock.Advance(time.Hour)
		return answer(t, k.Do(t, "POST", one+path, key, body, "If-Match", tag), status)
	}
	step("/publication", "", `"1"`, 200)
	published := k.Clock.Now()
	if body := look(200); !strings.Contains(body, "CANARY-NAME") || strings.Contains(body, "CANARY-DISASSEMBLY") {
		t.Errorf("the public view is not the public part: %s", body)
	}
	k.Clock.Advance(time.Hour)
	w := k.Do(t, "PATCH", one, key, `{"content":{"brand":"Second","disassembly":null}}`, "If-Match", `"2"`, "Content-Type", "application/merge-patch+json")
	if p := answer(t, w, 200); p["revision"] != 3.0 || p["content"].(map[string]any)["disassembly"] != nil {
		t.Errorf("patched: %v", p)
	}
	if strings.Contains(look(200), "Second") {
		t.Error("an edit is public before it was published")
	}
	step("/publication", "", `"3"`, 200)
	if !strings.Contains(look(200), "Second") {
		t.Error("the second version is not public")
	}
	step("/suspension", `{"reason":"Wrong weight"}`, `"4"`, 200)
	suspended := k.Clock.Now()
	if !strings.Contains(look(404), "Wrong weight") {
		t.Error("the reason of the suspension is not shown")
	}
	step("/publication", "", `"5"`, 200)
	look(200)
	step("/archival", `{"reason":"Recycled in Esbjerg"}`, `"6"`, 200)
	if !strings.Contains(look(410), "Recycled in Esbjerg") {
		t.Error("the reason of the end is not shown")
	}
	if w := k.Do(t, "GET", public, "", "", "Accept", "text/html"); w.Code != 410 || !strings.Contains(w.Body.String(), "Recycled in Esbjerg") {
		t.Errorf("page of an archived passport: %d", w.Code)
	}
	step("/publication", "", `"7"`, 409)
	list := answer(t, k.Do(t, "GET", one+"/versions", key, ""), 200)
	if n := len(list["items"].([]any)); n != 3 {
		t.Errorf("%d versions, want 3", n)
	}
	for _, tc := range []struct {
		at      time.Time
		status  int
		version any
	}{{before, 404, nil}, {published, 200, 1.0}, {published.Add(90 * time.Minute), 200, 1.0}, {suspended, 404, nil}, {suspended.Add(time.Hour), 200, 3.0}, {k.Clock.Now(), 404, nil}} {
		got := answer(t, k.Do(t, "GET", one+"?asOf="+tc.at.Format(time.RFC3339Nano), key, ""), tc.status)
		if got["version"] != tc.version {
			t.Errorf("as of %s: version %v, want %v", tc.at, got["version"], tc.version)
		}
	}
}

// TestNothingInTheClear looks through everything that is stored for words of the content: only the published public
// view may hold some, and only of its public part.
func TestNothingInTheClear(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "CANARY-TENANT")
	draft := strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "DRAFTED"), "A/B", "DRAFTED")
	answer(t, k.Do(t, "POST", "/v1/passports", key, draft, "Idempotency-Key", "k1"), 201)
	k.Publish(t, key, k.Create(t, key, complete))
	rows := k.Dump(t)
	if len(rows) < 8 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		for _, word := range []string{"CANARY", "DRAFTED", "09506000134376"} {
			if strings.Contains(row, word) && (!strings.HasPrefix(row, "PUBLIC_TABLE") || word == "DRAFTED" || strings.Contains(row, "DISASSEMBLY")) {
				t.Errorf("%q is stored in the clear: %.300s", word, row)
			}
		}
	}
}

// TestIdempotency repeats a creation.
func TestIdempotency(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "A")
	first := k.Do(t, "POST", "/v1/passports", key, complete, "Idempotency-Key", "abc")
	again := k.Do(t, "POST", "/v1/passports", key, complete, "Idempotency-Key", `"abc"`)
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("replay: %d %d %s", first.Code, again.Code, again.Body)
	}
	for _, h := range []string{"Location", "ETag", "Content-Type"} {
		if first.Header().Get(h) != again.Header().Get(h) {
			t.Errorf("%s differs: %q, %q", h, first.Header().Get(h), again.Header().Get(h))
		}
	}
	other := k.Do(t, "POST", "/v1/passports", key, strings.Replace(complete, "CANARY-NAME", "x", 1), "Idempotency-Key", "abc")
	if p := answer(t, other, 422); p["code"] != "idempotency-key-reused" {
		t.Errorf("other body: %v", p)
	}
	bad := k.Do(t, "POST", "/v1/passports", key, `{"productGroup":"x"}`, "Idempotency-Key", "def")
	answer(t, bad, 422)
	mended := k.Do(t, "POST", "/v1/passports", key, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "C"), "A/B", "C"), "Idempotency-Key", "def")
	answer(t, mended, 201) // a refusal changed nothing and may be corrected under the same key
}

// TestStorageCalls holds the budget of storage calls per request, warm: what every request costs is part of the design.
func TestStorageCalls(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "A")
	k.Do(t, "GET", "/v1/passports", key, "") // key and tenant key are in memory from here on
	count := func(name string, budget int, method, target, body string, headers ...string) *httptest.ResponseRecorder {
		t.Helper()
		w := k.Do(t, method, target, key, body, headers...)
		if w.Code >= 300 {
			t.Fatalf("%s: %d %s", name, w.Code, w.Body)
		}
		e := k.Events[len(k.Events)-1]
		n := -e.Calls["sts.AssumeRole"] // once an hour per function and tenant; each function has its own
		// Before the first use of a table in a process: whether it is the one that its marker clears.
		n -= 2 * e.Calls["dynamodb.DescribeTable"]
		for _, c := range e.Calls {
			n += c
		}
		if n != budget {
			t.Errorf("%s makes %d storage calls (%v), the budget is %d", name, n, e.Calls, budget)
		}
		return w
	}
	one := "/v1/passports/" + k.Create(t, key, complete)
	count("create", 1, "POST", "/v1/passports", strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "C"), "A/B", "C"))
	count("create with Idempotency-Key", 3, "POST", "/v1/passports", strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "D"), "A/B", "D"), "Idempotency-Key", "k")
	count("read", 1, "GET", one, "")
	count("patch", 2, "PATCH", one, `{"content":{"brand":"B"}}`, "If-Match", `"1"`)
	count("publish an item", 3, "POST", one+"/publication", "", "If-Match", `"2"`)
	count("resolve", 1, "GET", "/01/09506000134376/21/A%2FB", "")
	count("resolve as JSON-LD", 1, "GET", "/01/09506000134376/21/A%2FB", "", "Accept", "application/ld+json")
	count("carrier", 1, "GET", "/q/"+one[len("/v1/passports/"):]+".svg", "")
	count("version", 2, "GET", one+"/versions/1", "")
	count("versions", 2, "GET", one+"/versions", "")
	count("list", 8, "GET", "/v1/passports", "")
	count("list of one status", 2, "GET", "/v1/passports?status=draft", "")
	count("by product", 2, "GET", "/v1/passports?productIdentifier=https://id.gs1.org/01/09506000134376/21/A%252FB", "")
	count("product groups", 0, "GET", "/v1/product-groups", "")
	count("read again", 1, "GET", one, "")
	if calls := k.Events[len(k.Events)-1].Calls; calls["sts.AssumeRole"] != 0 {
		t.Errorf("a session is fetched again: %v", calls)
	}
}

// TestLinkedData expands the JSON-LD of a battery without any network: every member has a term of its own.
func TestLinkedData(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "A")
	for _, name := range samples.Names() {
		body, err := samples.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		k.Publish(t, key, k.Create(t, key, string(body)))
	}
	w := k.Do(t, "GET", "/01/09506000134352/21/AC78-000421", "", "", "Accept", "application/ld+json")
	var doc any
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	o := ld.NewJsonLdOptions("")
	o.DocumentLoader = offline{}
	expanded, err := ld.NewJsonLdProcessor().Expand(doc, o)
	if err != nil {
		t.Fatal(err)
	}
	node := expanded[0].(map[string]any)
	if node["@id"] != "https://id.gs1.org/01/09506000134352/21/AC78-000421" {
		t.Errorf("@id %v", node["@id"])
	}
	content := node["https://passportcraft.dev/vocab/passport/1#content"].([]any)[0].(map[string]any)
	plain := doc.(map[string]any)["content"].(map[string]any)
	if d := cmp.Diff(len(plain), len(content)); d != "" {
		t.Errorf("members of the content are lost in expansion: %s\n%v", d, content)
	}
	for _, secret := range []string{"dynamicPerformance", "stateOfHealth", "usageHistory", "batteryStatus", "cathodeMaterials", "testReports", "dismantling"} {
		if _, public := plain[secret]; public {
			t.Errorf("%s is public", secret)
		}
	}
}

type offline struct{}

func (offline) LoadDocument(u string) (*ld.RemoteDocument, error) {
	return nil, fmt.Errorf("%s would have been fetched", u)
}

// TestNegotiation looks at each representation and at what caches need.
func TestNegotiation(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "A")
	k.Publish(t, key, k.Create(t, key, complete))
	const public = "/01/09506000134376/21/A%2FB"
	for accept, media := range map[string]string{
		"": "text/html; charset=utf-8", "text/html,*/*;q=0.8": "text/html; charset=utf-8", "application/json": "application/json",
		"application/ld+json": "application/ld+json", "application/*": "application/json", "application/json;q=0.1, application/ld+json;q=0.2": "application/ld+json",
	} {
		w := k.Do(t, "GET", public, "", "", "Accept", accept)
		if w.Code != 200 || w.Header().Get("Content-Type") != media {
			t.Errorf("Accept %q: %d %s, want %s", accept, w.Code, w.Header().Get("Content-Type"), media)
		}
		if w.Header().Get("Vary") != "Accept, Accept-Language" || w.Header().Get("Set-Cookie") != "" || w.Header().Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("Accept %q: headers %v", accept, w.Header())
		}
		again := k.Do(t, "GET", public, "", "", "Accept", accept, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != 304 || again.Body.Len() > 0 {
			t.Errorf("If-None-Match: %d", again.Code)
		}
		head := k.Do(t, "HEAD", public, "", "", "Accept", accept)
		if head.Code != 200 || head.Body.Len() > 0 || head.Header().Get("Content-Length") != fmt.Sprint(w.Body.Len()) {
			t.Errorf("HEAD: %d %d bytes, length %s", head.Code, head.Body.Len(), head.Header().Get("Content-Length"))
		}
	}
	w := k.Do(t, "OPTIONS", public, "", "")
	if w.Code != 204 || w.Header().Get("Allow") != "GET, HEAD, OPTIONS" || w.Header().Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("OPTIONS: %d %v", w.Code, w.Header())
	}
	if w := k.Do(t, "GET", public+"/", "", ""); w.Code != 200 {
		t.Errorf("trailing slash: %d", w.Code)
	}
}
