package identity_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// byKey signs with a key under a name; serial tells tokens apart.
func byKey(key string, serial int) string {
	k := testKeys().good
	if key == "key-2" {
		k = testKeys().second
	}
	return signRaw(k, goodHead().with("kid", key), accessClaims().with("jti", "j"+number(serial)).with("exp", start.Unix()+12*3600))
}

func kindOf(err error) fault.Kind {
	if f := fault.Of(err); f != nil {
		return f.Kind
	}
	return ""
}

// TestRotation leads the keys of an issuer through a change: a new key works as soon as a token names it, a retired one
// stops within ten minutes even for tokens that are remembered.
func TestRotation(t *testing.T) {
	k := testKeys()
	b := open()
	old := byKey("key-1", 0)
	mustVerify(t, b, old, signin.Access)
	b.clock.Advance(31 * time.Second)
	b.net.publish(issuerURL, set(published("key-1", &k.good.PublicKey), published("key-2", &k.second.PublicKey)))
	mustVerify(t, b, byKey("key-2", 1), signin.Access)
	b.net.publish(issuerURL, set(published("key-2", &k.second.PublicKey)))
	retired := b.clock.Now()
	var lasted time.Duration
	for i := range 700 {
		if verify(b, old, signin.Access) != nil && verify(b, byKey("key-1", i), signin.Access) != nil {
			break
		}
		b.clock.Advance(time.Second)
		lasted = b.clock.Now().Sub(retired)
	}
	if lasted > 10*time.Minute || lasted < time.Minute {
		t.Errorf("a retired key worked for %v", lasted)
	}
	mustVerify(t, b, byKey("key-2", 2), signin.Access)
}

// TestFloodOfUnknownKeys holds that unknown names cause at most one fetch in half a minute.
func TestFloodOfUnknownKeys(t *testing.T) {
	b := open()
	mustVerify(t, b, sign(accessClaims()), signin.Access)
	fetched := b.net.fetches.Load()
	for i := range 300 { // five minutes
		if err := verify(b, signRaw(testKeys().second, goodHead().with("kid", "k"+number(i)), accessClaims()), signin.Access); kindOf(err) != fault.Unauthenticated {
			t.Fatalf("token %d: %v", i, err)
		}
		b.clock.Advance(time.Second)
	}
	if n := b.net.fetches.Load() - fetched; n > 10 || n < 9 {
		t.Errorf("%d fetches in five minutes, want one in half a minute", n)
	}
}

// TestOneFetchAtATime lets many requests meet cold keys at once.
func TestOneFetchAtATime(t *testing.T) {
	b := open()
	b.net.gate = make(chan struct{})
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		token := byKey("key-1", i)
		wg.Go(func() { errs[i] = verify(b, token, signin.Access) })
	}
	close(b.net.gate)
	wg.Wait()
	if err := errors.Join(errs...); err != nil || b.net.fetches.Load() != 1 {
		t.Errorf("%d fetches: %v", b.net.fetches.Load(), err)
	}
}

// TestIssuerDown holds that known keys outlive an issuer that is down for an hour, and that its absence is told from a
// wrong token.
func TestIssuerDown(t *testing.T) {
	b := open()
	b.net.fail(errDown)
	if err := verify(b, byKey("key-1", 0), signin.Access); kindOf(err) != fault.Unavailable {
		t.Fatalf("down from the start: %v", err)
	}
	if err := verify(b, byKey("key-1", 0), signin.Access); kindOf(err) != fault.Unavailable || b.net.fetches.Load() != 1 {
		t.Fatalf("asked %d times at once: %v", b.net.fetches.Load(), err)
	}
	b.clock.Advance(2 * time.Second)
	b.net.fail(nil)
	mustVerify(t, b, byKey("key-1", 1), signin.Access)
	fetchedAt := b.clock.Now()
	b.net.fail(errDown)
	for i := range 130 {
		b.clock.Advance(30 * time.Second)
		err := verify(b, byKey("key-1", 10+i), signin.Access)
		age := b.clock.Now().Sub(fetchedAt)
		if want := age > time.Hour; (kindOf(err) == fault.Unavailable) != want || !want && err != nil {
			t.Fatalf("keys that are %v old: %v", age, err)
		}
		// A name that nobody has is refused as long as there are keys.
		if err := verify(b, byKey("nobody", i), signin.Access); age <= time.Hour && kindOf(err) != fault.Unauthenticated {
			t.Fatalf("unknown key: %v", err)
		}
	}
	b.clock.Advance(2 * time.Second)
	b.net.fail(nil)
	mustVerify(t, b, byKey("key-1", 999), signin.Access)
}

// TestBadKeySets holds that what is not a set of keys is taken for an issuer that is down.
func TestBadKeySets(t *testing.T) {
	k := testKeys()
	one := set(published(keyID, &k.good.PublicKey))
	for name, edit := range map[string]func(*bench){
		"not JSON": func(b *bench) { b.net.publish(issuerURL, "<html>") }, "empty": func(b *bench) { b.net.publish(issuerURL, "") },
		"no keys": func(b *bench) { b.net.publish(issuerURL, `{"keys":[]}`) }, "keys null": func(b *bench) { b.net.publish(issuerURL, `{"keys":null}`) },
		"too long": func(b *bench) { b.net.publish(issuerURL, one+strings.Repeat(" ", 64<<10)) }, "status 500": func(b *bench) { b.net.status = http.StatusInternalServerError },
		"status 302": func(b *bench) { b.net.status = http.StatusFound }, "redirected": func(b *bench) { b.net.via = "https://evil.example/jwks" },
	} {
		b := open()
		edit(b)
		if err := verify(b, sign(accessClaims()), signin.Access); kindOf(err) != fault.Unavailable || fault.Of(err).RetryAfter == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	var crowd []jose.JSONWebKey
	for i := range 20 {
		crowd = append(crowd, published("k"+number(i), &k.second.PublicKey))
	}
	b := open()
	b.net.publish(issuerURL, set(append(crowd, published(keyID, &k.good.PublicKey))...))
	if err := verify(b, sign(accessClaims()), signin.Access); kindOf(err) != fault.Unauthenticated {
		t.Errorf("the 21st key is used: %v", err)
	}
}

// TestRemembered holds that a warm verification costs no RSA operation, that a minute or the token's end forgets it, that
// uses are kept apart, and that the memory is bounded.
func TestRemembered(t *testing.T) {
	b := open()
	token := sign(accessClaims().with("exp", start.Unix()+90))
	for range 5 {
		mustVerify(t, b, token, signin.Access)
	}
	if b.signatures.Load() != 1 {
		t.Errorf("%d RSA operations for five verifications", b.signatures.Load())
	}
	if verify(b, token, signin.ID) == nil {
		t.Error("remembered for another use")
	}
	b.clock.Advance(61 * time.Second)
	before := b.signatures.Load()
	mustVerify(t, b, token, signin.Access)
	if b.signatures.Load() != before+1 {
		t.Error("remembered for more than a minute")
	}
	b.clock.Advance(59 * time.Second) // 30 seconds after its end
	if verify(b, token, signin.Access) == nil {
		t.Error("remembered beyond its end")
	}
	identity.Fill(b.Verifier, identity.MemorySize)
	mustVerify(t, b, byKey("key-1", 1), signin.Access)
	if n := identity.Remembered(b.Verifier); n > identity.MemorySize {
		t.Errorf("%d tokens are remembered", n)
	}
}

// TestNoIssuer holds that a verifier that trusts nobody refuses and does not ask.
func TestNoIssuer(t *testing.T) {
	b := open()
	b.Verifier = identity.NewVerifier(nil, b.net, b.clock.Now)
	if err := verify(b, sign(accessClaims()), signin.Access); kindOf(err) != fault.Unauthenticated || b.net.fetches.Load() != 0 {
		t.Errorf("%v after %d fetches", err, b.net.fetches.Load())
	}
}

func FuzzVerify(f *testing.F) {
	good := map[string]bool{sign(accessClaims()): true, signRaw(testKeys().good, goodHead().with("typ", "JWT"), accessClaims()): true}
	for token := range good {
		f.Add(token)
	}
	for _, m := range mutations() {
		if len(m.token) < 4096 {
			f.Add(m.token)
		}
	}
	b := open()
	f.Fuzz(func(t *testing.T, token string) {
		err := verify(b, token, signin.Access)
		// Seeds of an earlier run are signed with keys of that run.
		if err == nil && !good[token] {
			t.Errorf("accepted: %q", token)
		}
		if err != nil && fault.Of(err).Code != fault.CodeUnauthenticated {
			t.Errorf("%q: %v", token, err)
		}
	})
}

// BenchmarkVerifyWarm verifies a token that was verified a moment ago.
func BenchmarkVerifyWarm(b *testing.B) {
	v := open()
	token := sign(accessClaims())
	for b.Loop() {
		if err := verify(v, token, signin.Access); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyCold verifies tokens that nobody has seen before, with keys at hand.
func BenchmarkVerifyCold(b *testing.B) {
	v := open()
	tokens := make([]string, 64)
	for i := range tokens {
		tokens[i] = byKey("key-1", i)
	}
	for i := 0; b.Loop(); i++ {
		if i%len(tokens) == 0 {
			identity.Forget(v.Verifier)
		}
		if err := verify(v, tokens[i%len(tokens)], signin.Access); err != nil {
			b.Fatal(err)
		}
	}
}
