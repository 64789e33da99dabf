package issuers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

const (
	callback  = "http://127.0.0.1:9/auth/callback"
	signedOut = "http://127.0.0.1:9/signed-out"
	secret    = "a long enough secret"
	ann       = "ann@example.com"
)

// keys is the state of a fresh start: making keys once is enough for all tests.
var keys = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "issuers")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := open(dir, clock.System); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(dir, "issuers.json"))
})

type bench struct {
	*Issuers
	clock *clock.Movable
	o     Options
}

func start(t *testing.T) *bench {
	t.Helper()
	b, err := keys()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "issuers.json"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	m := clock.NewMovable(clock.Fixed(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)))
	return again(t, &bench{clock: m, o: Options{Dir: dir, Now: m.Now, Callbacks: []string{callback}, SignedOut: []string{signedOut}, Iterations: 10}})
}

func again(t *testing.T, b *bench) *bench {
	t.Helper()
	i, err := Start(b.o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = i.Close() })
	return &bench{Issuers: i, clock: b.clock, o: b.o}
}

func (b *bench) user(t *testing.T, provider, email string, methods ...string) string {
	t.Helper()
	id, err := b.AddUser(provider, User{Email: email, Password: secret, Name: "Ann Example", Methods: methods})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// browser is a person's, with our app's half of a sign-in.
type browser struct {
	t    *testing.T
	b    *bench
	http *http.Client
}

// screen is where a browser has come: a page, or the app's callback.
type screen struct {
	status int
	body   string
	at     *url.URL
}

func (b *bench) browser(t *testing.T) *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, b, &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if r.URL.Host == "127.0.0.1:9" {
			return http.ErrUseLastResponse
		}
		return nil
	}}}
}

func (w *browser) read(answer *http.Response, err error) screen {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	s := screen{answer.StatusCode, string(body), answer.Request.URL}
	if to := answer.Header.Get("Location"); to != "" {
		if s.at, err = url.Parse(to); err != nil {
			w.t.Fatal(err)
		}
	}
	return s
}

func (w *browser) get(address string) screen {
	w.t.Helper()
	return w.read(w.http.Get(address))
}

const verifier = "a-verifier-of-more-than-forty-three-characters-in-all"

func challenge() string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// begin opens the sign-in; edits change what the app asks for, an empty value removes it.
func (w *browser) begin(edits ...string) screen {
	w.t.Helper()
	v := url.Values{"response_type": {"code"}, "client_id": {w.b.ClientID()}, "redirect_uri": {callback}, "state": {"the-state"}, "nonce": {"the-nonce"},
		"scope": {"openid email profile aws.cognito.signin.user.admin"}, "code_challenge": {challenge()}, "code_challenge_method": {"S256"}}
	for n := 0; n < len(edits); n += 2 {
		if v.Set(edits[n], edits[n+1]); edits[n+1] == "" {
			v.Del(edits[n])
		}
	}
	return w.get(w.b.AuthorizeURL() + "?" + v.Encode())
}

// submit fills the form of a page, which must have the fields.
func (w *browser) submit(s screen, fields ...string) screen {
	w.t.Helper()
	action := regexp.MustCompile(`<form method="post" action="([^"]+)"`).FindStringSubmatch(s.body)
	if action == nil {
		w.t.Fatalf("no form in status %d %s", s.status, s.body)
	}
	v := url.Values{}
	for n := 0; n < len(fields); n += 2 {
		if !strings.Contains(s.body, `id="`+fields[n]+`"`) {
			w.t.Fatalf("no field %s in %s", fields[n], s.body)
		}
		v.Set(fields[n], fields[n+1])
	}
	return w.read(w.http.PostForm(w.b.base+html.UnescapeString(action[1]), v))
}

// follow opens a link of a page.
func (w *browser) follow(s screen, id string) screen {
	w.t.Helper()
	href := regexp.MustCompile(`id="` + id + `" href="([^"]+)"`).FindStringSubmatch(s.body)
	if href == nil {
		w.t.Fatalf("no link %s in %s", id, s.body)
	}
	return w.get(w.b.base + html.UnescapeString(href[1]))
}

// tokens redeems the code of a callback.
func (w *browser) tokens(s screen) map[string]any {
	w.t.Helper()
	if s.at == nil || !strings.HasPrefix(s.at.String(), callback) || s.at.Query().Get("code") == "" || s.at.Query().Get("state") != "the-state" {
		w.t.Fatalf("not signed in: %d %v %s", s.status, s.at, s.body)
	}
	status, got := w.b.post(w.t, w.b.TokenURL(), url.Values{"grant_type": {"authorization_code"}, "code": {s.at.Query().Get("code")}, "redirect_uri": {callback},
		"client_id": {w.b.ClientID()}, "code_verifier": {verifier}})
	if status != http.StatusOK {
		w.t.Fatalf("token: %d %v", status, got)
	}
	return got
}

func (b *bench) post(t *testing.T, address string, v url.Values) (int, map[string]any) {
	t.Helper()
	answer, err := http.PostForm(address, v)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var out map[string]any
	_ = json.NewDecoder(answer.Body).Decode(&out)
	return answer.StatusCode, out
}

// claims verifies a token with the published keys of its issuer.
func (b *bench) claims(t *testing.T, provider string, token any) map[string]any {
	t.Helper()
	answer, err := http.Get(b.Issuer(provider) + "/.well-known/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var set jose.JSONWebKeySet
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		t.Fatal(err)
	}
	var c map[string]any
	text, _ := token.(string)
	if err := verify(text, set, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func names(c map[string]any) []string {
	var out []string
	for n := range c {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

// same compares a few claims with what they must be.
func same(t *testing.T, c, want map[string]any) {
	t.Helper()
	got := map[string]any{}
	for n := range want {
		got[n] = c[n]
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("claims (-want +got):\n%s", d)
	}
}

func TestPasswordSignIn(t *testing.T) {
	b := start(t)
	sub := b.user(t, Cognito, ann)
	w := b.browser(t)
	b.clock.Advance(time.Minute)
	got := w.tokens(w.submit(w.begin(), "email", " Ann@Example.COM ", "password", secret))
	if d := cmp.Diff([]string{"access_token", "expires_in", "id_token", "refresh_token", "token_type"}, names(got)); d != "" {
		t.Error(d)
	}
	now := float64(b.clock.Now().Unix())
	access := b.claims(t, Cognito, got["access_token"])
	if d := cmp.Diff([]string{"auth_time", "client_id", "event_id", "exp", "iat", "iss", "jti", "origin_jti", "passportcraft:methods", "scope", "sub", "token_use", "username", "version"}, names(access)); d != "" {
		t.Error(d)
	}
	same(t, access, map[string]any{"sub": sub, "username": sub, "iss": b.SignInURL(), "client_id": b.ClientID(), "token_use": "access", "version": 2.0, "auth_time": now,
		"iat": now, "exp": now + 900, "scope": "openid email profile aws.cognito.signin.user.admin", "passportcraft:methods": []any{"pwd"}})
	id := b.claims(t, Cognito, got["id_token"])
	if d := cmp.Diff([]string{"at_hash", "aud", "auth_time", "cognito:username", "email", "email_verified", "exp", "iat", "iss", "jti", "name", "nonce", "origin_jti", "passportcraft:methods", "sub", "token_use"}, names(id)); d != "" {
		t.Error(d)
	}
	text, _ := got["access_token"].(string)
	same(t, id, map[string]any{"sub": sub, "cognito:username": sub, "aud": b.ClientID(), "token_use": "id", "email": ann, "email_verified": true, "name": "Ann Example",
		"nonce": "the-nonce", "at_hash": half(text), "origin_jti": access["origin_jti"], "passportcraft:methods": []any{"pwd"}})
	if header := strings.Split(text, ".")[0]; header != base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256","kid":"`+b.KeyID()+`"}`)) {
		t.Errorf("header %s", header)
	}
}

func TestFederation(t *testing.T) {
	for provider, name := range map[string]string{Google: "Google", Microsoft: "Microsoft"} {
		for _, direct := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				b := start(t)
				local := b.user(t, Cognito, ann)
				upstream := b.user(t, provider, ann, "pwd", "mfa")
				w := b.browser(t)
				var page screen
				if direct {
					page = w.begin("identity_provider", name)
				} else {
					page = w.follow(w.begin(), provider)
				}
				if !strings.Contains(page.body, "Stand-in for "+name+" on this machine") {
					t.Fatalf("not the stand-in: %s", page.body)
				}
				got := w.tokens(w.submit(page, "email", ann, "password", secret))
				access, id := b.claims(t, Cognito, got["access_token"]), b.claims(t, Cognito, got["id_token"])
				if d := cmp.Diff([]string{"at_hash", "aud", "auth_time", "cognito:groups", "cognito:username", "email", "email_verified", "exp", "iat", "identities", "iss", "jti", "name", "nonce", "origin_jti", "passportcraft:methods", "sub", "token_use"}, names(id)); d != "" {
					t.Error(d)
				}
				from := upstream
				kind := "Google"
				if provider == Microsoft {
					from, kind = pairwise(upstream, b.realms[Microsoft].client.id), "OIDC"
				}
				same(t, access, map[string]any{"username": name + "_" + from, "passportcraft:methods": []any{"fed"}, "cognito:groups": []any{"local_" + name}})
				same(t, id, map[string]any{"cognito:username": name + "_" + from, "email": ann, "email_verified": true, "identities": []any{map[string]any{
					"userId": from, "providerName": name, "providerType": kind, "issuer": nil, "primary": "true", "dateCreated": "1795510800000"}}})
				if id["sub"] == local || id["sub"] == upstream {
					t.Errorf("sub %v is not the pool's own of a user apart", id["sub"])
				}
				other := b.browser(t)
				second := b.claims(t, Cognito, other.tokens(other.submit(other.begin("identity_provider", name), "email", ann, "password", secret))["id_token"])
				same(t, second, map[string]any{"sub": id["sub"]})
			})
		}
	}
}

// TestTwoProvidersOneAddress: an e-mail address joins nobody.
func TestTwoProvidersOneAddress(t *testing.T) {
	b := start(t)
	subjects := map[any]bool{b.user(t, Cognito, ann): true}
	for provider, name := range map[string]string{Google: "Google", Microsoft: "Microsoft"} {
		b.user(t, provider, ann)
		w := b.browser(t)
		id := b.claims(t, Cognito, w.tokens(w.submit(w.begin("identity_provider", name), "email", ann, "password", secret))["id_token"])
		subjects[id["sub"]] = true
		same(t, id, map[string]any{"passportcraft:methods": []any{"fed"}})
	}
	if len(subjects) != 3 {
		t.Errorf("%d users of three", len(subjects))
	}
}

func TestUpstreamClaims(t *testing.T) {
	b := start(t)
	for provider, want := range map[string][]string{
		Google:    {"at_hash", "aud", "azp", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "nonce", "sub"},
		Microsoft: {"aud", "email", "exp", "iat", "iss", "name", "nbf", "nonce", "oid", "preferred_username", "rh", "sub", "tid", "uti", "ver"},
	} {
		sub := b.user(t, provider, ann)
		r := b.realms[provider]
		w := b.browser(t)
		page := w.get(r.issuer + "/oauth2/authorize?" + url.Values{"response_type": {"code"}, "client_id": {r.client.id}, "redirect_uri": {r.client.callbacks[0]},
			"scope": {"openid email profile"}, "state": {"s"}, "nonce": {"n"}}.Encode())
		done := w.submit(page, "email", ann, "password", secret) // refused by the pool, which did not ask; the code is still good
		status, got := b.post(t, r.issuer+"/oauth2/token", url.Values{"grant_type": {"authorization_code"}, "code": {done.at.Query().Get("code")},
			"redirect_uri": {r.client.callbacks[0]}, "client_id": {r.client.id}, "client_secret": {r.client.secret}})
		if done.status != http.StatusBadRequest || status != http.StatusOK {
			t.Fatalf("status %d, %d %v", done.status, status, got)
		}
		id := b.claims(t, provider, got["id_token"])
		if d := cmp.Diff(want, names(id)); d != "" {
			t.Errorf("%s: %s", provider, d)
		}
		switch provider {
		case Google:
			same(t, id, map[string]any{"sub": sub, "aud": r.client.id, "azp": r.client.id, "iss": b.base + "/google", "email_verified": true, "given_name": "Ann", "family_name": "Example"})
			if !regexp.MustCompile(`^[0-9]{21}$`).MatchString(sub) {
				t.Errorf("sub %s", sub)
			}
		default:
			same(t, id, map[string]any{"oid": sub, "tid": MicrosoftTenant, "ver": "2.0", "preferred_username": ann, "iss": b.base + "/microsoft/" + MicrosoftTenant + "/v2.0"})
		}
	}
}

func TestOtherMicrosoftTenantIsRefused(t *testing.T) {
	b := start(t)
	b.user(t, MicrosoftOther, "eve@example.net")
	w := b.browser(t)
	s := w.submit(w.begin("identity_provider", "Microsoft"), "email", "eve@example.net", "password", secret)
	if s.status != http.StatusForbidden || s.at.Query().Get("code") == "" || !strings.Contains(s.body, "not one that this application accepts") {
		t.Fatalf("status %d at %v", s.status, s.at)
	}
	if _, ok := b.state.find(func(a *account) bool { return a.Identity != nil }); ok {
		t.Error("the pool made a user of another organisation's account")
	}
}

func TestAssertionIsVerified(t *testing.T) {
	b := start(t)
	up := b.realms[Microsoft]
	now := b.clock.Now()
	good := func() map[string]any {
		return map[string]any{"iss": up.issuer, "aud": up.client.id, "sub": "s", "email": ann, "nonce": "n", "tid": MicrosoftTenant, "iat": now.Unix(), "exp": now.Unix() + 60}
	}
	for name, edit := range map[string]func(map[string]any){
		"":                     func(map[string]any) {},
		"another issuer":       func(c map[string]any) { c["iss"] = b.Issuer(MicrosoftOther) },
		"another tenant":       func(c map[string]any) { c["tid"] = MicrosoftOtherTenant },
		"another audience":     func(c map[string]any) { c["aud"] = []string{up.client.id, "x"} },
		"another nonce":        func(c map[string]any) { c["nonce"] = "m" },
		"expired, or":          func(c map[string]any) { c["exp"] = now.Unix() - 61 },
		"or of the future":     func(c map[string]any) { c["iat"] = now.Unix() + 61 },
		"no subject or":        func(c map[string]any) { delete(c, "sub") },
		"or no e-mail address": func(c map[string]any) { delete(c, "email") },
	} {
		c := good()
		edit(c)
		token, err := b.Mint(Microsoft, c)
		if err != nil {
			t.Fatal(err)
		}
		k, _ := b.state.signing(Microsoft)
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: k.ID, Key: &k.private.PublicKey}}}
		if _, err := judgeAssertion(token, set, up, "n", now); (err == nil) != (name == "") || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%q: %v", name, err)
		}
		if foreign, err := b.Mint(Google, c); err != nil {
			t.Fatal(err)
		} else if _, err := judgeAssertion(foreign, set, up, "n", now); err == nil {
			t.Errorf("%q: signed by another provider and accepted", name)
		}
	}
}
