package retention

import (
	"context"
	"encoding/json"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// LogProver implements Prover over the audit logs of tenants.
type LogProver struct {
	Block    func(ctx context.Context, t id.Tenant, from int64) (auditlog.Block, error)
	Verifier func(ctx context.Context) (auditlog.KeyVerifier, error) // of the key that signs checkpoints
}

// Prove implements Prover. It reads the whole log, and once more for the consent to an early end. A log that is not as it
// was signed proves nothing, and is an error.
func (p *LogProver) Prove(ctx context.Context, r lifecycle.Record) (*lifecycle.LogProof, error) {
	v, err := p.Verifier(ctx)
	if err != nil {
		return nil, err
	}
	end, err := p.find(ctx, v, r.Tenant, lifecycle.EventTerminated, "effectiveAt")
	if e := r.Expedited; err != nil || end == nil || e == nil || e.ConfirmedBy == "" {
		return end, err
	}
	end.Consent, err = p.find(ctx, v, r.Tenant, lifecycle.EventExpedited, "confirmedAt")
	return end, err
}

// find looks for the last entry of an event, which names an instant; nil when there is none that was signed.
func (p *LogProver) find(ctx context.Context, v auditlog.KeyVerifier, t id.Tenant, event audit.Event, detail string) (*lifecycle.LogProof, error) {
	blocks := func(ctx context.Context, from int64) (auditlog.Block, error) { return p.Block(ctx, t, from) }
	found, err := auditlog.Find(ctx, blocks, v,
		func(e audit.Entry) bool { return e.Tenant == t && e.Event == event },
		func(e audit.Entry) bool {
			return e.Event == lifecycle.EventCancelled || e.Event == lifecycle.EventReinstated || e.Event == lifecycle.EventExpediteDropped && event == lifecycle.EventExpedited
		})
	if err != nil || found == nil || found.SignedAt.IsZero() {
		return nil, err
	}
	at, err := time.Parse(time.RFC3339Nano, found.Entry.Detail[detail])
	if err != nil {
		return nil, nil //nolint:nilerr // an entry that names no instant proves none
	}
	proof, err := json.Marshal(found.Proof)
	if err != nil {
		return nil, err
	}
	return &lifecycle.LogProof{
		Tenant: t, Event: event, At: at, Entry: found.Entry.ID, SignedAt: found.SignedAt, Evidence: string(proof), Withdrawn: len(found.Later) > 0,
	}, nil
}
