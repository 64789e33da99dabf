package apikey

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/netip"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Verifier tells whose key a text is. A verified key is remembered for Remember, which bounds how long a revocation
// takes to bite; refusals are never remembered.
type Verifier struct {
	Env     string
	Store   Store
	IDs     *id.Source
	Doors   func(ctx context.Context, t id.Tenant) (access.Door, error)            // of the tenant
	Network func(ctx context.Context, t id.Tenant, network string) (string, error) // keyed digest

	remember memory
}

// Remember is how long a verified key is taken for good without looking again.
const Remember = 30 * time.Second

// Verify returns the principal of a key text. Every refusal is the same unauthenticated fault, whatever its reason; when
// the key is one of a tenant's, the principal still names it, so that the attempt can be written down there. A storage
// failure is returned as it is. What is read is read with credentials for the tenant that the text names only.
func (v *Verifier) Verify(ctx context.Context, s string, from netip.Addr, at time.Time) (access.Principal, error) {
	p, ok := Parse(s)
	if !ok || p.Env != v.Env {
		return access.Principal{}, access.Unauthenticated()
	}
	ctx = access.As(ctx, p.Tenant)
	known, ok := v.remember.get(p.KeyID, p.Hash, at)
	if !ok {
		var err error
		if known, err = v.look(ctx, p, at); err != nil {
			return known.principal, err
		}
	}
	if !known.key.admits(from) {
		return attempted(known.key), access.Unauthenticated()
	}
	if lifecycle.Behind(known.principal.Door, at).Closed() {
		return known.principal, nil // nothing is written for a tenant whose deletion begins
	}
	return known.principal, v.used(ctx, known.key, from, at)
}

// look reads the key and its tenant and remembers them.
func (v *Verifier) look(ctx context.Context, p Presented, at time.Time) (remembered, error) {
	k, err := v.Store.Key(ctx, p.Tenant, p.KeyID)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return remembered{}, err
	}
	// An unknown key is compared with the zero hash, so that it takes the same path as a wrong secret.
	same := subtle.ConstantTimeCompare(k.Hash[:], p.Hash[:]) == 1
	if err != nil {
		return remembered{}, access.Unauthenticated()
	}
	if !same || !k.Live(at) {
		return remembered{principal: attempted(k)}, access.Unauthenticated()
	}
	door, err := v.Doors(ctx, p.Tenant)
	if err != nil {
		return remembered{}, err
	}
	until := at.Add(Remember)
	if k.ExpiresAt.Before(until) {
		until = k.ExpiresAt
	}
	known := remembered{
		hash: p.Hash, key: k, until: until,
		principal: access.Principal{Tenant: k.Tenant, Kind: access.Key, ID: k.ID, Scopes: k.Scopes, Door: door},
	}
	v.remember.put(known)
	return known, nil
}

// used writes a use down, once an hour and network in this process; the store knows what others have written.
func (v *Verifier) used(ctx context.Context, k Key, from netip.Addr, at time.Time) error {
	hour, network := at.UTC().Truncate(time.Hour), Network(from)
	if !v.remember.first(k.ID, network, hour) {
		return nil
	}
	digest, err := v.Network(ctx, k.Tenant, network)
	if err != nil {
		return err
	}
	by := access.Caller{Tenant: k.Tenant, Actor: "key:" + k.ID, Request: id.New[id.Request](v.IDs), At: at}
	entry := audit.New(v.IDs, by, audit.KeyUsed, "api-key:"+k.ID, "", "")
	entry.Network = digest
	if err := v.Store.Used(ctx, Use{Key: k, Hour: hour, Network: digest, Entry: entry}); err != nil {
		v.remember.forget(k.ID, network)
		return err
	}
	return nil
}

// Network is the part of an address that tells networks apart: /24 of IPv4, /48 of IPv6; "" for none.
func Network(from netip.Addr) string {
	from = from.Unmap()
	bits := 48
	if from.Is4() {
		bits = 24
	}
	p, err := from.WithZone("").Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

func attempted(k Key) access.Principal {
	return access.Principal{Tenant: k.Tenant, Kind: access.Key, ID: k.ID}
}
