package identity_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const (
	issuer = "https://issuer.example/pool"
	client = "client"
)

// world is an issuer that publishes keys over a transport of its own, and counts how often it is asked.
type world struct {
	key     *rsa.PrivateKey
	keys    []jose.JSONWebKey
	fetches int
	down    bool
	clock   *clock.Movable
	v       *identity.Verifier
}

func (w *world) Do(*http.Request) (*http.Response, error) {
	w.fetches++
	rec := &strings.Builder{}
	_ = json.NewEncoder(rec).Encode(jose.JSONWebKeySet{Keys: w.keys})
	status := http.StatusOK
	if w.down {
		status = http.StatusBadGateway
	}
	return &http.Response{StatusCode: status, Body: readCloser{strings.NewReader(rec.String())}}, nil
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

func newWorld(t testing.TB) *world {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{key: key, clock: clock.NewMovable(clock.Fixed(time.Unix(1_800_000_000, 0)))}
	w.keys = []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k1", Algorithm: "RS256", Use: "sig"}}
	w.v = identity.NewVerifier([]identity.Issuer{{URL: issuer, JWKS: issuer + "/jwks", ClientID: client}}, w, w.clock.Now)
	return w
}

type claims = map[string]any

func (w *world) claims(use string) claims {
	now := w.clock.Now().Unix()
	c := claims{"iss": issuer, "sub": "s-1", "token_use": use, "iat": now, "auth_time": now, "exp": now + 900, "jti": "j"}
	if use == "id" {
		c["aud"], c["email"], c["name"] = client, "a@example.com", "A"
	} else {
		c["client_id"], c["username"] = client, "s-1"
	}
	return c
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			t.Fatal(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// sign makes a token of any header and payload with the issuer's key by RS256, whatever the header says.
func (w *world) sign(t testing.TB, header, payload any) string {
	t.Helper()
	input := encode(t, header) + "." + encode(t, payload)
	sum := sha256.Sum256([]byte(input))
	sig, err := rsa.SignPKCS1v15(nil, w.key, 5, sum[:]) // 5 is crypto.SHA256
	if err != nil {
		t.Fatal(err)
	}
	return input + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func head() claims { return claims{"alg": "RS256", "kid": "k1", "typ": "JWT"} }

func TestGoodTokens(t *testing.T) {
	w := newWorld(t)
	for _, use := range []string{signin.Access, signin.ID} {
		c, err := w.v.Verify(t.Context(), w.sign(t, head(), w.claims(use)), use)
		if err != nil || c.Subject != "s-1" || c.Issuer != issuer || c.Use != use || !c.AuthTime.Equal(w.clock.Now()) {
			t.Errorf("%s: %+v %v", use, c, err)
		}
	}
	federated := w.claims("access")
	federated["username"], federated["amr"] = "Google_42", []string{"fed", "mfa"}
	if c, err := w.v.Verify(t.Context(), w.sign(t, head(), federated), "access"); err != nil || c.Provider != "Google" || !c.SecondFactor() {
		t.Errorf("federated: %+v %v", c, err)
	}
	listed := w.claims("id")
	listed["aud"], listed["identities"] = []string{client}, []claims{{"providerName": "Microsoft", "userId": "x"}}
	if c, err := w.v.Verify(t.Context(), w.sign(t, head(), listed), "id"); err != nil || c.Provider != "Microsoft" {
		t.Errorf("listed: %+v %v", c, err)
	}
	if w.fetches != 1 {
		t.Errorf("keys were fetched %d times", w.fetches)
	}
	good := w.sign(t, head(), w.claims("access"))
	w.clock.Advance(929 * time.Second)
	if _, err := w.v.Verify(t.Context(), good, "access"); err != nil {
		t.Errorf("within the leeway: %v", err)
	}
	w.clock.Advance(time.Second)
	if _, err := w.v.Verify(t.Context(), good, "access"); err == nil {
		t.Error("a remembered token outlives its time")
	}
}

// mutants are tokens that differ from a good one in one way each.
func mutants(t testing.TB, w *world) map[string]string {
	t.Helper()
	now := w.clock.Now().Unix()
	good := w.sign(t, head(), w.claims("access"))
	p := strings.Split(good, ".")
	out := map[string]string{
		"empty": "", "one dot": ".", "two dots": "..", "no signature": p[0] + "." + p[1] + ".", "two parts": p[0] + "." + p[1],
		"four parts": good + ".x", "five parts": good + ".x.y", "detached payload": p[0] + ".." + p[2], "padding": good + "=",
		"line break": p[0] + "." + p[1][:8] + "\n" + p[1][8:] + "." + p[2], "space before": " " + good, "space within": strings.Replace(good, ".", ". ", 1),
		"NUL": good + "\x00", "truncated": good[:len(good)-10], "standard alphabet": p[0] + "." + p[1] + "." + strings.Repeat("+/", 171),
		"signature of other text": p[0] + "." + encode(t, claims{"iss": issuer}) + "." + p[2], "flipped header": flip(p[0]) + "." + p[1] + "." + p[2],
		"flipped payload": p[0] + "." + flip(p[1]) + "." + p[2], "flipped signature": p[0] + "." + p[1] + "." + flip(p[2]),
		"JSON serialisation": `{"payload":"` + p[1] + `","protected":"` + p[0] + `","signature":"` + p[2] + `"}`,
		"nested":             w.sign(t, claims{"alg": "RS256", "kid": "k1", "typ": "JWT", "cty": "JWT"}, []byte(good)),
		"nine kilobytes":     w.sign(t, head(), with(w.claims("access"), "pad", strings.Repeat("x", 9000))),
		"not UTF-8":          w.sign(t, head(), []byte("{\"iss\":\"\xff\"}")),
		"payload is a list":  w.sign(t, head(), []byte("[]")), "payload is null": w.sign(t, head(), []byte("null")), "two payloads": w.sign(t, head(), []byte("{}{}")),
		"duplicate claim":    w.sign(t, head(), []byte(strings.Replace(raw(t, w.claims("access")), `{`, `{"sub":"root",`, 1))),
		"duplicate by case":  w.sign(t, head(), []byte(strings.Replace(raw(t, w.claims("access")), `{`, `{"SUB":"root",`, 1))),
		"duplicate in depth": w.sign(t, head(), []byte(strings.Replace(raw(t, w.claims("access")), `{`, `{"x":{"a":1,"a":2},`, 1))),
		"duplicate header":   w.sign(t, []byte(`{"alg":"none","alg":"RS256","kid":"k1"}`), w.claims("access")),
		"JWE":                "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkEyNTZHQ00ifQ.a.b.c.d",
	}
	for _, alg := range []string{"none", "None", "NONE", "nOnE", "", "HS256", "HS512", "RS384", "RS512", "PS256", "ES256", "EdDSA", "rs256"} {
		out["alg "+alg] = w.sign(t, with(head(), "alg", alg), w.claims("access"))
		out["alg "+alg+" unsigned"] = encode(t, with(head(), "alg", alg)) + "." + p[1] + "."
	}
	out["alg missing"] = w.sign(t, without(head(), "alg"), w.claims("access"))
	out["alg a list"] = w.sign(t, with(head(), "alg", []string{"RS256"}), w.claims("access"))
	for name, kid := range map[string]any{"empty": "", "unknown": "k2", "path": "../../../dev/null", "SQL": "k1' OR '1'='1", "URL": "https://evil.example/k", "number": 1, "long": strings.Repeat("k", 500), "null": nil} {
		out["kid "+name] = w.sign(t, with(head(), "kid", kid), w.claims("access"))
	}
	out["kid missing"] = w.sign(t, without(head(), "kid"), w.claims("access"))
	for name, value := range map[string]any{"jku": "https://evil.example/jwks", "x5u": "https://evil.example/x", "x5c": []string{"x"}, "jwk": claims{"kty": "RSA"}, "crit": []string{"exp"}, "b64": false, "zip": "DEF", "cty": "JWT"} {
		out["header "+name] = w.sign(t, with(head(), name, value), w.claims("access"))
	}
	out["typ JWE"], out["typ number"] = w.sign(t, with(head(), "typ", "JWE"), w.claims("access")), w.sign(t, with(head(), "typ", 1), w.claims("access"))
	wrong := map[string][]any{
		"iss": {"https://evil.example", issuer + "/", issuer + ".evil.example", "https://issuer.example", "", nil, 1, []string{issuer}},
		"sub": {"", nil, 1, "a b", strings.Repeat("s", 200), "ä", []string{"s-1"}}, "token_use": {"id", "", "ACCESS", nil, 1},
		"client_id": {"other", "", nil, client + "x", []string{client}}, "aud": {"other", []string{"other"}, []string{}, 1, claims{}},
		"exp": {nil, "1800000900", -1, now - 31, now + 25*3600, json.Number("1e400"), json.Number("1800000900.5"), now + 1e12},
		"iat": {nil, "now", now + 31, -1}, "nbf": {now + 31, "x", -5}, "auth_time": {nil, now + 31, "x"}, "amr": {"otp", 1}, "name": {strings.Repeat("n", 500), 1},
	}
	for claim, values := range wrong {
		for i, v := range values {
			out["claim "+claim+" "+string(rune('a'+i))] = w.sign(t, head(), with(w.claims("access"), claim, v))
		}
		if claim != "aud" && claim != "nbf" && claim != "amr" && claim != "name" {
			out["claim "+claim+" missing"] = w.sign(t, head(), without(w.claims("access"), claim))
		}
	}
	out["ID token as access token"] = w.sign(t, head(), w.claims("id"))
	return confused(t, w, p, out)
}

// confused adds tokens signed with something that is no private key of the issuer.
func confused(t testing.TB, w *world, p []string, out map[string]string) map[string]string {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(&w.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string][]byte{"PEM": pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), "DER": spki, "modulus": w.key.N.Bytes(), "nothing": nil}
	for name, secret := range secrets {
		for _, alg := range []string{"HS256", "RS256"} {
			input := encode(t, with(head(), "alg", alg)) + "." + p[1]
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(input))
			out[alg+" keyed with the public key as "+name] = input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	other := newWorld(t)
	out["another key under our name"] = other.sign(t, head(), w.claims("access"))
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(p[0] + "." + p[1]))
	der, err := ecdsa.SignASN1(rand.Reader, ec, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	out["an ECDSA signature"] = p[0] + "." + p[1] + "." + base64.RawURLEncoding.EncodeToString(der)
	return out
}

func flip(s string) string {
	if s[5] == 'A' {
		return s[:5] + "B" + s[6:]
	}
	return s[:5] + "A" + s[6:]
}

func raw(t testing.TB, c claims) string {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func with(c claims, name string, value any) claims {
	out := claims{name: value}
	for k, v := range c {
		if k != name {
			out[k] = v
		}
	}
	return out
}

func without(c claims, name string) claims {
	out := with(c, name, nil)
	delete(out, name)
	return out
}

// TestMutants refuses every mutant with the same words, and fetches keys no more often than the limit allows: what is
// wrong with a token shows neither in the answer nor in how much work it makes us do.
func TestMutants(t *testing.T) {
	w := newWorld(t)
	if _, err := w.v.Verify(t.Context(), w.sign(t, head(), w.claims("access")), "access"); err != nil {
		t.Fatal(err)
	}
	all := mutants(t, w)
	if len(all) < 60 {
		t.Errorf("only %d mutants", len(all))
	}
	for name, token := range all {
		_, err := w.v.Verify(t.Context(), token, "access")
		f := fault.Of(err)
		if err == nil || f.Code != fault.CodeUnauthenticated || f.Detail != identity.Refused().Detail || f.Fields != nil {
			t.Errorf("%s: %v", name, err)
		}
		if f != nil && f.Cause != nil && len(token) > 20 && strings.Contains(f.Cause.Error(), token[:20]) {
			t.Errorf("%s: the log would hold the token: %v", name, f.Cause)
		}
	}
	if w.fetches > 1 { // the clock stands: an unknown name may not make us ask again so soon
		t.Errorf("keys were fetched %d times", w.fetches)
	}
	t.Logf("%d mutants refused", len(all))
}

// TestKeysRotate holds that a new key works at once, a retired one stops within ten minutes, that a flood of unknown
// names makes one fetch in half a minute, and that an issuer that is down for a while is no outage of ours.
func TestKeysRotate(t *testing.T) {
	w := newWorld(t)
	old := w.sign(t, head(), w.claims("access"))
	verify := func(token string) error { _, err := w.v.Verify(t.Context(), token, "access"); return err }
	if err := verify(old); err != nil {
		t.Fatal(err)
	}
	previous := w.key
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.key, w.keys = next, []jose.JSONWebKey{{Key: &next.PublicKey, KeyID: "k2"}}
	fresh := func() string { return w.sign(t, with(head(), "kid", "k2"), w.claims("access")) }
	w.clock.Advance(31 * time.Second)
	if err := verify(fresh()); err != nil || w.fetches != 2 {
		t.Errorf("a new key: %v after %d fetches", err, w.fetches)
	}
	for i := range 50 {
		_ = verify(w.sign(t, with(head(), "kid", "unknown-"+string(rune('a'+i))), w.claims("access")))
	}
	if w.fetches != 2 {
		t.Errorf("a flood of unknown names made %d fetches", w.fetches-2)
	}
	w.clock.Advance(61 * time.Second)
	w.key = previous
	if err := verify(w.sign(t, head(), w.claims("access"))); err == nil {
		t.Error("a retired key still works")
	}
	w.key, w.down = next, true
	w.clock.Advance(30 * time.Minute)
	if err := verify(fresh()); err != nil {
		t.Errorf("the issuer is down for half an hour: %v", err)
	}
	w.clock.Advance(31 * time.Minute)
	if err := verify(fresh()); fault.Of(err) == nil || fault.Of(err).Kind != fault.Unavailable {
		t.Errorf("the issuer is down for an hour: %v", err)
	}
}

// TestWeakKeys holds that published keys which are too short, for encryption, or no RSA keys verify nothing.
func TestWeakKeys(t *testing.T) {
	for name, edit := range map[string]func(*jose.JSONWebKey){
		"for encryption":        func(k *jose.JSONWebKey) { k.Use = "enc" },
		"for another algorithm": func(k *jose.JSONWebKey) { k.Algorithm = "RS512" },
		"symmetric":             func(k *jose.JSONWebKey) { k.Key = []byte("secret") },
	} {
		w := newWorld(t)
		edit(&w.keys[0])
		if _, err := w.v.Verify(t.Context(), w.sign(t, head(), w.claims("access")), "access"); err == nil {
			t.Errorf("a key %s verifies tokens", name)
		}
	}
}

func FuzzVerify(f *testing.F) {
	w := newWorld(f)
	good := w.sign(f, head(), w.claims("access"))
	f.Add(good)
	f.Add("a.b.c")
	f.Add(encode(f, head()) + "." + encode(f, w.claims("access")) + ".")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := w.v.Verify(t.Context(), token, "access"); err == nil && token != good {
			t.Errorf("accepted: %q", token)
		}
	})
}

func BenchmarkVerifyWarm(b *testing.B) {
	w := newWorld(b)
	token := w.sign(b, head(), w.claims("access"))
	for b.Loop() {
		if _, err := w.v.Verify(b.Context(), token, "access"); err != nil {
			b.Fatal(err)
		}
	}
}
