package identity

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Doer sends HTTP requests. It must not follow redirects; an answer that came by one is refused.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// How long published keys are kept. A retired key stops working within ten minutes: keepKeys and the minute that a
// verified token is remembered. A new one works as soon as a token names it, save that unknown names cause at most one
// fetch in askAgain. When fetching fails, old keys last loseKeys; without any, the next attempt waits askSoon.
const (
	keepKeys  = 10*time.Minute - remember
	askAgain  = 30 * time.Second
	askSoon   = 2 * time.Second
	loseKeys  = time.Hour
	fetchTime = 5 * time.Second
	maxJWKS   = 64 << 10
	maxKeys   = 20
	minBits   = 2048
	maxBits   = 8192 // verification with a longer one would be slow
	minPublic = 65537
)

// keys are the published keys of one issuer; safe for concurrent use.
type keys struct {
	issuer Issuer
	client Doer
	now    clock.Clock

	mu      sync.RWMutex // guards what follows, never held while fetching
	set     map[string]jose.JSONWebKey
	fetched time.Time // of the set
	asked   time.Time // last attempt

	flight sync.Mutex // held while fetching
}

// find returns the key of a name, or nil when the issuer has none. A name that is known waits for nobody; one that is
// not waits for the one fetch that may be under way.
func (k *keys) find(ctx context.Context, kid string) (*jose.JSONWebKey, error) {
	if key, found, _ := k.look(kid); found {
		return key, nil
	}
	k.flight.Lock()
	defer k.flight.Unlock()
	key, found, may := k.look(kid) // somebody may have fetched in the meantime
	if found {
		return key, nil
	}
	if may {
		if err := k.renew(ctx); err != nil {
			return nil, unreachable(err)
		}
		if key, found, _ = k.look(kid); found {
			return key, nil
		}
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.set == nil || k.now().Sub(k.fetched) > loseKeys {
		return nil, unreachable(errors.New("identity: no keys, and it is too early to ask again"))
	}
	if old, ok := k.set[kid]; ok { // stale, but the issuer does not answer
		return &old, nil
	}
	return nil, nil
}

// look finds a name among fresh keys, and tells whether it is time to fetch.
func (k *keys) look(kid string) (key *jose.JSONWebKey, found, may bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	now := k.now()
	if known, ok := k.set[kid]; ok && now.Sub(k.fetched) <= keepKeys {
		return &known, true, false
	}
	wait := askAgain
	if k.set == nil {
		wait = askSoon
	}
	return nil, false, k.asked.IsZero() || now.Sub(k.asked) >= wait
}

// renew fetches the keys. It fails only when there are none left to go on with. A caller that gives up does not end the
// fetch, for others wait for it too.
func (k *keys) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTime)
	defer cancel()
	set, err := k.fetch(ctx)
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = now
	if err == nil {
		k.set, k.fetched = set, now
		return nil
	}
	if k.set == nil || now.Sub(k.fetched) > loseKeys {
		k.set = nil
		return err
	}
	return nil
}

func unreachable(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The sign-in service did not answer. Repeat the request later.").After(5 * time.Second)
}

func (k *keys) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.issuer.JWKS, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("identity: keys of %s: %w", k.issuer.URL, err)
	}
	status, b, err := send(k.client, r, maxJWKS)
	if err != nil {
		return nil, fmt.Errorf("identity: keys of %s: %w", k.issuer.URL, err)
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("identity: keys of %s: status %d", k.issuer.URL, status)
	}
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return nil, fmt.Errorf("identity: keys of %s: %w", k.issuer.URL, err)
	}
	set := map[string]jose.JSONWebKey{}
	for i, one := range raw.Keys {
		var key jose.JSONWebKey
		// A key of a kind that we do not use is left out, as RFC 7517, section 5, asks.
		if i < maxKeys && json.Unmarshal(one, &key) == nil && key.KeyID != "" && suits(key) {
			set[key.KeyID] = key
		}
	}
	if len(set) == 0 {
		return nil, fmt.Errorf("identity: keys of %s: none that we can use among %d", k.issuer.URL, len(raw.Keys))
	}
	return set, nil
}

// suits tells whether a published key may verify tokens.
func suits(k jose.JSONWebKey) bool {
	public, ok := k.Key.(*rsa.PublicKey)
	return ok && public.N.BitLen() >= minBits && public.N.BitLen() <= maxBits && public.E >= minPublic &&
		k.Use == "sig" && (k.Algorithm == "" || k.Algorithm == string(jose.RS256))
}

// send returns status and body of an answer that is at most so long and came from where it was asked for.
func send(client Doer, r *http.Request, limit int64) (int, []byte, error) {
	resp, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	if resp.Request != nil && resp.Request.URL.String() != r.URL.String() {
		return 0, nil, errors.New("redirected")
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return 0, nil, err
	}
	if int64(len(b)) > limit {
		return 0, nil, errors.New("the answer is too long")
	}
	return resp.StatusCode, b, nil
}
