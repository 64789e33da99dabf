// Package apikey makes, reads and verifies API keys: pc_<env>_<keyid>_<secret>_<crc>.
//
// The key identifier holds the tenant's identifier, so that the record is found under a key that begins with the
// tenant. The secret has 192 random bits; only its SHA-256 is stored (a slow password hash would add nothing to that
// much entropy). The CRC-32 lets secret scanners and typing errors be told from real keys without a look-up.
package apikey

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const (
	keyIDBytes  = 16 + 8 // tenant, then random
	secretBytes = 24
)

// Key is what is kept of an API key.
type Key struct {
	ID        string // 39 characters; the first 16 of its 24 bytes are the tenant
	Tenant    id.Tenant
	Name      string
	Scopes    []access.Scope
	Hash      [sha256.Size]byte // SHA-256 of the secret
	CreatedAt time.Time
	ExpiresAt time.Time
	RevokedAt time.Time // zero while the key is live
}

// Store keeps keys. Key returns a not-found fault for an unknown one; a key and its audit entry are stored together.
type Store interface {
	Key(ctx context.Context, tenant id.Tenant, keyID string) (Key, error)
	PutKey(ctx context.Context, k Key, e audit.Entry) error
}

// Mint makes a key and its text form. The text is shown once and stored nowhere.
func Mint(env string, tenant id.Tenant, name string, scopes []access.Scope, now time.Time, life time.Duration, random io.Reader) (Key, string, error) {
	owner, ok := id.Bytes(tenant)
	if !ok || env == "" || strings.ContainsFunc(env, func(r rune) bool { return r < 'a' || r > 'z' }) {
		return Key{}, "", fmt.Errorf("apikey: environment %q or tenant %q is not usable in a key", env, tenant)
	}
	raw := make([]byte, keyIDBytes+secretBytes)
	copy(raw, owner[:])
	if _, err := io.ReadFull(random, raw[16:]); err != nil {
		return Key{}, "", fmt.Errorf("apikey: random reader: %w", err)
	}
	k := Key{
		ID: text(raw[:keyIDBytes]), Tenant: tenant, Name: name, Scopes: slices.Clone(scopes),
		Hash: sha256.Sum256(raw[keyIDBytes:]), CreatedAt: now, ExpiresAt: now.Add(life),
	}
	body := "pc_" + env + "_" + k.ID + "_" + text(raw[keyIDBytes:])
	return k, body + "_" + checksum(body), nil
}

// Presented is a well-formed key text, not yet verified.
type Presented struct {
	Env    string
	KeyID  string
	Tenant id.Tenant
	Hash   [sha256.Size]byte
}

// Parse reads a key text; ok is false when its form or checksum is wrong.
func Parse(s string) (p Presented, ok bool) {
	parts := strings.Split(s, "_")
	if len(s) > 160 || len(parts) != 5 || parts[0] != "pc" || parts[1] == "" {
		return p, false
	}
	if checksum(s[:len(s)-len(parts[4])-1]) != parts[4] {
		return p, false
	}
	keyID, err := encoding().DecodeString(strings.ToUpper(parts[2]))
	if err != nil || len(keyID) != keyIDBytes || text(keyID) != parts[2] {
		return p, false
	}
	secret, err := encoding().DecodeString(strings.ToUpper(parts[3]))
	if err != nil || len(secret) != secretBytes || text(secret) != parts[3] {
		return p, false
	}
	return Presented{Env: parts[1], KeyID: parts[2], Tenant: id.FromBytes[id.Tenant]([16]byte(keyID)), Hash: sha256.Sum256(secret)}, true
}

// Verifier tells whose key a text is. A verified key is remembered for Remember, which bounds how long a revocation
// takes to bite; refusals are never remembered.
type Verifier struct {
	env      string
	store    Store
	now      clock.Clock
	remember *memory
}

// Remember is how long a verified key is taken for good without looking again.
const Remember = 30 * time.Second

// NewVerifier makes a verifier for keys of one environment.
func NewVerifier(env string, store Store, now clock.Clock) *Verifier {
	return &Verifier{env: env, store: store, now: now, remember: newMemory()}
}

// Verify returns the principal of a key text. Every refusal is the same unauthenticated fault, whatever its reason; a
// storage failure is returned as it is.
func (v *Verifier) Verify(ctx context.Context, s string) (access.Principal, error) {
	now := v.now()
	p, ok := Parse(s)
	if !ok || p.Env != v.env {
		return access.Principal{}, refused()
	}
	if known, ok := v.remember.get(p.KeyID, p.Hash, now); ok {
		return known, nil
	}
	k, err := v.store.Key(ctx, p.Tenant, p.KeyID)
	if err != nil && fault.Of(err).Kind != fault.NotFound {
		return access.Principal{}, err
	}
	// An unknown key is compared with the zero hash, so that it takes the same path as a wrong secret.
	same := subtle.ConstantTimeCompare(k.Hash[:], p.Hash[:]) == 1
	if err != nil || !same || !k.RevokedAt.IsZero() || !now.Before(k.ExpiresAt) {
		return access.Principal{}, refused()
	}
	principal := access.Principal{Tenant: k.Tenant, ID: k.ID, Scopes: k.Scopes}
	until := now.Add(Remember)
	if k.ExpiresAt.Before(until) {
		until = k.ExpiresAt
	}
	v.remember.put(p.KeyID, p.Hash, principal, until)
	return principal, nil
}

func refused() error {
	return fault.New(fault.CodeUnauthenticated, "A valid API key is required: send it as Authorization: Bearer pc_….")
}

func encoding() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

func text(b []byte) string { return strings.ToLower(encoding().EncodeToString(b)) }

func checksum(s string) string {
	return text(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}
