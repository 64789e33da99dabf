package identity_test

import (
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// mutation is a token that must be refused.
type mutation struct {
	name, token string
	use         string // access when empty
	signatures  int64  // RSA operations it may cost
}

// jwsBy signs with an algorithm of go-jose.
func jwsBy(alg jose.SignatureAlgorithm, key any) string {
	b, _ := json.Marshal(accessClaims())
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: keyID}}, nil)
	if err != nil {
		panic(err)
	}
	signed, err := s.Sign(b)
	if err != nil {
		panic(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return token
}

// hs256 signs with a public key taken for a secret.
func hs256(secret []byte) string {
	signed := part(claims{"alg": "HS256", "kid": keyID}) + "." + part(accessClaims())
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + part(mac.Sum(nil))
}

func algorithms() []mutation {
	k := testKeys()
	der, err := x509.MarshalPKIXPublicKey(&k.good.PublicKey)
	if err != nil {
		panic(err)
	}
	pkcs1 := x509.MarshalPKCS1PublicKey(&k.good.PublicKey)
	jwk, _ := json.Marshal(published(keyID, &k.good.PublicKey))
	out := []mutation{
		{name: "HS256 with the PEM", token: hs256(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))},
		{name: "HS256 with the PKCS 1 PEM", token: hs256(pem.EncodeToMemory(&pem.Block{Type: "RSA PUBLIC KEY", Bytes: pkcs1}))},
		{name: "HS256 with the DER", token: hs256(der)},
		{name: "HS256 with the modulus", token: hs256(k.good.N.Bytes())},
		{name: "HS256 with the JWK", token: hs256(jwk)},
		{name: "HS256 with nothing", token: hs256(nil)},
		{name: "RS384", token: jwsBy(jose.RS384, k.good)},
		{name: "RS512", token: jwsBy(jose.RS512, k.good)},
		{name: "PS256", token: jwsBy(jose.PS256, k.good)},
		{name: "ES256", token: jwsBy(jose.ES256, k.curve)},
	}
	for _, alg := range []any{"none", "None", "NONE", "nOnE", "", "rs256", "RS256 ", "RS256\x00", nil, 256, []string{"RS256"}} {
		head := goodHead().with("alg", alg)
		out = append(out, mutation{name: fmt.Sprintf("alg %q signed", alg), token: signRaw(k.good, head, accessClaims())})
		if s, ok := alg.(string); ok && strings.EqualFold(s, "none") {
			unsigned := part(head) + "." + part(accessClaims()) + "."
			out = append(out, mutation{name: "alg " + s + " without signature", token: unsigned}, mutation{name: "alg " + s + " with one byte", token: unsigned + "AA"})
		}
	}
	return append(out, mutation{name: "alg missing", token: signRaw(k.good, goodHead().without("alg"), accessClaims())})
}

// heads are tokens with a good signature over a bad header.
func heads() []mutation {
	k := testKeys()
	var out []mutation
	attacker := published("mine", &k.second.PublicKey)
	for name, value := range map[string]any{
		"jku": "https://evil.example/jwks", "x5u": "https://evil.example/cert", "jwk": attacker, "x5c": []string{"MIIB"}, "x5t": "AAAA",
		"crit": []string{"exp"}, "b64": false, "zip": "DEF", "cty": "JWT", "iss": issuerURL, "KID": keyID, "enc": "A256GCM", "p2c": 1 << 30,
	} {
		out = append(out,
			mutation{name: "header " + name, token: signRaw(k.good, goodHead().with(name, value), accessClaims())},
			mutation{name: "header " + name + ", own key", token: signRaw(k.second, goodHead().with(name, value), accessClaims())})
	}
	for _, kid := range []any{"", "unknown", "../../../../dev/null", "' OR 1=1 --", "https://evil.example/jwks", "key-other", "KEY-1", "key-1 ", "key-1\x00", strings.Repeat("k", 300), 1, nil, []string{keyID}, true} {
		out = append(out, mutation{name: fmt.Sprintf("kid %.20q", fmt.Sprint(kid)), token: signRaw(k.good, goodHead().with("kid", kid), accessClaims())})
	}
	for _, typ := range []any{"JWE", "JOSE", "", "dpop+jwt", "logout+jwt", 5, nil} {
		out = append(out, mutation{name: fmt.Sprintf("typ %q", typ), token: signRaw(k.good, goodHead().with("typ", typ), accessClaims())})
	}
	for name, head := range map[string]string{
		"twice alg": `{"alg":"RS256","alg":"none","kid":"key-1"}`, "twice alg, other order": `{"alg":"none","alg":"RS256","kid":"key-1"}`,
		"twice kid": `{"alg":"RS256","kid":"key-1","kid":"key-other"}`, "twice by case": `{"alg":"RS256","ALG":"none","kid":"key-1"}`,
		"escaped twin": `{"alg":"RS256","\u0061lg":"none","kid":"key-1"}`, "a list": `[{"alg":"RS256","kid":"key-1"}]`, "text": `"RS256"`, "null": `null`,
		"empty object": `{}`, "not closed": `{"alg":"RS256","kid":"key-1"`, "two values": `{"alg":"RS256","kid":"key-1"}{}`, "not UTF-8": "{\"alg\":\"RS256\",\"kid\":\"key-1\xff\"}",
		"folded letter": `{"alg":"RS256","Kid":"key-1"}`, "leading space": ` {"alg":"RS256","kid":"key-1"}`, "comment": `{"alg":"RS256",/**/"kid":"key-1"}`,
		"many members": `{"alg":"RS256","kid":"key-1"` + strings.Repeat(`,"x":1`, 500) + `}`,
	} {
		out = append(out, mutation{name: "header " + name, token: signRaw(k.good, head, accessClaims())})
	}
	return append(out, mutation{name: "kid missing", token: signRaw(k.good, goodHead().without("kid"), accessClaims())},
		mutation{name: "the key of another", token: signRaw(k.second, goodHead(), accessClaims()), signatures: 1},
		mutation{name: "another issuer's key and name", token: signRaw(k.other, goodHead().with("kid", "key-other"), accessClaims())})
}

// bodies are tokens with a good signature over wrong claims: each costs exactly one RSA operation.
func bodies() []mutation {
	good, at := accessClaims(), start.Unix()
	wrong := map[string]claims{
		"iss missing": good.without("iss"), "iss null": good.with("iss", nil), "iss array": good.with("iss", []string{issuerURL}), "iss prefix": good.with("iss", issuerURL[:len(issuerURL)-1]),
		"iss suffix": good.with("iss", issuerURL+"/"), "iss other case": good.with("iss", strings.ToUpper(issuerURL)), "iss http": good.with("iss", strings.Replace(issuerURL, "https", "http", 1)),
		"iss user": good.with("iss", "https://sign-in.example@evil.example/pool"), "iss unknown": good.with("iss", "https://evil.example"), "iss object": good.with("iss", claims{"a": 1}),
		"client_id missing": good.without("client_id"), "client_id other": good.with("client_id", "other"), "client_id array": good.with("client_id", []string{client}), "client_id null": good.with("client_id", nil),
		"client_id empty": good.with("client_id", ""), "aud of another": good.with("aud", "other"), "aud empty list": good.with("aud", []string{}), "aud null": good.with("aud", nil),
		"aud list of numbers": good.with("aud", []int{1}), "aud only": good.without("client_id").with("aud", client), "use id": good.with("token_use", "id"), "use missing": good.without("token_use"),
		"use refresh": good.with("token_use", "refresh"), "use case": good.with("token_use", "Access"), "use array": good.with("token_use", []string{"access"}),
		"exp missing": good.without("exp"), "exp null": good.with("exp", nil), "exp text": good.with("exp", number(int(at+900))), "exp negative": good.with("exp", -1), "exp zero": good.with("exp", 0),
		"exp float": good.with("exp", 1800000900.5), "expired": good.with("exp", at-3600), "exp far": good.with("exp", at+86401), "exp huge": good.with("exp", int64(9e18)), "exp bool": good.with("exp", true),
		"expired by the leeway": good.with("exp", at-30), "iat missing": good.without("iat"), "iat future": good.with("iat", at+31), "iat text": good.with("iat", "now"), "iat negative": good.with("iat", -at),
		"nbf future": good.with("nbf", at+31), "nbf text": good.with("nbf", "0"), "nbf null": good.with("nbf", nil), "auth_time missing": good.without("auth_time"), "auth_time future": good.with("auth_time", at+31),
		"auth_time text": good.with("auth_time", "x"), "sub missing": good.without("sub"), "sub empty": good.with("sub", ""), "sub null": good.with("sub", nil), "sub number": good.with("sub", 1),
		"sub long": good.with("sub", strings.Repeat("s", 129)), "sub space": good.with("sub", "a b"), "sub NUL": good.with("sub", "a\x00"), "sub not ASCII": good.with("sub", "аnna"), "sub list": good.with("sub", []string{"9f1c"}),
		"amr text": good.with("amr", "otp"), "amr numbers": good.with("amr", []int{1}), "amr null": good.with("amr", nil), "amr long": good.with("amr", make([]string, 17)), "scope list": good.with("scope", []string{"openid"}),
		"name long": good.with("name", strings.Repeat("n", 401)), "name number": good.with("name", 1), "email list": good.with("email", []string{"a@b"}), "email_verified number": good.with("email_verified", 1),
		"identities object": good.with("identities", claims{"providerName": "Google"}), "identities text": good.with("identities", "[]"), "identities empty name": good.with("identities", []any{claims{"providerName": ""}}),
		"nothing": {}, "deep": good.with("x", nested(9)), "many": many(good),
	}
	var out []mutation
	for name, c := range wrong {
		out = append(out, mutation{name: name, token: sign(c), signatures: 1})
	}
	text, _ := json.Marshal(good)
	add := func(name, body string) {
		out = append(out, mutation{name: name, token: sign(body), signatures: 1})
	}
	inside := strings.TrimSuffix(strings.TrimPrefix(string(text), "{"), "}")
	for _, twin := range []string{`"iss":"https://evil.example"`, `"sub":"somebody"`, `"exp":1`, `"SUB":"somebody"`, `"\u0073ub":"somebody"`, `"ſub":"somebody"`} {
		add("twin before "+twin, "{"+twin+","+inside+"}")
		add("twin after "+twin, "{"+inside+","+twin+"}")
	}
	add("twin below", "{"+inside+`,"x":[{"a":1,"a":2}]}`)
	add("exp 1e400", strings.Replace(string(text), `"exp":1800000900`, `"exp":1e400`, 1))
	add("exp 1.8e9", strings.Replace(string(text), `"exp":1800000900`, `"exp":1.8e9`, 1))
	add("only folded names", strings.Replace(string(text), `"sub"`, `"SUB"`, 1))
	add("two values", string(text)+string(text))
	add("a list", "["+string(text)+"]")
	add("text", `"claims"`)
	add("nested token", sign(good))
	add("not UTF-8", strings.Replace(string(text), "9f1c", "\xff", 1))
	add("empty", "")
	return append(out,
		mutation{name: "ID token as access", token: sign(idClaims()), signatures: 1},
		mutation{name: "access as ID token", token: sign(good), use: signin.ID, signatures: 1},
		mutation{name: "ID token for two", token: sign(idClaims().with("aud", []string{client, "x"})), use: signin.ID, signatures: 1},
		mutation{name: "ID token without aud", token: sign(idClaims().without("aud")), use: signin.ID, signatures: 1},
		mutation{name: "ID token aud other", token: sign(idClaims().with("aud", "x")), use: signin.ID, signatures: 1},
		mutation{name: "unknown use", token: sign(good.with("token_use", "refresh")), use: "refresh", signatures: 1})
}

func nested(n int) any {
	if n == 0 {
		return 1
	}
	return []any{nested(n - 1)}
}

func many(c claims) claims {
	for i := range 101 {
		c = c.with("m"+number(i), i)
	}
	return c
}

// forms are good tokens written in another way.
func forms() []mutation {
	k := testKeys()
	good := sign(accessClaims())
	p := strings.Split(good, ".")
	sig, _ := base64.RawURLEncoding.DecodeString(p[2])
	general, _ := json.Marshal(map[string]any{"payload": p[1], "signatures": []any{map[string]string{"protected": p[0], "signature": p[2]}}})
	flat, _ := json.Marshal(map[string]string{"payload": p[1], "protected": p[0], "signature": p[2]})
	enc, err := jose.NewEncrypter(jose.A256GCM, jose.Recipient{Algorithm: jose.RSA_OAEP, Key: &k.good.PublicKey}, nil)
	if err != nil {
		panic(err)
	}
	sealed, err := enc.Encrypt([]byte(good))
	if err != nil {
		panic(err)
	}
	jwe, err := sealed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	out := []mutation{
		{name: "empty", token: ""}, {name: "dots", token: ".."}, {name: "JWE", token: jwe}, {name: "general JSON", token: string(general)}, {name: "flattened JSON", token: string(flat)},
		{name: "detached", token: p[0] + ".." + p[2], signatures: 1}, {name: "no signature", token: p[0] + "." + p[1] + "."}, {name: "two parts", token: p[0] + "." + p[1]}, {name: "a fourth part", token: good + ".x"},
		{name: "extra dot", token: good + "."}, {name: "dot before", token: "." + good}, {name: "padded", token: good + "=="}, {name: "padded payload", token: p[0] + "." + p[1] + "=." + p[2]},
		{name: "standard alphabet", token: p[0] + "." + p[1] + "." + base64.RawStdEncoding.EncodeToString(withPlus(sig))}, {name: "space before", token: " " + good}, {name: "space after", token: good + " "},
		{name: "tab inside", token: p[0] + ".\t" + p[1] + "." + p[2]}, {name: "line break", token: p[0] + "." + p[1] + ".\n" + p[2]}, {name: "NUL", token: good + "\x00"}, {name: "line end", token: good + "\r\n"},
		{name: "Bearer", token: "Bearer " + good}, {name: "oversize", token: sign(accessClaims().with("pad", strings.Repeat("x", 9<<10)))}, {name: "oversize rubbish", token: strings.Repeat("a.", 1<<20)},
		{name: "truncated", token: good[:len(good)-1]}, {name: "half", token: good[:len(good)/2]}, {name: "short signature", token: p[0] + "." + p[1] + "." + part(sig[:len(sig)-1]), signatures: 1},
		{name: "long signature", token: p[0] + "." + p[1] + "." + part(append([]byte{0}, sig...)), signatures: 1}, {name: "zero signature", token: p[0] + "." + p[1] + "." + part(make([]byte, 256)), signatures: 1},
		{name: "signature of another token", token: p[0] + "." + part(accessClaims().with("sub", "boss")) + "." + p[2], signatures: 1}, {name: "trailing bits", token: trailing(good)},
		{name: "API key", token: "pc_test_0123456789abcdef_secret"}, {name: "not ASCII", token: "ключ"},
	}
	for i, one := range p {
		for _, at := range []int{0, len(one) / 2, len(one) - 2} {
			b := []byte(one)
			b[at] = flip(b[at])
			parts := append([]string(nil), p...)
			parts[i] = string(b)
			out = append(out, mutation{name: fmt.Sprintf("bit of part %d at %d", i+1, at), token: strings.Join(parts, "."), signatures: 1})
		}
	}
	return out
}

// withPlus makes sure that the encoding needs a letter outside the URL alphabet.
func withPlus(b []byte) []byte { return append([]byte{0xfb, 0xff}, b[2:]...) }

// flip gives another letter of the alphabet.
func flip(c byte) byte {
	if c == 'A' {
		return 'B'
	}
	return 'A'
}

// trailing sets bits of the last letter that no byte holds.
func trailing(token string) string {
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", token[len(token)-1])
	return token[:len(token)-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last^1])
}

func mutations() []mutation {
	all := append(algorithms(), heads()...)
	return append(append(all, bodies()...), forms()...)
}

// TestMutations refuses every mutated token with one and the same answer. It counts work, not time: whichever claim is
// wrong, a token with a good signature costs one RSA operation, and no token costs a fetch of keys beyond the first ones.
func TestMutations(t *testing.T) {
	all := mutations()
	if len(all) < 60 {
		t.Fatalf("%d mutations", len(all))
	}
	answers := map[string]int{}
	for _, m := range all {
		b := open()
		mustVerify(t, b, sign(accessClaims()), signin.Access) // the keys are there
		before, fetched := b.signatures.Load(), b.net.fetches.Load()
		use := m.use
		if use == "" {
			use = signin.Access
		}
		err := verify(b, m.token, use)
		f := fault.Of(err)
		if f == nil {
			t.Errorf("%s: accepted", m.name)
			continue
		}
		answers[fmt.Sprintln(f.Kind, f.Code, f.Detail, f.Fields, f.RetryAfter)]++
		if n := b.signatures.Load() - before; n > m.signatures || n < m.signatures && !strings.HasPrefix(m.name, "bit of part") {
			t.Errorf("%s: %d RSA operations, want %d (%v)", m.name, n, m.signatures, f.Cause)
		}
		// The last fetch was just now, so that even an unknown name costs none.
		if n := b.net.fetches.Load() - fetched; n != 0 {
			t.Errorf("%s: %d fetches", m.name, n)
		}
		if cause := fmt.Sprint(f.Cause); f.Cause == nil || len(m.token) > 40 && (strings.Contains(cause, m.token[:40]) || strings.Contains(cause, "9f1c") || strings.Contains(cause, "evil")) {
			t.Errorf("%s: cause %q", m.name, cause)
		}
		if identity.Remembered(b.Verifier) != 1 {
			t.Errorf("%s: a refused token is remembered", m.name)
		}
	}
	if len(answers) != 1 {
		t.Errorf("%d different answers: %v", len(answers), answers)
	}
	t.Logf("%d mutated tokens refused alike", len(all))
}

// TestTheSameWorkForEveryClaim compares the work of a cold verifier for a good token with that for each wrong claim.
func TestTheSameWorkForEveryClaim(t *testing.T) {
	work := func(m mutation) [2]int64 {
		b := open(identity.Issuer{URL: issuerURL, JWKS: issuerURL + "/jwks", ClientID: client})
		use := m.use
		if use == "" {
			use = signin.Access
		}
		_ = verify(b, m.token, use)
		return [2]int64{b.net.fetches.Load(), b.signatures.Load()}
	}
	want := work(mutation{token: sign(accessClaims())})
	if want != [2]int64{1, 1} {
		t.Fatalf("a good token costs %v", want)
	}
	for _, m := range bodies() {
		if got := work(m); got != want {
			t.Errorf("%s: %v, want %v", m.name, got, want)
		}
	}
}

// TestGood reads good tokens exactly, so that the table of refusals cannot pass by refusing everything.
func TestGood(t *testing.T) {
	k, at := testKeys(), start.Unix()
	access := signin.Claims{
		Issuer: issuerURL, Subject: "9f1c", Use: "access", AuthTime: start, IssuedAt: start, Expires: start.Add(900e9), Methods: []string{"pwd", "otp"},
		Scopes: []string{"openid", "email"}, TokenID: "j-1",
	}
	federated := access
	federated.Provider = "Microsoft"
	id := signin.Claims{
		Issuer: issuerURL, Subject: "9f1c", Use: "id", Email: "anna@nordeiche.example", EmailVerified: true, Name: "Anna Öztürk", Provider: "Google", AuthTime: start, IssuedAt: start,
		Expires: start.Add(900e9), Methods: []string{"fed", "mfa"}, Nonce: "n-1", Scopes: []string{}, TokenID: "j-2",
	}
	late := access
	late.Expires = start.Add(-29e9)
	other := access
	other.Issuer = otherURL
	for _, tt := range []struct {
		name, token, use string
		want             signin.Claims
	}{
		{"access", sign(accessClaims()), "access", access},
		{"ID", sign(idClaims()), "id", id},
		{"ID for a list of us", sign(idClaims().with("aud", []string{client})), "id", id},
		{"verified as text", sign(idClaims().with("email_verified", "true")), "id", id},
		{"typ JWT", signRaw(k.good, goodHead().with("typ", "JWT"), accessClaims()), "access", access},
		{"typ at+jwt", signRaw(k.good, goodHead().with("typ", "at+jwt"), accessClaims()), "access", access},
		{"with our audience", sign(accessClaims().with("aud", []string{"x", client})), "access", access},
		{"within the leeway", sign(accessClaims().with("exp", at-29)), "access", late},
		{"clock ahead by the leeway", sign(accessClaims().with("nbf", at+30)), "access", access},
		{"federated", sign(accessClaims().with("username", "microsoft_42")), "access", federated},
		{"of the other issuer", signRaw(k.other, goodHead().with("kid", "key-other"), accessClaims().with("iss", otherURL)), "access", other},
	} {
		b := open()
		got, err := b.Verify(t.Context(), tt.token, tt.use)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
	unverified, err := open().Verify(t.Context(), sign(idClaims().with("email_verified", false)), "id")
	if err != nil || unverified.EmailVerified {
		t.Errorf("unverified: %+v %v", unverified, err)
	}
}

// TestKeysThatDoNotSuit publishes a signing key in ways that must not be used.
func TestKeysThatDoNotSuit(t *testing.T) {
	k := testKeys()
	short := k.short
	for name, tt := range map[string]struct {
		key    jose.JSONWebKey
		signer *rsa.PrivateKey
	}{
		"1024 bits":      {published(keyID, &short.PublicKey), short},
		"for encryption": {jose.JSONWebKey{Key: &k.good.PublicKey, KeyID: keyID, Use: "enc"}, k.good},
		"no use":         {jose.JSONWebKey{Key: &k.good.PublicKey, KeyID: keyID}, k.good},
		"RS512":          {jose.JSONWebKey{Key: &k.good.PublicKey, KeyID: keyID, Algorithm: "RS512", Use: "sig"}, k.good},
		"a secret":       {jose.JSONWebKey{Key: []byte("0123456789abcdef"), KeyID: keyID, Use: "sig"}, k.good},
		"a curve":        {jose.JSONWebKey{Key: &k.curve.PublicKey, KeyID: keyID, Use: "sig"}, k.good},
	} {
		b := open()
		b.net.publish(issuerURL, set(tt.key, published("spare", &k.second.PublicKey)))
		if err := verify(b, signRaw(tt.signer, goodHead(), accessClaims()), signin.Access); fault.Of(err) == nil || fault.Of(err).Kind != fault.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}
