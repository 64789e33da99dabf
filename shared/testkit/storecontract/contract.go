// Package storecontract is the contract that every engine behind the passport store must honour: what a caller of the
// ports may assume, as one suite that takes a constructor. It runs on the local engine always, and on a second engine
// when one is given, so that neither can drift unnoticed.
package storecontract

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/idempotency"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Store is what the suite exercises: all ports of one engine, a clock and identifiers. NewTenant makes a tenant with
// its key.
type Store struct {
	Passports passport.Store
	History   passport.History
	Public    passport.PublicStore
	Attempts  idempotency.Store
	AuditDay  func(ctx context.Context, t id.Tenant, day time.Time) ([]audit.Entry, error)
	NewTenant func(t *testing.T) id.Tenant
	Clock     *clock.Movable
	IDs       *id.Source
}

// Run runs the suite; open is called once per test.
func Run(t *testing.T, open func(t *testing.T) Store) {
	tests := map[string]func(*testing.T, Store){
		"create and read":                  createAndRead,
		"identifier is unique in a tenant": identifierUnique,
		"stale revision changes nothing":   staleRevision,
		"identifier moves with a draft":    identifierMoves,
		"publication":                      publication,
		"identifier is unique in public":   publicUnique,
		"in force":                         inForce,
		"moments":                          moments,
		"versions page":                    versionsPage,
		"list pages":                       listPages,
		"list filters":                     listFilters,
		"tenants are apart":                tenantsApart,
		"one winner":                       oneWinner,
		"large content":                    largeContent,
		"attempts":                         attempts,
		"audit":                            auditEntries,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// author makes changes for one tenant.
type author struct {
	t  *testing.T
	s  Store
	by access.Caller
}

func newAuthor(t *testing.T, s Store) author {
	return author{t, s, access.Caller{Tenant: s.NewTenant(t), Actor: "key:test", Request: id.New[id.Request](s.IDs)}}
}

func product(t *testing.T, lot, serial string) identifier.Product {
	t.Helper()
	p, err := identifier.New("09506000134352", lot, serial)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (a author) draft(p identifier.Product, content passport.Content) passport.Passport {
	now := a.s.Clock.Advance(time.Millisecond)
	return passport.Passport{
		ID: id.New[id.Passport](a.s.IDs), Tenant: a.by.Tenant, Status: passport.Draft, Revision: 1, ProductGroup: "general",
		Granularity: p.Granularity(), Product: p, Content: content, CreatedAt: now, UpdatedAt: now,
	}
}

func (a author) entry(event audit.Event, p id.Passport) audit.Entry {
	by := a.by
	by.At = a.s.Clock.Now()
	return audit.New(a.s.IDs, by, event, "passport:"+string(p), "", "sha-256:00")
}

func (a author) create(p identifier.Product, content passport.Content) passport.Passport {
	a.t.Helper()
	d := a.draft(p, content)
	a.commit(passport.Change{After: d, Entry: a.entry(audit.PassportCreated, d.ID)})
	return d
}

func (a author) commit(c passport.Change) {
	a.t.Helper()
	if err := a.s.Passports.Commit(a.t.Context(), c); err != nil {
		a.t.Fatalf("commit: %v", err)
	}
}

// next is the change that brings a passport into a status.
func (a author) next(before passport.Passport, to passport.Status) passport.Change {
	now := a.s.Clock.Advance(time.Second)
	after := before
	after.Revision++
	after.Status, after.UpdatedAt = to, now
	view := passport.PublicView{Product: after.Product, Passport: after.ID, Tenant: after.Tenant, Status: to, ProductGroup: after.ProductGroup, At: now}
	c := passport.Change{Before: &before, Entry: a.entry(audit.PassportPublished, before.ID)}
	if to == passport.Published {
		after.Version++
		after.PublishedAt, after.ContentHash = now, fmt.Sprintf("sha-256:%d", after.Version)
		c.Version = &passport.Version{
			Passport: after.ID, Tenant: after.Tenant, Number: after.Version, ProductGroup: after.ProductGroup, SchemaVersion: "1.0.0",
			Granularity: after.Granularity, Product: after.Product, Content: after.Content, ContentHash: after.ContentHash,
			PublishedAt: now, PublishedBy: "key:test", Links: passport.Links{Model: after.Product.Model()},
		}
		view.Document = []byte(fmt.Sprintf(`{"version":%d}`, after.Version))
	} else {
		after.Reason, view.Reason = "a reason", "a reason"
	}
	view.Version = after.Version
	c.After, c.Public = after, &view
	c.Moment = &passport.Moment{At: now, Status: to, Version: after.Version, Reason: view.Reason}
	return c
}

func (a author) step(before passport.Passport, to passport.Status) passport.Passport {
	a.t.Helper()
	c := a.next(before, to)
	a.commit(c)
	return c.After
}

func (a author) get(p id.Passport) passport.Passport {
	a.t.Helper()
	got, err := a.s.Passports.Passport(a.t.Context(), a.by.Tenant, p)
	if err != nil {
		a.t.Fatalf("read: %v", err)
	}
	return got
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(identifier.Product{})); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func code(t *testing.T, what string, err error, want fault.Code) {
	t.Helper()
	if err == nil || fault.Of(err).Code != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

func createAndRead(t *testing.T, s Store) {
	a := newAuthor(t, s)
	d := a.create(product(t, "", "A/B"), passport.Content{"name": map[string]any{"en": "Chair"}, "list": []any{"x"}})
	same(t, "passport", a.get(d.ID), d)
	found, err := s.Passports.Find(t.Context(), a.by.Tenant, d.Product)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "found", found, d)
	_, err = s.Passports.Passport(t.Context(), a.by.Tenant, id.New[id.Passport](s.IDs))
	code(t, "absent passport", err, fault.CodePassportNotFound)
	_, err = s.Passports.Find(t.Context(), a.by.Tenant, product(t, "", "absent"))
	code(t, "absent product", err, fault.CodePassportNotFound)
}

func identifierUnique(t *testing.T, s Store) {
	a := newAuthor(t, s)
	d := a.create(product(t, "", "S1"), passport.Content{})
	twin := a.draft(d.Product, passport.Content{})
	err := s.Passports.Commit(t.Context(), passport.Change{After: twin, Entry: a.entry(audit.PassportCreated, twin.ID)})
	code(t, "same product", err, fault.CodeIdentifierTaken)
	_, err = s.Passports.Passport(t.Context(), a.by.Tenant, twin.ID)
	code(t, "nothing of the refused passport", err, fault.CodePassportNotFound)
}

func staleRevision(t *testing.T, s Store) {
	a := newAuthor(t, s)
	first := a.create(product(t, "", "S1"), passport.Content{"n": "1"})
	c := a.next(first, passport.Published)
	a.commit(c)
	err := s.Passports.Commit(t.Context(), a.next(first, passport.Published))
	code(t, "second change of revision 1", err, fault.CodeRevisionStale)
	same(t, "passport", a.get(first.ID), c.After)
	got, err := s.History.Versions(t.Context(), a.by.Tenant, first.ID, page.Request{Limit: 10})
	if err != nil || len(got.Items) != 1 {
		t.Errorf("versions after a refused change: %v %v", got.Items, err)
	}
	entries, err := s.AuditDay(t.Context(), a.by.Tenant, s.Clock.Now())
	if err != nil || len(entries) != 2 {
		t.Errorf("%d audit entries, %v; want 2", len(entries), err)
	}
}

func identifierMoves(t *testing.T, s Store) {
	a := newAuthor(t, s)
	d := a.create(product(t, "", "old"), passport.Content{})
	moved := d
	moved.Product, moved.Revision = product(t, "", "new"), 2
	a.commit(passport.Change{Before: &d, After: moved, Entry: a.entry(audit.PassportUpdated, d.ID)})
	if _, err := s.Passports.Find(t.Context(), a.by.Tenant, moved.Product); err != nil {
		t.Errorf("new identifier: %v", err)
	}
	a.create(d.Product, passport.Content{}) // the old one is free again
	again := moved
	again.Product, again.Revision = d.Product, 3
	err := s.Passports.Commit(t.Context(), passport.Change{Before: &moved, After: again, Entry: a.entry(audit.PassportUpdated, d.ID)})
	code(t, "move to a taken identifier", err, fault.CodeIdentifierTaken)
}

func publication(t *testing.T, s Store) {
	a := newAuthor(t, s)
	d := a.create(product(t, "", "P/1"), passport.Content{"n": "1"})
	_, err := s.Public.View(t.Context(), d.Product)
	code(t, "draft in public", err, fault.CodePassportNotFound)
	_, err = s.Public.Carrier(t.Context(), d.ID)
	code(t, "carrier of a draft", err, fault.CodePassportNotFound)
	c := a.next(d, passport.Published)
	a.commit(c)
	v, err := s.Public.View(t.Context(), d.Product)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "public view", v, *c.Public)
	carried, err := s.Public.Carrier(t.Context(), d.ID)
	if err != nil || carried != d.Product {
		t.Errorf("carrier: %v %v", carried, err)
	}
	got, err := s.History.Version(t.Context(), a.by.Tenant, d.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "version", got, *c.Version)
	_, err = s.History.Version(t.Context(), a.by.Tenant, d.ID, 2)
	code(t, "version 2", err, fault.CodeVersionNotFound)
	end := a.next(c.After, passport.Archived)
	a.commit(end)
	v, err = s.Public.View(t.Context(), d.Product)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "archived view", v, *end.Public)
}

func publicUnique(t *testing.T, s Store) {
	a, b := newAuthor(t, s), newAuthor(t, s)
	p := product(t, "", "both")
	mine, theirs := a.create(p, passport.Content{}), b.create(p, passport.Content{})
	a.step(mine, passport.Published)
	err := s.Passports.Commit(t.Context(), b.next(theirs, passport.Published))
	code(t, "publication of a taken identifier", err, fault.CodeIdentifierTaken)
	same(t, "their draft", b.get(theirs.ID), theirs)
	if v, err := s.Public.View(t.Context(), p); err != nil || v.Tenant != a.by.Tenant {
		t.Errorf("public view: %v %v", v.Tenant, err)
	}
}

func inForce(t *testing.T, s Store) {
	a := newAuthor(t, s)
	model := a.create(product(t, "", ""), passport.Content{"n": "model"})
	batch := a.create(product(t, "L1", ""), passport.Content{"n": "batch"})
	ask := []identifier.Product{model.Product, batch.Product, product(t, "L2", "")}
	check := func(want ...identifier.Product) {
		t.Helper()
		got, err := s.Passports.InForce(t.Context(), a.by.Tenant, ask)
		if err != nil {
			t.Fatal(err)
		}
		var products []identifier.Product
		for _, v := range got {
			products = append(products, v.Product)
		}
		same(t, "in force", products, want)
	}
	check()
	model = a.step(model, passport.Published)
	check(model.Product)
	batch = a.step(batch, passport.Published)
	check(model.Product, batch.Product)
	model = a.step(model, passport.Suspended)
	check(batch.Product)
	a.step(model, passport.Published)
	check(model.Product, batch.Product)
	a.step(batch, passport.Archived)
	check(model.Product)
}

func tenantsApart(t *testing.T, s Store) {
	a, b := newAuthor(t, s), newAuthor(t, s)
	d := a.step(a.create(product(t, "", "apart"), passport.Content{}), passport.Published)
	ctx := t.Context()
	_, err := s.Passports.Passport(ctx, b.by.Tenant, d.ID)
	code(t, "read", err, fault.CodePassportNotFound)
	_, err = s.Passports.Find(ctx, b.by.Tenant, d.Product)
	code(t, "find", err, fault.CodePassportNotFound)
	_, err = s.History.Version(ctx, b.by.Tenant, d.ID, 1)
	code(t, "version", err, fault.CodeVersionNotFound)
	if got, err := s.Passports.InForce(ctx, b.by.Tenant, []identifier.Product{d.Product}); err != nil || len(got) > 0 {
		t.Errorf("in force: %v %v", got, err)
	}
	if got, _ := all(t, s, b.by.Tenant, passport.Filter{}, 10); len(got) > 0 {
		t.Errorf("list: %v", got)
	}
	if e, err := s.AuditDay(ctx, b.by.Tenant, s.Clock.Now()); err != nil || len(e) > 0 {
		t.Errorf("audit: %v %v", e, err)
	}
	stolen := a.next(d, passport.Suspended)
	stolen.After.Tenant = b.by.Tenant
	stolen.Before.Tenant = b.by.Tenant
	if err := s.Passports.Commit(ctx, stolen); err == nil || fault.Of(err).Kind != fault.NotFound {
		t.Errorf("change of another tenant's passport: %v", err)
	}
	same(t, "their passport", a.get(d.ID), d)
}

func oneWinner(t *testing.T, s Store) {
	a := newAuthor(t, s)
	d := a.create(product(t, "", "race"), passport.Content{})
	const writers = 8
	changes := make([]passport.Change, writers)
	for i := range changes {
		changes[i] = a.next(d, passport.Published)
	}
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() { errs[i] = s.Passports.Commit(t.Context(), changes[i]) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, fault.PreconditionFailed) && !errors.Is(err, fault.Unavailable):
			t.Errorf("a loser was told: %v", err)
		}
	}
	if won != 1 {
		t.Errorf("%d winners", won)
	}
	if got := a.get(d.ID); got.Revision != 2 || got.Version != 1 {
		t.Errorf("revision %d, version %d", got.Revision, got.Version)
	}
}

func largeContent(t *testing.T, s Store) {
	a := newAuthor(t, s)
	// Text that does not compress: identifiers are random in their second half.
	var b strings.Builder
	for b.Len() < 400<<10 {
		b.WriteString(string(id.New[id.Entry](s.IDs))[19:])
	}
	d := a.create(product(t, "", "large"), passport.Content{"text": b.String()})
	same(t, "large passport", a.get(d.ID), d)
	a.step(d, passport.Published)
	v, err := s.History.Version(t.Context(), a.by.Tenant, d.ID, 1)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "large version", v.Content, d.Content)
}

func attempts(t *testing.T, s Store) {
	a := newAuthor(t, s)
	ctx := t.Context()
	at := func(fingerprint string) idempotency.Attempt {
		return idempotency.Attempt{Tenant: a.by.Tenant, Principal: "p", Key: "k", Fingerprint: fingerprint, At: s.Clock.Now()}
	}
	begin := func(fingerprint string) (*idempotency.Answer, error) { return s.Attempts.Begin(ctx, at(fingerprint)) }
	if got, err := begin("f"); got != nil || err != nil {
		t.Fatalf("first: %v %v", got, err)
	}
	_, err := begin("f")
	code(t, "while it runs", err, fault.CodeIdempotencyInProgress)
	_, err = begin("g")
	code(t, "another request", err, fault.CodeIdempotencyKeyReused)
	if err := s.Attempts.Abandon(ctx, at("f")); err != nil {
		t.Fatal(err)
	}
	if got, err := begin("g"); got != nil || err != nil {
		t.Fatalf("after giving up: %v %v", got, err)
	}
	want := idempotency.Answer{Status: 201, Header: map[string]string{"ETag": `"1"`}, Body: []byte(`{"a":1}`)}
	if err := s.Attempts.Complete(ctx, at("g"), want); err != nil {
		t.Fatal(err)
	}
	got, err := begin("g")
	if err != nil || got == nil {
		t.Fatalf("replay: %v %v", got, err)
	}
	same(t, "answer", *got, want)
	s.Clock.Advance(idempotency.AnswersFor + time.Second)
	if got, err := begin("h"); got != nil || err != nil {
		t.Errorf("after a day: %v %v", got, err)
	}
	s.Clock.Advance(idempotency.InProgressFor + time.Second)
	if got, err := begin("i"); got != nil || err != nil {
		t.Errorf("after a dead first request: %v %v", got, err)
	}
	b := newAuthor(t, s)
	if got, err := s.Attempts.Begin(ctx, idempotency.Attempt{Tenant: b.by.Tenant, Principal: "p", Key: "k", Fingerprint: "x", At: s.Clock.Now()}); got != nil || err != nil {
		t.Errorf("same key of another tenant: %v %v", got, err)
	}
}

func auditEntries(t *testing.T, s Store) {
	a := newAuthor(t, s)
	var want []audit.Entry
	for i := range 6 {
		d := a.draft(product(t, "", fmt.Sprintf("A%d", i)), passport.Content{})
		e := a.entry(audit.PassportCreated, d.ID)
		a.commit(passport.Change{After: d, Entry: e})
		want = append(want, e)
	}
	got, err := s.AuditDay(t.Context(), a.by.Tenant, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "entries", got, want)
}
