package export

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// partsFor is how long parts of packages lie about before the storage itself removes them.
const partsFor = 2 * 24 * time.Hour

// tidy ends an export that has expired and clears away what is left of one that has ended. Before it is due, nothing is
// done: a packager may still be at it. It may come again.
func (p *Packager) tidy(ctx context.Context, t id.Tenant, which id.Export, now time.Time) error {
	e, err := p.Store.Export(ctx, t, which)
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	due := e.Due()
	if err != nil || due.IsZero() || now.Before(due) || e.State == Queued || e.State == Running {
		return err
	}
	if e.State == Ready {
		e.State, e.Fence = Expired, e.Fence+1
		by := access.Caller{Tenant: t, Actor: "system:packager", Request: id.New[id.Request](p.IDs), At: now}
		entry := audit.New(p.IDs, by, audit.ExportExpired, "export:"+string(which), "", "")
		if err := p.Store.End(ctx, e, entry, audit.NoticeOf(p.IDs, entry)); err != nil {
			return untaken(err)
		}
	} else if err := p.abort(ctx, e, now.Sub(due)); err != nil {
		return err
	}
	if err := p.Shelf.Delete(ctx, t, which); err != nil {
		return err
	}
	e.Tidy = true
	return untaken(p.Store.Save(ctx, e))
}

// abort removes the parts of an export that was not finished. After a while there are none, and nobody knows of them.
func (p *Packager) abort(ctx context.Context, e Export, ago time.Duration) error {
	if e.Step == 0 || ago > partsFor {
		return nil
	}
	b, err := p.Checkpoints.Load(ctx, e.Tenant, e.ID, e.Step)
	if err != nil {
		return err
	}
	var last progress
	if err := json.Unmarshal(b, &last); err != nil {
		return err
	}
	return p.Uploads.Abort(ctx, Upload{e.Tenant, e.ID, last.Upload})
}

// untaken is an error unless it says that somebody else has done it.
func untaken(err error) error {
	if errors.Is(err, ErrTaken) {
		return nil
	}
	return err
}
