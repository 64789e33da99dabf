package httpapi

import (
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const quotaKeys = 4096

// Quota limits how fast one key may call, by a token bucket per key in this process. It is the first line behind the
// gateway's throttling and protects one environment from one runaway client.
type Quota struct {
	rate  float64 // tokens a second
	burst float64

	mu      sync.Mutex
	buckets map[string]bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// NewQuota makes a quota of rate requests a second with bursts of up to burst.
func NewQuota(rate, burst int) *Quota {
	return &Quota{rate: float64(rate), burst: float64(burst), buckets: map[string]bucket{}}
}

// Take takes one token for key, or returns a rate-limited fault that says when the next one is there.
func (q *Quota) Take(key string, now time.Time) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	b, ok := q.buckets[key]
	if !ok {
		if len(q.buckets) >= quotaKeys {
			clear(q.buckets)
		}
		b = bucket{tokens: q.burst, at: now}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(q.burst, b.tokens+passed.Seconds()*q.rate)
		b.at = now
	}
	if b.tokens < 1 {
		q.buckets[key] = b
		wait := time.Duration((1 - b.tokens) / q.rate * float64(time.Second))
		return fault.New(fault.CodeRateLimited, "This key calls too fast: %g requests a second are allowed.", q.rate).After(max(wait, time.Second))
	}
	b.tokens--
	q.buckets[key] = b
	return nil
}
