// Package tenant knows the organisations that keep passports here, and how one comes into being: its record, its own
// encryption key and its first API key.
package tenant

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tenant is an organisation.
type Tenant struct {
	ID        id.Tenant
	Name      string
	CreatedAt time.Time
}

// Store keeps tenants. The record and its audit entry are stored together.
type Store interface {
	Create(ctx context.Context, t Tenant, e audit.Entry) error
	Tenant(ctx context.Context, t id.Tenant) (Tenant, error)
}

// Keys gives a tenant its encryption key.
type Keys interface {
	Create(ctx context.Context, t id.Tenant) error
}

// Founder makes tenants.
type Founder struct {
	Store   Store
	Keys    Keys
	APIKeys apikey.Store
	IDs     *id.Source
	Now     clock.Clock
	Random  io.Reader
	Env     string // environment name in API keys
}

// firstKeyLife is how long the first key of a tenant lives.
const firstKeyLife = 365 * 24 * time.Hour

// Found makes a tenant with an encryption key and a first API key that may do everything. The key's text is returned
// once and stored nowhere. When a step fails, what was made before it is unreachable without the key and harmless.
func (f *Founder) Found(ctx context.Context, name string) (Tenant, string, error) {
	t := Tenant{ID: id.New[id.Tenant](f.IDs), Name: name, CreatedAt: f.Now()}
	by := access.Caller{Tenant: t.ID, Actor: "system:founder", Request: id.New[id.Request](f.IDs), At: t.CreatedAt}
	if err := f.Keys.Create(ctx, t.ID); err != nil {
		return Tenant{}, "", fmt.Errorf("found tenant: %w", err)
	}
	if err := f.Store.Create(ctx, t, audit.New(f.IDs, by, audit.TenantCreated, "tenant:"+string(t.ID), "", "")); err != nil {
		return Tenant{}, "", fmt.Errorf("found tenant: %w", err)
	}
	k, text, err := apikey.Mint(f.Env, t.ID, "first key", access.Scopes(), t.CreatedAt, firstKeyLife, f.Random)
	if err != nil {
		return Tenant{}, "", err
	}
	entry := audit.New(f.IDs, by, audit.KeyCreated, "api-key:"+k.ID, "", "")
	if err := f.APIKeys.PutKey(ctx, k, entry); err != nil {
		return Tenant{}, "", fmt.Errorf("found tenant: %w", err)
	}
	return t, text, nil
}
