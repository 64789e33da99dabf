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

// Prove finds the termination that a record speaks of in the log, as it is signed now, and the consent to an early end.
func (l *trail) Prove(_ context.Context, r lifecycle.Record) (*lifecycle.LogProof, error) {
	return call(l.w, "Prove", func() (*lifecycle.LogProof, error) {
		var end, consent *lifecycle.LogProof
		for _, e := range l.entries[r.Tenant] {
			if e.signed.After(l.w.now) {
				break
			}
			found := &lifecycle.LogProof{Tenant: e.Tenant, Event: e.Event, At: e.At, Entry: e.ID, SignedAt: e.signed}
			switch e.Event {
			case lifecycle.EventTerminated:
				if effective, err := time.Parse(time.RFC3339Nano, e.Detail["effectiveAt"]); err == nil {
					found.At = effective
				}
				end, consent = found, nil
			case lifecycle.EventExpedited:
				consent = found
			case lifecycle.EventExpediteDropped:
				consent = nil
			case lifecycle.EventCancelled, lifecycle.EventReinstated:
				end, consent = nil, nil
			default:
			}
		}
		if end != nil && r.Expedited != nil && r.Expedited.ConfirmedBy != "" {
			end.Consent = consent
		}
		return end, nil
	})
}

func (l *trail) forget(t id.Tenant) { delete(l.entries, t) }
