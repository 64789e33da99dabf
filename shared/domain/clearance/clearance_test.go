package clearance_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/clearance"
)

// TestCheck holds that a marker clears its own table and nothing else.
func TestCheck(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&private.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	key, err := clearance.ParseKey(base64.StdEncoding.EncodeToString(der))
	if err != nil {
		t.Fatal(err)
	}
	good := clearance.Marker{Table: "records", TableID: "1", Sequence: 7, At: time.Date(2027, 2, 18, 9, 0, 0, 5, time.UTC)}
	sum := sha256.Sum256(good.Text())
	signature, err := ecdsa.SignASN1(rand.Reader, private, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	edit := func(f func(m *clearance.Marker)) clearance.Marker {
		m := good
		f(&m)
		return m
	}
	for name, tc := range map[string]struct {
		key       *clearance.Key
		m         clearance.Marker
		signature []byte
		table, id string
		good      bool
	}{
		"good":                        {key, good, signature, "records", "1", true},
		"the copy under another name": {key, good, signature, "records-restored-1", "2", false},
		"the copy under the name":     {key, good, signature, "records", "2", false},
		"a table without identifier":  {key, edit(func(m *clearance.Marker) { m.TableID = "" }), signature, "records", "", false},
		"edited to fit":               {key, edit(func(m *clearance.Marker) { m.TableID = "2" }), signature, "records", "2", false},
		"edited sequence":             {key, edit(func(m *clearance.Marker) { m.Sequence = 8 }), signature, "records", "1", false},
		"edited instant":              {key, edit(func(m *clearance.Marker) { m.At = m.At.Add(1) }), signature, "records", "1", false},
		"no marker":                   {key, clearance.Marker{}, nil, "records", "1", false},
		"no key":                      {nil, good, signature, "records", "1", false},
		"no signature":                {key, good, nil, "records", "1", false},
	} {
		if err := tc.key.Check(tc.m, tc.signature, tc.table, tc.id); (err == nil) != tc.good || err != nil && !errors.Is(err, clearance.ErrQuarantined) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "?", base64.StdEncoding.EncodeToString([]byte("x"))} {
		if _, err := clearance.ParseKey(bad); err == nil {
			t.Errorf("%q is a key", bad)
		}
	}
}
