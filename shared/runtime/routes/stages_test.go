package routes_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// stage puts an organisation into a state as the engine of deletion does, and lets everybody's memory run out. A
// termination that is scheduled comes into force in an hour, every other one has long been.
func stage(t *testing.T, k *testkit.Kit, of id.Tenant, s lifecycle.State) {
	t.Helper()
	lives := dynamo.NewLives(k.App.Database())
	life, err := lives.Life(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	after := life
	after.Record.State, after.Record.Suspended = s, s == lifecycle.Suspended
	after.Record.EffectiveAt, after.Record.T0 = time.Time{}, time.Time{}
	after.Record.Revision++
	after.Record.Epoch++
	switch {
	case s == lifecycle.Scheduled:
		after.Record.EffectiveAt = k.Clock.Now().Add(time.Hour)
	case s.Terminated():
		after.Record.EffectiveAt = k.Clock.Now().Add(-40 * lifecycle.Day)
		after.Record.T0 = after.Record.EffectiveAt
	}
	if err := lives.Step(t.Context(), lifecycle.Step{Before: life.Record, After: after}); err != nil {
		t.Fatal(err)
	}
	k.Clock.Advance(31 * time.Second)
}

// TestStages asks for every action in every state of the contract, with every role and every scope: what is answered
// follows from the permission table and the capability table alone, and once the window has closed nothing is written for
// the organisation, whoever asks for what.
func TestStages(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	c := found(t, k, "leaver")
	cases := 0
	for _, s := range lifecycle.States() {
		if s != lifecycle.Active {
			stage(t, k, c.tenant, s)
		}
		tokens := map[string]func(access.Rule) bool{}
		for role, subject := range c.people {
			tokens[k.SignIn(t, subject)] = func(r access.Rule) bool { return r.Personal || slices.Contains(r.Roles, role) }
		}
		for scope, key := range c.keys {
			tokens[key] = func(r access.Rule) bool { return slices.Contains(r.Scopes, scope) }
		}
		var before []string
		if s == lifecycle.Deleting { // from here on the trail is silent; at the seal itself it still says that
			before = k.Dump(t)
		}
		asked := map[access.Action]bool{access.Public: true, access.AccountErase: true}
		for _, r := range routes.All(k.App) {
			if asked[r.Action] {
				continue
			}
			asked[r.Action] = true
			rule, _ := access.Find(r.Action)
			for token, allowed := range tokens {
				cases++
				want := ""
				switch {
				case !allowed(rule):
					want = string(fault.CodeForbidden)
				case possible(s, r.Action):
				case s == lifecycle.Suspended:
					want = string(fault.CodeTenantSuspended)
				default:
					want = string(fault.CodeContractStage)
				}
				method, path, body, headers := target(r)
				w := k.Do(t, method, path, token, body, headers...)
				var p httpapi.Problem
				_ = json.Unmarshal(w.Body.Bytes(), &p)
				stopped := slices.Contains([]string{"unauthenticated", "forbidden", "reauthentication-required", "tenant-suspended", "contract-stage"}, string(p.Code))
				if want != "" && string(p.Code) != want || want == "" && (stopped || w.Code == http.StatusInternalServerError) {
					t.Errorf("%s in %s: %d %q %s, want %q", r.Pattern, s, w.Code, p.Code, p.Detail, want)
				}
			}
		}
		if before != nil {
			if after := k.Dump(t); !slices.Equal(before, after) {
				t.Errorf("something was written for an organisation in %s:\n%s", s, diff(before, after))
			}
		}
	}
	if cases < 1500 {
		t.Errorf("only %d cases", cases)
	}
}

// TestTerminationCountsFromItsInstant holds that a termination that was announced is in force from its instant on, though
// nothing has recorded that, and that an organisation which the operator has suspended does not get out of that by
// announcing to leave.
func TestTerminationCountsFromItsInstant(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	c := found(t, k, "leaver")
	owner := func() string { return k.SignIn(t, c.people[access.Owner]) }
	at := k.Clock.Now().Add(time.Hour)
	body := `{"confirmation":"leaver","effectiveAt":"` + at.Format(time.RFC3339) + `"}`
	if v := answer(t, k.Do(t, "POST", "/v1/tenant/termination", owner(), body), 200); v["state"] != "scheduled" {
		t.Errorf("%v", v)
	}
	k.Clock.Advance(59*time.Minute + 59*time.Second)
	key := c.keys[access.ScopeWrite]
	draft := k.Create(t, key, complete)
	k.Clock.Advance(time.Second)
	expect(t, k, 403, "contract-stage", "POST", "/v1/passports", key, complete)
	if w := k.Do(t, "POST", "/v1/passports", key, complete); !strings.Contains(w.Body.String(), "since "+at.Format("2006-01-02 15:04:05")) {
		t.Errorf("the refusal does not say since when: %s", w.Body)
	}
	answer(t, k.Do(t, "GET", "/v1/passports/"+draft, key, ""), 200)
	if v := answer(t, k.Do(t, "GET", "/v1/tenant/lifecycle", owner(), ""), 200); v["state"] != "window" {
		t.Errorf("%v", v["state"])
	}
	if v := answer(t, k.Do(t, "DELETE", "/v1/tenant/termination", owner(), ""), 200); v["state"] != "active" {
		t.Errorf("%v", v["state"])
	}
	suspend(t, k, c.tenant)
	at = k.Clock.Now().Add(time.Hour)
	answer(t, k.Do(t, "POST", "/v1/tenant/termination", owner(), `{"confirmation":"leaver","effectiveAt":"`+at.Format(time.RFC3339)+`"}`), 200)
	k.Clock.Advance(31 * time.Second)
	expect(t, k, 403, "tenant-suspended", "POST", "/v1/passports", key, complete)
}
