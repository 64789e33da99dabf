package export

import (
	"context"
	"encoding/json"
	"fmt"
)

// breathe uploads a part when there is enough for one, with a checkpoint: nothing before it is done again. It tells whether
// time is up. Tables may turn out smaller than they were taken for, and then wait for more.
func (r *run) breathe(ctx context.Context) (again bool, err error) {
	if r.due() || r.late() {
		if err := r.close(); err != nil {
			return false, err
		}
		if r.pending.Len() >= r.PartSize*5/8 {
			err := r.part(ctx)
			if err == nil {
				err = r.checkpoint(ctx)
			}
			return err == nil && r.late(), err
		}
	}
	if r.late() {
		return true, r.park(ctx)
	}
	return false, r.alive(ctx)
}

// park keeps what is in memory with the checkpoint, since it is too small for a part.
func (r *run) park(ctx context.Context) error {
	r.Parked = r.pending.Bytes()
	return r.checkpoint(ctx)
}

// renew keeps the export for the time of another lease and tells how far it is.
func (r *run) renew(ctx context.Context) error {
	r.export.LeaseUntil, r.export.Items = r.Now().Add(leaseFor), max(r.export.Items, r.Items)
	return r.Store.Save(ctx, r.export)
}

// alive renews the lease when a third of it is over.
func (r *run) alive(ctx context.Context) error {
	if r.Now().Add(leaseFor * 2 / 3).Before(r.export.LeaseUntil) {
		return nil
	}
	return r.renew(ctx)
}

func (r *run) checkpoint(ctx context.Context) error {
	step := r.export.Step + 1
	if len(r.Members) >= r.BlockSize {
		if err := r.block(ctx, Mark{step, r.export.Fence}); err != nil {
			return err
		}
		step++
	}
	b, err := json.Marshal(r.progress)
	if err != nil {
		return fmt.Errorf("export: checkpoint: %w", err)
	}
	if err := r.Checkpoints.Save(ctx, r.export.Tenant, r.export.ID, Mark{step, r.export.Fence}, b); err != nil {
		return err
	}
	r.export.State, r.export.Step, r.export.Marked, r.export.LeaseUntil = Running, step, r.export.Fence, r.Now().Add(leaseFor)
	r.export.Items, r.export.Total, r.export.Bytes, r.export.Parts = r.Items, r.Total, r.Bytes, len(r.Parts)
	if err := r.Store.Save(ctx, r.export); err != nil || r.parked == (Mark{}) {
		return err
	}
	old := r.parked
	r.parked = Mark{}
	return r.Checkpoints.Forget(ctx, r.export.Tenant, r.export.ID, old)
}

// clear leaves nothing of an export that was deleted or given up: neither parts nor, if somebody put them together at the
// same moment, a package.
func (p *Packager) clear(ctx context.Context, e Export) error {
	if e.Step == 0 {
		return nil
	}
	r := &run{Packager: p, export: e}
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := p.Uploads.Discard(ctx, r.upload()); err != nil || r.parked == (Mark{}) {
		return err
	}
	b, err := json.Marshal(r.progress) // without what was parked; the name stays, for whoever is called once more
	if err != nil {
		return fmt.Errorf("export: checkpoint: %w", err)
	}
	return p.Checkpoints.Save(ctx, e.Tenant, e.ID, r.parked, b)
}

func (r *run) load(ctx context.Context) error {
	at := Mark{r.export.Step, r.export.Marked}
	b, err := r.Checkpoints.Load(ctx, r.export.Tenant, r.export.ID, at)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &r.progress); err != nil {
		return fmt.Errorf("export: checkpoint: %w", err)
	}
	if len(r.Parked) > 0 {
		r.pending.Write(r.Parked)
		r.Parked, r.parked = nil, at
	}
	return nil
}
