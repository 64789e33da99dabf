package export

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// partsFor is how long parts of packages and checkpoints lie about before the storage itself removes them.
const partsFor = 2 * 24 * time.Hour

// tidy clears away what is left of an export that was deleted or given up, and ends one that has expired. Once it is due,
// when nobody can be at it any more, it is done for good. It may come again.
func (p *Packager) tidy(ctx context.Context, t id.Tenant, which id.Export) error {
	e, err := p.Store.Export(ctx, t, which)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	now, due := p.Now(), e.Due()
	if err != nil || due.IsZero() || e.State == Queued || e.State == Running {
		return err
	}
	if ended := e.State == Deleted || e.State == Failed; ended && now.Sub(due) < partsFor {
		if err := p.clear(ctx, e); err != nil {
			return err
		}
	}
	if now.Before(due) {
		return nil
	}
	if e.State == Ready {
		e.State, e.Fence = Expired, e.Fence+1
		by := access.Caller{Tenant: t, Actor: "system:packager", Request: id.New[id.Request](p.IDs), At: now}
		entry := audit.New(p.IDs, by, audit.ExportExpired, "export:"+string(which), "", "")
		if err := p.Store.End(ctx, e, entry, audit.NoticeOf(p.IDs, entry)); err != nil {
			return untaken(err)
		}
	}
	if err := p.Shelf.Delete(ctx, t, which); err != nil {
		return err
	}
	e.Tidy = true
	return untaken(p.Store.Save(ctx, e))
}

// untaken is an error unless it says that somebody else has done it.
func untaken(err error) error {
	if errors.Is(err, ErrTaken) {
		return nil
	}
	return err
}
