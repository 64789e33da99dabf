package retention

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// facts gathers what the next step depends on. What costs a call is asked for only when the step is due by time.
func (v *visit) facts(ctx context.Context) (lifecycle.Facts, error) {
	f := lifecycle.Facts{Holds: v.holds}
	r, now := v.life.Record, v.at.NotBefore
	var err error
	switch r.State {
	case lifecycle.Window:
		if !now.Before(r.Deadlines().NotBefore) {
			f.ExportRunning, f.ExportDoneAt, err = v.Exports.Running(ctx, r.Tenant, r.Planned())
		}
	case lifecycle.Sealed:
		if r.PlanHash != "" && !now.Before(r.Deadlines().DrainUntil) {
			f.Admitted = true // asked for when nothing else stands against it, since asking counts; see enter
			f.Proof, err = v.Prover.Prove(ctx, r)
		}
	case lifecycle.ActiveClear:
		f.KeysDestroyedAt = keysDestroyed(v.works)
		if f.KeysDestroyedAt.IsZero() || now.Before(f.KeysDestroyedAt.Add(r.Policy().Keys)) {
			return f, nil
		}
		if f.OldestBackup, f.BackupsRead, err = v.Backups.Oldest(ctx); err != nil {
			return f, err
		}
		f.JournalClosed, err = v.closeJournal(ctx)
	case lifecycle.ResidualClear:
		if counted, err := v.counted(); err == nil && counted != nil {
			f.Certificate = v.life.CertificateID
		}
	default:
	}
	return f, err
}

// keysDestroyed is when the last key of a tenant went, zero when one may be left. What the worker says counts only once
// the auditor has found nothing after it.
func keysDestroyed(works []Work) time.Time {
	var last time.Time
	for _, w := range works {
		if w.Kind != Sweep || w.Phase != Keys {
			continue
		}
		if w.Done.IsZero() || w.Verified.IsZero() || w.Verified.Before(w.Done) {
			return time.Time{}
		}
		if w.Done.After(last) {
			last = w.Done
		}
	}
	return last
}

// closeJournal says in the journal that this deletion is proven in the active systems, and with it those that were opened
// again: an entry that stays open is never dropped. What is closed already stays.
func (v *visit) closeJournal(ctx context.Context) (bool, error) {
	for _, o := range ordersOf(v.life) {
		closed, err := v.Journal.Closed(ctx, o)
		if err == nil && !closed {
			closed, err = v.closeOne(ctx, o)
		}
		if err != nil || !closed {
			return false, err
		}
	}
	return true, nil
}

func (v *visit) closeOne(ctx context.Context, o Order) (bool, error) {
	// An entry that was closed before, and dropped since because a hold has kept the rest for months, is written again.
	if err := begin(ctx, v.Journal, v.life, o); err != nil {
		return false, err
	}
	if err := v.Journal.Close(ctx, o, v.life.Record.ActiveClearAt, evidence(v.works)); err != nil {
		return false, err
	}
	return v.Journal.Closed(ctx, o)
}
