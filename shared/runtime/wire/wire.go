// Package wire builds the platform from its environment. Services are built when they are first asked for, so that a
// function links and starts only what it uses.
package wire

import (
	"crypto/rand"
	"io"
	"os"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/observe"
)

// Parts are what a host may replace: the clock, the randomness, the transport of the AWS clients and the log.
type Parts struct {
	Now    clock.Clock
	Random io.Reader
	HTTP   aws.HTTPClient
	Log    io.Writer
}

// App is the platform in one process.
type App struct {
	config Config
	parts  Parts
	ids    *id.Source
	groups *productgroup.Set

	mu       sync.Mutex
	aws      *aws.Config
	db       *dynamo.DB
	ring     *keyring.Ring
	reader   *passport.Reader
	private  *httpapi.Gate
	recorder *observe.Recorder
}

// Open builds the platform of a Lambda function from the process environment. A missing or unsafe setting ends the
// process with a sentence that names it: a function that starts half-configured would fail later and less clearly.
func Open() *App {
	config, err := ReadConfig(os.Getenv)
	if err != nil {
		_, _ = os.Stderr.WriteString("passportcraft: " + err.Error() + "\n")
		os.Exit(1)
	}
	return New(config, Parts{})
}

// New builds the platform from a configuration; zero parts are replaced by the real ones.
func New(config Config, parts Parts) *App {
	if parts.Now == nil {
		parts.Now = clock.System
	}
	if parts.Random == nil {
		parts.Random = rand.Reader
	}
	if parts.Log == nil {
		parts.Log = os.Stdout
	}
	return &App{config: config, parts: parts, ids: id.NewSource(parts.Now, parts.Random), groups: productgroup.NewSet()}
}

// Links builds public addresses.
func (a *App) Links() passports.Links { return passports.Links{Base: a.config.PublicBaseURL} }

// PublicBaseURL is scheme and host of the public resolver.
func (a *App) PublicBaseURL() string { return a.config.PublicBaseURL }

// ProductGroups is the product groups of this build.
func (a *App) ProductGroups() *productgroup.Set { return a.groups }

// Public is the gate of routes that everybody may use.
func (a *App) Public() *httpapi.Gate {
	return &httpapi.Gate{Now: a.parts.Now, IDs: a.ids, Sink: a.record().Record}
}

// Private is the gate of routes that need an identity.
func (a *App) Private() *httpapi.Gate {
	ring := a.keyring()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.private == nil {
		a.private = &httpapi.Gate{
			Auth:        apikey.NewVerifier(a.config.Env, dynamo.NewAPIKeys(a.db), a.parts.Now),
			Idempotency: dynamo.NewAttempts(a.db, ring),
			Quota:       httpapi.NewQuota(a.config.RatePerKey, 2*a.config.RatePerKey),
			Now:         a.parts.Now, IDs: a.ids, Sink: a.recorder.Record,
		}
	}
	return a.private
}

// Reader is what a tenant can read of its passports. Changing them is built by package editing, which links the schema
// validator.
func (a *App) Reader() *passport.Reader {
	ring := a.keyring()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.reader == nil {
		store := dynamo.NewPassports(a.db, ring, objects.Open(*a.aws, a.config.S3Endpoint, a.config.DocumentsBucket, httpapi.Count), a.parts.Now)
		a.reader = &passport.Reader{Store: store, History: store, Groups: a.groups.Find}
	}
	return a.reader
}

// IDs makes identifiers.
func (a *App) IDs() *id.Source { return a.ids }

// Resolver answers whoever scans a data carrier; it reaches the Public table only.
func (a *App) Resolver() *passport.Resolver {
	return &passport.Resolver{Store: dynamo.NewPublicViews(a.database())}
}

// Founder makes tenants. No route uses it yet: the local runner founds the demo tenant, operators found the others.
func (a *App) Founder() *tenant.Founder {
	ring := a.keyring()
	return &tenant.Founder{
		Store: dynamo.NewTenants(a.db, ring), Keys: ring, APIKeys: dynamo.NewAPIKeys(a.db),
		IDs: a.ids, Now: a.parts.Now, Random: a.parts.Random, Env: a.config.Env,
	}
}

func (a *App) record() *observe.Recorder {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recorder == nil {
		a.recorder = observe.NewRecorder(a.parts.Log)
	}
	return a.recorder
}

func (a *App) database() *dynamo.DB {
	a.record()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.db == nil {
		cfg := a.config.aws(a.parts.HTTP)
		a.aws = &cfg
		a.db = dynamo.Open(cfg, a.config.DynamoDBEndpoint, a.config.Tables, httpapi.Count)
	}
	return a.db
}

func (a *App) keyring() *keyring.Ring {
	db := a.database()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ring == nil {
		wrapper := kms.Open(*a.aws, a.config.KMSEndpoint, a.config.TenantKeyARN, httpapi.Count)
		a.ring = keyring.New(dynamo.NewDataKeys(db), wrapper, a.parts.Now)
	}
	return a.ring
}
