package command_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/certificate"
)

// TestCertificateIsVerified gives the command a certificate that is good, one that says that a promise was broken, and ones
// that were changed, and wants each to be called what it is.
func TestCertificateIsVerified(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) string {
		t.Helper()
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	pub := write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}))
	issue := func(name string, edit func(*certificate.Document)) (string, []byte) {
		t.Helper()
		at := time.Date(2028, 2, 1, 9, 0, 0, 0, time.UTC)
		next := func(d time.Duration) time.Time {
			at = at.Add(d)
			return at
		}
		const day = 24 * time.Hour
		d := certificate.Document{Format: certificate.Format, ID: "c-1", Tenant: "hmac-sha-256:00", PlanHash: "sha-256:1", Policy: certificate.Policy{Version: "1"}, Law: "2", Template: "sha-256:3"}
		d.NoticedAt, d.T0 = at, at
		d.NotBefore, d.SealedAt = next(31*day), next(time.Hour)
		d.DrainUntil, d.DeletingAt, d.FirstVerified, d.SecondVerified = next(25*time.Hour), next(0), next(time.Hour), next(day)
		d.ActiveClearAt, d.KeysDestroyedAt, d.ResidualClearAt, d.LastVerified, d.IssuedAt = next(time.Hour), next(time.Hour), next(29*day), next(time.Hour), next(time.Hour)
		d.Stores = []certificate.Store{{Name: "records", Before: 3, Deleted: 3, DoneAt: d.FirstVerified, Receipt: &certificate.Receipt{Provider: "x", Method: "y", At: at}}}
		d.Log = logged(t, key, d.T0)
		edit(&d)
		text, err := d.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(certificate.Message(text))
		sig, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		packed, err := certificate.Pack(text, sig)
		if err != nil {
			t.Fatal(err)
		}
		return write(name, packed), packed
	}
	fine, packed := issue("good.json", func(*certificate.Document) {})
	code, said := ctl(t, "", "verify", "certificate", fine, "-key", pub)
	if code != command.Good || !strings.Contains(said, "good: certificate c-1") || !strings.Contains(said, "1 stores, 0 items left") || !strings.Contains(said, "as entry 0 with leaf") || !strings.Contains(said, "policy 1, law 2, template sha-256:3") {
		t.Errorf("%d %s", code, said)
	}
	code, said = ctl(t, "", "verify", "certificate", "-json", "-key", pub, fine)
	var report struct {
		Good       bool
		Violations []string
	}
	if err := json.Unmarshal([]byte(said), &report); err != nil || code != command.Good || !report.Good || len(report.Violations) != 0 {
		t.Errorf("%d %s", code, said)
	}
	broken, _ := issue("broken.json", func(d *certificate.Document) { d.Stores[0].After = 2; d.ResidualBy = d.T0 })
	code, said = ctl(t, "", "verify", "certificate", broken, "-key", pub)
	if code != command.Bad || !strings.Contains(said, "2 items are left in store records") || strings.Contains(said, "good:") || strings.Contains(said, "NOT what was signed") {
		t.Errorf("%d %s", code, said)
	}
	forged, _ := issue("forged.json", func(d *certificate.Document) { d.Log.Leaf[0] ^= 1 })
	if code, said := ctl(t, "", "verify", "certificate", forged, "-key", pub); code != command.Bad || !strings.Contains(said, "NOT what was signed") || !strings.Contains(said, "its proof from the audit log is wrong") {
		t.Errorf("%d %s", code, said)
	}
	unproven, _ := issue("unproven.json", func(d *certificate.Document) { d.Log = nil })
	if code, said := ctl(t, "", "verify", "certificate", unproven, "-key", pub); code != command.Bad || !strings.Contains(said, "does not prove that the end of the contract stood in the audit log") {
		t.Errorf("%d %s", code, said)
	}
	changed := write("changed.json", bytes.Replace(packed, []byte(`"before":3`), []byte(`"before":9`), 1))
	if code, said := ctl(t, "", "verify", "certificate", changed, "-key", pub); code != command.Bad || !strings.Contains(said, "NOT what was signed") {
		t.Errorf("%d %s", code, said)
	}
	for _, args := range [][]string{{"verify", "certificate"}, {"verify", "certificate", fine}, {"verify", "certificate", fine, "-kye", pub}} {
		if code, said := ctl(t, "", args...); code != command.Usage {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
	if code, said := ctl(t, "", "verify", "certificate", filepath.Join(dir, "none"), "-key", pub); code != command.Bad || !strings.Contains(said, "cannot be read") {
		t.Errorf("%d %s", code, said)
	}
}

// checkpointKey signs checkpoints.
type checkpointKey struct{ *ecdsa.PrivateKey }

// Sign implements auditlog.Signer.
func (k checkpointKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, k.PrivateKey, sum[:])
}

// PublicKey implements auditlog.Signer.
func (k checkpointKey) PublicKey(context.Context) ([]byte, error) {
	return x509.MarshalPKIXPublicKey(&k.PrivateKey.PublicKey)
}

// logged is the proof of the only entry of a log.
func logged(t *testing.T, key *ecdsa.PrivateKey, at time.Time) *certificate.Log {
	t.Helper()
	head, _ := auditlog.Head{Alias: "alias"}.Append([]byte("the end"))
	signed, err := auditlog.Sign(t.Context(), checkpointKey{key}, auditlog.Checkpoint(head, at))
	if err != nil {
		t.Fatal(err)
	}
	leaf := head.Root()
	return &certificate.Log{SignedAt: at, Proof: auditlog.Proof{Leaf: leaf[:], Path: [][]byte{}, Checkpoint: signed}}
}
