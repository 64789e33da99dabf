package routes_test

import (
	"crypto/rand"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// restored is a platform that stands on copies of a table, restored and not cleared.
func restored(t *testing.T, k *testkit.Kit, table string) *testkit.Kit {
	t.Helper()
	copies(t, k)
	name := k.Env[table] + "-restored-" + rand.Text()
	if err := k.Copies.RestoreNewest(t.Context(), k.Env[table], name); err != nil {
		t.Fatal(err)
	}
	env := maps.Clone(k.Env)
	env[table] = name
	return testkit.Open(t, testkit.Options{Env: env, Routes: routes.All, Apart: true})
}

func release(t *testing.T, k *testkit.Kit, table string) {
	t.Helper()
	if _, err := dynamo.NewClearances(k.App.Database().Unguarded()).Clear(t.Context(), k.Env[table], table != "PUBLIC_TABLE", 0, k.Clock.Now(), auditing.Signer(k.App.App)); err != nil {
		t.Fatal(err)
	}
}

// TestQuarantine holds that nothing is read from or written into a restored table before it is cleared, that operators
// are told which and why, and that everything works afterwards without a restart.
func TestQuarantine(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "A")
	one := "/v1/passports/" + k.Publish(t, key, k.Create(t, key, complete))
	const public = "/01/09506000134376/21/A%2FB"
	for _, tc := range []struct{ table, method, target, body string }{
		{"RECORDS_TABLE", "GET", one, ""},
		{"RECORDS_TABLE", "POST", "/v1/passports", strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", "Z"), "A/B", "Z")},
		{"PUBLIC_TABLE", "GET", public, ""},
	} {
		other := restored(t, k, tc.table)
		refused(t, other, tc.method, tc.target, key, tc.body)
		if log := other.Log.String(); !strings.Contains(log, `"msg":"quarantined"`) || !strings.Contains(log, "restore-table.md") {
			t.Errorf("%s: nobody is told: %s", tc.table, log)
		}
		release(t, other, tc.table)
		if w := other.Do(t, tc.method, tc.target, key, tc.body); w.Code >= 300 {
			t.Errorf("%s, once cleared: %d %s", tc.table, w.Code, w.Body)
		}
		other.Do(t, "GET", public, key, "")
		other.Do(t, "GET", public, key, "")
		if e := other.Events[len(other.Events)-1]; e.Calls["dynamodb.DescribeTable"] != 0 || e.Status != http.StatusOK {
			t.Errorf("%s: a table is looked at again: %v", tc.table, e.Calls)
		}
	}
	env := maps.Clone(k.Env)
	env["MARKER_KEY"] = ""
	refused(t, testkit.Open(t, testkit.Options{Env: env, Routes: routes.All}), "GET", one, key, "")
}

// refused holds that a request is answered with 503, twice.
func refused(t *testing.T, k *testkit.Kit, method, target, key, body string) {
	t.Helper()
	for range 2 {
		w := k.Do(t, method, target, key, body)
		e := k.Events[len(k.Events)-1]
		if w.Code != http.StatusServiceUnavailable || e.Code != fault.CodeQuarantined || w.Header().Get("Retry-After") != "60" {
			t.Errorf("%s %s: %d %s %s", method, target, w.Code, e.Code, w.Body)
		}
	}
}

// TestMarkerOfTheSource holds that a copy is not cleared by the marker that came with it, nor by one for another table.
func TestMarkerOfTheSource(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	key := k.App.MarkerKey()
	store := dynamo.NewClearances(k.App.Database().Unguarded())
	if err := store.Cleared(t.Context(), k.Env["RECORDS_TABLE"], key); err != nil {
		t.Fatal(err)
	}
	other := restored(t, k, "RECORDS_TABLE")
	store = dynamo.NewClearances(other.App.Database().Unguarded())
	there, err := store.Marked(t.Context(), other.Env["RECORDS_TABLE"], true)
	if err != nil || !there {
		t.Fatalf("the copy has no marker: %v", err)
	}
	if err := store.Cleared(t.Context(), other.Env["RECORDS_TABLE"], key); err == nil || !strings.Contains(err.Error(), "restored from a copy") {
		t.Errorf("the copy is cleared by the marker of its source: %v", err)
	}
}
