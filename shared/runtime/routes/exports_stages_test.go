package routes_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// terminated gives notice for the organisation called leaver, as of now, and returns the instant before which the window does not close.
func terminated(t *testing.T, k *testkit.Kit, owner string) time.Time {
	t.Helper()
	v := answer(t, k.Do(t, "POST", "/v1/tenant/termination", owner, `{"confirmation":"leaver"}`), 200)
	if v["state"] != string(lifecycle.Window) {
		t.Fatalf("%v", v)
	}
	return lifecycle.Current().Deadlines(k.Clock.Now()).NotBefore
}

// TestExportsInEveryStage takes everything away in each state of the contract in which that is promised, up to the last
// minute of the window: what was asked for before is packed, and what is asked for now is packed, listed, fetched and
// deleted.
func TestExportsInEveryStage(t *testing.T) {
	for name, enter := range map[string]func(t *testing.T, k *testkit.Kit, tenant id.Tenant, owner string){
		"active":    func(*testing.T, *testkit.Kit, id.Tenant, string) {},
		"suspended": func(t *testing.T, k *testkit.Kit, tenant id.Tenant, _ string) { suspend(t, k, tenant) },
		"window": func(t *testing.T, k *testkit.Kit, _ id.Tenant, owner string) {
			terminated(t, k, owner)
			k.Clock.Advance(31 * time.Second)
		},
		"last minute of the window": func(t *testing.T, k *testkit.Kit, _ id.Tenant, owner string) {
			k.Clock.Advance(terminated(t, k, owner).Add(-time.Minute).Sub(k.Clock.Now()))
		},
		"suspended in the window": func(t *testing.T, k *testkit.Kit, tenant id.Tenant, owner string) {
			terminated(t, k, owner)
			suspend(t, k, tenant)
		},
	} {
		t.Run(name, func(t *testing.T) {
			k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
			tenant, owner := k.Organisation(t, "leaver", "leaver")
			k.Publish(t, owner, k.Create(t, owner, complete))
			k.Clock.Advance(time.Second)
			earlier := answer(t, k.Do(t, "POST", "/v1/exports", owner, `{"scope":"workspace"}`), 202)["id"].(string)
			requests := k.Arrivals("requests/")
			enter(t, k, tenant, owner)
			owner = k.SignIn(t, "leaver")
			deliver(t, k, requests)
			_, a := fetched(t, k, owner, earlier)
			holds(t, a.Manifest.Counts)

			made := answer(t, k.Do(t, "POST", "/v1/exports", owner, `{"scope":"workspace"}`), 202)["id"].(string)
			if v := answer(t, k.Do(t, "GET", "/v1/exports/"+made, owner, ""), 200); v["state"] != "queued" {
				t.Errorf("asked for: %v", v)
			}
			k.PackAll(t)
			_, a = fetched(t, k, owner, made)
			holds(t, a.Manifest.Counts)
			listed := func() (all []string) {
				for _, e := range answer(t, k.Do(t, "GET", "/v1/exports", owner, ""), 200)["items"].([]any) {
					e := e.(map[string]any)
					all = append(all, e["id"].(string)+" "+e["state"].(string))
				}
				return all
			}
			if got := listed(); !slices.Equal(got, []string{made + " ready", earlier + " ready"}) {
				t.Errorf("the list is %v", got)
			}
			link := answer(t, k.Do(t, "GET", "/v1/exports/"+made+"?link=true", owner, ""), 200)["download"].(map[string]any)["url"].(string)
			expect(t, k, 204, "", "DELETE", "/v1/exports/"+made, owner, "")
			if resp := k.Fetch(t, link); resp.StatusCode != http.StatusNotFound {
				t.Errorf("the package of a deleted export: %d", resp.StatusCode)
			}
			if got := listed(); !slices.Equal(got, []string{made + " deleted", earlier + " ready"}) {
				t.Errorf("after the deletion the list is %v", got)
			}
			if w := k.Do(t, "PATCH", "/v1/tenant", owner, `{"name":"Another"}`, "If-Match", `"1"`); (w.Code == 403) != (name != "active") {
				t.Errorf("writing: %d %s", w.Code, w.Body)
			}
		})
	}
}

func holds(t *testing.T, counts map[string]int64) {
	t.Helper()
	if counts["passports"] != 1 || counts["versions"] != 1 || counts["account/members"] != 1 {
		t.Errorf("the package has %v", counts)
	}
}

// TestExportsEndWithTheWindow holds that after the seal nothing is asked for, listed, fetched or deleted, and that an export
// which is still queued is not packed: nothing is written for the organisation any more.
func TestExportsEndWithTheWindow(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	tenant, owner := k.Organisation(t, "leaver", "leaver")
	terminated(t, k, owner)
	k.Clock.Advance(31 * time.Second)
	owner = k.SignIn(t, "leaver")
	ready := answer(t, k.Do(t, "POST", "/v1/exports", owner, `{"scope":"workspace"}`), 202)["id"].(string)
	k.PackAll(t)
	fetched(t, k, owner, ready)
	queued := answer(t, k.Do(t, "POST", "/v1/exports", owner, `{"scope":"workspace"}`), 202)["id"].(string)
	requests := k.Arrivals("requests/")
	for _, s := range []lifecycle.State{lifecycle.Sealed, lifecycle.Deleting} {
		stage(t, k, tenant, s)
		owner = k.SignIn(t, "leaver")
		before := k.Dump(t)
		for _, one := range []string{ready, queued} {
			for _, path := range []string{"/v1/exports/" + one, "/v1/exports/" + one + "?link=true"} {
				expect(t, k, 403, "contract-stage", "GET", path, owner, "")
			}
			expect(t, k, 403, "contract-stage", "DELETE", "/v1/exports/"+one, owner, "")
		}
		expect(t, k, 403, "contract-stage", "GET", "/v1/exports", owner, "")
		expect(t, k, 403, "contract-stage", "POST", "/v1/exports", owner, `{"scope":"workspace"}`)
		deliver(t, k, requests)
		if after := k.Dump(t); s == lifecycle.Deleting && !slices.Equal(before, after) {
			t.Errorf("something was written in %s:\n%s", s, diff(before, after))
		}
		if asked := k.Arrivals(""); len(asked) != 0 {
			t.Errorf("objects came about in %s: %v", s, asked)
		}
	}
}
