package keyring

import (
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Keep is how long an unwrapped key may stay in a process's memory: it bounds how long a destroyed key still works.
const Keep = 5 * time.Minute

const cacheSize = 1024

type slot[O ~string] struct {
	owner   O
	version uint32 // 0: the newest
}

type kept struct {
	keys  *keys
	until time.Time
}

// cache holds unwrapped keys of one process; it is dropped whole when full.
type cache[O ~string] struct {
	now clock.Clock
	mu  sync.RWMutex
	m   map[slot[O]]kept
}

func newCache[O ~string](now clock.Clock) *cache[O] {
	return &cache[O]{now: now, m: map[slot[O]]kept{}}
}

func (c *cache[O]) newest(o O) (*keys, bool) { return c.version(o, 0) }

func (c *cache[O]) version(o O, version uint32) (*keys, bool) {
	c.mu.RLock()
	k, ok := c.m[slot[O]{o, version}]
	c.mu.RUnlock()
	if !ok || !c.now().Before(k.until) {
		return nil, false
	}
	return k.keys, true
}

func (c *cache[O]) putNewest(o O, k *keys) { c.store(o, k, 0, k.version) }
func (c *cache[O]) put(o O, k *keys)       { c.store(o, k, k.version) }

func (c *cache[O]) store(o O, k *keys, versions ...uint32) {
	until := c.now().Add(Keep)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m)+len(versions) > cacheSize {
		clear(c.m)
	}
	for _, v := range versions {
		c.m[slot[O]{o, v}] = kept{k, until}
	}
}
