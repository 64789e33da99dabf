// Package sessions gives each call of AWS the credentials of the tenant that it is made for: those of the function's
// tenant role, in a session tagged with the tenant. The policies of the role let such a session reach that tenant's
// partitions, objects and keys only, so that a mistake above cannot reach another's (AWS STS, "Passing session tags").
//
// It does not decide whose call it is: access.As has put the tenant into the context.
package sessions

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tag is the session tag that holds the tenant; policies read it as aws:PrincipalTag/tenant.
const Tag = "tenant"

const (
	life    = time.Hour // the longest session that a role may give a role
	maxKept = 4096
)

// Spare is how long before the end of a session the next one is fetched: an address that is signed in a session dies with
// it (Amazon S3 User Guide, "Download and upload objects with presigned URLs"), and none is promised for longer than this.
const Spare = 20 * time.Minute

// Identity is who a function is on its own: its credentials and the ARN of its tenant role, "" for none.
type Identity func(ctx context.Context) (aws.Credentials, string)

// Observe is told about every call.
type Observe func(ctx context.Context, operation string, units float64)

// Provider is an aws.CredentialsProvider; safe for concurrent use. It keeps sessions until shortly before they end.
type Provider struct {
	identity Identity
	api      *sts.Client
	now      clock.Clock
	observe  Observe

	mu   sync.Mutex
	kept map[name]*session
}

// name tells sessions apart: functions can share a process.
type name struct {
	role   string
	tenant id.Tenant
}

type session struct {
	mu          sync.Mutex // held while a session is fetched, so that it is fetched once
	credentials aws.Credentials
}

// New makes a provider; nothing is called yet. endpoint overrides AWS's address; empty means AWS, in the region of cfg.
func New(cfg aws.Config, endpoint string, identity Identity, now clock.Clock, observe Observe) *Provider {
	cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		credentials, _ := identity(ctx)
		return credentials, nil
	})
	api := sts.NewFromConfig(cfg, func(o *sts.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	return &Provider{identity: identity, api: api, now: now, observe: observe, kept: map[name]*session{}}
}

// Retrieve returns the credentials for a call: those of a tenant's session when the context has a tenant and the function
// a tenant role, else the function's own, which reach no tenant's data.
func (p *Provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	own, role := p.identity(ctx)
	tenant := access.TenantOf(ctx)
	if tenant == "" || role == "" {
		return own, nil
	}
	s := p.find(name{role, tenant})
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.credentials.Expires.Sub(p.now())
	if left > Spare {
		return s.credentials, nil
	}
	fresh, err := p.assume(ctx, role, tenant)
	if err != nil && left > 0 {
		return s.credentials, nil // still good: an outage of STS does not end what runs
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	s.credentials = fresh
	return fresh, nil
}

func (p *Provider) find(n name) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.kept[n]
	if s == nil {
		if len(p.kept) >= maxKept {
			clear(p.kept)
		}
		s = &session{}
		p.kept[n] = s
	}
	return s
}

// assume fetches a session. It is named after the tenant, so that the account's own trail tells whose data was touched.
func (p *Provider) assume(ctx context.Context, role string, tenant id.Tenant) (aws.Credentials, error) {
	out, err := p.api.AssumeRole(ctx, &sts.AssumeRoleInput{
		RoleArn: &role, RoleSessionName: aws.String(string(tenant)), DurationSeconds: aws.Int32(int32(life / time.Second)),
		Tags: []types.Tag{{Key: aws.String(Tag), Value: aws.String(string(tenant))}},
	})
	p.observe(ctx, "sts.AssumeRole", 0)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("sessions: %w", err)
	}
	c := out.Credentials
	if c == nil || c.AccessKeyId == nil || c.SecretAccessKey == nil || c.SessionToken == nil || c.Expiration == nil {
		return aws.Credentials{}, fmt.Errorf("sessions: an answer without credentials")
	}
	return aws.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken,
		Source: "sessions", CanExpire: true, Expires: *c.Expiration,
	}, nil
}
