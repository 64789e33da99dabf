package retention

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Elapsing is a store of which nothing can be deleted and nothing has to be: it holds no content, and what it holds runs
// out by itself within a time that its configuration says.
type Elapsing struct {
	Store    string
	Provider string
	Method   string // in a sentence, with the time
	Now      clock.Clock
}

// Name implements Store.
func (e Elapsing) Name() string { return e.Store }

// Phase implements Store.
func (e Elapsing) Phase() Phase { return Derived }

// Plan implements Store.
func (e Elapsing) Plan(context.Context, Order) (int64, error) { return 0, nil }

// Sweep implements Store.
func (e Elapsing) Sweep(context.Context, Order, string, int) (Page, error) { return Page{}, nil }

// Verify implements Store.
func (e Elapsing) Verify(context.Context, Order) (int64, error) { return 0, nil }

// Evidence implements Store.
func (e Elapsing) Evidence(context.Context, Order) (Receipt, error) {
	return Receipt{Store: e.Store, Provider: e.Provider, Method: e.Method, At: e.Now()}, nil
}
