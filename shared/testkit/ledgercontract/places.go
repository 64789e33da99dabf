package ledgercontract

import (
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// PlaceKit is what the suite for a place that holds tenant data exercises. Fill puts so many items of one passport into it,
// in pages that the place would make itself; a place that holds nothing of passports leaves Passports false, and its items
// are of the tenant alone.
type PlaceKit struct {
	Store     retention.Store
	Passports bool
	Found     func(t *testing.T) id.Tenant
	Fill      func(t *testing.T, tenant id.Tenant, p id.Passport, items int)
}

// Place runs the suite for retention.Store; open is called once per test.
func Place(t *testing.T, open func(t *testing.T) PlaceKit) {
	for name, test := range map[string]func(*testing.T, PlaceKit){
		"page by page, until nothing is left": placePages,
		"what is spared stays":                placeSpares,
		"one passport":                        placePassport,
		"evidence":                            placeEvidence,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// empty sweeps until the end and returns what that was.
func empty(t *testing.T, k PlaceKit, o retention.Order, most int) (sum retention.Page, pages int) {
	t.Helper()
	for {
		p, err := k.Store.Sweep(t.Context(), o, sum.Cursor, most)
		must(t, err)
		sum.Deleted, sum.Spared, sum.Writes, sum.Cursor = sum.Deleted+p.Deleted, sum.Spared+p.Spared, sum.Writes+p.Writes, p.Cursor
		if pages++; p.Cursor == "" {
			return sum, pages
		}
		if pages > 100 {
			t.Fatal("the sweep does not end")
		}
	}
}

func left(t *testing.T, k PlaceKit, o retention.Order) int64 {
	t.Helper()
	n, err := k.Store.Verify(t.Context(), o)
	must(t, err)
	return n
}

func placePages(t *testing.T, k PlaceKit) {
	mine, theirs := retention.Order{Tenant: k.Found(t)}, retention.Order{Tenant: k.Found(t)}
	p := id.New[id.Passport](newIDs())
	k.Fill(t, mine.Tenant, p, 7)
	k.Fill(t, theirs.Tenant, id.New[id.Passport](newIDs()), 3)
	planned, err := k.Store.Plan(t.Context(), mine)
	must(t, err)
	if planned < 7 || left(t, k, mine) != planned {
		t.Fatalf("%d planned, %d counted by the other way", planned, left(t, k, mine))
	}
	others := left(t, k, theirs)
	sum, pages := empty(t, k, mine, 2)
	if sum.Deleted != planned || sum.Writes < sum.Deleted || sum.Spared != 0 || pages < 2 {
		t.Errorf("%d of %d deleted with %d writes in %d pages", sum.Deleted, planned, sum.Writes, pages)
	}
	equal(t, left(t, k, mine), int64(0))
	again, _ := empty(t, k, mine, 2)
	equal(t, again.Deleted, int64(0)) // what is gone is no error, and not counted twice
	equal(t, left(t, k, theirs), others)
}

func placeSpares(t *testing.T, k PlaceKit) {
	if !k.Passports {
		t.Skip("this place holds nothing of passports")
	}
	o := retention.Order{Tenant: k.Found(t)}
	ids := newIDs()
	held, free := id.New[id.Passport](ids), id.New[id.Passport](ids)
	k.Fill(t, o.Tenant, held, 3)
	k.Fill(t, o.Tenant, free, 4)
	before := left(t, k, retention.Order{Tenant: o.Tenant, Passport: held})
	o.Spare = func(target lifecycle.Target) bool { return target.Whole || target.Passport == held }
	sum, _ := empty(t, k, o, 2)
	if sum.Spared < before || left(t, k, retention.Order{Tenant: o.Tenant, Passport: free}) != 0 {
		t.Errorf("%+v", sum)
	}
	equal(t, left(t, k, retention.Order{Tenant: o.Tenant, Passport: held}), before)
	if n := left(t, k, o); n < before { // held or not
		t.Errorf("the auditor counts %d of %d", n, before)
	}
}

func placePassport(t *testing.T, k PlaceKit) {
	tenant, ids := k.Found(t), newIDs()
	one, other := id.New[id.Passport](ids), id.New[id.Passport](ids)
	k.Fill(t, tenant, one, 3)
	k.Fill(t, tenant, other, 2)
	all, rest := left(t, k, retention.Order{Tenant: tenant}), left(t, k, retention.Order{Tenant: tenant, Passport: other})
	o := retention.Order{Tenant: tenant, Passport: one}
	sum, _ := empty(t, k, o, 10)
	if !k.Passports {
		equal(t, sum.Deleted, int64(0))
		equal(t, left(t, k, retention.Order{Tenant: tenant}), all)
		return
	}
	equal(t, left(t, k, o), int64(0))
	equal(t, left(t, k, retention.Order{Tenant: tenant, Passport: other}), rest)
	if sum.Deleted < 3 {
		t.Errorf("%d deleted", sum.Deleted)
	}
}

func placeEvidence(t *testing.T, k PlaceKit) {
	o := retention.Order{Tenant: k.Found(t)}
	r, err := k.Store.Evidence(t.Context(), o)
	must(t, err)
	if r.Store != k.Store.Name() || r.Provider == "" || r.Method == "" || r.At.IsZero() {
		t.Errorf("%+v", r)
	}
}
