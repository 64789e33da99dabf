package issuers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// login is where the library sends a browser. The pool lets those through that signed in within the hour, unless the
// request asks for a new sign-in (OpenID Connect Core 1.0, section 3.1.2.1, prompt and max_age). Google and Microsoft
// always ask, so that another person can be chosen.
func (r *realm) login(w http.ResponseWriter, q *http.Request) {
	asked, ok := r.request(w, q)
	if !ok {
		return
	}
	if s, ok := r.session(q); ok && !slices.Contains(asked.in.Prompt, oidc.PromptLogin) && (asked.in.MaxAge == nil || r.fresh(s, *asked.in.MaxAge)) && r.fits(s, asked.with) {
		r.finish(w, q, asked.id, s)
		return
	}
	if slices.Contains(asked.in.Prompt, oidc.PromptNone) {
		op.AuthRequestError(w, q, &asked, oidc.ErrLoginRequired(), r.provider)
		return
	}
	if asked.with != "" {
		http.Redirect(w, q, r.path+"/federate?id="+url.QueryEscape(asked.id)+"&with="+url.QueryEscape(asked.with), http.StatusFound)
		return
	}
	r.show(w, http.StatusOK, r.loginPage(asked, asked.in.LoginHint, ""))
}

func (r *realm) fresh(s session, age uint) bool {
	return age > 0 && age < uint(sessionLife/time.Second)*24 && r.i.o.Now().Before(s.signed.Add(time.Duration(age)*time.Second))
}

// fits says whether a session came by the identity provider that a request names, if it names one.
func (r *realm) fits(s session, provider string) bool {
	a, ok := r.i.state.byID(s.account, Cognito)
	return ok && (provider == "" || a.Identity != nil && a.Identity.Provider == provider)
}

func (r *realm) session(q *http.Request) (session, bool) {
	c, err := q.Cookie(r.name + "_session")
	if err != nil || !r.pool() {
		return session{}, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.sessions[c.Value]
	return s, ok && r.i.o.Now().Before(s.signed.Add(sessionLife))
}

// finish marks a request as done and sends the browser where the library hands out the code.
func (r *realm) finish(w http.ResponseWriter, q *http.Request, id string, s session) {
	r.update(id, func(asked *request) { asked.account, asked.methods, asked.signed = s.account, s.methods, s.signed })
	r.i.log("%s: signed in (%s)", r.name, strings.Join(s.methods, " "))
	http.Redirect(w, q, op.AuthCallbackURL(r.provider)(op.ContextWithIssuer(q.Context(), r.issuer), id), http.StatusSeeOther)
}

// remember begins a session of the pool in this browser.
func (r *realm) remember(w http.ResponseWriter, s session) {
	if !r.pool() {
		return
	}
	v := r.i.opaque()
	r.mu.Lock()
	for old, s := range r.sessions {
		if r.i.o.Now().After(s.signed.Add(sessionLife)) {
			delete(r.sessions, old)
		}
	}
	r.sessions[v] = s
	r.mu.Unlock()
	r.cookie(w, "_session", v, sessionLife)
}

// signIn judges address and password. A wrong password and an unknown address cost the same work and get the same answer.
func (r *realm) signIn(w http.ResponseWriter, q *http.Request) {
	asked, ok := r.request(w, q)
	if !ok {
		return
	}
	email := q.PostFormValue("email")
	a, ok := r.i.check(email, q.PostFormValue("password"), r.accepts...)
	if !ok {
		r.i.log("%s: sign-in refused", r.name)
		r.show(w, http.StatusUnauthorized, r.loginPage(asked, email, "E-mail address or password is not right."))
		return
	}
	if r.pool() && a.TOTP.Enabled {
		r.update(asked.id, func(asked *request) { asked.waiting, asked.wrong = a.ID, 0 })
		http.Redirect(w, q, r.path+"/code?id="+url.QueryEscape(asked.id), http.StatusSeeOther)
		return
	}
	r.enter(w, q, asked, a, []string{"pwd"})
}

// enter signs an account in with methods as RFC 8176 names them.
func (r *realm) enter(w http.ResponseWriter, q *http.Request, asked request, a account, methods []string) {
	s := session{account: a.ID, methods: methods, signed: r.i.o.Now()}
	r.remember(w, s)
	r.finish(w, q, asked.id, s)
}

// code asks for the authenticator's code, of a browser that has given the password.
func (r *realm) code(w http.ResponseWriter, q *http.Request) {
	asked, ok := r.request(w, q)
	if !ok {
		return
	}
	if asked.waiting == "" {
		http.Redirect(w, q, r.client.LoginURL(url.QueryEscape(asked.id)), http.StatusSeeOther)
		return
	}
	r.show(w, http.StatusOK, r.codePage(asked, ""))
}

func (r *realm) secondFactor(w http.ResponseWriter, q *http.Request) {
	asked, ok := r.request(w, q)
	if !ok {
		return
	}
	if asked.waiting == "" {
		http.Redirect(w, q, r.client.LoginURL(url.QueryEscape(asked.id)), http.StatusSeeOther)
		return
	}
	tries := 0 // counted before the code is judged, so that many at once are not one
	r.update(asked.id, func(asked *request) { asked.wrong++; tries = asked.wrong })
	code := strings.ReplaceAll(strings.TrimSpace(q.PostFormValue("code")), " ", "")
	if tries <= wrongCodes {
		right, err := r.i.state.change(asked.waiting, func(a *account) bool { return a.TOTP.Enabled && a.TOTP.accept(code, r.i.o.Now()) })
		if err != nil {
			r.refuse(w, http.StatusInternalServerError, "The sign-in could not be kept. Look into the log.")
			return
		}
		if a, ok := r.i.state.byID(asked.waiting, Cognito); ok && right {
			r.update(asked.id, func(asked *request) { asked.waiting = "" })
			r.enter(w, q, asked, a, []string{"pwd", "otp"})
			return
		}
	}
	if tries >= wrongCodes {
		r.update(asked.id, func(asked *request) { asked.waiting = "" })
		r.show(w, http.StatusUnauthorized, r.loginPage(asked, "", "Too many wrong codes. Sign in again."))
		return
	}
	r.show(w, http.StatusUnauthorized, r.codePage(asked, "The code is not right, or has been used. Wait for the next one."))
}

// create shows the form for a new account.
func (r *realm) create(w http.ResponseWriter, q *http.Request) {
	if asked, ok := r.request(w, q); ok {
		r.show(w, http.StatusOK, r.createPage(asked, User{}, ""))
	}
}

// signUp makes an account and signs it in. No mail is sent on this machine: the address counts as verified.
func (r *realm) signUp(w http.ResponseWriter, q *http.Request) {
	asked, ok := r.request(w, q)
	if !ok {
		return
	}
	u := User{Email: q.PostFormValue("email"), Password: q.PostFormValue("password"), Name: q.PostFormValue("name")}
	if q.PostFormValue("mfa") != "" && !r.pool() {
		u.Methods = []string{"pwd", "mfa"}
	}
	id, err := r.i.AddUser(r.name, u)
	if errors.Is(err, errTaken) {
		err = errors.New("There is an account with this address. Sign in instead.")
	}
	if err != nil {
		r.show(w, http.StatusUnprocessableEntity, r.createPage(asked, u, err.Error()))
		return
	}
	a, ok := r.i.state.byID(id, r.name)
	if !ok {
		r.refuse(w, http.StatusInternalServerError, "The account could not be kept. Look into the log.")
		return
	}
	r.enter(w, q, asked, a, []string{"pwd"})
}

// logout ends the session of this browser (Amazon Cognito, logout endpoint). Sign-ins of the app end with their refresh
// tokens, not with it.
func (r *realm) logout(w http.ResponseWriter, q *http.Request) {
	to := q.URL.Query().Get("logout_uri")
	if q.URL.Query().Get("client_id") != r.client.id || !slices.Contains(r.i.o.SignedOut, to) {
		r.refuse(w, http.StatusBadRequest, "The application or the address to return to is not registered.")
		return
	}
	if c, err := q.Cookie(r.name + "_session"); err == nil {
		r.mu.Lock()
		delete(r.sessions, c.Value)
		r.mu.Unlock()
	}
	r.cookie(w, "_session", "", 0)
	http.Redirect(w, q, to, http.StatusFound)
}
