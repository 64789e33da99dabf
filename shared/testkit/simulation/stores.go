package simulation

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"crypto/sha256"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// store is the retention.Store over a place. How a place deletes is told by its kind:
//
// A table takes batches of which some may be left ("UnprocessedItems").
// A bucket with versions: "a simple DELETE … inserts a delete marker"; only a delete that names a version removes it, and
// the marker is a version too. Parts of an upload that was not completed are no object at all and need an abort, which
// "might be necessary … multiple times" while parts are on their way.
// A directory: users of several tenants lose only their membership.
// A queue: messages cannot be picked out; they expire.
type store struct{ *place }

var _ retention.Store = store{}

func (s store) Name() string           { return s.name }
func (s store) Phase() retention.Phase { return s.phase }

// of tells whether a row is what an order is about.
func of(o retention.Order, r *row) bool {
	if o.Person != "" && r.person != o.Person {
		return false
	}
	return o.Passport == "" || r.passport == o.Passport
}

func spared(o retention.Order, r *row) bool {
	if o.Spare == nil {
		return false
	}
	return o.Spare(lifecycle.Target{Tenant: r.tenant, Passport: r.passport, User: r.person, Keys: r.place.phase == retention.Keys})
}

func (s store) reach() error {
	if s.outside && s.w.now.Before(s.downTill) {
		s.w.injected("sub-processor down")
		return fault.New(fault.CodeUnavailable, "%s does not answer.", s.provider)
	}
	return nil
}

func (s store) Plan(_ context.Context, o retention.Order) (int64, error) {
	return call(s.w, s.name+".Plan", func() (int64, error) {
		if err := s.reach(); err != nil {
			return 0, err
		}
		var n int64
		for _, r := range s.rows(o.Tenant) {
			if of(o, r) {
				n++
			}
		}
		return n, nil
	})
}

// Sweep deletes what its own kind of reading shows, from a key on.
func (s store) Sweep(_ context.Context, o retention.Order, cursor string, most int) (retention.Page, error) {
	return call(s.w, s.name+".Sweep", func() (retention.Page, error) {
		if err := s.reach(); err != nil {
			return retention.Page{}, err
		}
		d := s.w.dice.faults
		lies := s.w.faults.inside > 0 && d.chance(s.w.mix.Lie)
		partial := s.w.faults.inside > 0 && d.chance(s.w.mix.Partial)
		page, sum := retention.Page{}, sha256.New()
		looked := 0
		for _, r := range append([]*row(nil), s.read(o.Tenant, s.stale())...) {
			if r.key <= cursor && cursor != "" || !of(o, r) {
				continue
			}
			if looked == most {
				page.Digest = sum.Sum(nil)
				return page, nil
			}
			looked++
			if partial && looked > most/2 {
				s.w.injected("batch left in part")
				return page, fault.New(fault.CodeUnavailable, "Some of the batch was not processed.")
			}
			page.Cursor = r.key
			if spared(o, r) {
				page.Spared++
				continue
			}
			page.Writes++
			fmt.Fprintln(sum, r.key)
			if lies {
				s.w.injected("200 and not deleted")
				page.Deleted++
				continue
			}
			if s.remove(r, "sweep") {
				page.Deleted++
			}
		}
		page.Cursor, page.Digest = "", sum.Sum(nil)
		return page, nil
	})
}

// stale is how far behind a reading is.
func (s store) stale() time.Duration {
	if s.w.faults.inside == 0 || !s.w.dice.faults.chance(s.w.mix.Stale) {
		return 0
	}
	s.w.injected("stale read")
	return s.w.dice.faults.between(0, 10*time.Minute)
}

// Verify counts with a reading of its own: a scan by somebody else.
func (s store) Verify(_ context.Context, o retention.Order) (int64, error) {
	return call(s.w, s.name+".Verify", func() (int64, error) {
		if err := s.reach(); err != nil {
			return 0, err
		}
		var n int64
		for _, r := range s.read(o.Tenant, s.stale()) {
			if of(o, r) {
				n++
			}
		}
		return n, nil
	})
}

func (s store) Evidence(_ context.Context, o retention.Order) (retention.Receipt, error) {
	return call(s.w, s.name+".Evidence", func() (retention.Receipt, error) {
		if err := s.reach(); err != nil {
			return retention.Receipt{}, err
		}
		return retention.Receipt{
			Store: s.name, Provider: s.provider, Method: "deleted by key and counted again", Request: strconv.FormatInt(s.w.faults.calls, 36), At: s.w.now,
		}, nil
	})
}

// census is the retention.Census over a place.
type census struct{ *place }

func (c census) Name() string { return c.name }

func (c census) Tenants(_ context.Context, do func(id.Tenant) error) error {
	return send(c.w, c.name+".Tenants", func() error {
		for _, t := range c.order {
			if len(c.rows(t)) == 0 {
				continue
			}
			if err := do(t); err != nil {
				return err
			}
		}
		return nil
	})
}
