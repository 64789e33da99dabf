// Package iam stands in front of the local engines, which enforce no permissions, and enforces those of template.yaml:
// each function has credentials of its own, each call is held against the policies of the role behind them, and STS
// hands out sessions with tags as on AWS. A call that the template does not allow fails here as it would there.
//
// It knows the calls that the platform makes of DynamoDB, S3, KMS, SES, Cognito, Backup and STS, and denies every other. What it does
// differently from AWS: a role may be assumed only if both its trust policy and the caller's own policy say so;
// signatures are checked but not how old they are, since clocks may be moved here; the transport counts as TLS 1.3,
// since nothing leaves this machine; it checks permissions of calls, not those that the engines would need among
// themselves (keys of tables and buckets).
package iam

import (
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Engines is where the engines answer, and the credentials they take.
type Engines struct{ DynamoDB, S3, KMS, SES, Cognito, Backup, AccessKey, SecretKey string }

// Options are what a gate needs.
type Options struct {
	Template *template.Template
	Values   map[string]string // names on this machine, as for Template.Resolve
	Engines  Engines
	Now      clock.Clock
	Random   io.Reader
	Next     aws.HTTPClient              // the way to the engines; nil: a client of its own
	Denied   func(Denial)                // told of every refusal for want of a permission; may be nil
	Created  func(bucket, object string) // told of every object that has been stored whole; may be nil
	Mount    string                      // path under which the gate stands at its own address, in front of those of S3; "" for none
}

// Gate enforces the policies of one template; safe for concurrent use.
type Gate struct {
	options Options
	signer  *v4.Signer
	header  *regexp.Regexp            // of a signed request
	equals  *regexp.Regexp            // an equality in a key condition
	tables  map[string]template.Table // by name on this machine
	buckets map[string][]policy.Document
	roles   map[string]*role           // by ARN
	own     map[string]function        // by folder
	keys    map[string]aws.Credentials // of the functions, by folder

	mu      sync.Mutex
	callers map[string]*caller // by access key
	used    map[Grant]bool
	denials []Denial
}

// function is what the environment of a function holds of its permissions.
type function struct {
	role       *role
	tenantRole string // ARN; "" for none
}

// role is one IAM role.
type role struct {
	id, arn  string
	policies []policy.Document
	trust    []policy.Document // nothing: nobody may assume it
}

// caller is whoever has an access key.
type caller struct {
	role    *role // nil: whoever runs this machine, who may do everything
	arn     string
	secret  string
	token   string    // of a session
	expires time.Time // of a session
	tags    map[string]string
}

// New reads the policies. A policy that cannot be understood is an error.
func New(o Options) (*Gate, error) {
	if o.Next == nil {
		o.Next = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second}}
	}
	g := &Gate{
		options: o, signer: v4.NewSigner(),
		header: regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Z0-9a-z_-]+)/[0-9]{8}/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=[0-9a-f]{64}$`),
		equals: regexp.MustCompile(`([#\w]+)\s*=\s*(:\w+)`),
		tables: map[string]template.Table{}, buckets: map[string][]policy.Document{}, roles: map[string]*role{},
		own: map[string]function{}, keys: map[string]aws.Credentials{}, callers: map[string]*caller{}, used: map[Grant]bool{},
	}
	g.callers[o.Engines.AccessKey] = &caller{arn: g.iam("root"), secret: o.Engines.SecretKey}
	permissions, err := o.Template.Permissions(o.Values)
	if err != nil {
		return nil, fmt.Errorf("iam: %w", err)
	}
	for _, t := range o.Template.Tables {
		g.tables[o.Values[t.ID]] = t
	}
	for id, documents := range permissions.Buckets {
		if g.buckets[o.Values[id]], err = parse(documents, policy.Resource); err != nil {
			return nil, fmt.Errorf("iam: policy of %s: %w", id, err)
		}
	}
	for _, r := range permissions.Roles {
		if r.Name == "" {
			continue // nobody here can name it
		}
		one := &role{id: r.ID, arn: g.iam("role/" + r.Name)}
		if one.policies, err = parse(r.Policies, policy.Identity); err != nil {
			return nil, fmt.Errorf("iam: %s: %w", r.ID, err)
		}
		if one.trust, err = parse([]any{r.Trust}, policy.Trust); err != nil {
			return nil, fmt.Errorf("iam: trust policy of %s: %w", r.ID, err)
		}
		g.roles[one.arn] = one
	}
	return g, g.functions(permissions)
}

func (g *Gate) functions(permissions template.Permissions) error {
	environments, err := g.options.Template.Resolve(g.options.Values)
	if err != nil {
		return fmt.Errorf("iam: %w", err)
	}
	for _, f := range g.options.Template.Functions {
		one := &role{id: f.ID, arn: g.iam("role/" + f.ID + "Role")}
		if one.policies, err = parse(permissions.Functions[f.Folder], policy.Identity); err != nil {
			return fmt.Errorf("iam: %s: %w", f.ID, err)
		}
		key, secret, err := g.credential("AKIA")
		if err != nil {
			return err
		}
		g.own[f.Folder] = function{role: one, tenantRole: environments[f.Folder]["TENANT_ROLE_ARN"]}
		g.keys[f.Folder] = aws.Credentials{AccessKeyID: key, SecretAccessKey: secret, Source: "gate"}
		g.callers[key] = &caller{role: one, arn: one.arn, secret: secret}
	}
	return nil
}

func parse(documents []any, kind policy.Kind) ([]policy.Document, error) {
	all := make([]policy.Document, 0, len(documents))
	for _, d := range documents {
		parsed, err := policy.Parse(d, kind)
		if err != nil {
			return nil, err
		}
		all = append(all, parsed)
	}
	return all, nil
}

// iam is an ARN of IAM in this account.
func (g *Gate) iam(name string) string {
	return "arn:aws:iam::" + g.options.Values["AWS::AccountId"] + ":" + name
}

// credential draws an access key and its secret.
func (g *Gate) credential(prefix string) (key, secret string, err error) {
	raw := make([]byte, 40)
	if _, err := io.ReadFull(g.options.Random, raw); err != nil {
		return "", "", fmt.Errorf("iam: credentials: %w", err)
	}
	text := base32.StdEncoding.EncodeToString(raw)
	return prefix + text[:16], text[16:], nil
}

// Credentials are those of a function's environment.
func (g *Gate) Credentials(function string) aws.Credentials { return g.keys[function] }

// Environment is what a function in a process of its own needs to call through a gate that serves at an address.
func (g *Gate) Environment(function, address string) map[string]string {
	c := g.keys[function]
	return map[string]string{
		"AWS_ACCESS_KEY_ID": c.AccessKeyID, "AWS_SECRET_ACCESS_KEY": c.SecretAccessKey,
		"DYNAMODB_ENDPOINT": address, "S3_ENDPOINT": address, "KMS_ENDPOINT": address, "SES_ENDPOINT": address, "STS_ENDPOINT": address, "COGNITO_ENDPOINT": address, "BACKUP_ENDPOINT": address,
	}
}

type functionKey struct{}

// As marks a context as that of a function, for functions that share a process.
func As(ctx context.Context, function string) context.Context {
	return context.WithValue(ctx, functionKey{}, function)
}

// Identity is the credentials and the tenant role of the function that a context belongs to. Outside every function it
// is whoever runs this machine.
func (g *Gate) Identity(ctx context.Context) (aws.Credentials, string) {
	name, _ := ctx.Value(functionKey{}).(string)
	if name == "" {
		return aws.Credentials{AccessKeyID: g.options.Engines.AccessKey, SecretAccessKey: g.options.Engines.SecretKey, Source: "machine"}, ""
	}
	return g.keys[name], g.own[name].tenantRole
}

// Do makes the gate the HTTP client of the AWS clients of this process.
func (g *Gate) Do(r *http.Request) (*http.Response, error) {
	return g.pass(r, false)
}

// pass judges a call and makes it; a relayed one came to the gate's own address.
func (g *Gate) pass(r *http.Request, relayed bool) (*http.Response, error) {
	call, problem := g.admit(r, relayed)
	if problem != nil {
		return problem.response(r), nil
	}
	if call.answer != nil {
		return call.answer.response(r), nil
	}
	resp, err := g.options.Next.Do(call.request)
	if err == nil && resp.Header != nil && strings.HasPrefix(r.Header.Get("X-Amz-Target"), "DynamoDB") {
		// The engine does not know that the clock of this machine was moved, and the engine of deletion compares the two.
		resp.Header.Set("Date", g.options.Now().UTC().Format(http.TimeFormat))
	}
	if err == nil && resp.StatusCode == http.StatusOK && call.stores && g.options.Created != nil {
		bucket, object, _ := strings.Cut(strings.TrimPrefix(call.request.URL.Path, "/"), "/")
		g.options.Created(bucket, object)
	}
	return resp, err
}

// ServeHTTP is the gate for functions in processes of their own: one address for all services.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	resp, err := g.relay(r)
	if err != nil {
		http.Error(w, "the engine does not answer", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	for name, values := range resp.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

func (g *Gate) relay(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.RequestURI, out.URL.Scheme, out.URL.Host = "", "http", r.Host
	return g.pass(out, true)
}
