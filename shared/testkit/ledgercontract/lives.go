// Package ledgercontract is the contract of the ports in the Ledger that the deletion of tenants stands on: what the
// engine may assume of lives, work, guards, holds, choices and the journal, as one suite for each that takes a
// constructor. It runs on the Ledger in memory, in which the simulation lives, and on the real one, so that what the
// simulation shows holds for both.
package ledgercontract

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// start is the instant of every suite, a whole second: some storages keep no less.
func start() time.Time { return time.Date(2027, 3, 1, 12, 0, 0, 0, time.UTC) }

func newIDs() *id.Source { return id.NewSource(clock.Fixed(start()), rand.Reader) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got %v, want %v", err, target)
	}
}

func equal(t *testing.T, got, wanted any) {
	t.Helper()
	if d := cmp.Diff(wanted, got); d != "" {
		t.Fatalf("-want +got\n%s", d)
	}
}

// LivesKit is what the suite for lives exercises. Found puts a tenant that is active into the register.
type LivesKit struct {
	Store        lifecycle.Store
	Certificates lifecycle.Certificates
	Found        func(t *testing.T) id.Tenant
}

// Lives runs the suite for lifecycle.Store and lifecycle.Certificates; open is called once per test.
func Lives(t *testing.T, open func(t *testing.T) LivesKit) {
	for name, test := range map[string]func(*testing.T, LivesKit){
		"a tenant that never left is new":              livesNew,
		"a step is stored whole":                       livesWhole,
		"a stale step changes nothing":                 livesStale,
		"what is due comes earliest first":             livesDue,
		"every life is walked":                         livesEach,
		"a retired tenant leaves only its certificate": livesRetire,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// terminated is the step with which a tenant leaves.
func terminated(t *testing.T, k LivesKit, tenant id.Tenant, due time.Time) lifecycle.Step {
	t.Helper()
	l, err := k.Store.Life(t.Context(), tenant)
	must(t, err)
	ids := newIDs()
	by := access.Caller{Tenant: tenant, Actor: "person:" + string(id.New[id.Person](ids)), Role: access.Owner, Request: id.New[id.Request](ids), At: start()}
	after, event, err := lifecycle.Terminate(l.Record, by, lifecycle.Termination{Confirmation: "x", Name: "x", Policy: lifecycle.Current()}, start())
	must(t, err)
	e := audit.New(ids, by, event, "tenant:"+string(tenant), "", "").With("effectiveAt", after.EffectiveAt.Format(time.RFC3339))
	s := lifecycle.Step{Before: l.Record, After: l, Entries: []audit.Entry{e}, Notices: []audit.Notice{audit.NoticeOf(ids, e)}}
	s.After.Record, s.After.DueAt = after, due
	s.After.History = append(s.After.History, lifecycle.Moment{Event: event, At: start(), Actor: by.Actor, Detail: e.Detail})
	return s
}

func livesNew(t *testing.T, k LivesKit) {
	tenant := k.Found(t)
	l, err := k.Store.Life(t.Context(), tenant)
	must(t, err)
	equal(t, l, lifecycle.Life{Record: lifecycle.New(tenant, lifecycle.Current())})
	_, err = k.Store.Life(t.Context(), id.New[id.Tenant](newIDs()))
	want(t, err, fault.NotFound)
	due, err := k.Store.Due(t.Context(), start().Add(100*lifecycle.Day), 10)
	must(t, err)
	equal(t, len(due), 0)
}

func livesWhole(t *testing.T, k LivesKit) {
	s := terminated(t, k, k.Found(t), start().Add(time.Hour))
	must(t, k.Store.Step(t.Context(), s))
	got, err := k.Store.Life(t.Context(), s.Before.Tenant)
	must(t, err)
	equal(t, got, s.After)

	// A life with everything in it.
	full := lifecycle.Step{Before: got.Record, After: got}
	r := &full.After.Record
	r.Revision++
	r.Later = []lifecycle.Policy{lifecycle.Current()}
	r.Expedited = &lifecycle.Expedited{AskedBy: "person:1", AskedAt: start(), ConfirmedBy: "person:2", ConfirmedAt: start().Add(time.Hour)}
	r.Notices = []lifecycle.Sent{{Kind: lifecycle.NoticeWindow, At: start()}}
	r.ExtendedUntil, r.HighWater = start().Add(40*lifecycle.Day), start().Add(time.Minute)
	full.After.History = append(slices.Clone(got.History), lifecycle.Moment{Event: lifecycle.EventPlanFrozen, At: start(), Actor: "system:x"})
	full.After.CertificateID, full.After.CertificateSecret, full.After.Plan = "c", "sha-256:00", []byte(`{"a":"ä"}`)
	full.After.Document, full.After.Signature = []byte(`{"b":"<ö>"}`), []byte{0, 1, 255}
	must(t, k.Store.Step(t.Context(), full))
	got, err = k.Store.Life(t.Context(), s.Before.Tenant)
	must(t, err)
	equal(t, got, full.After)
}

func livesStale(t *testing.T, k LivesKit) {
	s := terminated(t, k, k.Found(t), start())
	must(t, k.Store.Step(t.Context(), s))
	want(t, k.Store.Step(t.Context(), s), lifecycle.ErrStale)
	for name, wrong := range map[string]func(*lifecycle.Record){
		"epoch":    func(r *lifecycle.Record) { r.Epoch++ },
		"revision": func(r *lifecycle.Record) { r.Revision++ },
		"state":    func(r *lifecycle.Record) { r.State = lifecycle.Window },
	} {
		again := lifecycle.Step{Before: s.After.Record, After: s.After}
		wrong(&again.Before)
		again.After.Record.Revision += 7
		if err := k.Store.Step(t.Context(), again); !errors.Is(err, lifecycle.ErrStale) {
			t.Errorf("another %s: %v", name, err)
		}
	}
	got, err := k.Store.Life(t.Context(), s.Before.Tenant)
	must(t, err)
	equal(t, got, s.After)
}

func livesDue(t *testing.T, k LivesKit) {
	var in []id.Tenant
	for i := range 4 {
		s := terminated(t, k, k.Found(t), start().Add(time.Duration(4-i)*time.Hour))
		must(t, k.Store.Step(t.Context(), s))
		in = append(in, s.Before.Tenant)
	}
	due := func(through time.Duration, most int) []id.Tenant {
		t.Helper()
		got, err := k.Store.Due(t.Context(), start().Add(through), most)
		must(t, err)
		return got
	}
	equal(t, len(due(0, 10)), 0)
	equal(t, due(2*time.Hour, 10), []id.Tenant{in[3], in[2]}) // at or before
	equal(t, due(9*time.Hour, 3), []id.Tenant{in[3], in[2], in[1]})
	for tenant, at := range map[id.Tenant]time.Time{in[3]: start().Add(8 * time.Hour), in[2]: {}} {
		l, err := k.Store.Life(t.Context(), tenant)
		must(t, err)
		after := l
		after.Record, after.DueAt = l.Record.Touch(), at
		must(t, k.Store.Step(t.Context(), lifecycle.Step{Before: l.Record, After: after}))
	}
	equal(t, due(9*time.Hour, 10), []id.Tenant{in[1], in[0], in[3]}) // one moved, one waits for something
}

func livesEach(t *testing.T, k LivesKit) {
	wanted := map[id.Tenant]int64{}
	for range 30 {
		s := terminated(t, k, k.Found(t), start())
		must(t, k.Store.Step(t.Context(), s))
		wanted[s.Before.Tenant] = s.After.Record.Revision
	}
	k.Found(t) // without a life
	got := map[id.Tenant]int64{}
	must(t, k.Store.Each(t.Context(), func(l lifecycle.Life) error {
		got[l.Record.Tenant] = l.Record.Revision
		return nil
	}))
	for tenant, revision := range wanted {
		if got[tenant] != revision {
			t.Errorf("tenant %s: revision %d, want %d", tenant, got[tenant], revision)
		}
	}
	stop := fmt.Errorf("enough")
	want(t, k.Store.Each(t.Context(), func(lifecycle.Life) error { return stop }), stop)
}

func livesRetire(t *testing.T, k LivesKit) {
	s := terminated(t, k, k.Found(t), start())
	must(t, k.Store.Step(t.Context(), s))
	c := lifecycle.CertificateRow{ID: string(id.New[id.Request](newIDs())), Secret: "sha-256:00", Document: []byte(`{"a":1}`), Signature: []byte{1, 0, 2}, At: start()}
	want(t, k.Store.Retire(t.Context(), s.Before, c), lifecycle.ErrStale)
	_, err := k.Certificates.Certificate(t.Context(), c.ID)
	want(t, err, fault.NotFound)
	must(t, k.Store.Retire(t.Context(), s.After.Record, c))
	got, err := k.Certificates.Certificate(t.Context(), c.ID)
	must(t, err)
	equal(t, got, c)
	_, err = k.Store.Life(t.Context(), s.Before.Tenant)
	want(t, err, fault.NotFound)
	due, err := k.Store.Due(t.Context(), start().Add(lifecycle.Day), 10)
	must(t, err)
	if slices.Contains(due, s.Before.Tenant) {
		t.Error("it is still due")
	}
	must(t, k.Store.Each(t.Context(), func(l lifecycle.Life) error {
		if l.Record.Tenant == s.Before.Tenant {
			t.Error("its life is still there")
		}
		return nil
	}))
	if err := k.Store.Step(t.Context(), s); err == nil {
		t.Error("a step of a tenant that is gone was stored")
	}
}
