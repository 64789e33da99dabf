package dynamo

import (
	"context"
	"errors"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tenants implements tenant.Store. The tenant's name is sealed like everything it tells us.
type Tenants struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
}

// NewTenants makes the store.
func NewTenants(db *DB, ring *keyring.Ring[id.Tenant]) *Tenants { return &Tenants{db: db, ring: ring} }

// Tenant returns a tenant. One read.
func (s *Tenants) Tenant(ctx context.Context, t id.Tenant) (tenant.Tenant, error) {
	k := tenantKey(t)
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err != nil {
		return tenant.Tenant{}, err
	}
	got, err := tenantOf(t, it)
	if err != nil {
		return tenant.Tenant{}, err
	}
	r := reader{it: it}
	name, err := s.ring.Open(ctx, t, k.place("name"), r.blob("nm"))
	got.Name = string(name)
	return got, errors.Join(r.err, err)
}

// Door returns what a tenant's row says about who may come in. One read, nothing unsealed.
func (s *Tenants) Door(ctx context.Context, t id.Tenant) (access.Door, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, tenantKey(t))
	if err != nil {
		return access.Door{}, err
	}
	got, err := tenantOf(t, it)
	return got.Door(), err
}

// Update stores a changed tenant with its audit entry and notice. One transaction.
func (s *Tenants) Update(ctx context.Context, t tenant.Tenant, e audit.Entry, n audit.Notice) error {
	k := tenantKey(t.ID)
	name, err := s.ring.Seal(ctx, t.ID, k.place("name"), []byte(t.Name))
	if err != nil {
		return err
	}
	x := &transaction{}
	x.update(s.db.tables.Records, k,
		"SET nm = :n, sso = :o, mfa = :m, dom = :d, hrs = :h, rev = rev + :one, ep = ep + :one", "rev = :r",
		item{":n": blob(name), ":o": flag(t.Policy.SSOOnly), ":m": flag(t.Policy.RequireMFA), ":d": texts(t.Policy.Domains),
			":h": number(t.Policy.SessionHours), ":one": number(1), ":r": number(t.Revision)},
		means(fault.New(fault.CodeRevisionStale, "Somebody else changed the organisation at this moment.")))
	writeAudit(s.db, x, e)
	writeNotice(s.db, x, t.ID, n)
	return s.db.commit(ctx, x)
}

// tenantItem is the row of a new tenant.
func tenantItem(t tenant.Tenant, name []byte) item {
	it := tenantKey(t.ID).attributes()
	it["v"], it["nm"], it["crt"] = number(1), blob(name), moment(t.CreatedAt)
	it["st"], it["own"], it["ep"], it["rev"] = text(string(t.State)), number(t.Owners), number(t.Epoch), number(t.Revision)
	it["sso"], it["mfa"], it["dom"], it["hrs"] = flag(t.Policy.SSOOnly), flag(t.Policy.RequireMFA), texts(t.Policy.Domains), number(t.Policy.SessionHours)
	return it
}

// tenantOf reads everything but the sealed name.
func tenantOf(t id.Tenant, it item) (tenant.Tenant, error) {
	if it == nil {
		return tenant.Tenant{}, noTenant()
	}
	r := reader{it: it}
	if !lifecycle.State(r.text("st")).Known() {
		r.miss("st")
	}
	got := tenant.Tenant{
		ID: t, State: access.State(r.text("st")), Effective: r.optionalMoment("ef"), Halted: r.has("hlt"), Owners: int(r.number("own")), Epoch: r.number("ep"), Revision: r.number("rev"), CreatedAt: r.moment("crt"),
		Policy: tenant.Policy{SSOOnly: r.flag("sso"), RequireMFA: r.flag("mfa"), Domains: r.texts("dom"), SessionHours: int(r.number("hrs"))},
	}
	return got, r.err
}

func noTenant() error {
	return fault.New(fault.CodeOrganisationUnknown, "There is no such organisation.")
}

// stirTenant makes the epoch one larger and changes the number of owners, which never becomes 0.
func stirTenant(db *DB, x *transaction, t id.Tenant, owners int, refusal error) {
	set, condition := "SET ep = ep + :one", "attribute_exists(PK)"
	values := item{":one": number(1)}
	if owners != 0 {
		set += ", own = own + :d"
		values[":d"] = number(owners)
	}
	if owners < 0 {
		condition = "own > :one"
	}
	x.update(db.tables.Records, tenantKey(t), set, condition, values, means(refusal))
}
