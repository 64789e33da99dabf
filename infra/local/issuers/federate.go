package issuers

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// away is a browser that the pool has sent to an identity provider.
type away struct {
	request, provider, nonce, browser string
	since                             time.Time
}

// upstream is the realm of an identity provider as the pool calls it, nil for none.
func (i *Issuers) upstream(provider string) *realm {
	switch provider {
	case "Google":
		return i.realms[Google]
	case "Microsoft":
		return i.realms[Microsoft]
	}
	return nil
}

// federate sends a browser to an identity provider (authorization code flow with state and nonce).
func (r *realm) federate(w http.ResponseWriter, q *http.Request) {
	asked, ok := r.request(w, q)
	if !ok {
		return
	}
	provider := q.URL.Query().Get("with")
	up := r.i.upstream(provider)
	if up == nil {
		r.refuse(w, http.StatusBadRequest, "There is no identity provider of that name.")
		return
	}
	now, state, nonce := r.i.o.Now(), r.i.opaque(), r.i.opaque()
	r.i.federate.Lock()
	for s, old := range r.i.away {
		if now.After(old.since.Add(requestLife)) {
			delete(r.i.away, s)
		}
	}
	r.i.away[state] = away{request: asked.id, provider: provider, nonce: nonce, browser: asked.browser, since: now}
	r.i.federate.Unlock()
	v := url.Values{"response_type": {"code"}, "client_id": {up.client.id}, "redirect_uri": {up.client.callbacks[0]},
		"scope": {"openid email profile"}, "state": {state}, "nonce": {nonce}}
	if slices.Contains(asked.in.Prompt, oidc.PromptLogin) {
		v.Set("prompt", oidc.PromptLogin)
	}
	http.Redirect(w, q, up.issuer+"/oauth2/authorize?"+v.Encode(), http.StatusFound)
}

// federated is where an identity provider sends the browser back to.
func (r *realm) federated(w http.ResponseWriter, q *http.Request) {
	state := q.URL.Query().Get("state")
	r.i.federate.Lock()
	was, ok := r.i.away[state]
	delete(r.i.away, state)
	r.i.federate.Unlock()
	c, err := q.Cookie(r.name + "_browser")
	if !ok || err != nil || subtle.ConstantTimeCompare([]byte(c.Value), []byte(was.browser)) != 1 || r.i.o.Now().After(was.since.Add(requestLife)) {
		r.refuse(w, http.StatusBadRequest, "This sign-in is not known here, or is too old. Go back to the application and start again.")
		return
	}
	asked, err := r.AuthRequestByID(q.Context(), was.request)
	if err != nil {
		r.refuse(w, http.StatusBadRequest, "This sign-in is not known here, or is too old. Go back to the application and start again.")
		return
	}
	up := r.i.upstream(was.provider)
	who, err := r.i.assertion(q.Context(), up, q.URL.Query().Get("code"), was.nonce)
	if err != nil {
		r.i.log("cognito: sign-in with %s refused: %v", was.provider, err)
		r.refuse(w, http.StatusForbidden, was.provider+" did not sign you in here: the account is not one that this application accepts, or the sign-in was not completed.")
		return
	}
	a, err := r.i.adopt(was.provider, who)
	if err != nil {
		r.i.log("cognito: %v", err)
		r.refuse(w, http.StatusInternalServerError, "The account could not be kept. Look into the log.")
		return
	}
	methods := []string{"fed"}
	for _, m := range who.Methods {
		if !slices.Contains(methods, m) {
			methods = append(methods, m)
		}
	}
	s := session{account: a.ID, methods: methods, signed: r.i.o.Now()}
	r.remember(w, s)
	r.finish(w, q, asked.GetID(), s)
}

// asserted is what the pool reads of an ID token of an identity provider.
type asserted struct {
	Issuer   string        `json:"iss"`
	Subject  string        `json:"sub"`
	Audience oidc.Audience `json:"aud"`
	Expires  int64         `json:"exp"`
	Issued   int64         `json:"iat"`
	Nonce    string        `json:"nonce"`
	Tenant   string        `json:"tid"`
	Email    string        `json:"email"`
	Name     string        `json:"name"`
	Methods  []string      `json:"amr"`
}

// assertion redeems a code at an identity provider and verifies the ID token.
func (i *Issuers) assertion(ctx context.Context, up *realm, code, nonce string) (asserted, error) {
	if code == "" {
		return asserted{}, errors.New("no code")
	}
	form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {up.client.callbacks[0]},
		"client_id": {up.client.id}, "client_secret": {up.client.secret}}
	var got struct {
		ID string `json:"id_token"`
	}
	if err := i.fetch(ctx, http.MethodPost, up.issuer+"/oauth2/token", form, &got); err != nil {
		return asserted{}, err
	}
	var set jose.JSONWebKeySet
	if err := i.fetch(ctx, http.MethodGet, up.issuer+"/.well-known/jwks.json", nil, &set); err != nil {
		return asserted{}, err
	}
	return judgeAssertion(got.ID, set, up, nonce, i.o.Now())
}

// judgeAssertion is OpenID Connect Core 1.0, section 3.1.3.7, with the issuer pinned. All tenants of Microsoft share
// their keys, so issuer and tenant id are what tells an organisation that we accept from any other.
func judgeAssertion(token string, set jose.JSONWebKeySet, up *realm, nonce string, now time.Time) (asserted, error) {
	var c asserted
	if err := verify(token, set, &c); err != nil {
		return asserted{}, err
	}
	const leeway = 60
	switch {
	case c.Issuer != up.issuer:
		return asserted{}, errors.New("another issuer")
	case c.Tenant != up.tenant:
		return asserted{}, errors.New("another tenant")
	case len(c.Audience) != 1 || c.Audience[0] != up.client.id:
		return asserted{}, errors.New("another audience")
	case nonce == "" || subtle.ConstantTimeCompare([]byte(c.Nonce), []byte(nonce)) != 1:
		return asserted{}, errors.New("another nonce")
	case c.Expires <= now.Unix()-leeway || c.Issued > now.Unix()+leeway:
		return asserted{}, errors.New("expired, or of the future")
	case c.Subject == "" || c.Email == "":
		return asserted{}, errors.New("no subject or no e-mail address")
	}
	return c, nil
}

// fetch calls an identity provider on the back channel.
func (i *Issuers) fetch(ctx context.Context, method, address string, form url.Values, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := i.http.Do(r)
	if err != nil {
		return err
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxBody))
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: status %d", r.URL.Path, answer.StatusCode)
	}
	return json.Unmarshal(b, into)
}

// adopt finds or makes the pool's account of a federated person, known by provider and subject and by nothing else. An
// e-mail address that another account has is no reason to join the two.
func (i *Issuers) adopt(provider string, who asserted) (account, error) {
	from := origin{Provider: provider, Subject: who.Subject}
	same := func(a *account) bool { return a.Provider == Cognito && a.Identity != nil && *a.Identity == from }
	if a, ok := i.state.find(same); ok {
		_, err := i.state.change(a.ID, func(a *account) bool { // attributes are mapped anew at each sign-in, as by Cognito
			changed := a.Email != tidy(who.Email) || a.Name != who.Name
			a.Email, a.Name = tidy(who.Email), who.Name
			return changed
		})
		a.Email, a.Name = tidy(who.Email), who.Name
		return a, err
	}
	a := account{Provider: Cognito, ID: i.uuid(), Username: provider + "_" + who.Subject, Email: tidy(who.Email), Name: who.Name, Created: i.o.Now(), Identity: &from}
	err := i.state.add(a)
	if errors.Is(err, errTaken) { // by the same person in another window
		if a, ok := i.state.find(same); ok {
			return a, nil
		}
	}
	return a, err
}
