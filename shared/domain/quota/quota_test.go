package quota_test

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/quota"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// shelf keeps buckets for tests and counts how often it is asked.
type shelf struct {
	buckets map[string]quota.Bucket
	asked   int
	down    bool
}

func (s *shelf) Swap(_ context.Context, t id.Tenant, name string, before *quota.Bucket, after quota.Bucket) (*quota.Bucket, bool, error) {
	s.asked++
	if s.down {
		return nil, false, fault.New(fault.CodeUnavailable, "down")
	}
	now, ok := s.buckets[string(t)+name]
	if ok != (before != nil) || ok && now != *before {
		if !ok {
			return nil, false, nil
		}
		return &now, false, nil
	}
	s.buckets[string(t)+name] = after
	return nil, true, nil
}

// TestNeverMore states the law: however many processes lease, in any span no more requests get through than the burst
// and what has flowed in since, for one caller and for all of an organisation.
func TestNeverMore(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := &shelf{buckets: map[string]quota.Bucket{}}
		const rate = 10
		processes := []*quota.Limiter{quota.NewLimiter(store, rate), quota.NewLimiter(store, rate), quota.NewLimiter(store, rate)}
		start := time.Unix(1_800_000_000, 0)
		now, let := start, map[string]int{}
		total := 0
		for range rapid.IntRange(1, 600).Draw(rt, "requests") {
			now = now.Add(time.Duration(rapid.IntRange(0, 30).Draw(rt, "ms")) * time.Millisecond)
			caller := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f", "g"}).Draw(rt, "caller")
			p := access.Principal{Tenant: "t", Kind: access.Key, ID: caller}
			err := processes[rapid.IntRange(0, 2).Draw(rt, "process")].Take(rt.Context(), p, now)
			if err == nil {
				let[caller]++
				total++
			} else if f := fault.Of(err); f.Kind != fault.RateLimited || f.RetryAfter < time.Second {
				rt.Fatalf("refusal: %v", err)
			}
			passed := now.Sub(start).Seconds()
			if float64(let[caller]) > 2*rate+rate*passed+1e-6 || float64(total) > 10*rate+5*rate*passed+1e-6 {
				rt.Fatalf("%d of one caller and %d of all got through in %g s", let[caller], total, passed)
			}
		}
	})
}

// TestCheap holds that a caller within the limit costs hardly any storage call, and one at rest loses nothing for good.
func TestCheap(t *testing.T) {
	store := &shelf{buckets: map[string]quota.Bucket{}}
	l, now := quota.NewLimiter(store, 200), time.Unix(1_800_000_000, 0)
	p := access.Principal{Tenant: "t", Kind: access.Key, ID: "a"}
	for range 1000 {
		now = now.Add(10 * time.Millisecond) // half the rate
		if err := l.Take(t.Context(), p, now); err != nil {
			t.Fatal(err)
		}
	}
	if store.asked > 24 {
		t.Errorf("%d storage calls for 1000 requests", store.asked)
	}
	store.down = true
	if err := quota.NewLimiter(store, 1).Take(t.Context(), p, now); err != nil {
		t.Errorf("an outage of the store refuses requests: %v", err)
	}
	store.down = false
	for range 1000 {
		_ = l.Take(t.Context(), p, now)
	}
	if err := l.Take(t.Context(), p, now); err == nil {
		t.Error("over the limit")
	}
	if err := l.Take(t.Context(), access.Principal{Tenant: "other", Kind: access.Key, ID: "a"}, now); err != nil {
		t.Errorf("another organisation suffers: %v", err)
	}
	if err := l.Take(t.Context(), p, now.Add(3*time.Second)); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

// TestManyProcesses holds that a caller who uses many functions at once, each a process of its own, is not refused for
// what those processes have leased and not used.
func TestManyProcesses(t *testing.T) {
	store := &shelf{buckets: map[string]quota.Bucket{}}
	at := time.Unix(1_800_000_000, 0)
	for n := range 60 {
		err := quota.NewLimiter(store, 200).Take(t.Context(), access.Principal{Tenant: "t", Kind: access.Key, ID: "a"}, at)
		if err != nil {
			t.Fatalf("process %d: %v", n, err)
		}
	}
}
