package httpapi

import (
	"context"
	"sync"
)

// Tally counts what a request costs in storage: calls by operation and consumed capacity units.
type Tally struct {
	mu    sync.Mutex
	calls map[string]int
	units float64
}

type tallyKey struct{}

// WithTally returns a context whose storage calls are counted.
func WithTally(ctx context.Context) (context.Context, *Tally) {
	t := &Tally{}
	return context.WithValue(ctx, tallyKey{}, t), t
}

// Count adds one call ("dynamodb.GetItem") and its capacity units to the tally of the context, if it has one. Adapters
// receive it as a function and do not know this package.
func Count(ctx context.Context, operation string, units float64) {
	t, ok := ctx.Value(tallyKey{}).(*Tally)
	if !ok {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = map[string]int{}
	}
	t.calls[operation]++
	t.units += units
}

// Calls is a copy of the counts by operation.
func (t *Tally) Calls() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]int, len(t.calls))
	for k, v := range t.calls {
		out[k] = v
	}
	return out
}

// Total is the number of storage calls.
func (t *Tally) Total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, v := range t.calls {
		n += v
	}
	return n
}

// Units is the consumed capacity.
func (t *Tally) Units() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.units
}
