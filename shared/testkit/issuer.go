package testkit

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// signingKey is made once: a key of 2048 bits costs a tenth of a second.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// Issuer signs the tokens of a kit's people and publishes its key, without a network: it is its own HTTP client.
type Issuer struct {
	URL, ClientID, KeyID string
	Fetches              atomic.Int64 // of the published keys
	Asked                []string     // operations of the service's API

	mu    sync.Mutex
	users map[string]string // of the pool: user names by subject

	now clock.Clock
}

func newIssuer(now clock.Clock) *Issuer {
	return &Issuer{URL: "https://issuer.example/pool", ClientID: "client-of-passportcraft", KeyID: "key-1", now: now}
}

// Key is the private key, for forgeries.
func (i *Issuer) Key() *rsa.PrivateKey { return signingKey() }

// Do answers requests for the published keys.
func (i *Issuer) Do(r *http.Request) (*http.Response, error) {
	if r.URL.String() == signInURL+"/oauth2/token" {
		return i.token(r)
	}
	if r.URL.String() == signInURL+"/api" {
		return i.api(r)
	}
	i.Fetches.Add(1)
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &signingKey().PublicKey, KeyID: i.KeyID, Algorithm: "RS256", Use: "sig"}}}
	b, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	status := http.StatusOK
	if r.URL.String() != i.URL+"/.well-known/jwks.json" {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

// signInURL is where a kit's people would see the pages of the sign-in service.
const signInURL = "https://sign-in.example"

// token exchanges the code "<subject> <nonce>", as the sign-in service does after somebody has signed in there.
func (i *Issuer) token(r *http.Request) (*http.Response, error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	subject, nonce, ok := strings.Cut(r.Form.Get("code"), " ")
	answer, status := map[string]any{"error": "invalid_grant"}, http.StatusBadRequest
	if ok && len(r.Form.Get("code_verifier")) >= 43 && r.Form.Get("client_id") == i.ClientID {
		id := i.Claims(subject, "id")
		id["nonce"] = nonce
		var tokens [2]string
		for n, c := range []map[string]any{i.Claims(subject, "access"), id} {
			var err error
			if tokens[n], err = i.sign(c); err != nil {
				return nil, err
			}
		}
		answer = map[string]any{"access_token": tokens[0], "id_token": tokens[1], "refresh_token": "refresh-of-" + subject, "expires_in": 900, "token_type": "Bearer"}
		status = http.StatusOK
	}
	b, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(bytes.NewReader(b)), Request: r}, nil
}

// GoodCode is the code that a kit's authenticator apps always show.
const GoodCode = "123456"

// api answers the calls by which a person sets up an authenticator app.
func (i *Issuer) api(r *http.Request) (*http.Response, error) {
	var in struct{ AccessToken, UserCode, Username, Filter string }
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		return nil, err
	}
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	i.Asked = append(i.Asked, operation)
	status, answer := http.StatusOK, "{}"
	switch {
	case operation == "ListUsers" || in.Username != "" && in.Username != "strong":
		status, answer = i.pool(operation, in.Username, in.Filter)
	case strings.HasPrefix(operation, "Associate"):
		answer = `{"SecretCode":"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"}`
	case operation == "AdminGetUser" && in.Username == "strong":
		answer = `{"Username":"strong","UserMFASettingList":["SOFTWARE_TOKEN_MFA"]}`
	case operation == "VerifySoftwareToken" && in.UserCode == GoodCode:
		answer = `{"Status":"SUCCESS"}`
	case operation == "VerifySoftwareToken":
		status, answer = http.StatusBadRequest, `{"__type":"CodeMismatchException","message":"no"}`
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.1"}}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
}

// AddUser puts a user into the pool, as a sign-up does.
func (i *Issuer) AddUser(subject, name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.users == nil {
		i.users = map[string]string{}
	}
	i.users[subject] = name
}

// Users are the names of the pool's users, by subject.
func (i *Issuer) Users() map[string]string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return maps.Clone(i.users)
}

// pool answers an administrator's calls about users.
func (i *Issuer) pool(operation, name, filter string) (status int, answer string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if operation == "ListUsers" {
		subject := strings.TrimSuffix(strings.TrimPrefix(filter, `sub = "`), `"`)
		if user, ok := i.users[subject]; ok {
			return http.StatusOK, `{"Users":[{"Username":"` + user + `"}]}`
		}
		return http.StatusOK, `{"Users":[]}`
	}
	for subject, user := range i.users {
		if user == name || subject == name {
			if operation == "AdminDeleteUser" {
				delete(i.users, subject)
			}
			return http.StatusOK, "{}"
		}
	}
	return http.StatusBadRequest, `{"__type":"UserNotFoundException","message":"no"}`
}

// ServeHTTP publishes the key and answers the API on a network, for functions in processes of their own.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, asked *http.Request) {
	r, err := http.NewRequest(http.MethodGet, i.URL+"/.well-known/jwks.json", http.NoBody)
	if err != nil {
		panic(err)
	}
	do := i.Do
	if asked.Method == http.MethodPost {
		r, do = asked, i.api
	}
	resp, err := do(r)
	if err != nil {
		http.Error(w, "no keys", http.StatusInternalServerError)
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, resp.Body)
}

// Claims are those of a good token of a person, for use "access" or "id".
func (i *Issuer) Claims(subject, use string) map[string]any {
	now := i.now().Unix()
	c := map[string]any{
		"iss": i.URL, "sub": subject, "token_use": use, "iat": now, "auth_time": now, "exp": now + 900, "jti": "jti-" + subject, "amr": []string{"pwd"},
	}
	if use == "id" {
		c["aud"], c["email"], c["email_verified"], c["name"] = i.ClientID, subject+"@nordeiche.example", true, "Name of "+subject
		return c
	}
	c["client_id"], c["username"], c["scope"] = i.ClientID, subject, "openid"
	return c
}

// Sign makes a token of any claims.
func (i *Issuer) Sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	token, err := i.sign(claims)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (i *Issuer) sign(claims map[string]any) (string, error) {
	b, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: signingKey(), KeyID: i.KeyID}}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(b)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// SignIn is an access token of a person; edits change its claims.
func (k *Kit) SignIn(t testing.TB, subject string, edits ...func(map[string]any)) string {
	t.Helper()
	c := k.Issuer.Claims(subject, "access")
	for _, edit := range edits {
		edit(c)
	}
	return k.Issuer.Sign(t, c)
}

// Register signs a person in and says who they are.
func (k *Kit) Register(t testing.TB, subject string) (access string) {
	t.Helper()
	access = k.SignIn(t, subject)
	id := k.Issuer.Sign(t, k.Issuer.Claims(subject, "id"))
	if w := k.Do(t, http.MethodPut, "/v1/me", access, `{"idToken":"`+id+`"}`); w.Code != http.StatusOK {
		t.Fatalf("register %s: %d %s", subject, w.Code, w.Body)
	}
	return access
}

// Organisation registers a person and founds an organisation with them as owner.
func (k *Kit) Organisation(t testing.TB, owner, name string) (id.Tenant, string) {
	t.Helper()
	access := k.Register(t, owner)
	w := k.Do(t, http.MethodPost, "/v1/tenants", access, `{"name":"`+name+`"}`)
	var made struct{ ID id.Tenant }
	if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil || w.Code != http.StatusCreated {
		t.Fatalf("found %s: %d %s", name, w.Code, w.Body)
	}
	return made.ID, access
}

// Join invites a person by mail and lets them accept: the whole way that a colleague comes in.
func (k *Kit) Join(t testing.TB, owner, subject, role string) (access string) {
	t.Helper()
	body := `{"email":"` + subject + `@nordeiche.example","role":"` + role + `"}`
	if w := k.Do(t, http.MethodPost, "/v1/invitations", owner, body); w.Code != http.StatusCreated {
		t.Fatalf("invite %s: %d %s", subject, w.Code, w.Body)
	}
	access = k.Register(t, subject)
	if w := k.Do(t, http.MethodPost, "/v1/invitations/acceptance", access, `{"token":"`+k.Invitation(t, subject)+`"}`); w.Code != http.StatusOK {
		t.Fatalf("accept as %s: %d %s", subject, w.Code, w.Body)
	}
	return access
}

// Invitation is the token in the newest mail to a person.
func (k *Kit) Invitation(t testing.TB, subject string) string {
	t.Helper()
	all, err := k.Mail.Messages()
	if err != nil {
		t.Fatal(err)
	}
	for i := range all {
		one := all[len(all)-1-i]
		if one.To[0] != subject+"@nordeiche.example" {
			continue
		}
		for field := range strings.FieldsSeq(one.Text) {
			if u, err := url.Parse(field); err == nil && u.Fragment != "" {
				return u.Fragment
			}
		}
	}
	t.Fatalf("no mail to %s", subject)
	return ""
}
