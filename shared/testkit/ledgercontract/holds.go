package ledgercontract

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// HoldsKit is what the suite for holds exercises.
type HoldsKit struct {
	Holds lifecycle.Holds
	Found func(t *testing.T) id.Tenant
}

func entry(tenant id.Tenant, event audit.Event, object string) audit.Entry {
	ids := newIDs()
	return audit.New(ids, access.Caller{Tenant: tenant, Actor: "operator:1", Request: id.New[id.Request](ids), At: start()}, event, object, "", "")
}

// Holds runs the suite for lifecycle.Holds; open is called once.
func Holds(t *testing.T, open func(t *testing.T) HoldsKit) {
	k := open(t)
	ctx, tenant, other := t.Context(), k.Found(t), k.Found(t)
	ask := func(tenant id.Tenant, at time.Time) lifecycle.Hold {
		h, err := lifecycle.Ask(string(id.New[id.Request](newIDs())), lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: tenant},
			lifecycle.Basis{Act: "Act", Article: "1", Case: "ä"}, "operator:1", start().Add(30*lifecycle.Day), 90*lifecycle.Day, at)
		must(t, err)
		must(t, k.Holds.Save(ctx, nil, h, entry(tenant, lifecycle.EventHoldAsked, "hold:"+h.ID)))
		return h
	}
	if all, err := k.Holds.Of(ctx, tenant); err != nil || len(all) > 0 {
		t.Errorf("before any: %v, %v", all, err)
	}
	first, second, theirs := ask(tenant, start()), ask(tenant, start().Add(time.Minute)), ask(other, start())
	early := ask(tenant, start().Add(-time.Minute)) // written down last
	unasked := early
	unasked.ID = string(id.New[id.Request](newIDs()))
	want(t, k.Holds.Save(ctx, &unasked, unasked, entry(tenant, lifecycle.EventHoldApproved, "hold:"+unasked.ID)), lifecycle.ErrStale)
	for _, nobody := range []string{"", "x", unasked.ID} {
		_, err := k.Holds.Hold(ctx, tenant, nobody)
		want(t, err, fault.NotFound)
	}
	want(t, k.Holds.Save(ctx, nil, first, entry(tenant, lifecycle.EventHoldAsked, "hold:"+first.ID)), lifecycle.ErrStale)
	_, err := k.Holds.Hold(ctx, other, first.ID)
	want(t, err, fault.NotFound)

	approved, err := first.Approve("operator:2", start().Add(time.Hour))
	must(t, err)
	must(t, k.Holds.Save(ctx, &first, approved, entry(tenant, lifecycle.EventHoldApproved, "hold:"+first.ID)))
	want(t, k.Holds.Save(ctx, &first, approved, entry(tenant, lifecycle.EventHoldApproved, "hold:"+first.ID)), lifecycle.ErrStale)
	released, err := approved.Release("operator:2", start().Add(2*time.Hour))
	must(t, err)
	must(t, k.Holds.Save(ctx, &approved, released, audit.Entry{})) // the trail has begun to be deleted
	got, err := k.Holds.Hold(ctx, tenant, first.ID)
	must(t, err)
	equal(t, got, released)
	all, err := k.Holds.Of(ctx, tenant)
	must(t, err)
	equal(t, all, []lifecycle.Hold{early, released, second}) // in the order of asking
	seen := map[string]bool{}
	must(t, k.Holds.Each(ctx, func(h lifecycle.Hold) error {
		seen[h.ID] = true
		return nil
	}))
	if !seen[first.ID] || !seen[second.ID] || !seen[theirs.ID] {
		t.Errorf("holds of all tenants: %v", seen)
	}
	enough, n := errors.New("enough"), 0
	want(t, k.Holds.Each(ctx, func(lifecycle.Hold) error { n++; return enough }), enough)
	equal(t, n, 1)
}

// ChoicesKit is what the suite for choices exercises.
type ChoicesKit struct {
	Choices lifecycle.Choices
	Found   func(t *testing.T) id.Tenant
}

// Choices runs the suite for lifecycle.Choices; open is called once. Calls are made with the credentials of the tenant.
func Choices(t *testing.T, open func(t *testing.T) ChoicesKit) {
	k := open(t)
	tenant, other := k.Found(t), k.Found(t)
	as := func(tenant id.Tenant) context.Context { return access.As(t.Context(), tenant) }
	p := id.New[id.Passport](newIDs())
	c, err := k.Choices.Choice(as(tenant), tenant, p)
	must(t, err)
	equal(t, c, lifecycle.Choice{})
	for _, url := range []string{"https://a.example/1", "https://b.example/2"} { // the last word counts
		c = lifecycle.Choice{SuccessorURL: url, DeclaredBy: "person:1", DeclaredAt: start()}
		must(t, k.Choices.Choose(as(tenant), tenant, p, c, entry(tenant, lifecycle.EventDispositionSet, "passport:"+string(p))))
		got, err := k.Choices.Choice(as(tenant), tenant, p)
		must(t, err)
		equal(t, got, c)
	}
	must(t, k.Choices.Choose(as(tenant), tenant, p, lifecycle.Choice{}, entry(tenant, lifecycle.EventDispositionSet, "passport:"+string(p))))
	if c, err = k.Choices.Choice(as(tenant), tenant, p); err != nil || c != (lifecycle.Choice{}) {
		t.Errorf("taken back, it is %+v, %v", c, err)
	}
	mine, next := lifecycle.Choice{SuccessorURL: "https://c.example/3", DeclaredBy: "person:2", DeclaredAt: start()}, id.New[id.Passport](newIDs())
	must(t, k.Choices.Choose(as(tenant), tenant, p, mine, entry(tenant, lifecycle.EventDispositionSet, "passport:"+string(p))))
	if c, err = k.Choices.Choice(as(tenant), tenant, next); err != nil || c != (lifecycle.Choice{}) {
		t.Errorf("that of another passport is %+v, %v", c, err)
	}
	if c, err = k.Choices.Choice(as(other), other, p); err != nil || c != (lifecycle.Choice{}) {
		t.Errorf("somebody else's is %+v, %v", c, err)
	}
}

// Journal runs the suite for journal.Store; open is called once.
func Journal(t *testing.T, open func(t *testing.T) journal.Store) {
	s, ctx := open(t), t.Context()
	one := func(n string) journal.Entry {
		subject := journal.Subject{Scope: journal.Tenant, ID: n + string(id.New[id.Request](newIDs()))}
		return journal.Entry{Mark: journal.Mark{Scope: subject.Scope, Digest: subject.Digest([]byte("secret")), RequestedAt: start()}, NotBefore: start().Add(time.Hour)}
	}
	a, b := one("a"), one("b")
	first, err := s.Append(ctx, a)
	must(t, err)
	equal(t, first.Sequence, int64(1))
	again, err := s.Append(ctx, a)
	must(t, err)
	equal(t, again, first)
	second, err := s.Append(ctx, b)
	must(t, err)
	equal(t, second.Sequence, int64(2))

	_, err = s.Close(ctx, one("c").Mark, start(), "")
	want(t, err, journal.ErrUnknown)
	closed, err := s.Close(ctx, a.Mark, start().Add(2*time.Hour), "sha-256:00")
	must(t, err)
	equal(t, closed.DoneAt, start().Add(2*time.Hour))
	closed, err = s.Close(ctx, a.Mark, start().Add(9*time.Hour), "sha-256:11")
	must(t, err)
	equal(t, closed.DoneAt, start().Add(2*time.Hour)) // the first instant stays
	equal(t, closed.Sequence, int64(1))

	all, err := s.Since(ctx, 0, 10)
	must(t, err)
	equal(t, all, []journal.Entry{closed, second})
	some, err := s.Since(ctx, 0, 1)
	must(t, err)
	equal(t, some, []journal.Entry{closed})
	some, err = s.Since(ctx, 1, 10)
	must(t, err)
	equal(t, some, []journal.Entry{second})
	must(t, s.Drop(ctx, closed))
	all, err = s.Since(ctx, 0, 10)
	must(t, err)
	equal(t, all, []journal.Entry{second})
	third, err := s.Append(ctx, one("d"))
	must(t, err)
	equal(t, third.Sequence, int64(3)) // a number is never given twice
}
