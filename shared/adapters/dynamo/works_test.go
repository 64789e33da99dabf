package dynamo_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TestWorks holds that work is found when it may be done, the most urgent first, and goes on under one fence at a time.
func TestWorks(t *testing.T) {
	l := leave(t)
	works, now, ctx := dynamo.NewWorks(l.k.App.Database()), l.k.Clock.Now(), t.Context()
	other := id.New[id.Tenant](l.ids)
	late := retention.Work{Tenant: l.tenant, Kind: retention.Sweep, Store: "records", Phase: retention.Content, NotBefore: now, By: now.Add(3 * time.Hour)}
	soon := retention.Work{Tenant: other, Kind: retention.Sweep, Store: "records", Phase: retention.Content, NotBefore: now, By: now.Add(time.Hour)}
	waits := retention.Work{Tenant: other, Kind: retention.Sweep, Store: "public", NotBefore: now.Add(time.Minute), By: now.Add(time.Minute)}
	erase := retention.Work{Tenant: l.tenant, Kind: retention.Erase, Person: id.New[id.Person](l.ids), NotBefore: now, By: now}
	if err := works.Add(ctx, late, soon, waits, erase); err != nil {
		t.Fatal(err)
	}
	due := func(most int, at time.Time, kinds ...retention.Kind) string {
		got, err := works.Due(ctx, kinds, at, most)
		if err != nil {
			t.Fatal(err)
		}
		names := ""
		for _, w := range got {
			names += " " + string(w.Kind) + ":" + w.Store + map[bool]string{true: "!", false: ""}[w.Tenant == other]
		}
		return names
	}
	for _, c := range []struct{ got, want string }{
		{due(9, now, retention.Sweep), " sweep:records! sweep:records"},
		{due(9, now.Add(-1), retention.Sweep), ""},
		{due(9, now.Add(time.Minute), retention.Sweep), " sweep:public! sweep:records! sweep:records"},
		{due(1, now, retention.Sweep), " sweep:records!"},
		{due(9, now, retention.Sweep, retention.Erase), " erase: sweep:records! sweep:records"},
		{due(9, now, retention.Dispose), ""},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
	mine, err := works.Claim(ctx, soon, now.Add(5*time.Minute))
	if err != nil || mine.Fence != 1 {
		t.Fatal(mine, err)
	}
	if _, err := works.Claim(ctx, soon, now.Add(5*time.Minute)); !errors.Is(err, retention.ErrTaken) {
		t.Error("claimed twice:", err)
	}
	if got := due(9, now, retention.Sweep); got != " sweep:records! sweep:records" {
		t.Error("what somebody is at is not listed:", got)
	}
	if err := works.Add(ctx, soon); err != nil {
		t.Fatal(err)
	}
	theirs, err := works.Claim(ctx, mine, now.Add(10*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if err := works.Save(ctx, mine); !errors.Is(err, retention.ErrTaken) {
		t.Error("saved without the fence:", err)
	}
	theirs.Done, theirs.Deleted, theirs.Receipt = now, 7, &retention.Receipt{Store: "records"}
	if err := works.Save(ctx, theirs); err != nil {
		t.Fatal(err)
	}
	all, err := works.Of(ctx, other)
	if err != nil || len(all) != 2 || all[1].Deleted != 7 && all[0].Deleted != 7 {
		t.Errorf("%+v %v", all, err)
	}
	if got := due(9, now.Add(time.Hour), retention.Sweep); got != " sweep:public! sweep:records" {
		t.Error("what is done is due:", got)
	}
	if err := works.Drop(ctx, mine); !errors.Is(err, retention.ErrTaken) {
		t.Error("dropped without the fence:", err)
	}
	if err := works.Drop(ctx, erase); err != nil {
		t.Error(err)
	}
	if got := due(9, now, retention.Erase); got != "" {
		t.Error("what was dropped is due:", got)
	}
	if err := works.Remove(ctx, other); err != nil {
		t.Fatal(err)
	}
	if got := due(9, now.Add(time.Hour), retention.Sweep); got != " sweep:records" {
		t.Error("what is removed is due:", got)
	}
}

// TestHolds keeps holds of tenants apart and refuses a change of what somebody else has changed.
func TestHolds(t *testing.T) {
	l := leave(t)
	holds, now, ctx := dynamo.NewHolds(l.k.App.Database()), l.k.Clock.Now(), t.Context()
	ask := func(of id.Tenant) lifecycle.Hold {
		h, err := lifecycle.Ask(string(id.New[id.Entry](l.ids)), lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: of},
			lifecycle.Basis{Act: "ZPO", Article: "142"}, "operator:1", now.Add(time.Hour), 90*lifecycle.Day, now)
		if err != nil {
			t.Fatal(err)
		}
		if err := holds.Save(ctx, nil, h, audit.New(l.ids, l.owner, lifecycle.EventHoldAsked, "hold:"+h.ID, "", "")); err != nil {
			t.Fatal(err)
		}
		return h
	}
	h := ask(l.tenant)
	other, _ := l.k.Tenant(t, "other")
	ask(other)
	read, err := holds.Hold(ctx, l.tenant, h.ID)
	if err != nil || read != h {
		t.Fatalf("%+v %v", read, err)
	}
	approved, err := read.Approve("operator:2", now)
	if err != nil {
		t.Fatal(err)
	}
	if err := holds.Save(ctx, &read, approved, audit.Entry{}); err != nil {
		t.Fatal(err)
	}
	if err := holds.Save(ctx, &read, approved, audit.Entry{}); !errors.Is(err, lifecycle.ErrStale) {
		t.Error("changed twice:", err)
	}
	if err := holds.Save(ctx, nil, h, audit.Entry{}); !errors.Is(err, lifecycle.ErrStale) {
		t.Error("asked for twice:", err)
	}
	mine, err := holds.Of(ctx, l.tenant)
	if err != nil || len(mine) != 1 || mine[0] != approved {
		t.Errorf("%+v %v", mine, err)
	}
	n := 0
	if err := holds.Each(ctx, func(lifecycle.Hold) error { n++; return nil }); err != nil || n != 2 {
		t.Error(n, err)
	}
	if _, err := holds.Hold(ctx, l.tenant, string(id.New[id.Entry](l.ids))); fault.Of(err).Code != fault.CodeHoldUnknown {
		t.Error(err)
	}
}

func TestChoices(t *testing.T) {
	l := leave(t)
	choices, ctx := dynamo.NewChoices(l.k.App.Database(), l.k.App.Stores().Ring), t.Context()
	p := id.New[id.Passport](l.ids)
	if got, err := choices.Choice(ctx, l.tenant, p); err != nil || got != (lifecycle.Choice{}) {
		t.Error(got, err)
	}
	c := lifecycle.Choice{SuccessorURL: "https://next.example/p", DeclaredBy: l.owner.Actor, DeclaredAt: l.k.Clock.Now()}
	if err := choices.Choose(ctx, l.tenant, p, c, audit.New(l.ids, l.owner, lifecycle.EventDispositionSet, "passport:"+string(p), "", "")); err != nil {
		t.Fatal(err)
	}
	if got, err := choices.Choice(ctx, l.tenant, p); err != nil || got != c {
		t.Error(got, err)
	}
}

// TestGuards holds that two who read the same mark or limiter do not both move it.
func TestGuards(t *testing.T) {
	l := leave(t)
	refuse := errors.New("not signed by an operator")
	guards := dynamo.NewGuards(l.k.App.Database(), func(_ []byte, signature []byte) error {
		if string(signature) != "good" {
			return refuse
		}
		return nil
	})
	now, ctx := l.k.Clock.Now(), t.Context()
	if high, word, err := guards.Mark(ctx); err != nil || !high.IsZero() || word != nil {
		t.Error(high, word, err)
	}
	for _, c := range []struct {
		from, to time.Time
		ok       bool
	}{{time.Time{}, now, true}, {time.Time{}, now, false}, {now, now.Add(time.Hour), true}, {now, now.Add(2 * time.Hour), false}} {
		if err := guards.Raise(ctx, c.from, c.to); (err == nil) != c.ok || err != nil && !errors.Is(err, retention.ErrTaken) {
			t.Error(c, err)
		}
	}
	for signature, good := range map[string]bool{"bad": false, "good": true} {
		word := lifecycle.Resume{SignedBy: "operator:1", Entry: signature}
		text, err := word.Text()
		if err != nil {
			t.Fatal(err)
		}
		if err := guards.Say(ctx, word.Entry, text, []byte(signature)); err != nil {
			t.Fatal(err)
		}
		if high, word, err := guards.Mark(ctx); err != nil || !high.Equal(now.Add(time.Hour)) || (word != nil) != good {
			t.Error(signature, high, word, err)
		}
	}
	limiter, revision, err := guards.Limiter(ctx)
	if err != nil || revision != 0 {
		t.Fatal(err)
	}
	limiter, _ = limiter.Enter(now)
	if err := guards.Limit(ctx, limiter, revision); err != nil {
		t.Fatal(err)
	}
	if err := guards.Limit(ctx, limiter, revision); !errors.Is(err, retention.ErrTaken) {
		t.Error("moved twice:", err)
	}
	if again, revision, err := guards.Limiter(ctx); err != nil || revision != 1 || len(again.Days) != 1 {
		t.Error(again, revision, err)
	}
}
