package routes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestSettingsComeBack brings a whole workspace into another organisation. Recipes come along; name and sign-in policy only
// where an owner asks for them whom the policy lets in; people nowhere, who are told as invitations to make.
func TestSettingsComeBack(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	otp := func(c map[string]any) { c["amr"] = []string{"pwd", "otp"} }
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Join(t, anna, "bert", "editor")
	k.Create(t, anna, complete)
	answer(t, k.Do(t, "POST", "/v1/import-recipes", anna, chairRecipe), 201)
	anna = k.SignIn(t, "anna", otp)
	if w := k.Do(t, "PUT", "/v1/tenant/sign-in-policy", anna, `{"requireMfa":true,"sessionHours":8,"domains":["nordeiche.example"]}`, "If-Match", k.Do(t, "GET", "/v1/tenant/sign-in-policy", anna, "").Header().Get("ETag")); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	k.Clock.Advance(31 * time.Second)
	whole, _ := exported(t, k, anna, `{"scope":"workspace"}`)
	some, _ := exported(t, k, anna, `{"scope":"passports"}`)

	_, otto := k.Organisation(t, "otto", "Otto")
	ella := k.Join(t, otto, "ella", "editor")
	key := answer(t, k.Do(t, "POST", "/v1/api-keys", otto, `{"name":"bring","scopes":["passports:write","passports:read"]}`), 201)["key"].(string)
	one := "/v1/imports/" + uploaded(t, k, otto, whole)["id"].(string)
	shown := answer(t, k.Do(t, "GET", one+"?settings=true", otto, ""), 200)["settings"].(map[string]any)
	if text := fmt.Sprint(shown["invitations"]); shown["name"] != "Nordeiche" || !strings.Contains(fmt.Sprint(shown["signInPolicy"]), "requireMfa:true") ||
		!strings.Contains(text, "bert@nordeiche.example") || !strings.Contains(text, "editor") {
		t.Errorf("the archive says %v", shown)
	}
	expect(t, k, 403, "forbidden", "GET", one+"?settings=true", key, "")
	expect(t, k, 403, "forbidden", "GET", one+"?settings=true", ella, "")
	expect(t, k, 400, "query-invalid", "GET", one+"?settings=all", otto, "")
	expect(t, k, 403, "forbidden", "POST", one+"/commit", key, `{"settings":true}`)
	expect(t, k, 403, "forbidden", "POST", one+"/commit", ella, `{"settings":true}`)
	if w := k.Do(t, "POST", one+"/commit", otto, `{"settings":true}`); w.Code != 422 || !strings.Contains(w.Body.String(), "policy-locks-out") || !strings.Contains(w.Body.String(), `"/requireMfa"`) {
		t.Errorf("a policy that locks out: %d %s", w.Code, w.Body)
	}
	passportsOnly := "/v1/imports/" + uploaded(t, k, otto, some)["id"].(string)
	expect(t, k, 422, "value-invalid", "POST", passportsOnly+"/commit", otto, `{"settings":true}`)
	table := "/v1/imports/" + announced(t, k, otto, "csv", `,"productGroup":"general"`, []byte(chairs("A1")))["id"].(string)
	expect(t, k, 422, "value-invalid", "POST", table+"/commit", otto, `{"settings":true}`)

	otto = k.SignIn(t, "otto", otp)
	own := func() string {
		return fmt.Sprint(answer(t, k.Do(t, "GET", "/v1/tenant", otto, ""), 200)["name"], " ", answer(t, k.Do(t, "GET", "/v1/tenant/sign-in-policy", otto, ""), 200)["requireMfa"])
	}
	done := committed(t, k, otto, map[string]any{"id": one[len("/v1/imports/"):]})
	if done["state"] != "done" || done["recipes"] != 1.0 || done["restored"] != 1.0 || own() != "Otto false" {
		t.Errorf("without settings: %v, %s", done, own())
	}
	recipes := answer(t, k.Do(t, "GET", "/v1/import-recipes", otto, ""), 200)["items"].([]any)
	if len(recipes) != 1 || recipes[0].(map[string]any)["name"] != "Chairs of Nordeiche" {
		t.Errorf("recipes: %v", recipes)
	}
	again := "/v1/imports/" + uploaded(t, k, otto, whole)["id"].(string)
	answer(t, k.Do(t, "POST", again+"/commit", otto, `{"settings":true}`), 202)
	k.ImportAll(t)
	k.Clock.Advance(31 * time.Second)
	otto = k.SignIn(t, "otto", otp)
	done = answer(t, k.Do(t, "GET", again+"?settings=true", otto, ""), 200)
	if done["state"] != "done" || done["recipes"] != 1.0 || done["withSettings"] != true || own() != "Nordeiche true" {
		t.Errorf("with settings: %v, %s", done, own())
	}
	if n := len(done["settings"].(map[string]any)["invitations"].([]any)); n != 2 {
		t.Errorf("%d invitations to make", n)
	}
	if members := answer(t, k.Do(t, "GET", "/v1/members", otto, ""), 200)["items"].([]any); len(members) != 2 {
		t.Errorf("%d members", len(members))
	}
	if events := fmt.Sprint(answer(t, k.Do(t, "GET", "/v1/audit?limit=100", otto, ""), 200)); !strings.Contains(events, "sign-in-policy.changed") || !strings.Contains(events, "recipe.created") {
		t.Errorf("the trail: %s", events)
	}
	expect(t, k, 403, "second-factor-required", "GET", "/v1/passports", k.SignIn(t, "otto"), "")
}

// TestSettingsMayFail lets every call of bringing recipes, name and policy fail, refused or carried out with its answer
// lost: once somebody asks again, each has come exactly once.
func TestSettingsMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	answer(t, k.Do(t, "POST", "/v1/import-recipes", anna, chairRecipe), 201)
	tag := k.Do(t, "GET", "/v1/tenant/sign-in-policy", anna, "").Header().Get("ETag")
	answer(t, k.Do(t, "PUT", "/v1/tenant/sign-in-policy", anna, `{"sessionHours":8,"domains":["nordeiche.example"]}`, "If-Match", tag), 200)
	raw, _ := exported(t, k, anna, `{"scope":"account"}`)
	failures := 0
	for at := int64(1); at <= 20; at++ {
		for _, apply := range []bool{false, true} {
			who := fmt.Sprintf("heir%d%v", at, apply)
			_, heir := k.Organisation(t, who, who)
			one := "/v1/imports/" + uploaded(t, k, heir, raw)["id"].(string)
			answer(t, k.Do(t, "POST", one+"/commit", heir, `{"settings":true}`), 202)
			for _, object := range k.Arrivals("commits/") {
				s.arm(at, apply)
				err := k.Import(t, object)
				s.arm(0, false)
				if err != nil {
					failures++
					k.Clock.Advance(3 * time.Minute)
					err = k.Import(t, object)
				}
				if err != nil {
					t.Fatalf("call %d (carried out: %v): %v", at, apply, err)
				}
			}
			k.Clock.Advance(31 * time.Second)
			heir = k.SignIn(t, who)
			got := answer(t, k.Do(t, "GET", one, heir, ""), 200)
			policy := answer(t, k.Do(t, "GET", "/v1/tenant/sign-in-policy", heir, ""), 200)
			events := fmt.Sprint(answer(t, k.Do(t, "GET", "/v1/audit?limit=100", heir, ""), 200))
			if got["state"] != "done" || got["recipes"] != 1.0 || policy["sessionHours"] != 8.0 || answer(t, k.Do(t, "GET", "/v1/tenant", heir, ""), 200)["name"] != "Nordeiche" {
				t.Errorf("call %d (carried out: %v): %v, %v", at, apply, got, policy)
			}
			for _, event := range []string{"recipe.created", "tenant.renamed", "sign-in-policy.changed"} {
				if n := strings.Count(events, event); n != 1 {
					t.Errorf("call %d (carried out: %v): %d times %s", at, apply, n, event)
				}
			}
		}
	}
	if failures < 20 {
		t.Errorf("only %d runs were sabotaged", failures)
	}
}
