// Package identity verifies the tokens that people sign in with and talks to the sign-in service for them: it sends
// browsers there, redeems what they bring back (authorization code with PKCE), renews and ends sessions, and enrols
// authenticators. It knows issuers, their published keys and claims, and neither organisations nor roles.
package identity

import (
	"context"
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

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Issuer is a trusted issuer of tokens.
type Issuer struct {
	URL      string // the iss claim, exactly
	JWKS     string // address of its keys (RFC 7517)
	ClientID string // our client, in aud of ID tokens and client_id of access tokens
}

const (
	maxToken   = 8 << 10
	maxKeyID   = 200
	remember   = time.Minute
	memorySize = 4096
)

// Verifier verifies tokens of the trusted issuers; safe for concurrent use.
type Verifier struct {
	issuers []*keys
	now     clock.Clock
	check   func(*jose.JSONWebSignature, *jose.JSONWebKey) ([]byte, error) // the one costly step

	mu     sync.RWMutex
	memory map[[sha256.Size]byte]verified
}

type verified struct {
	claims signin.Claims
	until  time.Time
}

// NewVerifier makes a verifier. Keys are fetched when the first token needs them; client should not follow redirects
// (answers that came by one are refused). Without an issuer every token is refused.
func NewVerifier(issuers []Issuer, client Doer, now clock.Clock) *Verifier {
	v := &Verifier{now: now, check: checkSignature, memory: map[[sha256.Size]byte]verified{}}
	for _, i := range issuers {
		v.issuers = append(v.issuers, &keys{issuer: i, client: client, now: now})
	}
	return v
}

// refuse is access.Unauthenticated with a cause for the log. The cause never holds text of the token.
func refuse(why string) error {
	f := access.Unauthenticated()
	f.Cause = errors.New("identity: " + why)
	return f
}

// Verify returns the claims of a good token for the given use (signin.Access or signin.ID). A good token is signed with
// RS256 in compact form (RFC 7515, section 7.1), by a published key of at least 2048 bits of a trusted issuer, for our
// client, within its time (RFC 8725 gives most of the rules). Claims are judged after the signature, so that the work
// done does not depend on which of them is wrong. A refusal is always Refused; keys that cannot be fetched are an
// unavailable fault. Slices of the returned claims are shared between callers and must not be changed.
//
// A good token is remembered for a minute at most, so that the next requests with it cost one hash.
func (v *Verifier) Verify(ctx context.Context, token, use string) (signin.Claims, error) {
	if len(token) > maxToken {
		return signin.Claims{}, refuse("token too long")
	}
	digest := sha256.Sum256([]byte(use + "\x00" + token))
	v.mu.RLock()
	known, ok := v.memory[digest]
	v.mu.RUnlock()
	now := v.now()
	if ok && now.Before(known.until) {
		return known.claims, nil
	}
	payload, issuer, err := v.open(ctx, token)
	if err != nil {
		return signin.Claims{}, err
	}
	c, err := read(payload, issuer, use, now)
	if err != nil {
		return signin.Claims{}, refuse(err.Error())
	}
	v.keep(digest, c, now)
	return c, nil
}

func (v *Verifier) keep(digest [sha256.Size]byte, c signin.Claims, now time.Time) {
	until := now.Add(remember)
	if c.Expires.Before(until) {
		until = c.Expires
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.memory) >= memorySize {
		clear(v.memory)
	}
	v.memory[digest] = verified{c, until}
}

// open checks form and signature and returns what was signed.
func (v *Verifier) open(ctx context.Context, token string) ([]byte, Issuer, error) {
	head, body, err := parts(token)
	if err != nil {
		return nil, Issuer{}, refuse(err.Error())
	}
	kid, err := header(head)
	if err != nil {
		return nil, Issuer{}, refuse(err.Error())
	}
	if len(v.issuers) == 0 {
		return nil, Issuer{}, refuse("no issuer is trusted")
	}
	from := v.issuers[v.hint(body)]
	key, err := from.find(ctx, kid)
	if err != nil {
		return nil, Issuer{}, err
	}
	if key == nil {
		return nil, Issuer{}, refuse("unknown key")
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, Issuer{}, refuse("form")
	}
	payload, err := v.check(signed, key)
	if err != nil {
		return nil, Issuer{}, refuse("signature")
	}
	return payload, from.issuer, nil
}

func checkSignature(s *jose.JSONWebSignature, key *jose.JSONWebKey) ([]byte, error) {
	return s.Verify(key)
}

// hint chooses whose keys to try, from claims that nobody has verified yet: the issuer they name, or the first for a
// token that names none of ours, which then costs as much as any other and is refused for its issuer in the end.
func (v *Verifier) hint(body []byte) int {
	var claimed struct {
		Issuer json.RawMessage `json:"iss"`
	}
	if json.Unmarshal(body, &claimed) != nil {
		return 0
	}
	name, err := text(claimed.Issuer)
	if err != nil {
		return 0
	}
	return max(0, slices.IndexFunc(v.issuers, func(k *keys) bool { return name == k.issuer.URL }))
}

// parts splits the compact form and decodes header and payload strictly.
func parts(token string) (head, body []byte, err error) {
	three := strings.Split(token, ".")
	if len(three) != 3 || three[2] == "" {
		return nil, nil, errors.New("not a signed token in compact form")
	}
	if strings.ContainsAny(token, "\r\n") { // the decoder would skip them
		return nil, nil, errors.New("line breaks")
	}
	strict := base64.RawURLEncoding.Strict()
	for i, part := range three {
		b, err := strict.DecodeString(part)
		if err != nil {
			return nil, nil, fmt.Errorf("part %d is not base64url", i+1)
		}
		switch i {
		case 0:
			head = b
		case 1:
			body = b
		}
	}
	return head, body, nil
}

// header accepts what an issuer of ours writes and nothing by which a token could bring its own key (jku, jwk, x5u, x5c),
// change how it is read (crit, b64, zip, cty) or name another algorithm (RFC 8725, sections 3.1 and 3.11). It returns
// the name of the key.
func header(b []byte) (string, error) {
	h, err := object(b)
	if err != nil {
		return "", fmt.Errorf("header: %w", err)
	}
	for name := range h {
		if !slices.Contains([]string{"alg", "kid", "typ"}, name) {
			return "", errors.New("header: a member that no issuer of ours writes")
		}
	}
	if alg, err := text(h["alg"]); err != nil || alg != string(jose.RS256) {
		return "", errors.New("header: algorithm")
	}
	if raw, ok := h["typ"]; ok {
		typ, err := text(raw)
		if err != nil || !slices.Contains([]string{"jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(typ)) {
			return "", errors.New("header: type")
		}
	}
	kid, err := text(h["kid"])
	if err != nil || kid == "" || len(kid) > maxKeyID {
		return "", errors.New("header: key identifier")
	}
	return kid, nil
}
