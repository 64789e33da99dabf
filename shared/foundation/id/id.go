// Package id makes and reads identifiers: UUIDv7 (RFC 9562, section 5.7) from an injected clock and random reader,
// and the typed names under which the domain passes them around.
package id

import (
	"encoding/hex"
	"fmt"
	"io"
	"sync"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Typed identifiers. Each holds the 36-character lower-case text form of a UUID.
type (
	Tenant     string // an organisation that keeps passports here
	Passport   string // one passport record (not the product identifier that the data carrier holds)
	Person     string // a human being, whatever identities they sign in with
	Invitation string // one invitation to join a tenant
	Notice     string // one notice to the people of a tenant
	Export     string // one export of a tenant's data
	Import     string // one import into a tenant
	Recipe     string // one recipe for imports of a tenant
	Custody    string // one passport in custody; says nothing about whose it was
	Document   string // one document of a passport
	Entry      string // one audit entry
	Request    string // one API request
)

// Source makes identifiers; safe for concurrent use. Identifiers of one source sort by creation, also within one
// millisecond: the 12 bits of rand_a are a counter then (RFC 9562, section 6.2, method 1).
type Source struct {
	now    clock.Clock
	random io.Reader

	mu      sync.Mutex
	lastMs  int64
	counter uint16
}

// NewSource makes a source; random is crypto/rand.Reader except in tests.
func NewSource(now clock.Clock, random io.Reader) *Source {
	return &Source{now: now, random: random}
}

// New makes an identifier of type T.
//
// It panics when the random reader fails: a process without randomness cannot do anything safely, and crypto/rand
// never fails.
func New[T ~string](s *Source) T {
	var u [16]byte
	if _, err := io.ReadFull(s.random, u[6:]); err != nil {
		panic(fmt.Errorf("id: random reader failed: %w", err))
	}
	ms, seq := s.tick(uint16(u[6])<<8 | uint16(u[7]))
	for i := range 6 {
		u[i] = byte(ms >> (8 * (5 - i)))
	}
	u[6] = 0x70 | byte(seq>>8)
	u[7] = byte(seq)
	u[8] = 0x80 | u[8]&0x3f
	return T(text(u))
}

// tick returns the millisecond and the counter of the next identifier. A new millisecond starts the counter at random
// in its lower half; an overflow borrows the next millisecond.
func (s *Source) tick(random uint16) (int64, uint16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ms := s.now().UnixMilli()
	switch {
	case ms > s.lastMs:
		s.lastMs, s.counter = ms, random&0x07ff
	case s.counter == 0x0fff:
		s.lastMs, s.counter = s.lastMs+1, random&0x07ff
	default:
		s.counter++
	}
	return s.lastMs, s.counter
}

func text(u [16]byte) string {
	var b [36]byte
	hex.Encode(b[0:8], u[0:4])
	hex.Encode(b[9:13], u[4:6])
	hex.Encode(b[14:18], u[6:8])
	hex.Encode(b[19:23], u[8:10])
	hex.Encode(b[24:36], u[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// Bytes are the 16 bytes of an identifier; ok is false when the text is not the canonical form of a UUID.
func Bytes[T ~string](v T) (u [16]byte, ok bool) {
	s := string(v)
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return u, false
	}
	packed := make([]byte, 0, 32)
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '-' && (i == 8 || i == 13 || i == 18 || i == 23):
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f':
			packed = append(packed, c)
		default:
			return u, false
		}
	}
	_, err := hex.Decode(u[:], packed)
	return u, err == nil
}

// FromBytes is the inverse of Bytes.
func FromBytes[T ~string](u [16]byte) T { return T(text(u)) }

// Valid tells whether a text is the canonical form of a UUID; only such texts may become part of a storage key.
func Valid[T ~string](v T) bool { _, ok := Bytes(v); return ok }
