package retention

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// erased is what an erasure remembers.
type erased struct {
	Asked     time.Time `json:"asked"`
	NotBefore time.Time `json:"notBefore"` // it can be taken back until then
	Next      int       `json:"next"`      // the store to go on with
	Begun     bool      `json:"begun"`     // it is in the journal
}

// erase deletes one passport or one person out of every store, makes sure by counting, and says so in the journal.
func (s *shift) erase(ctx context.Context, w Work, most int64) error {
	var e erased
	if err := json.Unmarshal(w.State, &e); err != nil || e.NotBefore.IsZero() {
		return s.fail(ctx, w, fmt.Errorf("state of an erasure: %w", err))
	}
	life, err := s.Lives.Life(ctx, w.Tenant)
	if errors.Is(err, fault.NotFound) {
		return s.Drops.Drop(ctx, w) // it went with its tenant
	}
	if err != nil {
		return s.fail(ctx, w, err)
	}
	o := Order{Tenant: w.Tenant, Passport: w.Passport, Person: w.Person, Asked: e.Asked}
	if may, err := s.mayErase(ctx, w, o, e, life); err != nil || !may {
		return err
	}
	if err := s.Journal.Begin(ctx, o, e.NotBefore); err != nil {
		return s.fail(ctx, w, err)
	}
	stores := inPhases(s.Stores)
	for e.Next < len(stores) && most > 0 && !s.ends(ctx) {
		if may, err := s.mayErase(ctx, w, o, e, life); err != nil || !may {
			return err
		}
		spent, err := s.swept(ctx, &w, stores[e.Next], o, most)
		if err != nil {
			return s.fail(ctx, w, err)
		}
		most -= spent
		if w.Cursor == "" {
			e.Next++
		}
		if w, err = s.keep(ctx, w, e); err != nil {
			return err
		}
	}
	if e.Next < len(stores) {
		return put(ctx, s.Works, w)
	}
	return s.proven(ctx, w, o, e, stores)
}

// mayErase asks before each page whether it may be: the time has come, the contract allows it, and no hold stands against
// it. When not, the work is laid down.
func (s *shift) mayErase(ctx context.Context, w Work, o Order, e erased, life lifecycle.Life) (bool, error) {
	if err := life.Record.DestroyOne(s.at.Instants, e.NotBefore); err != nil {
		if errors.Is(err, lifecycle.ErrEarly) {
			s.early++
		}
		return false, put(ctx, s.Works, deferred(w, string(fault.Of(err).Code), s.at.at().Add(later)))
	}
	holds, err := s.Holds.Of(ctx, w.Tenant)
	if err != nil {
		return false, s.fail(ctx, w, err)
	}
	if lifecycle.Blocked(holds, lifecycle.Target{Tenant: o.Tenant, Passport: o.Passport, User: o.Person}) != nil {
		return false, put(ctx, s.Works, deferred(w, "legal-hold", s.at.at().Add(retry)))
	}
	return true, nil
}

// keep writes progress down.
func (s *shift) keep(ctx context.Context, w Work, e erased) (Work, error) {
	var err error
	if w.State, err = json.Marshal(e); err != nil {
		return w, err
	}
	w.Lease = s.at.at().Add(lease)
	return w, s.Works.Save(ctx, w)
}

// proven counts what is left in every store. Whatever is found is swept again.
func (s *shift) proven(ctx context.Context, w Work, o Order, e erased, stores []Store) error {
	left := int64(0)
	for _, store := range stores {
		n, err := store.Verify(ctx, o)
		if err != nil {
			return s.fail(ctx, w, fmt.Errorf("%s: %w", store.Name(), err))
		}
		left += n
	}
	if left > 0 {
		s.Meter.Put(ResidualFound, float64(left))
		e.Next, w.Left, w.Cursor = 0, left, ""
		var err error
		if w.State, err = json.Marshal(e); err != nil {
			return err
		}
		return s.fail(ctx, w, ErrStuck)
	}
	if err := s.Journal.Close(ctx, o, s.at.at(), "sha-256:"+hex.EncodeToString(roll(nil, w.Digest))); err != nil {
		return s.fail(ctx, w, err)
	}
	s.moved++
	return s.Drops.Drop(ctx, w)
}

// inPhases is stores in the order in which they are emptied.
func inPhases(stores []Store) []Store {
	out := slices.Clone(stores)
	slices.SortStableFunc(out, func(a, b Store) int {
		return cmp.Or(cmp.Compare(a.Phase(), b.Phase()), cmp.Compare(a.Name(), b.Name()))
	})
	return out
}
