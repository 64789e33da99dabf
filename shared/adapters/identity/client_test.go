package identity_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const (
	foreign = "FOREIGN-TEXT-OF-THE-SERVICE"
	secret  = "s3cret+of/the=client"
)

// service is a sign-in service that answers one thing and remembers what it was asked.
type service struct {
	status int
	body   string
	asked  *http.Request
	sent   string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	s.asked, s.sent = r, string(b)
	if s.status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(s.status)
	_, _ = io.WriteString(w, s.body)
}

// connect makes a client of a service; follow lets the transport follow redirects, which the client must notice.
func connect(t *testing.T, s http.Handler, follow bool) *identity.Client {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	doer := server.Client()
	if !follow {
		doer.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return identity.NewClient(provider(server.URL), doer)
}

func provider(base string) identity.Provider {
	return identity.Provider{
		AuthorizeURL: base + "/oauth2/authorize", TokenURL: base + "/oauth2/token", RevokeURL: base + "/oauth2/revoke", LogoutURL: base + "/logout", APIURL: base + "/api",
		ClientID: client, ClientSecret: secret,
	}
}

func TestAuthorizeURL(t *testing.T) {
	c := identity.NewClient(provider("https://pool.example"), nil)
	// The verifier and challenge of RFC 7636, appendix B.
	proof := identity.Proof{State: "st&te", Nonce: "nonce", Verifier: "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}
	if got := proof.Challenge(); got != "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM" {
		t.Errorf("challenge %s", got)
	}
	base := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {"https://app.example/sign-in/callback"}, "scope": {"openid email profile aws.cognito.signin.user.admin"},
		"state": {"st&te"}, "nonce": {"nonce"}, "code_challenge": {proof.Challenge()}, "code_challenge_method": {"S256"},
	}
	for _, tt := range []struct {
		with  string
		again bool
		more  map[string]string
	}{{"", false, nil}, {identity.Google, false, map[string]string{"identity_provider": "Google"}}, {identity.Microsoft, true, map[string]string{"identity_provider": "Microsoft", "prompt": "login", "max_age": "0"}}} {
		u, err := url.Parse(c.AuthorizeURL(identity.AuthorizeOptions{
			RedirectURI: "https://app.example/sign-in/callback", State: proof.State, Nonce: proof.Nonce, Challenge: proof.Challenge(), With: tt.with, Again: tt.again,
		}))
		want := url.Values{}
		for k, v := range base {
			want[k] = v
		}
		for k, v := range tt.more {
			want.Set(k, v)
		}
		if d := cmp.Diff(want, u.Query()); err != nil || d != "" || u.Host != "pool.example" || u.Path != "/oauth2/authorize" {
			t.Errorf("%q again=%v: %s %v %s", tt.with, tt.again, u, err, d)
		}
	}
	if got := c.LogoutURL("https://app.example/signed-out?a=b"); got != "https://pool.example/logout?client_id="+client+"&logout_uri=https%3A%2F%2Fapp.example%2Fsigned-out%3Fa%3Db" {
		t.Errorf("logout: %s", got)
	}
}

func TestProof(t *testing.T) {
	random := bytes.NewReader([]byte(strings.Repeat("0123456789abcdef", 12)))
	one, err := identity.NewProof(random)
	two, err2 := identity.NewProof(bytes.NewReader(bytes.Repeat([]byte{0xff}, 96)))
	if err != nil || err2 != nil || len(one.State) != 43 || len(one.Nonce) != 43 || len(one.Verifier) != 43 || one.State == two.State {
		t.Errorf("%+v %+v: %v %v", one, two, err, err2)
	}
	if strings.ContainsAny(two.State+two.Nonce+two.Verifier, "+/=") {
		t.Errorf("not for addresses: %+v", two)
	}
	if _, err := identity.NewProof(iotest.ErrReader(errors.New("no entropy"))); err == nil {
		t.Error("a proof without randomness")
	}
	if _, err := identity.NewProof(bytes.NewReader(make([]byte, 80))); err == nil {
		t.Error("a proof with too little randomness")
	}
}

func TestExchange(t *testing.T) {
	s := &service{status: 200, body: `{"access_token":"a.b.c","id_token":"d.e.f","refresh_token":"r","token_type":"Bearer","expires_in":900}`}
	got, err := connect(t, s, false).Exchange(t.Context(), "the+code", "the-verifier", "https://app.example/back")
	if d := cmp.Diff(identity.Tokens{Access: "a.b.c", ID: "d.e.f", Refresh: "r", ExpiresIn: 15 * time.Minute}, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	form, _ := url.ParseQuery(s.sent)
	want := url.Values{"grant_type": {"authorization_code"}, "code": {"the+code"}, "code_verifier": {"the-verifier"}, "redirect_uri": {"https://app.example/back"}, "client_id": {client}}
	if d := cmp.Diff(want, form); d != "" {
		t.Error(d)
	}
	user, pass, ok := s.asked.BasicAuth()
	pass, _ = url.QueryUnescape(pass)
	if !ok || user != client || pass != secret || s.asked.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || s.asked.URL.Path != "/oauth2/token" || s.asked.Method != http.MethodPost {
		t.Errorf("%s %s as %s:%s %v", s.asked.Method, s.asked.URL, user, pass, s.asked.Header)
	}
}

func TestRefresh(t *testing.T) {
	s := &service{status: 200, body: `{"access_token":"a2","token_type":"bearer","expires_in":60}`}
	got, err := connect(t, s, false).Refresh(t.Context(), "old")
	if d := cmp.Diff(identity.Tokens{Access: "a2", ExpiresIn: time.Minute}, got); err != nil || d != "" {
		t.Errorf("%v %s", err, d)
	}
	form, _ := url.ParseQuery(s.sent)
	if d := cmp.Diff(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"old"}, "client_id": {client}}, form); d != "" {
		t.Error(d)
	}
}

// TestTokenRefusals holds that what the service says never reaches the caller, and that its refusals are told from its
// absence.
func TestTokenRefusals(t *testing.T) {
	for name, tt := range map[string]struct {
		s    service
		want fault.Code
	}{
		"used code":      {service{400, `{"error":"invalid_grant","error_description":"` + foreign + `"}`, nil, ""}, fault.CodeSignInFailed},
		"wrong client":   {service{401, `{"error":"invalid_client"}`, nil, ""}, fault.CodeSignInFailed},
		"page":           {service{403, foreign, nil, ""}, fault.CodeSignInFailed},
		"too many":       {service{429, foreign, nil, ""}, fault.CodeUnavailable},
		"broken":         {service{500, foreign, nil, ""}, fault.CodeUnavailable},
		"redirect":       {service{302, foreign, nil, ""}, fault.CodeUnavailable},
		"not JSON":       {service{200, foreign, nil, ""}, fault.CodeUnavailable},
		"empty":          {service{200, "", nil, ""}, fault.CodeUnavailable},
		"no token":       {service{200, `{"token_type":"Bearer","expires_in":900,"x":"` + foreign + `"}`, nil, ""}, fault.CodeUnavailable},
		"other type":     {service{200, `{"access_token":"a","token_type":"` + foreign + `","expires_in":900}`, nil, ""}, fault.CodeUnavailable},
		"no end":         {service{200, `{"access_token":"a","token_type":"Bearer"}`, nil, ""}, fault.CodeUnavailable},
		"negative end":   {service{200, `{"access_token":"a","token_type":"Bearer","expires_in":-1}`, nil, ""}, fault.CodeUnavailable},
		"very long life": {service{200, `{"access_token":"a","token_type":"Bearer","expires_in":9000000}`, nil, ""}, fault.CodeUnavailable},
		"wrong types":    {service{200, `{"access_token":["` + foreign + `"],"token_type":"Bearer","expires_in":900}`, nil, ""}, fault.CodeUnavailable},
		"long":           {service{200, `{"access_token":"` + strings.Repeat("a", 70_000) + `","token_type":"Bearer","expires_in":900}`, nil, ""}, fault.CodeUnavailable},
	} {
		s := tt.s
		c := connect(t, &s, false)
		for _, call := range []func() error{
			func() error {
				_, err := c.Exchange(t.Context(), "SECRET-CODE", "SECRET-VERIFIER", "https://app.example/")
				return err
			},
			func() error { _, err := c.Refresh(t.Context(), "SECRET-REFRESH"); return err },
		} {
			err := call()
			f := fault.Of(err)
			if f == nil || f.Code != tt.want {
				t.Errorf("%s: %v, want %s", name, err, tt.want)
				continue
			}
			if strings.Contains(err.Error(), foreign) || strings.Contains(err.Error(), "SECRET") || strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds what it should not: %v", name, err)
			}
		}
	}
}

// TestRedirectsAreNotFollowed lets a redirect hand out tokens.
func TestRedirectsAreNotFollowed(t *testing.T) {
	s := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			_, _ = io.WriteString(w, `{"access_token":"evil","token_type":"Bearer","expires_in":900,"SecretCode":"AAAABBBBCCCCDDDD"}`)
			return
		}
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	for _, follow := range []bool{false, true} {
		c := connect(t, s, follow)
		_, err := c.Exchange(t.Context(), "code", "verifier", "https://app.example/")
		if fault.Of(err) == nil || fault.Of(err).Code != fault.CodeUnavailable {
			t.Errorf("exchange, follow=%v: %v", follow, err)
		}
		if _, err := c.StartAuthenticator(t.Context(), "token"); fault.Of(err) == nil || fault.Of(err).Code != fault.CodeUnavailable {
			t.Errorf("API, follow=%v: %v", follow, err)
		}
	}
}

func TestOddCredentials(t *testing.T) {
	s := &service{status: 200, body: `{"access_token":"a","token_type":"Bearer","expires_in":900}`}
	c := connect(t, s, false)
	for _, code := range []string{"", strings.Repeat("c", 4097)} {
		if _, err := c.Exchange(t.Context(), code, "v", "https://app.example/"); fault.Of(err) == nil || fault.Of(err).Code != fault.CodeSignInFailed {
			t.Errorf("code of %d bytes: %v", len(code), err)
		}
	}
	for _, refresh := range []string{"", strings.Repeat("r", 9<<10)} {
		if _, err := c.Refresh(t.Context(), refresh); fault.Of(err) == nil || fault.Of(err).Code != fault.CodeSignInFailed {
			t.Errorf("refresh token of %d bytes: %v", len(refresh), err)
		}
		if err := c.Revoke(t.Context(), refresh); err != nil {
			t.Errorf("revoke %d bytes: %v", len(refresh), err)
		}
	}
	if s.asked != nil {
		t.Error("the service was asked")
	}
}

func TestRevoke(t *testing.T) {
	for name, tt := range map[string]struct {
		s    service
		want fault.Code
	}{
		"good":    {service{200, "", nil, ""}, ""},
		"dead":    {service{400, `{"error":"invalid_token"}`, nil, ""}, ""},
		"refused": {service{400, `{"error":"invalid_request","error_description":"` + foreign + `"}`, nil, ""}, fault.CodeUnavailable},
		"broken":  {service{503, foreign, nil, ""}, fault.CodeUnavailable},
	} {
		s := tt.s
		err := connect(t, &s, false).Revoke(t.Context(), "the-token")
		if code := codeOf(err); code != tt.want || err != nil && strings.Contains(err.Error(), foreign) {
			t.Errorf("%s: %v", name, err)
		}
		form, _ := url.ParseQuery(s.sent)
		if d := cmp.Diff(url.Values{"token": {"the-token"}, "client_id": {client}}, form); d != "" || s.asked.URL.Path != "/oauth2/revoke" {
			t.Error(name, s.asked.URL, d)
		}
	}
}

func codeOf(err error) fault.Code {
	if f := fault.Of(err); f != nil {
		return f.Code
	}
	return ""
}

// TestAuthenticator enrols an authenticator and meets each answer that the service may give.
func TestAuthenticator(t *testing.T) {
	type step struct {
		status int
		body   string
	}
	const enable = `{"AccessToken":"the-token","SoftwareTokenMfaSettings":{"Enabled":true,"PreferredMfa":true}}`
	for name, tt := range map[string]struct {
		steps []step
		code  string // "" starts
		want  fault.Code
		calls []string
	}{
		"start":            {[]step{{200, `{"SecretCode":"JBSWY3DPEHPK3PXPJBSWY3DP"}`}}, "", "", []string{`AssociateSoftwareToken {"AccessToken":"the-token"}`}},
		"start, no secret": {[]step{{200, `{"SecretCode":"<script>` + foreign + `"}`}}, "", fault.CodeUnavailable, nil},
		"start, expired":   {[]step{{400, `{"__type":"NotAuthorizedException","message":"` + foreign + `"}`}}, "", fault.CodeUnauthenticated, nil},
		"start, broken":    {[]step{{500, foreign}}, "", fault.CodeUnavailable, nil},
		"finish":           {[]step{{200, `{"Status":"SUCCESS"}`}, {200, `{}`}, {200, `{}`}}, "123 456", "", []string{`VerifySoftwareToken {"AccessToken":"the-token","UserCode":"123456"}`, "SetUserMFAPreference " + enable, `GlobalSignOut {"AccessToken":"the-token"}`}},
		"finish, no body":  {[]step{{200, `{"Status":"SUCCESS"}`}, {200, ``}, {200, ``}}, "123456", "", nil},
		"not signed out":   {[]step{{200, `{"Status":"SUCCESS"}`}, {200, `{}`}, {500, foreign}}, "123456", fault.CodeUnavailable, nil},
		"elsewhere":        {[]step{{400, `{"__type":"InvalidParameterException","message":"` + foreign + `"}`}}, "", fault.CodeAuthenticatorElsewhere, nil},
		"wrong code":       {[]step{{400, `{"__type":"EnableSoftwareTokenMFAException","message":"` + foreign + `"}`}}, "123456", fault.CodeAuthenticatorCode, nil},
		"mismatch":         {[]step{{400, `{"__type":"com.amazonaws.cognito#CodeMismatchException"}`}}, "123456", fault.CodeAuthenticatorCode, nil},
		"status ERROR":     {[]step{{200, `{"Status":"ERROR"}`}}, "123456", fault.CodeAuthenticatorCode, nil},
		"five digits":      {nil, "12345", fault.CodeAuthenticatorCode, nil},
		"letters":          {nil, "12345a", fault.CodeAuthenticatorCode, nil},
		"other digits":     {nil, "１２３４５６", fault.CodeAuthenticatorCode, nil},
		"too many":         {[]step{{400, `{"__type":"TooManyRequestsException"}`}}, "123456", fault.CodeRateLimited, nil},
		"not preferred":    {[]step{{200, `{"Status":"SUCCESS"}`}, {400, `{"__type":"InternalErrorException","message":"` + foreign + `"}`}}, "123456", fault.CodeUnavailable, nil},
	} {
		var calls []string
		c := connect(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			calls = append(calls, strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSCognitoIdentityProviderService.")+" "+string(b))
			if r.Header.Get("Content-Type") != "application/x-amz-json-1.1" || r.URL.Path != "/api" || r.Header.Get("Authorization") != "" {
				t.Errorf("%s: %s %v", name, r.URL, r.Header)
			}
			s := tt.steps[len(calls)-1]
			w.WriteHeader(s.status)
			_, _ = io.WriteString(w, s.body)
		}), false)
		var err error
		if tt.code == "" {
			var got string
			if got, err = c.StartAuthenticator(t.Context(), "the-token"); err == nil && got != "JBSWY3DPEHPK3PXPJBSWY3DP" {
				t.Errorf("%s: secret %s", name, got)
			}
		} else {
			err = c.FinishAuthenticator(t.Context(), "the-token", tt.code)
		}
		if codeOf(err) != tt.want || err != nil && (strings.Contains(err.Error(), foreign) || strings.Contains(err.Error(), "the-token")) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if tt.calls != nil && !cmp.Equal(tt.calls, calls) || len(calls) != len(tt.steps) {
			t.Errorf("%s: calls %s", name, calls)
		}
	}
}

// TestNobodyThere holds that a service that cannot be reached, or a caller that gives up, is an unavailable fault.
func TestNobodyThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	base := server.URL
	server.Close()
	c := identity.NewClient(provider(base), server.Client())
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), cancelled} {
		if _, err := c.Exchange(ctx, "c", "v", "https://app.example/"); codeOf(err) != fault.CodeUnavailable {
			t.Error(err)
		}
		if err := c.Revoke(ctx, "r"); codeOf(err) != fault.CodeUnavailable {
			t.Error(err)
		}
		if _, err := c.StartAuthenticator(ctx, "a"); codeOf(err) != fault.CodeUnavailable {
			t.Error(err)
		}
	}
	odd := identity.NewClient(provider("::"), server.Client())
	if _, err := odd.Exchange(t.Context(), "c", "v", "https://app.example/"); codeOf(err) != fault.CodeUnavailable {
		t.Error(err)
	}
}

// FuzzAnswer feeds anything as the answer of the service.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"access_token":"a","token_type":"Bearer","expires_in":900}`, `{"error":"invalid_grant"}`, `{"__type":"x#CodeMismatchException"}`, `null`, `[]`, "\x00", `{"error":["x"]}`} {
		f.Add(200, []byte(seed))
		f.Add(400, []byte(seed))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		answer := func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body)), Request: r}, nil
		}
		c := identity.NewClient(provider("https://pool.example"), doer(answer))
		tokens, err := c.Exchange(t.Context(), "c", "v", "https://app.example/")
		if (err == nil) != (tokens.Access != "") || err != nil && codeOf(err) == fault.CodeInternal {
			t.Errorf("%+v %v", tokens, err)
		}
		if err == nil && !json.Valid(body) {
			t.Errorf("tokens from %q", body)
		}
		if _, err := c.StartAuthenticator(t.Context(), "a"); err != nil && codeOf(err) == fault.CodeInternal {
			t.Error(err)
		}
	})
}

type doer func(*http.Request) (*http.Response, error)

func (d doer) Do(r *http.Request) (*http.Response, error) { return d(r) }
