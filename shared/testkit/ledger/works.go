package ledger

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Works is retention.Works.
type Works struct {
	byTenant map[id.Tenant][]*retention.Work
	open     []*retention.Work // not done, earliest deadline first
}

var (
	_ retention.Works = (*Works)(nil)
	_ retention.Drops = (*Works)(nil)
)

// NewWorks makes an empty one.
func NewWorks() *Works { return &Works{byTenant: map[id.Tenant][]*retention.Work{}} }

// same tells whether two are the same piece of work.
func same(a, b *retention.Work) bool {
	return a.Tenant == b.Tenant && a.Kind == b.Kind && a.Store == b.Store && a.Passport == b.Passport && a.Person == b.Person
}

func (s *Works) find(w *retention.Work) *retention.Work {
	for _, one := range s.byTenant[w.Tenant] {
		if same(one, w) {
			return one
		}
	}
	return nil
}

// Add is one of retention.Works.
func (s *Works) Add(_ context.Context, works ...retention.Work) error {
	for _, w := range works {
		if s.find(&w) != nil {
			continue
		}
		kept := copied(w)
		s.byTenant[w.Tenant] = append(s.byTenant[w.Tenant], &kept)
		s.list(&kept)
	}
	return nil
}

// list puts work into the order of deadlines, if it is not done.
func (s *Works) list(w *retention.Work) {
	if !w.Done.IsZero() {
		return
	}
	i, _ := slices.BinarySearchFunc(s.open, w, func(a, b *retention.Work) int {
		if c := a.By.Compare(b.By); c != 0 {
			return c
		}
		return -1 // after its equals
	})
	s.open = slices.Insert(s.open, i, w)
}

// Due is one of retention.Works.
func (s *Works) Due(_ context.Context, kinds []retention.Kind, now time.Time, most int) ([]retention.Work, error) {
	var out []retention.Work
	for _, w := range s.open {
		if len(out) == most {
			break
		}
		if slices.Contains(kinds, w.Kind) && !w.NotBefore.After(now) {
			out = append(out, copied(*w))
		}
	}
	return out, nil
}

// Claim is one of retention.Works.
func (s *Works) Claim(_ context.Context, w retention.Work, until time.Time) (retention.Work, error) {
	is := s.find(&w)
	if is == nil || is.Fence != w.Fence || !is.Done.IsZero() {
		return retention.Work{}, retention.ErrTaken
	}
	is.Fence, is.Lease = is.Fence+1, until
	return copied(*is), nil
}

// Save is one of retention.Works.
func (s *Works) Save(_ context.Context, w retention.Work) error {
	is := s.find(&w)
	if is == nil || is.Fence != w.Fence {
		return retention.ErrTaken
	}
	s.open = slices.DeleteFunc(s.open, func(o *retention.Work) bool { return o == is })
	*is = copied(w)
	s.list(is)
	return nil
}

// Of is one of retention.Works.
func (s *Works) Of(_ context.Context, t id.Tenant) ([]retention.Work, error) {
	var out []retention.Work
	for _, w := range s.byTenant[t] {
		out = append(out, copied(*w))
	}
	return out, nil
}

// Remove is one of retention.Works.
func (s *Works) Remove(_ context.Context, t id.Tenant) error {
	s.open = slices.DeleteFunc(s.open, func(o *retention.Work) bool { return o.Tenant == t })
	delete(s.byTenant, t)
	return nil
}

// Drop is retention.Drops.
func (s *Works) Drop(_ context.Context, w retention.Work) error {
	is := s.find(&w)
	if is == nil || is.Fence != w.Fence {
		return retention.ErrTaken
	}
	gone := func(o *retention.Work) bool { return o == is }
	s.open, s.byTenant[w.Tenant] = slices.DeleteFunc(s.open, gone), slices.DeleteFunc(s.byTenant[w.Tenant], gone)
	return nil
}

func copied(w retention.Work) retention.Work {
	w.Digest, w.State = bytes.Clone(w.Digest), bytes.Clone(w.State)
	if w.Receipt != nil {
		r := *w.Receipt
		w.Receipt = &r
	}
	return w
}

// Guards is retention.Guards.
type Guards struct {
	high     time.Time
	word     *lifecycle.Resume
	limiter  lifecycle.Limiter
	revision int64
	search   retention.Search
}

var _ retention.Guards = (*Guards)(nil)

// NewGuards makes guards that have seen nothing.
func NewGuards() *Guards { return &Guards{} }

// Say stores an operator's word after an outage.
func (g *Guards) Say(word lifecycle.Resume) { g.word = &word }

// Mark is one of retention.Guards.
func (g *Guards) Mark(context.Context) (time.Time, *lifecycle.Resume, error) {
	if g.word == nil {
		return g.high, nil, nil
	}
	word := *g.word
	return g.high, &word, nil
}

// Raise is one of retention.Guards.
func (g *Guards) Raise(_ context.Context, from, to time.Time) error {
	if !g.high.Equal(from) {
		return retention.ErrTaken
	}
	g.high = to
	return nil
}

// Limiter is one of retention.Guards.
func (g *Guards) Limiter(context.Context) (lifecycle.Limiter, int64, error) {
	l := g.limiter
	l.Days = slices.Clone(l.Days)
	return l, g.revision, nil
}

// Search is one of retention.Guards.
func (g *Guards) Search(context.Context) (retention.Search, error) {
	s := g.search
	s.Done = slices.Clone(s.Done)
	return s, nil
}

// Searched is one of retention.Guards.
func (g *Guards) Searched(_ context.Context, s retention.Search) error {
	s.Done = slices.Clone(s.Done)
	g.search = s
	return nil
}

// Limit is one of retention.Guards.
func (g *Guards) Limit(_ context.Context, l lifecycle.Limiter, revision int64) error {
	if g.revision != revision {
		return retention.ErrTaken
	}
	l.Days = slices.Clone(l.Days)
	g.limiter, g.revision = l, revision+1
	return nil
}
