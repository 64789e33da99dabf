// Package clearance says whether a table may be used. A table that was restored from a copy holds what has been deleted
// since; until that is deleted from it again it is in quarantine. What ends it is a marker for this very table, by the
// identifier that a table has for its whole life and no other has, signed with the platform's key.
package clearance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

// Marker says that a table may be used: nothing that the deletion journal names up to an entry is in it.
type Marker struct {
	Table    string // name
	TableID  string // of this table and no other, given by DynamoDB
	Sequence int64  // the last entry of the journal that was looked at; 0 for a new table
	At       time.Time
}

// Text is what is signed. Its first line keeps it apart from everything else that the same key signs.
func (m Marker) Text() []byte {
	return fmt.Appendf(nil, "passportcraft.org/restore-cleared\n%s\n%s\n%d\n%s\n", m.Table, m.TableID, m.Sequence, m.At.UTC().Format(time.RFC3339Nano))
}

// Signer signs a message with ECDSA on P-256 over its SHA-256, in ASN.1 DER.
type Signer interface {
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Key verifies markers.
type Key struct{ public *ecdsa.PublicKey }

// ParseKey reads a public key: a DER SubjectPublicKeyInfo of the curve P-256, in base64.
func ParseKey(text string) (*Key, error) {
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the key of markers is not base64")
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return nil, fmt.Errorf("the key of markers cannot be read: %w", err)
	}
	public, ok := parsed.(*ecdsa.PublicKey)
	if !ok || public.Curve != elliptic.P256() {
		return nil, errors.New("the key of markers is not one of the curve P-256")
	}
	return &Key{public}, nil
}

// ErrUnsigned says that a text was not signed with the platform's key.
var ErrUnsigned = errors.New("the signature is not good")

// Verify tells whether another text was signed with the same key. Its first line has to say what it is.
func (k *Key) Verify(text, signature []byte) error {
	sum := sha256.Sum256(text)
	if k == nil || !ecdsa.VerifyASN1(k.public, sum[:], signature) {
		return ErrUnsigned
	}
	return nil
}

// ErrQuarantined says that a table must not be used.
var ErrQuarantined = errors.New("the table is in quarantine")

// Check tells whether a marker clears the table of this name and identifier.
func (k *Key) Check(m Marker, signature []byte, table, tableID string) error {
	sum := sha256.Sum256(m.Text())
	switch {
	case k == nil:
		return fmt.Errorf("%w: there is no key to verify its marker with (MARKER_KEY)", ErrQuarantined)
	case tableID == "" || m.TableID != tableID || m.Table != table:
		return fmt.Errorf("%w: its marker is that of table %q with the identifier %q; this one is %q with %q. It was restored and not cleared", ErrQuarantined, m.Table, m.TableID, table, tableID)
	case !ecdsa.VerifyASN1(k.public, sum[:], signature):
		return fmt.Errorf("%w: the signature of its marker is not good", ErrQuarantined)
	}
	return nil
}
