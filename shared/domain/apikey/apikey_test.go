package apikey_test

import (
	"context"
	"crypto/rand"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

type drawer struct {
	keys  map[string]apikey.Key
	asked int
	uses  []apikey.Use
}

func (d *drawer) Key(_ context.Context, _ id.Tenant, keyID string) (apikey.Key, error) {
	d.asked++
	k, ok := d.keys[keyID]
	if !ok {
		return k, apikey.Unknown()
	}
	return k, nil
}

func (d *drawer) PutKey(_ context.Context, k apikey.Key, _ audit.Entry, _ audit.Notice) error {
	d.keys[k.ID] = k
	return nil
}

func (d *drawer) Revoke(_ context.Context, k apikey.Key, _ audit.Entry, _ audit.Notice) error {
	d.keys[k.ID] = k
	return nil
}

func (d *drawer) Keys(context.Context, id.Tenant) (all []apikey.Key, err error) {
	for _, k := range d.keys {
		all = append(all, k)
	}
	return all, nil
}

func (d *drawer) Used(_ context.Context, u apikey.Use) error {
	d.uses = append(d.uses, u)
	return nil
}

func verifier(d *drawer, c *clock.Movable) *apikey.Verifier {
	return &apikey.Verifier{
		Env: "local", Store: d, IDs: id.NewSource(c.Now, rand.Reader),
		Doors: func(context.Context, id.Tenant) (access.Door, error) { return access.Door{State: access.Active}, nil },
		Network: func(_ context.Context, _ id.Tenant, network string) (string, error) {
			return "digest of " + network, nil
		},
	}
}

func TestVerify(t *testing.T) {
	c := clock.NewMovable(clock.Fixed(time.Unix(1_800_000_000, 0)))
	d := &drawer{keys: map[string]apikey.Key{}}
	v := verifier(d, c)
	tenant := id.New[id.Tenant](id.NewSource(c.Now, rand.Reader))
	mint := func(env string, life time.Duration) (apikey.Key, string) {
		k, text, err := apikey.Mint(env, tenant, "k", access.Scopes(), c.Now(), life, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		d.keys[k.ID] = k
		return k, text
	}
	k, good := mint("local", 365*24*time.Hour)
	_, foreign := mint("prod", time.Hour)
	_, short := mint("local", time.Hour)
	gone, unknown := mint("local", time.Hour)
	delete(d.keys, gone.ID)
	p, err := v.Verify(t.Context(), good, netip.Addr{}, c.Now())
	if err != nil || p.Tenant != tenant || p.ID != k.ID {
		t.Fatalf("good key: %+v %v", p, err)
	}
	asked := d.asked
	if _, err := v.Verify(t.Context(), good, netip.Addr{}, c.Now()); err != nil || d.asked != asked {
		t.Errorf("a verified key was looked up again: %v", err)
	}
	_, other := mint("local", time.Hour)
	parts, others := strings.Split(good, "_"), strings.Split(other, "_")
	swapped := strings.Join([]string{"pc", "local", parts[2], others[3], parts[4]}, "_")
	refused := map[string]string{
		"empty": "", "unknown": unknown, "other environment": foreign, "swapped secret": swapped, "upper case": strings.ToUpper(good),
		"cut": good[:len(good)-1], "longer": good + "a", "space": " " + good, "no parts": "pc_local", "wrong prefix": "px" + good[2:], "huge": "pc_" + strings.Repeat("a", 1<<16),
	}
	for name, text := range refused {
		_, err := v.Verify(t.Context(), text, netip.Addr{}, c.Now())
		if err == nil || fault.Of(err).Kind != fault.Unauthenticated || fault.Of(err).Error() != fault.Of(mustFail(v)).Error() {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.Advance(time.Hour)
	if _, err := v.Verify(t.Context(), short, netip.Addr{}, c.Now()); err == nil {
		t.Error("an expired key works")
	}
	revoked := d.keys[k.ID]
	revoked.RevokedAt = c.Now()
	if _, err := v.Verify(t.Context(), good, netip.Addr{}, c.Now()); err != nil {
		t.Fatal(err)
	}
	d.keys[k.ID] = revoked
	c.Advance(apikey.Remember)
	if _, err := v.Verify(t.Context(), good, netip.Addr{}, c.Now()); err == nil {
		t.Error("a revoked key works after its time in memory")
	}
}

// mustFail is the one answer of all refusals.
func mustFail(v *apikey.Verifier) error {
	_, err := v.Verify(context.Background(), "x", netip.Addr{}, time.Time{})
	return err
}

func FuzzParse(f *testing.F) {
	_, text, err := apikey.Mint("local", "0199aaaa-0000-7000-8000-000000000000", "k", nil, time.Unix(0, 0), time.Hour, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("pc_a_b_c_d")
	f.Fuzz(func(t *testing.T, s string) {
		if p, ok := apikey.Parse(s); ok && (!id.Valid(p.Tenant) || !strings.Contains(s, p.KeyID) || strings.ToLower(s) != s) {
			t.Errorf("%q is taken for a key: %+v", s, p)
		}
	})
}
