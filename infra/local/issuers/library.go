package issuers

import (
	"context"
	"errors"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// errUnused answers what the library can ask of a storage and never does here, because tokens are made in token.go.
var errUnused = errors.New("issuers: the library does not make tokens here")

// CreateAccessToken is of op.Storage; not used.
func (r *realm) CreateAccessToken(context.Context, op.TokenRequest) (string, time.Time, error) {
	return "", time.Time{}, errUnused
}

// CreateAccessAndRefreshTokens is of op.Storage; not used.
func (r *realm) CreateAccessAndRefreshTokens(context.Context, op.TokenRequest, string) (string, string, time.Time, error) {
	return "", "", time.Time{}, errUnused
}

// TerminateSession is of op.Storage; not used, see logout.
func (r *realm) TerminateSession(context.Context, string, string) error { return errUnused }

// SigningKey is of op.Storage; not used.
func (r *realm) SigningKey(context.Context) (op.SigningKey, error) { return nil, errUnused }

// SetUserinfoFromScopes is of op.Storage; not used.
func (r *realm) SetUserinfoFromScopes(context.Context, *oidc.UserInfo, string, string, []string) error {
	return errUnused
}

// SetUserinfoFromToken is of op.Storage; not used.
func (r *realm) SetUserinfoFromToken(context.Context, *oidc.UserInfo, string, string, string) error {
	return errUnused
}

// SetIntrospectionFromToken is of op.Storage; not used.
func (r *realm) SetIntrospectionFromToken(context.Context, *oidc.IntrospectionResponse, string, string, string) error {
	return errUnused
}

// GetPrivateClaimsFromScopes is of op.Storage; not used.
func (r *realm) GetPrivateClaimsFromScopes(context.Context, string, string, []string) (map[string]any, error) {
	return nil, errUnused
}

// GetKeyByIDAndClientID is of op.Storage; no client signs assertions.
func (r *realm) GetKeyByIDAndClientID(context.Context, string, string) (*jose.JSONWebKey, error) {
	return nil, errUnused
}

// ValidateJWTProfileScopes is of op.Storage; no client signs assertions.
func (r *realm) ValidateJWTProfileScopes(context.Context, string, []string) ([]string, error) {
	return nil, errUnused
}

// request is an authorization request (op.AuthRequest): what the client asked, and how far the browser has come.
type request struct {
	id, with, browser, code string
	in                      oidc.AuthRequest
	created, coded          time.Time

	waiting string // the account whose password was right and whose code is still asked for
	wrong   int    // codes
	account string // "" until the sign-in is done
	methods []string
	signed  time.Time
}

func (q *request) GetID() string                      { return q.id }
func (q *request) GetACR() string                     { return "" }
func (q *request) GetAMR() []string                   { return q.methods }
func (q *request) GetAudience() []string              { return []string{q.in.ClientID} }
func (q *request) GetAuthTime() time.Time             { return q.signed }
func (q *request) GetClientID() string                { return q.in.ClientID }
func (q *request) GetNonce() string                   { return q.in.Nonce }
func (q *request) GetRedirectURI() string             { return q.in.RedirectURI }
func (q *request) GetResponseType() oidc.ResponseType { return q.in.ResponseType }
func (q *request) GetResponseMode() oidc.ResponseMode { return "" }
func (q *request) GetScopes() []string                { return q.in.Scopes }
func (q *request) GetState() string                   { return q.in.State }
func (q *request) GetSubject() string                 { return q.account }
func (q *request) Done() bool                         { return q.account != "" }
func (q *request) GetCodeChallenge() *oidc.CodeChallenge {
	if q.in.CodeChallenge == "" {
		return nil
	}
	return &oidc.CodeChallenge{Challenge: q.in.CodeChallenge, Method: q.in.CodeChallengeMethod}
}

// renewal is a request by refresh token (op.RefreshTokenRequest).
type renewal struct{ grant }

func (n *renewal) GetAMR() []string          { return n.Methods }
func (n *renewal) GetAudience() []string     { return []string{n.Client} }
func (n *renewal) GetAuthTime() time.Time    { return n.Signed }
func (n *renewal) GetClientID() string       { return n.Client }
func (n *renewal) GetScopes() []string       { return n.Scopes }
func (n *renewal) GetSubject() string        { return n.Account }
func (n *renewal) SetCurrentScopes([]string) {}

// client is the one client of a realm (op.Client): public with PKCE at the pool, with a secret elsewhere.
type client struct {
	id, secret, login string
	callbacks         []string
}

func (c client) GetID() string                       { return c.id }
func (c client) RedirectURIs() []string              { return c.callbacks }
func (c client) PostLogoutRedirectURIs() []string    { return nil }
func (c client) ApplicationType() op.ApplicationType { return op.ApplicationTypeWeb } // the only one whose addresses are compared as written
func (c client) ResponseTypes() []oidc.ResponseType {
	return []oidc.ResponseType{oidc.ResponseTypeCode}
}
func (c client) LoginURL(id string) string            { return c.login + id }
func (c client) AccessTokenType() op.AccessTokenType  { return op.AccessTokenTypeJWT }
func (c client) IDTokenLifetime() time.Duration       { return accessLife }
func (c client) DevMode() bool                        { return false }
func (c client) IDTokenUserinfoClaimsAssertion() bool { return false }
func (c client) ClockSkew() time.Duration             { return 0 }
func (c client) IsScopeAllowed(scope string) bool     { return scope == adminScope }
func (c client) RestrictAdditionalIdTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
func (c client) RestrictAdditionalAccessTokenScopes() func([]string) []string {
	return func(s []string) []string { return s }
}
func (c client) AuthMethod() oidc.AuthMethod {
	if c.secret == "" {
		return oidc.AuthMethodNone
	}
	return oidc.AuthMethodPost
}
func (c client) GrantTypes() []oidc.GrantType {
	if c.secret == "" {
		return []oidc.GrantType{oidc.GrantTypeCode, oidc.GrantTypeRefreshToken}
	}
	return []oidc.GrantType{oidc.GrantTypeCode}
}

// public is the published half of a key (op.Key).
type public struct{ k key }

func (p public) ID() string                         { return p.k.ID }
func (p public) Algorithm() jose.SignatureAlgorithm { return jose.RS256 }
func (p public) Use() string                        { return "sig" }
func (p public) Key() any                           { return &p.k.private.PublicKey }
