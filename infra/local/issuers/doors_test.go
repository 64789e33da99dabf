package issuers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRefreshRace: of many who send one refresh token at once, one gets tokens.
func TestRefreshRace(t *testing.T) {
	b := start(t)
	b.user(t, Cognito, ann)
	w := b.browser(t)
	first := w.tokens(w.submit(w.begin(), "email", ann, "password", secret))
	won := make(chan int, 8)
	var all sync.WaitGroup
	for range cap(won) {
		all.Go(func() {
			answer, err := http.PostForm(b.TokenURL(), url.Values{"grant_type": {"refresh_token"}, "client_id": {b.ClientID()}, "refresh_token": {fmt.Sprint(first["refresh_token"])}})
			if err == nil {
				won <- answer.StatusCode
				_ = answer.Body.Close()
			}
		})
	}
	all.Wait()
	close(won)
	got := map[int]int{}
	for status := range won {
		got[status]++
	}
	if d := cmp.Diff(map[int]int{200: 1, 400: 7}, got); d != "" {
		t.Error(d)
	}
}

func TestDiscoveryAndDoors(t *testing.T) {
	b := start(t)
	for _, provider := range []string{Cognito, Google, Microsoft, MicrosoftOther} {
		answer, err := http.Get(b.Issuer(provider) + "/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		var d map[string]any
		if err := json.NewDecoder(answer.Body).Decode(&d); err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		same(t, d, map[string]any{"issuer": b.Issuer(provider), "authorization_endpoint": b.Issuer(provider) + "/oauth2/authorize", "token_endpoint": b.Issuer(provider) + "/oauth2/token",
			"jwks_uri": b.Issuer(provider) + "/.well-known/jwks.json", "response_types_supported": []any{"code"}, "id_token_signing_alg_values_supported": []any{"RS256"},
			"userinfo_endpoint": nil, "introspection_endpoint": nil})
		for path, want := range map[string]int{"/oauth/introspect": 404, "/device_authorization": 404, "/oauth2/userInfo": 404, "/healthz": 404, "/login?id=x": 400} {
			if s := b.browser(t).get(b.Issuer(provider) + path); s.status != want {
				t.Errorf("%s%s: %d", provider, path, s.status)
			}
		}
	}
	r, err := http.NewRequest(http.MethodGet, b.JWKSURL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Host = "attacker.example"
	if answer, err := http.DefaultClient.Do(r); err != nil || answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("another host: %v, %v", answer, err)
	}
	for _, o := range []Options{{Dir: t.TempDir(), Listen: "0.0.0.0:0"}, {Dir: ""}, {Dir: t.TempDir(), Callbacks: []string{"nowhere"}}} {
		if i, err := Start(o); err == nil {
			t.Errorf("%+v started", o)
			_ = i.Close()
		}
	}
}
