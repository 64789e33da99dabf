package auditlog

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/incident"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Settle is how old an entry must be before it is put in its place: longer than any request can still be at work, so
// that no earlier one can come after it.
const Settle = 2 * time.Minute

// BlockSize is the most entries that are put in their places at once.
const BlockSize = 200

// Store keeps logs. Extend stores a block of records and the new head together, if the head is still the given one, and
// returns ErrMoved otherwise.
type Store interface {
	Tenants(ctx context.Context, do func(id.Tenant) error) error
	Head(ctx context.Context, t id.Tenant) (Head, error) // of a tenant without one, a new one
	Entries(ctx context.Context, t id.Tenant, after, through time.Time, most int) ([]audit.Entry, error)
	Extend(ctx context.Context, t id.Tenant, before, after Head, records []Record) error
	Mark(ctx context.Context, t id.Tenant, before, after Head) error
}

// Watch keeps what the anomaly rules remember of a tenant, apart from the log, and tells the people in charge.
type Watch interface {
	Watched(ctx context.Context, t id.Tenant) ([]byte, error) // nothing for a tenant without any
	KeepWatched(ctx context.Context, t id.Tenant, state []byte) error
	Tell(ctx context.Context, e audit.Entry, n audit.Notice) error
}

// Evidence keeps checkpoints where nobody can take them back.
type Evidence interface {
	Keep(ctx context.Context, name, signed string) error
}

// ErrMoved says that somebody else has extended the log meanwhile.
var ErrMoved = errors.New("auditlog: the log has moved on")

// Sequencer puts settled entries in their places and signs what has become of each log.
type Sequencer struct {
	Store    Store
	Watch    Watch
	Evidence Evidence
	Signer   Signer
	IDs      *id.Source
	Doors    func(ctx context.Context, t id.Tenant) (access.Door, error)
	Alarm    func(rule string) // raises the alarm of the platform's operators
}

// Run does this for every tenant. One that fails does not keep the others from their turn; the error names all of them.
func (s *Sequencer) Run(ctx context.Context, now time.Time) error {
	var failed []error
	err := s.Store.Tenants(ctx, func(t id.Tenant) error {
		if err := s.one(access.As(ctx, t), t, now); err != nil && !errors.Is(err, ErrMoved) {
			failed = append(failed, fmt.Errorf("tenant %s: %w", t, err))
		}
		return ctx.Err()
	})
	return errors.Join(append(failed, err)...)
}

func (s *Sequencer) one(ctx context.Context, t id.Tenant, now time.Time) error {
	door, err := s.Doors(ctx, t)
	if errors.Is(err, fault.NotFound) || err == nil && lifecycle.Behind(door, now).Silent() {
		return nil // its trail is being deleted
	}
	if err != nil {
		return err
	}
	h, err := s.Store.Head(ctx, t)
	if err != nil {
		return err
	}
	if h.Closed {
		return nil
	}
	if err := s.evidence(ctx, t, &h); err != nil {
		return err
	}
	through := now.Add(-Settle)
	for {
		entries, err := s.Store.Entries(ctx, t, h.Through, through, BlockSize)
		if err != nil {
			return err
		}
		if len(entries) == 0 {
			return s.idle(ctx, t, h, through)
		}
		lines := make([][]byte, len(entries))
		for i, e := range entries {
			if lines[i], err = e.Canonical(); err != nil {
				return err
			}
		}
		next, records := h.Append(lines...)
		next.Through, next.Kept = entries[len(entries)-1].At, false
		if next.Alias == "" {
			next.Alias = rand.Text()
		}
		if next.Note, err = Sign(ctx, s.Signer, Checkpoint(next, now)); err != nil {
			return err
		}
		if err := s.Store.Extend(ctx, t, h, next, records); err != nil {
			return err
		}
		h = next
		if err := s.watch(ctx, t, entries, now); err != nil {
			return err
		}
		if err := s.evidence(ctx, t, &h); err != nil {
			return err
		}
	}
}

// watch holds new entries against the anomaly rules. It comes after the log has moved on, and nothing about it can stand
// in the log's way: what the rules remember is bounded, and begins again when it cannot be read. A crash here may lose a
// finding, which the entries still show, and never repeats one.
func (s *Sequencer) watch(ctx context.Context, t id.Tenant, entries []audit.Entry, now time.Time) error {
	stored, err := s.Watch.Watched(ctx, t)
	if err != nil {
		return err
	}
	state, err := incident.ParseState(stored)
	if err != nil {
		state = &incident.State{}
	}
	var found []incident.Finding
	for _, e := range entries {
		found = append(found, state.Observe(incident.Of(e))...)
	}
	if stored, err = state.Marshal(); err != nil {
		return err
	}
	if err := s.Watch.KeepWatched(ctx, t, stored); err != nil {
		return err
	}
	for _, f := range found {
		s.Alarm(f.Rule)
		by := access.Caller{Tenant: t, Actor: "system:sequencer", Request: id.New[id.Request](s.IDs), At: now}
		e := audit.New(s.IDs, by, audit.IncidentFound, f.Actor, "", "").With("rule", f.Rule).With("what", f.Sentence).With("count", strconv.Itoa(f.Count))
		if err := s.Watch.Tell(ctx, e, audit.NoticeOf(s.IDs, e)); err != nil {
			return err
		}
	}
	return nil
}

// idle notes up to when nothing has come, so that a quiet log is not searched from its last entry on every time.
func (s *Sequencer) idle(ctx context.Context, t id.Tenant, h Head, through time.Time) error {
	if h.Size == 0 || through.Sub(h.Through) < time.Hour {
		return nil
	}
	after := h
	after.Through = through
	return s.Store.Mark(ctx, t, h, after)
}

// evidence keeps the newest checkpoint. It comes after the log, so that nothing is evidence that never was; a crash
// between the two is made good by the next run.
func (s *Sequencer) evidence(ctx context.Context, t id.Tenant, h *Head) error {
	if h.Kept || h.Note == "" {
		return nil
	}
	if err := s.Evidence.Keep(ctx, fmt.Sprintf("audit/%s/%012d.txt", h.Alias, h.Size), h.Note); err != nil {
		return err
	}
	after := *h
	after.Kept = true
	if err := s.Store.Mark(ctx, t, *h, after); err != nil {
		return err
	}
	*h = after
	return nil
}
