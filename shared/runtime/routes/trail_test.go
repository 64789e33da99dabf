package routes_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func chair(serial string) string {
	return `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/` + serial + `","content":{"serialNumber":"` + serial + `"}}`
}

// TestTrailPages walks the audit trail of a fortnight in pages: every entry once, newest first, whatever the page size;
// filters choose, and a cursor belongs to its filter and its organisation.
func TestTrailPages(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "Nordeiche")
	_, other := k.Tenant(t, "Another")
	for day := range 15 {
		for n := range 2 {
			k.Create(t, key, chair(fmt.Sprintf("D%dN%d", day, n)))
		}
		k.Clock.Advance(24 * time.Hour)
	}
	walk := func(query string) (ids []string, cursor string) {
		for next := ""; ; {
			target := "/v1/audit?" + query
			if next != "" {
				target += "&cursor=" + url.QueryEscape(next)
			}
			var got struct {
				Items []struct{ ID, At, Event string }
				Next  string
			}
			w := k.Do(t, "GET", target, key, "")
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != 200 {
				t.Fatalf("%s: %d %s", target, w.Code, w.Body)
			}
			for _, e := range got.Items {
				ids = append(ids, e.At+e.ID)
			}
			if next = got.Next; next == "" {
				return ids, cursor
			}
			cursor = next
		}
	}
	whole, _ := walk("limit=100")
	for _, limit := range []string{"1", "3", "7"} {
		if ids, _ := walk("limit=" + limit); strings.Join(ids, " ") != strings.Join(whole, " ") {
			t.Errorf("in pages of %s: %d entries, want %d", limit, len(ids), len(whole))
		}
	}
	for i := 1; i < len(whole); i++ {
		if whole[i] >= whole[i-1] {
			t.Fatalf("entry %d is not older than the one before it", i)
		}
	}
	created, cursor := walk("limit=7&event=passport.created")
	if len(created) != 30 || len(whole) < 32 {
		t.Errorf("%d of %d entries are of created passports, want 30", len(created), len(whole))
	}
	from, to := url.QueryEscape("2027-02-20T00:00:00Z"), url.QueryEscape("2027-02-21T23:59:59Z")
	if ids, _ := walk("event=passport.created&from=" + from + "&to=" + to); len(ids) != 4 {
		t.Errorf("%d entries in two days, want 4", len(ids))
	}
	for _, target := range []string{
		"/v1/audit?limit=7&event=passport.updated&cursor=" + url.QueryEscape(cursor),
		"/v1/audit?cursor=AAAA",
	} {
		expect(t, k, 400, "cursor-invalid", "GET", target, key, "")
	}
	expect(t, k, 400, "cursor-invalid", "GET", "/v1/audit?limit=7&event=passport.created&cursor="+url.QueryEscape(cursor), other, "")
	expect(t, k, 400, "query-invalid", "GET", "/v1/audit?event=passport.eaten", key, "")
	expect(t, k, 400, "query-invalid", "GET", "/v1/audit?from=2020-01-01T00:00:00Z", key, "")
	expect(t, k, 400, "query-invalid", "GET", "/v1/audit/log?from=1", key, "")
	expect(t, k, 406, "not-acceptable", "GET", "/v1/audit", key, "", "Accept", "image/png")
}

// TestTrailAsTable reads the CSV back with another reader, and holds that nothing in it is a formula.
func TestTrailAsTable(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "Nordeiche")
	k.Create(t, key, chair("A"))
	w := k.Do(t, "GET", "/v1/audit", key, "", "Accept", "text/csv")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) < 4 || rows[0][0] != "at" || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") {
		t.Fatalf("%v %v", rows, err)
	}
	for _, row := range rows[1:] {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
}

// verified downloads a tenant's log part by part and checks it with the public key.
func verified(t *testing.T, k *testkit.Kit, key string) auditlog.Report {
	t.Helper()
	var text strings.Builder
	for from := "0"; from != ""; {
		w := k.Do(t, "GET", "/v1/audit/log?from="+from, key, "")
		if w.Code != 200 {
			t.Fatalf("log: %d %s", w.Code, w.Body)
		}
		text.WriteString(w.Body.String())
		from = w.Header().Get("Next-Sequence")
	}
	spki, err := auditing.Signer(k.App.App).PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	v, err := auditlog.NewVerifier(spki)
	if err != nil {
		t.Fatal(err)
	}
	report, err := auditlog.Verify(strings.NewReader(text.String()), v, "")
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// TestSequencingMayFail lets every call of the job that orders and signs the trail fail, refused or carried out with its
// answer lost. Whatever happened, the next run makes it good: every entry is in the log, once, and signed.
func TestSequencingMayFail(t *testing.T) {
	s := &saboteur{}
	k := testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: s})
	_, key := k.Tenant(t, "Nordeiche")
	job := auditing.Jobs(k.App.App)[0]
	entries, failures := int64(0), 0
	for at := int64(1); at <= 16; at++ {
		for _, apply := range []bool{false, true} {
			k.Create(t, key, chair(fmt.Sprintf("C%dA%t", at, apply)))
			k.Clock.Advance(3 * time.Minute)
			s.arm(at, apply)
			if err := job.Run(k.AsFunction(job.Function), k.Clock.Now()); err != nil {
				failures++
			}
			s.arm(0, false)
			if err := job.Run(k.AsFunction(job.Function), k.Clock.Now()); err != nil {
				t.Fatal(err)
			}
			got := verified(t, k, key)
			if got.Covered != got.Entries || got.Entries <= entries {
				t.Fatalf("call %d (applied: %v): %+v after %d entries", at, apply, got, entries)
			}
			entries = got.Entries
		}
	}
	if failures < 16 {
		t.Errorf("only %d runs were sabotaged", failures)
	}
	if all := trail(t, k, key, "?event=passport.created&limit=100"); len(all) != 32 {
		t.Errorf("%d passports in the trail, want 32", len(all))
	}
}

// TestSequencersRace runs the job many times at once: one log comes of it.
func TestSequencersRace(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "Nordeiche")
	for round := range 5 {
		for n := range 3 {
			k.Create(t, key, chair(fmt.Sprintf("R%dN%d", round, n)))
		}
		k.Clock.Advance(3 * time.Minute)
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				if err := auditing.Jobs(k.App.App)[0].Run(k.AsFunction("sequence-audit"), k.Clock.Now()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := verified(t, k, key); got.Covered != got.Entries {
			t.Errorf("%+v", got)
		}
	}
}

// TestBurstIsNoticed holds that refusals which all come within seconds are noticed, though they are not all written.
func TestBurstIsNoticed(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	bert := k.Join(t, anna, "bert", "viewer")
	for range 45 {
		expect(t, k, 403, "forbidden", "POST", "/v1/passports", bert, complete)
	}
	k.Clock.Advance(3 * time.Minute)
	for range 2 {
		if err := auditing.Jobs(k.App.App)[0].Run(k.AsFunction("sequence-audit"), k.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	anna = k.SignIn(t, "anna")
	written := trail(t, k, anna, "?event=access.denied")
	found := trail(t, k, anna, "?event=incident.found")
	if len(written) > 5 || len(found) != 1 || found[0].Detail["rule"] != "denial-burst" {
		t.Errorf("%d entries of refusals, incidents %+v", len(written), found)
	}
}

// TestTooFast holds the limit on the real engine: two processes share one bucket, the refusal says when to come back, and
// then there is room again; another organisation notices nothing.
func TestTooFast(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Rate: 10})
	_, key := k.Tenant(t, "Nordeiche")
	_, other := k.Tenant(t, "Another")
	config, err := wire.ReadConfig(func(name string) string { return k.Env[name] })
	if err != nil {
		t.Fatal(err)
	}
	second := tenancy.New(config, wire.Parts{Now: k.Clock.Now, Log: k.Log, Web: k.Issuer})
	processes := []http.Handler{k.Mux, httpapi.Mux(second.Private(), routes.All(second)...)}
	let, refused := 0, 0
	for i := range 60 {
		k.Mux = processes[i%2]
		w := k.Do(t, "GET", "/v1/passports", key, "")
		switch {
		case w.Code == 200:
			let++
		case w.Code == 429 && w.Header().Get("Retry-After") == "1" && strings.Contains(w.Body.String(), "10 requests a second"):
			refused++
		default:
			t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
		}
	}
	if let > 20 || let < 15 || refused == 0 {
		t.Errorf("%d let through and %d refused; the burst is 20", let, refused)
	}
	expect(t, k, 200, "", "GET", "/v1/passports", other, "")
	k.Clock.Advance(time.Second)
	expect(t, k, 200, "", "GET", "/v1/passports", key, "")
}
