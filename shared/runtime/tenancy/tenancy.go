// Package tenancy builds what works on tenants' sealed data: the gate that asks for an identity, reading passports, and
// founding tenants. It links the key service and the object storage, which the public functions do without: their start
// would cost the resolver a millisecond.
package tenancy

import (
	"io"
	"sync"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// App is the whole platform in one process.
type App struct {
	*wire.App

	mu     sync.Mutex
	ring   *keyring.Ring
	reader *passport.Reader
	gate   *httpapi.Gate
}

// Open builds the platform of a Lambda function from the process environment, as wire.Open does.
func Open() *App { return &App{App: wire.Open()} }

// New builds the platform from a configuration; zero parts are replaced by the real ones.
func New(config wire.Config, parts wire.Parts) *App { return &App{App: wire.New(config, parts)} }

// Private is the gate of routes that need an identity.
func (a *App) Private() *httpapi.Gate {
	ring := a.keyring()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.gate == nil {
		rate := a.Config().RatePerKey
		gate := *a.Public()
		gate.Auth = apikey.NewVerifier(a.Config().Env, dynamo.NewAPIKeys(a.Database()), a.Parts().Now)
		gate.Idempotency = dynamo.NewAttempts(a.Database(), ring)
		gate.Quota = httpapi.NewQuota(rate, 2*rate)
		a.gate = &gate
	}
	return a.gate
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

// Founder makes tenants. No route uses it yet: the local runner founds the demo tenant, operators found the others.
func (a *App) Founder() *tenant.Founder {
	ring := a.keyring()
	return &tenant.Founder{
		Store: dynamo.NewTenants(a.Database(), ring), Keys: ring, APIKeys: dynamo.NewAPIKeys(a.Database()),
		IDs: a.IDs(), Now: a.Parts().Now, Random: a.Parts().Random, Env: a.Config().Env,
	}
}

// Stores are the adapters below the services, for contract tests and operator tools. No function uses them.
type Stores struct {
	Passports *dynamo.Passports
	Public    *dynamo.PublicViews
	Attempts  *dynamo.Attempts
	Audits    *dynamo.Audits
	APIKeys   *dynamo.APIKeys
	Ring      *keyring.Ring
	Random    io.Reader
}

// Stores builds all adapters.
func (a *App) Stores() Stores {
	ring, db := a.keyring(), a.Database()
	return Stores{
		Passports: a.passports(), Public: dynamo.NewPublicViews(db), Attempts: dynamo.NewAttempts(db, ring),
		Audits: dynamo.NewAudits(db), APIKeys: dynamo.NewAPIKeys(db), Ring: ring, Random: a.Parts().Random,
	}
}

func (a *App) passports() *dynamo.Passports {
	contents := objects.Open(a.AWS(), a.Config().S3Endpoint, a.Config().DocumentsBucket, httpapi.Count)
	return dynamo.NewPassports(a.Database(), a.keyring(), contents, a.Parts().Now)
}

func (a *App) keyring() *keyring.Ring {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ring == nil {
		wrapper := kms.Open(a.AWS(), a.Config().KMSEndpoint, a.Config().TenantKeyARN, httpapi.Count)
		a.ring = keyring.New(dynamo.NewDataKeys(a.Database()), wrapper, a.Parts().Now)
	}
	return a.ring
}
