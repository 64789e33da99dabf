// Package authentication finds out who sends a request: the holder of an API key, or a person with an access token of a
// trusted issuer, and what that person is in the organisation they ask for. Every refusal of a credential is the same,
// whatever is wrong with it.
//
// What it has found out is remembered for Remember, which bounds how long a removal, a change of role or a suspension
// takes to bite.
package authentication

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Remember is how long a standing is taken for good without looking again.
const Remember = 30 * time.Second

const memorySize = 4096

// Keys verifies API keys.
type Keys interface {
	Verify(ctx context.Context, text string, from netip.Addr, at time.Time) (access.Principal, error)
}

// Tokens verifies tokens of the trusted issuers. Every refusal is the same unauthenticated fault.
type Tokens interface {
	Verify(ctx context.Context, token, use string) (signin.Claims, error)
}

// Standings tells what a person is in an organisation.
type Standings interface {
	Standing(ctx context.Context, t id.Tenant, p id.Person) (member.Standing, error)
}

// Identities finds persons and their organisations.
type Identities interface {
	Find(ctx context.Context, i member.Identity) (id.Person, error)
	Organisations(ctx context.Context, p id.Person) ([]id.Tenant, error)
}

// Request is what a caller shows.
type Request struct {
	Token    string     // API key or access token; "" for none
	Tenant   string     // the organisation asked for, as sent; "" for the only one
	From     netip.Addr // address of the caller
	Personal bool       // the route concerns no organisation
	At       time.Time
}

// Service authenticates requests; safe for concurrent use.
type Service struct {
	keys      Keys
	tokens    Tokens // nil: no person can sign in
	people    Identities
	standings Standings

	mu     sync.RWMutex
	memory map[slot]known
}

type slot struct {
	identity member.Identity
	tenant   string
}

type known struct {
	standing member.Standing
	until    time.Time
}

// New makes the service. Without tokens only API keys are accepted.
func New(keys Keys, tokens Tokens, people Identities, standings Standings) *Service {
	return &Service{keys: keys, tokens: tokens, people: people, standings: standings, memory: map[slot]known{}}
}

// Authenticate returns who sends the request, or one unauthenticated fault for every wrong credential. A person whose
// sign-in does not meet their organisation's policy gets a fault that says what to do.
func (s *Service) Authenticate(ctx context.Context, r Request) (access.Principal, error) {
	if strings.HasPrefix(r.Token, "pc_") || s.tokens == nil {
		p, err := s.keys.Verify(ctx, r.Token, r.From, r.At)
		if err == nil && r.Tenant != "" && r.Tenant != string(p.Tenant) {
			return access.Principal{Tenant: p.Tenant, Kind: p.Kind, ID: p.ID}, noSuch()
		}
		return p, err
	}
	claims, err := s.tokens.Verify(ctx, r.Token, signin.Access)
	if err != nil {
		return access.Principal{}, err
	}
	identity := member.Identity{Issuer: claims.Issuer, Subject: claims.Subject}
	if r.Personal {
		p, err := s.people.Find(ctx, identity)
		if err != nil && !errors.Is(err, fault.NotFound) {
			return access.Principal{}, err
		}
		return access.Principal{Kind: access.Person, ID: string(p), Issuer: identity.Issuer, Subject: identity.Subject, SignIn: claims.AuthTime}, nil
	}
	st, err := s.standing(ctx, identity, r)
	if err != nil { // as far as it is known who asks, so that their own organisation can be told
		return access.Principal{Tenant: st.Tenant.ID, Kind: access.Person, ID: string(st.Member.Person)}, err
	}
	p := access.Principal{
		Tenant: st.Tenant.ID, Kind: access.Person, ID: string(st.Member.Person), Role: st.Member.Role, Door: st.Tenant.Door(),
		SignIn: claims.AuthTime, Issuer: identity.Issuer, Subject: identity.Subject,
		Federated: claims.Provider != "", SecondFactor: claims.SecondFactor(), Domain: st.Member.Domain,
	}
	return p, meets(st, claims, r.At)
}

// Credential verifies what a caller shows and nothing beyond it: an API key and that it is live, or the signature and the
// times of a token. Which organisation a person means, and what they may do there, is for Authenticate.
func (s *Service) Credential(ctx context.Context, r Request) (access.Principal, error) {
	if strings.HasPrefix(r.Token, "pc_") || s.tokens == nil {
		return s.keys.Verify(ctx, r.Token, r.From, r.At)
	}
	claims, err := s.tokens.Verify(ctx, r.Token, signin.Access)
	if err != nil {
		return access.Principal{}, err
	}
	return access.Principal{Kind: access.Person, Issuer: claims.Issuer, Subject: claims.Subject, SignIn: claims.AuthTime}, nil
}

// standing looks the person's place up: warm without any storage call, cold with three. With a refusal it still names the
// person and, when they reached for another organisation, one of their own.
func (s *Service) standing(ctx context.Context, i member.Identity, r Request) (member.Standing, error) {
	at := slot{i, r.Tenant}
	s.mu.RLock()
	k, ok := s.memory[at]
	s.mu.RUnlock()
	if ok && r.At.Before(k.until) {
		return k.standing, nil
	}
	person, err := s.people.Find(ctx, i)
	if errors.Is(err, fault.NotFound) {
		return member.Standing{}, choice("You belong to no organisation yet: found one with POST /v1/tenants, or accept an invitation.")
	}
	if err != nil {
		return member.Standing{}, err
	}
	tenants, err := s.people.Organisations(ctx, person)
	if err != nil {
		return member.Standing{}, err
	}
	own := member.Standing{Member: member.Member{Person: person}}
	t, err := pick(tenants, r.Tenant)
	if err != nil {
		if len(tenants) > 0 && r.Tenant != "" {
			own.Tenant.ID = tenants[0]
		}
		return own, err
	}
	st, err := s.standings.Standing(access.As(ctx, t), t, person)
	if errors.Is(err, fault.NotFound) {
		return own, noSuch()
	}
	if err != nil {
		return member.Standing{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.memory) >= memorySize {
		clear(s.memory)
	}
	s.memory[at] = known{st, r.At.Add(Remember)}
	return st, nil
}

// pick chooses the organisation: the one asked for, or the only one.
func pick(tenants []id.Tenant, asked string) (id.Tenant, error) {
	for _, t := range tenants {
		if asked == string(t) {
			return t, nil
		}
	}
	switch {
	case asked != "":
		return "", noSuch()
	case len(tenants) == 1:
		return tenants[0], nil
	case len(tenants) == 0:
		return "", choice("You belong to no organisation yet: found one with POST /v1/tenants, or accept an invitation.")
	}
	return "", choice("You belong to several organisations: say which one in X-Tenant-Id.")
}

// meets holds a sign-in against the organisation's policy.
func meets(st member.Standing, c signin.Claims, at time.Time) error {
	policy := st.Tenant.Policy
	switch {
	case policy.SSOOnly && c.Provider == "":
		return fault.New(fault.CodeSingleSignOn, "Your organisation accepts sign-in with Google or Microsoft only.")
	case policy.RequireMFA && !c.SecondFactor():
		return fault.New(fault.CodeFactorRequired, "Your organisation demands a second factor, and this sign-in used none.")
	case !policy.Admits(st.Member.Domain):
		return fault.New(fault.CodeDomainRefused, "Your organisation no longer admits mail addresses of your domain.")
	case at.Sub(c.AuthTime) > policy.Session():
		return fault.New(fault.CodeReauthenticate, "Your session has reached its end: sign in again.")
	}
	return nil
}

func noSuch() error {
	return fault.New(fault.CodeOrganisationUnknown, "You belong to no organisation with this identifier.")
}

func choice(detail string) error { return fault.New(fault.CodeOrganisationChoice, "%s", detail) }
