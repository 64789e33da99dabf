package simulation

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// trail is the tamper-evident log: what was written to the trail of a tenant, and the checkpoint that first included it.
// Nothing is ever changed in it, not even by whoever corrupts a row of the Ledger.
type trail struct {
	w    *World
	key  key
	logs map[id.Tenant]*signedLog
	retention.LogProver
}

// signedLog is one block for each entry, of which each is signed some time after it was written.
type signedLog struct {
	head   auditlog.Head
	blocks []auditlog.Block
	signed []time.Time
}

var _ retention.Prover = (*trail)(nil)

func newTrail(w *World) *trail {
	l := &trail{w: w, key: newKey(), logs: map[id.Tenant]*signedLog{}}
	l.LogProver = retention.LogProver{Block: l.block, Verifier: func(ctx context.Context) (auditlog.KeyVerifier, error) {
		spki, err := l.key.PublicKey(ctx)
		if err != nil {
			return nil, err
		}
		return auditlog.NewVerifier(spki)
	}}
	return l
}

// write appends entries; the sequencer signs a checkpoint some minutes later, sometimes hours.
func (l *trail) write(entries ...audit.Entry) {
	for _, e := range entries {
		lag := l.w.dice.data.between(time.Minute, 15*time.Minute)
		if l.w.dice.data.chance(0.05) {
			lag += l.w.dice.data.between(0, 4*time.Hour)
		}
		at := l.w.now.Add(lag)
		log := l.logs[e.Tenant]
		if log == nil {
			log = &signedLog{head: auditlog.Head{Alias: fmt.Sprintf("log-%d", len(l.logs)+1)}}
			l.logs[e.Tenant] = log
		}
		if n := len(log.signed); n > 0 && log.signed[n-1].After(at) {
			at = log.signed[n-1]
		}
		line, err := e.Canonical()
		if err != nil {
			panic(err)
		}
		var b auditlog.Block
		log.head, b.Records = log.head.Append(line)
		if b.Note, err = auditlog.Sign(context.Background(), l.key, auditlog.Checkpoint(log.head, at)); err != nil {
			panic(err)
		}
		log.blocks, log.signed = append(log.blocks, b), append(log.signed, at)
	}
}

// block is one entry with its checkpoint, as far as they are signed now.
func (l *trail) block(_ context.Context, t id.Tenant, from int64) (auditlog.Block, error) {
	log, b := l.logs[t], auditlog.Block{Next: -1}
	if log == nil || from >= int64(len(log.blocks)) || log.signed[from].After(l.w.now) {
		return b, nil
	}
	b = log.blocks[from]
	if b.Next = from + 1; b.Next == int64(len(log.blocks)) || log.signed[b.Next].After(l.w.now) {
		b.Next = -1
	}
	return b, nil
}

// Prove is the real prover behind a port.
func (l *trail) Prove(ctx context.Context, r lifecycle.Record) (*lifecycle.LogProof, error) {
	return call(l.w, "Prove", func() (*lifecycle.LogProof, error) { return l.LogProver.Prove(ctx, r) })
}

func (l *trail) forget(t id.Tenant) { delete(l.logs, t) }

// key is the platform's, the same in every world. Its signatures are deterministic (RFC 6979).
type key struct{ *ecdsa.PrivateKey }

func newKey() key {
	secret := sha256.Sum256([]byte("the key of the simulation"))
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), secret[:])
	if err != nil {
		panic(err)
	}
	return key{k}
}

// Sign implements auditlog.Signer.
func (k key) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return k.PrivateKey.Sign(nil, sum[:], crypto.SHA256)
}

// PublicKey implements auditlog.Signer.
func (k key) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&k.PrivateKey.PublicKey)
}
