// Package identity verifies the tokens that people sign in with. It knows issuers, their published keys and claims, and
// neither organisations nor roles.
package identity

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Issuer is a trusted issuer of tokens.
type Issuer struct {
	URL      string // the iss claim, exactly
	JWKS     string // address of its keys (RFC 7517)
	ClientID string // our client, in aud of ID tokens and client_id of access tokens
}

const (
	maxToken    = 8 << 10
	leeway      = 30 * time.Second
	maxLife     = 24 * time.Hour
	minModulus  = 2048
	remember    = time.Minute
	memorySize  = 4096
	maxSubject  = 128
	maxNameSize = 400
)

// Verifier verifies tokens of the trusted issuers; safe for concurrent use.
type Verifier struct {
	issuers []*keys
	now     clock.Clock

	mu     sync.RWMutex
	memory map[[sha256.Size]byte]verified
}

type verified struct {
	claims signin.Claims
	until  time.Time
}

// NewVerifier makes a verifier. Keys are fetched when the first token needs them.
func NewVerifier(issuers []Issuer, client Doer, now clock.Clock) *Verifier {
	v := &Verifier{now: now, memory: map[[sha256.Size]byte]verified{}}
	for _, i := range issuers {
		v.issuers = append(v.issuers, &keys{issuer: i, client: client, now: now})
	}
	return v
}

// Refused is the one answer to every credential that is not good, whatever is wrong with it.
func Refused() *fault.Error {
	return fault.New(fault.CodeUnauthenticated, "A valid API key or access token is required: send it as Authorization: Bearer ….")
}

func refuse(why string, cause error) error {
	f := Refused()
	f.Cause = errors.New("identity: " + why)
	if cause != nil {
		f.Cause = fmt.Errorf("identity: %s: %w", why, cause)
	}
	return f
}

// Verify returns the claims of a good token for the given use (signin.Access or signin.ID). RS256 only, in compact form,
// signed with a published key of at least 2048 bits of a trusted issuer, for our client, within its time. Claims are
// looked at after the signature. A refusal is always Refused; keys that cannot be fetched are an unavailable fault.
func (v *Verifier) Verify(ctx context.Context, token, use string) (signin.Claims, error) {
	digest := sha256.Sum256([]byte(use + "\x00" + token))
	v.mu.RLock()
	known, ok := v.memory[digest]
	v.mu.RUnlock()
	if ok && v.now().Before(known.until) {
		return known.claims, nil
	}
	payload, issuer, err := v.open(ctx, token)
	if err != nil {
		return signin.Claims{}, err
	}
	c, err := read(payload, issuer, use, v.now())
	if err != nil {
		return signin.Claims{}, err
	}
	until := v.now().Add(remember)
	if c.Expires.Before(until) {
		until = c.Expires
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.memory) >= memorySize {
		clear(v.memory)
	}
	v.memory[digest] = verified{c, until}
	return c, nil
}

// open checks form and signature.
func (v *Verifier) open(ctx context.Context, token string) ([]byte, Issuer, error) {
	head, body, err := parts(token)
	if err != nil {
		return nil, Issuer{}, refuse("form", err)
	}
	kid, err := header(head)
	if err != nil {
		return nil, Issuer{}, refuse("header", err)
	}
	if err := unique(body); err != nil {
		return nil, Issuer{}, refuse("claims", err)
	}
	// The issuer that the unverified claims name only chooses whose keys to try; it is compared again afterwards.
	var hint struct {
		Issuer json.RawMessage `json:"iss"`
	}
	if err := json.Unmarshal(body, &hint); err != nil {
		return nil, Issuer{}, refuse("claims", err)
	}
	i := slices.IndexFunc(v.issuers, func(k *keys) bool { return string(hint.Issuer) == quoted(k.issuer.URL) })
	if i < 0 {
		return nil, Issuer{}, refuse("issuer", nil)
	}
	key, err := v.issuers[i].find(ctx, kid)
	if err != nil {
		return nil, Issuer{}, err
	}
	if key == nil {
		return nil, Issuer{}, refuse("unknown key", nil)
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, Issuer{}, refuse("form", err)
	}
	payload, err := signed.Verify(key)
	if err != nil {
		return nil, Issuer{}, refuse("signature", err)
	}
	return payload, v.issuers[i].issuer, nil
}

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		return ""
	}
	return string(b)
}

// parts splits the compact form and decodes header and payload strictly.
func parts(token string) (head, body []byte, err error) {
	three := strings.Split(token, ".")
	if len(token) > maxToken || len(three) != 3 || three[2] == "" {
		return nil, nil, errors.New("not a signed token in compact form")
	}
	strict := base64.RawURLEncoding.Strict()
	if strings.ContainsAny(token, "\r\n") { // the decoder would skip them
		return nil, nil, errors.New("line breaks")
	}
	if head, err = strict.DecodeString(three[0]); err != nil {
		return nil, nil, err
	}
	if body, err = strict.DecodeString(three[1]); err != nil {
		return nil, nil, err
	}
	_, err = strict.DecodeString(three[2])
	return head, body, err
}

// header accepts what an issuer of ours writes and nothing by which a token could bring its own key.
func header(b []byte) (kid string, err error) {
	if err := unique(b); err != nil {
		return "", err
	}
	var h map[string]json.RawMessage
	if err := json.Unmarshal(b, &h); err != nil {
		return "", err
	}
	for name := range h {
		if !slices.Contains([]string{"alg", "kid", "typ"}, name) {
			return "", fmt.Errorf("header member %q", name)
		}
	}
	alg, err := text(h["alg"])
	if err != nil || alg != string(jose.RS256) {
		return "", errors.New("algorithm")
	}
	if raw, ok := h["typ"]; ok {
		typ, err := text(raw)
		if err != nil || !slices.Contains([]string{"jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(typ)) {
			return "", errors.New("type")
		}
	}
	kid, err = text(h["kid"])
	if err != nil || kid == "" || len(kid) > 200 {
		return "", errors.New("key identifier")
	}
	return kid, nil
}

func text(raw json.RawMessage) (string, error) {
	var s string
	if len(raw) == 0 || raw[0] != '"' {
		return "", errors.New("not text")
	}
	err := json.Unmarshal(raw, &s)
	return s, err
}

// suits tells whether a published key may verify tokens.
func suits(k jose.JSONWebKey) bool {
	public, ok := k.Key.(*rsa.PublicKey)
	return ok && public.N.BitLen() >= minModulus && (k.Use == "" || k.Use == "sig") && (k.Algorithm == "" || k.Algorithm == string(jose.RS256))
}
