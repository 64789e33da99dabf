package routes_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/leaving"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

var updateReport = flag.Bool("update-report", false, "write isolation-report.json again")

// attacker is one way to come to a route.
type attacker struct {
	name    string
	token   string
	headers []string
	want    func(access.Rule) string // the code of the refusal; "" when the layers let it in
}

// report is what the matrix found, per route.
type report struct {
	Route     string         `json:"route"`
	Action    access.Action  `json:"action"`
	Cases     int            `json:"cases"`
	Refused   int            `json:"refused"`
	Admitted  int            `json:"admitted"`
	ByRefusal map[string]int `json:"byRefusal"`
}

// company is an organisation with one person of each role and one key of each scope.
type company struct {
	tenant id.Tenant
	people map[access.Role]string // subjects
	keys   map[access.Scope]string
}

func found(t *testing.T, k *testkit.Kit, name string) company {
	t.Helper()
	c := company{people: map[access.Role]string{access.Owner: name + "-owner"}, keys: map[access.Scope]string{}}
	var owner string
	c.tenant, owner = k.Organisation(t, name+"-owner", name)
	for _, role := range access.Roles()[1:] {
		c.people[role] = name + "-" + string(role)
		k.Join(t, owner, c.people[role], string(role))
	}
	for _, scope := range access.Scopes() {
		body := fmt.Sprintf(`{"name":%q,"scopes":[%q]}`, scope, scope)
		c.keys[scope] = answer(t, k.Do(t, "POST", "/v1/api-keys", owner, body), 201)["key"].(string)
	}
	return c
}

func fixed(code fault.Code) func(access.Rule) string {
	return func(access.Rule) string { return string(code) }
}

// personal lets everything through on routes that concern the person alone.
func personal(otherwise fault.Code) func(access.Rule) string {
	return func(r access.Rule) string {
		if r.Personal {
			return ""
		}
		return string(otherwise)
	}
}

func attackers(t *testing.T, k *testkit.Kit, mine, other, closed company) []attacker {
	t.Helper()
	var all []attacker
	back := func(d time.Duration) func(map[string]any) {
		return func(c map[string]any) { c["auth_time"] = k.Clock.Now().Add(-d).Unix() }
	}
	for _, role := range access.Roles() {
		all = append(all, attacker{"as " + string(role), k.SignIn(t, mine.people[role]), nil, func(r access.Rule) string {
			if r.Personal || slices.Contains(r.Roles, role) {
				return ""
			}
			return "forbidden"
		}}, attacker{"as " + string(role) + " of another organisation", k.SignIn(t, other.people[role]), []string{"X-Tenant-Id", string(mine.tenant)}, personal(fault.CodeOrganisationUnknown)})
	}
	for _, scope := range access.Scopes() {
		all = append(all, attacker{"with " + string(scope), mine.keys[scope], nil, func(r access.Rule) string {
			if slices.Contains(r.Scopes, scope) {
				return ""
			}
			return "forbidden"
		}}, attacker{"with " + string(scope) + " of another organisation", other.keys[scope], []string{"X-Tenant-Id", string(mine.tenant)}, fixed(fault.CodeOrganisationUnknown)})
	}
	owner := mine.people[access.Owner]
	return append(all,
		attacker{"without a credential", "", nil, fixed(fault.CodeUnauthenticated)},
		attacker{"with an expired token", k.SignIn(t, owner, func(c map[string]any) { c["exp"] = k.Clock.Now().Add(-time.Hour).Unix() }), nil, fixed(fault.CodeUnauthenticated)},
		attacker{"with a foreign key", "pc_prod" + strings.TrimPrefix(mine.keys[access.ScopeRead], "pc_local"), nil, fixed(fault.CodeUnauthenticated)},
		attacker{"with a revoked key", revoked(t, k, owner), nil, fixed(fault.CodeUnauthenticated)},
		attacker{"with an ID token", k.Issuer.Sign(t, k.Issuer.Claims(owner, "id")), nil, fixed(fault.CodeUnauthenticated)},
		attacker{"as somebody who belongs nowhere", k.SignIn(t, "stranger"), nil, personal(fault.CodeOrganisationChoice)},
		attacker{"as owner, signed in an hour ago", k.SignIn(t, owner, back(time.Hour)), nil, func(r access.Rule) string {
			if r.Fresh {
				return string(fault.CodeReauthenticate)
			}
			return ""
		}},
		attacker{"as owner of a suspended organisation", k.SignIn(t, closed.people[access.Owner]), nil, func(r access.Rule) string {
			if r.Personal || possible(lifecycle.Suspended, r.Action) {
				return ""
			}
			return string(fault.CodeTenantSuspended)
		}},
		attacker{"with a key of a suspended organisation", closed.keys[access.ScopeRead], nil, func(r access.Rule) string {
			switch {
			case !slices.Contains(r.Scopes, access.ScopeRead):
				return "forbidden"
			case !possible(lifecycle.Suspended, r.Action):
				return string(fault.CodeTenantSuspended)
			}
			return ""
		}},
	)
}

// possible is what the capability table says about an action.
func possible(s lifecycle.State, a access.Action) bool {
	c, ok := lifecycle.Needs(a)
	return ok && lifecycle.Can(s, c) == nil
}

func revoked(t *testing.T, k *testkit.Kit, owner string) string {
	t.Helper()
	token := k.SignIn(t, owner)
	made := answer(t, k.Do(t, "POST", "/v1/api-keys", token, `{"name":"gone","scopes":["passports:read"]}`), 201)
	expect(t, k, 204, "", "DELETE", "/v1/api-keys/"+made["id"].(string), token, "")
	return made["key"].(string)
}

// suspend is the operator's step, which no route offers.
func suspend(t *testing.T, k *testkit.Kit, tenant id.Tenant) {
	t.Helper()
	by := access.Caller{Tenant: tenant, Actor: "system:operator", Request: "0199aaaa-0000-7000-8000-00000000000a", At: k.Clock.Now()}
	if _, err := leaving.Contract(k.App).Suspend(t.Context(), by); err != nil {
		t.Fatal(err)
	}
	k.Clock.Advance(31 * time.Second)
}

// target is a request to a route that the layers below authorisation have nothing against, for objects that are absent.
func target(r httpapi.Route) (method, path, body string, headers []string) {
	method, path, _ = strings.Cut(r.Pattern, " ")
	path = regexp.MustCompile(`\{[^}]+\}`).ReplaceAllString(path, "0199aaaa-0000-7000-8000-00000000000a")
	headers = []string{"Accept", "application/json"}
	if len(r.Body.Types) > 0 {
		body = "{}"
		headers = append(headers, "Content-Type", r.Body.Types[0])
	}
	if r.Conditional {
		headers = append(headers, "If-Match", `"1"`)
	}
	return method, path, body, headers
}

// TestAttackMatrix asks every route of the route table in every way: each role, each scope, from another organisation,
// without, with expired, revoked and wrong credentials, with an old sign-in, and while suspended. The expected answer of
// each case follows from the permission table alone.
func TestAttackMatrix(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	mine, other, closed := found(t, k, "mine"), found(t, k, "other"), found(t, k, "closed")
	suspend(t, k, closed.tenant)
	cases := attackers(t, k, mine, other, closed)
	refusals := map[string]string{}
	var rows []report
	total := 0
	all := routes.All(k.App)
	slices.SortStableFunc(all, func(a, b httpapi.Route) int { // who has their account deleted can try nothing else
		return last(a) - last(b)
	})
	for _, r := range all {
		if r.Action == access.Public {
			continue
		}
		rule, ok := access.Find(r.Action)
		if !ok {
			t.Errorf("%s declares the action %s, which the permission table does not know", r.Pattern, r.Action)
			continue
		}
		row := report{Route: r.Pattern, Action: r.Action, ByRefusal: map[string]int{}}
		for _, a := range cases {
			method, path, body, headers := target(r)
			w := k.Do(t, method, path, a.token, body, append(headers, a.headers...)...)
			var p httpapi.Problem
			_ = json.Unmarshal(w.Body.Bytes(), &p)
			want, got := a.want(rule), string(p.Code)
			stopped := slices.Contains([]string{"unauthenticated", "forbidden", "reauthentication-required", "tenant-suspended", "contract-stage", "organisation-not-found", "organisation-choice-required"}, got)
			row.Cases++
			if want != "" && got != want || want == "" && (stopped || w.Code == http.StatusInternalServerError) {
				t.Errorf("%s %s: %d %q, want %q", r.Pattern, a.name, w.Code, got, want)
			}
			if want == "" {
				row.Admitted++
				continue
			}
			row.Refused++
			row.ByRefusal[got]++
			if got == "unauthenticated" || got == "organisation-not-found" { // says nothing of what was wrong, or of what exists
				same := strings.ReplaceAll(w.Body.String(), string(p.RequestID), "")
				if before, ok := refusals[got]; ok && before != same {
					t.Errorf("%s %s: the refusal differs: %s", r.Pattern, a.name, same)
				}
				refusals[got] = same
			}
		}
		total += row.Cases
		rows = append(rows, row)
	}
	if total < 700 {
		t.Errorf("only %d cases", total)
	}
	keep(t, rows, below(t))
}

func last(r httpapi.Route) int {
	if r.Action == access.AccountErase {
		return 1
	}
	return 0
}

// beneath counts what the policies of one function's roles say to calls for another organisation.
type beneath struct {
	Function string `json:"function"`
	Cases    int    `json:"cases"`
	Refused  int    `json:"refused"`
}

// below holds every call that a session of one organisation could make for another one against the policies of every
// function: each action on each table of tenants, its index, the objects and the keys. It is the answer to a mistake
// above, or to somebody who has got hold of a function.
func below(t *testing.T) []beneath {
	t.Helper()
	k := testkit.Environment(t)
	gate := testkit.OpenGate(t, k, clock.Fixed(testkit.Start()))
	const own, foreign = "01a3c7ab-7680-7000-8000-000000000001", "01a3c7ab-7680-7000-8000-000000000002"
	var all []beneath
	for _, f := range testkit.Template(t).Functions {
		b := beneath{Function: f.Folder}
		for _, c := range gate.Reach(f.Folder, own, foreign) {
			b.Cases++
			if !c.Allowed {
				b.Refused++
			} else {
				t.Errorf("%s may %s on %s (%s) for another organisation", f.Folder, c.Action, c.Resource, c.Of)
			}
		}
		if b.Cases > 0 {
			all = append(all, b)
		}
	}
	if len(all) < 20 {
		t.Errorf("only %d functions work for organisations", len(all))
	}
	return all
}

// keep compares the result with the report that is shown to customers.
func keep(t *testing.T, rows []report, below []beneath) {
	t.Helper()
	b, err := json.MarshalIndent(map[string]any{"routes": rows, "belowTheHandler": below}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("..", "..", "api", "trust", "isolation-report.json") // shown at /trust/isolation
	if *updateReport {
		if err := os.WriteFile(file, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("run go test ./shared/runtime/routes -run AttackMatrix -update-report: %v", err)
	}
	if d := cmp.Diff(string(kept), string(b)+"\n"); d != "" && !t.Failed() {
		t.Errorf("the report is not what the matrix found; write it again with -update-report:\n%s", d)
	}
}

// TestForeignIsAbsent swaps every identifier in a path for one of another organisation's objects: the answer is the one
// for an object that does not exist, to the byte.
func TestForeignIsAbsent(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	mine, other := found(t, k, "mine"), found(t, k, "other")
	theirs := k.SignIn(t, other.people[access.Owner])
	passport := k.Publish(t, theirs, k.Create(t, theirs, complete))
	expect(t, k, 201, "", "POST", "/v1/invitations", theirs, `{"email":"x@nordeiche.example","role":"viewer"}`)
	open := answer(t, k.Do(t, "GET", "/v1/invitations", theirs, ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	keys := answer(t, k.Do(t, "GET", "/v1/api-keys", theirs, ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	foreign := map[string]string{
		"{passportId}": passport, "{version}": "1", "{invitationId}": open, "{keyId}": keys, "{personId}": string(people(t, k, theirs)["other-viewer"].ID),
		"{tenantId}": string(other.tenant), "{exportId}": answer(t, k.Do(t, "POST", "/v1/exports", theirs, `{"scope":"account"}`), 202)["id"].(string),
		"{importId}":   answer(t, k.Do(t, "POST", "/v1/imports", theirs, `{"format":"archive","size":1,"sha256":"`+strings.Repeat("a", 64)+`"}`), 201)["id"].(string),
		"{recipeId}":   answer(t, k.Do(t, "POST", "/v1/import-recipes", theirs, chairRecipe), 201)["id"].(string),
		"{documentId}": path.Base(add(t, k, theirs, "/v1/passports/"+passport, paper, "text/plain", "theirs")),
		"{holdId}":     answer(t, k.Do(t, "POST", "/v1/holds", theirs, aHold(k)), 201)["id"].(string),
	}
	absent := map[string]string{
		"{passportId}": "0199aaaa-0000-7000-8000-00000000000a", "{version}": "1", "{invitationId}": "0199aaaa-0000-7000-8000-00000000000a",
		"{keyId}": strings.Repeat("a", 39), "{personId}": "0199aaaa-0000-7000-8000-00000000000a", "{tenantId}": "0199aaaa-0000-7000-8000-00000000000a",
		"{exportId}": "0199aaaa-0000-7000-8000-00000000000a", "{importId}": "0199aaaa-0000-7000-8000-00000000000a",
		"{recipeId}": "0199aaaa-0000-7000-8000-00000000000a", "{documentId}": "0199aaaa-0000-7000-8000-00000000000a",
		"{holdId}": "0199aaaa-0000-7000-8000-00000000000a",
	}
	before := k.Dump(t)
	own := k.SignIn(t, mine.people[access.Owner])
	asked := 0
	for _, r := range routes.All(k.App) {
		method, pattern, _ := strings.Cut(r.Pattern, " ")
		if r.Action == access.Public || !strings.Contains(pattern, "{") || strings.Contains(pattern, "{productGroup}") {
			continue
		}
		ask := func(ids map[string]string) string {
			path := regexp.MustCompile(`\{[^}]+\}`).ReplaceAllStringFunc(pattern, func(p string) string {
				if ids[p] == "" {
					t.Fatalf("%s: this test knows no foreign %s; teach it", r.Pattern, p)
				}
				return ids[p]
			})
			_, _, body, headers := target(r)
			switch {
			case strings.HasSuffix(pattern, "/suspension"), strings.HasSuffix(pattern, "/archival"):
				body = `{"reason":"because it must be"}`
			case strings.HasSuffix(pattern, "/review"):
				body = fmt.Sprintf(`{"reviewBy":%q}`, k.Clock.Now().Add(24*time.Hour).Format(time.RFC3339))
			case strings.HasPrefix(pattern, "/v1/import-recipes") && method == http.MethodPut:
				body = chairRecipe
			case r.Pattern == "POST /v1/passports/{passportId}/documents":
				path, headers = path+paper, append(headers, "Content-Type", "text/plain")
			case strings.HasPrefix(pattern, "/v1/members"):
				body = strings.Replace(body, "{}", `{"role":"viewer"}`, 1)
			}
			w := k.Do(t, method, path, own, body, headers...)
			var p httpapi.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Code != http.StatusNotFound {
				t.Errorf("%s: %d %s", r.Pattern, w.Code, w.Body)
			}
			return fmt.Sprint(w.Code, w.Header().Get("ETag"), strings.ReplaceAll(w.Body.String(), string(p.RequestID), ""))
		}
		asked++
		if a, b := ask(foreign), ask(absent); a != b {
			t.Errorf("%s tells another organisation's object from an absent one:\n%s\n%s", r.Pattern, a, b)
		}
	}
	if asked < 10 {
		t.Errorf("only %d routes have identifiers", asked)
	}
	if before, after := changeable(before), changeable(k.Dump(t)); !slices.Equal(before, after) {
		t.Errorf("something has changed:\n%s", diff(before, after))
	}
	foreignElsewhere(t, k, own, theirs)
}

// aHold is the request for a hold on everything.
func aHold(k *testkit.Kit) string {
	return fmt.Sprintf(`{"scope":{"kind":"tenant"},"basis":{"act":"Regulation (EU) 2016/679","article":"17(3)(e)"},"reviewBy":%q}`, k.Clock.Now().Add(24*time.Hour).Format(time.RFC3339))
}

// foreignElsewhere does the same with identifiers in query, header and body.
func foreignElsewhere(t *testing.T, k *testkit.Kit, own, theirs string) {
	t.Helper()
	empty := func(target string) {
		t.Helper()
		if w := k.Do(t, "GET", target, own, ""); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"items":[]}` {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	const product = "https://id.gs1.org/01/09506000134376/21/A%2FB"
	for _, p := range []string{product, "https://id.gs1.org/01/09506000134376/21/NOBODY"} {
		empty("/v1/passports?productIdentifier=" + url.QueryEscape(p))
	}
	passport := answer(t, k.Do(t, "GET", "/v1/passports?productIdentifier="+url.QueryEscape(product), theirs, ""), 200)["items"].([]any)[0].(map[string]any)["id"].(string)
	empty("/v1/audit?object=passport:" + passport)
	empty("/v1/audit?actor=person:" + string(people(t, k, theirs)["other-owner"].ID))

	// Their cursor leads nowhere here.
	next := answer(t, k.Do(t, "GET", "/v1/members?limit=1", theirs, ""), 200)["next"].(string)
	expect(t, k, 400, "cursor-invalid", "GET", "/v1/members?limit=1&cursor="+url.QueryEscape(next), own, "")

	// Their Idempotency-Key is another one than ours, and their answer is not given to us.
	body := strings.ReplaceAll(complete, "A/B", "C/D")
	body = strings.ReplaceAll(body, "A%2FB", "C%2FD")
	made := k.Do(t, "POST", "/v1/passports", theirs, body, "Idempotency-Key", "one")
	mine := k.Do(t, "POST", "/v1/passports", own, body, "Idempotency-Key", "one")
	if made.Code != 201 || mine.Code != 201 || mine.Header().Get("Idempotency-Replayed") != "" || made.Header().Get("Location") == mine.Header().Get("Location") {
		t.Errorf("the same Idempotency-Key in two organisations: %d %v, %d %v", made.Code, made.Header(), mine.Code, mine.Header())
	}

	// A product that they have published is theirs: publishing ours says that it is taken, and not by whom.
	draft := k.Create(t, own, complete)
	w := k.Do(t, "POST", "/v1/passports/"+draft+"/publication", own, "", "If-Match", `"1"`)
	if w.Code != 409 || strings.Contains(w.Body.String(), passport) {
		t.Errorf("publishing their product: %d %s", w.Code, w.Body)
	}
}
