// Package tenant knows the organisations that keep passports here: their state, and how their people must sign in.
//
// Who belongs to an organisation is in package member, which also founds organisations: one begins with its first owner.
package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tenant is an organisation.
type Tenant struct {
	ID        id.Tenant
	Name      string
	State     access.State // a word of package lifecycle
	Policy    Policy
	Owners    int   // how many members are owners; never 0
	Epoch     int64 // grows with every change of members, keys, policy and state
	Revision  int64
	CreatedAt time.Time

	Effective time.Time // when the termination comes or came into force; zero without one
	Halted    bool      // suspended by the operator, also while State says something else
}

// Policy says how the people of an organisation must sign in. The zero value demands nothing.
type Policy struct {
	SSOOnly      bool     `json:"ssoOnly"`      // Google or Microsoft, no password of ours
	RequireMFA   bool     `json:"requireMfa"`   // a second factor, ours or the identity provider's
	Domains      []string `json:"domains"`      // of mail addresses that may be invited; empty: all
	SessionHours int      `json:"sessionHours"` // after so many hours people sign in again; 0: the longest
}

// Limits of a policy.
const (
	MaxSessionHours = 24
	maxDomains      = 50
	maxName         = 200
)

// Door is what decides on who may come in.
func (t Tenant) Door() access.Door {
	return access.Door{State: t.State, Effective: t.Effective, Halted: t.Halted}
}

// Session is how long a sign-in lasts.
func (p Policy) Session() time.Duration {
	if p.SessionHours == 0 {
		return MaxSessionHours * time.Hour
	}
	return time.Duration(p.SessionHours) * time.Hour
}

// Admits tells whether a mail address of this domain may belong to the organisation.
func (p Policy) Admits(domain string) bool {
	return len(p.Domains) == 0 || slices.Contains(p.Domains, strings.ToLower(domain))
}

// LocksOut refuses a policy that the sign-in of whoever sets it does not meet: nobody could take it back.
func (p Policy) LocksOut(by access.Principal) error {
	var fields []fault.Field
	bad := func(pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodePolicyLockout, Detail: detail})
	}
	if p.SSOOnly && !by.Federated {
		bad("/ssoOnly", "sign in with Google or Microsoft yourself first")
	}
	if p.RequireMFA && !by.SecondFactor {
		bad("/requireMfa", "sign in with a second factor yourself first")
	}
	if !p.Admits(by.Domain) {
		bad("/domains", "your own domain is not among them")
	}
	if fields == nil {
		return nil
	}
	return fault.New(fault.CodePolicyLockout, "This policy would lock you out.").With(fields...)
}

// Check refuses a policy with values that are not allowed, naming each.
func (p Policy) Check() error {
	var fields []fault.Field
	bad := func(pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodeValueInvalid, Detail: detail})
	}
	if p.SessionHours < 0 || p.SessionHours > MaxSessionHours {
		bad("/sessionHours", fmt.Sprintf("must be from 1 to %d, or 0 for the longest", MaxSessionHours))
	}
	if len(p.Domains) > maxDomains {
		bad("/domains", fmt.Sprintf("at most %d domains", maxDomains))
	}
	for i, d := range p.Domains {
		if !domain(d) {
			bad(fmt.Sprintf("/domains/%d", i), "must be a domain in lower case such as example.com")
		}
	}
	if len(fields) > 0 {
		return fault.New(fault.CodeValueInvalid, "The sign-in policy has values that are not allowed.").With(fields...)
	}
	return nil
}

// domain tells whether s is a host name with a dot, in lower case (RFC 1123, section 2.1).
func domain(s string) bool {
	if len(s) > 253 || !strings.Contains(s, ".") {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		odd := func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' }
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' || strings.ContainsFunc(label, odd) {
			return false
		}
	}
	return true
}

// CheckName refuses a name of an organisation or a person that is empty, too long or holds control characters.
func CheckName(pointer, name string) error {
	if strings.TrimSpace(name) != "" && utf8.RuneCountInString(name) <= maxName && !strings.ContainsFunc(name, unicode.IsControl) {
		return nil
	}
	return fault.New(fault.CodeValueInvalid, "The name must have 1 to %d characters and no control characters.", maxName).With(
		fault.Field{Pointer: pointer, Code: fault.CodeValueInvalid, Detail: "1 to 200 characters"})
}

// Store keeps tenants. Update stores a tenant whose stored revision is the given one, with its audit entry and notice,
// and makes revision and epoch one larger; another revision is a revision-stale fault.
type Store interface {
	Tenant(ctx context.Context, t id.Tenant) (Tenant, error)
	Update(ctx context.Context, t Tenant, e audit.Entry, n audit.Notice) error
}

// Service is what people can do with their organisation itself.
type Service struct {
	Store Store
	IDs   *id.Source
}

// Get returns the caller's organisation.
func (s *Service) Get(ctx context.Context, by access.Caller) (Tenant, error) {
	return s.Store.Tenant(ctx, by.Tenant)
}

// Rename gives the organisation another name.
func (s *Service) Rename(ctx context.Context, by access.Caller, revision int64, name string) (Tenant, error) {
	if err := CheckName("/name", name); err != nil {
		return Tenant{}, err
	}
	return s.change(ctx, by, revision, audit.TenantRenamed, func(t *Tenant) { t.Name = name })
}

// SetPolicy decides how people must sign in, from now on and for those who are signed in already.
func (s *Service) SetPolicy(ctx context.Context, by access.Caller, revision int64, p Policy) (Tenant, error) {
	if err := p.Check(); err != nil {
		return Tenant{}, err
	}
	p.Domains = slices.Compact(slices.Sorted(slices.Values(p.Domains)))
	return s.change(ctx, by, revision, audit.PolicyChanged, func(t *Tenant) { t.Policy = p })
}

func (s *Service) change(ctx context.Context, by access.Caller, revision int64, event audit.Event, edit func(*Tenant)) (Tenant, error) {
	t, err := s.Store.Tenant(ctx, by.Tenant)
	if err != nil {
		return Tenant{}, err
	}
	if t.Revision != revision {
		return Tenant{}, fault.New(fault.CodeRevisionStale, "The organisation is at revision %d, not %d.", t.Revision, revision)
	}
	before := t.Digest()
	edit(&t)
	entry := audit.New(s.IDs, by, event, "tenant:"+string(t.ID), before, t.Digest())
	if err := s.Store.Update(ctx, t, entry, audit.NoticeOf(s.IDs, entry)); err != nil {
		return Tenant{}, err
	}
	t.Revision, t.Epoch = t.Revision+1, t.Epoch+1
	return t, nil
}

// Digest is a digest of what can change of a tenant, for audit entries.
func (t Tenant) Digest() string {
	return audit.Digest(t.Name, string(t.State), fmt.Sprintf("%t %t %q %d", t.Policy.SSOOnly, t.Policy.RequireMFA, t.Policy.Domains, t.Policy.SessionHours))
}
