// Package apikey makes, reads and verifies API keys: pc_<env>_<keyid>_<secret>_<crc>.
//
// The key identifier holds the tenant's identifier, so that the record is found under a key that begins with the
// tenant. The secret has 192 random bits; only its SHA-256 is stored (a slow password hash would add nothing to that
// much entropy). The CRC-32 lets secret scanners and typing errors be told from real keys without a look-up.
package apikey

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/opaque"
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
	RevokedAt time.Time      // zero while the key is live
	UsedAt    time.Time      // to the hour; zero before the first use
	From      []netip.Prefix // networks from which it may be used; none: from everywhere
	CreatedBy string         // actor
}

// Use is one use of a key, written down at most once an hour for each network.
type Use struct {
	Key     Key
	Hour    time.Time
	Network string // keyed digest of the caller's network
	Entry   audit.Entry
}

// Store keeps keys. Key returns an api-key-not-found fault for an unknown one. A key and its audit entry are stored
// together, and so are a use and its entry; Used does nothing for a use that is written down already. Revoke returns an
// api-key-not-found fault for a key that is not live.
type Store interface {
	Key(ctx context.Context, tenant id.Tenant, keyID string) (Key, error)
	Keys(ctx context.Context, tenant id.Tenant) ([]Key, error)
	PutKey(ctx context.Context, k Key, e audit.Entry, n audit.Notice) error
	Revoke(ctx context.Context, k Key, e audit.Entry, n audit.Notice) error
	Used(ctx context.Context, u Use) error
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
		ID: opaque.Text(raw[:keyIDBytes]), Tenant: tenant, Name: name, Scopes: slices.Clone(scopes),
		Hash: sha256.Sum256(raw[keyIDBytes:]), CreatedAt: now, ExpiresAt: now.Add(life),
	}
	body := "pc_" + env + "_" + k.ID + "_" + opaque.Text(raw[keyIDBytes:])
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
	keyID, ok := opaque.Bytes(parts[2], keyIDBytes)
	secret, ok2 := opaque.Bytes(parts[3], secretBytes)
	if !ok || !ok2 {
		return p, false
	}
	return Presented{Env: parts[1], KeyID: parts[2], Tenant: id.FromBytes[id.Tenant]([16]byte(keyID)), Hash: sha256.Sum256(secret)}, true
}

// Live tells whether the key works at an instant.
func (k Key) Live(at time.Time) bool { return k.RevokedAt.IsZero() && at.Before(k.ExpiresAt) }

// Prefix is what may be shown of a key to tell it from others: the beginning of its text form.
func (k Key) Prefix(env string) string {
	return "pc_" + env + "_" + k.ID[:8] + "…" + k.ID[len(k.ID)-4:]
}

// admits tells whether the key may be used from an address.
func (k Key) admits(from netip.Addr) bool {
	return len(k.From) == 0 || slices.ContainsFunc(k.From, func(p netip.Prefix) bool { return p.Contains(from.Unmap()) })
}

func checksum(s string) string {
	return opaque.Text(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(s))))
}
