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
	key       Key
	principal access.Principal
	until     time.Time
}

type place struct{ key, network string }

// memory holds verified keys of one process and the hour of their last recorded use. It is dropped whole when full,
// which costs one look-up per key.
type memory struct {
	mu   sync.RWMutex
	keys map[string]remembered
	uses map[place]time.Time
}

func (m *memory) get(keyID string, hash [sha256.Size]byte, now time.Time) (remembered, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	r, ok := m.keys[keyID]
	if !ok || !now.Before(r.until) || subtle.ConstantTimeCompare(r.hash[:], hash[:]) != 1 {
		return remembered{}, false
	}
	return r, true
}

func (m *memory) put(r remembered) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.keys == nil || len(m.keys) >= memorySize {
		m.keys = map[string]remembered{}
	}
	m.keys[r.key.ID] = r
}

// first tells whether this is the first use in this hour, and counts it.
func (m *memory) first(keyID, network string, hour time.Time) bool {
	at := place{keyID, network}
	m.mu.RLock()
	last, ok := m.uses[at]
	m.mu.RUnlock()
	if ok && !last.Before(hour) {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.uses == nil || len(m.uses) >= memorySize {
		m.uses = map[place]time.Time{}
	}
	m.uses[at] = hour
	return true
}

func (m *memory) forget(keyID, network string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.uses, place{keyID, network})
}
