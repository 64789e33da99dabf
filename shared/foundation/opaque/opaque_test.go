package opaque_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/foundation/opaque"
)

// TestOneText states the law: bytes have one text, and only that is read back.
func TestOneText(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 60).Draw(rt, "bytes")
		s := opaque.Text(b)
		if got, ok := opaque.Bytes(s, len(b)); !ok || !bytes.Equal(got, b) {
			rt.Fatalf("%x is %q and read back as %x", b, s, got)
		}
		upper := strings.ToUpper(s)
		for _, other := range []string{s + "a", s + "=", s[1:], " " + s, upper} {
			if got, ok := opaque.Bytes(other, len(b)); ok && other != s {
				rt.Fatalf("%q is read as %x", other, got)
			}
		}
		if _, ok := opaque.Bytes(s, len(b)+1); ok {
			rt.Fatal("another size is accepted")
		}
	})
}

func FuzzBytes(f *testing.F) {
	f.Add("mfrgg", 3)
	f.Fuzz(func(t *testing.T, s string, size int) {
		if b, ok := opaque.Bytes(s, size); ok && opaque.Text(b) != s {
			t.Errorf("%q is read as %x, whose text is %q", s, b, opaque.Text(b))
		}
	})
}
