package restore

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Due is when somebody has to look at the import though nobody asks for it: for a file whose arrival nobody noticed, to go
// on where nobody does, or to end it. It is zero when it has ended.
func (i Import) Due() time.Time {
	last := i.RequestedAt
	if i.LeaseUntil.After(last) {
		last = i.LeaseUntil
	}
	switch i.State {
	case Waiting:
		return i.RequestedAt.Add(upload.Life + export.Slack)
	case Checking, Committing:
		return last.Add(export.Slack)
	case Checked:
		return i.RequestedAt.Add(upload.KeptFor)
	}
	return time.Time{}
}

// expire ends an import whose file did not come, or that nobody committed as long as the file was there. It tells whether
// there is nothing else to do.
func (r *Runner) expire(ctx context.Context, t id.Tenant, which id.Import, now time.Time) (bool, error) {
	i, err := r.Store.Import(ctx, t, which)
	due := i.Due()
	if errors.Is(err, fault.NotFound) || err == nil && i.State != Waiting && i.State != Checked {
		return false, nil
	}
	if err != nil || due.IsZero() || now.Before(due) {
		return false, err
	}
	why := "Nobody committed it within seven days."
	if i.State == Waiting {
		if there, err := r.Files.Arrived(ctx, t, which); there || err != nil {
			return false, err
		}
		if now.Sub(i.RequestedAt) < upload.Patience {
			return true, nil
		}
		why = "The file did not come."
	}
	i.State, i.Fence, i.Why = Cancelled, i.Fence+1, why
	return true, r.Store.Step(ctx, i, audit.New(r.IDs, r.caller(i), audit.ImportCancelled, "import:"+string(i.ID), "", ""))
}
