package keyring

import (
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Keep is how long an unwrapped key may stay in a process's memory: it bounds how long a destroyed key still works.
const Keep = 5 * time.Minute

const cacheSize = 1024

type slot struct {
	tenant  id.Tenant
	version uint32 // 0: the newest
}

type kept struct {
	keys  *keys
	until time.Time
}

// cache holds unwrapped keys of one process; it is dropped whole when full.
type cache struct {
	now clock.Clock
	mu  sync.RWMutex
	m   map[slot]kept
}

func newCache(now clock.Clock) *cache { return &cache{now: now, m: map[slot]kept{}} }

func (c *cache) newest(t id.Tenant) (*keys, bool) { return c.version(t, 0) }

func (c *cache) version(t id.Tenant, version uint32) (*keys, bool) {
	c.mu.RLock()
	k, ok := c.m[slot{t, version}]
	c.mu.RUnlock()
	if !ok || !c.now().Before(k.until) {
		return nil, false
	}
	return k.keys, true
}

func (c *cache) putNewest(t id.Tenant, k *keys) { c.store(t, k, 0, k.version) }
func (c *cache) put(t id.Tenant, k *keys)       { c.store(t, k, k.version) }

func (c *cache) store(t id.Tenant, k *keys, versions ...uint32) {
	until := c.now().Add(Keep)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.m)+len(versions) > cacheSize {
		clear(c.m)
	}
	for _, v := range versions {
		c.m[slot{t, v}] = kept{k, until}
	}
}
