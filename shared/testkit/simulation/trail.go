package simulation

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// trail is the tamper-evident log: what was written to the trail of a tenant, and when a checkpoint first included it.
// Nothing is ever changed in it, not even by whoever corrupts a row of the Ledger.
type trail struct {
	w       *World
	entries map[id.Tenant][]logged
}

type logged struct {
	audit.Entry
	signed time.Time
}

var _ retention.Prover = (*trail)(nil)

func newTrail(w *World) *trail { return &trail{w: w, entries: map[id.Tenant][]logged{}} }

// write appends entries; the sequencer signs a checkpoint some minutes later, sometimes hours.
func (l *trail) write(entries ...audit.Entry) {
	for _, e := range entries {
		lag := l.w.dice.data.between(time.Minute, 15*time.Minute)
		if l.w.dice.data.chance(0.05) {
			lag += l.w.dice.data.between(0, 4*time.Hour)
		}
		signed := l.w.now.Add(lag)
		if had := l.entries[e.Tenant]; len(had) > 0 && had[len(had)-1].signed.After(signed) {
			signed = had[len(had)-1].signed
		}
		l.entries[e.Tenant] = append(l.entries[e.Tenant], logged{e, signed})
	}
}

// Prove finds the termination that a record speaks of in the log, as it is signed now.
func (l *trail) Prove(_ context.Context, r lifecycle.Record) (*lifecycle.LogProof, error) {
	return call(l.w, "Prove", func() (*lifecycle.LogProof, error) {
		event := lifecycle.EventTerminated
		if r.Expedited != nil && r.Expedited.ConfirmedBy != "" {
			event = lifecycle.EventExpedited
		}
		var proof *lifecycle.LogProof
		for _, e := range l.entries[r.Tenant] {
			if e.signed.After(l.w.now) {
				break
			}
			switch {
			case e.Event == event:
				at := e.At
				if effective, err := time.Parse(time.RFC3339Nano, e.Detail["effectiveAt"]); err == nil {
					at = effective
				}
				proof = &lifecycle.LogProof{Tenant: e.Tenant, Event: e.Event, At: at, Entry: e.ID, SignedAt: e.signed}
			case proof == nil:
			case e.Event == lifecycle.EventCancelled, e.Event == lifecycle.EventReinstated, e.Event == lifecycle.EventExpediteDropped && event == lifecycle.EventExpedited:
				proof.Withdrawn = true
			}
		}
		return proof, nil
	})
}

func (l *trail) forget(t id.Tenant) { delete(l.entries, t) }
