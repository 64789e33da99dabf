package passport

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Resolver answers whoever scans a data carrier. It needs no identity and reads the public table only, once per
// question.
type Resolver struct {
	Store PublicStore
}

// Resolve returns the published view of a product. It answers passport-not-found for an unknown product,
// passport-suspended and passport-archived with the operator's reason otherwise, passport-ceased for one that ended with
// its operator. One that moved is returned with its successor's address. One in custody costs a second read.
func (r *Resolver) Resolve(ctx context.Context, product identifier.Product) (PublicView, error) {
	v, err := r.Store.View(ctx, product)
	if err == nil && v.Status == InCustody {
		v, err = r.Store.Kept(ctx, v)
	}
	if err != nil {
		return PublicView{}, err
	}
	switch v.Status {
	case Published, Moved, InCustody:
		return v, nil
	case Hidden, Deleted:
		return v, fault.New(fault.CodePassportNotFound, "No passport is published for this product.")
	case Ceased:
		return v, fault.New(fault.CodePassportCeased, "This passport ceased to exist on %s. %s", v.At.Format(time.DateOnly), v.Reason)
	case Archived:
		return v, fault.New(fault.CodePassportArchived, "This passport ended on %s. Reason: %s", v.At.Format(time.DateOnly), v.Reason)
	default:
		return v, fault.New(fault.CodePassportSuspended, "The responsible operator suspended this passport on %s. Reason: %s", v.At.Format(time.DateOnly), v.Reason)
	}
}

// Carrier returns the product that the data carrier of a published passport encodes.
func (r *Resolver) Carrier(ctx context.Context, p id.Passport) (identifier.Product, error) {
	if !id.Valid(p) {
		return identifier.Product{}, NotFound()
	}
	return r.Store.Carrier(ctx, p)
}
