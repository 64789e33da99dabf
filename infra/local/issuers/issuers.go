// Package issuers runs three OpenID providers on one machine: stand-ins for Amazon Cognito (the pool, the only one our
// product talks to), Google and Microsoft (which only the pool talks to). Their tokens have the claims of the real ones,
// so that everything behind an issuer address and a key set is the same here and in the cloud.
//
// The authorization endpoint, the codes, PKCE, the checks of clients, revocation and discovery are those of
// github.com/zitadel/oidc; pages, users, federation, the claims and Cognito's JSON API are ours.
//
// It does not send mail (an address counts as verified once an account is made), does not slow down guessing beyond
// the cost of the password hash, does not check AWS signatures, and is no provider for anything but a loopback address.
package issuers

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// The providers, as AddUser, Issuer and Mint name them.
const (
	Cognito        = "cognito"
	Google         = "google"
	Microsoft      = "microsoft"
	MicrosoftOther = "microsoft-other" // a second Microsoft tenant, which the pool must refuse
)

// Microsoft tenant ids: the one that the pool accepts, and another one.
const (
	MicrosoftTenant      = "5d3c1f0e-7b7a-4c52-9a10-3f6c2b8e4d01"
	MicrosoftOtherTenant = "c0ffee00-1a2b-4c3d-8e4f-5a6b7c8d9e02"
)

// Lifetimes. Those of tokens are what the template asks of the real pool.
const (
	accessLife  = 15 * time.Minute
	refreshLife = 8 * time.Hour // from the sign-in on, however often it is rotated
	sessionLife = time.Hour     // of the pool's own cookie, as with managed login
	codeLife    = 5 * time.Minute
	requestLife = time.Hour
	idpLife     = time.Hour // of an ID token by Google or Microsoft
	callTime    = 10 * time.Second
	maxBody     = 64 << 10
)

// Options say where the providers run and for whom.
type Options struct {
	Dir        string      // keeps users, keys and refresh tokens, in a file of mode 0600; made if absent
	Listen     string      // a loopback address; "" is "127.0.0.1:0". Issuer addresses contain the port: fix it to keep them
	Now        clock.Clock // nil is the system's
	Random     io.Reader   // of secrets and identifiers, not of keys; nil is the system's
	Log        io.Writer   // a line per event, without secrets and addresses; nil is nowhere
	ClientID   string      // our app at the pool: a public client; "" is "passportcraft-local"
	Callbacks  []string    // redirect addresses of our app, compared as they are written
	SignedOut  []string    // where a browser may be sent after signing out
	Iterations int         // of PBKDF2-HMAC-SHA-512 per password; 0 is 210,000
}

// Issuers are the running providers; safe for concurrent use.
type Issuers struct {
	o       Options
	base    string // "http://127.0.0.1:port"
	state   *store
	realms  map[string]*realm
	pages   *template.Template
	policy  string // Content-Security-Policy of every page
	handler http.Handler
	server  *http.Server
	served  chan struct{}
	http    *http.Client // the pool's, towards the identity providers

	random   sync.Mutex
	work     int // password derivations so far, guarded by random
	federate sync.Mutex
	away     map[string]away // browsers that the pool sent to an identity provider, by state
}

// Start brings the providers up, with the state that Dir holds. The caller ends them with Close.
func Start(o Options) (*Issuers, error) {
	o = o.complete()
	if host, _, err := net.SplitHostPort(o.Listen); err != nil || !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("issuers: %q is no loopback address with a port", o.Listen)
	}
	state, err := open(o.Dir, o.Now)
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("issuers: %w", err)
	}
	i := &Issuers{o: o, base: "http://" + listener.Addr().String(), state: state, away: map[string]away{}, served: make(chan struct{})}
	i.http = &http.Client{Timeout: callTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if err := i.build(listener.Addr().String()); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	i.server = &http.Server{Handler: i.handler, ReadHeaderTimeout: callTime, ReadTimeout: callTime, WriteTimeout: 2 * callTime}
	go func() {
		defer close(i.served)
		_ = i.server.Serve(listener)
	}()
	i.log("listening on %s", i.base)
	return i, nil
}

func (o Options) complete() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Now == nil {
		o.Now = clock.System
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Log == nil {
		o.Log = io.Discard
	}
	if o.ClientID == "" {
		o.ClientID = "passportcraft-local"
	}
	if o.Iterations < 1 {
		o.Iterations = 210_000 // OWASP Password Storage Cheat Sheet, for PBKDF2-HMAC-SHA512
	}
	return o
}

// build makes the realms and the handler over them.
func (i *Issuers) build(host string) error {
	var err error
	if i.pages, i.policy, err = templates(append(slices.Clone(i.o.Callbacks), i.o.SignedOut...)); err != nil {
		return err
	}
	mux := http.NewServeMux()
	i.realms = map[string]*realm{}
	secret := i.state.secret
	back := []string{i.base + "/cognito/oauth2/idpresponse"}
	for _, r := range []*realm{
		{name: Cognito, path: "/cognito", keys: Cognito, accepts: []string{Cognito}, kind: "PassportCraft on this machine",
			client: client{id: i.o.ClientID, callbacks: i.o.Callbacks}},
		{name: Google, path: "/google", keys: Google, accepts: []string{Google}, kind: "Stand-in for Google on this machine",
			client: client{id: "pool.google.local", secret: secret, callbacks: back}},
		// The keys of Microsoft are those of all tenants, and an account of any tenant can sign in where an app asks for
		// organisations: only the issuer and the tenant id tell them apart.
		{name: Microsoft, path: "/microsoft/" + MicrosoftTenant + "/v2.0", tenant: MicrosoftTenant, keys: Microsoft,
			accepts: []string{Microsoft, MicrosoftOther}, kind: "Stand-in for Microsoft on this machine",
			client: client{id: "2f0b7a64-5a86-4a0e-9a5e-6f5f3f1a7c10", secret: secret, callbacks: back}},
		{name: MicrosoftOther, path: "/microsoft/" + MicrosoftOtherTenant + "/v2.0", tenant: MicrosoftOtherTenant, keys: Microsoft,
			accepts: []string{MicrosoftOther}, kind: "Stand-in for Microsoft on this machine, another organisation",
			client: client{id: "2f0b7a64-5a86-4a0e-9a5e-6f5f3f1a7c10", secret: secret, callbacks: back}},
	} {
		if err := r.init(i); err != nil {
			return err
		}
		i.realms[r.name] = r
		mux.Handle(r.path+"/", http.StripPrefix(r.path, r.handler()))
	}
	mux.HandleFunc("POST /cognito/api", i.api)
	guarded := http.NewCrossOriginProtection().Handler(mux)
	i.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != host { // another name that resolves to this machine is somebody else's page
			http.Error(w, "This is not the address of these providers.", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "same-origin")
		guarded.ServeHTTP(w, r)
	})
	return nil
}

// Close ends the server and waits until it has ended. The state is on disk already.
func (i *Issuers) Close() error {
	err := i.server.Close()
	<-i.served
	return err
}

// Handler is what the server serves; it answers only under the address of the server.
func (i *Issuers) Handler() http.Handler { return i.handler }

// ClientID is our app's at the pool.
func (i *Issuers) ClientID() string { return i.o.ClientID }

// Issuer is the issuer address of a provider, "" for an unknown one.
func (i *Issuers) Issuer(provider string) string {
	if r, ok := i.realms[provider]; ok {
		return r.issuer
	}
	return ""
}

// SignInURL is where the paths of the pool begin; for the pool on this machine it is the issuer too.
func (i *Issuers) SignInURL() string { return i.base + "/cognito" }

// AuthorizeURL is where a browser goes to sign in.
func (i *Issuers) AuthorizeURL() string { return i.SignInURL() + "/oauth2/authorize" }

// TokenURL is where codes and refresh tokens are redeemed.
func (i *Issuers) TokenURL() string { return i.SignInURL() + "/oauth2/token" }

// RevokeURL is where refresh tokens are ended.
func (i *Issuers) RevokeURL() string { return i.SignInURL() + "/oauth2/revoke" }

// LogoutURL is where a browser goes to sign out.
func (i *Issuers) LogoutURL() string { return i.SignInURL() + "/logout" }

// JWKSURL is the pool's key set.
func (i *Issuers) JWKSURL() string { return i.SignInURL() + "/.well-known/jwks.json" }

// APIURL is Cognito's JSON API.
func (i *Issuers) APIURL() string { return i.SignInURL() + "/api" }

func (i *Issuers) log(format string, args ...any) {
	i.random.Lock()
	defer i.random.Unlock()
	_, _ = fmt.Fprintf(i.o.Log, "issuers: "+format+"\n", args...)
}

// draw returns n random bytes. A source that fails is replaced by the system's, which does not.
func (i *Issuers) draw(n int) []byte {
	i.random.Lock()
	defer i.random.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(i.o.Random, b); err != nil {
		_, _ = rand.Read(b)
	}
	return b
}

// opaque is a secret of 256 bits in base64url.
func (i *Issuers) opaque() string { return base64.RawURLEncoding.EncodeToString(i.draw(32)) }

// uuid is a random UUID (RFC 9562, version 4).
func (i *Issuers) uuid() string {
	b := i.draw(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
