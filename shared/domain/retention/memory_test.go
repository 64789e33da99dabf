package retention_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// lives keeps lives in memory.
type lives struct {
	w     *world
	all   map[id.Tenant]lifecycle.Life
	certs map[string]lifecycle.CertificateRow
	steps []lifecycle.Step
	fail  func(lifecycle.Step) error // before a step is stored
}

func (l *lives) Life(_ context.Context, t id.Tenant) (lifecycle.Life, error) {
	if life, ok := l.all[t]; ok {
		return life, nil
	}
	return lifecycle.Life{}, fault.New(fault.CodeOrganisationUnknown, "There is no such organisation.")
}

func same(a, b lifecycle.Record) bool {
	return a.State == b.State && a.Epoch == b.Epoch && a.Revision == b.Revision
}

func (l *lives) Step(_ context.Context, s lifecycle.Step) error {
	return l.w.crash.call(func() error {
		if l.fail != nil {
			if err := l.fail(s); err != nil {
				return err
			}
		}
		if !same(l.all[s.Before.Tenant].Record, s.Before) || s.After.Record.Revision != s.Before.Revision+1 {
			return lifecycle.ErrStale
		}
		l.all[s.Before.Tenant] = s.After
		l.steps = append(l.steps, s)
		return nil
	})
}

func (l *lives) Due(_ context.Context, through time.Time, most int) ([]id.Tenant, error) {
	var out []id.Tenant
	for t, life := range l.all {
		if !life.DueAt.IsZero() && !life.DueAt.After(through) {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, func(a, b id.Tenant) int {
		return cmp.Or(l.all[a].DueAt.Compare(l.all[b].DueAt), cmp.Compare(a, b))
	})
	return out[:min(most, len(out))], nil
}

func (l *lives) Each(_ context.Context, do func(lifecycle.Life) error) error {
	for _, t := range slices.Sorted(maps.Keys(l.all)) {
		if err := do(l.all[t]); err != nil {
			return err
		}
	}
	return nil
}

func (l *lives) Retire(_ context.Context, before lifecycle.Record, c lifecycle.CertificateRow) error {
	return l.w.crash.call(func() error {
		if !same(l.all[before.Tenant].Record, before) {
			return lifecycle.ErrStale
		}
		delete(l.all, before.Tenant)
		l.certs[c.ID] = c
		return nil
	})
}

// holds keeps holds in memory; only what the engine reads.
type holds struct {
	lifecycle.Holds
	all []lifecycle.Hold
}

func (h *holds) Of(_ context.Context, t id.Tenant) ([]lifecycle.Hold, error) {
	var out []lifecycle.Hold
	for _, x := range h.all {
		if x.Scope.Tenant == t {
			out = append(out, x)
		}
	}
	return out, nil
}

func (h *holds) Each(_ context.Context, do func(lifecycle.Hold) error) error {
	for _, x := range h.all {
		if err := do(x); err != nil {
			return err
		}
	}
	return nil
}

// works keeps work in memory.
type works struct {
	w   *world
	all map[string]retention.Work
}

func workName(w retention.Work) string {
	return fmt.Sprint(w.Tenant, "|", w.Kind, "|", w.Store, "|", w.Passport, "|", w.Person)
}

func (k *works) Add(_ context.Context, all ...retention.Work) error {
	return k.w.crash.call(func() error {
		for _, w := range all {
			if _, there := k.all[workName(w)]; !there {
				k.all[workName(w)] = w
			}
		}
		return nil
	})
}

func (k *works) Due(_ context.Context, kinds []retention.Kind, now time.Time, most int) ([]retention.Work, error) {
	var out []retention.Work
	for _, name := range slices.Sorted(maps.Keys(k.all)) {
		if w := k.all[name]; slices.Contains(kinds, w.Kind) && w.Done.IsZero() && !w.NotBefore.After(now) {
			out = append(out, w)
		}
	}
	slices.SortStableFunc(out, func(a, b retention.Work) int { return a.By.Compare(b.By) })
	return out[:min(most, len(out))], nil
}

func (k *works) Claim(_ context.Context, w retention.Work, until time.Time) (retention.Work, error) {
	is := w
	err := k.w.crash.call(func() error {
		ok := false
		if is, ok = k.all[workName(w)]; !ok || is.Fence != w.Fence {
			return retention.ErrTaken
		}
		is.Fence, is.Lease = is.Fence+1, until
		k.all[workName(w)] = is
		return nil
	})
	return is, err
}

func (k *works) Save(_ context.Context, w retention.Work) error {
	return k.w.crash.call(func() error {
		is, ok := k.all[workName(w)]
		if !ok || is.Fence != w.Fence {
			return retention.ErrTaken
		}
		k.all[workName(w)] = w
		return nil
	})
}

func (k *works) Of(_ context.Context, t id.Tenant) ([]retention.Work, error) {
	var out []retention.Work
	for _, name := range slices.Sorted(maps.Keys(k.all)) {
		if k.all[name].Tenant == t {
			out = append(out, k.all[name])
		}
	}
	return out, nil
}

func (k *works) Remove(_ context.Context, t id.Tenant) error {
	return k.w.crash.call(func() error {
		maps.DeleteFunc(k.all, func(_ string, w retention.Work) bool { return w.Tenant == t })
		return nil
	})
}

func (k *works) Drop(_ context.Context, w retention.Work) error {
	return k.w.crash.call(func() error {
		if is, ok := k.all[workName(w)]; !ok || is.Fence != w.Fence {
			return retention.ErrTaken
		}
		delete(k.all, workName(w))
		return nil
	})
}

// row is one row of a store.
type row struct {
	tenant   id.Tenant
	passport id.Passport
	person   id.Person
	name     string
}

// shelf is a store in memory. It sweeps in the order of names, and counts by looking at everything.
type shelf struct {
	w     *world
	name  string
	phase retention.Phase
	rows  []row
	lie   bool   // says that it has deleted and has not
	err   error  // what every sweep answers
	pages []int  // the sizes it was asked for
	stuck bool   // says that it is at the same place, for ever
	mute  bool   // no evidence
	walks int    // of the whole
	hook  func() // called with each sweep
}

func (s *shelf) Name() string           { return s.name }
func (s *shelf) Phase() retention.Phase { return s.phase }

func (s *shelf) of(o retention.Order, r row) bool {
	return r.tenant == o.Tenant && (o.Passport == "" || o.Passport == r.passport) && (o.Person == "" || o.Person == r.person)
}

func (s *shelf) Plan(ctx context.Context, o retention.Order) (int64, error) { return s.Verify(ctx, o) }

func (s *shelf) Verify(_ context.Context, o retention.Order) (int64, error) {
	n := int64(0)
	for _, r := range s.rows {
		if s.of(o, r) {
			n++
		}
	}
	return n, nil
}

func (s *shelf) Sweep(_ context.Context, o retention.Order, cursor string, most int) (retention.Page, error) {
	s.pages = append(s.pages, most)
	if s.hook != nil {
		s.hook()
	}
	if s.err != nil {
		return retention.Page{}, s.err
	}
	if s.stuck {
		return retention.Page{Cursor: "here"}, nil
	}
	var p retention.Page
	err := s.w.crash.call(func() error {
		p = s.sweep(o, cursor, most)
		return nil
	})
	return p, err
}

func (s *shelf) sweep(o retention.Order, cursor string, most int) (p retention.Page) {
	s.w.destroys(o, s.phase)
	var keep, mine []row
	for _, r := range s.rows {
		if s.of(o, r) && r.name > cursor {
			mine = append(mine, r)
		} else {
			keep = append(keep, r)
		}
	}
	slices.SortFunc(mine, func(a, b row) int { return cmp.Compare(a.name, b.name) })
	for i, r := range mine {
		switch {
		case i >= most:
			keep = append(keep, r)
			continue
		case o.Spare != nil && o.Spare(lifecycle.Target{Tenant: o.Tenant, Passport: r.passport, User: r.person}):
			p.Spared++
			keep = append(keep, r)
		default:
			p.Deleted, p.Writes = p.Deleted+1, p.Writes+1
			if s.lie {
				keep = append(keep, r)
			}
		}
		p.Cursor = r.name
	}
	if len(mine) <= most {
		p.Cursor = ""
	}
	sum := sha256.Sum256(fmt.Append(nil, p.Deleted, cursor))
	p.Digest = sum[:]
	s.rows = keep
	return p
}

func (s *shelf) Evidence(_ context.Context, _ retention.Order) (retention.Receipt, error) {
	if s.mute {
		return retention.Receipt{}, errors.New("no evidence today")
	}
	return retention.Receipt{Store: s.name, Provider: "memory", Method: "It was looked at.", At: s.w.now}, nil
}

func (s *shelf) Tenants(_ context.Context, do func(id.Tenant) error) error {
	if s.walks++; s.err != nil {
		return s.err
	}
	for _, r := range s.rows {
		if err := do(r.tenant); err != nil {
			return err
		}
	}
	return nil
}
