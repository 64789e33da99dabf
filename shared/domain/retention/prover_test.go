package retention_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// logKey is the key of checkpoints in memory.
type logKey struct{ *ecdsa.PrivateKey }

func newLogKey(t *testing.T) logKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return logKey{key}
}

// Sign implements auditlog.Signer.
func (k logKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.PrivateKey, sum[:])
}

// PublicKey implements auditlog.Signer.
func (k logKey) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&k.PrivateKey.PublicKey)
}

// verifier is how the prover comes to the key.
func (k logKey) verifier(ctx context.Context) (auditlog.KeyVerifier, error) {
	spki, err := k.PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	return auditlog.NewVerifier(spki)
}

// said is an entry of a tenant's trail.
func said(n int, of id.Tenant, event audit.Event, detail ...string) audit.Entry {
	e := audit.Entry{
		ID: id.Entry("0199cccc-0000-7000-8000-00000000000" + string(rune('0'+n))), Tenant: of, At: signedAt(n), Actor: "person:a", Event: event,
		Object: "tenant:" + string(of), Count: 1,
	}
	if len(detail) == 2 {
		e.Detail = map[string]string{detail[0]: detail[1]}
	}
	return e
}

// signedAt is when the block of this number was signed.
func signedAt(n int) time.Time {
	return time.Date(2028, 2, 1, 10, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour)
}

// blocks are a log of one block for each entry, each signed.
func blocks(t *testing.T, k auditlog.Signer, entries ...audit.Entry) []auditlog.Block {
	t.Helper()
	head := auditlog.Head{Alias: "alias"}
	var all []auditlog.Block
	for n, e := range entries {
		line, err := e.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		next, records := head.Append(line)
		note, err := auditlog.Sign(t.Context(), k, auditlog.Checkpoint(next, signedAt(n)))
		if err != nil {
			t.Fatal(err)
		}
		b := auditlog.Block{Records: records, Note: note, Next: int64(n + 1)}
		if n == len(entries)-1 {
			b.Next = -1
		}
		all, head = append(all, b), next
	}
	return all
}

func prover(k logKey, all []auditlog.Block) *retention.LogProver {
	return &retention.LogProver{Verifier: k.verifier, Block: func(_ context.Context, _ id.Tenant, from int64) (auditlog.Block, error) {
		if len(all) == 0 {
			return auditlog.Block{Next: -1}, nil
		}
		return all[from], nil
	}}
}

// TestProof holds what a log shows of the end of a contract: the last termination, when it was signed first, and whether it
// was taken back; for an early end the consent of the second owner as well.
func TestProof(t *testing.T) {
	k, of, other := newLogKey(t), tenantID(1), tenantID(2)
	t0, t1 := signedAt(30), signedAt(60)
	text := func(at time.Time) string { return at.Format(time.RFC3339Nano) }
	renamed := said(0, of, audit.TenantRenamed)
	first := said(1, of, lifecycle.EventTerminated, "effectiveAt", text(t0))
	second := said(3, of, lifecycle.EventTerminated, "effectiveAt", text(t1))
	early := lifecycle.Record{Tenant: of, Expedited: &lifecycle.Expedited{AskedBy: "a", ConfirmedBy: "b"}}
	wished := lifecycle.Record{Tenant: of, Expedited: &lifecycle.Expedited{AskedBy: "a"}}
	plain := lifecycle.Record{Tenant: of}
	agreed := said(2, of, lifecycle.EventExpedited, "confirmedAt", text(t1))
	proof := func(e audit.Entry, at time.Time, block int, withdrawn bool) *lifecycle.LogProof {
		return &lifecycle.LogProof{Tenant: of, Event: e.Event, At: at, Entry: e.ID, SignedAt: signedAt(block), Withdrawn: withdrawn}
	}
	with := func(end, consent *lifecycle.LogProof) *lifecycle.LogProof {
		end.Consent = consent
		return end
	}
	for _, tc := range []struct {
		name string
		log  []audit.Entry
		of   lifecycle.Record
		want *lifecycle.LogProof
	}{
		{"nothing is in its place yet", nil, plain, nil},
		{"it never ended", []audit.Entry{renamed}, plain, nil},
		{"the end", []audit.Entry{renamed, first, said(2, of, audit.TenantRenamed)}, plain, proof(first, t0, 1, false)},
		{"cancelled", []audit.Entry{renamed, first, said(2, of, lifecycle.EventCancelled)}, plain, proof(first, t0, 1, true)},
		{"reinstated", []audit.Entry{renamed, first, said(2, of, lifecycle.EventReinstated)}, plain, proof(first, t0, 1, true)},
		{"ended again", []audit.Entry{renamed, first, said(2, of, lifecycle.EventReinstated), second}, plain, proof(second, t1, 3, false)},
		{"that of somebody else", []audit.Entry{said(0, other, lifecycle.EventTerminated, "effectiveAt", text(t0))}, plain, nil},
		{"no instant", []audit.Entry{said(0, of, lifecycle.EventTerminated)}, plain, nil},
		{"another text than an instant", []audit.Entry{said(0, of, lifecycle.EventTerminated, "effectiveAt", "soon")}, plain, nil},
		{"one owner wishes", []audit.Entry{renamed, first}, wished, proof(first, t0, 1, false)},
		{"another did not agree", []audit.Entry{renamed, first}, early, proof(first, t0, 1, false)},
		{"another agreed", []audit.Entry{renamed, first, agreed}, early, with(proof(first, t0, 1, false), proof(agreed, t1, 2, false))},
		{"to an end that nobody gave notice of", []audit.Entry{renamed, agreed}, early, nil},
		{"and one took it back", []audit.Entry{renamed, first, agreed, said(3, of, lifecycle.EventExpediteDropped)}, early, with(proof(first, t0, 1, false), proof(agreed, t1, 2, true))},
		{"and all of it", []audit.Entry{renamed, first, agreed, said(3, of, lifecycle.EventReinstated)}, early, with(proof(first, t0, 1, true), proof(agreed, t1, 2, true))},
		{"which leaves the termination", []audit.Entry{renamed, first, agreed, said(3, of, lifecycle.EventExpediteDropped)}, plain, proof(first, t0, 1, false)},
	} {
		p := prover(k, blocks(t, k, tc.log...))
		for range 2 { // asking changes nothing
			got, err := p.Prove(t.Context(), tc.of)
			for p := got; p != nil; p = p.Consent {
				checked(t, k, p, tc.log)
			}
			if diff := cmp.Diff(tc.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v, %s", tc.name, err, diff)
			}
		}
	}
}

// TestEarlyEndOfAnotherContract ends a contract in a year, has two owners agree to an early end, and then changes in the row
// alone when it ended: nothing in the record contradicts itself, and the log knows better.
func TestEarlyEndOfAnotherContract(t *testing.T) {
	k, of := newLogKey(t), tenantID(1)
	begin := signedAt(0)
	by := func(name string) access.Caller {
		return access.Caller{Tenant: of, Role: access.Owner, Actor: "person:" + name, At: begin}
	}
	take := func(r lifecycle.Record, event audit.Event, err error) lifecycle.Record {
		t.Helper()
		if err != nil {
			t.Fatal(event, err)
		}
		return r
	}
	ends := lifecycle.Termination{EffectiveAt: begin.Add(365 * lifecycle.Day), Confirmation: "A", Name: "A", Policy: lifecycle.Current()}
	r := take(lifecycle.Terminate(lifecycle.New(of, lifecycle.Current()), by("a"), ends, begin))
	r = take(lifecycle.Expedite(r, by("a"), begin))
	r = take(lifecycle.ConfirmExpedite(r, by("b"), begin))
	log := blocks(t, k,
		said(0, of, lifecycle.EventTerminated, "effectiveAt", r.EffectiveAt.Format(time.RFC3339Nano)),
		said(1, of, lifecycle.EventExpedited, "confirmedAt", r.Expedited.ConfirmedAt.Format(time.RFC3339Nano)))

	deleting := func(r lifecycle.Record, until time.Time) time.Time {
		t.Helper()
		for at := begin.Add(time.Hour); at.Before(until); at = at.Add(6 * time.Hour) {
			now, err := lifecycle.Observe(at, at)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range lifecycle.Due(r, now.NotAfter) {
				r = lifecycle.Notified(r, n, now.NotAfter)
			}
			if r.State == lifecycle.Sealed && r.PlanHash == "" {
				r = take(lifecycle.Freeze(r, "sha-256:plan", now))
			}
			f := lifecycle.Facts{Admitted: true}
			if f.Proof, err = prover(k, log).Prove(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if r, _, err = lifecycle.Advance(r, now, f); err != nil && fault.Of(err).Code != fault.CodeStepBlocked {
				t.Fatal(err)
			}
			if r.State == lifecycle.Deleting {
				return r.DeletingAt
			}
		}
		return time.Time{}
	}
	changed := r
	changed.EffectiveAt = begin
	if at := deleting(changed, ends.EffectiveAt); !at.IsZero() {
		t.Errorf("the contract ends at %s, and the deletion began at %s", ends.EffectiveAt, at)
	}
	if at := deleting(r, ends.EffectiveAt.Add(3*lifecycle.Day)); at.Before(ends.EffectiveAt) {
		t.Errorf("the honest one: its deletion began at %s", at)
	}
}

// checked holds that the proof itself is of the entry and the checkpoint that are named, and takes it out.
func checked(t *testing.T, k logKey, p *lifecycle.LogProof, log []audit.Entry) {
	t.Helper()
	v, err := k.verifier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var proof auditlog.Proof
	if err := json.Unmarshal([]byte(p.Evidence), &proof); err != nil {
		t.Fatal(err)
	}
	p.Evidence = ""
	tree, err := proof.Check(v)
	if err != nil || !tree.At.Equal(p.SignedAt) {
		t.Errorf("proof: %+v, %v", tree, err)
	}
	line, err := log[proof.Index].Canonical()
	if leaf := sha256.Sum256(append([]byte{0}, line...)); err != nil || log[proof.Index].ID != p.Entry || !bytes.Equal(leaf[:], proof.Leaf) {
		t.Errorf("the proof is of entry %d, not of %s", proof.Index, p.Entry)
	}
}

// TestForgedProof holds that a log that is not as it was signed proves nothing and is an error, as is one that cannot be
// read.
func TestForgedProof(t *testing.T) {
	k, of := newLogKey(t), tenantID(1)
	end := said(1, of, lifecycle.EventTerminated, "effectiveAt", signedAt(30).Format(time.RFC3339Nano))
	honest := func() []auditlog.Block { return blocks(t, k, said(0, of, audit.TenantRenamed), end) }
	down := errors.New("down")
	for _, tc := range []struct {
		name string
		edit func(*retention.LogProver)
	}{
		{"another instant", func(p *retention.LogProver) {
			all := honest()
			all[1].Records[0].Entry = bytes.Replace(all[1].Records[0].Entry, []byte("2028-02-02"), []byte("2027-02-02"), 1)
			*p = *prover(k, all)
		}},
		{"signed by somebody else", func(p *retention.LogProver) { *p = *prover(k, blocks(t, newLogKey(t), end)) }},
		{"not signed", func(p *retention.LogProver) {
			all := honest()
			all[1].Note = ""
			*p = *prover(k, all)
		}},
		{"an older checkpoint", func(p *retention.LogProver) {
			all := honest()
			all[1].Note = all[0].Note
			*p = *prover(k, all)
		}},
		{"an entry left out", func(p *retention.LogProver) { *p = *prover(k, []auditlog.Block{honest()[1]}) }},
		{"storage", func(p *retention.LogProver) {
			p.Block = func(context.Context, id.Tenant, int64) (auditlog.Block, error) { return auditlog.Block{}, down }
		}},
		{"the key", func(p *retention.LogProver) {
			p.Verifier = func(context.Context) (auditlog.KeyVerifier, error) { return nil, down }
		}},
	} {
		p := prover(k, honest())
		tc.edit(p)
		if got, err := p.Prove(t.Context(), lifecycle.Record{Tenant: of}); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", tc.name, got, err)
		}
	}
	if got, err := prover(k, honest()).Prove(t.Context(), lifecycle.Record{Tenant: of}); err != nil || got == nil {
		t.Errorf("the honest one: %v, %v", got, err)
	}
}
