package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// ErrStuck says that a store neither deletes nor goes on.
var ErrStuck = errors.New("retention: the store does not get on")

// swept is what a sweep remembers beside its counts.
type swept struct {
	Holds string `json:"holds"` // those in force when the pass began: another pass makes sense when they have changed
}

// sweep empties one store of a tenant, from where it was.
func (s *shift) sweep(ctx context.Context, w Work, most int64) error {
	store, ok := s.named(w.Store)
	if !ok {
		return s.fail(ctx, w, ErrUnknownStore)
	}
	life, err := s.Lives.Life(ctx, w.Tenant)
	if err != nil {
		return s.fail(ctx, w, err)
	}
	ready, err := s.ready(ctx, w)
	if err != nil {
		return err
	}
	if !ready || w.Phase == Keys && life.Record.State == lifecycle.Deleting { // opened again: keys wait until it is clear once more
		return put(ctx, s.Works, deferred(w, "waits-for-phase", s.at.at().Add(soon)))
	}
	for most > 0 && !s.ends(ctx) {
		spent, more, err := s.page(ctx, &w, store, life, most)
		if err != nil || !more {
			return err
		}
		most -= spent
	}
	return put(ctx, s.Works, w)
}

// ready tells whether everything in the phases before has nothing left that may be deleted.
func (s *shift) ready(ctx context.Context, w Work) (bool, error) {
	works, err := s.Works.Of(ctx, w.Tenant)
	if err != nil {
		return false, err
	}
	for _, o := range works {
		if o.Kind == w.Kind && o.Phase < w.Phase && !rested(o) {
			return false, nil
		}
	}
	return true, nil
}

// page sweeps one page. It asks for the holds first, and for the right to destroy at all. more is false when the work was
// laid down: it has ended, rests, or failed.
func (s *shift) page(ctx context.Context, w *Work, store Store, life lifecycle.Life, most int64) (spent int64, more bool, err error) {
	r := life.Record
	holds, err := s.Holds.Of(ctx, w.Tenant)
	if err != nil {
		return 0, false, s.fail(ctx, *w, err)
	}
	if err := r.Destroy(s.at.Instants, w.Phase == Keys); err != nil {
		return 0, false, s.tooEarly(ctx, *w)
	}
	w.By = by(r, holds, w.Phase)
	if lifecycle.Blocked(holds, lifecycle.Target{Tenant: w.Tenant, Keys: w.Phase == Keys}) != nil {
		return 0, false, put(ctx, s.Works, deferred(*w, heldBack, s.at.at().Add(retry)))
	}
	if again, err := w.begin(holds); err != nil || !again {
		return 0, false, errors.Join(err, put(ctx, s.Works, deferred(*w, heldBack, s.at.at().Add(retry))))
	}
	o := orderOf(life)
	o.Spare = spare(holds)
	if spent, err = s.swept(ctx, w, store, o, most); err != nil {
		return spent, false, s.fail(ctx, *w, err)
	}
	if w.Cursor != "" {
		w.Lease = s.at.at().Add(lease)
		return spent, true, s.Works.Save(ctx, *w)
	}
	w.Ended = s.at.at()
	if w.Spared > 0 {
		return spent, false, put(ctx, s.Works, deferred(*w, heldBack, s.at.at().Add(retry)))
	}
	w.Done, w.Why = s.at.at(), ""
	return spent, false, put(ctx, s.Works, *w)
}

// changed stands for holds that came or went during a pass: whatever they are later, another pass has to follow.
const changed = "changed"

// begin begins a pass over a store, or goes on with it. again is false when the pass before found held rows only, and the holds are the same.
func (w *Work) begin(holds []lifecycle.Hold) (again bool, err error) {
	var was swept
	if len(w.State) > 0 {
		if err := json.Unmarshal(w.State, &was); err != nil {
			return false, fmt.Errorf("state of %s: %w", w.Store, err)
		}
	}
	is := swept{Holds: holdsDigest(holds)}
	if w.Cursor != "" { // in the middle of a pass
		if was != is {
			was.Holds = changed
		}
		w.State, err = json.Marshal(was)
		return true, err
	}
	if !w.Ended.IsZero() && w.Spared > 0 && was == is {
		return false, nil
	}
	w.Spared = 0
	w.State, err = json.Marshal(is)
	return true, err
}

// swept calls a store for one page and adds up what it says. Nothing is concluded from the counts.
func (s *shift) swept(ctx context.Context, w *Work, store Store, o Order, most int64) (spent int64, err error) {
	if w.Began.IsZero() {
		w.Began = s.at.at()
	}
	p, err := store.Sweep(ctx, o, w.Cursor, s.pageSize(*w, most))
	spent = max(1, p.Writes)
	s.left -= spent
	w.Writes += p.Writes
	w.Deleted += p.Deleted // also of a page that failed halfway
	if p.Deleted > 0 {
		w.Digest = roll(w.Digest, p.Digest)
	}
	if err != nil {
		return spent, err
	}
	if p.Cursor != "" && p.Cursor == w.Cursor && p.Deleted == 0 {
		return spent, ErrStuck
	}
	w.Spared, w.Cursor = w.Spared+p.Spared, p.Cursor
	w.Attempts, w.Progress = 0, s.at.at()
	s.moved++
	return spent, nil
}

// spare is what holds keep, row by row; nil when none is in force.
func spare(holds []lifecycle.Hold) func(lifecycle.Target) bool {
	for _, h := range holds {
		if h.InForce() {
			return func(t lifecycle.Target) bool { return lifecycle.Blocked(holds, t) != nil }
		}
	}
	return nil
}

// holdsDigest names the holds in force.
func holdsDigest(holds []lifecycle.Hold) string {
	h := sha256.New()
	for _, x := range holds {
		if x.InForce() {
			fmt.Fprintf(h, "%s\n", x.ID)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}
