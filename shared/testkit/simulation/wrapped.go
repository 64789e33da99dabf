package simulation

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit/ledger"
)

// The Ledger as the engine sees it: with the faults of a network between.

type lives struct {
	w  *World
	is *ledger.Lives
}

func (l lives) Life(ctx context.Context, t id.Tenant) (lifecycle.Life, error) {
	return call(l.w, "Life", func() (lifecycle.Life, error) { return l.is.Life(ctx, t) })
}

func (l lives) Step(ctx context.Context, s lifecycle.Step) error {
	return send(l.w, "Step", func() error { return l.is.Step(ctx, s) })
}

func (l lives) Due(ctx context.Context, through time.Time, most int) ([]id.Tenant, error) {
	return call(l.w, "Lives.Due", func() ([]id.Tenant, error) { return l.is.Due(ctx, through, most) })
}

func (l lives) Each(ctx context.Context, do func(lifecycle.Life) error) error {
	return send(l.w, "Lives.Each", func() error { return l.is.Each(ctx, do) })
}

func (l lives) Retire(ctx context.Context, before lifecycle.Record, c lifecycle.CertificateRow) error {
	return send(l.w, "Retire", func() error { return l.is.Retire(ctx, before, c) })
}

type holds struct {
	w  *World
	is *ledger.Holds
}

func (h holds) Hold(ctx context.Context, t id.Tenant, hold string) (lifecycle.Hold, error) {
	return call(h.w, "Hold", func() (lifecycle.Hold, error) { return h.is.Hold(ctx, t, hold) })
}

func (h holds) Of(ctx context.Context, t id.Tenant) ([]lifecycle.Hold, error) {
	return call(h.w, "Holds.Of", func() ([]lifecycle.Hold, error) { return h.is.Of(ctx, t) })
}

func (h holds) Save(ctx context.Context, before *lifecycle.Hold, after lifecycle.Hold, e audit.Entry) error {
	return send(h.w, "Holds.Save", func() error { return h.is.Save(ctx, before, after, e) })
}

func (h holds) Each(ctx context.Context, do func(lifecycle.Hold) error) error {
	return send(h.w, "Holds.Each", func() error { return h.is.Each(ctx, do) })
}

type works struct {
	w  *World
	is *ledger.Works
}

func (x works) Add(ctx context.Context, w ...retention.Work) error {
	return send(x.w, "Works.Add", func() error { return x.is.Add(ctx, w...) })
}

func (x works) Due(ctx context.Context, kinds []retention.Kind, now time.Time, most int) ([]retention.Work, error) {
	return call(x.w, "Works.Due", func() ([]retention.Work, error) { return x.is.Due(ctx, kinds, now, most) })
}

func (x works) Claim(ctx context.Context, w retention.Work, until time.Time) (retention.Work, error) {
	return call(x.w, "Claim", func() (retention.Work, error) { return x.is.Claim(ctx, w, until) })
}

func (x works) Save(ctx context.Context, w retention.Work) error {
	return send(x.w, "Works.Save", func() error { return x.is.Save(ctx, w) })
}

func (x works) Of(ctx context.Context, t id.Tenant) ([]retention.Work, error) {
	return call(x.w, "Works.Of", func() ([]retention.Work, error) { return x.is.Of(ctx, t) })
}

func (x works) Remove(ctx context.Context, t id.Tenant) error {
	return send(x.w, "Works.Remove", func() error { return x.is.Remove(ctx, t) })
}

func (x works) Drop(ctx context.Context, w retention.Work) error {
	return send(x.w, "Drop", func() error { return x.is.Drop(ctx, w) })
}

type guards struct {
	w  *World
	is *ledger.Guards
}

func (g guards) Mark(ctx context.Context) (time.Time, *lifecycle.Resume, error) {
	type mark struct {
		high time.Time
		word *lifecycle.Resume
	}
	m, err := call(g.w, "Mark", func() (m mark, err error) {
		m.high, m.word, err = g.is.Mark(ctx)
		return m, err
	})
	return m.high, m.word, err
}

func (g guards) Raise(ctx context.Context, from, to time.Time) error {
	return send(g.w, "Raise", func() error { return g.is.Raise(ctx, from, to) })
}

func (g guards) Limiter(ctx context.Context) (lifecycle.Limiter, int64, error) {
	type limiter struct {
		is       lifecycle.Limiter
		revision int64
	}
	l, err := call(g.w, "Limiter", func() (l limiter, err error) {
		l.is, l.revision, err = g.is.Limiter(ctx)
		return l, err
	})
	return l.is, l.revision, err
}

func (g guards) Search(ctx context.Context) (retention.Search, error) {
	return call(g.w, "Search", func() (retention.Search, error) { return g.is.Search(ctx) })
}

func (g guards) Searched(ctx context.Context, s retention.Search) error {
	return send(g.w, "Searched", func() error { return g.is.Searched(ctx, s) })
}

func (g guards) Limit(ctx context.Context, l lifecycle.Limiter, revision int64) error {
	return send(g.w, "Limit", func() error { return g.is.Limit(ctx, l, revision) })
}
