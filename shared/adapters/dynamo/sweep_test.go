package dynamo_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// estate is two tenants with rows of every kind, one of whom leaves.
type estate struct {
	*leaving
	s         *testkit.Saboteur
	stays     id.Tenant
	passports []id.Passport
	both      id.Person // belongs to both
	alone     id.Person // belongs to the one that leaves
}

func settle(t *testing.T) *estate {
	t.Helper()
	s := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: s})
	e := &estate{leaving: &leaving{k: k, lives: dynamo.NewLives(k.App.Database()), ids: id.NewSource(k.Clock.Now, k.App.Stores().Random)}, s: s}
	e.tenant, _ = k.Tenant(t, "leaves")
	e.stays, _ = k.Tenant(t, "stays")
	e.both, e.alone = e.person(t, "both"), e.person(t, "alone")
	for i, of := range []id.Tenant{e.tenant, e.stays} {
		e.rows(t, of, i == 0)
		e.joins(t, e.both, of)
	}
	e.joins(t, e.alone, e.tenant)
	return e
}

func (e *estate) person(t *testing.T, name string) id.Person {
	t.Helper()
	p := id.New[id.Person](e.ids)
	people := e.k.App.Accounts().People
	if err := people.Create(t.Context(), member.Person{ID: p, Name: name, Mail: name + "@nordeiche.example", CreatedAt: e.k.Clock.Now()}, member.Identity{Issuer: e.k.Issuer.URL, Subject: "sub-" + name}); err != nil {
		t.Fatal(err)
	}
	return p
}

func (e *estate) joins(t *testing.T, p id.Person, of id.Tenant) {
	e.k.Put(t, "RECORDS_TABLE", map[string]string{"PK": "T#" + string(of) + "#M", "SK": string(p)})
	e.k.Put(t, "PEOPLE_TABLE", map[string]string{"PK": "P#" + string(p), "SK": "T#" + string(of)})
}

func (e *estate) rows(t *testing.T, of id.Tenant, leaves bool) {
	t.Helper()
	at := "T#" + string(of)
	put := func(pk, sk string) { e.k.Put(t, "RECORDS_TABLE", map[string]string{"PK": at + pk, "SK": sk}) }
	for i := range 7 {
		p := id.New[id.Passport](e.ids)
		if leaves {
			e.passports = append(e.passports, p)
		}
		blind := fmt.Sprintf("blind-%d", i)
		shard := int(p[len(p)-1]) % 2
		e.k.Put(t, "RECORDS_TABLE", map[string]string{"PK": at + "#P#" + string(p), "SK": "META", "idn": blind, "CPK": fmt.Sprintf("%s#C#%d", at, shard), "CSK": string(p)})
		e.k.Put(t, "RECORDS_TABLE", map[string]string{"PK": at + "#ID#" + blind, "SK": "ID", "pid": string(p)})
		put("#P#"+string(p), "V#00000001")
		put("#P#"+string(p), "AT#2027-02-18T09:30:00.000000005Z#000000000001")
		put("#P#"+string(p), "CHOICE")
		if i < 5 { // two were never published
			product := fmt.Sprintf("/01/09506000134352/21/%s-%d", of[len(of)-8:], i)
			e.k.Put(t, "PUBLIC_TABLE", map[string]string{"PK": "P#" + product, "id": string(p), "tn": string(of)})
			e.k.Put(t, "PUBLIC_TABLE", map[string]string{"PK": "Q#" + string(p), "pd": product, "tn": string(of)})
		}
	}
	for _, list := range []string{"#I", "#N", "#X", "#J", "#B", "#R", "#KEYS", "#RATE"} {
		put(list, "one")
		put(list, "two")
	}
	put("#IDEM#digest", "IDEM")
	put("#ID#lost", "ID") // a reservation that no passport knows of
	put("#A#2027-02-18#3", "2027-02-18T09:30:00.000000005Z#x")
	put("#LOG", "000000000000")
	put("", "AUDITHEAD")
}

func (e *estate) order() retention.Order { return retention.Order{Tenant: e.tenant} }

func (e *estate) stores() []retention.Store {
	db, now := e.k.App.Database(), e.k.Clock.Now
	return []retention.Store{
		dynamo.NewSweepPublic(db, now), dynamo.NewSweepRecords(db, now), dynamo.NewSweepPeople(db, now), dynamo.NewSweepSettings(db, now), dynamo.NewSweepKeys(db, now),
	}
}

// naming are the rows of the tables that name a tenant, or others.
func (e *estate) naming(t *testing.T, of id.Tenant) (mine, others []string) {
	t.Helper()
	for _, row := range e.k.Dump(t) {
		switch {
		case strings.HasPrefix(row, "LEDGER_TABLE"):
		case strings.Contains(row, string(of)):
			mine = append(mine, row)
		default:
			others = append(others, row)
		}
	}
	return mine, others
}

// empty sweeps a store to its end, in pages, and sums them up.
func empty(ctx context.Context, s retention.Store, o retention.Order, most int) (all retention.Page, err error) {
	for range 10_000 {
		page, err := s.Sweep(ctx, o, all.Cursor, most)
		if err != nil {
			return all, err
		}
		all.Deleted, all.Spared, all.Writes, all.Cursor = all.Deleted+page.Deleted, all.Spared+page.Spared, all.Writes+page.Writes, page.Cursor
		if page.Cursor == "" {
			return all, nil
		}
	}
	return all, fmt.Errorf("%s comes to no end", s.Name())
}

// TestSweepEmptiesOneTenant sweeps every store in pages of different size: nothing of the tenant is left, nothing of
// another one is touched, and each write deletes something.
func TestSweepEmptiesOneTenant(t *testing.T) {
	for _, most := range []int{1, 4, 1000} {
		e := settle(t)
		_, before := e.naming(t, e.tenant)
		for _, s := range e.stores() {
			planned, err := s.Plan(t.Context(), e.order())
			if err != nil || planned == 0 {
				t.Fatalf("%s: %d planned, %v", s.Name(), planned, err)
			}
			page, err := empty(t.Context(), s, e.order(), most)
			if err != nil {
				t.Fatalf("%s: %v", s.Name(), err)
			}
			if page.Deleted < planned || s.Name() != "people" && page.Deleted != planned || float64(page.Writes) > 1.05*float64(page.Deleted)+0.5 {
				t.Errorf("%s: %d planned, %d deleted with %d writes", s.Name(), planned, page.Deleted, page.Writes)
			}
			if left, err := s.Verify(t.Context(), e.order()); err != nil || left != 0 {
				t.Errorf("%s: %d left, %v", s.Name(), left, err)
			}
			if again, err := empty(t.Context(), s, e.order(), most); err != nil || again.Deleted != 0 {
				t.Errorf("%s, again: %d deleted, %v", s.Name(), again.Deleted, err)
			}
			if _, err := s.Evidence(t.Context(), e.order()); err != nil {
				t.Error(err)
			}
		}
		mine, after := e.naming(t, e.tenant)
		if len(mine) > 0 {
			t.Errorf("left in pages of %d: %q", most, mine)
		}
		gone := slices.DeleteFunc(slices.Clone(before), func(row string) bool { return slices.Contains(after, row) })
		for _, row := range gone {
			if !strings.Contains(row, string(e.alone)) && !strings.Contains(row, "Owner of leaves") && !e.ownerRow(row) {
				t.Errorf("gone too: %s", row)
			}
		}
		if extra := len(after) - (len(before) - len(gone)); extra != 0 {
			t.Errorf("%d rows are new", extra)
		}
	}
}

// ownerRow tells whether a row is of the person who founded the tenant that leaves, and belongs to no other.
func (e *estate) ownerRow(row string) bool {
	return strings.HasPrefix(row, "PEOPLE_TABLE") || strings.HasPrefix(row, "KEYS_TABLE")
}

// TestSweepSurvivesEveryFault lets each call of each sweep fail, before it is carried out or after: with the same cursor
// again it comes to the same end.
func TestSweepSurvivesEveryFault(t *testing.T) {
	for _, apply := range []bool{false, true} {
		e := settle(t)
		for _, s := range e.stores() {
			faults, at := 0, ""
			for n := int64(1); ; n++ {
				e.s.Arm(n, apply)
				page, err := s.Sweep(t.Context(), e.order(), at, 5)
				failed := e.s.Calls() >= n
				e.s.Arm(0, false)
				if (err != nil) != failed {
					t.Fatalf("%s, call %d: failed %v, said %v", s.Name(), n, failed, err)
				}
				if err != nil {
					faults++
					continue
				}
				if at, n = page.Cursor, 0; at == "" {
					break
				}
			}
			if faults == 0 {
				t.Errorf("%s: nothing failed", s.Name())
			}
			if left, err := s.Verify(t.Context(), e.order()); err != nil || left != 0 {
				t.Errorf("%s: %d left, %v", s.Name(), left, err)
			}
		}
		if mine, _ := e.naming(t, e.tenant); len(mine) > 0 {
			t.Errorf("left: %q", mine)
		}
	}
}

// TestSweepRepeatsWhatIsLeftUndone has batches come back undone, some and always: all is deleted and every try counted.
func TestSweepRepeatsWhatIsLeftUndone(t *testing.T) {
	for _, undone := range []int64{1, 5, 1 << 30} {
		e := settle(t)
		s := dynamo.NewSweepRecords(e.k.App.Database(), e.k.Clock.Now)
		e.s.Unfinished.Store(undone)
		page, err := empty(t.Context(), s, e.order(), 1000)
		if err != nil || page.Writes <= page.Deleted {
			t.Errorf("%d: %d deleted with %d writes, %v", undone, page.Deleted, page.Writes, err)
		}
		if left, err := s.Verify(t.Context(), e.order()); err != nil || left != 0 {
			t.Errorf("%d: %d left, %v", undone, left, err)
		}
	}
}

// TestVerifyBelievesNobody finds what was acknowledged and not deleted.
func TestVerifyBelievesNobody(t *testing.T) {
	e := settle(t)
	for _, s := range e.stores() {
		planned, err := s.Plan(t.Context(), e.order())
		if err != nil {
			t.Fatal(err)
		}
		e.s.Lies.Store(true)
		if _, err := empty(t.Context(), s, e.order(), 1000); err != nil {
			t.Fatal(err)
		}
		e.s.Lies.Store(false)
		if left, err := s.Verify(t.Context(), e.order()); err != nil || left != planned {
			t.Errorf("%s: %d left of %d, %v", s.Name(), left, planned, err)
		}
	}
}

// TestSweepSparesWhatIsHeld keeps exactly the rows of a passport or a person that are under a hold.
func TestSweepSparesWhatIsHeld(t *testing.T) {
	e := settle(t)
	held := e.passports[3]
	o := e.order()
	o.Spare = func(of lifecycle.Target) bool {
		return of.Tenant == e.tenant && (of.Passport == held || of.User == e.alone || of.Whole || of.Keys && of.User == "")
	}
	for _, s := range e.stores() {
		if _, err := empty(t.Context(), s, o, 10); err != nil {
			t.Fatal(err)
		}
	}
	mine, _ := e.naming(t, e.tenant)
	want := map[string]int{"#P#" + string(held): 4, "#ID#": 1, "/01/": 2, "Q#": 0, "#LOG": 1, "KEYS_TABLE": 1, "#M": 1, "#N": 0, "#IDEM": 0, "#A#": 1}
	for part, n := range want {
		got := 0
		for _, row := range mine {
			if strings.Contains(row, part) {
				got++
			}
		}
		if part == "Q#" {
			continue // its row names the product too
		}
		if part == "#A#" {
			n = 0
		}
		if got != n {
			t.Errorf("%s: %d rows are left, want %d: %q", part, got, n, mine)
		}
	}
	persons := 0
	for _, row := range e.k.Dump(t) {
		if strings.Contains(row, "P#"+string(e.alone)) || strings.Contains(row, "U#"+string(e.alone)) {
			persons++
		}
	}
	if persons != 4 { // the person, the way to sign in, that they belong to the tenant, the key
		t.Errorf("%d rows of the person are left", persons)
	}
}

// TestSweepOfOnePassport and of one person takes nothing else.
func TestSweepOfOnePassport(t *testing.T) {
	e := settle(t)
	p := e.passports[2]
	for _, o := range []retention.Order{{Tenant: e.tenant, Passport: p}, {Tenant: e.tenant, Person: e.alone}} {
		before := e.k.Dump(t)
		deleted := int64(0)
		for _, s := range e.stores() {
			page, err := empty(t.Context(), s, o, 1000)
			if err != nil {
				t.Fatal(err)
			}
			deleted += page.Deleted
			if left, err := s.Verify(t.Context(), o); err != nil || left != 0 {
				t.Errorf("%s: %d left, %v", s.Name(), left, err)
			}
		}
		after := e.k.Dump(t)
		for _, row := range before {
			mine := strings.Contains(row, string(p)) || strings.Contains(row, "blind-2") && strings.Contains(row, string(e.tenant))
			if o.Person != "" {
				mine = strings.Contains(row, string(e.alone))
			}
			if slices.Contains(after, row) == mine {
				t.Errorf("of %v, and gone the other way round: %s", o, row)
			}
		}
		if int64(len(before)-len(after)) != deleted || deleted == 0 {
			t.Errorf("%d rows are gone, %d were said to be deleted", len(before)-len(after), deleted)
		}
	}
}

// TestHeldElsewhere empties an organisation of a person whom a hold of another one keeps, to which they belong no longer:
// what ties them to the first goes, the person stays until the hold is released, and is then to be deleted.
func TestHeldElsewhere(t *testing.T) {
	e := settle(t)
	db := e.k.App.Database()
	holds, works := dynamo.NewHolds(db), dynamo.NewWorks(db)
	leavers := dynamo.NewLeavers(db, nil, e.k.Issuer.URL)
	goes := func(o retention.Order) bool {
		t.Helper()
		some, err := leavers.Leavers(t.Context(), o, "", 100)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(some, func(l retention.Leaver) bool { return l.Person == e.alone && !l.Elsewhere })
	}
	person := func() (rows int) {
		for _, row := range e.k.Dump(t) {
			if !strings.HasPrefix(row, "LEDGER_TABLE") && strings.Contains(row, string(e.alone)) {
				rows++
			}
		}
		return rows
	}
	saved := func(before *lifecycle.Hold, h lifecycle.Hold, err error) lifecycle.Hold {
		t.Helper()
		if err == nil {
			err = holds.Save(t.Context(), before, h, audit.Entry{})
		}
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	now := e.k.Clock.Now()
	h, err := lifecycle.Ask(string(id.New[id.Entry](e.ids)), lifecycle.Scope{Kind: lifecycle.ScopeUser, Tenant: e.stays, User: e.alone},
		lifecycle.Basis{Act: "ZPO", Article: "142"}, "person:a", now.Add(lifecycle.Day), 90*lifecycle.Day, now)
	asked := saved(nil, h, err)
	if !goes(e.order()) {
		t.Error("a hold that nobody has approved keeps somebody")
	}
	h, err = asked.Approve("person:b", now)
	approved := saved(&asked, h, err)
	if goes(e.order()) || goes(retention.Order{Person: e.alone}) {
		t.Error("who is held elsewhere is said to go")
	}
	people := dynamo.NewSweepPeople(db, e.k.Clock.Now)
	before := person()
	if _, err := empty(t.Context(), people, e.order(), 10); err != nil {
		t.Fatal(err)
	}
	if left, err := people.Verify(t.Context(), e.order()); err != nil || left != 0 {
		t.Errorf("%d rows of the organisation are left, %v", left, err)
	}
	if rows := person(); rows != before-2 { // the member and that they belong to the organisation
		t.Errorf("%d rows of the person are left of %d", rows, before)
	}
	due, err := works.Due(t.Context(), []retention.Kind{retention.Erase}, e.k.Clock.Now(), 10)
	if err != nil || len(due) != 1 || due[0].Person != e.alone || due[0].Tenant != "" {
		t.Fatalf("nobody deletes the person later: %+v, %v", due, err)
	}
	h, err = approved.Release("person:b", now)
	saved(&approved, h, err)
	for _, s := range e.stores() {
		if _, err := empty(t.Context(), s, retention.Order{Person: e.alone, Asked: now}, 10); err != nil {
			t.Fatal(err)
		}
	}
	if rows := person(); rows != 0 {
		t.Errorf("%d rows of the person are left after the release", rows)
	}
}

// TestLeavers lists who leaves, what the pool calls them, and who stays because of another tenant.
func TestLeavers(t *testing.T) {
	e := settle(t)
	stores := e.k.App.Stores()
	leavers := dynamo.NewLeavers(e.k.App.Database(), stores.PersonRing, e.k.Issuer.URL)
	var all []retention.Leaver
	for after := ""; ; {
		some, err := leavers.Leavers(t.Context(), e.order(), after, 1)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		all, after = append(all, some...), some[0].Place
	}
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	for _, l := range all {
		if l.Person == e.alone && (l.Elsewhere || !slices.Equal(l.Subjects, []string{"sub-alone"}) || l.Mail != "alone@nordeiche.example") {
			t.Errorf("%+v", l)
		}
		if l.Person == e.both && !l.Elsewhere {
			t.Errorf("%+v", l)
		}
	}
	departed := dynamo.NewDeparted(e.k.App.Database())
	if err := departed.Remember(t.Context(), e.order(), "identity-provider", []string{"a", "b", "a"}); err != nil {
		t.Fatal(err)
	}
	if names, err := departed.Names(t.Context(), e.order(), "identity-provider"); err != nil || len(names) != 2 {
		t.Error(names, err)
	}
}

// TestCensus names every tenant of whom a table holds anything.
func TestCensus(t *testing.T) {
	e := settle(t)
	db, now := e.k.App.Database(), e.k.Clock.Now
	for _, c := range []retention.Census{dynamo.NewSweepRecords(db, now), dynamo.NewSweepPublic(db, now), dynamo.NewSweepPeople(db, now), dynamo.NewSweepKeys(db, now)} {
		seen := map[id.Tenant]bool{}
		if err := c.Tenants(t.Context(), func(t id.Tenant) error { seen[t] = true; return nil }); err != nil {
			t.Fatal(err)
		}
		if len(seen) != 2 || !seen[e.tenant] || !seen[e.stays] {
			t.Errorf("%s: %v", c.Name(), seen)
		}
	}
}
