package keyring_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// vault keeps keys for tests and counts how often one is opened. "Wrapping" adds the tenant in front.
type vault struct {
	keys   map[id.Tenant][]keyring.Wrapped
	opened int
}

func (v *vault) Newest(_ context.Context, t id.Tenant) (keyring.Wrapped, error) {
	k := v.keys[t]
	if len(k) == 0 {
		return keyring.Wrapped{}, fault.New(fault.CodeRouteNotFound, "no key")
	}
	return k[len(k)-1], nil
}

func (v *vault) Version(_ context.Context, t id.Tenant, n uint32) (keyring.Wrapped, error) {
	for _, k := range v.keys[t] {
		if k.Version == n {
			return k, nil
		}
	}
	return keyring.Wrapped{}, fault.New(fault.CodeRouteNotFound, "no key")
}

func (v *vault) Add(_ context.Context, t id.Tenant, w keyring.Wrapped) error {
	v.keys[t] = append(v.keys[t], w)
	return nil
}

func (v *vault) Generate(_ context.Context, t id.Tenant) (plain, wrapped []byte, err error) {
	plain = make([]byte, 32)
	_, err = rand.Read(plain)
	return plain, append([]byte(t), plain...), err
}

func (v *vault) Unwrap(_ context.Context, t id.Tenant, wrapped []byte) ([]byte, error) {
	v.opened++
	plain, ok := bytes.CutPrefix(wrapped, []byte(t))
	if !ok {
		return nil, errors.New("another tenant's key")
	}
	return plain, nil
}

func ring(t testing.TB) (*keyring.Ring[id.Tenant], *vault, *clock.Movable) {
	v := &vault{keys: map[id.Tenant][]keyring.Wrapped{}}
	c := clock.NewMovable(clock.Fixed(time.Unix(1_800_000_000, 0)))
	r := keyring.New[id.Tenant](v, v, c.Now)
	for _, tenant := range []id.Tenant{"a", "b"} {
		if err := r.Create(context.Background(), tenant); err != nil {
			t.Fatal(err)
		}
	}
	return r, v, c
}

// TestSealIsBound states the law of sealing: what was sealed opens for its tenant and place only, and not when any byte
// of it has changed.
func TestSealIsBound(t *testing.T) {
	r, _, _ := ring(t)
	ctx := t.Context()
	rapid.Check(t, func(rt *rapid.T) {
		plain := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "plain")
		place := rapid.StringN(1, 20, -1).Draw(rt, "place")
		sealed, err := r.Seal(ctx, "a", place, plain)
		if err != nil {
			rt.Fatal(err)
		}
		got, err := r.Open(ctx, "a", place, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			rt.Fatalf("open: %v", err)
		}
		if len(plain) > 8 && bytes.Contains(sealed, plain) {
			rt.Fatal("the plain text shows")
		}
		if _, err := r.Open(ctx, "b", place, sealed); !errors.Is(err, keyring.ErrSealed) {
			rt.Fatalf("another tenant opens it: %v", err)
		}
		if _, err := r.Open(ctx, "a", place+"x", sealed); !errors.Is(err, keyring.ErrSealed) {
			rt.Fatalf("it opens at another place: %v", err)
		}
		broken := bytes.Clone(sealed)
		broken[rapid.IntRange(0, len(broken)-1).Draw(rt, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(rt, "bit")
		if _, err := r.Open(ctx, "a", place, broken); err == nil {
			rt.Fatal("altered data opens")
		}
		if _, err := r.Open(ctx, "a", place, sealed[:len(sealed)-1]); err == nil {
			rt.Fatal("cut data opens")
		}
	})
}

func TestBlindIsPerTenantAndPurpose(t *testing.T) {
	r, v, _ := ring(t)
	blind := func(tenant id.Tenant, purpose, value string) string {
		b, err := r.Blind(t.Context(), tenant, purpose, value)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	first := blind("a", "product", "x")
	if first != blind("a", "product", "x") || first == blind("b", "product", "x") || first == blind("a", "other", "x") || first == blind("a", "product", "y") {
		t.Error("a blind index must depend on tenant, purpose and value, and on nothing else")
	}
	_, wrapped, err := v.Generate(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := r.Seal(t.Context(), "a", "p", []byte("old"))
	if err != nil {
		t.Fatal(err)
	}
	v.keys["a"] = append(v.keys["a"], keyring.Wrapped{Version: 2, Blob: wrapped})
	fresh := keyring.New(v, v, clock.Fixed(time.Unix(1_800_000_000, 0)))
	if got, err := fresh.Open(t.Context(), "a", "p", sealed); err != nil || string(got) != "old" {
		t.Errorf("after a rotation old data does not open: %v", err)
	}
	if again, _ := fresh.Blind(t.Context(), "a", "product", "x"); again != first {
		t.Error("a rotation changed the blind index")
	}
	if s, err := fresh.Seal(t.Context(), "a", "p", []byte("new")); err != nil || s[4] != 2 {
		t.Errorf("new data is not sealed under the newest key: %v", err)
	}
}

// TestKeysLeaveMemory holds how long a destroyed key still works.
func TestKeysLeaveMemory(t *testing.T) {
	r, v, c := ring(t)
	sealed, err := r.Seal(t.Context(), "a", "p", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	opened := v.opened
	for range 5 {
		if _, err := r.Open(t.Context(), "a", "p", sealed); err != nil {
			t.Fatal(err)
		}
	}
	if v.opened != opened {
		t.Errorf("the key was unwrapped %d more times", v.opened-opened)
	}
	delete(v.keys, "a")
	c.Advance(keyring.Keep)
	if _, err := r.Open(t.Context(), "a", "p", sealed); err == nil {
		t.Error("data opens after its key was destroyed")
	}
}

func FuzzOpen(f *testing.F) {
	r, _, _ := ring(f)
	sealed, err := r.Seal(context.Background(), "a", "p", bytes.Repeat([]byte("x"), 1000))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{2, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := r.Open(context.Background(), "a", "p", b); err == nil && !bytes.Equal(b, sealed) {
			t.Error("forged data opens")
		}
	})
}

func BenchmarkSealOpen(b *testing.B) {
	r, _, _ := ring(b)
	plain := bytes.Repeat([]byte(`{"name":"value","number":12345},`), 128)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		s, err := r.Seal(context.Background(), "a", "p", plain)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := r.Open(context.Background(), "a", "p", s); err != nil {
			b.Fatal(err)
		}
	}
}
