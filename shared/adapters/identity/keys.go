package identity

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Doer sends HTTP requests.
type Doer interface {
	Do(*http.Request) (*http.Response, error)
}

// How long published keys are kept: a retired key stops working within keepKeys, a new one works as soon as a token
// names it, save that unknown names cause at most one fetch in askAgain; when fetching fails, old keys last loseKeys.
const (
	keepKeys = 10 * time.Minute
	askAgain = 30 * time.Second
	loseKeys = time.Hour
	maxJWKS  = 64 << 10
	maxKeys  = 20
)

// keys are the published keys of one issuer.
type keys struct {
	issuer Issuer
	client Doer
	now    clock.Clock

	mu      sync.Mutex
	set     map[string]jose.JSONWebKey
	fetched time.Time // of the set
	asked   time.Time // last attempt
}

// find returns the key of a name, or nil when the issuer has none. One fetch at a time.
func (k *keys) find(ctx context.Context, kid string) (*jose.JSONWebKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := k.now()
	key, ok := k.set[kid]
	stale := k.set == nil || now.Sub(k.fetched) > keepKeys
	if ok && !stale {
		return &key, nil
	}
	if k.asked.IsZero() || now.Sub(k.asked) >= askAgain {
		k.asked = now
		set, err := k.fetch(ctx)
		if err == nil {
			k.set, k.fetched = set, now
		} else if k.set == nil || now.Sub(k.fetched) > loseKeys {
			return nil, unreachable(err)
		}
	} else if k.set == nil {
		return nil, unreachable(nil)
	}
	if now.Sub(k.fetched) > loseKeys {
		return nil, unreachable(nil)
	}
	if key, ok = k.set[kid]; !ok {
		return nil, nil
	}
	return &key, nil
}

func unreachable(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The sign-in service did not answer. Repeat the request later.").After(5 * time.Second)
}

func (k *keys) fetch(ctx context.Context) (map[string]jose.JSONWebKey, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, k.issuer.JWKS, nil)
	if err != nil {
		return nil, err
	}
	resp, err := k.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKS+1))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK || len(b) > maxJWKS {
		return nil, fmt.Errorf("identity: keys of %s: status %d, %d bytes", k.issuer.URL, resp.StatusCode, len(b))
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
	return set, nil
}
