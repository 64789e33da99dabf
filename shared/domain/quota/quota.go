// Package quota keeps one organisation, and one key or person of it, from taking the platform for themselves: a token
// bucket for each, shared by all processes, from which a process leases tokens in bulk, so that a request usually costs
// no storage call.
package quota

import (
	"context"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Bucket is the state of a token bucket at an instant.
type Bucket struct {
	Tokens float64
	At     time.Time
}

// Rate is how fast a bucket fills, in tokens a second, and how many it holds.
type Rate struct{ PerSecond, Burst float64 }

// Take takes up to want tokens from a bucket at an instant. It returns the bucket after that and how many were there;
// with none, wait is how long it takes until there is one. A clock that runs backwards fills nothing.
func (r Rate) Take(b Bucket, at time.Time, want float64) (after Bucket, granted float64, wait time.Duration) {
	tokens := b.Tokens
	if passed := at.Sub(b.At); passed > 0 {
		tokens = min(r.Burst, tokens+passed.Seconds()*r.PerSecond)
	} else {
		at = b.At
	}
	granted = float64(int64(min(want, tokens)))
	if granted < 1 {
		return Bucket{tokens, at}, 0, time.Duration((1 - tokens) / r.PerSecond * float64(time.Second))
	}
	return Bucket{tokens - granted, at}, granted, 0
}

// Store keeps buckets. Swap stores the bucket after a change if the stored one is still before (nil: there is none), and
// returns what is stored otherwise.
type Store interface {
	Swap(ctx context.Context, t id.Tenant, name string, before *Bucket, after Bucket) (stored *Bucket, ok bool, err error)
}

// Leases last so long: what a process has not used by then is lost, which errs on the side of the limit.
const leaseFor = 10 * time.Second

const (
	tries      = 4
	leasesKept = 8192
)

// Limiter limits requests; safe for concurrent use. When the store does not answer it lets requests through: they will
// fail there by themselves.
type Limiter struct {
	store  Store
	caller Rate // of one key or person
	tenant Rate // of all of one organisation

	mu     sync.Mutex
	leases map[place]*lease
}

type place struct {
	tenant id.Tenant
	name   string
}

type lease struct {
	tokens float64
	until  time.Time
	size   float64   // of the last lease asked for
	since  time.Time // when it was asked for
	seen   *Bucket   // as last known to be stored
}

// grow is the size of the next lease. Every function is a process of its own and has many more, and what one of them
// leases the others do not have: a lease is a fortieth of a second's worth at first and doubles while it is used up soon,
// up to half a second's worth.
func (s *lease) grow(r Rate, at time.Time) float64 {
	least := max(1, r.PerSecond/40)
	if s.size == 0 || at.Sub(s.since) > 2*time.Second {
		s.size = least
	} else {
		s.size = min(2*s.size, max(1, r.PerSecond/2))
	}
	s.since = at
	return s.size
}

// NewLimiter makes a limiter: perSecond requests of one caller with bursts of twice that, and five times as much of all
// callers of an organisation together.
func NewLimiter(store Store, perSecond int) *Limiter {
	r := float64(perSecond)
	return &Limiter{store: store, caller: Rate{r, 2 * r}, tenant: Rate{5 * r, 10 * r}, leases: map[place]*lease{}}
}

// Take counts one request, or returns a rate-limited fault that says when to come again.
func (l *Limiter) Take(ctx context.Context, p access.Principal, at time.Time) error {
	if p.Tenant == "" {
		return nil // routes of persons alone are limited at the gateway
	}
	if err := l.take(ctx, place{p.Tenant, p.Actor()}, l.caller, at, "This key or person calls too fast: %g requests a second are allowed."); err != nil {
		return err
	}
	return l.take(ctx, place{p.Tenant, "tenant"}, l.tenant, at, "Your organisation calls too fast: %g requests a second are allowed.")
}

func (l *Limiter) take(ctx context.Context, where place, r Rate, at time.Time, sentence string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.leases[where]
	if s == nil {
		if len(l.leases) >= leasesKept {
			clear(l.leases)
		}
		s = &lease{}
		l.leases[where] = s
	}
	if s.tokens >= 1 && at.Before(s.until) {
		s.tokens--
		return nil
	}
	wait, err := l.renew(ctx, where, s, r, at)
	if err != nil {
		return nil
	}
	if s.tokens < 1 {
		return fault.New(fault.CodeRateLimited, sentence, r.PerSecond).After(max(wait, time.Second))
	}
	s.tokens--
	return nil
}

// renew leases tokens, at least one.
func (l *Limiter) renew(ctx context.Context, where place, s *lease, r Rate, at time.Time) (time.Duration, error) {
	want := s.grow(r, at)
	s.tokens = 0
	for range tries {
		before := Bucket{r.Burst, at}
		if s.seen != nil {
			before = *s.seen
		}
		after, granted, wait := r.Take(before, at, want)
		if granted < 1 && s.seen == nil {
			return wait, nil
		}
		stored, ok, err := l.store.Swap(ctx, where.tenant, where.name, s.seen, after)
		if err != nil {
			s.seen = nil
			return 0, err
		}
		if ok {
			s.seen, s.tokens, s.until = &after, granted, at.Add(leaseFor)
			return wait, nil
		}
		s.seen = stored
	}
	return time.Second, nil // others were faster every time: the bucket is in demand
}
