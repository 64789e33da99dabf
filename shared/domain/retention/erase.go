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
}

// erase deletes one passport or one person out of every store, makes sure by counting, and says so in the journal.
func (s *shift) erase(ctx context.Context, w Work, most int64) error {
	var e erased
	if err := json.Unmarshal(w.State, &e); err != nil || e.NotBefore.IsZero() {
		return s.fail(ctx, w, fmt.Errorf("state of an erasure: %w", err))
	}
	life, err := s.lifeOf(ctx, w)
	if errors.Is(err, fault.NotFound) {
		return s.Drops.Drop(ctx, w) // it went with its tenant
	}
	if err != nil {
		return s.fail(ctx, w, err)
	}
	o := Order{Tenant: w.Tenant, Passport: w.Passport, Person: w.Person, Asked: e.Asked}
	if _, may, err := s.mayErase(ctx, w, e, life); err != nil || !may {
		return err
	}
	if err := s.Journal.Begin(ctx, o, e.NotBefore); err != nil {
		return s.fail(ctx, w, err)
	}
	stores := inPhases(s.Stores)
	for e.Next < len(stores) && most > 0 && !s.ends(ctx) {
		holds, may, err := s.mayErase(ctx, w, e, life)
		if err != nil || !may {
			return err
		}
		o.Spare = spare(holds)
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
	if w.Spared > 0 { // of others whom a hold protects, for as long as it does
		w.Spared, e.Next = 0, 0
		if w.State, err = json.Marshal(e); err != nil {
			return err
		}
		return put(ctx, s.Works, deferred(w, heldBack, s.at.at().Add(retry)))
	}
	return s.proven(ctx, w, o, e, stores)
}

// mayErase asks before each page whether it may be: the time has come, the contract allows it, and no hold stands against
// it. When not, the work is laid down.
func (s *shift) mayErase(ctx context.Context, w Work, e erased, life lifecycle.Life) (holds []lifecycle.Hold, may bool, err error) {
	switch err := s.destroyOne(e, life); {
	case errors.Is(err, lifecycle.ErrEarly) && !s.at.NotAfter.Before(e.NotBefore): // by the later reading only: no mistake
		return nil, false, put(ctx, s.Works, deferred(w, "early", e.NotBefore.Add(lifecycle.Reserve+lifecycle.MaxDisagreement)))
	case errors.Is(err, lifecycle.ErrEarly):
		return nil, false, s.tooEarly(ctx, w)
	case err != nil:
		return nil, false, put(ctx, s.Works, deferred(w, string(fault.Of(err).Code), s.at.at().Add(later)))
	}
	holds, blocked, err := s.holdsOn(ctx, w)
	if err != nil {
		return nil, false, s.fail(ctx, w, err)
	}
	if blocked {
		return nil, false, put(ctx, s.Works, deferred(w, heldBack, s.at.at().Add(retry)))
	}
	return holds, true, nil
}

// lifeOf is the life of the tenant that a passport or person is deleted from; none for a person who is in none.
func (s *shift) lifeOf(ctx context.Context, w Work) (lifecycle.Life, error) {
	if w.Tenant == "" && w.Person != "" {
		return lifecycle.Life{}, nil
	}
	return s.Lives.Life(ctx, w.Tenant)
}

func (s *shift) destroyOne(e erased, life lifecycle.Life) error {
	if life.Record.Tenant == "" {
		life.Record = lifecycle.New("", lifecycle.Current())
	}
	return life.Record.DestroyOne(s.at.Instants, e.NotBefore)
}

// holdsOn lists the holds of a tenant, and tells whether one forbids the erasure. A person who is in no tenant any more is
// looked for in the holds of all.
func (s *shift) holdsOn(ctx context.Context, w Work) (all []lifecycle.Hold, blocked bool, err error) {
	if w.Tenant != "" {
		all, err = s.Holds.Of(ctx, w.Tenant)
		return all, lifecycle.Blocked(all, lifecycle.Target{Tenant: w.Tenant, Passport: w.Passport, User: w.Person}) != nil, err
	}
	err = s.Holds.Each(ctx, func(h lifecycle.Hold) error {
		blocked = blocked || h.Scope.Kind == lifecycle.ScopeUser && h.Blocks(lifecycle.Target{Tenant: h.Scope.Tenant, User: w.Person})
		return nil
	})
	return nil, blocked, err
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
