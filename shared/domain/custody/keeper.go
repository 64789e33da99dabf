package custody

import (
	"context"
	"errors"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Estate is the public table, in which something is left of passports whose tenant goes.
type Estate interface {
	// Leave puts a view in place of what the tenant showed of its product. InCustody, Moved and Ceased name no tenant any
	// more; Hidden stays the tenant's. Leaving the same again changes nothing.
	Leave(ctx context.Context, v passport.PublicView) error
}

// Source reads the passports of a tenant.
type Source interface {
	Passport(ctx context.Context, t id.Tenant, p id.Passport) (passport.Passport, error)
	Version(ctx context.Context, t id.Tenant, p id.Passport, number int) (passport.Version, error)
}

// Keeper carries out what was decided about the passports of a sealed tenant. Nothing is deleted: what the law keeps is
// copied, and what the public sees changes.
type Keeper struct {
	Source Source
	Groups func(name string) (*productgroup.Group, error)
	Copies Store
	Estate Estate
	IDs    *id.Source
	Now    clock.Clock
}

// Keep carries out one decision. Doing it again changes nothing.
func (k *Keeper) Keep(ctx context.Context, t id.Tenant, d lifecycle.Disposition) error {
	p, err := k.Source.Passport(ctx, t, d.Passport)
	if errors.Is(err, fault.NotFound) {
		return nil // deleted since
	}
	if err != nil {
		return err
	}
	if p.Version == 0 {
		return nil // the world never saw it
	}
	left := passport.PublicView{
		Product: p.Product, Passport: p.ID, Tenant: t, ProductGroup: p.ProductGroup, Version: p.Version, At: k.Now().UTC(),
	}
	switch d.Kind {
	case lifecycle.Custody:
		left.Status = passport.InCustody
		if err := k.copy(ctx, t, p, d); err != nil {
			return err
		}
	case lifecycle.HandedOver:
		left.Status, left.Successor = passport.Moved, d.SuccessorURL
	case lifecycle.Ceased:
		left.Status, left.Reason = passport.Ceased, d.Why
	case lifecycle.Deleted:
		left.Status = passport.Hidden
	default:
		return fmt.Errorf("custody: unknown disposition %q", d.Kind)
	}
	return k.Estate.Leave(ctx, left)
}

// copy puts the version that was in force into custody. It comes before what the public sees is changed, so that a crash
// between leaves the passport readable.
func (k *Keeper) copy(ctx context.Context, t id.Tenant, p passport.Passport, d lifecycle.Disposition) error {
	v, err := k.Source.Version(ctx, t, p.ID, p.Version)
	if err != nil {
		return err
	}
	g, err := k.Groups(v.ProductGroup)
	if err != nil {
		return err
	}
	c, err := Make(id.New[id.Custody](k.IDs), v, g, d, k.Now())
	if err != nil {
		return err
	}
	if excess := Excess(c, g, d.Keeps); len(excess) > 0 {
		return fmt.Errorf("custody: the copy of passport %s would hold what it may not: %v", p.ID, excess)
	}
	return k.Copies.Keep(ctx, c)
}
