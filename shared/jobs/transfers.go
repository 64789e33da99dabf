package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Transfers finds exports and imports, of all tenants, that somebody has to look at.
type Transfers interface {
	Due(ctx context.Context, now time.Time, exports func(id.Tenant, id.Export) error, imports func(id.Tenant, id.Import) error) error
}

// ExportRequests asks the packager.
type ExportRequests interface {
	Ask(ctx context.Context, t id.Tenant, e id.Export, n int) error
}

// ImportRequests asks the runner of imports.
type ImportRequests interface {
	Ask(ctx context.Context, t id.Tenant, i id.Import, n int) error
}

// tended is the number of the requests that this job makes; one more of the same number is a request again.
const tended = 999_999

// TendTransfers asks for everything that is due: exports and imports that nobody is at though they have not ended, and
// those that have expired or left something behind. What is to be done about one is decided by whoever is asked, who works
// for its tenant only; this job sees nothing but that it is due. Running it twice, late or beside itself asks once more,
// which changes nothing.
func TendTransfers(t Transfers, exports ExportRequests, imports ImportRequests) Job {
	return Job{Function: "tend-transfers", Run: func(ctx context.Context, now time.Time) error {
		var failed error // one that cannot be asked for does not keep the others waiting
		err := t.Due(ctx, now, func(t id.Tenant, e id.Export) error {
			failed = errors.Join(failed, exports.Ask(ctx, t, e, tended))
			return ctx.Err()
		}, func(t id.Tenant, i id.Import) error {
			failed = errors.Join(failed, imports.Ask(ctx, t, i, tended))
			return ctx.Err()
		})
		return errors.Join(err, failed)
	}}
}
