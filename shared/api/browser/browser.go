// Package browser lets people sign in with a browser and shows them the pages of the workspace. Tokens live in cookies
// that no script can read; the sign-in itself happens at the identity provider (OAuth 2.0 authorization code with PKCE).
package browser

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/web/signinpage"
	"github.com/passportcraft/passportcraft/shared/web/workspacepage"
)

// Provider is the sign-in service.
type Provider interface {
	AuthorizeURL(o identity.AuthorizeOptions) string
	Exchange(ctx context.Context, code, verifier, redirectURI string) (identity.Tokens, error)
	Refresh(ctx context.Context, refresh string) (identity.Tokens, error)
	Revoke(ctx context.Context, refresh string) error
	LogoutURL(returnTo string) string
}

// Tokens verifies what the provider issued.
type Tokens interface {
	Verify(ctx context.Context, token, use string) (signin.Claims, error)
}

// Desk is what signing in needs. Without a provider the page says that nobody can sign in here.
type Desk struct {
	Provider Provider
	Tokens   Tokens
	Accounts *member.Accounts
	Base     string   // scheme and host of these pages
	With     []string // identity providers beside the password: Google, Microsoft
	Random   io.Reader
}

// Cookies beside httpapi.SessionCookie.
const (
	attemptCookie = "__Host-signin"    // proof of one attempt; Lax, since the provider's redirect comes from elsewhere
	refreshCookie = "__Secure-refresh" // of the provider
)

const (
	attemptLife = 10 * time.Minute
	refreshLife = 8 * time.Hour
)

// attempt is kept in the browser between leaving for the provider and coming back.
type attempt struct {
	Proof identity.Proof `json:"proof"`
	Next  string         `json:"next"`
}

// Routes serves the way in and out.
func Routes(d Desk) []httpapi.Route {
	return []httpapi.Route{
		public("GET /sign-in", d.choose, "next", "again"),
		public("GET /sign-in/start", d.start, "with", "next", "again"),
		public("GET /sign-in/callback", d.callback, "code", "state", "error", "error_description"),
		public("POST /sign-in/refresh", d.refresh),
		public("GET /sign-out", d.leave),
		public("GET /signed-out", func(*httpapi.Request) (*httpapi.Response, error) {
			return httpapi.Page(signinpage.SignedOut, signinpage.ContentSecurityPolicy())
		}),
	}
}

func public(pattern string, handle func(*httpapi.Request) (*httpapi.Response, error), query ...string) httpapi.Route {
	return httpapi.Route{Function: "sign-in", Pattern: pattern, Action: access.Public, Ours: true, Query: query, Handle: handle}
}

// Pages serves the workspace and the page for invited people.
func Pages() []httpapi.Route {
	show := func(pattern string, handle func(*httpapi.Request) (*httpapi.Response, error)) httpapi.Route {
		return httpapi.Route{Function: "show-workspace", Pattern: pattern, Action: access.Public, Ours: true, Handle: handle}
	}
	script := func(text []byte) func(*httpapi.Request) (*httpapi.Response, error) {
		return func(*httpapi.Request) (*httpapi.Response, error) {
			return &httpapi.Response{Raw: text, ContentType: "text/javascript; charset=utf-8", ETag: httpapi.ContentTag(text)}, nil
		}
	}
	return []httpapi.Route{
		show("GET /workspace", func(*httpapi.Request) (*httpapi.Response, error) {
			return httpapi.Page(workspacepage.Workspace, workspacepage.ContentSecurityPolicy())
		}),
		show("GET /workspace.js", script(workspacepage.Script())),
		show("GET /invitation", func(*httpapi.Request) (*httpapi.Response, error) {
			return httpapi.Page(func(w io.Writer) error { return signinpage.Invitation(w, signinpage.InvitationData{}) }, signinpage.InvitationPolicy())
		}),
		show("GET /invitation.js", script(signinpage.Script())),
	}
}

// choose shows the ways to sign in.
func (d Desk) choose(r *httpapi.Request) (*httpapi.Response, error) {
	return d.choice(r, http.StatusOK, "")
}

func (d Desk) choice(r *httpapi.Request, status int, problem string) (*httpapi.Response, error) {
	data := signinpage.Data{Next: r.URL.Query().Get("next"), Error: problem}
	again := ""
	if r.URL.Query().Get("again") != "" {
		again = "&again=1"
	}
	if d.Provider != nil {
		data.Methods = []signinpage.Method{{Name: "password", Label: "E-mail and password", Href: "/sign-in/start?with=password" + again}}
		for _, name := range d.With {
			data.Methods = append(data.Methods, signinpage.Method{Name: strings.ToLower(name), Label: name, Href: "/sign-in/start?with=" + strings.ToLower(name) + again})
		}
	}
	resp, err := httpapi.Page(func(w io.Writer) error { return signinpage.SignIn(w, data) }, signinpage.ContentSecurityPolicy())
	if err == nil {
		resp.Status = status
	}
	return resp, err
}

func (d Desk) redirectURI() string { return d.Base + "/sign-in/callback" }

// start sends the browser to the provider, with a proof that only this browser keeps.
func (d Desk) start(r *httpapi.Request) (*httpapi.Response, error) {
	if d.Provider == nil {
		return d.choice(r, http.StatusServiceUnavailable, "Nobody can sign in here at present.")
	}
	proof, err := identity.NewProof(d.Random)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	o := identity.AuthorizeOptions{RedirectURI: d.redirectURI(), State: proof.State, Nonce: proof.Nonce, Challenge: proof.Challenge(), Again: q.Get("again") != ""}
	for _, name := range d.With {
		if strings.EqualFold(name, q.Get("with")) {
			o.With = name
		}
	}
	kept, err := json.Marshal(attempt{proof, signinpage.Local(q.Get("next"))})
	if err != nil {
		return nil, err
	}
	resp := &httpapi.Response{Status: http.StatusSeeOther}
	resp.Set("Location", d.Provider.AuthorizeURL(o))
	cookie(resp, attemptCookie, base64.RawURLEncoding.EncodeToString(kept), "/", http.SameSiteLaxMode, attemptLife)
	return resp, nil
}

// callback takes the browser back: the answer must be to the attempt that this browser began.
func (d Desk) callback(r *httpapi.Request) (*httpapi.Response, error) {
	began, err := d.began(r)
	q := r.URL.Query()
	if d.Provider == nil || err != nil || q.Get("error") != "" || q.Get("code") == "" ||
		subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(began.Proof.State)) != 1 {
		return d.choice(r, http.StatusBadRequest, "The sign-in did not work: it was broken off, is too old, or began in another browser. Choose again.")
	}
	t, err := d.Provider.Exchange(r.Context(), q.Get("code"), began.Proof.Verifier, d.redirectURI())
	if err != nil {
		if fault.Of(err).Kind == fault.Unavailable {
			return nil, err
		}
		return d.choice(r, http.StatusBadRequest, "The sign-in did not work. Choose again.")
	}
	claims, err := d.Tokens.Verify(r.Context(), t.ID, signin.ID)
	if err != nil || subtle.ConstantTimeCompare([]byte(claims.Nonce), []byte(began.Proof.Nonce)) != 1 {
		return d.choice(r, http.StatusBadRequest, "The sign-in did not work: the answer was not to your request. Choose again.")
	}
	if err := d.register(r, claims); err != nil {
		return nil, err
	}
	resp, err := httpapi.Page(func(w io.Writer) error { return signinpage.Done(w, signinpage.Data{Next: began.Next}) }, signinpage.ContentSecurityPolicy())
	if err != nil {
		return nil, err
	}
	cookie(resp, attemptCookie, "", "/", http.SameSiteLaxMode, -1)
	session(resp, t)
	return resp, nil
}

func (d Desk) began(r *httpapi.Request) (a attempt, err error) {
	c, err := r.Cookie(attemptCookie)
	if err != nil {
		return a, err
	}
	raw, err := base64.RawURLEncoding.DecodeString(c.Value)
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(raw, &a); err != nil || a.Proof.State == "" || a.Proof.Nonce == "" || a.Proof.Verifier == "" {
		return a, errors.Join(err, errors.New("browser: no proof"))
	}
	return a, nil
}

// register takes name and mail address from the sign-in, so that people do not have to say who they are.
func (d Desk) register(r *httpapi.Request, c signin.Claims) error {
	i := member.Identity{Issuer: c.Issuer, Subject: c.Subject}
	person, err := d.Accounts.People.Find(r.Context(), i)
	if err != nil && !errors.Is(err, fault.NotFound) {
		return err
	}
	_, err = d.Accounts.Register(r.Context(), member.Self{Identity: i, Person: id.Person(person), Request: r.ID, At: r.At}, c)
	return err
}

// refresh renews a session that has run out, without the person.
func (d Desk) refresh(r *httpapi.Request) (*httpapi.Response, error) {
	c, err := r.Cookie(refreshCookie)
	if err != nil || d.Provider == nil || r.Header.Get("Sec-Fetch-Site") != "same-origin" && r.Header.Get("X-Requested-With") != "passportcraft" {
		return nil, access.Unauthenticated()
	}
	t, err := d.Provider.Refresh(r.Context(), c.Value)
	if err != nil {
		return nil, err
	}
	resp := httpapi.OK(map[string]int{"expiresIn": int(t.ExpiresIn.Seconds())})
	session(resp, t)
	return resp, nil
}

// leave ends the session here and, if the provider answers, there. Somebody who wants to leave is let go whatever the
// provider says; what it then still holds ends by itself.
func (d Desk) leave(r *httpapi.Request) (*httpapi.Response, error) {
	resp := (&httpapi.Response{Status: http.StatusSeeOther}).Set("Location", "/signed-out")
	if d.Provider != nil {
		resp.Set("Location", d.Provider.LogoutURL(d.Base+"/signed-out"))
		if c, err := r.Cookie(refreshCookie); err == nil && d.Provider.Revoke(r.Context(), c.Value) != nil {
			resp.Set("Location", "/signed-out")
		}
	}
	cookie(resp, httpapi.SessionCookie, "", "/", http.SameSiteStrictMode, -1)
	cookie(resp, refreshCookie, "", "/", http.SameSiteStrictMode, -1)
	return resp, nil
}

func session(resp *httpapi.Response, t identity.Tokens) {
	cookie(resp, httpapi.SessionCookie, t.Access, "/", http.SameSiteStrictMode, t.ExpiresIn)
	if t.Refresh != "" {
		cookie(resp, refreshCookie, t.Refresh, "/", http.SameSiteStrictMode, refreshLife)
	}
}

func cookie(resp *httpapi.Response, name, value, path string, site http.SameSite, life time.Duration) {
	c := http.Cookie{Name: name, Value: value, Path: path, Secure: true, HttpOnly: true, SameSite: site, MaxAge: int(life.Seconds())}
	if life < 0 {
		c.MaxAge = -1
	}
	if resp.Header == nil {
		resp.Header = http.Header{}
	}
	resp.Header.Add("Set-Cookie", c.String())
}
