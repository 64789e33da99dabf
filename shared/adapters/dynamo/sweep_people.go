package dynamo

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// SweepPeople is the store "people": the members of a tenant, that they belong to it, and of those who belong to no other
// tenant the person, the ways to sign in and the key. It comes after the services outside, which are told of persons by
// what is deleted here; the member goes last, so that whatever is interrupted is found again.
type SweepPeople struct {
	db  *DB
	now clock.Clock
}

// NewSweepPeople makes the store.
func NewSweepPeople(db *DB, now clock.Clock) *SweepPeople { return &SweepPeople{db: db, now: now} }

// Name implements retention.Store.
func (s *SweepPeople) Name() string { return "people" }

// Phase implements retention.Store.
func (s *SweepPeople) Phase() retention.Phase { return retention.Settings }

// Plan implements retention.Store: rows that name the tenant, not those of the persons behind them.
func (s *SweepPeople) Plan(ctx context.Context, o retention.Order) (int64, error) {
	return s.Verify(ctx, o)
}

// Sweep implements retention.Store. A page is some persons.
func (s *SweepPeople) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (page retention.Page, err error) {
	at, err := placeOf(cursor)
	if err != nil || o.Passport != "" {
		return page, err
	}
	persons, next, err := s.persons(ctx, o, at, most)
	if err != nil {
		return page, err
	}
	sum := sha256.New()
	for _, p := range persons {
		if o.Spares(lifecycle.Target{User: p}) {
			page.Spared++
			continue
		}
		if err := s.forget(ctx, o, p, &page); err != nil {
			return page, err
		}
		fmt.Fprintf(sum, "%s\x00", p)
	}
	page.Digest = sum.Sum(nil)
	if next != nil {
		page.Cursor = next.String()
	}
	return page, nil
}

// persons lists the persons of an order: one, or the members, and after them those who are said to belong to the tenant
// and are no members.
func (s *SweepPeople) persons(ctx context.Context, o retention.Order, at place, most int) ([]id.Person, *place, error) {
	if o.Person != "" {
		return []id.Person{o.Person}, nil, nil
	}
	if at.Stage == 0 {
		members, err := membersAfter(ctx, s.db, o.Tenant, at.After, most)
		if err != nil || len(members) == 0 {
			return nil, &place{Stage: 1}, err
		}
		return members, &place{After: string(members[len(members)-1])}, nil
	}
	rows, next, err := s.db.scan(s.db.tables.People, "PK, SK", "SK = :s", belongsValues, ofTenant)(ctx, o, at, most)
	var list []id.Person
	for _, f := range rows {
		list = append(list, id.Person(strings.TrimPrefix(f.k.partition, personPartition(""))))
	}
	return list, next, err
}

func belongsValues(o retention.Order) item {
	return item{":s": text(belongsKey("", o.Tenant).sort)}
}

// membersAfter lists members after one, at most so many.
func membersAfter(ctx context.Context, db *DB, t id.Tenant, after string, most int) ([]id.Person, error) {
	out, err := db.query(ctx, &dynamodb.QueryInput{
		TableName: &db.tables.Records, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(most)), ProjectionExpression: aws.String("SK"),
		KeyConditionExpression:    aws.String("PK = :p AND SK > :a"),
		ExpressionAttributeValues: item{":p": text(memberKey(t, "").partition), ":a": text(cmp.Or(after, " "))},
	})
	if err != nil {
		return nil, err
	}
	list := make([]id.Person, 0, len(out.Items))
	for _, it := range out.Items {
		r := reader{it: it}
		if list = append(list, id.Person(r.text("SK"))); r.err != nil {
			return nil, r.err
		}
	}
	return list, nil
}

// forget deletes what a person is to the tenant, and the person too if they belong to no other. One whom a hold of another
// organisation keeps goes when that is released, unless they belong somewhere by then.
func (s *SweepPeople) forget(ctx context.Context, o retention.Order, p id.Person, page *retention.Page) error {
	rows, elsewhere, err := aboutPerson(ctx, s.db, o.Tenant, p)
	if err != nil {
		return err
	}
	if !elsewhere {
		if elsewhere, err = s.db.heldElsewhere(ctx, o.Tenant, p); err == nil && elsewhere {
			err = NewWorks(s.db).Add(ctx, retention.ErasePerson(p, s.now()))
		}
		if err != nil {
			return err
		}
	}
	own := []key{belongsKey(p, o.Tenant)}
	if !elsewhere && !o.Spares(lifecycle.Target{User: p, Keys: true}) {
		keys, err := s.keysOf(ctx, p)
		if err != nil {
			return err
		}
		if err := s.erase(ctx, s.db.tables.Keys, keys, page); err != nil {
			return err
		}
		own = rows
	} else if !slices.Contains(rows, own[0]) {
		own = nil
	}
	if err := s.erase(ctx, s.db.tables.People, own, page); err != nil {
		return err
	}
	member := memberKey(o.Tenant, p)
	it, err := s.db.get(ctx, s.db.tables.Records, member)
	if err != nil || it == nil {
		return err
	}
	return s.erase(ctx, s.db.tables.Records, []key{member}, page)
}

func (s *SweepPeople) erase(ctx context.Context, table string, keys []key, page *retention.Page) error {
	writes, err := s.db.erase(ctx, table, keys)
	if err != nil {
		return err
	}
	page.Deleted, page.Writes = page.Deleted+int64(len(keys)), page.Writes+writes
	return nil
}

func (s *SweepPeople) keysOf(ctx context.Context, p id.Person) (keys []key, err error) {
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Keys, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("PK, SK"),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(personKeyPartition(p))},
	}
	err = s.db.each(ctx, in, func(it item) error {
		r := reader{it: it}
		keys = append(keys, key{r.text("PK"), r.text("SK")})
		return r.err
	})
	return keys, err
}

// aboutPerson lists the rows of a person, the ways to sign in first, and tells whether they belong to another tenant.
func aboutPerson(ctx context.Context, db *DB, t id.Tenant, p id.Person) (rows []key, elsewhere bool, err error) {
	in := &dynamodb.QueryInput{
		TableName: &db.tables.People, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("PK, SK"),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(personPartition(p))},
	}
	var ways []key
	err = db.each(ctx, in, func(it item) error {
		r := reader{it: it}
		k := key{r.text("PK"), r.text("SK")}
		rows = append(rows, k)
		if strings.HasPrefix(k.sort, wayPrefix) {
			ways = append(ways, key{k.sort, "ID"})
		}
		if strings.HasPrefix(k.sort, belongsPrefix) && k != belongsKey(p, t) {
			elsewhere = true
		}
		return r.err
	})
	return append(ways, rows...), elsewhere, err
}

// Verify implements retention.Store. It walks the whole tables for rows that name the tenant, or the person.
func (s *SweepPeople) Verify(ctx context.Context, o retention.Order) (int64, error) {
	switch {
	case o.Passport != "":
		return 0, nil
	case o.Person != "":
		return s.personLeft(ctx, o)
	}
	belongs, err := s.db.tally(ctx, s.db.tables.People, "SK = :s", belongsValues(o))
	if err != nil {
		return 0, err
	}
	members, err := s.db.tally(ctx, s.db.tables.Records, "PK = :p", item{":p": text(memberKey(o.Tenant, "").partition)})
	return belongs + members, err
}

// personLeft counts what is left of one person: everything, or what ties them to the tenant if they belong to another.
func (s *SweepPeople) personLeft(ctx context.Context, o retention.Order) (int64, error) {
	_, elsewhere, err := aboutPerson(ctx, s.db, o.Tenant, o.Person)
	if err == nil && !elsewhere {
		elsewhere, err = s.db.heldElsewhere(ctx, o.Tenant, o.Person)
	}
	if err != nil {
		return 0, err
	}
	filter, values := "PK = :p OR id = :i", item{":p": text(personPartition(o.Person)), ":i": text(string(o.Person))}
	if elsewhere {
		filter, values = "PK = :p AND SK = :s", item{":p": text(personPartition(o.Person)), ":s": text(belongsKey(o.Person, o.Tenant).sort)}
	}
	left, err := s.db.tally(ctx, s.db.tables.People, filter, values)
	if err != nil {
		return 0, err
	}
	it, err := s.db.get(ctx, s.db.tables.Records, memberKey(o.Tenant, o.Person))
	if it != nil {
		left++
	}
	return left, err
}

// Evidence implements retention.Store.
func (s *SweepPeople) Evidence(context.Context, retention.Order) (retention.Receipt, error) {
	return receipt(s.Name(), "The tables were walked for memberships, and have none. Persons who belonged to no other organisation went with them.", s.now), nil
}

// Tenants implements retention.Census over the whole table.
func (s *SweepPeople) Tenants(ctx context.Context, do func(id.Tenant) error) error {
	return s.db.census(ctx, s.db.tables.People, "SK", namesTenant(do))
}

// Leavers implements retention.Leavers.
type Leavers struct {
	db     *DB
	ring   *keyring.Ring[id.Person] // nil: mail addresses are not asked for
	issuer string
}

// NewLeavers makes the list of persons who leave with a tenant. issuer is the one whose subjects are listed; with a ring,
// mail addresses are.
func NewLeavers(db *DB, ring *keyring.Ring[id.Person], issuer string) *Leavers {
	return &Leavers{db: db, ring: ring, issuer: issuer}
}

// Leavers lists persons. One query, and two or three reads each.
func (s *Leavers) Leavers(ctx context.Context, o retention.Order, after string, most int) ([]retention.Leaver, error) {
	persons := []id.Person{o.Person}
	switch {
	case o.Passport != "" || o.Person != "" && after != "":
		return nil, nil
	case o.Person == "":
		var err error
		if persons, err = membersAfter(ctx, s.db, o.Tenant, after, most); err != nil {
			return nil, err
		}
	}
	list := make([]retention.Leaver, 0, len(persons))
	for _, p := range persons {
		l, err := s.leaver(ctx, o, p)
		if err != nil {
			return nil, err
		}
		list = append(list, l)
	}
	return list, nil
}

func (s *Leavers) leaver(ctx context.Context, o retention.Order, p id.Person) (retention.Leaver, error) {
	l := retention.Leaver{Place: string(p), Person: p}
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.People, ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(personPartition(p))},
	}
	known := false
	err := s.db.each(ctx, in, func(it item) error {
		r := reader{it: it}
		switch sort := r.text("SK"); {
		case strings.HasPrefix(sort, wayPrefix) && r.text("iss") == s.issuer:
			l.Subjects = append(l.Subjects, r.text("sub"))
		case strings.HasPrefix(sort, belongsPrefix) && sort != belongsKey(p, o.Tenant).sort:
			l.Elsewhere = true
		case sort == personKey(p).sort:
			known = true
		}
		return r.err
	})
	if err == nil && !l.Elsewhere {
		l.Elsewhere, err = s.db.heldElsewhere(ctx, o.Tenant, p)
	}
	if err != nil || s.ring == nil || !known {
		return l, err
	}
	person, err := NewPeople(s.db, s.ring).Person(ctx, p)
	if errors.Is(err, member.Absent()) {
		return l, nil
	}
	l.Mail = person.Mail
	return l, err
}

// Departed implements retention.Departed in the Ledger.
type Departed struct{ db *DB }

// NewDeparted makes the store.
func NewDeparted(db *DB) *Departed { return &Departed{db: db} }

// Remember stores names. One write each.
func (s *Departed) Remember(ctx context.Context, o retention.Order, store string, names []string) error {
	for _, name := range names {
		it := departedKey(o.Tenant, o.Person, store, name).attributes()
		it["v"], it["n"] = number(1), text(name)
		if _, _, err := s.db.put(ctx, s.db.tables.Ledger, it, "", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Names lists them. One query for each megabyte.
func (s *Departed) Names(ctx context.Context, o retention.Order, store string) (names []string, err error) {
	k := departedKey(o.Tenant, o.Person, store, "")
	prefix, _, _ := strings.Cut(k.sort, "|")
	err = s.db.each(ctx, s.db.ledger(k.partition, prefix+"|"), func(it item) error {
		r := reader{it: it}
		names = append(names, r.text("n"))
		return r.err
	})
	return names, err
}

// digestOf shortens a name to what fits a key.
func digestOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
