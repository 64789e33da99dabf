package issuers

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// realm is one provider: its issuer address, its client, and what it remembers of browsers that are signing in. It is
// the storage of the OpenID library (op.Storage).
type realm struct {
	name, path, issuer, keys, kind, tenant string

	accepts  []string // the providers whose accounts can sign in here
	client   client
	i        *Issuers
	provider *op.Provider

	mu       sync.Mutex
	requests map[string]*request
	codes    map[string]string // code to request
	sessions map[string]session
}

// session is a browser that the pool knows.
type session struct {
	account string
	methods []string
	signed  time.Time
}

func (r *realm) pool() bool { return r.name == Cognito }

func (r *realm) init(i *Issuers) error {
	r.i, r.issuer, r.client.login = i, i.base+r.path, i.base+r.path+"/login?id="
	r.requests, r.codes, r.sessions = map[string]*request{}, map[string]string{}, map[string]session{}
	endpoint := op.NewEndpoint
	p, err := op.NewProvider(&op.Config{CryptoKey: [32]byte(i.draw(32)), CodeMethodS256: true, AuthMethodPost: true, GrantTypeRefreshToken: r.pool(),
		SupportedScopes: []string{oidc.ScopeOpenID, oidc.ScopeEmail, oidc.ScopeProfile}}, r, op.StaticIssuer(r.issuer),
		op.WithAllowInsecure(), op.WithCORSOptions(nil),
		op.WithCustomEndpoints(endpoint("oauth2/authorize"), endpoint("oauth2/token"), endpoint("oauth2/userInfo"), endpoint("oauth2/revoke"), endpoint("logout"), endpoint(".well-known/jwks.json")))
	r.provider = p
	return err
}

// handler serves the realm's paths; what the library offers beyond them is not reachable.
func (r *realm) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", r.discovery)
	mux.Handle("GET /.well-known/jwks.json", r.provider)
	mux.HandleFunc("GET /oauth2/authorize", r.authorize)
	mux.HandleFunc("GET /oauth2/authorize/callback", r.callback)
	mux.HandleFunc("POST /oauth2/token", r.token)
	mux.HandleFunc("GET /login", r.login)
	mux.HandleFunc("POST /login", r.signIn)
	mux.HandleFunc("GET /signup", r.create)
	mux.HandleFunc("POST /signup", r.signUp)
	if r.pool() {
		mux.Handle("POST /oauth2/revoke", r.provider)
		mux.HandleFunc("GET /code", r.code)
		mux.HandleFunc("POST /code", r.secondFactor)
		mux.HandleFunc("GET /federate", r.federate)
		mux.HandleFunc("GET /oauth2/idpresponse", r.federated)
		mux.HandleFunc("GET /logout", r.logout)
	}
	return mux
}

// discovery publishes what is reachable (OpenID Connect Discovery 1.0, section 3).
func (r *realm) discovery(w http.ResponseWriter, q *http.Request) {
	d := op.CreateDiscoveryConfig(op.ContextWithIssuer(q.Context(), r.issuer), r.provider, r)
	d.IntrospectionEndpoint, d.UserinfoEndpoint, d.DeviceAuthorizationEndpoint, d.CheckSessionIframe = "", "", "", ""
	d.ResponseTypesSupported = []string{"code"}
	d.GrantTypesSupported = []oidc.GrantType{oidc.GrantTypeCode}
	if r.pool() {
		d.GrantTypesSupported = append(d.GrantTypesSupported, oidc.GrantTypeRefreshToken)
		d.TokenEndpointAuthMethodsSupported = []oidc.AuthMethod{oidc.AuthMethodNone}
	} else {
		d.RevocationEndpoint, d.EndSessionEndpoint = "", ""
	}
	op.Discover(w, d)
}

// with carries to CreateAuthRequest what the library does not: the browser and the wish for an identity provider.
type with struct{ browser, provider string }

type withKey struct{}

func (r *realm) authorize(w http.ResponseWriter, q *http.Request) {
	wish := q.URL.Query().Get("identity_provider")
	if r.pool() && wish != "" && r.i.upstream(wish) == nil {
		r.refuse(w, http.StatusBadRequest, "There is no identity provider of that name.")
		return
	}
	ctx := context.WithValue(q.Context(), withKey{}, with{browser: r.browser(w, q), provider: wish})
	r.provider.ServeHTTP(w, q.WithContext(ctx))
}

// callback hands the code out, to the browser that has signed in and no other: whoever else learns the request's
// identifier must not receive it.
func (r *realm) callback(w http.ResponseWriter, q *http.Request) {
	if _, ok := r.request(w, q); ok {
		r.provider.ServeHTTP(w, q)
	}
}

// browser returns the identifier of a browser, and gives it one if it has none.
func (r *realm) browser(w http.ResponseWriter, q *http.Request) string {
	if c, err := q.Cookie(r.name + "_browser"); err == nil && c.Value != "" {
		return c.Value
	}
	v := r.i.opaque()
	r.cookie(w, "_browser", v, 0)
	return v
}

// cookie sets one for the realm's paths, "" ends it. Cookies do not tell ports apart, hence the names; there is no
// Secure because there is no TLS on this machine.
func (r *realm) cookie(w http.ResponseWriter, suffix, value string, life time.Duration) {
	c := &http.Cookie{Name: r.name + suffix, Value: value, Path: r.path, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second)}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// request finds the authorization request that an address names, if it is of this browser. Otherwise it has answered.
func (r *realm) request(w http.ResponseWriter, q *http.Request) (request, bool) {
	r.mu.Lock()
	found, ok := r.requests[q.URL.Query().Get("id")]
	var copied request
	if ok {
		copied = *found
	}
	r.mu.Unlock()
	c, err := q.Cookie(r.name + "_browser")
	if !ok || err != nil || subtle.ConstantTimeCompare([]byte(c.Value), []byte(copied.browser)) != 1 || r.i.o.Now().After(copied.created.Add(requestLife)) {
		r.refuse(w, http.StatusBadRequest, "This sign-in is not known here, or is too old. Go back to the application and start again.")
		return request{}, false
	}
	return copied, true
}

// update edits a stored request.
func (r *realm) update(id string, edit func(*request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q, ok := r.requests[id]; ok {
		edit(q)
	}
}

// CreateAuthRequest keeps a request that the library has found in order (op.Storage). The pool's client is public and
// must prove with S256 that it redeems its own code (RFC 7636, section 4.4.1; RFC 9700, section 2.1.1).
func (r *realm) CreateAuthRequest(ctx context.Context, in *oidc.AuthRequest, _ string) (op.AuthRequest, error) {
	if r.pool() && (in.CodeChallenge == "" || in.CodeChallengeMethod != oidc.CodeChallengeMethodS256) {
		return nil, oidc.ErrInvalidRequest().WithDescription("code_challenge with the method S256 is required")
	}
	if !slices.Contains(in.Scopes, oidc.ScopeOpenID) {
		return nil, oidc.ErrInvalidScope().WithDescription("the scope openid is required")
	}
	more, _ := ctx.Value(withKey{}).(with)
	now := r.i.o.Now()
	q := &request{id: r.i.opaque(), in: *in, with: more.provider, browser: more.browser, created: now}
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, old := range r.requests {
		if now.After(old.created.Add(requestLife)) {
			delete(r.requests, id)
			delete(r.codes, old.code)
		}
	}
	r.requests[q.id] = q
	c := *q
	return &c, nil
}

// AuthRequestByID is of op.Storage.
func (r *realm) AuthRequestByID(_ context.Context, id string) (op.AuthRequest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q, ok := r.requests[id]; ok {
		c := *q
		return &c, nil
	}
	return nil, errors.New("no such request")
}

// SaveAuthCode is of op.Storage. A request gets one code.
func (r *realm) SaveAuthCode(_ context.Context, id, code string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.requests[id]
	if !ok || q.code != "" {
		return errors.New("no such request")
	}
	q.code, q.coded = code, r.i.o.Now()
	r.codes[code] = id
	return nil
}

// AuthRequestByCode is of op.Storage. Whatever becomes of it, a code is good for one attempt (RFC 6749, section 4.1.2).
func (r *realm) AuthRequestByCode(_ context.Context, code string) (op.AuthRequest, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q, ok := r.requests[r.codes[code]]
	if !ok {
		return nil, errors.New("no such code")
	}
	delete(r.requests, q.id)
	delete(r.codes, code)
	if !r.i.o.Now().Before(q.coded.Add(codeLife)) {
		return nil, errors.New("the code is too old")
	}
	return q, nil
}

// DeleteAuthRequest is of op.Storage.
func (r *realm) DeleteAuthRequest(_ context.Context, id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q, ok := r.requests[id]; ok {
		delete(r.codes, q.code)
		delete(r.requests, id)
	}
	return nil
}

// GetClientByClientID is of op.Storage.
func (r *realm) GetClientByClientID(_ context.Context, id string) (op.Client, error) {
	if id != r.client.id {
		return nil, oidc.ErrInvalidClient().WithDescription("no such client")
	}
	return r.client, nil
}

// AuthorizeClientIDSecret is of op.Storage.
func (r *realm) AuthorizeClientIDSecret(_ context.Context, id, secret string) error {
	if id != r.client.id || r.client.secret == "" || subtle.ConstantTimeCompare([]byte(secret), []byte(r.client.secret)) != 1 {
		return errors.New("wrong client or secret")
	}
	return nil
}

// TokenRequestByRefreshToken is of op.Storage.
func (r *realm) TokenRequestByRefreshToken(_ context.Context, token string) (op.RefreshTokenRequest, error) {
	g, ok := r.i.state.grant(token)
	if !ok {
		return nil, op.ErrInvalidRefreshToken
	}
	return &renewal{g}, nil
}

// GetRefreshTokenInfo is of op.Storage.
func (r *realm) GetRefreshTokenInfo(_ context.Context, clientID, token string) (string, string, error) {
	g, ok := r.i.state.grant(token)
	if !ok || g.Client != clientID {
		return "", "", op.ErrInvalidRefreshToken
	}
	return g.Account, g.ID, nil
}

// RevokeToken is of op.Storage. What is unknown is dead already (RFC 7009, section 2.2); an access token is identified
// by its own jti, which is no grant's: like Cognito, only a refresh token ends a sign-in.
func (r *realm) RevokeToken(_ context.Context, id, _, _ string) *oidc.Error {
	if r.i.state.alive(id) {
		if err := r.i.state.end(id); err != nil {
			return oidc.ErrServerError().WithParent(err)
		}
	}
	return nil
}

// KeySet is of op.Storage.
func (r *realm) KeySet(context.Context) ([]op.Key, error) {
	var out []op.Key
	_, all := r.i.state.signing(r.keys)
	for _, k := range all {
		out = append(out, public{k})
	}
	return out, nil
}

// SignatureAlgorithms is of op.Storage.
func (r *realm) SignatureAlgorithms(context.Context) ([]jose.SignatureAlgorithm, error) {
	return []jose.SignatureAlgorithm{jose.RS256}, nil
}

// Health is of op.Storage.
func (r *realm) Health(context.Context) error { return nil }
