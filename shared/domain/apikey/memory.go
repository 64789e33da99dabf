package apikey

import (
	"crypto/sha256"
	"crypto/subtle"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
)

const memorySize = 4096

type remembered struct {
	hash      [sha256.Size]byte
	principal access.Principal
	until     time.Time
}

// memory holds verified keys of one process; it is dropped whole when full, which costs one look-up per key.
type memory struct {
	mu   sync.RWMutex
	keys map[string]remembered
}

func newMemory() *memory { return &memory{keys: map[string]remembered{}} }

func (m *memory) get(keyID string, hash [sha256.Size]byte, now time.Time) (access.Principal, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.keys[keyID]
	if !ok || !now.Before(r.until) || subtle.ConstantTimeCompare(r.hash[:], hash[:]) != 1 {
		return access.Principal{}, false
	}
	return r.principal, true
}

func (m *memory) put(keyID string, hash [sha256.Size]byte, p access.Principal, until time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.keys) >= memorySize {
		clear(m.keys)
	}
	m.keys[keyID] = remembered{hash, p, until}
}
