// Package wire builds from the environment what everybody may use: the resolver and the pages. What works on tenants'
// sealed data is built by package tenancy, what takes content by package editing: each links more, and a function links
// and starts only what it uses.
package wire

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/domain/clearance"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/observe"
)

// Parts are what a host may replace: the clock, the randomness, the transport of the AWS clients and the log.
type Parts struct {
	Now    clock.Clock
	Random io.Reader
	HTTP   aws.HTTPClient
	Web    aws.HTTPClient // of everything that is not AWS: the sign-in service
	// Identity is who calls AWS: credentials and the ARN of a tenant role. A process that runs many functions tells them
	// apart by the context.
	Identity func(ctx context.Context) (aws.Credentials, string)
	Log      io.Writer
}

// App is the platform in one process.
type App struct {
	config Config
	parts  Parts
	ids    *id.Source
	groups *productgroup.Set

	mu       sync.Mutex
	sessions func(aws.Config) aws.CredentialsProvider
	aws      *aws.Config
	db       *dynamo.DB
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
	if parts.Web == nil {
		parts.Web = &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if parts.Log == nil {
		parts.Log = os.Stdout
	}
	if parts.Identity == nil {
		parts.Identity = config.identity
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

// IDs makes identifiers.
func (a *App) IDs() *id.Source { return a.ids }

// Config is the environment that the platform was built from.
func (a *App) Config() Config { return a.config }

// Parts are the clock, randomness, transport and log in use.
func (a *App) Parts() Parts { return a.parts }

// Resolver answers whoever scans a data carrier; it reaches the Public table only.
func (a *App) Resolver() *passport.Resolver {
	return &passport.Resolver{Store: dynamo.NewPublicViews(a.Database())}
}

// Certificates are the certificates of deletion.
func (a *App) Certificates() *dynamo.Lives { return dynamo.NewLives(a.Database()) }

func (a *App) record() *observe.Recorder {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recorder == nil {
		a.recorder = observe.NewRecorder(a.parts.Log)
	}
	return a.recorder
}

// Confine has all calls of AWS made with credentials that depend on the tenant. It is a part of its own because the
// public functions work for no tenant and do without it. It must come before the first use of AWS.
func (a *App) Confine(sessions func(aws.Config) aws.CredentialsProvider) { a.sessions = sessions }

// AWS is the configuration of all AWS clients of this process.
func (a *App) AWS() aws.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.aws == nil {
		cfg := a.config.aws(a.parts.HTTP)
		identity := a.parts.Identity
		cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
			own, _ := identity(ctx)
			return own, nil
		})
		if a.sessions != nil {
			cfg.Credentials = a.sessions(cfg)
		}
		a.aws = &cfg
	}
	return *a.aws
}

// Database is the connection to the tables.
func (a *App) Database() *dynamo.DB {
	cfg := a.AWS()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.db == nil {
		a.db = dynamo.Open(cfg, a.config.DynamoDBEndpoint, a.config.Tables, httpapi.Count).Guard(a.MarkerKey(), a.quarantined)
	}
	return a.db
}

// MarkerKey is the key under which tables are cleared. Without one, and with one that cannot be read, none is: whoever
// comes is answered with 503, and the log says why.
func (a *App) MarkerKey() *clearance.Key {
	key, err := clearance.ParseKey(a.config.MarkerKey)
	if err != nil {
		return nil
	}
	return key
}

// quarantined calls the operators: an alarm of the template watches the metric.
func (a *App) quarantined(table string, why error) {
	observe.Count(a.parts.Log, a.parts.Now(), "quarantined", table+": "+why.Error()+". What to do is in infra/runbooks/restore-table.md")
}
