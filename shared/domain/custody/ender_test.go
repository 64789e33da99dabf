package custody_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// shelf is copies by their product, with their ends.
type shelf struct {
	custody.Store
	until map[identifier.Product]time.Time
	ended []identifier.Product
	bad   identifier.Product // cannot be ended
	worse error              // what cannot even be listed
}

func (s *shelf) Over(_ context.Context, through time.Time, most int) ([]identifier.Product, error) {
	var all []identifier.Product
	for p, until := range s.until {
		if !until.After(through) && len(all) < most {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b identifier.Product) int { return strings.Compare(a.Path(), b.Path()) })
	return all, s.worse
}

func (s *shelf) End(_ context.Context, p identifier.Product, now time.Time) error {
	if p == s.bad {
		return errors.New("it cannot be read")
	}
	if now.Before(s.until[p]) {
		return errors.New("it is not over")
	}
	s.ended = append(s.ended, p)
	return nil
}

// TestEnder holds that custody ends by the earlier reading of two clocks, that nothing ends while they disagree, and that one
// copy that cannot be ended keeps no other.
func TestEnder(t *testing.T) {
	over := time.Date(2058, 1, 1, 0, 0, 0, 0, time.UTC)
	var products []identifier.Product
	s := &shelf{until: map[identifier.Product]time.Time{}}
	for n := range 4 {
		p, err := identifier.Parse(fmt.Sprintf("https://id.gs1.org/01/09506000134352/21/X%d", n))
		if err != nil {
			t.Fatal(err)
		}
		products = append(products, p)
		s.until[p] = over
	}
	s.until[products[3]] = over.Add(time.Second)
	at, unsure := lifecycle.Instants{NotBefore: over.Add(-1), NotAfter: over.Add(time.Hour)}, error(nil)
	e := &custody.Ender{Store: s, Time: func(context.Context, time.Time) (lifecycle.Instants, error) { return at, unsure }}
	run := func(want error, products ...identifier.Product) {
		t.Helper()
		s.ended = nil
		err := e.Run(t.Context(), over.AddDate(2, 0, 0))
		if !errors.Is(err, want) || want == nil && err != nil || !slices.Equal(s.ended, products) {
			t.Errorf("%v; ended %v, want %v", err, s.ended, products)
		}
	}
	run(nil)
	at.NotBefore = over
	run(nil, products[:3]...)
	unsure = lifecycle.ErrClock
	run(lifecycle.ErrClock)
	unsure, s.worse = nil, errors.New("a row of the index cannot be read")
	run(s.worse, products[:3]...)
	s.worse, s.bad = nil, products[0]
	s.ended = nil
	if err := e.Run(t.Context(), over); err == nil || !slices.Equal(s.ended, products[1:3]) {
		t.Errorf("%v; ended %v", err, s.ended)
	}
}
