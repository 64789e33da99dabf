package routes_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestMutatedKeys presents API keys that differ from a good one in one way each: all are refused with the same bytes,
// and none of the ways shows in how much the storage is asked.
func TestMutatedKeys(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "Nordeiche")
	_, other := k.Tenant(t, "Somebody else")
	p, q := strings.Split(key, "_"), strings.Split(other, "_")
	join := func(parts ...string) string { return strings.Join(parts, "_") }
	flip := func(s string, i int) string {
		c := byte('a')
		if s[i] == c {
			c = 'b'
		}
		return s[:i] + string(c) + s[i+1:]
	}
	mutants := map[string]string{
		"empty": "", "prefix only": "pc_", "no checksum": join(p[:4]...), "checksum of another": join(p[0], p[1], p[2], p[3], q[4]),
		"secret of another": join(p[0], p[1], p[2], q[3], p[4]), "identifier of another": join(p[0], p[1], q[2], p[3], p[4]),
		"other environment": join(p[0], "prod", p[2], p[3], p[4]), "no environment": join(p[0], "", p[2], p[3], p[4]), "other prefix": join("pk", p[1], p[2], p[3], p[4]),
		"upper case": strings.ToUpper(key), "one part more": key + "_x", "truncated": key[:len(key)-1], "longer": key + "a", "doubled": key + key,
		"flipped identifier": join(p[0], p[1], flip(p[2], 30), p[3], p[4]), "flipped tenant": join(p[0], p[1], flip(p[2], 3), p[3], p[4]),
		"flipped secret": join(p[0], p[1], p[2], flip(p[3], 3), p[4]), "flipped checksum": join(p[0], p[1], p[2], p[3], flip(p[4], 0)),
		"short secret": join(p[0], p[1], p[2], p[3][:20], p[4]), "padding": join(p[0], p[1], p[2]+"=", p[3], p[4]), "not base32": join(p[0], p[1], strings.Repeat("1", 39), p[3], p[4]),
		"kilobytes": "pc_" + strings.Repeat("a", 7000), "not ASCII": join(p[0], p[1], "ä"+p[2][2:], p[3], p[4]), "quote": `"` + key + `"`, "SQL": "pc_local_' OR 1=1 --_x_y",
	}
	refusal := ""
	for name, text := range mutants {
		w := k.Do(t, "GET", "/v1/passports", text, "")
		var problem httpapi.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &problem); err != nil || w.Code != 401 || problem.Code != "unauthenticated" {
			t.Errorf("%s: %d %s", name, w.Code, w.Body)
		}
		same := strings.ReplaceAll(w.Body.String(), string(problem.RequestID), "")
		if refusal == "" {
			refusal = same
		}
		if same != refusal {
			t.Errorf("%s is refused in other words: %s", name, same)
		}
		if calls := k.Events[len(k.Events)-1].Calls; len(calls) > 0 {
			t.Errorf("%s reaches the storage: %v", name, calls)
		}
	}
	if len(mutants) < 20 {
		t.Errorf("only %d mutants", len(mutants))
	}
	// Well-formed and wrong: here the storage must be asked, once, whatever is wrong.
	k.Clock.Advance(time.Minute)
	for name, text := range map[string]string{"revoked": forge(t, k, "revoked"), "expired": forge(t, k, "expired")} {
		w := k.Do(t, "GET", "/v1/passports", text, "")
		if e := k.Events[len(k.Events)-1]; w.Code != 401 || e.Calls["dynamodb.GetItem"] < 1 {
			t.Errorf("%s: %d %v", name, w.Code, e.Calls)
		}
	}
}

// forge makes a well-formed key that is not good.
func forge(t *testing.T, k *testkit.Kit, kind string) string {
	t.Helper()
	_, owner := k.Organisation(t, "forger-"+kind, "Forger")
	made := answer(t, k.Do(t, "POST", "/v1/api-keys", owner, `{"name":"short","scopes":["passports:read"],"days":1}`), 201)["key"].(string)
	if kind == "expired" {
		k.Clock.Advance(25 * time.Hour)
		return made
	}
	expect(t, k, 204, "", "DELETE", "/v1/api-keys/"+strings.Split(made, "_")[2], owner, "")
	return made
}

// TestAuthorisationIsCheap holds the budget: once remembered, finding out who asks and whether they may costs no storage
// call, neither for keys nor for people; the first time it costs what is written here.
func TestAuthorisationIsCheap(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, owner := k.Organisation(t, "anna", "Nordeiche")
	key := answer(t, k.Do(t, "POST", "/v1/api-keys", owner, `{"name":"shop","scopes":["passports:read"]}`), 201)["key"].(string)
	one := "/v1/passports/" + k.Create(t, owner, complete)
	calls := func(credential string) int {
		t.Helper()
		if w := k.Do(t, "GET", one, credential, ""); w.Code != 200 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		n := 0
		for _, c := range k.Events[len(k.Events)-1].Calls {
			n += c
		}
		return n
	}
	k.Clock.Advance(31 * time.Second) // forget everybody
	owner = k.SignIn(t, "anna")
	for _, tc := range []struct {
		who, credential string
		cold            int
	}{
		{"a person", owner, 1 + 3 + 2 + 1}, // the passport; identity, organisations, standing; two buckets, whose leases have ended; a session
		{"a key", key, 1 + 2 + 1 + 1},      // the passport; key and state of the tenant; its use this hour; its bucket
	} {
		if n := calls(tc.credential); n > tc.cold {
			t.Errorf("%s costs %d calls the first time, %d are allowed", tc.who, n, tc.cold)
		}
		for range 20 {
			if n := calls(tc.credential); n != 1 {
				t.Errorf("%s costs %d calls when known; reading the passport is 1", tc.who, n)
			}
		}
	}
	if fetched := k.Issuer.Fetches.Load(); fetched != 1 {
		t.Errorf("the keys of the issuer were fetched %d times", fetched)
	}
}
