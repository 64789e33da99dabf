package storecontract

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

func moments(t *testing.T, s Store) {
	a := newAuthor(t, s)
	p := a.create(product(t, "", "M"), passport.Content{})
	start := s.Clock.Now()
	_, err := s.History.MomentAt(t.Context(), a.by.Tenant, p.ID, start)
	code(t, "before publication", err, fault.CodeNotInForce)
	_, err = s.History.MomentAt(t.Context(), a.by.Tenant, id.New[id.Passport](s.IDs), start)
	code(t, "absent passport", err, fault.CodePassportNotFound)
	var at []time.Time
	for _, to := range []passport.Status{passport.Published, passport.Published, passport.Suspended, passport.Published, passport.Archived} {
		p = a.step(p, to)
		at = append(at, p.UpdatedAt)
		s.Clock.Advance(24 * time.Hour)
	}
	want := []passport.Moment{{At: at[0], Status: passport.Published, Version: 1}, {At: at[1], Status: passport.Published, Version: 2},
		{At: at[2], Status: passport.Suspended, Version: 2}, {At: at[3], Status: passport.Published, Version: 3}, {At: at[4], Status: passport.Archived, Version: 3}}
	for i, w := range want {
		for _, d := range []time.Duration{0, time.Nanosecond, 23 * time.Hour} {
			got, err := s.History.MomentAt(t.Context(), a.by.Tenant, p.ID, at[i].Add(d))
			if err != nil {
				t.Fatal(err)
			}
			same(t, fmt.Sprintf("moment %d + %s", i, d), got, w)
		}
	}
	_, err = s.History.MomentAt(t.Context(), a.by.Tenant, p.ID, at[0].Add(-time.Nanosecond))
	code(t, "just before", err, fault.CodeNotInForce)
}

func versionsPage(t *testing.T, s Store) {
	a := newAuthor(t, s)
	p := a.create(product(t, "", "V"), passport.Content{})
	for range 7 {
		p = a.step(p, passport.Published)
	}
	var numbers []int
	cursor := ""
	for {
		got, err := s.History.Versions(t.Context(), a.by.Tenant, p.ID, page.Request{Limit: 3, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range got.Items {
			numbers = append(numbers, v.Number)
			same(t, "hash", v.ContentHash, fmt.Sprintf("sha-256:%d", v.Number))
		}
		if cursor = got.Next; cursor == "" {
			break
		}
	}
	same(t, "numbers", numbers, []int{7, 6, 5, 4, 3, 2, 1})
}

func listPages(t *testing.T, s Store) {
	a := newAuthor(t, s)
	var want []id.Passport
	for i := range 23 {
		p := a.create(product(t, "", fmt.Sprintf("L%02d", i)), passport.Content{})
		if i%3 == 0 {
			p = a.step(p, passport.Published)
		}
		want = append(want, p.ID)
	}
	slices.Reverse(want)
	for _, limit := range []int{1, 4, 22, 23, 50} {
		got, pages := all(t, s, a.by.Tenant, passport.Filter{}, limit)
		same(t, fmt.Sprintf("limit %d", limit), got, want)
		if most := len(want)/limit + 2; pages > most {
			t.Errorf("limit %d took %d pages", limit, pages)
		}
	}
	_, err := s.Passports.List(t.Context(), a.by.Tenant, passport.Filter{}, page.Request{Limit: 5, Cursor: "AAAA"})
	code(t, "made-up cursor", err, fault.CodeCursor)
	first, err := s.Passports.List(t.Context(), a.by.Tenant, passport.Filter{}, page.Request{Limit: 5})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Passports.List(t.Context(), a.by.Tenant, passport.Filter{Status: passport.Draft}, page.Request{Limit: 5, Cursor: first.Next})
	code(t, "cursor of another filter", err, fault.CodeCursor)
	b := newAuthor(t, s)
	_, err = s.Passports.List(t.Context(), b.by.Tenant, passport.Filter{}, page.Request{Limit: 5, Cursor: first.Next})
	code(t, "cursor of another tenant", err, fault.CodeCursor)
}

func all(t *testing.T, s Store, tenant id.Tenant, f passport.Filter, limit int) (ids []id.Passport, pages int) {
	t.Helper()
	cursor := ""
	for {
		got, err := s.Passports.List(t.Context(), tenant, f, page.Request{Limit: limit, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Items) > limit {
			t.Fatalf("page of %d, limit %d", len(got.Items), limit)
		}
		pages++
		for _, it := range got.Items {
			ids = append(ids, it.ID)
		}
		if cursor = got.Next; cursor == "" {
			return ids, pages
		}
	}
}

func listFilters(t *testing.T, s Store) {
	a := newAuthor(t, s)
	draft := a.create(product(t, "", "F1"), passport.Content{})
	published := a.step(a.create(product(t, "", "F2"), passport.Content{}), passport.Published)
	s.Clock.Advance(time.Hour)
	late := a.draft(product(t, "", "F3"), passport.Content{})
	late.ProductGroup = "battery"
	a.commit(passport.Change{After: late, Entry: a.entry(audit.PassportCreated, late.ID)})
	tests := map[string]struct {
		f    passport.Filter
		want []id.Passport
	}{
		"draft":     {passport.Filter{Status: passport.Draft}, []id.Passport{late.ID, draft.ID}},
		"published": {passport.Filter{Status: passport.Published}, []id.Passport{published.ID}},
		"archived":  {passport.Filter{Status: passport.Archived}, nil},
		"group":     {passport.Filter{ProductGroup: "battery"}, []id.Passport{late.ID}},
		"since":     {passport.Filter{UpdatedSince: late.UpdatedAt}, []id.Passport{late.ID}},
		"both":      {passport.Filter{Status: passport.Draft, ProductGroup: "general"}, []id.Passport{draft.ID}},
		"product":   {passport.Filter{Product: published.Product}, []id.Passport{published.ID}},
		"product 2": {passport.Filter{Product: published.Product, Status: passport.Draft}, nil},
		"no such":   {passport.Filter{Product: product(t, "", "F9")}, nil},
	}
	for name, tc := range tests {
		got, _ := all(t, s, a.by.Tenant, tc.f, 2)
		same(t, name, got, tc.want)
	}
	got, err := s.Passports.List(t.Context(), a.by.Tenant, passport.Filter{Status: passport.Published}, page.Request{Limit: 5})
	if err != nil || len(got.Items) != 1 {
		t.Fatalf("%v %v", got, err)
	}
	same(t, "summary", got.Items[0], published.Summary())
}
