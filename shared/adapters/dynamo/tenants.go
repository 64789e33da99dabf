package dynamo

import (
	"context"
	"errors"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tenants implements tenant.Store. The tenant's name is sealed like everything it tells us.
type Tenants struct {
	db   *DB
	ring *keyring.Ring
}

// NewTenants makes the store.
func NewTenants(db *DB, ring *keyring.Ring) *Tenants { return &Tenants{db: db, ring: ring} }

// Create stores a new tenant with its audit entry.
func (s *Tenants) Create(ctx context.Context, t tenant.Tenant, e audit.Entry) error {
	k := tenantKey(t.ID)
	name, err := s.ring.Seal(ctx, t.ID, k.place("name"), []byte(t.Name))
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["name"], it["crt"] = number(1), blob(name), moment(t.CreatedAt)
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(errors.New("dynamo: tenant exists")))
	writeAudit(s.db, x, e)
	return s.db.commit(ctx, x)
}

// Tenant returns a tenant. One read.
func (s *Tenants) Tenant(ctx context.Context, t id.Tenant) (tenant.Tenant, error) {
	k := tenantKey(t)
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err != nil {
		return tenant.Tenant{}, err
	}
	if it == nil {
		return tenant.Tenant{}, fault.New(fault.CodeRouteNotFound, "There is no such organisation.")
	}
	r := reader{it: it}
	name, err := s.ring.Open(ctx, t, k.place("name"), r.blob("name"))
	if err != nil {
		return tenant.Tenant{}, err
	}
	return tenant.Tenant{ID: t, Name: string(name), CreatedAt: r.moment("crt")}, r.err
}

// APIKeys implements apikey.Store.
type APIKeys struct{ db *DB }

// NewAPIKeys makes the store.
func NewAPIKeys(db *DB) *APIKeys { return &APIKeys{db: db} }

// PutKey stores a new key with its audit entry.
func (s *APIKeys) PutKey(ctx context.Context, k apikey.Key, e audit.Entry) error {
	it := apiKeyKey(k.Tenant, k.ID).attributes()
	scopes := make([]string, len(k.Scopes))
	for i, scope := range k.Scopes {
		scopes[i] = string(scope)
	}
	it["v"], it["id"], it["nm"], it["sc"], it["hash"] = number(1), text(k.ID), text(k.Name), texts(scopes), blob(k.Hash[:])
	it["crt"], it["exp"] = moment(k.CreatedAt), moment(k.ExpiresAt)
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(errors.New("dynamo: key exists")))
	writeAudit(s.db, x, e)
	return s.db.commit(ctx, x)
}

// Key returns a key. One read.
func (s *APIKeys) Key(ctx context.Context, t id.Tenant, keyID string) (apikey.Key, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, apiKeyKey(t, keyID))
	if err != nil {
		return apikey.Key{}, err
	}
	if it == nil {
		return apikey.Key{}, fault.New(fault.CodeRouteNotFound, "There is no such key.")
	}
	r := reader{it: it}
	k := apikey.Key{
		ID: r.text("id"), Tenant: t, Name: r.text("nm"), CreatedAt: r.moment("crt"), ExpiresAt: r.moment("exp"),
		RevokedAt: r.optionalMoment("rvk"),
	}
	if copy(k.Hash[:], r.blob("hash")) != len(k.Hash) {
		r.miss("hash")
	}
	for _, scope := range r.texts("sc") {
		k.Scopes = append(k.Scopes, access.Scope(scope))
	}
	return k, r.err
}
