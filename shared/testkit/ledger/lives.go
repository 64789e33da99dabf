// Package ledger is the Ledger in memory: lives, holds, choices, work, guards and the journal, with the same conditions
// on writes as the real table. It is for tests that run years in seconds, and passes the contract of package
// ledgercontract as the real one does. It is not safe for concurrent use.
package ledger

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Lives is lifecycle.Store and lifecycle.Certificates.
type Lives struct {
	// Door is asked whether the tenant's own row, which is in another table, is as a step expects it; nil: it always is.
	Door func(lifecycle.Step) error
	// Written is told of each step that was stored, with what went to the tenant's trail; nil: nobody is.
	Written func(lifecycle.Step)
	// Gone is told of a tenant that was retired, before anything is removed.
	Gone func(before lifecycle.Life, c lifecycle.CertificateRow)

	states       map[id.Tenant]lifecycle.State // of the tenants in the register
	lives        map[id.Tenant]lifecycle.Life
	due          dueList
	order        []id.Tenant // of the first step
	certificates map[string]lifecycle.CertificateRow
}

var (
	_ lifecycle.Store        = (*Lives)(nil)
	_ lifecycle.Certificates = (*Lives)(nil)
)

// NewLives makes an empty register.
func NewLives() *Lives {
	return &Lives{states: map[id.Tenant]lifecycle.State{}, lives: map[id.Tenant]lifecycle.Life{}, certificates: map[string]lifecycle.CertificateRow{}}
}

// Found puts a tenant into the register.
func (l *Lives) Found(t id.Tenant) { l.states[t] = lifecycle.Active }

// Known tells whether a tenant is in the register.
func (l *Lives) Known(t id.Tenant) bool { _, ok := l.states[t]; return ok }

// Life is one of lifecycle.Store.
func (l *Lives) Life(_ context.Context, t id.Tenant) (lifecycle.Life, error) {
	if life, ok := l.lives[t]; ok {
		return clone(life), nil
	}
	state, ok := l.states[t]
	if !ok {
		return lifecycle.Life{}, fault.New(fault.CodeOrganisationUnknown, "There is no such organisation.")
	}
	r := lifecycle.New(t, lifecycle.Current())
	r.State = state
	return lifecycle.Life{Record: r}, nil
}

// Step stores a step when the record is what was read.
func (l *Lives) Step(_ context.Context, s lifecycle.Step) error {
	t := s.Before.Tenant
	state, ok := l.states[t]
	if !ok {
		return fault.New(fault.CodeOrganisationUnknown, "There is no such organisation.")
	}
	is := lifecycle.Record{State: state}
	life, known := l.lives[t]
	if known {
		is = life.Record
	}
	if is.State != s.Before.State || is.Epoch != s.Before.Epoch || is.Revision != s.Before.Revision {
		return lifecycle.ErrStale
	}
	if l.Door != nil {
		if err := l.Door(s); err != nil {
			return err
		}
	}
	if !known {
		l.order = append(l.order, t)
	}
	l.set(t, clone(s.After))
	if l.Written != nil {
		l.Written(s)
	}
	return nil
}

func (l *Lives) set(t id.Tenant, life lifecycle.Life) {
	l.due.move(t, l.lives[t].DueAt, life.DueAt)
	l.lives[t], l.states[t] = life, life.Record.State
}

// Overwrite changes a row behind everybody's back, for tests of corrupted rows.
func (l *Lives) Overwrite(t id.Tenant, change func(*lifecycle.Life)) {
	life := clone(l.lives[t])
	change(&life)
	l.set(t, life)
}

// Due lists tenants that somebody has to look at.
func (l *Lives) Due(_ context.Context, through time.Time, most int) ([]id.Tenant, error) {
	return l.due.through(through, most), nil
}

// Lose takes a tenant out of the list of what is due, for tests of the second way to find work.
func (l *Lives) Lose(t id.Tenant) { l.due.move(t, l.lives[t].DueAt, time.Time{}) }

// Each walks every life.
func (l *Lives) Each(_ context.Context, do func(lifecycle.Life) error) error {
	for _, t := range slices.Clone(l.order) {
		if life, ok := l.lives[t]; ok {
			if err := do(clone(life)); err != nil {
				return err
			}
		}
	}
	return nil
}

// Retire stores a certificate and forgets the tenant.
func (l *Lives) Retire(_ context.Context, before lifecycle.Record, c lifecycle.CertificateRow) error {
	t := before.Tenant
	life, ok := l.lives[t]
	if !ok || life.Record.State != before.State || life.Record.Epoch != before.Epoch || life.Record.Revision != before.Revision {
		return lifecycle.ErrStale
	}
	if l.Gone != nil {
		l.Gone(clone(life), c)
	}
	c.Document, c.Signature = bytes.Clone(c.Document), bytes.Clone(c.Signature)
	l.certificates[c.ID] = c
	l.due.move(t, life.DueAt, time.Time{})
	delete(l.lives, t)
	delete(l.states, t)
	l.order = slices.DeleteFunc(l.order, func(o id.Tenant) bool { return o == t })
	return nil
}

// Certificate is one of lifecycle.Certificates.
func (l *Lives) Certificate(_ context.Context, certificate string) (lifecycle.CertificateRow, error) {
	c, ok := l.certificates[certificate]
	if !ok {
		return c, fmt.Errorf("ledger: certificate %s: %w", certificate, fault.NotFound)
	}
	return c, nil
}

// clone copies what a caller could change.
func clone(l lifecycle.Life) lifecycle.Life {
	r := &l.Record
	r.Later, r.Notices = slices.Clone(r.Later), slices.Clone(r.Notices)
	if r.Expedited != nil {
		e := *r.Expedited
		r.Expedited = &e
	}
	l.History, l.Plan = slices.Clone(l.History), bytes.Clone(l.Plan)
	l.Document, l.Signature = bytes.Clone(l.Document), bytes.Clone(l.Signature)
	for i, m := range l.History {
		l.History[i].Detail = maps.Clone(m.Detail)
	}
	return l
}

// dueList is tenants by instant.
type dueList []dueAt

type dueAt struct {
	at time.Time
	t  id.Tenant
}

func (d *dueList) find(e dueAt) (int, bool) {
	return slices.BinarySearchFunc(*d, e, func(a, b dueAt) int {
		if c := a.at.Compare(b.at); c != 0 {
			return c
		}
		return cmp.Compare(a.t, b.t)
	})
}

func (d *dueList) move(t id.Tenant, from, to time.Time) {
	if from.Equal(to) {
		return
	}
	if i, ok := d.find(dueAt{from, t}); ok && !from.IsZero() {
		*d = slices.Delete(*d, i, i+1)
	}
	if i, ok := d.find(dueAt{to, t}); !ok && !to.IsZero() {
		*d = slices.Insert(*d, i, dueAt{to, t})
	}
}

func (d *dueList) through(at time.Time, most int) []id.Tenant {
	var out []id.Tenant
	for _, e := range *d {
		if e.at.After(at) || len(out) == most {
			break
		}
		out = append(out, e.t)
	}
	return out
}

// Holds is lifecycle.Holds.
type Holds struct {
	// Door is asked whether the tenant's own row, which is in another table, is as a step expects it; nil: it always is.
	Door func(lifecycle.Step) error
	// Written is told of each change.
	Written func(before *lifecycle.Hold, after lifecycle.Hold, e audit.Entry)

	byTenant map[id.Tenant][]lifecycle.Hold
	order    []id.Tenant
}

var _ lifecycle.Holds = (*Holds)(nil)

// NewHolds makes an empty one.
func NewHolds() *Holds { return &Holds{byTenant: map[id.Tenant][]lifecycle.Hold{}} }

// Hold is one of lifecycle.Holds.
func (h *Holds) Hold(_ context.Context, t id.Tenant, hold string) (lifecycle.Hold, error) {
	for _, one := range h.byTenant[t] {
		if one.ID == hold {
			return one, nil
		}
	}
	return lifecycle.Hold{}, fmt.Errorf("ledger: hold %s: %w", hold, fault.NotFound)
}

// Of is one of lifecycle.Holds.
func (h *Holds) Of(_ context.Context, t id.Tenant) ([]lifecycle.Hold, error) {
	all := slices.Clone(h.byTenant[t])
	slices.SortFunc(all, func(a, b lifecycle.Hold) int {
		return cmp.Or(a.RequestedAt.Compare(b.RequestedAt), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

// Save is one of lifecycle.Holds.
func (h *Holds) Save(_ context.Context, before *lifecycle.Hold, after lifecycle.Hold, e audit.Entry) error {
	t := after.Scope.Tenant
	i := slices.IndexFunc(h.byTenant[t], func(one lifecycle.Hold) bool { return one.ID == after.ID })
	switch {
	case before == nil && i >= 0, before != nil && (i < 0 || h.byTenant[t][i] != *before):
		return lifecycle.ErrStale
	case before == nil:
		if len(h.byTenant[t]) == 0 {
			h.order = append(h.order, t)
		}
		h.byTenant[t] = append(h.byTenant[t], after)
	default:
		h.byTenant[t][i] = after
	}
	if h.Written != nil {
		h.Written(before, after, e)
	}
	return nil
}

// Each is one of lifecycle.Holds.
func (h *Holds) Each(_ context.Context, do func(lifecycle.Hold) error) error {
	for _, t := range h.order {
		for _, one := range slices.Clone(h.byTenant[t]) {
			if err := do(one); err != nil {
				return err
			}
		}
	}
	return nil
}

// Choices is lifecycle.Choices.
type Choices struct {
	Written func(id.Tenant, id.Passport, lifecycle.Choice, audit.Entry)
	said    map[id.Tenant]map[id.Passport]lifecycle.Choice
}

var _ lifecycle.Choices = (*Choices)(nil)

// NewChoices makes an empty one.
func NewChoices() *Choices {
	return &Choices{said: map[id.Tenant]map[id.Passport]lifecycle.Choice{}}
}

// Choice is one of lifecycle.Choices.
func (c *Choices) Choice(_ context.Context, t id.Tenant, p id.Passport) (lifecycle.Choice, error) {
	return c.said[t][p], nil
}

// Choose is one of lifecycle.Choices.
func (c *Choices) Choose(_ context.Context, t id.Tenant, p id.Passport, choice lifecycle.Choice, e audit.Entry) error {
	if c.said[t] == nil {
		c.said[t] = map[id.Passport]lifecycle.Choice{}
	}
	c.said[t][p] = choice
	if c.Written != nil {
		c.Written(t, p, choice, e)
	}
	return nil
}

// Forget removes what a tenant said, as the sweep of its partition does.
func (c *Choices) Forget(t id.Tenant) { delete(c.said, t) }
