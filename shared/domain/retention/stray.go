package retention

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// doubt is between the finding of data that belongs to nobody and its deletion: somebody may look at it.
const doubt = 24 * time.Hour

// found is what the deletion of data that came back remembers.
type found struct {
	At time.Time `json:"at"`
}

// stray empties one store of what belongs to a tenant that does not exist. It makes sure of that before each page.
func (s *shift) stray(ctx context.Context, w Work, most int64) error {
	store, ok := s.named(w.Store)
	if !ok {
		return s.fail(ctx, w, ErrUnknownStore)
	}
	var f found
	if err := json.Unmarshal(w.State, &f); err != nil || f.At.IsZero() {
		return s.fail(ctx, w, fmt.Errorf("state of what came back: %w", err))
	}
	if s.at.NotBefore.Before(f.At.Add(doubt)) {
		return s.tooEarly(ctx, w)
	}
	for most > 0 && !s.ends(ctx) {
		nobody, err := nobodys(ctx, s.Register, s.Lives, w)
		if err != nil {
			return s.fail(ctx, w, err)
		}
		if !nobody {
			return s.Drops.Drop(ctx, w)
		}
		holds, err := s.Holds.Of(ctx, w.Tenant)
		if err != nil {
			return s.fail(ctx, w, err)
		}
		if lifecycle.Blocked(holds, lifecycle.Target{Tenant: w.Tenant, Whole: true}) != nil {
			return put(ctx, s.Works, deferred(w, heldBack, s.at.at().Add(retry)))
		}
		spent, err := s.swept(ctx, &w, store, Order{Tenant: w.Tenant, Asked: f.At}, most)
		if err != nil {
			return s.fail(ctx, w, err)
		}
		most -= spent
		if w.Cursor == "" {
			w.Ended, w.Done, w.Why = s.at.at(), s.at.at(), ""
			return put(ctx, s.Works, w)
		}
		w.Lease = s.at.at().Add(lease)
		if err := s.Works.Save(ctx, w); err != nil {
			return err
		}
	}
	return put(ctx, s.Works, w)
}

// nobodys tells whether a tenant is neither in the register nor in a life.
func nobodys(ctx context.Context, register Register, lives lifecycle.Store, w Work) (bool, error) {
	registered, err := register.Registered(ctx, w.Tenant)
	if err != nil || registered {
		return false, err
	}
	_, err = lives.Life(ctx, w.Tenant)
	if errors.Is(err, fault.NotFound) {
		return true, nil
	}
	return false, err
}
