package retaining_test

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// behind is an index that may be a moment behind: while late, it gives its last answer about a tenant again.
type behind struct {
	mu     sync.Mutex
	tenant id.Tenant
	last   []byte
	late   bool
	lies   int
}

// Do implements aws.HTTPClient.
func (b *behind) Do(r *http.Request) (*http.Response, error) {
	var asked []byte
	if r.Body != nil {
		var err error
		if asked, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(asked))
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || !bytes.Contains(asked, []byte(`"IndexName":"ByDue"`)) || !bytes.Contains(asked, []byte("DUE#life#")) {
		return resp, err
	}
	said, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch about := b.tenant != "" && bytes.Contains(said, []byte(b.tenant)); {
	case about:
		b.last = said
	case b.late:
		said = b.last
		b.lies++
		resp.Header.Del("X-Amz-Crc32")
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(said)), int64(len(said))
	resp.Header.Del("Content-Length")
	return resp, err
}

// TestWhatComesBack puts rows of a tenant back: while its deletion waits for the backups to run out, and after it is
// certified. The auditor finds them, the worker deletes them, the journal knows of it, and nobody else loses anything. A
// tick to which the list of what is due still names the tenant after all this does nothing.
func TestWhatComesBack(t *testing.T) {
	index := &behind{}
	k := testkit.Open(t, testkit.Options{HTTP: index})
	tenant, _ := k.Tenant(t, "Nordeiche")
	other, _ := k.Tenant(t, "Other")
	index.tenant = tenant
	leave(t, k, tenant, "Nordeiche")
	all := append([]jobs.Job{auditing.Jobs(k.App.App)[0]}, apart(k)...)
	lives := dynamo.NewLives(k.App.Database())
	run := func(some ...jobs.Job) {
		t.Helper()
		for _, j := range some {
			if err := j.Run(k.AsFunction(j.Function), k.Clock.Now()); err != nil {
				t.Fatalf("%s: %s: %v\ndenied: %v", k.Clock.Now(), j.Function, err, k.Gate().Denials())
			}
		}
	}
	until := func(goal func(lifecycle.Life, error) bool) {
		t.Helper()
		for range 2 * 95 {
			if l, err := lives.Life(t.Context(), tenant); goal(l, err) {
				return
			}
			k.Clock.Advance(12 * time.Hour)
			run(all...)
		}
		t.Fatal("it does not come to that")
	}
	left := func() []string {
		return slices.DeleteFunc(k.Dump(t), func(row string) bool { return !strings.Contains(row, string(tenant)) })
	}
	deletions := func() (open, done int) {
		t.Helper()
		err := journal.Walk(t.Context(), dynamo.NewJournal(k.App.Database()), 0, func(e journal.Entry) error {
			if e.Done() {
				done++
			} else {
				open++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return open, done
	}
	comesBack := func() {
		at := "T#" + string(tenant)
		passport := string(id.New[id.Passport](id.NewSource(k.Clock.Now, k.App.Stores().Random)))
		k.Put(t, "RECORDS_TABLE", map[string]string{"PK": at + "#P#" + passport, "SK": "META", "idn": "x", "CPK": at + "#C#0", "CSK": passport})
		k.Put(t, "PUBLIC_TABLE", map[string]string{"PK": "P#/01/09506000134376/21/BACK", "tn": string(tenant)})
	}
	until(func(l lifecycle.Life, _ error) bool { return l.Record.State == lifecycle.ActiveClear })
	comesBack()
	until(func(l lifecycle.Life, _ error) bool { return l.Record.State == lifecycle.Deleting })
	if open, done := deletions(); open != 2 || done != 0 {
		t.Errorf("opened again, the journal has %d open deletions and %d proven", open, done)
	}
	until(func(_ lifecycle.Life, err error) bool { return err != nil })
	if rows := left(); len(rows) > 0 {
		t.Errorf("after the certificate: %.400q", rows)
	}
	if open, done := deletions(); open != 0 || done != 2 {
		t.Errorf("certified, the journal has %d open deletions and %d proven", open, done)
	}
	comesBack()
	for range 4 {
		k.Clock.Advance(2 * 24 * time.Hour) // a longer leap would be taken for a wrong clock
		run(all...)
		if slices.ContainsFunc(left(), func(row string) bool { return strings.HasPrefix(row, "LEDGER_TABLE PK=STRAY") }) {
			break
		}
	}
	if rows := left(); len(rows) < 3 || !slices.ContainsFunc(rows, func(row string) bool { return strings.HasPrefix(row, "LEDGER_TABLE PK=STRAY") }) {
		t.Errorf("found, and not yet deleted: %.900q", rows)
	}
	for range 4 {
		k.Clock.Advance(12 * time.Hour)
		run(all...)
	}
	if rows := slices.DeleteFunc(left(), func(row string) bool { return strings.HasPrefix(row, "LEDGER_TABLE") }); len(rows) > 0 {
		t.Errorf("it came back and is still there: %.400q", rows)
	}
	if open, done := deletions(); open != 0 || done != 2 {
		t.Errorf("the journal has %d open deletions and %d proven", open, done)
	}
	if about, err := k.App.Tenants().Store.Tenant(t.Context(), other); err != nil || about.Name != "Other" {
		t.Error("the other tenant:", about, err)
	}
	index.mu.Lock()
	index.late = true
	index.mu.Unlock()
	was := k.Dump(t)
	k.Clock.Advance(15 * time.Minute)
	run(all[1])
	if index.lies == 0 {
		t.Error("the index was not behind: the test is for nothing")
	}
	if now := k.Dump(t); !slices.Equal(withoutClock(was), withoutClock(now)) {
		t.Errorf("the tick believed a list that was behind: %.900q", now)
	}
}

// withoutClock leaves out the high-water mark, which each look at the time moves.
func withoutClock(rows []string) []string {
	return slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return strings.HasPrefix(row, "LEDGER_TABLE") && strings.Contains(row, "CLOCK") })
}
