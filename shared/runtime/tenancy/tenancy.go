// Package tenancy builds what works on tenants' sealed data: the gate that asks for an identity, reading passports, and
// organisations with their people and keys. It links the key service and the object storage, which the public functions do without: their start
// would cost the resolver a millisecond.
package tenancy

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/adapters/sessions"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/authentication"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/quota"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// App is the whole platform in one process.
type App struct {
	*wire.App

	mu      sync.Mutex
	ring    *keyring.Ring[id.Tenant]
	persons *keyring.Ring[id.Person]
	reader  *passport.Reader
	gate    *httpapi.Gate

	issuers sync.Once
	tokens  *identity.Verifier // one for all, so that the issuer's keys are fetched once
}

// Open builds the platform of a Lambda function from the process environment, as wire.Open does.
func Open() *App { return confined(wire.Open()) }

// New builds the platform from a configuration; zero parts are replaced by the real ones.
func New(config wire.Config, parts wire.Parts) *App { return confined(wire.New(config, parts)) }

// confined has every call for a tenant made in a session that reaches that tenant only.
func confined(app *wire.App) *App {
	c, parts := app.Config(), app.Parts()
	app.Confine(func(cfg aws.Config) aws.CredentialsProvider {
		return sessions.New(cfg, c.STSEndpoint, parts.Identity, parts.Now, httpapi.Count)
	})
	return &App{App: app}
}

// Private is the gate of routes that need an identity.
func (a *App) Private() *httpapi.Gate {
	ring, persons := a.keyring(), a.personKeys()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate == nil {
		gate, db := *a.Public(), a.Database()
		network := func(ctx context.Context, t id.Tenant, network string) (string, error) {
			return ring.Blind(ctx, t, "network", network)
		}
		keys := &apikey.Verifier{
			Env: a.Config().Env, Store: dynamo.NewAPIKeys(db), IDs: a.IDs(), Doors: dynamo.NewTenants(db, ring).Door, Network: network,
		}
		gate.Auth = authentication.New(keys, a.Tokens(), dynamo.NewPeople(db, persons), dynamo.NewMembers(db, ring, persons, a.Parts().Now))
		gate.Watch = &audit.Watch{Journal: dynamo.NewAudits(db), IDs: a.IDs(), Network: func(ctx context.Context, t id.Tenant, from netip.Addr) (string, error) {
			return network(ctx, t, apikey.Network(from))
		}}
		gate.Idempotency = dynamo.NewAttempts(db, ring)
		gate.Quota = quota.NewLimiter(dynamo.NewBuckets(db), a.Config().RatePerKey)
		a.gate = &gate
	}
	return a.gate
}

// Tokens verifies what people sign in with; nil when no issuer is configured.
func (a *App) Tokens() authentication.Tokens {
	c := a.Config()
	if c.TokenIssuer == "" {
		return nil
	}
	a.issuers.Do(func() {
		issuer := identity.Issuer{URL: c.TokenIssuer, JWKS: c.TokenKeys, ClientID: c.TokenClient}
		a.tokens = identity.NewVerifier([]identity.Issuer{issuer}, a.Parts().Web, a.Parts().Now)
	})
	return a.tokens
}

// Authenticators sets up second factors; without a sign-in service it says that it does not answer.
func (a *App) Authenticators() *identity.Client {
	c := a.Config()
	return identity.NewClient(identity.Provider{APIURL: c.TokenAPI, ClientID: c.TokenClient}, a.Parts().Web)
}

// Trail lists the audit trail.
func (a *App) Trail() *dynamo.Trail {
	return dynamo.NewTrail(a.Database(), a.keyring(), a.Parts().Now)
}

// AuditLogs reads audit logs.
func (a *App) AuditLogs() *dynamo.AuditLogs { return dynamo.NewAuditLogs(a.Database()) }

// Journal writes single entries.
func (a *App) Journal() *audit.Scribe {
	return &audit.Scribe{Journal: dynamo.NewAudits(a.Database()), IDs: a.IDs()}
}

// Reader is what a tenant can read of its passports. Changing them is built by package editing, which links the schema
// validator.
func (a *App) Reader() *passport.Reader {
	store := a.passports()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reader == nil {
		a.reader = &passport.Reader{Store: store, History: store, Groups: a.ProductGroups().Find}
	}
	return a.reader
}

// Documents is what a tenant can do with the papers that go with its passports.
func (a *App) Documents() *document.Service {
	return &document.Service{Store: a.papers(), Journal: dynamo.NewAudits(a.Database()), IDs: a.IDs()}
}

// Accounts is what people do for themselves.
func (a *App) Accounts() *member.Accounts {
	ring, persons, db, now := a.keyring(), a.personKeys(), a.Database(), a.Parts().Now
	return &member.Accounts{
		People: dynamo.NewPeople(db, persons), Members: dynamo.NewMembers(db, ring, persons, now), Tenants: dynamo.NewTenants(db, ring),
		Invitations: dynamo.NewInvitations(db, ring, now), Keys: ring, Journal: dynamo.NewAudits(db), Holds: a.Holds(), Eraser: dynamo.NewWorks(db), IDs: a.IDs(),
	}
}

// Holds keeps legal holds, without their cases.
func (a *App) Holds() *dynamo.Holds { return dynamo.NewHolds(a.Database()) }

// Cases keeps legal holds with their cases.
func (a *App) Cases() *dynamo.Holds { return a.Holds().WithCases(a.keyring()) }

// Stage refuses what the contract of an organisation does not allow now. It is for jobs, at whose door nobody asks.
func (a *App) Stage(c lifecycle.Capability) func(ctx context.Context, t id.Tenant) error {
	doors := dynamo.NewTenants(a.Database(), nil)
	return func(ctx context.Context, t id.Tenant) error {
		door, err := doors.Door(access.As(ctx, t), t)
		if err != nil {
			return err
		}
		return lifecycle.Enter(door, c, a.Parts().Now())
	}
}

// Choices keeps what organisations say about their passports before they leave.
func (a *App) Choices() *dynamo.Choices { return dynamo.NewChoices(a.Database(), a.keyring()) }

// Members is what the people in charge can do with members and invitations.
func (a *App) Members(mailer member.Mailer) *member.Service {
	ring, persons, db, now := a.keyring(), a.personKeys(), a.Database(), a.Parts().Now
	return &member.Service{
		Store: dynamo.NewMembers(db, ring, persons, now), Invitations: dynamo.NewInvitations(db, ring, now), Mailer: mailer, Holds: a.Holds(),
		IDs: a.IDs(), Random: a.Parts().Random, Links: func(token string) string { return a.PublicBaseURL() + "/invitation#" + token },
	}
}

// Tenants is what the people in charge can do with their organisation itself.
func (a *App) Tenants() *tenant.Service {
	return &tenant.Service{Store: dynamo.NewTenants(a.Database(), a.keyring()), IDs: a.IDs()}
}

// APIKeys is what the people in charge can do with API keys.
func (a *App) APIKeys() *apikey.Service {
	return &apikey.Service{Store: dynamo.NewAPIKeys(a.Database()), IDs: a.IDs(), Random: a.Parts().Random, Env: a.Config().Env}
}

// Notices reads notices.
func (a *App) Notices() *dynamo.Notices {
	return dynamo.NewNotices(a.Database(), a.keyring(), a.Parts().Now)
}

// Runs keeps imports of tables and documents.
func (a *App) Runs() *dynamo.Runs { return dynamo.NewRuns(a.Database(), a.keyring()) }

// Imports keeps imports of archives.
func (a *App) Imports() *dynamo.Imports { return dynamo.NewImports(a.Database(), a.keyring()) }

// Recipes keeps recipes for them.
func (a *App) Recipes() *dynamo.Recipes { return dynamo.NewRecipes(a.Database(), a.keyring()) }

// Dump reads everything that a tenant has here.
func (a *App) Dump() *dynamo.Dump {
	ring, persons, db, now := a.keyring(), a.personKeys(), a.Database(), a.Parts().Now
	return &dynamo.Dump{
		Records: a.passports(), Members: dynamo.NewMembers(db, ring, persons, now), Invitations: dynamo.NewInvitations(db, ring, now), Keys: dynamo.NewAPIKeys(db),
		Tenants: dynamo.NewTenants(db, ring), Notices: a.Notices(), Logs: a.AuditLogs(), Recipes: a.Recipes(), Papers: a.papers(),
		Choices: a.Choices(), Lives: dynamo.NewLives(db), Holds: a.Cases(),
	}
}

// Found makes an organisation with a new person as its owner and a first key that may do everything: for the local
// runner and for tests. No route uses it.
func (a *App) Found(ctx context.Context, name string, owner member.Person, i member.Identity) (tenant.Tenant, string, error) {
	accounts, now := a.Accounts(), a.Parts().Now()
	person, err := accounts.People.Find(ctx, i)
	if errors.Is(err, fault.NotFound) {
		owner.ID, owner.CreatedAt = id.New[id.Person](a.IDs()), now
		person, err = owner.ID, accounts.People.Create(ctx, owner, i)
	}
	if err != nil {
		return tenant.Tenant{}, "", err
	}
	self := member.Self{Identity: i, Person: person, Request: id.New[id.Request](a.IDs()), At: now}
	t, err := accounts.Found(ctx, self, name)
	if err != nil {
		return tenant.Tenant{}, "", err
	}
	by := access.Caller{Tenant: t.ID, Actor: "person:" + string(person), Role: access.Owner, Request: self.Request, At: now}
	_, text, err := a.APIKeys().Create(access.As(ctx, t.ID), by, apikey.Order{Name: "first key", Scopes: access.Scopes()})
	return t, text, err
}

// Stores are the adapters below the services, for contract tests and operator tools. No function uses them.
type Stores struct {
	Passports  *dynamo.Passports
	Public     *dynamo.PublicViews
	Attempts   *dynamo.Attempts
	Audits     *dynamo.Audits
	APIKeys    *dynamo.APIKeys
	Ring       *keyring.Ring[id.Tenant]
	Persons    *dynamo.DataKeys[id.Person]
	PersonRing *keyring.Ring[id.Person]
	Random     io.Reader
}

// Stores builds all adapters.
func (a *App) Stores() Stores {
	ring, db := a.keyring(), a.Database()
	return Stores{
		Passports: a.passports(), Public: dynamo.NewPublicViews(db), Attempts: dynamo.NewAttempts(db, ring),
		Audits: dynamo.NewAudits(db), APIKeys: dynamo.NewAPIKeys(db), Ring: ring, Persons: dynamo.NewPersonKeys(db), PersonRing: a.personKeys(), Random: a.Parts().Random,
	}
}

func (a *App) passports() *dynamo.Passports {
	return dynamo.NewPassports(a.Database(), a.keyring(), a.contents(), a.Parts().Now)
}

func (a *App) papers() *dynamo.Documents {
	return dynamo.NewDocuments(a.Database(), a.keyring(), a.contents(), a.Parts().Now)
}

func (a *App) contents() *objects.Contents {
	return objects.Open(a.AWS(), a.Config().S3Endpoint, a.Config().DocumentsBucket, httpapi.Count)
}

func (a *App) keyring() *keyring.Ring[id.Tenant] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ring == nil {
		wrapper := kms.Open[id.Tenant](a.AWS(), a.Config().KMSEndpoint, a.Config().TenantKeyARN, kms.Tenants, httpapi.Count)
		a.ring = keyring.New[id.Tenant](dynamo.NewDataKeys(a.Database()), wrapper, a.Parts().Now)
	}
	return a.ring
}

func (a *App) personKeys() *keyring.Ring[id.Person] {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.persons == nil {
		wrapper := kms.Open[id.Person](a.AWS(), a.Config().KMSEndpoint, a.Config().TenantKeyARN, kms.Persons, httpapi.Count)
		a.persons = keyring.New[id.Person](dynamo.NewPersonKeys(a.Database()), wrapper, a.Parts().Now)
	}
	return a.persons
}
