// Package deletion is what people can have deleted before their contract ends: one passport, if neither a law nor a hold
// keeps it. It is hidden at once and can be taken back for a while; then package retention deletes it with everything that
// belongs to it.
package deletion

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/disposition"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Service deletes passports.
type Service struct {
	Passports *passport.Service
	Holds     lifecycle.Holds
	Law       lifecycle.Law
}

// Delete hides a passport that was never published or that no law demands, and has it deleted when that is not taken back.
// disposition-refused says which law keeps it, legal-hold which hold.
func (s *Service) Delete(ctx context.Context, by access.Caller, p id.Passport, seen int64) (passport.Passport, error) {
	return s.Passports.Delete(ctx, by, p, seen, func(is passport.Passport, last *passport.Version) error {
		d, err := lifecycle.Dispose(disposition.Facts(is.ID, is.ProductGroup, last, lifecycle.Choice{}), lifecycle.Choice{}, s.Law, by.At)
		if err != nil {
			return err
		}
		if d.Kind != lifecycle.Deleted {
			return fault.New(fault.CodeDisposition, "The passport was published and cannot be deleted. %s (%s, article %s; until %s.) Archive it instead: its address then says that it has ended.",
				d.Why, d.Basis.Act, d.Basis.Article, d.Until.UTC().Format("2006-01-02"))
		}
		holds, err := s.Holds.Of(ctx, by.Tenant)
		if err != nil {
			return err
		}
		return lifecycle.Blocked(holds, lifecycle.Target{Tenant: by.Tenant, Passport: is.ID})
	})
}

// Restore takes a deletion back within passport.UndoFor.
func (s *Service) Restore(ctx context.Context, by access.Caller, p id.Passport) (passport.Passport, error) {
	return s.Passports.Undelete(ctx, by, p)
}

// List returns what is deleted and can be taken back, latest first.
func (s *Service) List(ctx context.Context, by access.Caller, r page.Request) (page.Of[passport.Summary], error) {
	got, err := s.Passports.List(ctx, by, passport.Filter{Status: passport.Deleted}, r)
	kept := got.Items[:0]
	for _, p := range got.Items {
		if by.At.Before(p.UndoUntil()) {
			kept = append(kept, p)
		}
	}
	got.Items = kept
	return got, err
}
