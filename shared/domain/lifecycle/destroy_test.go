package lifecycle_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// TestDestroy asks in every state, at the end of the drain and around it, whether anything may be destroyed.
func TestDestroy(t *testing.T) {
	for state, r := range walk(t) {
		deletes := state == lifecycle.Deleting || state == lifecycle.ActiveClear || state == lifecycle.ResidualClear
		for _, keys := range []bool{false, true} {
			may := deletes && !(keys && state == lifecycle.Deleting)
			late := r.HighWater.Add(400 * day)
			if err := r.Destroy(now(t, late), keys); (err == nil) != may || !may && !errors.Is(err, lifecycle.ErrEarly) {
				t.Errorf("%s, keys %t: %v", state, keys, err)
			}
			if !deletes {
				continue
			}
			end := r.Deadlines().DrainUntil
			if err := r.Destroy(now(t, end.Add(reserve-1)), keys); !errors.Is(err, lifecycle.ErrEarly) || code(err) != fault.CodeStepBlocked {
				t.Errorf("%s, keys %t, a moment before the drain has ended: %v", state, keys, err)
			}
			if err := r.Destroy(now(t, end.Add(reserve)), keys); (err == nil) != may {
				t.Errorf("%s, keys %t, when the drain has ended: %v", state, keys, err)
			}
			if err := r.Destroy(lifecycle.Instants{}, keys); !errors.Is(err, lifecycle.ErrEarly) {
				t.Errorf("%s, keys %t, without the time: %v", state, keys, err)
			}
		}
	}
	r := walk(t)[lifecycle.Deleting]
	r.DeletingAt = r.SealedAt
	if err := r.Destroy(now(t, r.HighWater.Add(day)), false); code(err) != fault.CodeInternal {
		t.Errorf("a record that contradicts itself: %v", err)
	}
}

// TestDestroyOne holds that single passports and persons go when their time has come, and not between the end of the
// contract and the deletion of the whole.
func TestDestroyOne(t *testing.T) {
	for state, r := range walk(t) {
		when := r.HighWater.Add(day)
		if state == lifecycle.Scheduled {
			when = r.EffectiveAt.Add(-hour)
		}
		if state == lifecycle.Active || state == lifecycle.Suspended {
			when = begin()
		}
		want := lifecycle.Can(state, lifecycle.Destroy) == nil
		if err := r.DestroyOne(now(t, when), when.Add(-reserve)); (err == nil) != want || errors.Is(err, lifecycle.ErrEarly) {
			t.Errorf("%s: %v", state, err)
		}
		if err := r.DestroyOne(now(t, when), when.Add(1-reserve)); !errors.Is(err, lifecycle.ErrEarly) {
			t.Errorf("%s, a moment before it can no longer be taken back: %v", state, err)
		}
	}
	r := walk(t)[lifecycle.Scheduled]
	if err := r.DestroyOne(now(t, r.EffectiveAt), r.EffectiveAt.Add(-day)); code(err) != fault.CodeStepBlocked {
		t.Errorf("the window is open, and no tick has written it down: %v", err)
	}
}

// TestNextNotice holds that somebody comes for each notice, and that the planned end does not move with exports.
func TestNextNotice(t *testing.T) {
	r := walk(t)[lifecycle.Window]
	r.Notices = nil
	var after []time.Duration
	for range 10 {
		next := r.NextNotice()
		if next.IsZero() {
			break
		}
		after = append(after, next.Sub(r.T0)/day)
		due := lifecycle.Due(r, next)
		if len(due) != 1 || len(lifecycle.Due(r, next.Add(-1))) != 0 {
			t.Fatalf("at %s: %v", next, due)
		}
		r = lifecycle.Notified(r, due[0], next)
	}
	if len(after) != 5 || after[0] != 0 || after[1] != 15 || after[2] != 23 || after[3] != 27 || after[4] != 29 {
		t.Errorf("%v", after)
	}
	planned := r.Planned()
	r.ExtendedUntil = planned.Add(hour)
	if !r.Planned().Equal(planned) || !r.Deadlines().NotBefore.Equal(planned.Add(hour)) {
		t.Errorf("%s %s", r.Planned(), r.Deadlines().NotBefore)
	}
	if touched := r.Touch(); touched.Revision != r.Revision+1 || touched.Epoch != r.Epoch {
		t.Errorf("%+v", touched)
	}
}
