package passport

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// UndoFor is how long a deleted passport can be taken back. From then on it is deleted with its whole history.
const UndoFor = 7 * 24 * time.Hour

// UndoUntil is when a deleted passport is gone for good.
func (s Summary) UndoUntil() time.Time { return s.UpdatedAt.Add(UndoFor) }

// Delete hides a passport from everybody, its versions and its public view too, and has it deleted when nobody takes that
// back within UndoFor. One that is in force must be suspended or archived first. may is asked last, with the latest version
// if there is one: it refuses what a law or a hold keeps.
func (s *Service) Delete(ctx context.Context, by access.Caller, p id.Passport, seen int64, may func(Passport, *Version) error) (Passport, error) {
	before, err := s.current(ctx, by, p, seen)
	if err != nil {
		return Passport{}, err
	}
	if before.Status == Published {
		return Passport{}, fault.New(fault.CodeTransition, "The passport is in force: suspend or archive it before it is deleted.")
	}
	var last *Version
	if before.Version > 0 {
		v, err := s.History.Version(ctx, by.Tenant, p, before.Version)
		if err != nil {
			return Passport{}, err
		}
		last = &v
	}
	if err := may(before, last); err != nil {
		return Passport{}, err
	}
	after := before
	after.Status, after.Was = Deleted, before.Status
	asked := later(by.At, before.UpdatedAt)
	c := Change{After: after, Erase: &Erasure{Asked: asked, NotBefore: asked.Add(UndoFor)}}
	if before.Version > 0 {
		view := publicView(after)
		view.At, view.Reason = asked, ""
		c.Public = &view
	}
	return s.commit(ctx, by, before, c, audit.PassportDeleted)
}

// Undelete takes a deletion back while that is possible: the passport is again what it was.
func (s *Service) Undelete(ctx context.Context, by access.Caller, p id.Passport) (Passport, error) {
	if !id.Valid(p) {
		return Passport{}, NotFound()
	}
	before, err := s.Store.Passport(ctx, by.Tenant, p)
	if err != nil {
		return Passport{}, err
	}
	if before.Status != Deleted || !by.At.Before(before.Summary().UndoUntil()) {
		return Passport{}, NotFound()
	}
	after := before
	after.Status, after.Was = before.Was, ""
	c := Change{After: after}
	if before.Version > 0 {
		view := publicView(after)
		view.At = later(by.At, before.UpdatedAt)
		c.Public = &view
	}
	return s.commit(ctx, by, before, c, audit.PassportUndeleted)
}
