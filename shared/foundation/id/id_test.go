package id_test

import (
	"crypto/rand"
	"regexp"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

func TestNew(t *testing.T) {
	c := clock.NewMovable(clock.Fixed(time.UnixMilli(0x0199_aabb_ccdd)))
	s := id.NewSource(c.Now, rand.Reader)
	form := regexp.MustCompile(`^0199aabb-cc[0-9a-f]{2}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	last := id.Passport("")
	for i := range 10_000 { // more than one millisecond's counter holds
		p := id.New[id.Passport](s)
		if !form.MatchString(string(p)) || !id.Valid(p) {
			t.Fatalf("%d: %s is not a UUIDv7 of this instant", i, p)
		}
		if p <= last {
			t.Fatalf("%d: %s does not follow %s", i, p, last)
		}
		last = p
	}
	c.Advance(time.Hour)
	if p := id.New[id.Passport](s); p <= last {
		t.Errorf("%s does not follow %s", p, last)
	}
}

func TestValid(t *testing.T) {
	good := id.Tenant("0199aabb-ccdd-7000-8000-0123456789ab")
	if b, ok := id.Bytes(good); !ok || id.FromBytes[id.Tenant](b) != good {
		t.Error("bytes do not round trip")
	}
	for _, s := range []id.Tenant{"", "x", "0199AABB-ccdd-7000-8000-0123456789ab", "0199aabbccdd700080000123456789ab", good + "#", "0199aabb-ccdd-7000-8000-0123456789a#", "0199aabb-ccdd-7000-80000-123456789ab"} {
		if id.Valid(s) {
			t.Errorf("%q is taken for an identifier", s)
		}
	}
}
