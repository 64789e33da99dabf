package routes_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/runtime/tending"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// tend runs the job of tend-transfers with the rights of its function, and returns what it asked for.
func tend(t *testing.T, k *testkit.Kit) []string {
	t.Helper()
	k.Arrivals("")
	if err := tending.Job(k.App.App).Run(k.AsFunction("tend-transfers"), k.Clock.Now()); err != nil {
		t.Fatal(err)
	}
	return k.Arrivals("")
}

// deliver hands requests to those who are asked.
func deliver(t *testing.T, k *testkit.Kit, objects []string) {
	t.Helper()
	for _, o := range objects {
		call := k.Import
		if strings.HasPrefix(o, "requests/") {
			call = k.Pack
		}
		if err := call(t, o); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNothingIsForgotten loses every event on the way: an export, an archive and a table are taken up all the same, what
// nobody goes on with ends, and in the end there is nothing to ask for.
func TestNothingIsForgotten(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Publish(t, anna, k.Create(t, anna, complete))
	export := "/v1/exports/" + answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"workspace"}`), 202)["id"].(string)
	k.Arrivals("")
	if early := tend(t, k); len(early) != 0 {
		t.Fatalf("asked for before it is due: %v", early)
	}
	k.Clock.Advance(15 * time.Minute)
	if asked := tend(t, k); len(asked) != 1 || len(tend(t, k)) != 1 {
		t.Fatalf("asked for %v", asked)
	} else {
		deliver(t, k, append(asked, asked...)) // twice, which packs once
	}
	anna = k.SignIn(t, "anna")
	raw, _ := fetched(t, k, anna, export[len("/v1/exports/"):])
	k.Arrivals("")

	announce := func(format, more string, file []byte, send bool) string {
		made := answer(t, k.Do(t, "POST", "/v1/imports", anna, fmt.Sprintf(`{"format":%q,"size":%d,"sha256":"%x"%s}`, format, len(file), sha256.Sum256(file), more)), 201)
		if form := made["upload"].(map[string]any); send {
			k.Send(t, form["method"].(string), form["url"].(string), form["headers"].(map[string]any), file)
		}
		return "/v1/imports/" + made["id"].(string)
	}
	const chair = `,"productGroup":"general"`
	there := []string{announce("archive", "", raw, true), announce("csv", chair, []byte(chairs("A1")), true)}
	absent := []string{announce("archive", "", raw, false), announce("csv", chair, []byte(chairs("A1")), false)}
	k.Arrivals("")
	state := func(paths []string, want ...string) {
		t.Helper()
		anna = k.SignIn(t, "anna")
		for n, path := range paths {
			if got := answer(t, k.Do(t, "GET", path, anna, ""), 200); got["state"] != want[n] || want[n] == "cancelled" && got["why"] == nil {
				t.Errorf("%s: %v, want %s", path, got, want[n])
			}
		}
	}
	k.Clock.Advance(20 * time.Minute)
	deliver(t, k, tend(t, k))
	state(there, "checked", "uploaded")
	state(absent, "waiting", "waiting")
	k.Clock.Advance(6 * time.Hour)
	deliver(t, k, tend(t, k))
	state(absent, "cancelled", "cancelled")
	state(there, "checked", "uploaded")

	k.Clock.Advance(7 * 24 * time.Hour)
	deliver(t, k, tend(t, k))
	state(there, "cancelled", "cancelled")
	state([]string{export}, "expired")
	if left := tend(t, k); len(left) != 0 {
		t.Errorf("still due: %v", left)
	}
	events := fmt.Sprint(answer(t, k.Do(t, "GET", "/v1/audit?limit=100", anna, ""), 200))
	if n := strings.Count(events, "export.expired"); n != 1 {
		t.Errorf("the trail has %d entries of the end of the export: %s", n, events)
	}
}

// partKiller kills a process once a part has been uploaded, and counts the uploads that are neither finished nor aborted.
type partKiller struct {
	armed atomic.Bool
	open  atomic.Int64
}

func (p *partKiller) Do(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || resp.StatusCode > 299 {
		return resp, err
	}
	q := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && q.Has("uploads"):
		p.open.Add(1)
	case r.Method == http.MethodPost && q.Has("uploadId"), r.Method == http.MethodDelete && q.Has("uploadId"):
		p.open.Add(-1)
	case r.Method == http.MethodPut && q.Has("partNumber") && p.armed.Load():
		resp.StatusCode, resp.Status = http.StatusForbidden, "403 Forbidden" // which the SDK does not try again
	}
	return resp, nil
}

// TestLeftoversGo holds that of an export that was deleted while a killed packager had parts uploaded nothing remains.
func TestLeftoversGo(t *testing.T) {
	killer := &partKiller{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: killer})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Create(t, anna, complete)
	export := "/v1/exports/" + answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"workspace"}`), 202)["id"].(string)
	asked := k.Arrivals("requests/")
	killer.armed.Store(true)
	if err := k.Pack(t, asked[0]); err == nil {
		t.Fatal("the packager was not killed")
	}
	killer.armed.Store(false)
	if n := killer.open.Load(); n != 1 {
		t.Fatalf("%d uploads are unfinished", n)
	}
	expect(t, k, 204, "", "DELETE", export, anna, "")
	k.Clock.Advance(15 * time.Minute)
	deliver(t, k, tend(t, k))
	if n, left := killer.open.Load(), tend(t, k); n != 0 || len(left) != 0 {
		t.Errorf("%d uploads are unfinished, still due: %v", n, left)
	}
}
