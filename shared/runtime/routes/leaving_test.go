package routes_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// sample is one of the passports that the local runner publishes.
func sample(t *testing.T, name string) string {
	t.Helper()
	b, err := samples.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestLeavingTogether leads two owners through a termination: announced, repeated, shortened by both, taken back.
func TestLeavingTogether(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "owner")
	again := func() { k.Clock.Advance(31 * time.Second); anna, bert = k.SignIn(t, "anna"), k.SignIn(t, "bert") }
	again()
	expect(t, k, 422, "confirmation-wrong", "POST", "/v1/tenant/termination", anna, `{"confirmation":"nordeiche"}`)
	expect(t, k, 422, "value-invalid", "POST", "/v1/tenant/termination", anna, `{"confirmation":"Nordeiche","effectiveAt":"2020-01-01T00:00:00Z"}`)
	old := k.SignIn(t, "anna", func(c map[string]any) { c["auth_time"] = k.Clock.Now().Add(-time.Hour).Unix() })
	expect(t, k, 401, "reauthentication-required", "POST", "/v1/tenant/termination", old, `{"confirmation":"Nordeiche"}`)
	repeated(t, k, "POST", "/v1/tenant/termination", anna, `{"confirmation":"Nordeiche"}`, "")
	expect(t, k, 409, "termination-state", "POST", "/v1/tenant/termination", bert, `{"confirmation":"Nordeiche"}`)
	again()
	v := answer(t, k.Do(t, "GET", "/v1/tenant/lifecycle", bert, ""), 200)
	if v["state"] != "window" || !strings.Contains(fmt.Sprint(v["next"]), "2027-03-21 12:00:00 UTC") {
		t.Errorf("%v", v)
	}
	expect(t, k, 409, "termination-state", "POST", "/v1/tenant/termination/expedition/confirmation", bert, "")
	answer(t, k.Do(t, "POST", "/v1/tenant/termination/expedition", anna, ""), 200)
	expect(t, k, 403, "second-person-required", "POST", "/v1/tenant/termination/expedition/confirmation", anna, "")
	if v := answer(t, k.Do(t, "POST", "/v1/tenant/termination/expedition/confirmation", bert, ""), 200); !strings.Contains(fmt.Sprint(v["earlyEnd"]), "2027-02-21 09:01:02 UTC") {
		t.Errorf("%v", v["earlyEnd"])
	}
	if v := answer(t, k.Do(t, "DELETE", "/v1/tenant/termination/expedition", anna, ""), 200); v["earlyEnd"] != nil {
		t.Errorf("%v", v["earlyEnd"])
	}
	repeated(t, k, "DELETE", "/v1/tenant/termination", anna, "", "")
	again()
	if v := answer(t, k.Do(t, "GET", "/v1/tenant", anna, ""), 200); v["state"] != "active" || v["effectiveAt"] != nil {
		t.Errorf("%v", v)
	}
	notices := k.Do(t, "GET", "/v1/notices", anna, "").Body.String()
	for _, title := range []string{"The contract was terminated", "Early deletion was asked for", "Early deletion was confirmed", "Early deletion was taken back", "The contract was taken up again"} {
		if !strings.Contains(notices, title) {
			t.Errorf("no notice says %q", title)
		}
	}
}

// TestHolds leads a legal hold through its life, and holds that it keeps a passport and a person from being deleted.
func TestHolds(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "owner")
	k.Join(t, anna, "vera", "viewer")
	vera := people(t, k, anna)["vera"].ID
	draft := k.Create(t, anna, complete)
	until := k.Clock.Now().Add(90 * lifecycle.Day).Format(time.RFC3339)
	ask := func(scope string) string {
		t.Helper()
		body := fmt.Sprintf(`{"scope":%s,"basis":{"act":"ZPO","article":"142","case":"12 O 7/27"},"reviewBy":%q}`, scope, until)
		w := k.Do(t, "POST", "/v1/holds", anna, body)
		if got := answer(t, w, 201); w.Header().Get("Location") != "/v1/holds/"+got["id"].(string) || got["state"] != "waiting" {
			t.Errorf("%v", got)
		}
		return answer(t, w, 201)["id"].(string)
	}
	expect(t, k, 422, "legal-hold-invalid", "POST", "/v1/holds", anna, `{"scope":{"kind":"passport"},"basis":{"act":"","article":""},"reviewBy":"2020-01-01T00:00:00Z"}`)
	hold := ask(`{"kind":"passport","passport":"` + draft + `"}`)
	expect(t, k, 403, "second-person-required", "POST", "/v1/holds/"+hold+"/approval", anna, "")
	repeated(t, k, "POST", "/v1/holds/"+hold+"/approval", bert, "", "")
	expect(t, k, 409, "legal-hold", "DELETE", "/v1/passports/"+draft, anna, "", "If-Match", `"1"`)
	repeated(t, k, "POST", "/v1/holds/"+hold+"/review", bert, fmt.Sprintf(`{"reviewBy":%q}`, until), "")
	repeated(t, k, "DELETE", "/v1/holds/"+hold, anna, "", "")
	if got := answer(t, k.Do(t, "GET", "/v1/holds/"+hold, anna, ""), 200); got["state"] != "released" {
		t.Errorf("%v", got)
	}
	other := ask(`{"kind":"user","user":"` + string(vera) + `"}`)
	answer(t, k.Do(t, "POST", "/v1/holds/"+other+"/approval", bert, ""), 200)
	expect(t, k, 409, "legal-hold", "DELETE", "/v1/me", k.SignIn(t, "vera"), "")

	// What the operator has asked for, the operator decides on, and its case is not shown.
	asked, err := lifecycle.Ask("0199aaaa-0000-7000-8000-0000000000aa", lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: tenant}, lifecycle.Basis{Act: "StPO", Article: "94", Case: "CANARY-CASE"},
		"operator:1", k.Clock.Now().Add(time.Hour), 90*lifecycle.Day, k.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	holds := k.App.Cases()
	if err := holds.Save(t.Context(), nil, asked, audit.Entry{}); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][2]string{{"DELETE", ""}, {"POST", "/approval"}} {
		expect(t, k, 403, "forbidden", step[0], "/v1/holds/"+asked.ID+step[1], bert, "")
	}
	if w := k.Do(t, "GET", "/v1/holds", anna, ""); !strings.Contains(w.Body.String(), asked.ID) || strings.Contains(w.Body.String(), "CANARY-CASE") {
		t.Errorf("%s", w.Body)
	}
}

// TestDispositions holds what can be said about passports, one by one and many at once.
func TestDispositions(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	battery := k.Publish(t, anna, k.Create(t, anna, sample(t, "1-ev-model.json")))
	chair := k.Publish(t, anna, k.Create(t, anna, sample(t, "4-chair.json")))
	path := "/v1/passports/" + battery + "/disposition"
	if got := answer(t, k.Do(t, "GET", path, anna, ""), 200); got["kind"] != "custody" || !strings.Contains(fmt.Sprint(got["basis"]), "2023/1542") {
		t.Errorf("%v", got)
	}
	good := `{"successorUrl":"https://passports.nordeiche.example/01/1","handedOver":true}`
	for body, pointer := range map[string]string{
		`{"successorUrl":"http://x.example/","handedOver":true}`:                                      "/successorUrl",
		`{"successorUrl":"https://x.example/"}`:                                                       "/handedOver",
		`{"successorUrl":"` + testkit.PublicBase + `/01/1","handedOver":true}`:                        "/successorUrl",
		`{"recycledAt":"2030-01-01T00:00:00Z"}`:                                                       "/recycledAt",
		`{"recycledAt":"2027-01-01T00:00:00Z","successorUrl":"https://x.example/","handedOver":true}`: "/recycledAt",
	} {
		if w := k.Do(t, "PUT", path, anna, body); w.Code != 422 || !strings.Contains(w.Body.String(), `"`+pointer+`"`) {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
	expect(t, k, 422, "disposition-refused", "PUT", "/v1/passports/"+chair+"/disposition", anna, good)
	repeated(t, k, "PUT", path, anna, good, "")
	many := fmt.Sprintf(`{"items":[{"passport":%q,"recycledAt":"2027-01-01T00:00:00Z"},{"passport":%q,"successorUrl":"https://x.example/","handedOver":true},{"passport":"0199aaaa-0000-7000-8000-00000000000a"}]}`, battery, chair)
	items := answer(t, k.Do(t, "POST", "/v1/tenant/lifecycle/dispositions", anna, many), 200)["items"].([]any)
	if len(items) != 3 || !strings.Contains(fmt.Sprint(items[0]), "ceased") || !strings.Contains(fmt.Sprint(items[1]), "disposition-refused") || !strings.Contains(fmt.Sprint(items[2]), "passport-not-found") {
		t.Errorf("%v", items)
	}
	expect(t, k, 422, "value-invalid", "POST", "/v1/tenant/lifecycle/dispositions", anna, `{"items":[]}`)
	if got := answer(t, k.Do(t, "PUT", path, anna, `{}`), 200); got["kind"] != "custody" || got["said"] != nil {
		t.Errorf("%v", got)
	}
	if all := answer(t, k.Do(t, "GET", "/v1/tenant/lifecycle/dispositions?limit=100", anna, ""), 200)["items"].([]any); len(all) != 2 {
		t.Errorf("%v", all)
	}
	expect(t, k, 422, "disposition-refused", "DELETE", "/v1/passports/"+battery, anna, "", "If-Match", suspended(t, k, anna, battery))
}

// suspended takes a passport out of force and returns its entity tag.
func suspended(t *testing.T, k *testkit.Kit, token, p string) string {
	t.Helper()
	tag := k.Do(t, "GET", "/v1/passports/"+p, token, "").Header().Get("ETag")
	return k.Do(t, "POST", "/v1/passports/"+p+"/suspension", token, `{"reason":"under review"}`, "If-Match", tag).Header().Get("ETag")
}

// TestDeletingOnePassport holds that a deleted passport is not found by anybody, comes back whole when that is undone in
// time, and leaves work that is due when it is not.
func TestDeletingOnePassport(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	p := k.Publish(t, anna, k.Create(t, anna, complete))
	one, public := "/v1/passports/"+p, "/01/09506000134376/21/A%2FB"
	expect(t, k, 409, "passport-transition", "DELETE", one, anna, "", "If-Match", `"2"`)
	tag := suspended(t, k, anna, p)
	works := func() []retention.Work {
		t.Helper()
		all, err := dynamo.NewWorks(k.App.Database()).Of(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	repeated(t, k, "DELETE", one, anna, "", tag)
	deletedAt := k.Clock.Now()
	for _, path := range []string{one, one + "?asOf=" + deletedAt.Format(time.RFC3339), one + "/versions", one + "/versions/1", one + "/disposition", public, "/v1/carriers/" + p + ".svg"} {
		if w := k.Do(t, "GET", path, anna, "", "Accept", "*/*"); w.Code != 404 {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	for _, path := range []string{"/v1/passports", "/v1/passports?productIdentifier=https://id.gs1.org/01/09506000134376/21/A%252FB"} {
		if w := k.Do(t, "GET", path, anna, ""); strings.Contains(w.Body.String(), p) {
			t.Errorf("%s: %s", path, w.Body)
		}
	}
	expect(t, k, 404, "passport-not-found", "PATCH", one, anna, `{"content":{}}`, "If-Match", `"4"`)
	if w := k.Do(t, "GET", "/v1/deletions", anna, ""); !strings.Contains(w.Body.String(), p) {
		t.Errorf("%s", w.Body)
	}
	if all := works(); len(all) != 1 || all[0].Passport != id.Passport(p) || !all[0].NotBefore.Equal(deletedAt.Add(passport.UndoFor)) || all[0].By.Sub(all[0].NotBefore) != 24*time.Hour {
		t.Errorf("%+v", all)
	}
	k.Clock.Advance(passport.UndoFor - time.Nanosecond)
	anna = k.SignIn(t, "anna")
	repeated(t, k, "POST", one+"/restoration", anna, "", "")
	if all := works(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	if got := answer(t, k.Do(t, "GET", one, anna, ""), 200); got["status"] != "suspended" {
		t.Errorf("%v", got)
	}
	if w := k.Do(t, "GET", public, "", "", "Accept", "application/json"); w.Code != 404 || !strings.Contains(w.Body.String(), "passport-suspended") {
		t.Errorf("public: %d %s", w.Code, w.Body)
	}
	tag = k.Do(t, "GET", one, anna, "").Header().Get("ETag")
	answer(t, k.Do(t, "DELETE", one, anna, "", "If-Match", tag), 200)
	k.Clock.Advance(passport.UndoFor)
	anna = k.SignIn(t, "anna")
	expect(t, k, 404, "passport-not-found", "POST", one+"/restoration", anna, "")
	if w := k.Do(t, "GET", "/v1/deletions", anna, ""); strings.Contains(w.Body.String(), p) {
		t.Errorf("%s", w.Body)
	}
}

// TestDeletingOneself holds that people leave everywhere and have their account deleted, and that the last owner stays.
func TestDeletingOneself(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Join(t, anna, "vera", "viewer")
	expect(t, k, 409, "last-owner", "DELETE", "/v1/me", anna, "")
	old := k.SignIn(t, "vera", func(c map[string]any) { c["auth_time"] = k.Clock.Now().Add(-time.Hour).Unix() })
	expect(t, k, 401, "reauthentication-required", "DELETE", "/v1/me", old, "")
	vera := k.SignIn(t, "vera")
	first := answer(t, k.Do(t, "DELETE", "/v1/me", vera, ""), 202)
	if again := answer(t, k.Do(t, "DELETE", "/v1/me", vera, ""), 202); fmt.Sprint(first) != fmt.Sprint(again) {
		t.Errorf("%v, then %v", first, again)
	}
	if _, there := people(t, k, anna)["vera"]; there {
		t.Error("vera is still a member")
	}
	due, err := dynamo.NewWorks(k.App.Database()).Due(t.Context(), []retention.Kind{retention.Erase}, k.Clock.Now(), 10)
	if err != nil || len(due) != 1 || due[0].Person == "" || due[0].Tenant != "" {
		t.Errorf("%+v %v", due, err)
	}
	if w := k.Do(t, "GET", "/v1/notices", anna, ""); !strings.Contains(w.Body.String(), "A member left for good") {
		t.Errorf("%s", w.Body)
	}
}

// TestLedgerHoldsNoWords types everything that can be typed about the end of a contract, and looks for it in the Ledger,
// whose copies are kept for 400 days, also in what is packed there: nothing of it can be read. Whoever typed it can.
func TestLedgerHoldsNoWords(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "CANARY-NAME")
	bert := k.Join(t, anna, "bert", "owner")
	battery := k.Publish(t, anna, k.Create(t, anna, sample(t, "1-ev-model.json")))
	hold := answer(t, k.Do(t, "POST", "/v1/holds", anna, fmt.Sprintf(`{"scope":{"kind":"tenant"},"basis":{"act":"ZPO","article":"142","case":"CANARY-CASE"},"reviewBy":%q}`,
		k.Clock.Now().Add(lifecycle.Day).Format(time.RFC3339))), 201)["id"].(string)
	answer(t, k.Do(t, "POST", "/v1/holds/"+hold+"/approval", bert, ""), 200)
	answer(t, k.Do(t, "PUT", "/v1/passports/"+battery+"/disposition", anna, `{"successorUrl":"https://canary-successor.example/1","handedOver":true}`), 200)
	answer(t, k.Do(t, "POST", "/v1/tenant/termination", anna, `{"confirmation":"CANARY-NAME"}`), 200)
	rows := 0
	for _, row := range k.Dump(t) {
		if !strings.HasPrefix(row, "LEDGER_TABLE") {
			continue
		}
		rows++
		for _, m := range regexp.MustCompile(`[A-Za-z0-9+/]{24,}=*`).FindAllString(row, -1) {
			packed, err := base64.StdEncoding.DecodeString(m)
			if err != nil {
				continue
			}
			row += string(packed)
			if z, err := gzip.NewReader(bytes.NewReader(packed)); err == nil {
				plain, _ := io.ReadAll(z)
				row += string(plain)
			}
		}
		if strings.Contains(strings.ToUpper(row), "CANARY") {
			t.Errorf("the Ledger says %.900q", row)
		}
	}
	if rows < 3 {
		t.Fatalf("the Ledger has %d rows", rows)
	}
	if got := answer(t, k.Do(t, "GET", "/v1/holds/"+hold, bert, ""), 200); got["basis"].(map[string]any)["case"] != "CANARY-CASE" || got["state"] != "in-force" {
		t.Errorf("%v", got)
	}
	expect(t, k, 422, "legal-hold-invalid", "POST", "/v1/holds", anna, fmt.Sprintf(`{"scope":{"kind":"tenant"},"basis":{"act":%q,"article":"1"},"reviewBy":%q}`,
		strings.Repeat("x", 121), k.Clock.Now().Add(lifecycle.Day).Format(time.RFC3339)))
}
