package routes_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/passportcraft/passportcraft/infra/local/gateway"
	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// paper is what is said of a document in most tests.
const paper = "?name=Declaration+CANARY-PAPER&kind=declaration-of-conformity&language=de&audience=authority,public"

// add adds a document to a passport (its path) and returns its path.
func add(t *testing.T, k *testkit.Kit, token, passport, query, media, body string) string {
	t.Helper()
	w := k.Do(t, "POST", passport+"/documents"+query, token, body, "Content-Type", media)
	if w.Code != 201 {
		t.Fatalf("add: %d %.300s", w.Code, w.Body)
	}
	return w.Header().Get("Location")
}

// TestDocuments leads a document through its life.
func TestDocuments(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	viewer := k.Join(t, anna, "vera", "viewer")
	passport := "/v1/passports/" + k.Create(t, anna, complete)
	if got := answer(t, k.Do(t, "GET", passport+"/documents", anna, ""), 200); len(got["items"].([]any)) != 0 {
		t.Errorf("documents before any: %v", got)
	}
	pdf := "%PDF-1.7\nCANARY-BYTES\x00\xff\xfe"
	repeatedly := []string{"Content-Type", "application/pdf", "Idempotency-Key", "one"}
	first := k.Do(t, "POST", passport+"/documents"+paper, anna, pdf, repeatedly...)
	again := k.Do(t, "POST", passport+"/documents"+paper, anna, pdf, repeatedly...)
	if first.Code != 201 || again.Body.String() != first.Body.String() || again.Header().Get("Idempotency-Replayed") != "true" {
		t.Errorf("%d %s, again %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	one := first.Header().Get("Location")
	got := answer(t, k.Do(t, "GET", one, viewer, ""), 200)
	want := map[string]any{
		"name": "Declaration CANARY-PAPER", "kind": "declaration-of-conformity", "language": "de", "audience": []any{"public", "authority"}, "mediaType": "application/pdf",
		"size": float64(len(pdf)), "sha256": fmt.Sprintf("%x", sha256.Sum256([]byte(pdf))), "passportId": passport[len("/v1/passports/"):],
	}
	for name, v := range want {
		if fmt.Sprint(got[name]) != fmt.Sprint(v) {
			t.Errorf("%s is %v, want %v", name, got[name], v)
		}
	}
	w := k.Do(t, "GET", one+"/content", viewer, "")
	for name, v := range map[string]string{
		"Content-Type": "application/pdf", "Content-Disposition": `attachment; filename="Declaration CANARY-PAPER"`, "X-Content-Type-Options": "nosniff",
		"Cache-Control": "no-store", "Etag": fmt.Sprintf("%q", want["sha256"]), "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
	} {
		if w.Header().Get(name) != v {
			t.Errorf("%s: %q, want %q", name, w.Header().Get(name), v)
		}
	}
	if w.Code != 200 || w.Body.String() != pdf {
		t.Errorf("content: %d %q", w.Code, w.Body)
	}
	if w := k.Do(t, "GET", one+"/content", viewer, "", "If-None-Match", w.Header().Get("ETag")); w.Code != 304 || w.Body.Len() > 0 {
		t.Errorf("If-None-Match: %d", w.Code)
	}
	sealed(t, k)
	expect(t, k, 403, "forbidden", "DELETE", one, viewer, "")
	expect(t, k, 204, "", "DELETE", one, anna, "")
	expect(t, k, 404, "document-not-found", "DELETE", one, anna, "")
	expect(t, k, 404, "document-not-found", "GET", one+"/content", anna, "")
	if used := k.Gate().Used(); !slices.ContainsFunc(used, func(g iam.Grant) bool { return g.Role == "ManageDocumentsTenantRole" && g.Action == "s3:DeleteObject" }) {
		t.Errorf("the bytes of a deleted document were left: %v", used)
	}
	var seen []string
	for _, e := range answer(t, k.Do(t, "GET", "/v1/audit?object=document:"+one[strings.LastIndex(one, "/")+1:], anna, ""), 200)["items"].([]any) {
		seen = append(seen, e.(map[string]any)["event"].(string))
	}
	slices.Sort(seen)
	if fmt.Sprint(seen) != "[document.added document.deleted document.fetched document.fetched]" {
		t.Errorf("the trail says %v", seen)
	}
}

// sealed looks for what was said of a document, and its bytes, in a copy of the store.
func sealed(t *testing.T, k *testkit.Kit) {
	t.Helper()
	found := false
	for _, row := range k.Dump(t) {
		found = found || strings.Contains(row, "SK=D#")
		if strings.Contains(row, "CANARY-PAPER") || strings.Contains(row, "CANARY-BYTES") || strings.Contains(row, "application/pdf") {
			t.Errorf("stored in the clear: %.200s", row)
		}
	}
	if !found {
		t.Error("there is no row of a document: the test is for nothing")
	}
}

// TestDocumentLimits holds how many documents a passport has, that pages list them all once, and that an archived passport
// keeps what it has.
func TestDocumentLimits(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "A")
	passport := "/v1/passports/" + k.Create(t, key, complete)
	var want []string
	for n := range document.MaxPerPassport {
		want = append([]string{add(t, k, key, passport, paper, "text/plain", fmt.Sprint("document ", n))}, want...)
	}
	list := func() (all []string) {
		for next := ""; ; {
			got := answer(t, k.Do(t, "GET", passport+"/documents?limit=33&cursor="+next, key, ""), 200)
			for _, d := range got["items"].([]any) {
				all = append(all, passport+"/documents/"+d.(map[string]any)["id"].(string))
			}
			if got["next"] == nil {
				return all
			}
			next = got["next"].(string)
		}
	}
	if got := list(); !slices.Equal(got, want) {
		t.Errorf("%d documents are listed, or in another order than latest first", len(got))
	}
	refuse := func(code string) {
		t.Helper()
		if w := k.Do(t, "POST", passport+"/documents"+paper, key, "one more", "Content-Type", "text/plain"); w.Code != 409 || !strings.Contains(w.Body.String(), `"`+code+`"`) {
			t.Errorf("%d %s, want %s", w.Code, w.Body, code)
		}
	}
	refuse("document-limit")
	expect(t, k, 204, "", "DELETE", want[50], key, "")
	add(t, k, key, passport, paper, "text/plain", "in its place")
	refuse("document-limit")
	if w := k.Do(t, "POST", passport+"/archival", key, `{"reason":"recycled"}`, "If-Match", `"1"`); w.Code != 200 {
		t.Fatalf("archive: %d %s", w.Code, w.Body)
	}
	refuse("passport-transition")
	expect(t, k, 409, "passport-transition", "DELETE", want[0], key, "")
	if w := k.Do(t, "GET", want[0]+"/content", key, ""); w.Code != 200 || w.Body.String() != "document 99" {
		t.Errorf("of an archived passport: %d %s", w.Code, w.Body)
	}
}

// TestBadDocuments sends what is no document, with the exact answers, and holds that nothing is stored.
func TestBadDocuments(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "A")
	_, other := k.Tenant(t, "B")
	passport, foreign := "/v1/passports/"+k.Create(t, key, complete), "/v1/passports/"+k.Create(t, other, complete)
	theirs := add(t, k, other, foreign, paper, "text/plain", "theirs")
	said := func(name, value string) string {
		q := map[string]string{"name": "Manual", "kind": "manual", "audience": "public"}
		q[name] = value
		return fmt.Sprintf("?name=%s&kind=%s&audience=%s&language=%s", q["name"], q["kind"], q["audience"], q["language"])
	}
	cases := []struct{ name, target, media, body, want, pointer string }{
		{"no name", passport + said("name", ""), "text/plain", "x", "400 query-invalid", "?name"},
		{"a name too long", passport + said("name", strings.Repeat("x", 201)), "text/plain", "x", "400 query-invalid", "?name"},
		{"a name with a line break", passport + said("name", "a%0Ab"), "text/plain", "x", "400 query-invalid", "?name"},
		{"a name that is turned around", passport + said("name", "a%E2%80%AEfdp.exe"), "text/plain", "x", "400 query-invalid", "?name"},
		{"a name that is no text", passport + said("name", "%FF"), "text/plain", "x", "400 query-invalid", "?name"},
		{"a kind that nobody knows", passport + said("kind", "invoice"), "text/plain", "x", "400 query-invalid", "?kind"},
		{"nobody to read it", passport + said("audience", ""), "text/plain", "x", "400 query-invalid", "?audience"},
		{"an audience that nobody knows", passport + said("audience", "public,friends"), "text/plain", "x", "400 query-invalid", "?audience"},
		{"a language that is none", passport + said("language", "german_DE"), "text/plain", "x", "400 query-invalid", "?language"},
		{"a parameter that nobody knows", passport + said("", "") + "&owner=me", "text/plain", "x", "400 query-invalid", "?owner"},
		{"no body", passport + said("", ""), "text/plain", "", "400 malformed-request", ""},
		{"a page", passport + said("", ""), "text/html", "<p>", "415 unsupported-media-type", ""},
		{"a drawing with scripts", passport + said("", ""), "image/svg+xml", "<svg/>", "415 unsupported-media-type", ""},
		{"a program", passport + said("", ""), "application/octet-stream", "MZ", "415 unsupported-media-type", ""},
		{"no media type", passport + said("", ""), "", "x", "415 unsupported-media-type", ""},
		{"a page that is said to be a PDF", passport + said("", ""), "application/pdf", "<p>", "415 unsupported-media-type", ""},
		{"text that is said to be a picture", passport + said("", ""), "image/png", "x", "415 unsupported-media-type", ""},
		{"one byte too many", passport + said("", ""), "text/plain", strings.Repeat("x", document.MaxSize+1), "413 body-too-large", ""},
		{"another's passport", foreign + said("", ""), "text/plain", "x", "404 passport-not-found", ""},
		{"no identifier", "/v1/passports/x" + said("", ""), "text/plain", "x", "404 passport-not-found", ""},
	}
	before := k.Dump(t)
	for _, tc := range cases {
		target, query, _ := strings.Cut(tc.target, "?")
		w := k.Do(t, "POST", target+"/documents?"+query, key, tc.body, "Content-Type", tc.media)
		var p struct {
			Code   string
			Errors []struct{ Pointer, Detail string }
		}
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || fmt.Sprint(w.Code, " ", p.Code) != tc.want {
			t.Errorf("%s: %d %s, want %s: %.300s", tc.name, w.Code, p.Code, tc.want, w.Body)
		}
		if tc.pointer != "" && !slices.ContainsFunc(p.Errors, func(e struct{ Pointer, Detail string }) bool { return e.Pointer == tc.pointer }) {
			t.Errorf("%s: no error at %s: %s", tc.name, tc.pointer, w.Body)
		}
	}
	id := theirs[strings.LastIndex(theirs, "/")+1:]
	for _, target := range []string{theirs, theirs + "/content", passport + "/documents/" + id, passport + "/documents/" + id + "/content", passport + "/documents/x", passport + "/documents/x%23/content"} {
		expect(t, k, 404, "document-not-found", "GET", target, key, "")
	}
	expect(t, k, 404, "passport-not-found", "GET", foreign+"/documents", key, "")
	expect(t, k, 404, "document-not-found", "DELETE", theirs, key, "")
	expect(t, k, 404, "document-not-found", "DELETE", passport+"/documents/"+id, key, "")
	if before, after := changeable(before), changeable(k.Dump(t)); !slices.Equal(before, after) {
		t.Errorf("the store has changed:\n%s", diff(before, after))
	}
}

// TestDocumentCalls holds the budget of storage calls, warm.
func TestDocumentCalls(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "A")
	passport := "/v1/passports/" + k.Create(t, key, complete)
	one := add(t, k, key, passport, paper, "text/plain", "warm") // the role of the function is assumed from here on
	for _, tc := range []struct {
		name, method, target, body string
		budget                     int
	}{
		{"add", "POST", passport + "/documents" + paper, "x", 3}, // is there room; the bytes; the row
		{"list", "GET", passport + "/documents", "", 1},
		{"read", "GET", one, "", 1},
		{"fetch", "GET", one + "/content", "", 3}, // the row; the bytes; the entry
		{"delete", "DELETE", one, "", 3},          // the row; the transaction; the bytes
	} {
		w := k.Do(t, tc.method, tc.target, key, tc.body, "Content-Type", "text/plain")
		calls, n := k.Events[len(k.Events)-1].Calls, 0
		for _, c := range calls {
			n += c
		}
		if w.Code >= 300 || n != tc.budget {
			t.Errorf("%s (%d) makes %d storage calls (%v), the budget is %d", tc.name, w.Code, n, calls, tc.budget)
		}
	}
}

// TestEveryCallOfADocumentMayFail lets every storage call of adding, fetching and deleting fail, refused or carried out
// with its answer lost: the document is there whole or not at all, and what is listed can be fetched.
func TestEveryCallOfADocumentMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, key := k.Tenant(t, "A")
	passport := "/v1/passports/" + k.Create(t, key, complete)
	add(t, k, key, passport, paper, "text/plain", "warm")
	refused := 0
	whole := func() []string {
		var all []string
		for _, d := range answer(t, k.Do(t, "GET", passport+"/documents", key, ""), 200)["items"].([]any) {
			one := passport + "/documents/" + d.(map[string]any)["id"].(string)
			if w := k.Do(t, "GET", one+"/content", key, ""); w.Code != 200 || fmt.Sprintf("%x", sha256.Sum256(w.Body.Bytes())) != d.(map[string]any)["sha256"] {
				t.Errorf("a document is listed and not whole: %d", w.Code)
			}
			all = append(all, one)
		}
		return all
	}
	for _, apply := range []bool{false, true} {
		for at := int64(1); at <= 4; at++ {
			for _, step := range []string{"POST", "GET", "DELETE"} {
				before := whole()
				target, body := before[0], ""
				switch step {
				case "POST":
					target, body = passport+"/documents"+paper, fmt.Sprint("document ", at, apply)
				case "GET":
					target += "/content"
				}
				s.arm(at, apply)
				w := k.Do(t, step, target, key, body, "Content-Type", "text/plain")
				s.arm(0, false)
				if w.Code >= 300 && w.Code != 503 || strings.Contains(w.Body.String(), "sabotage") {
					t.Fatalf("call %d of %s: %d %s", at, step, w.Code, w.Body)
				}
				if w.Code == 503 {
					refused++
				}
				change := map[string]int{"POST": 1, "DELETE": -1}[step]
				after := len(whole()) - len(before)
				if after != change && (w.Code < 300 || after != 0) {
					t.Errorf("call %d of %s (carried out: %v), %d: %d documents more", at, step, apply, w.Code, after)
				}
				if len(whole()) < 2 {
					add(t, k, key, passport, paper, "text/plain", fmt.Sprint("another ", at, apply))
				}
			}
		}
	}
	if refused < 14 {
		t.Errorf("only %d calls were sabotaged", refused)
	}
}

// TestLargestDocument sends and fetches documents of the greatest size through the gateway, as base64 on the way to the
// function and back: also one that JSON would make six times as large.
func TestLargestDocument(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "A")
	passport := "/v1/passports/" + k.Create(t, key, complete)
	var largest int
	own := slices.DeleteFunc(routes.All(k.App), func(r httpapi.Route) bool { return r.Function != "manage-documents" })
	handle := lambdahost.New(k.Function(t, "manage-documents"), own...)
	measured := func(ctx context.Context, e events.APIGatewayProxyRequest) (events.APIGatewayProxyResponse, error) {
		a, err := handle(iam.As(ctx, "manage-documents"), e)
		for _, v := range []any{e, a} {
			b, _ := json.Marshal(v)
			largest = max(largest, len(b))
		}
		return a, err
	}
	tpl := testkit.Template(t)
	tpl.API.Authoriser = ""
	g, err := gateway.New(tpl, gateway.InProcess{Handlers: map[string]gateway.Handler{"manage-documents": measured}}, gateway.Options{Now: k.Clock.Now, Random: k.App.Stores().Random})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, target, media string, body []byte) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", media)
		w := httptest.NewRecorder()
		g.ServeHTTP(w, r)
		return w
	}
	for name, file := range map[string][]byte{
		"control characters": bytes.Repeat([]byte{1}, document.MaxSize), "quotes": bytes.Repeat([]byte{'"'}, document.MaxSize),
		"bytes": bytes.Repeat([]byte{0xff, 0x00, 0xc3}, document.MaxSize)[:document.MaxSize],
	} {
		made := ask("POST", passport+"/documents"+paper, "text/plain", file)
		if made.Code != 201 {
			t.Fatalf("%s: %d %.300s", name, made.Code, made.Body)
		}
		if w := ask("GET", made.Header().Get("Location")+"/content", "", nil); w.Code != 200 || !bytes.Equal(w.Body.Bytes(), file) {
			t.Errorf("%s: %d, %d bytes", name, w.Code, w.Body.Len())
		}
	}
	if w := ask("POST", passport+"/documents"+paper, "text/plain", bytes.Repeat([]byte{1}, document.MaxSize+1)); w.Code != 413 {
		t.Errorf("one byte more: %d", w.Code)
	}
	if largest > gateway.MaxPayload || largest < base64.StdEncoding.EncodedLen(document.MaxSize) {
		t.Errorf("the largest event or answer has %d bytes of %d", largest, gateway.MaxPayload)
	}
	t.Logf("the largest event or answer has %d bytes, Lambda passes on %d", largest, gateway.MaxPayload)
}

// TestDocumentsInExports takes documents away: those of the same bytes share a file, those that came after the snapshot stay
// behind, and nothing of them comes along when it is not wanted.
func TestDocumentsInExports(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	one, two := "/v1/passports/"+k.Create(t, anna, chair("D1")), "/v1/passports/"+k.Create(t, anna, chair("D2"))
	for n := range 6 {
		k.Create(t, anna, chair(fmt.Sprint("E", n))) // without documents, before and after
	}
	for _, p := range []string{one, two} {
		add(t, k, anna, p, paper, "text/plain", "the same manual")
	}
	add(t, k, anna, one, "?name=Gr%C3%BC%C3%9Fe&kind=other&audience=legitimate-interest", "application/pdf", "%PDF-1.7")
	k.Clock.Advance(time.Second)
	made := answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"workspace"}`), 202)
	k.Clock.Advance(time.Second)
	add(t, k, anna, two, paper, "text/plain", "later")
	k.PackAll(t)
	raw, a := fetched(t, k, anna, made["id"].(string))
	files := 0
	for _, m := range a.Manifest.Members {
		if strings.HasPrefix(m.Name, "files/") {
			files++
		}
	}
	all := lines(t, a, "documents/")
	if len(all) != 3 || files != 2 || a.Manifest.Counts["documents"] != 3 {
		t.Errorf("%d documents in %d files, counts %v", len(all), files, a.Manifest.Counts)
	}
	if got := strings.Join(papers(t, a), "\n"); strings.Count(got, "the same manual") != 2 || !strings.Contains(got, "Grüße") || strings.Contains(got, "later") {
		t.Errorf("documents:\n%s", got)
	}
	described(t, a, raw)
	for options, want := range map[string]int{
		`{"scope":"passports","include":{"documents":false}}`: 0, `{"scope":"passports","include":{"documents":true}}`: 4, `{"scope":"passports","include":{}}`: 4,
		`{"scope":"passports","status":"published"}`: 0,
	} {
		if _, a := exported(t, k, anna, options); len(lines(t, a, "documents/")) != want {
			t.Errorf("%s: %d documents, want %d", options, len(lines(t, a, "documents/")), want)
		}
	}
	_, otto := k.Organisation(t, "otto", "Another")
	if refused := uploaded(t, k, otto, spoiled(t, raw, all[0]["file"].(string))); refused["state"] != "refused" || !strings.Contains(fmt.Sprint(refused["why"]), "files/") {
		t.Errorf("a file that was changed on the way: %v", refused)
	}
	done := committed(t, k, otto, uploaded(t, k, otto, raw))
	if n := fetchable(t, k, otto); n != 3 || done["documents"] != float64(3) || done["failed"] != float64(0) {
		t.Errorf("%d documents came back: %v", n, done)
	}
	for _, p := range answer(t, k.Do(t, "GET", "/v1/passports", otto, ""), 200)["items"].([]any) { // their number came back too
		theirs := "/v1/passports/" + p.(map[string]any)["id"].(string)
		last := add(t, k, otto, theirs, paper, "text/plain", "new")
		expect(t, k, 404, "document-not-found", "GET", last, anna, "")
		for _, d := range answer(t, k.Do(t, "GET", theirs+"/documents", otto, ""), 200)["items"].([]any) {
			expect(t, k, 204, "", "DELETE", theirs+"/documents/"+d.(map[string]any)["id"].(string), otto, "")
		}
	}
	if n := fetchable(t, k, anna); n != 4 {
		t.Errorf("of what was exported %d are left", n)
	}
}
