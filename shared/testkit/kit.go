package testkit

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/infra/local/backups"
	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/mailbox"
	"github.com/passportcraft/passportcraft/infra/local/provision"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// PublicBase is the public address in tests.
const PublicBase = "https://passports.example"

// Start is the instant at which every kit's clock begins.
func Start() time.Time { return time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC) }

// Kit is one platform on tables of its own.
type Kit struct {
	App    *tenancy.App
	Clock  *clock.Movable
	Env    map[string]string // the environment of its functions
	Log    *bytes.Buffer
	Events []httpapi.Event
	Mux    http.Handler
	Mail   *mailbox.Mailbox
	Copies *backups.Service // in place of AWS Backup
	Issuer *Issuer

	gate *iam.Gate
	open func() *tenancy.App

	mu      sync.Mutex
	created []arrived
}

// Options change a kit.
type Options struct {
	HTTP   aws.HTTPClient // transport of the AWS clients, for faults
	Routes func(*tenancy.App) []httpapi.Route
	Rate   int // requests a second per key; 0: as good as unlimited
	// Apart gives each function a process of its own, as far as memory goes: nothing that one function has found out is
	// known to another, as on AWS. It needs Routes.
	Apart bool
	// Env is the environment to stand on, for a second platform over what another has; nil makes a new one.
	Env map[string]string
	// SystemClock lets the kit's clock run with the machine's, for tests beside processes that read that.
	SystemClock bool
}

// Open makes a platform with its own tables and a clock that stands still until it is advanced.
func Open(t testing.TB, o Options) *Kit {
	t.Helper()
	k := &Kit{Clock: clock.NewMovable(clock.Fixed(Start())), Env: maps.Clone(o.Env), Log: &bytes.Buffer{}}
	if o.Env == nil {
		k.Env = Environment(t)
	}
	if o.SystemClock {
		k.Clock = clock.NewMovable(clock.System)
	}
	k.Issuer = newIssuer(k.Clock.Now)
	k.Env["TOKEN_ISSUER"], k.Env["TOKEN_CLIENT_ID"] = k.Issuer.URL, k.Issuer.ClientID
	k.Env["SIGN_IN_URL"], k.Env["SIGN_IN_WITH"], k.Env["TOKEN_API_URL"] = signInURL, "Google,Microsoft", signInURL+"/api"
	service := httptest.NewServer(k.Issuer)
	t.Cleanup(service.Close)
	k.Env["COGNITO_ENDPOINT"] = service.URL
	k.mail(t)
	k.backups(t)
	if o.Rate > 0 {
		k.Env["RATE_PER_KEY"] = fmt.Sprint(o.Rate)
	}
	config, err := wire.ReadConfig(func(name string) string { return k.Env[name] })
	if err != nil {
		t.Fatal(err)
	}
	k.gate = gate(t, k.Env, k.Clock.Now, o.HTTP, k.arrive)
	parts := wire.Parts{Now: k.Clock.Now, Log: k.Log, HTTP: k.gate, Identity: k.gate.Identity, Web: k.Issuer}
	k.open = func() *tenancy.App { return tenancy.New(config, parts) }
	k.App = k.open()
	if o.Routes == nil {
		return k
	}
	serve := func(app *tenancy.App, some []httpapi.Route) http.Handler {
		g := *app.Private()
		g.Sink = func(_ context.Context, e httpapi.Event) { k.Events = append(k.Events, e) }
		return httpapi.Mux(&g, some...)
	}
	all := o.Routes(k.App)
	shared := serve(k.App, all)
	k.Mux = asFunction(all, func(string) http.Handler { return shared })
	if o.Apart {
		functions := map[string]http.Handler{"": shared}
		k.Mux = asFunction(all, func(function string) http.Handler {
			if functions[function] == nil {
				app := k.open()
				some := slices.DeleteFunc(o.Routes(app), func(r httpapi.Route) bool { return r.Function != function })
				functions[function] = serve(app, some)
			}
			return functions[function]
		})
	}
	return k
}

// Process is the platform in a process of its own: it knows nothing that another has found out.
func (k *Kit) Process() *tenancy.App { return k.open() }

// Function is the gate of one function in a process of its own.
func (k *Kit) Function(t testing.TB, name string) *httpapi.Gate {
	t.Helper()
	g := *k.open().Private()
	g.Sink = func(_ context.Context, e httpapi.Event) { k.Events = append(k.Events, e) }
	return &g
}

// mail gives the kit a mailbox in place of Amazon SES.
func (k *Kit) mail(t testing.TB) {
	var err error
	if k.Mail, err = mailbox.Open(t.TempDir(), k.Clock.Now); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k.Mail.SES())
	t.Cleanup(server.Close)
	k.Env["SES_ENDPOINT"], k.Env["MAIL_FROM"] = server.URL, "passports@passports.example"
}

// backups gives the kit a service in place of AWS Backup.
func (k *Kit) backups(t testing.TB) {
	var err error
	prefix := strings.TrimSuffix(k.Env["BACKUP_VAULT"], "BackupVault")
	name := func(logicalID string) string {
		for _, at := range drill.Places() {
			if at.Table == logicalID {
				return k.Env[at.Variable] // what is in use: it may have been restored
			}
		}
		return prefix + logicalID
	}
	k.Copies, err = backups.Open(backups.Options{
		Dir: t.TempDir(), DynamoDB: k.Env["DYNAMODB_ENDPOINT"], Access: k.Env["AWS_ACCESS_KEY_ID"], Secret: k.Env["AWS_SECRET_ACCESS_KEY"],
		Now: k.Clock.Now, Template: Template(t), Name: name,
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(k.Copies)
	t.Cleanup(server.Close)
	k.Env["BACKUP_ENDPOINT"] = server.URL
}

// Environment makes tables, a bucket and a key for one platform and returns the environment of its functions.
func Environment(t testing.TB) map[string]string {
	t.Helper()
	e := Engines(t)
	raw := make([]byte, 6)
	if _, err := rand.Read(raw); err != nil {
		t.Fatal(err)
	}
	prefix := "t" + hex.EncodeToString(raw) + "-"
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
	})}
	ctx := context.Background()
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = &e.DynamoDB })
	if err := provision.Tables(ctx, db, Tables(t, prefix)); err != nil {
		t.Fatal(err)
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &e.S3, true })
	bucket, evidence, exports, uploads := prefix+"documents", prefix+"evidence", prefix+"exports", prefix+"uploads"
	for _, name := range []string{bucket, evidence, exports, uploads} {
		if err := provision.Bucket(ctx, objects, name); err != nil {
			t.Fatal(err)
		}
	}
	keys := kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = &e.KMS })
	arn, err := provision.Key(ctx, keys, "tenants")
	if err != nil {
		t.Fatal(err)
	}
	custody, err := provision.Key(ctx, keys, "custody")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := provision.SigningKey(ctx, keys, "audit")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := provision.Key(ctx, keys, "ledger")
	if err != nil {
		t.Fatal(err)
	}
	marker, err := provision.Mark(ctx, db, keys, signer, named(prefix), Start())
	if err != nil {
		t.Fatal(err)
	}
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	built := t.TempDir()
	if err := template.LeaveHash(filepath.Join(root, "template.yaml"), built); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"LAMBDA_TASK_ROOT": built,
		"MARKER_KEY":       marker, "LEDGER_KEY_ARN": ledger, "BACKUP_VAULT": prefix + "BackupVault", "LEDGER_VAULT": prefix + "LedgerVault",
		"STS_ENDPOINT": STSEndpoint, "APP_ENV": "local", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": e.AccessKey, "AWS_SECRET_ACCESS_KEY": e.SecretKey,
		"DYNAMODB_ENDPOINT": e.DynamoDB, "S3_ENDPOINT": e.S3, "KMS_ENDPOINT": e.KMS, "PUBLIC_BASE_URL": PublicBase,
		"DOCUMENTS_BUCKET": bucket, "EVIDENCE_BUCKET": evidence, "EXPORTS_BUCKET": exports, "UPLOADS_BUCKET": uploads, "AUDIT_KEY_ARN": signer, "TENANT_KEY_ARN": arn, "CUSTODY_KEY_ARN": custody, "USER_POOL_ID": "pool", "RATE_PER_KEY": "1000000",
	}
	for _, at := range drill.Places() {
		env[at.Variable] = named(prefix)(at.Table)
	}
	return env
}

// Tenant founds a tenant and returns its first key.
func (k *Kit) Tenant(t testing.TB, name string) (id.Tenant, string) {
	t.Helper()
	owner := member.Person{Name: "Owner of " + name, Mail: "owner@nordeiche.example"}
	tenant, key, err := k.App.Found(context.Background(), name, owner, member.Identity{Issuer: "https://issuer.example", Subject: opaque(name)})
	if err != nil {
		t.Fatal(err)
	}
	return tenant.ID, key
}

// Do sends a request to the platform without a network between.
func (k *Kit) Do(t testing.TB, method, target, key, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, bytes.NewBufferString(body))
	if body == "" {
		r.Body = http.NoBody
	} else if r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i+1] == "" {
			r.Header.Del(headers[i])
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	k.Mux.ServeHTTP(w, r)
	return w
}

// Create creates a passport and returns its identifier.
func (k *Kit) Create(t testing.TB, key, body string) string {
	t.Helper()
	w := k.Do(t, http.MethodPost, "/v1/passports", key, body)
	if w.Code != http.StatusCreated {
		t.Fatalf("create: %d %s", w.Code, w.Body)
	}
	return path.Base(w.Header().Get("Location"))
}

// Publish publishes a passport at its present revision and returns its identifier.
func (k *Kit) Publish(t testing.TB, key, passport string) string {
	t.Helper()
	target := "/v1/passports/" + passport
	tag := k.Do(t, http.MethodGet, target, key, "").Header().Get("ETag")
	if w := k.Do(t, http.MethodPost, target+"/publication", key, "", "If-Match", tag); w.Code != http.StatusOK {
		t.Fatalf("publish: %d %s", w.Code, w.Body)
	}
	return passport
}

// PutKey stores an API key.
func (k *Kit) PutKey(t testing.TB, key apikey.Key) {
	t.Helper()
	stores := k.App.Stores()
	by := access.Caller{Tenant: key.Tenant, Actor: "test", At: k.Clock.Now()}
	ids := id.NewSource(k.Clock.Now, stores.Random)
	entry := audit.New(ids, by, audit.KeyCreated, "api-key:"+key.ID, "", "")
	if err := stores.APIKeys.PutKey(context.Background(), key, entry, audit.NoticeOf(ids, entry)); err != nil {
		t.Fatal(err)
	}
}

// opaque is a subject as sign-in services give them: it says nothing about whose it is.
func opaque(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}
