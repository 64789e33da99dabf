package issuers

import (
	"strings"
	"testing"

	jose "github.com/go-jose/go-jose/v4"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// FuzzVerify: of all texts, only a token signed here is accepted.
func FuzzVerify(f *testing.F) {
	state, err := open(f.TempDir(), clock.System)
	if err != nil {
		f.Fatal(err)
	}
	i := &Issuers{state: state}
	good, err := i.sign(Cognito, map[string]any{"iss": "x"})
	if err != nil {
		f.Fatal(err)
	}
	k, _ := state.signing(Cognito)
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{KeyID: k.ID, Key: &k.private.PublicKey}}}
	parts := strings.Split(good, ".")
	for _, seed := range []string{good, "", "..", parts[0] + "." + parts[1] + ".", "eyJhbGciOiJub25lIn0." + parts[1] + ".", good + "A", "{}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		var c map[string]any
		if err := verify(token, set, &c); err == nil && strings.TrimRight(token, " \n") != good && !strings.HasPrefix(token, parts[0]+"."+parts[1]+".") {
			t.Errorf("accepted %q", token)
		}
	})
}

// TestCodesOfAuthenticators: a code of this step or one beside it is accepted once, any other never.
func TestCodesOfAuthenticators(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.SliceOfN(rapid.Byte(), totpSecret, totpSecret).Draw(t, "secret")
		now := clock.Fixed(clock.System())()
		step := now.Unix() / totpStep
		off := rapid.Int64Range(-4, 4).Draw(t, "off")
		near := map[string]bool{codeAt(secret, step-1): true, codeAt(secret, step): true, codeAt(secret, step+1): true}
		code := codeAt(secret, step+off)
		a := totp{Secret: secret}
		if got := a.accept(code, now); got != near[code] {
			t.Fatalf("step %+d: %v", off, got)
		}
		if len(near) == 3 && a.accept(code, now) {
			t.Fatal("accepted twice")
		}
	})
}
