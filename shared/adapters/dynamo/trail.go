package dynamo

import (
	"context"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// daysPerList bounds how many days one list request reads, so that a filter that matches almost nothing still answers in
// bounded time (with a cursor to go on).
const daysPerList = 10

// Trail lists the audit trail.
type Trail struct {
	audits *Audits
	ring   *keyring.Ring[id.Tenant]
	now    clock.Clock
}

// NewTrail makes the reader.
func NewTrail(db *DB, ring *keyring.Ring[id.Tenant], now clock.Clock) *Trail {
	return &Trail{audits: NewAudits(db), ring: ring, now: now}
}

// List returns entries, newest first: one read, and four queries a day read, at most ten days a request.
func (s *Trail) List(ctx context.Context, t id.Tenant, f audit.Filter, req page.Request) (page.Of[audit.Entry], error) {
	got := page.Of[audit.Entry]{Items: []audit.Entry{}}
	secret, err := s.ring.CursorKey(ctx, t)
	if err != nil {
		return got, err
	}
	sealer, err := page.NewSealer(secret, s.now)
	if err != nil {
		return got, err
	}
	scope := fmt.Sprintf("%s audit %s %q %q %s", t, f.Event, f.Actor, f.Object, f.From.Format(instant))
	below, day := "~", f.To.UTC().Truncate(24*time.Hour)
	if req.Cursor != "" {
		position, err := sealer.Open(scope, req.Cursor)
		if err != nil {
			return got, err
		}
		below = string(position)
		if at, err := time.Parse(time.DateOnly, below[:min(len(below), len(time.DateOnly))]); err == nil {
			day = at
		}
	}
	first, err := s.founded(ctx, t)
	if err != nil {
		return got, err
	}
	if f.From.Before(first) {
		f.From = first // there is nothing to read before
	}
	for range daysPerList {
		entries, err := s.audits.Day(ctx, t, day)
		if err != nil {
			return got, err
		}
		for i := len(entries) - 1; i >= 0; i-- {
			e := entries[i]
			position := e.At.UTC().Format(instant) + "#" + string(e.ID)
			if position >= below || !f.Admits(e) {
				continue
			}
			if len(got.Items) == req.Limit {
				last := got.Items[req.Limit-1]
				got.Next = sealer.Seal(scope, []byte(last.At.UTC().Format(instant)+"#"+string(last.ID)))
				return got, nil
			}
			got.Items = append(got.Items, e)
		}
		if !day.After(f.From) {
			return got, nil
		}
		day = day.Add(-24 * time.Hour)
	}
	got.Next = sealer.Seal(scope, []byte(day.Format(time.DateOnly)+"~"))
	return got, nil
}

// founded is the instant from which there are entries of a tenant. One read.
func (s *Trail) founded(ctx context.Context, t id.Tenant) (time.Time, error) {
	it, err := s.audits.db.get(ctx, s.audits.db.tables.Records, tenantKey(t))
	if err != nil {
		return time.Time{}, err
	}
	got, err := tenantOf(t, it)
	return got.CreatedAt, err
}
