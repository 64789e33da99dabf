package routes_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// bad is one bad request and the exact answer.
type bad struct {
	name, method, target, key, body string
	headers                         []string
	status                          int
	code                            fault.Code
	pointer                         string // of one of the errors, when given
}

const (
	uri  = "https://id.gs1.org/01/09506000134352/21/BAD-1"
	good = `{"productGroup":"general","granularity":"item","productIdentifier":"` + uri + `","content":{"name":{"en":"Chair"}}}`
)

// create is a POST of a passport in which one part of a good body is replaced.
func create(name, old, new string, status int, code fault.Code, pointer string) bad {
	return bad{name: name, method: "POST", target: "/v1/passports", key: "A", body: strings.Replace(good, old, new, 1), status: status, code: code, pointer: pointer}
}

func content(name, value string, status int, code fault.Code, pointer string) bad {
	return create(name, `{"name":{"en":"Chair"}}`, value, status, code, pointer)
}

func battery(name, value string, code fault.Code, pointer string) bad {
	b := create(name, `"general"`, `"battery"`, 422, code, pointer)
	b.body = strings.Replace(b.body, `{"name":{"en":"Chair"}}`, value, 1)
	return b
}

func identifiers(name, value string, code fault.Code) bad {
	return create(name, uri, value, 422, code, "/productIdentifier")
}

func badBodies() []bad {
	post := func(name, body string, status int, code fault.Code, pointer string) bad {
		return bad{name: name, method: "POST", target: "/v1/passports", key: "A", body: body, status: status, code: code, pointer: pointer}
	}
	return []bad{
		post("cut JSON", good[:40], 400, fault.CodeJSONSyntax, ""),
		post("not JSON", "hello", 400, fault.CodeJSONSyntax, ""),
		post("two values", good+good, 400, fault.CodeJSONSyntax, ""),
		post("trailing comma", `{"productGroup":"general",}`, 400, fault.CodeJSONSyntax, ""),
		post("comment", `{/*x*/}`, 400, fault.CodeJSONSyntax, ""),
		post("invalid UTF-8", "{\"productGroup\":\"\xff\"}", 400, fault.CodeJSONSyntax, "/productGroup"),
		post("NaN", `{"content":{"weightKg":NaN}}`, 400, fault.CodeJSONSyntax, ""),
		post("array at top", `[]`, 400, fault.CodeJSONType, ""),
		post("text at top", `"x"`, 400, fault.CodeJSONType, ""),
		post("unknown member", `{"productGroups":"general"}`, 400, fault.CodeJSONUnknownMember, "/productGroups"),
		post("member in other case", `{"ProductGroup":"general"}`, 400, fault.CodeJSONUnknownMember, "/ProductGroup"),
		post("read-only member", `{"status":"published"}`, 400, fault.CodeJSONUnknownMember, "/status"),
		post("duplicate member", `{"productGroup":"a","productGroup":"b"}`, 400, fault.CodeJSONDuplicate, "/productGroup"),
		post("duplicate deep in the content", `{"content":{"name":{"en":"a","en":"b"}}}`, 400, fault.CodeJSONDuplicate, "/content/name/en"),
		post("too deep", `{"content":{"a":`+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}}`, 400, fault.CodeJSONDepth, ""),
		post("bomb of brackets", strings.Repeat("[", 200_000), 400, fault.CodeJSONDepth, ""),
		post("over one megabyte", `{"content":"`+strings.Repeat("x", 1<<20)+`"}`, 413, fault.CodeBodyTooLarge, ""),
		post("no body", "", 415, fault.CodeUnsupportedMedia, ""),
		create("wrong type of group", `"general"`, `7`, 400, fault.CodeJSONType, "/productGroup"),
		create("wrong type of identifier", `"`+uri+`"`, `{}`, 400, fault.CodeJSONType, "/productIdentifier"),
		content("content is a list", `[]`, 400, fault.CodeJSONType, "/content"),
		create("unknown group", `"general"`, `"spaceship"`, 422, fault.CodePassportInvalid, "/productGroup"),
		create("unknown granularity", `"item"`, `"unit"`, 422, fault.CodePassportInvalid, "/granularity"),
		create("granularity of another level", `"item"`, `"model"`, 422, fault.CodePassportInvalid, "/granularity"),
		create("missing identifier", `,"productIdentifier":"`+uri+`"`, ``, 422, fault.CodePassportInvalid, "/productIdentifier"),
		identifiers("wrong check digit", "https://id.gs1.org/01/09506000134353", fault.CodePassportInvalid),
		identifiers("thirteen digits too many", "https://id.gs1.org/01/0950600013435212345", fault.CodePassportInvalid),
		identifiers("letters in the GTIN", "https://id.gs1.org/01/0950600013435X", fault.CodePassportInvalid),
		identifiers("no scheme", "id.gs1.org/01/09506000134352", fault.CodePassportInvalid),
		identifiers("other key", "https://id.gs1.org/8004/ABC", fault.CodePassportInvalid),
		identifiers("other qualifier", "https://id.gs1.org/01/09506000134352/22/2A", fault.CodePassportInvalid),
		identifiers("empty serial", "https://id.gs1.org/01/09506000134352/21/", fault.CodePassportInvalid),
		identifiers("serial too long", "https://id.gs1.org/01/09506000134352/21/123456789012345678901", fault.CodePassportInvalid),
		identifiers("space in the serial", "https://id.gs1.org/01/09506000134352/21/a%20b", fault.CodePassportInvalid),
		identifiers("zero byte", "https://id.gs1.org/01/09506000134352/21/a%00b", fault.CodePassportInvalid),
		identifiers("broken percent", "https://id.gs1.org/01/09506000134352/21/a%2", fault.CodePassportInvalid),
		identifiers("query", "https://id.gs1.org/01/09506000134352?x=1", fault.CodePassportInvalid),
		identifiers("script", "javascript:alert(1)", fault.CodePassportInvalid),
		content("unknown element", `{"nmae":{"en":"x"}}`, 422, fault.CodePassportInvalid, "/content/nmae"),
		content("wrong type in the content", `{"weightKg":"5"}`, 422, fault.CodePassportInvalid, "/content/weightKg"),
		content("value out of range", `{"recycledContentPct":101}`, 422, fault.CodePassportInvalid, "/content/recycledContentPct"),
		content("not a country", `{"countryOfOrigin":"Germany"}`, 422, fault.CodePassportInvalid, "/content/countryOfOrigin"),
		content("another serial number than the identifier's", `{"serialNumber":"BAD-2"}`, 422, fault.CodePassportInvalid, "/content/serialNumber"),
		content("null in the content", `{"brand":null}`, 422, fault.CodePassportInvalid, "/content/brand"),
		content("address that is a script", `{"documents":[{"title":"x","url":"javascript:alert(1)"}]}`, 422, fault.CodePassportInvalid, "/content/documents/0/url"),
		battery("data point 16", `{"materialComposition":"x"}`, fault.CodePassportInvalid, "/content/materialComposition"),
		battery("data point 25", `{"ratedCapacityAh":1}`, fault.CodePassportInvalid, "/content/ratedCapacityAh"),
		battery("data point 17", `{"carbonFootprintDeclaration":{}}`, fault.CodePassportInvalid, "/content/carbonFootprintDeclaration"),
		battery("data point 18", `{"carbonFootprintClass":"A"}`, fault.CodePassportInvalid, "/content/carbonFootprintClass"),
		battery("data point 19", `{"dueDiligenceReport":"x"}`, fault.CodePassportInvalid, "/content/dueDiligenceReport"),
		battery("data point 44", `{"instructionsForUse":"x"}`, fault.CodePassportInvalid, "/content/instructionsForUse"),
		battery("portable battery", `{"batteryCategory":"portable"}`, fault.CodePassportInvalid, "/content/batteryCategory"),
		battery("data point of another category", `{"batteryCategory":"lmt","capacityThresholdForExhaustionPct":70}`, fault.CodePassportInvalid, "/content/capacityThresholdForExhaustionPct"),
		battery("unknown data point", `{"nominalCapacityAH":1}`, fault.CodePassportInvalid, "/content/nominalCapacityAH"),
	}
}

// badCalls need passports: {draft} and {published} belong to tenant A, {foreign} to tenant B.
func badCalls() []bad {
	js := []string{"Content-Type", "application/json"}
	patch := func(name, target string, headers []string, body string, status int, code fault.Code, pointer string) bad {
		return bad{name: name, method: "PATCH", target: target, key: "A", body: body, headers: headers, status: status, code: code, pointer: pointer}
	}
	get := func(name, target string, status int, code fault.Code) bad {
		return bad{name: name, method: "GET", target: target, key: "A", status: status, code: code}
	}
	match := func(tag string) []string { return []string{"If-Match", tag} }
	return []bad{
		{name: "no key", method: "GET", target: "/v1/passports", status: 401, code: fault.CodeUnauthenticated},
		{name: "made-up key", method: "GET", target: "/v1/passports", key: "pc_local_x_y_z", status: 401, code: fault.CodeUnauthenticated},
		{name: "basic authentication", method: "GET", target: "/v1/passports", headers: []string{"Authorization", "Basic eA=="}, status: 401, code: fault.CodeUnauthenticated},
		{name: "key without the scope", method: "POST", target: "/v1/passports", key: "R", body: good, status: 403, code: fault.CodeForbidden},
		{name: "reader publishes", method: "POST", target: "/v1/passports/{draft}/publication", key: "R", headers: match(`"1"`), status: 403, code: fault.CodeForbidden},
		{name: "text body", method: "POST", target: "/v1/passports", key: "A", body: good, headers: []string{"Content-Type", "text/plain"}, status: 415, code: fault.CodeUnsupportedMedia},
		{name: "form body", method: "POST", target: "/v1/passports", key: "A", body: "a=b", headers: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: fault.CodeUnsupportedMedia},
		{name: "no media type", method: "POST", target: "/v1/passports", key: "A", body: good, headers: []string{"Content-Type", ""}, status: 415, code: fault.CodeUnsupportedMedia},
		{name: "body on a GET", method: "GET", target: "/v1/passports", key: "A", body: "{}", headers: js, status: 400, code: fault.CodeBodyUnexpected},
		{name: "body on a publication", method: "POST", target: "/v1/passports/{draft}/publication", key: "A", body: "{}", headers: append(match(`"1"`), js...), status: 400, code: fault.CodeBodyUnexpected},
		{name: "taken identifier", method: "POST", target: "/v1/passports", key: "A", body: strings.Replace(good, "BAD-1", "TAKEN", 1), status: 409, code: fault.CodeIdentifierTaken, pointer: "/productIdentifier"},
		{name: "idempotency key with spaces", method: "POST", target: "/v1/passports", key: "A", body: good, headers: []string{"Idempotency-Key", "a b"}, status: 400, code: fault.CodeIdempotencyKeyInvalid},
		{name: "idempotency key too long", method: "POST", target: "/v1/passports", key: "A", body: good, headers: []string{"Idempotency-Key", strings.Repeat("k", 129)}, status: 400, code: fault.CodeIdempotencyKeyInvalid},
		patch("change without If-Match", "/v1/passports/{draft}", nil, `{"content":{}}`, 428, fault.CodeIfMatchMissing, ""),
		patch("weak If-Match", "/v1/passports/{draft}", match(`W/"1"`), `{"content":{}}`, 400, fault.CodeIfMatchInvalid, ""),
		patch("any If-Match", "/v1/passports/{draft}", match(`*`), `{"content":{}}`, 400, fault.CodeIfMatchInvalid, ""),
		patch("list in If-Match", "/v1/passports/{draft}", match(`"1","2"`), `{"content":{}}`, 400, fault.CodeIfMatchInvalid, ""),
		patch("stale If-Match", "/v1/passports/{draft}", match(`"9"`), `{"content":{}}`, 412, fault.CodeRevisionStale, ""),
		patch("other tenant's passport", "/v1/passports/{foreign}", match(`"1"`), `{"content":{}}`, 404, fault.CodePassportNotFound, ""),
		patch("patch breaks a rule", "/v1/passports/{draft}", match(`"1"`), `{"content":{"weightKg":-1}}`, 422, fault.CodePassportInvalid, "/content/weightKg"),
		patch("patch of a read-only member", "/v1/passports/{draft}", match(`"1"`), `{"revision":9}`, 400, fault.CodeJSONUnknownMember, "/revision"),
		patch("JSON Patch", "/v1/passports/{draft}", append(match(`"1"`), "Content-Type", "application/json-patch+json"), `[]`, 415, fault.CodeUnsupportedMedia, ""),
		patch("identifier of a published passport", "/v1/passports/{published}", match(`"2"`), `{"productIdentifier":"https://id.gs1.org/01/09506000134352/21/OTHER"}`, 422, fault.CodePassportInvalid, "/productIdentifier"),
		{name: "suspend a draft", method: "POST", target: "/v1/passports/{draft}/suspension", key: "A", body: `{"reason":"because"}`, headers: append(match(`"1"`), js...), status: 409, code: fault.CodeTransition},
		{name: "suspend without a reason", method: "POST", target: "/v1/passports/{published}/suspension", key: "A", body: `{"reason":" "}`, headers: append(match(`"2"`), js...), status: 422, code: fault.CodeReasonMissing, pointer: "/reason"},
		{name: "publish an incomplete passport", method: "POST", target: "/v1/passports/{draft}/publication", key: "A", headers: match(`"1"`), status: 422, code: fault.CodePassportIncomplete, pointer: "/content/manufacturer"},
		{name: "publish the same again", method: "POST", target: "/v1/passports/{published}/publication", key: "A", headers: match(`"2"`), status: 409, code: fault.CodePassportNothingToDo},
		{name: "publish another tenant's", method: "POST", target: "/v1/passports/{foreign}/publication", key: "A", headers: match(`"1"`), status: 404, code: fault.CodePassportNotFound},
		get("other tenant's passport read", "/v1/passports/{foreign}", 404, fault.CodePassportNotFound),
		get("other tenant's versions", "/v1/passports/{foreign}/versions", 404, fault.CodePassportNotFound),
		get("not an identifier", "/v1/passports/1", 404, fault.CodePassportNotFound),
		get("identifier in capitals", "/v1/passports/0199AAAA-0000-7000-8000-000000000000", 404, fault.CodePassportNotFound),
		get("key injection", "/v1/passports/x%23META", 404, fault.CodePassportNotFound),
		get("version 0", "/v1/passports/{published}/versions/0", 404, fault.CodeVersionNotFound),
		get("version 01", "/v1/passports/{published}/versions/01", 404, fault.CodeVersionNotFound),
		get("version 99", "/v1/passports/{published}/versions/99", 404, fault.CodeVersionNotFound),
		get("as of never", "/v1/passports/{published}?asOf=1999-01-01T00:00:00Z", 404, fault.CodeNotInForce),
		get("as of nonsense", "/v1/passports/{published}?asOf=yesterday", 400, fault.CodeQueryInvalid),
		get("unknown query", "/v1/passports?sort=asc", 400, fault.CodeQueryInvalid),
		get("repeated query", "/v1/passports?limit=1&limit=2", 400, fault.CodeQueryInvalid),
		get("limit 0", "/v1/passports?limit=0", 400, fault.CodeQueryInvalid),
		get("limit 101", "/v1/passports?limit=101", 400, fault.CodeQueryInvalid),
		get("made-up cursor", "/v1/passports?cursor=AAAA", 400, fault.CodeCursor),
		get("unknown status", "/v1/passports?status=lost", 400, fault.CodeQueryInvalid),
		get("unknown group in the filter", "/v1/passports?productGroup=x", 400, fault.CodeQueryInvalid),
		get("bad identifier in the filter", "/v1/passports?productIdentifier=x", 400, fault.CodeQueryInvalid),
		get("unknown product group", "/v1/product-groups/x", 404, fault.CodeRouteNotFound),
		{name: "method", method: "PUT", target: "/v1/passports/{draft}", key: "A", status: 405, code: fault.CodeMethodNotAllowed},
		{name: "unknown method", method: "BREW", target: "/v1/passports", key: "A", status: 405, code: fault.CodeMethodNotAllowed},
		get("no such path", "/v2/passports", 404, fault.CodeRouteNotFound),
		get("dots", "/v1/passports/../passports", 404, fault.CodeRouteNotFound),
		get("encoded dots", "/v1/passports/%2e%2e/x", 404, fault.CodeRouteNotFound),
		get("double slash", "//v1/passports", 404, fault.CodeRouteNotFound),
		get("resolver: wrong check digit", "/01/09506000134353", 400, fault.CodeIdentifierCheckDigit),
		get("resolver: short GTIN", "/01/123", 400, fault.CodeIdentifierInvalid),
		get("resolver: unknown product", "/01/09506000134352/21/unknown", 404, fault.CodePassportNotFound),
		{name: "resolver: media type", method: "GET", target: "/01/09506000134352/21/TAKEN", headers: []string{"Accept", "image/png"}, status: 406, code: fault.CodeNotAcceptable},
		{name: "resolver: POST", method: "POST", target: "/01/09506000134352", body: "{}", status: 405, code: fault.CodeMethodNotAllowed},
		get("carrier: no such passport", "/q/0199aaaa-0000-7000-8000-000000000000.svg", 404, fault.CodePassportNotFound),
		get("carrier: other picture", "/q/{published}.gif", 404, fault.CodeRouteNotFound),
	}
}

// TestBadRequests sends every bad request, expects its exact status and code, and that nothing in the store has changed.
func TestBadRequests(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	a, keyA := k.Tenant(t, "A")
	_, keyB := k.Tenant(t, "B")
	reader, keyR, err := apikey.Mint("local", a, "reader", []access.Scope{access.ScopeRead}, k.Clock.Now(), 1<<40, k.App.Stores().Random)
	if err != nil {
		t.Fatal(err)
	}
	k.PutKey(t, reader)
	keys := map[string]string{"A": keyA, "B": keyB, "R": keyR}
	names := strings.NewReplacer(
		"{draft}", k.Create(t, keyA, strings.Replace(good, "BAD-1", "DRAFT", 1)),
		"{published}", k.Publish(t, keyA, k.Create(t, keyA, strings.Replace(strings.Replace(good, "BAD-1", "TAKEN", 1), `{"name":`, `{"serialNumber":"TAKEN","manufacturer":{"name":"M"},"name":`, 1))),
		"{foreign}", k.Create(t, keyB, strings.Replace(good, "BAD-1", "FOREIGN", 1)))
	cases := append(badBodies(), badCalls()...)
	if len(cases) < 60 {
		t.Errorf("%d bad requests, at least 60 are promised", len(cases))
	}
	refuses(t, k, names, keys, cases)
}

// refuses sends bad requests, expects the exact status and code of each, and that nothing in the store has changed.
func refuses(t *testing.T, k *testkit.Kit, names *strings.Replacer, keys map[string]string, cases []bad) {
	t.Helper()
	before := k.Dump(t)
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			key := keys[tc.key]
			if key == "" {
				key = tc.key
			}
			headers := append([]string{"Accept", "application/json"}, tc.headers...)
			w := k.Do(t, tc.method, names.Replace(tc.target), key, tc.body, headers...)
			var p httpapi.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
				t.Fatalf("not a problem document (%s): %s", w.Header().Get("Content-Type"), w.Body)
			}
			if w.Code != tc.status || p.Code != tc.code || p.Status != tc.status {
				t.Errorf("%d %s, want %d %s: %s", w.Code, p.Code, tc.status, tc.code, w.Body)
			}
			named := func(f fault.Field) bool { return f.Pointer == tc.pointer && f.Detail != "" }
			if tc.pointer != "" && !slices.ContainsFunc(p.Errors, named) {
				t.Errorf("no error at %s: %s", tc.pointer, w.Body)
			}
			if p.Detail == "" || p.Title == "" || p.RequestID == "" || strings.Contains(w.Body.String(), "goroutine") {
				t.Errorf("not helpful: %s", w.Body)
			}
		})
	}
	before, after := changeable(before), changeable(k.Dump(t))
	if !slices.Equal(before, after) {
		t.Errorf("the store has changed:\n%s", diff(before, after))
	}
}

// changeable leaves out what a refused request is meant to leave behind: its line in the audit trail, and on the key the
// hour of its use.
func changeable(rows []string) []string {
	var out []string
	for _, row := range rows {
		if !strings.Contains(row, "ev=access.denied") && !strings.Contains(row, "ev=access.cross-tenant") && !strings.Contains(row, "ev=api-key.used") && !strings.Contains(row, "#RATE ") {
			out = append(out, regexp.MustCompile(` (used|net)=\S+( \S{32})?`).ReplaceAllString(row, ""))
		}
	}
	return out
}

func diff(before, after []string) string {
	var out []string
	for _, row := range after {
		if !slices.Contains(before, row) {
			out = append(out, "+ "+row)
		}
	}
	for _, row := range before {
		if !slices.Contains(after, row) {
			out = append(out, "- "+row)
		}
	}
	return fmt.Sprint(len(out), " rows\n", strings.Join(out, "\n"))
}
