package ledgercontract

import (
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// WorksKit is what the suite for work exercises.
type WorksKit struct {
	Works retention.Works
	Drops retention.Drops
}

// Works runs the suite for retention.Works and retention.Drops; open is called once per test.
func Works(t *testing.T, open func(t *testing.T) WorksKit) {
	for name, test := range map[string]func(*testing.T, WorksKit){
		"what is there stays as it is": worksAdd,
		"what is due":                  worksDue,
		"the fence":                    worksFence,
		"everything is kept":           worksWhole,
		"drop and remove":              worksDrop,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func someWork(by time.Duration) retention.Work {
	return retention.Work{Tenant: id.New[id.Tenant](newIDs()), Kind: retention.Sweep, Store: "records", Phase: retention.Content, NotBefore: start(), By: start().Add(by)}
}

func of(t *testing.T, k WorksKit, tenant id.Tenant) []retention.Work {
	t.Helper()
	got, err := k.Works.Of(t.Context(), tenant)
	must(t, err)
	return got
}

func worksAdd(t *testing.T, k WorksKit) {
	w := someWork(time.Hour)
	must(t, k.Works.Add(t.Context(), w))
	claimed, err := k.Works.Claim(t.Context(), w, start().Add(time.Minute))
	must(t, err)
	other, person := w, w
	other.Store, person.Kind, person.Person = "public", retention.Erase, id.New[id.Person](newIDs())
	person.Store = ""
	w.By = start().Add(9 * time.Hour)
	must(t, k.Works.Add(t.Context(), w, other, person))
	got := of(t, k, w.Tenant)
	equal(t, len(got), 3)
	for _, g := range got {
		if g.Store == "records" {
			equal(t, g, claimed)
		}
	}
}

func worksDue(t *testing.T, k WorksKit) {
	late, soon, not, count := someWork(3*time.Hour), someWork(time.Hour), someWork(2*time.Hour), someWork(time.Minute)
	not.NotBefore = start().Add(time.Hour)
	count.Kind = retention.Count
	must(t, k.Works.Add(t.Context(), late, soon, not, count))
	due := func(at time.Time, most int, kinds ...retention.Kind) []string {
		t.Helper()
		got, err := k.Works.Due(t.Context(), kinds, at, most)
		must(t, err)
		names := map[id.Tenant]string{late.Tenant: "late", soon.Tenant: "soon", not.Tenant: "not", count.Tenant: "count"}
		var out []string
		for _, g := range got {
			out = append(out, names[g.Tenant])
		}
		return out
	}
	equal(t, due(start(), 10, retention.Sweep), []string{"soon", "late"})
	equal(t, due(start().Add(time.Hour), 2, retention.Sweep), []string{"soon", "not"})
	equal(t, due(start(), 10, retention.Sweep, retention.Count), []string{"count", "soon", "late"})
	equal(t, len(due(start().Add(-time.Second), 10, retention.Sweep)), 0)

	w, err := k.Works.Claim(t.Context(), soon, start().Add(time.Hour))
	must(t, err)
	equal(t, due(start(), 10, retention.Sweep), []string{"soon", "late"}) // also what is leased
	w.Done = start()
	must(t, k.Works.Save(t.Context(), w))
	equal(t, due(start(), 10, retention.Sweep), []string{"late"})
	w.Done = time.Time{}
	must(t, k.Works.Save(t.Context(), w))
	equal(t, due(start(), 10, retention.Sweep), []string{"soon", "late"})
}

func worksFence(t *testing.T, k WorksKit) {
	w := someWork(time.Hour)
	must(t, k.Works.Add(t.Context(), w))
	first, err := k.Works.Claim(t.Context(), w, start().Add(time.Minute))
	must(t, err)
	equal(t, first.Fence, w.Fence+1)
	equal(t, first.Lease, start().Add(time.Minute))
	_, err = k.Works.Claim(t.Context(), w, start().Add(time.Hour))
	want(t, err, retention.ErrTaken)
	second, err := k.Works.Claim(t.Context(), first, start().Add(time.Hour))
	must(t, err)
	first.Deleted = 5
	want(t, k.Works.Save(t.Context(), first), retention.ErrTaken)
	want(t, k.Drops.Drop(t.Context(), first), retention.ErrTaken)
	second.Deleted = 7
	must(t, k.Works.Save(t.Context(), second))
	must(t, k.Works.Save(t.Context(), second)) // the same holder goes on
	equal(t, of(t, k, w.Tenant), []retention.Work{second})
}

func worksWhole(t *testing.T, k WorksKit) {
	ids := newIDs()
	w := retention.Work{
		Tenant: id.New[id.Tenant](ids), Kind: retention.Erase, Passport: id.New[id.Passport](ids),
		NotBefore: start(), By: start().Add(time.Hour), Ended: start().Add(time.Second), Verified: start().Add(2 * time.Second), Left: 3,
		Lease: start().Add(time.Minute), Cursor: "c#ä", Planned: 1, Deleted: 2, Spared: 3, Writes: 1 << 40, Digest: []byte{0, 1, 2}, Began: start(),
		Attempts: 4, Progress: start(), Why: "unavailable", State: []byte(`{"a":1}`),
		Receipt: &retention.Receipt{Store: "records", Provider: "p", Method: "m", Request: "r", At: start()},
	}
	must(t, k.Works.Add(t.Context(), w))
	got, err := k.Works.Claim(t.Context(), w, w.Lease)
	must(t, err)
	w.Fence++
	equal(t, got, w)
	must(t, k.Works.Save(t.Context(), w))
	equal(t, of(t, k, w.Tenant), []retention.Work{w})
}

func worksDrop(t *testing.T, k WorksKit) {
	a, other := someWork(time.Hour), someWork(time.Hour)
	b := a
	b.Store = "public"
	must(t, k.Works.Add(t.Context(), a, b, other))
	must(t, k.Drops.Drop(t.Context(), a))
	want(t, k.Drops.Drop(t.Context(), a), retention.ErrTaken)
	want(t, k.Works.Save(t.Context(), a), retention.ErrTaken)
	_, err := k.Works.Claim(t.Context(), a, start())
	want(t, err, retention.ErrTaken)
	equal(t, len(of(t, k, a.Tenant)), 1)
	must(t, k.Works.Remove(t.Context(), a.Tenant))
	must(t, k.Works.Remove(t.Context(), a.Tenant))
	equal(t, len(of(t, k, a.Tenant)), 0)
	equal(t, len(of(t, k, other.Tenant)), 1)
	due, err := k.Works.Due(t.Context(), []retention.Kind{retention.Sweep}, start(), 10)
	must(t, err)
	equal(t, len(due), 1)
}

// Guards runs the suite for retention.Guards; open is called once per test.
func Guards(t *testing.T, open func(t *testing.T) retention.Guards) {
	t.Run("the mark", func(t *testing.T) {
		g := open(t)
		high, word, err := g.Mark(t.Context())
		must(t, err)
		equal(t, high.IsZero() && word == nil, true)
		must(t, g.Raise(t.Context(), time.Time{}, start()))
		want(t, g.Raise(t.Context(), time.Time{}, start().Add(time.Hour)), retention.ErrTaken)
		must(t, g.Raise(t.Context(), start(), start().Add(time.Minute)))
		high, _, err = g.Mark(t.Context())
		must(t, err)
		equal(t, high, start().Add(time.Minute))
	})
	t.Run("the limiter", func(t *testing.T) {
		g := open(t)
		l, revision, err := g.Limiter(t.Context())
		must(t, err)
		equal(t, len(l.Days), 0)
		full := lifecycle.Limiter{
			Days: []lifecycle.DayCount{{Day: start().Truncate(lifecycle.Day), Count: 3}}, PausedAt: start(), FreeTill: start().Add(time.Hour), VetoedBy: "operator:1",
		}
		must(t, g.Limit(t.Context(), full, revision))
		want(t, g.Limit(t.Context(), lifecycle.Limiter{}, revision), retention.ErrTaken)
		got, next, err := g.Limiter(t.Context())
		must(t, err)
		equal(t, got, full)
		must(t, g.Limit(t.Context(), lifecycle.Limiter{}, next))
	})
	t.Run("the search", func(t *testing.T) {
		g := open(t)
		is, err := g.Search(t.Context())
		must(t, err)
		equal(t, is, retention.Search{})
		for _, s := range []retention.Search{{Began: start(), Tried: start()}, {Began: start(), Tried: start().Add(time.Hour), Done: []string{"records"}, Ended: start().Add(2 * time.Hour)}} {
			must(t, g.Searched(t.Context(), s))
			is, err = g.Search(t.Context())
			must(t, err)
			equal(t, is, s)
		}
	})
}
