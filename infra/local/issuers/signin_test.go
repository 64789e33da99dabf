package issuers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
)

func (b *bench) refresh(t *testing.T, token any) (int, map[string]any) {
	t.Helper()
	return b.post(t, b.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "client_id": {b.ClientID()}, "refresh_token": {fmt.Sprint(token)}})
}

func TestRefreshRotates(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	w := b.browser(t)
	first := w.tokens(w.submit(w.begin(), "email", ann, "password", secret))
	b.clock.Advance(time.Hour)
	status, second := b.refresh(t, first["refresh_token"])
	if status != http.StatusOK || second["refresh_token"] == first["refresh_token"] {
		t.Fatalf("status %d", status)
	}
	was, is := b.claims(t, Cognito, first["id_token"]), b.claims(t, Cognito, second["id_token"])
	same(t, is, map[string]any{"sub": was["sub"], "auth_time": was["auth_time"], "origin_jti": was["origin_jti"], "passportcraft:methods": was["passportcraft:methods"], "nonce": nil,
		"iat": float64(b.clock.Now().Unix())})
	if is["jti"] == was["jti"] {
		t.Error("jti is not new")
	}
	if status, got := b.refresh(t, first["refresh_token"]); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
		t.Errorf("an old refresh token: %d %v", status, got)
	}
	b.clock.Advance(7*time.Hour - time.Second)
	status, third := b.refresh(t, second["refresh_token"])
	if status != http.StatusOK {
		t.Fatalf("before the end: %d", status)
	}
	b.clock.Advance(time.Second)
	if status, got := b.refresh(t, third["refresh_token"]); status != http.StatusBadRequest || got["error"] != "invalid_grant" {
		t.Errorf("eight hours after the sign-in: %d %v", status, got)
	}
}

func TestCodeIsGoodOnce(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	redeem := func(s screen, verifier string) int {
		status, _ := b.post(t, b.TokenURL(), url.Values{"grant_type": {"authorization_code"}, "code": {s.at.Query().Get("code")}, "redirect_uri": {callback},
			"client_id": {b.ClientID()}, "code_verifier": {verifier}})
		return status
	}
	sign := func() screen {
		w := b.browser(t)
		return w.submit(w.begin(), "email", ann, "password", secret)
	}
	once, guessed, late := sign(), sign(), sign()
	got := []int{redeem(once, verifier), redeem(once, verifier), redeem(guessed, strings.Repeat("x", 43)), redeem(guessed, verifier)}
	b.clock.Advance(codeLife)
	if got = append(got, redeem(late, verifier)); !cmp.Equal(got, []int{200, 400, 400, 400, 400}) {
		t.Errorf("redeemed, again, with another verifier, that one again, too late: %v", got)
	}
}

func TestRevoke(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	for _, way := range []string{"endpoint", "api"} {
		w := b.browser(t)
		got := w.tokens(w.submit(w.begin(), "email", ann, "password", secret))
		if status, _ := b.call(t, "GetUser", map[string]any{"AccessToken": got["access_token"]}); status != http.StatusOK {
			t.Fatalf("GetUser before: %d", status)
		}
		var status int
		if way == "api" {
			status, _ = b.call(t, "RevokeToken", map[string]any{"Token": got["refresh_token"], "ClientId": b.ClientID()})
		} else {
			status, _ = b.post(t, b.RevokeURL(), url.Values{"token": {fmt.Sprint(got["refresh_token"])}, "client_id": {b.ClientID()}})
		}
		if status != http.StatusOK {
			t.Errorf("%s: %d", way, status)
		}
		if status, _ := b.refresh(t, got["refresh_token"]); status != http.StatusBadRequest {
			t.Errorf("%s: refreshed after it: %d", way, status)
		}
		if status, out := b.call(t, "GetUser", map[string]any{"AccessToken": got["access_token"]}); status != http.StatusBadRequest || out["__type"] != "NotAuthorizedException" {
			t.Errorf("%s: GetUser after: %d %v", way, status, out)
		}
	}
}

func TestWrongPasswordLooksLikeUnknownAddress(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	b.user(t, Google, "federated@example.com")
	w := b.browser(t)
	w.tokens(w.submit(w.begin("identity_provider", "Google"), "email", "federated@example.com", "password", secret))
	var bodies []string
	var work []int
	for _, email := range []string{ann, "nobody@example.com", "federated@example.com"} {
		w := b.browser(t)
		page := w.begin()
		before := b.work
		s := w.submit(page, "email", email, "password", "not the right one")
		work = append(work, b.work-before)
		if s.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", email, s.status)
		}
		id := s.at.Query().Get("id")
		if id == "" {
			id = page.at.Query().Get("id")
		}
		bodies = append(bodies, strings.ReplaceAll(strings.ReplaceAll(s.body, email, "ADDRESS"), id, "ID"))
	}
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Error("the pages differ")
	}
	if d := cmp.Diff([]int{1, 1, 1}, work); d != "" {
		t.Errorf("derivations: %s", d)
	}
}

func TestSignUp(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, "taken@example.com")
	for name, c := range map[string]struct{ email, password, says string }{
		"short":     {ann, "elevenchars", "at least 12 characters"},
		"breached":  {ann, "PasswordPassword", "stolen passwords"},
		"address":   {"long-enough@example.com", "Long-Enough@example.com", "stolen passwords"},
		"no mail":   {"ann", secret, "not an e-mail address"},
		"a name":    {"Ann <ann@example.com>", secret, "not an e-mail address"},
		"too long":  {ann, strings.Repeat("x", mostText+1), "between 1 and 256"},
		"taken":     {"Taken@example.com", secret, "is an account with this address"},
		"no secret": {ann, "", "between 1 and 256"},
	} {
		w := b.browser(t)
		s := w.submit(w.follow(w.begin(), "create"), "name", "Ann", "email", c.email, "password", c.password)
		if s.status != http.StatusUnprocessableEntity || !strings.Contains(s.body, c.says) || !strings.Contains(s.body, `role="alert"`) {
			t.Errorf("%s: %d, without %q", name, s.status, c.says)
		}
	}
	w := b.browser(t)
	form := w.follow(w.begin(), "create")
	if !strings.Contains(form.body, "No mail is sent on this machine") {
		t.Error("the page does not say that no mail comes")
	}
	id := b.claims(t, Cognito, w.tokens(w.submit(form, "name", `<b>Ann & "Co"</b>`, "email", ann, "password", secret))["id_token"])
	same(t, id, map[string]any{"email": ann, "email_verified": true, "name": `<b>Ann & "Co"</b>`})
	// A stand-in's form makes accounts too, and those with a second factor say so.
	g := b.browser(t)
	got := g.tokens(g.submit(g.follow(g.begin("identity_provider", "Google"), "create"), "name", "Ann", "email", ann, "password", "short", "mfa", "yes"))
	same(t, b.claims(t, Cognito, got["access_token"]), map[string]any{"passportcraft:methods": []any{"fed"}})
}

func TestAuthorizeRefuses(t *testing.T) {
	b := start(t)
	for name, c := range map[string]struct {
		edits []string
		code  string // in the callback; "" is a page of status 400
	}{
		"another address":   {[]string{"redirect_uri", "http://127.0.0.1:9/auth/callback/x"}, ""},
		"another port":      {[]string{"redirect_uri", "http://127.0.0.1:10/auth/callback"}, ""},
		"no address":        {[]string{"redirect_uri", ""}, ""},
		"another client":    {[]string{"client_id", "x"}, ""},
		"unknown provider":  {[]string{"identity_provider", "Facebook"}, ""},
		"no challenge":      {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"plain challenge":   {[]string{"code_challenge_method", "plain"}, "invalid_request"},
		"no method":         {[]string{"code_challenge_method", ""}, "invalid_request"},
		"token in fragment": {[]string{"response_type", "id_token"}, ""},
		"no openid":         {[]string{"scope", "email"}, "invalid_scope"},
		"nobody, silently":  {[]string{"prompt", "none"}, "login_required"},
	} {
		s := b.browser(t).begin(c.edits...)
		if c.code == "" && (s.status != http.StatusBadRequest || strings.HasPrefix(s.at.String(), callback)) {
			t.Errorf("%s: %d at %v", name, s.status, s.at)
		}
		if c.code != "" && (s.at == nil || !strings.HasPrefix(s.at.String(), callback) || !strings.Contains(s.at.String(), "error="+c.code)) {
			t.Errorf("%s: %d at %v", name, s.status, s.at)
		}
	}
}

func TestSession(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	w := b.browser(t)
	first := b.claims(t, Cognito, w.tokens(w.submit(w.begin(), "email", ann, "password", secret))["id_token"])
	b.clock.Advance(10 * time.Minute)
	second := b.claims(t, Cognito, w.tokens(w.begin())["id_token"])
	same(t, second, map[string]any{"auth_time": first["auth_time"], "sub": first["sub"]})
	if second["origin_jti"] == first["origin_jti"] {
		t.Error("two sign-ins of the app share their refresh token")
	}
	for _, edits := range [][]string{{"prompt", "login"}, {"max_age", "0"}, {"max_age", "599"}, {"identity_provider", "Google"}} {
		if s := w.begin(edits...); s.status != http.StatusOK || !strings.Contains(s.body, `id="password"`) {
			t.Errorf("%v: not asked: %d", edits, s.status)
		}
	}
	w.tokens(w.begin("max_age", "601"))
	fresh := b.claims(t, Cognito, w.tokens(w.submit(w.begin("prompt", "login", "max_age", "0"), "email", ann, "password", secret))["id_token"])
	same(t, fresh, map[string]any{"auth_time": float64(b.clock.Now().Unix())})
	b.clock.Advance(time.Hour)
	if s := w.begin(); s.status != http.StatusOK {
		t.Errorf("after an hour: %d", s.status)
	}
	w.tokens(w.submit(w.begin(), "email", ann, "password", secret))
	if s := w.get(b.LogoutURL() + "?client_id=" + b.ClientID() + "&logout_uri=" + url.QueryEscape("http://127.0.0.1:9/elsewhere")); s.status != http.StatusBadRequest {
		t.Errorf("signed out to elsewhere: %d", s.status)
	}
	w.tokens(w.begin())
	if s := w.get(b.LogoutURL() + "?client_id=" + b.ClientID() + "&logout_uri=" + url.QueryEscape(signedOut)); s.at == nil || s.at.String() != signedOut {
		t.Errorf("signed out: %d %v", s.status, s.at)
	}
	if s := w.begin(); s.status != http.StatusOK {
		t.Errorf("after signing out: %d", s.status)
	}
}

// TestRequestBelongsToItsBrowser: who starts a sign-in and sends its address to another does not get the other's code.
func TestRequestBelongsToItsBrowser(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	eve, victim := b.browser(t), b.browser(t)
	page := eve.begin()
	victim.begin()
	if s := victim.get(page.at.String()); s.status != http.StatusBadRequest {
		t.Errorf("another's page: %d", s.status)
	}
	eve.submit(page, "email", ann, "password", secret)
	if s := victim.get(b.AuthorizeURL() + "/callback?id=" + page.at.Query().Get("id")); s.status != http.StatusBadRequest {
		t.Errorf("another's code: %d", s.status)
	}
}

func (b *bench) call(t *testing.T, operation string, in map[string]any) (int, map[string]any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequest(http.MethodPost, b.APIURL(), strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	out := map[string]any{}
	_ = json.NewDecoder(answer.Body).Decode(&out)
	return answer.StatusCode, out
}

// TestAuthenticator enrols one with our own client of the service, then signs in with it.
func TestAuthenticator(t *testing.T) {
	b := start(t)
	sub := b.user(t, Cognito, ann)
	access, _, err := b.Tokens(ann)
	if err != nil {
		t.Fatal(err)
	}
	c := identity.NewClient(identity.Provider{APIURL: b.APIURL(), ClientID: b.ClientID()}, http.DefaultClient)
	if status, out := b.call(t, "SetUserMFAPreference", map[string]any{"AccessToken": access, "SoftwareTokenMfaSettings": map[string]any{"Enabled": true}}); status != http.StatusBadRequest || out["__type"] != "InvalidParameterException" {
		t.Errorf("preferred before it was proved: %d %v", status, out)
	}
	if _, err := c.StartAuthenticator(context.Background(), access); err != nil {
		t.Fatal(err)
	}
	enrolling, _ := b.state.byID(sub, Cognito)
	if err := c.FinishAuthenticator(context.Background(), access, wrong(codeAt(enrolling.Pending, b.clock.Now().Unix()/totpStep))); err == nil || !strings.Contains(err.Error(), "EnableSoftwareTokenMFAException") {
		t.Errorf("a wrong code: %v", err)
	}
	if err := c.FinishAuthenticator(context.Background(), access, codeAt(enrolling.Pending, b.clock.Now().Unix()/totpStep)); err != nil {
		t.Fatal(err)
	}
	if status, out := b.call(t, "GetUser", map[string]any{"AccessToken": access}); out["__type"] != "NotAuthorizedException" {
		t.Errorf("the token of before, after signing out everywhere: %d %v", status, out)
	}
	if access, _, err = b.Tokens(ann); err != nil {
		t.Fatal(err)
	}
	for operation, in := range map[string]map[string]any{"GetUser": {"AccessToken": access}, "AdminGetUser": {"UserPoolId": "local", "Username": sub}} {
		_, out := b.call(t, operation, in)
		same(t, out, map[string]any{"Username": sub, "UserMFASettingList": []any{"SOFTWARE_TOKEN_MFA"}})
	}
	w := b.browser(t)
	ask := w.submit(w.begin(), "email", ann, "password", secret)
	used := b.Code(ann, b.clock.Now)
	if s := w.submit(ask, "code", used); s.status != http.StatusUnauthorized {
		t.Errorf("the code of the enrolment, again: %d", s.status)
	}
	b.clock.Advance(30 * time.Second)
	good := b.Code(ann, b.clock.Now)
	got := w.tokens(w.submit(ask, "code", good[:3]+" "+good[3:]))
	same(t, b.claims(t, Cognito, got["access_token"]), map[string]any{"passportcraft:methods": []any{"pwd", "otp"}})
	other := b.browser(t)
	ask = other.submit(other.begin(), "email", ann, "password", secret)
	for n := range wrongCodes {
		s := other.submit(ask, "code", good)
		if s.status != http.StatusUnauthorized || strings.Contains(s.body, `id="code"`) != (n < wrongCodes-1) {
			t.Errorf("replay %d: %d", n, s.status)
		}
	}
	b.clock.Advance(30 * time.Second)
	if s := other.submit(ask, "code", b.Code(ann, b.clock.Now)); strings.HasPrefix(s.at.String(), callback) {
		t.Error("signed in after too many wrong codes, without the password")
	}
}

func wrong(code string) string { return string('0'+(code[0]-'0'+1)%10) + code[1:] }

// TestCodeAt is RFC 6238, appendix B, SHA-1, the last six of the eight digits.
func TestCodeAt(t *testing.T) {
	for at, want := range map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"} {
		if got := codeAt([]byte("12345678901234567890"), at/totpStep); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestAPIRefuses(t *testing.T) {
	b := start(t)
	sub := b.user(t, Cognito, ann)
	good := map[string]any{"iss": b.SignInURL(), "sub": sub, "token_use": "access", "scope": adminScope, "exp": b.clock.Now().Unix() + 60, "origin_jti": "none"}
	minted, err := b.Mint(Cognito, good)
	if err != nil {
		t.Fatal(err)
	}
	_, id, err := b.Tokens(ann)
	if err != nil {
		t.Fatal(err)
	}
	access, _, err := b.Tokens(ann)
	if err != nil {
		t.Fatal(err)
	}
	b.clock.Advance(accessLife)
	for name, c := range map[string]struct {
		operation string
		in        map[string]any
		want      string
	}{
		"unknown operation": {"DeleteUser", nil, "UnknownOperationException"},
		"no token":          {"GetUser", nil, "NotAuthorizedException"},
		"no such sign-in":   {"GetUser", map[string]any{"AccessToken": minted}, "NotAuthorizedException"},
		"id token":          {"AssociateSoftwareToken", map[string]any{"AccessToken": id}, "NotAuthorizedException"},
		"expired":           {"GetUser", map[string]any{"AccessToken": access}, "NotAuthorizedException"},
		"no user":           {"AdminGetUser", map[string]any{"UserPoolId": "local", "Username": "x"}, "UserNotFoundException"},
		"no pool":           {"AdminGetUser", map[string]any{"Username": sub}, "InvalidParameterException"},
		"other client":      {"RevokeToken", map[string]any{"Token": "x", "ClientId": "x"}, "UnauthorizedException"},
		"not JSON":          {"GetUser", map[string]any{"AccessToken": 1}, "SerializationException"},
	} {
		if status, out := b.call(t, c.operation, c.in); status != http.StatusBadRequest || out["__type"] != c.want || out["message"] == "" {
			t.Errorf("%s: %d %v", name, status, out)
		}
	}
}

func TestRestartKeepsUsersKeysAndSignIns(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	w := b.browser(t)
	got := w.tokens(w.submit(w.begin(), "email", ann, "password", secret))
	key := b.KeyID()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b.o.Listen = strings.TrimPrefix(b.base, "http://")
	issuer := b.Issuer(Microsoft)
	b = again(t, b)
	if b.KeyID() != key || b.Issuer(Microsoft) != issuer {
		t.Errorf("key %s, was %s; issuer %s, was %s", b.KeyID(), key, b.Issuer(Microsoft), issuer)
	}
	if status, _ := b.refresh(t, got["refresh_token"]); status != http.StatusOK {
		t.Errorf("refresh: %d", status)
	}
	w = b.browser(t)
	w.tokens(w.submit(w.begin(), "email", ann, "password", secret))
	info, err := os.Stat(filepath.Join(b.o.Dir, "issuers.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	text, err := os.ReadFile(filepath.Join(b.o.Dir, "issuers.json"))
	if err != nil || strings.Contains(string(text), secret) || strings.Contains(string(text), strings.SplitN(fmt.Sprint(got["refresh_token"]), ".", 2)[1]) {
		t.Errorf("the file holds a password or a token, %v", err)
	}
}

// TestVerifierOfOursFollowsRotation: the product accepts what is issued here, before, during and after a change of keys.
func TestVerifierOfOursFollowsRotation(t *testing.T) {
	b := start(t)
	sub := b.user(t, Cognito, ann)
	verify := func(token, use string) (signin.Claims, error) {
		v := identity.NewVerifier([]identity.Issuer{{URL: b.SignInURL(), JWKS: b.JWKSURL(), ClientID: b.ClientID()}}, http.DefaultClient, b.clock.Now)
		return v.Verify(context.Background(), token, use)
	}
	access, id, err := b.Tokens(ann, "pwd", "otp")
	if err != nil {
		t.Fatal(err)
	}
	for use, token := range map[string]string{signin.Access: access, signin.ID: id} {
		if c, err := verify(token, use); err != nil || c.Subject != sub || !c.SecondFactor() {
			t.Errorf("%s: %+v, %v", use, c, err)
		}
	}
	was := b.KeyID()
	if err := b.Rotate(); err != nil {
		t.Fatal(err)
	}
	after, _, err := b.Tokens(ann)
	if err != nil || b.KeyID() == was {
		t.Fatalf("key %s, was %s, %v", b.KeyID(), was, err)
	}
	for _, token := range []string{access, after} {
		if _, err := verify(token, signin.Access); err != nil {
			t.Errorf("after the rotation: %v", err)
		}
	}
	if err := b.RetireOld(); err != nil {
		t.Fatal(err)
	}
	if _, err := verify(access, signin.Access); err == nil {
		t.Error("accepted by a key that is retired")
	}
	if _, err := verify(after, signin.Access); err != nil {
		t.Errorf("after the old key is retired: %v", err)
	}
}
