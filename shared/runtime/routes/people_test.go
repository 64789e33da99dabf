package routes_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	organisation "github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// code asks and returns status and problem code.
func code(t *testing.T, k *testkit.Kit, method, target, key, body string, headers ...string) (int, string) {
	t.Helper()
	w := k.Do(t, method, target, key, body, headers...)
	var p struct{ Code string }
	_ = json.Unmarshal(w.Body.Bytes(), &p)
	return w.Code, p.Code
}

func expect(t *testing.T, k *testkit.Kit, want int, wantCode, method, target, key, body string, headers ...string) {
	t.Helper()
	if got, c := code(t, k, method, target, key, body, headers...); got != want || c != wantCode {
		t.Errorf("%s %s: %d %s, want %d %s", method, target, got, c, want, wantCode)
	}
}

type person struct {
	ID       id.Person
	Name     string
	Email    string
	Role     access.Role
	Revision int
}

func people(t *testing.T, k *testkit.Kit, token string) map[string]person {
	t.Helper()
	w := k.Do(t, "GET", "/v1/members", token, "")
	var got struct{ Items []person }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("members: %d %s", w.Code, w.Body)
	}
	out := map[string]person{}
	for _, p := range got.Items {
		out[strings.TrimSuffix(p.Email, "@nordeiche.example")] = p
	}
	return out
}

// TestPeopleComeAndGo leads an organisation from its foundation through invitations, roles and removals, by HTTP alone.
func TestPeopleComeAndGo(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	expect(t, k, 400, "organisation-choice-required", "GET", "/v1/tenant", k.SignIn(t, "anna"), "")
	expect(t, k, 409, "profile-missing", "POST", "/v1/tenants", k.SignIn(t, "anna"), `{"name":"Nordeiche"}`)
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	expect(t, k, 200, "", "GET", "/v1/tenant", anna, "")
	bert := k.Join(t, anna, "bert", "editor")
	used := k.Invitation(t, "bert")
	expect(t, k, 404, "invitation-not-found", "POST", "/v1/invitations/acceptance", k.Register(t, "carl"), `{"token":"`+used+`"}`)
	expect(t, k, 201, "", "POST", "/v1/passports", bert, `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/B1","content":{"serialNumber":"B1"}}`)
	expect(t, k, 403, "forbidden", "GET", "/v1/members", bert, "")

	all := people(t, k, anna)
	if len(all) != 2 || all["bert"].Role != access.Editor || all["bert"].Name != "Name of bert" || all["anna"].Role != access.Owner {
		t.Fatalf("members: %+v", all)
	}
	// The last owner stays, whatever is tried.
	one := func(name string) string { return "/v1/members/" + string(all[name].ID) }
	expect(t, k, 409, "last-owner", "DELETE", one("anna"), anna, "", "If-Match", `"1"`)
	expect(t, k, 409, "last-owner", "PATCH", one("anna"), anna, `{"role":"viewer"}`, "If-Match", `"1"`)
	expect(t, k, 412, "revision-stale", "PATCH", one("bert"), anna, `{"role":"admin"}`, "If-Match", `"7"`)
	expect(t, k, 200, "", "PATCH", one("bert"), anna, `{"role":"admin"}`, "If-Match", `"1"`)
	k.Clock.Advance(31 * time.Second) // what is remembered of a standing
	bert, anna = k.SignIn(t, "bert"), k.SignIn(t, "anna")
	expect(t, k, 403, "role-above-own", "PATCH", one("anna"), bert, `{"role":"viewer"}`, "If-Match", `"1"`)
	expect(t, k, 403, "role-above-own", "PATCH", one("bert"), bert, `{"role":"owner"}`, "If-Match", `"2"`)
	expect(t, k, 403, "role-above-own", "POST", "/v1/invitations", bert, `{"email":"x@nordeiche.example","role":"owner"}`)
	expect(t, k, 403, "role-above-own", "DELETE", one("anna"), bert, "", "If-Match", `"1"`)
	expect(t, k, 422, "role-unknown", "PATCH", one("bert"), anna, `{"role":"root"}`, "If-Match", `"2"`)
	expect(t, k, 404, "member-not-found", "PATCH", "/v1/members/0199aaaa-0000-7000-8000-00000000000a", anna, `{"role":"viewer"}`, "If-Match", `"1"`)

	// An invitation dies with the right of whoever sent it.
	expect(t, k, 201, "", "POST", "/v1/invitations", bert, `{"email":"dora@nordeiche.example","role":"admin"}`)
	expect(t, k, 204, "", "DELETE", one("bert"), anna, "", "If-Match", `"2"`)
	expect(t, k, 404, "invitation-not-found", "POST", "/v1/invitations/acceptance", k.Register(t, "dora"), `{"token":"`+k.Invitation(t, "dora")+`"}`)
	k.Clock.Advance(31 * time.Second)
	expect(t, k, 400, "organisation-choice-required", "GET", "/v1/passports", k.SignIn(t, "bert"), "")
	expect(t, k, 404, "organisation-not-found", "GET", "/v1/passports", k.SignIn(t, "bert"), "", "X-Tenant-Id", string(tenant))

	// And with time.
	anna = k.SignIn(t, "anna")
	expect(t, k, 201, "", "POST", "/v1/invitations", anna, `{"email":"emil@nordeiche.example","role":"viewer"}`)
	k.Clock.Advance(7*24*time.Hour + time.Second)
	expect(t, k, 404, "invitation-not-found", "POST", "/v1/invitations/acceptance", k.Register(t, "emil"), `{"token":"`+k.Invitation(t, "emil")+`"}`)
	expect(t, k, 404, "invitation-not-found", "POST", "/v1/invitations/acceptance", k.Register(t, "emil"), `{"token":"pci_x_y"}`)

	events := map[audit.Event]int{}
	for _, e := range trail(t, k, k.SignIn(t, "anna"), "?limit=100") {
		events[e.Event]++
	}
	for event, n := range map[audit.Event]int{audit.TenantCreated: 1, audit.MemberInvited: 3, audit.MemberJoined: 1, audit.RoleChanged: 1, audit.MemberRemoved: 1, audit.PassportCreated: 1} {
		if events[event] != n {
			t.Errorf("%d entries of %s, want %d: %v", events[event], event, n, events)
		}
	}
	if events[audit.AccessDenied] < 3 {
		t.Errorf("denials are not written down: %v", events)
	}
	w := k.Do(t, "GET", "/v1/notices", k.SignIn(t, "anna"), "")
	if w.Code != 200 || strings.Count(w.Body.String(), `"title"`) != 6 || !strings.Contains(w.Body.String(), "A member got another role") {
		t.Errorf("notices: %d %s", w.Code, w.Body)
	}
}

type line struct {
	Event  audit.Event
	Actor  string
	Count  int
	Detail map[string]string
}

func trail(t *testing.T, k *testkit.Kit, token, query string) []line {
	t.Helper()
	w := k.Do(t, "GET", "/v1/audit"+query, token, "")
	var got struct{ Items []line }
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
		t.Fatalf("audit: %d %s", w.Code, w.Body)
	}
	return got.Items
}

// TestKeys leads API keys through their life: shown once, bound to networks, two of a name, revoked within half a minute.
func TestKeys(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	make := func(body string) (string, string) {
		t.Helper()
		m := answer(t, k.Do(t, "POST", "/v1/api-keys", anna, body), 201)
		return m["id"].(string), m["key"].(string)
	}
	keyID, key := make(`{"name":"shop","scopes":["passports:read"]}`)
	expect(t, k, 200, "", "GET", "/v1/passports", key, "")
	expect(t, k, 403, "forbidden", "POST", "/v1/passports", key, complete)
	expect(t, k, 403, "forbidden", "POST", "/v1/api-keys", key, `{"name":"mine","scopes":["passports:read"]}`)
	make(`{"name":"shop","scopes":["passports:read"]}`)
	expect(t, k, 409, "api-key-limit", "POST", "/v1/api-keys", anna, `{"name":"shop","scopes":["passports:read"]}`)
	for _, body := range []string{`{"name":"","scopes":["passports:read"]}`, `{"name":"x","scopes":["passports:read"],"days":800}`, `{"name":"x","scopes":["passports:read"],"from":["192.0.2.1/24"]}`} {
		expect(t, k, 422, "value-invalid", "POST", "/v1/api-keys", anna, body)
	}
	for _, body := range []string{`{"name":"x","scopes":[]}`, `{"name":"x","scopes":["root"]}`, `{"name":"x","scopes":["passports:read","passports:read"]}`} {
		expect(t, k, 422, "scope-unknown", "POST", "/v1/api-keys", anna, body)
	}
	_, elsewhere := make(`{"name":"office","scopes":["passports:read"],"from":["198.51.100.0/24"]}`)
	expect(t, k, 401, "unauthenticated", "GET", "/v1/passports", elsewhere, "") // requests here come from 192.0.2.1
	_, here := make(`{"name":"plant","scopes":["passports:read"],"from":["192.0.2.0/24"]}`)
	expect(t, k, 200, "", "GET", "/v1/passports", here, "")

	w := k.Do(t, "GET", "/v1/api-keys", anna, "")
	if w.Code != 200 || strings.Contains(w.Body.String(), key) || strings.Contains(w.Body.String(), strings.Split(key, "_")[3]) {
		t.Errorf("the list shows a secret: %s", w.Body)
	}
	if !strings.Contains(w.Body.String(), `"lastUsedAt":"2027-02-18T09:00:00Z"`) {
		t.Errorf("the list does not show the hour of use: %s", w.Body)
	}
	expect(t, k, 204, "", "DELETE", "/v1/api-keys/"+keyID, anna, "")
	expect(t, k, 404, "api-key-not-found", "DELETE", "/v1/api-keys/"+keyID, anna, "")
	k.Clock.Advance(31 * time.Second)
	expect(t, k, 401, "unauthenticated", "GET", "/v1/passports", key, "")

	anna = k.SignIn(t, "anna", func(c map[string]any) { c["auth_time"] = k.Clock.Now().Add(-6 * time.Minute).Unix() })
	w = k.Do(t, "POST", "/v1/api-keys", anna, `{"name":"late","scopes":["passports:read"]}`)
	if w.Code != 401 || !strings.Contains(w.Header().Get("WWW-Authenticate"), "insufficient_user_authentication") {
		t.Errorf("a key with a sign-in six minutes old: %d %v", w.Code, w.Header())
	}
	failed := 0
	for _, e := range trail(t, k, anna, "?event=authentication.failed") {
		failed += e.Count
	}
	if failed != 2 {
		t.Errorf("%d failed authentications are written down, want 2", failed)
	}
}

// TestPolicy holds what an organisation can demand of sign-ins, for people who are signed in already.
func TestPolicy(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	revision := 1
	set := func(body string, edits ...func(map[string]any)) {
		t.Helper()
		token := k.SignIn(t, "anna", edits...)
		tag := k.Do(t, "GET", "/v1/tenant/sign-in-policy", token, "").Header().Get("ETag")
		if w := k.Do(t, "PUT", "/v1/tenant/sign-in-policy", token, body, "If-Match", tag); w.Code != 200 {
			t.Fatalf("policy %s: %d %s", body, w.Code, w.Body)
		}
		revision++
		k.Clock.Advance(31 * time.Second)
	}
	otp := func(c map[string]any) { c["amr"] = []string{"pwd", "otp"} }
	google := func(c map[string]any) { c["username"], c["amr"] = "Google_123", []string{"fed", "mfa"} }
	expect(t, k, 422, "value-invalid", "PUT", "/v1/tenant/sign-in-policy", anna, `{"sessionHours":99,"domains":["Not A Domain"]}`, "If-Match", `"1"`)

	locked := func(body, pointer string, edits ...func(map[string]any)) {
		t.Helper()
		token := k.SignIn(t, "anna", edits...)
		w := k.Do(t, "PUT", "/v1/tenant/sign-in-policy", token, body, "If-Match", k.Do(t, "GET", "/v1/tenant/sign-in-policy", token, "").Header().Get("ETag"))
		if p := answer(t, w, 422); p["code"] != "policy-locks-out" || !strings.Contains(w.Body.String(), `"`+pointer+`"`) {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
	locked(`{"requireMfa":true}`, "/requireMfa")
	locked(`{"ssoOnly":true}`, "/ssoOnly", otp)
	locked(`{"domains":["other.example"]}`, "/domains")
	set(`{"requireMfa":true}`, otp)
	expect(t, k, 403, "second-factor-required", "GET", "/v1/passports", k.SignIn(t, "anna"), "")
	expect(t, k, 200, "", "GET", "/v1/me", k.SignIn(t, "anna"), "") // an unenrolled person may still see their account
	expect(t, k, 200, "", "GET", "/v1/passports", k.SignIn(t, "anna", otp), "")
	set(`{"requireMfa":true,"ssoOnly":true,"sessionHours":1}`, google)
	expect(t, k, 403, "single-sign-on-required", "GET", "/v1/passports", k.SignIn(t, "anna", otp), "")
	expect(t, k, 200, "", "GET", "/v1/passports", k.SignIn(t, "anna", google), "")
	old := func(c map[string]any) { google(c); c["auth_time"] = k.Clock.Now().Add(-61 * time.Minute).Unix() }
	expect(t, k, 401, "reauthentication-required", "GET", "/v1/passports", k.SignIn(t, "anna", old), "")
	set(`{"domains":["nordeiche.example"]}`, google)
	own, err := k.App.Tenants().Get(t.Context(), access.Caller{Tenant: tenant})
	if err != nil {
		t.Fatal(err)
	}
	by := access.Caller{Tenant: tenant, Actor: "system:operator", Request: "0199aaaa-0000-7000-8000-00000000000a", At: k.Clock.Now()}
	if _, err := k.App.Tenants().SetPolicy(t.Context(), by, own.Revision, organisation.Policy{Domains: []string{"other.example"}}); err != nil {
		t.Fatal(err)
	}
	k.Clock.Advance(31 * time.Second)
	expect(t, k, 403, "mail-domain-refused", "GET", "/v1/passports", k.SignIn(t, "anna"), "")
}

// TestTwoSignInsWithOneAddress holds that a mail address is nobody: two identities stay two people until both are proved.
func TestTwoSignInsWithOneAddress(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	other := k.Issuer.Claims("google-anna", "id")
	other["email"] = "anna@nordeiche.example"
	idToken := `{"idToken":"` + k.Issuer.Sign(t, other) + `"}`
	expect(t, k, 400, "organisation-choice-required", "GET", "/v1/passports", k.SignIn(t, "google-anna"), "")
	expect(t, k, 422, "value-invalid", "PUT", "/v1/me", anna, idToken) // not hers: another subject
	stale := k.Issuer.Claims("google-anna", "id")
	stale["auth_time"] = k.Clock.Now().Add(-6 * time.Minute).Unix()
	expect(t, k, 401, "reauthentication-required", "POST", "/v1/me/identities", anna, `{"idToken":"`+k.Issuer.Sign(t, stale)+`"}`)
	expect(t, k, 204, "", "POST", "/v1/me/identities", anna, idToken)
	expect(t, k, 409, "identity-taken", "POST", "/v1/me/identities", anna, idToken)
	expect(t, k, 200, "", "GET", "/v1/passports", k.SignIn(t, "google-anna"), "")
}

// TestBrowserSession holds that the cookie of a signed-in browser works on requests from our own pages only.
func TestBrowserSession(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	cookie := "__Host-session=" + anna
	expect(t, k, 200, "", "GET", "/v1/passports", "", "", "Cookie", cookie, "Sec-Fetch-Site", "same-origin")
	expect(t, k, 200, "", "GET", "/v1/passports", "", "", "Cookie", cookie, "X-Requested-With", "passportcraft")
	for _, site := range []string{"", "cross-site", "same-site", "none"} {
		expect(t, k, 403, "cross-site-request", "POST", "/v1/passports", "", complete, "Cookie", cookie, "Sec-Fetch-Site", site)
	}
}

// TestNobodyInTheClear holds that names, addresses and secrets of people are nowhere in the store or the log.
func TestNobodyInTheClear(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "CANARY-ORGANISATION")
	bert := k.Join(t, anna, "bert", "auditor")
	invitation := k.Invitation(t, "bert")
	key := answer(t, k.Do(t, "POST", "/v1/api-keys", anna, `{"name":"shop","scopes":["passports:read"]}`), 201)["key"].(string)
	k.Do(t, "GET", "/v1/members", bert, "")
	k.Do(t, "GET", "/v1/passports", key, "")
	k.Do(t, "POST", "/v1/passports", bert, complete)
	everything := strings.Join(k.Dump(t), "\n") + k.Log.String()
	for _, secret := range []string{"anna@", "bert@", "Name of", "CANARY", anna, bert, invitation, key, strings.Split(key, "_")[3], "192.0.2."} {
		if strings.Contains(everything, secret) {
			t.Errorf("%q is there in the clear", secret)
		}
	}
	// Destroying the key of a person forgets them everywhere.
	p := people(t, k, anna)["bert"]
	if err := k.App.Stores().Persons.Destroy(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	k.Clock.Advance(6 * time.Minute) // what an unwrapped key may stay in memory
	w := k.Do(t, http.MethodGet, "/v1/members", k.SignIn(t, "anna"), "")
	if w.Code != 200 || strings.Contains(w.Body.String(), "bert") || !strings.Contains(w.Body.String(), string(p.ID)) {
		t.Errorf("after the key of bert is gone: %d %s", w.Code, w.Body)
	}
}

// TestUnusualIsNoticed leads a probe of another organisation from the request through the trail and the job to the
// people in charge, and holds that it is told once.
func TestUnusualIsNoticed(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	other, _ := k.Organisation(t, "otto", "Another")
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "viewer")
	expect(t, k, 404, "organisation-not-found", "GET", "/v1/passports", bert, "", "X-Tenant-Id", string(other))
	expect(t, k, 404, "organisation-not-found", "GET", "/v1/passports", bert, "", "X-Tenant-Id", "0199aaaa-0000-7000-8000-00000000000a")
	for range 3 {
		k.Clock.Advance(3 * time.Minute)
		for _, j := range auditing.Jobs(k.App.App) {
			if err := j.Run(k.AsFunction(j.Function), k.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	anna = k.SignIn(t, "anna")
	if probes := trail(t, k, anna, "?event=access.cross-tenant"); len(probes) != 1 {
		t.Errorf("probes: %+v", probes)
	}
	found := trail(t, k, anna, "?event=incident.found")
	if len(found) != 1 || found[0].Detail["rule"] != "cross-tenant-probe" {
		t.Errorf("incidents: %+v", found)
	}
	if w := k.Do(t, "GET", "/v1/notices", anna, ""); !strings.Contains(w.Body.String(), "Something unusual was noticed") {
		t.Errorf("notices: %s", w.Body)
	}
	if !strings.Contains(k.Log.String(), `"incidents":1`) {
		t.Error("no metric counts the incident")
	}
}

// TestLeaving holds that everybody may go whatever their role, except the last owner, and that an organisation one does
// not belong to is like none.
func TestLeaving(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	other, _ := k.Organisation(t, "otto", "Another")
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "viewer")
	here := "/v1/me/organisations/" + string(tenant)
	expect(t, k, 409, "last-owner", "DELETE", here, anna, "")
	foreign := k.Do(t, "DELETE", "/v1/me/organisations/"+string(other), bert, "")
	absent := k.Do(t, "DELETE", "/v1/me/organisations/0199aaaa-0000-7000-8000-00000000000a", bert, "")
	if a, b := answer(t, foreign, 404), answer(t, absent, 404); a["code"] != "member-not-found" || a["detail"] != b["detail"] {
		t.Errorf("%v, %v", a, b)
	}
	expect(t, k, 200, "", "GET", "/v1/passports", bert, "")
	expect(t, k, 204, "", "DELETE", here, bert, "")
	k.Clock.Advance(31 * time.Second)
	expect(t, k, 400, "organisation-choice-required", "GET", "/v1/passports", k.SignIn(t, "bert"), "")
	if left := trail(t, k, k.SignIn(t, "anna"), "?event=member.removed"); len(left) != 1 {
		t.Errorf("in the trail: %+v", left)
	}
}

// TestHeldMemberStays holds that nobody whom a legal hold names can be removed or leave, in the words of the law, and that
// they can once it is released; whom another hold names can go.
func TestHeldMemberStays(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	bert, ed, vera := k.Join(t, anna, "bert", "owner"), k.Join(t, anna, "ed", "editor"), k.Join(t, anna, "vera", "viewer")
	me := func(token string) string {
		return answer(t, k.Do(t, "GET", "/v1/me", token, ""), 200)["person"].(map[string]any)["id"].(string)
	}
	hold := answer(t, k.Do(t, "POST", "/v1/holds", anna, fmt.Sprintf(`{"scope":{"kind":"user","user":%q},"basis":{"act":"ZPO","article":"142"},"reviewBy":%q}`,
		me(ed), k.Clock.Now().Add(24*time.Hour).Format(time.RFC3339))), 201)["id"].(string)
	remove := func(token string) *httptest.ResponseRecorder {
		return k.Do(t, "DELETE", "/v1/members/"+me(token), anna, "", "If-Match", `"1"`)
	}
	answer(t, k.Do(t, "POST", "/v1/holds/"+hold+"/approval", bert, ""), 200)
	for name, w := range map[string]*httptest.ResponseRecorder{"removed": remove(ed), "left": k.Do(t, "DELETE", "/v1/me/organisations/"+string(tenant), ed, "")} {
		if got := answer(t, w, 409); got["code"] != "legal-hold" || !strings.Contains(got["detail"].(string), "ZPO, 142") {
			t.Errorf("%s: %v", name, got)
		}
	}
	if w := remove(vera); w.Code != http.StatusNoContent {
		t.Errorf("another one cannot be removed: %d %s", w.Code, w.Body)
	}
	answer(t, k.Do(t, "DELETE", "/v1/holds/"+hold, anna, ""), 200)
	if w := remove(ed); w.Code != http.StatusNoContent {
		t.Errorf("after the release: %d %s", w.Code, w.Body)
	}
}
