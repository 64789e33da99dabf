package routes_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// nowhere is an identifier that nothing has.
const nowhere = "0199aaaa-0000-7000-8000-00000000000a"

// badLeaving are bad requests to every route of the end of a contract: of contracts in the state active, holds, dispositions,
// deletions and certificates. {draft}, {deleted}, {battery} and {hold} are the organisation's own, {foreign…} another one's.
// Of the keys, O is an owner, E an editor, V a viewer, U an auditor, K an API key, and F the owner of the other one.
func badLeaving(now time.Time) []bad {
	at := func(d time.Duration) string { return now.Add(d).UTC().Format(time.RFC3339) }
	row := func(name, call, key, body string, status int, code fault.Code, pointer string) bad {
		method, target, _ := strings.Cut(call, " ")
		b := bad{name: name + ": " + call, method: method, target: target, key: key, body: body, status: status, code: code, pointer: pointer}
		if method == "DELETE" && strings.HasPrefix(target, "/v1/passports/") {
			b.headers = []string{"If-Match", `"1"`}
		}
		return b
	}
	const end, early, confirm = "POST /v1/tenant/termination", "POST /v1/tenant/termination/expedition", "POST /v1/tenant/termination/expedition/confirmation"
	const back, drop, look = "DELETE /v1/tenant/termination", "DELETE /v1/tenant/termination/expedition", "GET /v1/tenant/lifecycle"
	all := []bad{
		row("cut", end, "O", `{"confirmation"`, 400, fault.CodeJSONSyntax, ""),
		row("no body", end, "O", "", 415, fault.CodeUnsupportedMedia, ""),
		row("unknown member", end, "O", `{"confirm":"Nordeiche"}`, 400, fault.CodeJSONUnknownMember, "/confirm"),
		row("no instant", end, "O", `{"confirmation":"Nordeiche","effectiveAt":"tomorrow"}`, 400, fault.CodeJSONType, "/effectiveAt"),
		row("another name", end, "O", `{"confirmation":"Nordeiche GmbH"}`, 422, fault.CodeConfirmationWrong, ""),
		row("in the past", end, "O", `{"confirmation":"Nordeiche","effectiveAt":"`+at(-time.Second)+`"}`, 422, fault.CodeValueInvalid, ""),
		row("not terminated", back, "O", "", 409, fault.CodeTerminationState, ""),
		row("not terminated", early, "O", "", 409, fault.CodeTerminationState, ""),
		row("not terminated", confirm, "O", "", 409, fault.CodeTerminationState, ""),
		row("not terminated", drop, "O", "", 409, fault.CodeTerminationState, ""),
		row("query", look+"?at=now", "O", "", 400, fault.CodeQueryInvalid, ""),
	}
	for _, call := range []string{back, early, confirm, drop} {
		all = append(all, row("body", call, "O", `{}`, 400, fault.CodeBodyUnexpected, ""))
	}

	good := fmt.Sprintf(`{"scope":{"kind":"tenant"},"basis":{"act":"ZPO","article":"142"},"reviewBy":%q}`, at(lifecycle.Day))
	const ask, hold = "POST /v1/holds", "/v1/holds/{hold}"
	swapped := func(name, old, new string, pointer string) bad {
		return row(name, ask, "O", strings.Replace(good, old, new, 1), 422, fault.CodeHoldInvalid, pointer)
	}
	all = append(all,
		row("cut", ask, "O", good[:20], 400, fault.CodeJSONSyntax, ""),
		row("unknown member", ask, "O", strings.Replace(good, `"kind"`, `"tenant":"x","kind"`, 1), 400, fault.CodeJSONUnknownMember, "/scope/tenant"),
		swapped("unknown kind", `"tenant"`, `"everything"`, "/scope"),
		swapped("no passport", `"tenant"`, `"passport"`, "/scope"),
		swapped("no identifier", `"kind":"tenant"`, `"kind":"passport","passport":"1"`, "/scope"),
		swapped("more than its kind", `"kind":"tenant"`, `"kind":"tenant","user":"`+nowhere+`"`, "/scope"),
		swapped("a range backwards", `"kind":"tenant"`, `"kind":"range","from":"`+nowhere+`","to":"`+nowhere+`"`, "/scope"),
		swapped("no act", `"ZPO"`, `" "`, "/basis"),
		swapped("no article", `"142"`, `""`, "/basis"),
		swapped("review in the past", at(lifecycle.Day), at(-time.Second), "/reviewBy"),
		swapped("review too late", at(lifecycle.Day), at(91*lifecycle.Day), "/reviewBy"),
		row("one's own", "POST "+hold+"/approval", "O", "", 403, fault.CodeSecondPerson, ""),
		row("not in force", "POST "+hold+"/review", "O", fmt.Sprintf(`{"reviewBy":%q}`, at(lifecycle.Day)), 422, fault.CodeHoldInvalid, ""),
		row("cut", "POST "+hold+"/review", "O", "{", 400, fault.CodeJSONSyntax, ""),
		row("unknown member", "POST "+hold+"/review", "O", `{"by":"x"}`, 400, fault.CodeJSONUnknownMember, "/by"),
		row("body", "POST "+hold+"/approval", "O", "{}", 400, fault.CodeBodyUnexpected, ""),
		row("body", "DELETE "+hold, "O", "{}", 400, fault.CodeBodyUnexpected, ""),
		row("query", "GET /v1/holds?state=waiting", "O", "", 400, fault.CodeQueryInvalid, ""),
		row("released", "POST /v1/holds/{released}/approval", "B", "", 422, fault.CodeHoldInvalid, ""),
		row("released", "POST /v1/holds/{released}/review", "B", fmt.Sprintf(`{"reviewBy":%q}`, at(lifecycle.Day)), 422, fault.CodeHoldInvalid, ""),
		row("released", "DELETE /v1/holds/{released}", "B", "", 422, fault.CodeHoldInvalid, ""),
	)
	for _, absent := range []string{nowhere, "{foreignHold}", "1", "x%23y"} {
		for _, call := range []string{"GET %s", "DELETE %s", "POST %s/approval"} {
			all = append(all, row("absent", fmt.Sprintf(call, "/v1/holds/"+absent), "O", "", 404, fault.CodeHoldUnknown, ""))
		}
		all = append(all, row("absent", "POST /v1/holds/"+absent+"/review", "O", fmt.Sprintf(`{"reviewBy":%q}`, at(lifecycle.Day)), 404, fault.CodeHoldUnknown, ""))
	}

	const say, many = "PUT /v1/passports/{battery}/disposition", "POST /v1/tenant/lifecycle/dispositions"
	all = append(all,
		row("cut", say, "O", "{", 400, fault.CodeJSONSyntax, ""),
		row("unknown member", say, "O", `{"kind":"deleted"}`, 400, fault.CodeJSONUnknownMember, "/kind"),
		row("no instant", say, "O", `{"recycledAt":"2027"}`, 400, fault.CodeJSONType, "/recycledAt"),
		row("recycled in the future", say, "O", `{"recycledAt":"`+at(time.Hour)+`"}`, 422, fault.CodeDisposition, "/recycledAt"),
		row("a draft", "PUT /v1/passports/{draft}/disposition", "O", `{"successorUrl":"https://x.example/","handedOver":true}`, 422, fault.CodeDisposition, ""),
		row("query", "GET /v1/passports/{battery}/disposition?at=now", "O", "", 400, fault.CodeQueryInvalid, ""),
		row("a list", many, "O", "[]", 400, fault.CodeJSONType, ""),
		row("unknown member", many, "O", `{"items":[{"passport":"{battery}","kind":"deleted"}]}`, 400, fault.CodeJSONUnknownMember, "/items/0/kind"),
		row("none", many, "O", `{"items":[]}`, 422, fault.CodeValueInvalid, "/items"),
		row("too many", many, "O", `{"items":[`+strings.Repeat(`{"passport":"`+nowhere+`"},`, 100)+`{"passport":"`+nowhere+`"}]}`, 422, fault.CodeValueInvalid, "/items"),
		row("limit 0", "GET /v1/tenant/lifecycle/dispositions?limit=0", "O", "", 400, fault.CodeQueryInvalid, ""),
		row("made-up cursor", "GET /v1/tenant/lifecycle/dispositions?cursor=abc", "O", "", 400, fault.CodeCursor, ""),
	)
	all = append(all,
		row("in force", "DELETE /v1/passports/{battery}", "O", "", 412, fault.CodeRevisionStale, ""),
		row("never deleted", "POST /v1/passports/{draft}/restoration", "O", "", 404, fault.CodePassportNotFound, ""),
		row("body", "POST /v1/passports/{deleted}/restoration", "O", "{}", 400, fault.CodeBodyUnexpected, ""),
		row("body", "DELETE /v1/passports/{draft}", "O", "{}", 400, fault.CodeBodyUnexpected, ""),
		row("again", "DELETE /v1/passports/{deleted}", "O", "", 404, fault.CodePassportNotFound, ""),
		row("limit 0", "GET /v1/deletions?limit=0", "O", "", 400, fault.CodeQueryInvalid, ""),
		row("made-up cursor", "GET /v1/deletions?cursor=abc", "O", "", 400, fault.CodeCursor, ""),
		bad{name: "no revision: DELETE", method: "DELETE", target: "/v1/passports/{draft}", key: "O", status: 428, code: fault.CodeIfMatchMissing},
	)
	for _, absent := range []string{nowhere, "{foreign}", "1", "x%23META"} {
		one := "/v1/passports/" + absent
		all = append(all,
			row("absent", "GET "+one+"/disposition", "O", "", 404, fault.CodePassportNotFound, ""),
			row("absent", "PUT "+one+"/disposition", "O", "{}", 404, fault.CodePassportNotFound, ""),
			row("absent", "DELETE "+one, "O", "", 404, fault.CodePassportNotFound, ""),
			row("absent", "POST "+one+"/restoration", "O", "", 404, fault.CodePassportNotFound, ""))
	}
	all = append(all, row("deleted", "GET /v1/passports/{deleted}/disposition", "O", "", 404, fault.CodePassportNotFound, ""),
		row("another's deletion", "POST /v1/passports/{foreignDeleted}/restoration", "O", "", 404, fault.CodePassportNotFound, ""))

	const cert = "POST /trust/certificates/" + nowhere
	all = append(all,
		row("cut", cert, "", "{", 400, fault.CodeJSONSyntax, ""),
		row("unknown member", cert, "", `{"key":"x"}`, 400, fault.CodeJSONUnknownMember, "/key"),
		row("no body", cert, "", "", 415, fault.CodeUnsupportedMedia, ""),
		row("too large", cert, "", `{"secret":"`+strings.Repeat("x", 5000)+`"}`, 413, fault.CodeBodyTooLarge, ""),
		row("absent", cert, "", `{"secret":"x"}`, 404, fault.CodeCertificateUnknown, ""),
		row("no identifier", "POST /trust/certificates/1", "", `{"secret":"x"}`, 404, fault.CodeCertificateUnknown, ""),
	)
	return append(all, wrongRoles()...)
}

// wrongRoles are good requests of people who may not make them, and of nobody.
func wrongRoles() []bad {
	var all []bad
	for call, may := range map[string]string{ // who of O, E, V, U and K may
		"GET /v1/tenant/lifecycle": "OU", "POST /v1/tenant/termination": "O", "DELETE /v1/tenant/termination": "O",
		"POST /v1/tenant/termination/expedition": "O", "POST /v1/tenant/termination/expedition/confirmation": "O", "DELETE /v1/tenant/termination/expedition": "O",
		"GET /v1/holds": "OU", "POST /v1/holds": "O", "GET /v1/holds/{hold}": "OU", "DELETE /v1/holds/{hold}": "O", "POST /v1/holds/{hold}/approval": "O", "POST /v1/holds/{hold}/review": "O",
		"GET /v1/passports/{battery}/disposition": "OU", "PUT /v1/passports/{battery}/disposition": "O",
		"GET /v1/tenant/lifecycle/dispositions": "OU", "POST /v1/tenant/lifecycle/dispositions": "O",
		"DELETE /v1/passports/{draft}": "O", "POST /v1/passports/{deleted}/restoration": "O", "GET /v1/deletions": "OU",
	} {
		method, target, _ := strings.Cut(call, " ")
		body := map[string]string{
			"POST /v1/tenant/termination": `{"confirmation":"Nordeiche"}`, "POST /v1/holds": `{}`, "POST /v1/holds/{hold}/review": `{}`,
			"PUT /v1/passports/{battery}/disposition": `{}`, "POST /v1/tenant/lifecycle/dispositions": `{"items":[{"passport":"{battery}"}]}`,
		}[call]
		for _, who := range strings.Split("E V U K", " ") {
			if !strings.Contains(may, who) {
				all = append(all, bad{name: who + " may not: " + call, method: method, target: target, key: who, body: body, headers: []string{"If-Match", `"1"`}, status: 403, code: fault.CodeForbidden})
			}
		}
		all = append(all,
			bad{name: "nobody: " + call, method: method, target: target, body: body, headers: []string{"If-Match", `"1"`}, status: 401, code: fault.CodeUnauthenticated},
			bad{name: "of another organisation: " + call, method: method, target: target, key: "F", body: body, headers: []string{"If-Match", `"1"`, "X-Tenant-Id", "{tenant}"}, status: 404, code: fault.CodeOrganisationUnknown})
	}
	return all
}

// TestBadRequestsOfLeaving sends them: each has its exact answer, and nothing has changed.
func TestBadRequestsOfLeaving(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	_, otto := k.Organisation(t, "otto", "Another")
	bert := k.Join(t, anna, "bert", "owner")
	keys := map[string]string{
		"O": anna, "B": bert, "E": k.Join(t, anna, "ed", "editor"), "V": k.Join(t, anna, "vera", "viewer"), "U": k.Join(t, anna, "udo", "auditor"), "F": otto,
		"K": answer(t, k.Do(t, "POST", "/v1/api-keys", anna, `{"name":"k","scopes":["passports:read","passports:write","passports:publish"]}`), 201)["key"].(string),
	}
	hold := func(token string) string {
		body := fmt.Sprintf(`{"scope":{"kind":"user","user":%q},"basis":{"act":"ZPO","article":"142"},"reviewBy":%q}`, nowhere, k.Clock.Now().Add(lifecycle.Day).Format(time.RFC3339))
		return answer(t, k.Do(t, "POST", "/v1/holds", token, body), 201)["id"].(string)
	}
	draft := func(token, serial string) string {
		return k.Create(t, token, strings.Replace(good, "BAD-1", serial, 1))
	}
	deleted := func(token, serial string) string {
		p := draft(token, serial)
		answer(t, k.Do(t, "DELETE", "/v1/passports/"+p, token, "", "If-Match", `"1"`), 200)
		return p
	}
	released := hold(anna)
	answer(t, k.Do(t, "DELETE", "/v1/holds/"+released, anna, ""), 200)
	names := strings.NewReplacer("{tenant}", string(tenant), "{hold}", hold(anna), "{released}", released, "{foreignHold}", hold(otto),
		"{draft}", draft(anna, "DRAFT"), "{deleted}", deleted(anna, "DELETED"), "{foreign}", draft(otto, "FOREIGN"), "{foreignDeleted}", deleted(otto, "GONE"),
		"{battery}", k.Publish(t, anna, k.Create(t, anna, sample(t, "1-ev-model.json"))))
	cases := badLeaving(k.Clock.Now())
	for i := range cases {
		cases[i].body = names.Replace(cases[i].body)
		for n := range cases[i].headers {
			cases[i].headers[n] = names.Replace(cases[i].headers[n])
		}
	}
	refuses(t, k, names, keys, cases)
}

// fragile is one step of leaving whose calls of storage fail one after the other.
type fragile struct {
	name    string
	prepare func()
	call    func() *httptest.ResponseRecorder
	look    func() string // what it changes; "" for a question
	after   string        // how that looks when it is done
}

// TestLeavingMayFail lets every call that a route of the end of a contract makes of an engine fail, before and after it
// was carried out. What is asked for is then done or not done, whole; success is said only when it is; and the answer says
// nothing internal.
func TestLeavingMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "owner")
	battery := k.Publish(t, anna, k.Create(t, anna, sample(t, "1-ev-model.json")))
	for _, f := range fragiles(t, k, &anna, &bert, battery) {
		refusals, calls := 0, int64(0)
		for _, apply := range []bool{false, true} {
			for n := int64(1); ; n++ {
				k.Clock.Advance(31 * time.Second) // what is remembered of the organisation
				anna, bert = k.SignIn(t, "anna"), k.SignIn(t, "bert")
				f.prepare()
				before := f.look()
				s.arm(n, apply)
				w := f.call()
				calls = s.calls.Load()
				s.arm(0, false)
				after := f.look()
				switch {
				case w.Code == 503 && (w.Header().Get("Retry-After") == "" || after != before && after != f.after):
					t.Errorf("%s, call %d (applied: %t): from %q to %q, Retry-After %q", f.name, n, apply, before, after, w.Header().Get("Retry-After"))
				case w.Code == 503:
					refusals++
				case w.Code >= 300 || after != f.after:
					t.Errorf("%s, call %d (applied: %t): %d, from %q to %q: %.300s", f.name, n, apply, w.Code, before, after, w.Body)
				}
				if strings.Contains(w.Body.String(), "sabotage") {
					t.Errorf("%s, call %d: %s", f.name, n, w.Body)
				}
				if calls < n {
					break
				}
			}
		}
		if refusals == 0 || calls == 0 {
			t.Errorf("%s: %d calls, %d refusals", f.name, calls, refusals)
		}
	}
}

// fragiles are the steps, each as the owners anna and bert take it.
func fragiles(t *testing.T, k *testkit.Kit, anna, bert *string, battery string) []fragile {
	do := func(who *string, method, target, body string, headers ...string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder { return k.Do(t, method, target, *who, body, headers...) }
	}
	must := func(w *httptest.ResponseRecorder, or ...string) {
		t.Helper()
		if w.Code >= 300 && (len(or) == 0 || !strings.Contains(w.Body.String(), or[0])) {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
	}
	end, back := do(anna, "POST", "/v1/tenant/termination", `{"confirmation":"Nordeiche"}`), do(anna, "DELETE", "/v1/tenant/termination", "")
	early, drop := do(anna, "POST", "/v1/tenant/termination/expedition", ""), do(anna, "DELETE", "/v1/tenant/termination/expedition", "")
	contract := func() string {
		var v struct {
			State    string
			EarlyEnd *struct{ ConfirmedAt time.Time }
		}
		w := k.Do(t, "GET", "/v1/tenant/lifecycle", *anna, "")
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatal(err, w.Body)
		}
		switch e := v.EarlyEnd; {
		case e == nil:
			return v.State
		case e.ConfirmedAt.IsZero():
			return v.State + ", wished"
		}
		return v.State + ", confirmed"
	}
	const state = "termination-state"
	open := func() { must(back(), state); must(end()) } // the window, without a wish
	wished := func() { open(); must(early()) }
	none, quiet := func() {}, func() string { return "" }

	hold, n := "", 0
	asked := func() {
		body := fmt.Sprintf(`{"scope":{"kind":"user","user":%q},"basis":{"act":"ZPO","article":"142"},"reviewBy":%q}`, nowhere, k.Clock.Now().Add(lifecycle.Day).Format(time.RFC3339))
		hold = answer(t, k.Do(t, "POST", "/v1/holds", *anna, body), 201)["id"].(string)
	}
	onHold := func(who *string, method, path, body string) func() *httptest.ResponseRecorder {
		return func() *httptest.ResponseRecorder { return k.Do(t, method, "/v1/holds/"+hold+path, *who, body) }
	}
	approve := onHold(bert, "POST", "/approval", "")
	holds := func() string {
		h := answer(t, onHold(anna, "GET", "", "")(), 200)
		return fmt.Sprint(h["state"], " ", h["reviewedBy"] != nil)
	}
	count := func() int { return len(answer(t, k.Do(t, "GET", "/v1/holds", *anna, ""), 200)["items"].([]any)) }

	path := "/v1/passports/" + battery + "/disposition"
	said := func() string { return fmt.Sprint(answer(t, k.Do(t, "GET", path, *anna, ""), 200)["kind"]) }
	unsaid := func() { must(back(), state); must(k.Do(t, "PUT", path, *anna, "{}")) }
	const over = `{"successorUrl":"https://passports.nordeiche.example/1","handedOver":true}`

	p := ""
	fresh := func() { n++; p = k.Create(t, *anna, strings.Replace(good, "BAD-1", fmt.Sprint("GONE-", n), 1)) }
	gone := func() { fresh(); must(k.Do(t, "DELETE", "/v1/passports/"+p, *anna, "", "If-Match", `"1"`)) }
	there := func() string { return fmt.Sprint(k.Do(t, "GET", "/v1/passports/"+p, *anna, "").Code) }
	was := 0
	return []fragile{
		{"terminate", func() { must(back(), state) }, end, contract, "window"},
		{"take back", open, back, contract, "active"},
		{"expedite", open, early, contract, "window, wished"},
		{"confirm", wished, do(bert, "POST", "/v1/tenant/termination/expedition/confirmation", ""), contract, "window, confirmed"},
		{"drop", wished, drop, contract, "window"},
		{"show", open, do(anna, "GET", "/v1/tenant/lifecycle", ""), quiet, ""},
		{"ask for a hold", func() { must(back(), state); was = count() }, func() *httptest.ResponseRecorder {
			return k.Do(t, "POST", "/v1/holds", *anna, fmt.Sprintf(`{"scope":{"kind":"user","user":%q},"basis":{"act":"ZPO","article":"142"},"reviewBy":%q}`, nowhere, k.Clock.Now().Add(lifecycle.Day).Format(time.RFC3339)))
		}, func() string { return fmt.Sprint(count() - was) }, "1"},
		{"approve a hold", asked, approve, holds, "in-force false"},
		{"review a hold", func() { asked(); must(approve()) }, func() *httptest.ResponseRecorder {
			return onHold(bert, "POST", "/review", fmt.Sprintf(`{"reviewBy":%q}`, k.Clock.Now().Add(2*lifecycle.Day).Format(time.RFC3339)))()
		}, holds, "in-force true"},
		{"release a hold", asked, onHold(bert, "DELETE", "", ""), holds, "released false"},
		{"show a hold", none, onHold(anna, "GET", "", ""), quiet, ""},
		{"list holds", none, do(anna, "GET", "/v1/holds", ""), quiet, ""},
		{"say what becomes of a passport", unsaid, do(anna, "PUT", path, over), said, "handed-over"},
		{"say it of many", unsaid, do(anna, "POST", "/v1/tenant/lifecycle/dispositions", `{"items":[{"passport":"`+battery+`",`+over[1:]+`]}`), said, "handed-over"},
		{"show what becomes of a passport", none, do(anna, "GET", path, ""), quiet, ""},
		{"list what becomes of passports", none, do(anna, "GET", "/v1/tenant/lifecycle/dispositions", ""), quiet, ""},
		{"delete a passport", fresh, func() *httptest.ResponseRecorder {
			return k.Do(t, "DELETE", "/v1/passports/"+p, *anna, "", "If-Match", `"1"`)
		}, there, "404"},
		{"restore a passport", gone, func() *httptest.ResponseRecorder {
			return k.Do(t, "POST", "/v1/passports/"+p+"/restoration", *anna, "")
		}, there, "200"},
		{"list deletions", none, do(anna, "GET", "/v1/deletions", ""), quiet, ""},
	}
}
