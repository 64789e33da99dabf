// Package page holds what every list has in common: how many items a caller wants and where to go on, as a sealed
// cursor that a caller can neither read nor alter nor carry to another list.
package page

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/binary"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Limits of a page.
const (
	DefaultLimit = 50
	MaxLimit     = 100
	cursorLife   = 24 * time.Hour
)

// Request asks for one page: Limit items at most (1 to MaxLimit), starting after Cursor (empty: at the beginning).
type Request struct {
	Limit  int
	Cursor string
}

// Of is one page. Next is empty on the last page; a page may be shorter than the limit and still have a next one.
type Of[T any] struct {
	Items []T
	Next  string
}

// Sealer makes and opens cursors with AES-256-GCM. Scope binds a cursor to one list: tenant, list name and filters;
// a cursor of another scope does not open.
type Sealer struct {
	aead cipher.AEAD
	now  clock.Clock
}

// NewSealer makes a sealer from a key of 32 bytes.
func NewSealer(key []byte, now clock.Clock) (Sealer, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return Sealer{}, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	return Sealer{aead: aead, now: now}, err
}

// Seal makes a cursor that holds position; it opens for a day.
func (s Sealer) Seal(scope string, position []byte) string {
	plain := binary.BigEndian.AppendUint64(nil, uint64(s.now().Add(cursorLife).Unix()))
	plain = append(plain, position...)
	return base64.RawURLEncoding.EncodeToString(s.aead.Seal(nil, nil, plain, []byte(scope)))
}

// Open returns the position a cursor holds, or a cursor-invalid fault when it was altered, has expired or was made for
// another scope.
func (s Sealer) Open(scope, cursor string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil {
		return nil, invalid(err)
	}
	plain, err := s.aead.Open(nil, nil, sealed, []byte(scope))
	if err != nil || len(plain) < 8 {
		return nil, invalid(err)
	}
	if s.now().After(time.Unix(int64(binary.BigEndian.Uint64(plain)), 0)) {
		return nil, invalid(nil)
	}
	return plain[8:], nil
}

func invalid(cause error) error {
	e := fault.New(fault.CodeCursor, "The cursor is not valid for this list. Start the list again without a cursor.")
	e.Cause = cause
	return e.With(fault.Field{Pointer: "?cursor", Code: fault.CodeCursor, Detail: "not a cursor of this list, or expired"})
}
