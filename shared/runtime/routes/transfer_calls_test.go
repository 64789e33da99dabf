package routes_test

import (
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// meter counts the calls of the SDK by service and operation: those of DynamoDB by name, those of S3 by method.
type meter struct {
	mu    sync.Mutex
	calls map[string]int
}

func (m *meter) Do(r *http.Request) (*http.Response, error) {
	name := "s3." + r.Method
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		name = target[strings.LastIndex(target, ".")+1:]
	}
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]int{}
	}
	m.calls[name]++
	m.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// taken are the calls since the last time.
func (m *meter) taken() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	was := maps.Clone(m.calls)
	clear(m.calls)
	return was
}

// TestReadsOfAnExport holds what packing reads: one query for each passport, which brings its versions, history and documents
// along; one for each page of a hundred of them and of the trail's entries, and what a shard of the index begins and ends
// with; one object for each document.
// What is left does not grow with the passports.
func TestReadsOfAnExport(t *testing.T) {
	const passports, shards, few = 1000, 2, 25
	m := &meter{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: m})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	documents, versions := 0, 0
	for n := range passports {
		p := k.Create(t, anna, strings.ReplaceAll(strings.ReplaceAll(complete, "A%2FB", fmt.Sprint("R", n)), "A/B", fmt.Sprint("R", n)))
		if n%4 == 0 {
			k.Publish(t, anna, p)
			versions++
		}
		if n%20 == 0 {
			add(t, k, anna, "/v1/passports/"+p, paper, "text/plain", fmt.Sprint("document ", n))
			documents++
		}
	}
	k.Clock.Advance(time.Second)
	made := answer(t, k.Do(t, "POST", "/v1/exports", anna, `{"scope":"workspace"}`), 202)["id"].(string)
	m.taken()
	k.PackAll(t)
	got := m.taken()
	_, a := fetched(t, k, anna, made)
	if c := a.Manifest.Counts; c["passports"] != passports || c["versions"] != int64(versions) || c["documents"] != int64(documents) {
		t.Fatalf("the package has %v", c)
	}
	entries := passports + versions + documents
	if n := got["Query"]; n > passports+passports/100+entries/100+4*shards+few {
		t.Errorf("%d queries for %d passports", n, passports)
	}
	if n := got["s3.GET"]; n > documents+few {
		t.Errorf("%d objects are read for %d documents", n, documents)
	}
	for name, n := range got {
		if name != "Query" && name != "s3.GET" && n > few {
			t.Errorf("%d calls of %s", n, name)
		}
	}
}

// TestWritesOfAnImport holds that drafts come back ten in a transaction, that those which are there already, or whose product
// is taken, keep none of the others out, and that bringing them again stores nothing.
func TestWritesOfAnImport(t *testing.T) {
	const passports = 100
	m := &meter{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: m})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	for n := range passports {
		k.Create(t, anna, chair(fmt.Sprint("W", n)))
	}
	raw, _ := exported(t, k, anna, `{"scope":"passports"}`)
	bring := func(who string) (map[string]any, map[string]int) {
		t.Helper()
		token := k.SignIn(t, who)
		checked := uploaded(t, k, token, raw)
		m.taken()
		done := committed(t, k, token, checked)
		return done, m.taken()
	}
	k.Organisation(t, "heir", "Heir")
	done, calls := bring("heir")
	if done["restored"] != float64(passports) || done["failed"] != 0.0 {
		t.Errorf("%v", done)
	}
	if n := calls["TransactWriteItems"]; n > passports/10+5 {
		t.Errorf("%d transactions for %d passports", n, passports)
	}
	if done, _ = bring("heir"); done["present"] != float64(passports) || done["restored"] != 0.0 || done["failed"] != 0.0 {
		t.Errorf("again: %v", done)
	}
	_, otto := k.Organisation(t, "otto", "Another")
	for _, n := range []int{3, 42, 43, 99} {
		k.Create(t, otto, chair(fmt.Sprint("W", n)))
	}
	if done, _ = bring("otto"); done["restored"] != float64(passports-4) || done["failed"] != 4.0 || len(done["problems"].([]any)) != 4 {
		t.Errorf("beside four that are taken: %v", done)
	}
}
