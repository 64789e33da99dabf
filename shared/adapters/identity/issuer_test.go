package identity_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

const (
	issuerURL = "https://sign-in.example/pool"
	otherURL  = "https://elsewhere.example/pool"
	client    = "5n4h5client"
	keyID     = "key-1"
)

// made is a set of keys made once: they are slow to make.
type made struct {
	good, second, other, short *rsa.PrivateKey
	curve                      *ecdsa.PrivateKey
}

var testKeys = sync.OnceValue(func() made {
	rsaKey := func(bits int) *rsa.PrivateKey {
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return k
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return made{rsaKey(2048), rsaKey(2048), rsaKey(2048), rsaKey(1024), curve}
})

func published(kid string, key any) jose.JSONWebKey {
	return jose.JSONWebKey{Key: key, KeyID: kid, Algorithm: "RS256", Use: "sig"}
}

func set(keys ...jose.JSONWebKey) string {
	b, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// network answers requests for keys.
type network struct {
	mu      sync.Mutex
	bodies  map[string]string // by address
	down    error
	status  int
	via     string // address the answer claims to come from
	gate    chan struct{}
	fetches atomic.Int64
}

func (n *network) Do(r *http.Request) (*http.Response, error) {
	n.fetches.Add(1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.gate != nil {
		<-n.gate
	}
	if n.down != nil {
		return nil, n.down
	}
	status, from := http.StatusOK, r
	body, ok := n.bodies[r.URL.String()]
	if !ok {
		status = http.StatusNotFound
	}
	if n.status != 0 {
		status = n.status
	}
	if n.via != "" {
		from, _ = http.NewRequest(http.MethodGet, n.via, http.NoBody)
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader([]byte(body))), Request: from}, nil
}

func (n *network) publish(issuer, body string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bodies[issuer+"/jwks"] = body
}

func (n *network) fail(err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.down = err
}

// bench is a verifier with two issuers, a network and a clock.
type bench struct {
	*identity.Verifier
	net        *network
	clock      *clock.Movable
	signatures atomic.Int64
}

var start = time.Unix(1_800_000_000, 0).UTC()

func open(issuers ...identity.Issuer) *bench {
	if issuers == nil {
		issuers = []identity.Issuer{
			{URL: issuerURL, JWKS: issuerURL + "/jwks", ClientID: client},
			{URL: otherURL, JWKS: otherURL + "/jwks", ClientID: client},
		}
	}
	k := testKeys()
	b := &bench{net: &network{bodies: map[string]string{}}, clock: clock.NewMovable(clock.Fixed(start))}
	b.net.publish(issuerURL, set(published(keyID, &k.good.PublicKey)))
	b.net.publish(otherURL, set(published("key-other", &k.other.PublicKey)))
	b.Verifier = identity.NewVerifier(issuers, b.net, b.clock.Now)
	identity.CountSignatures(b.Verifier, func() { b.signatures.Add(1) })
	return b
}

type claims map[string]any

// without returns a copy that lacks some claims.
func (c claims) without(names ...string) claims {
	out := maps.Clone(c)
	for _, n := range names {
		delete(out, n)
	}
	return out
}

// with returns a copy with another value.
func (c claims) with(name string, value any) claims {
	out := maps.Clone(c)
	out[name] = value
	return out
}

func accessClaims() claims {
	at := start.Unix()
	return claims{
		"iss": issuerURL, "sub": "9f1c", "token_use": "access", "client_id": client, "username": "9f1c", "scope": "openid email",
		"iat": at, "auth_time": at, "exp": at + 900, "jti": "j-1", "amr": []string{"pwd", "otp"}, "version": 2, "event_id": "e",
	}
}

func idClaims() claims {
	at := start.Unix()
	return claims{
		"iss": issuerURL, "sub": "9f1c", "token_use": "id", "aud": client, "email": "anna@nordeiche.example", "email_verified": true,
		"name": "Anna Öztürk", "nonce": "n-1", "iat": at, "auth_time": at, "exp": at + 900, "jti": "j-2", "amr": []string{"fed", "mfa"},
		"cognito:username": "Google_117", "identities": []any{map[string]any{"userId": "117", "providerName": "Google", "dateCreated": "1"}},
	}
}

func part(v any) string {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			panic(err)
		}
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// signRaw signs any header and payload with RSASSA-PKCS1-v1_5 and SHA-256; texts are taken as they are.
func signRaw(key *rsa.PrivateKey, head, body any) string {
	signed := raw(head) + "." + raw(body)
	sum := sha256.Sum256([]byte(signed))
	sig, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return signed + "." + part(sig)
}

func raw(v any) string {
	if s, ok := v.(string); ok {
		return part([]byte(s))
	}
	return part(v)
}

func goodHead() claims { return claims{"alg": "RS256", "kid": keyID} }

func sign(body any) string { return signRaw(testKeys().good, goodHead(), body) }

func verify(b *bench, token, use string) error {
	_, err := b.Verify(context.Background(), token, use)
	return err
}

var errDown = errors.New("connection refused")

func number(i int) string { return strconv.Itoa(i) }

func mustVerify(t *testing.T, b *bench, token, use string) {
	t.Helper()
	if err := verify(b, token, use); err != nil {
		t.Fatalf("a good token is refused: %v", err)
	}
}
