package retention

import (
	"context"
	"errors"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// errRetired says that a tenant is no more.
var errRetired = errors.New("retention: the tenant is certified and gone")

// certify is what the last step adds to the life.
func (v *visit) certify(ctx context.Context, after lifecycle.Record) (func(*lifecycle.Life), error) {
	return nil, errors.New("not yet")
}

// lastLook is the verification before the certificate.
func (v *visit) lastLook(ctx context.Context) error { return nil }

// retire ends it.
func (v *visit) retire(ctx context.Context) error { return errRetired }
