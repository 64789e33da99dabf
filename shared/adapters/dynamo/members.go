package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Members implements member.Store: rows in the tenant's partition, with name and mail address sealed under the person's
// own key, and beside each a row in People that leads to it.
type Members struct {
	db      *DB
	tenants *keyring.Ring[id.Tenant]
	persons *keyring.Ring[id.Person]
	now     clock.Clock
}

// NewMembers makes the store.
func NewMembers(db *DB, tenants *keyring.Ring[id.Tenant], persons *keyring.Ring[id.Person], now clock.Clock) *Members {
	return &Members{db: db, tenants: tenants, persons: persons, now: now}
}

// Standing returns a member with what decides on their requests, nothing unsealed. One read of two rows.
func (s *Members) Standing(ctx context.Context, t id.Tenant, p id.Person) (member.Standing, error) {
	mine, theirs := memberKey(t, p), tenantKey(t)
	rows, err := s.db.batchGet(ctx, s.db.tables.Records, []key{mine, theirs})
	if err != nil {
		return member.Standing{}, err
	}
	if rows[mine] == nil {
		return member.Standing{}, member.Absent()
	}
	about, err := tenantOf(t, rows[theirs])
	if err != nil {
		return member.Standing{}, err
	}
	m, err := memberOf(t, rows[mine])
	return member.Standing{Tenant: about, Member: m}, err
}

// List returns members with their names, oldest identifier first. One query, and two reads a person that is not in
// memory, side by side.
func (s *Members) List(ctx context.Context, t id.Tenant, req page.Request) (page.Of[member.Member], error) {
	var got page.Of[member.Member]
	rows, next, err := listPage(ctx, s.db, s.tenants, s.now, t, "members", memberKey(t, "").partition, req, true)
	if err != nil {
		return got, err
	}
	got.Next, got.Items = next, make([]member.Member, len(rows))
	errs := make([]error, len(rows))
	var wg sync.WaitGroup
	for i, it := range rows {
		wg.Go(func() { got.Items[i], errs[i] = s.named(ctx, t, it) })
	}
	wg.Wait()
	return got, cmp.Or(errs...)
}

func (s *Members) named(ctx context.Context, t id.Tenant, it item) (member.Member, error) {
	m, err := memberOf(t, it)
	if err != nil {
		return m, err
	}
	r := reader{it: it}
	known, err := openProfile(ctx, s.persons, m.Person, memberKey(t, m.Person).place("prof"), r.blob("prof"))
	m.Name, m.Mail = known.Name, known.Mail
	return m, errors.Join(r.err, err)
}

// Found stores a new tenant with its first owner. One transaction.
func (s *Members) Found(ctx context.Context, f member.Founding) error {
	name, err := s.tenants.Seal(ctx, f.Tenant.ID, tenantKey(f.Tenant.ID).place("name"), []byte(f.Tenant.Name))
	if err != nil {
		return err
	}
	terms, err := json.Marshal(f.Terms)
	if err != nil {
		return fmt.Errorf("dynamo: encode terms: %w", err)
	}
	row := tenantItem(f.Tenant, name)
	row["trm"] = blob(terms)
	x := &transaction{}
	x.put(s.db.tables.Records, row, "attribute_not_exists(PK)", nil, means(errors.New("dynamo: tenant exists")))
	if err := s.enter(ctx, x, f.Owner); err != nil {
		return err
	}
	register := registerKey(f.Tenant.ID).attributes()
	register["v"], register["crt"] = number(1), moment(f.Tenant.CreatedAt)
	x.put(s.db.tables.Ledger, register, "attribute_not_exists(PK)", nil, unconditional)
	writeAudit(s.db, x, f.Entry)
	return s.db.commit(ctx, x)
}

// Join stores a new member and takes the invitation away. One transaction.
func (s *Members) Join(ctx context.Context, j member.Joining) error {
	x := &transaction{}
	x.delete(s.db.tables.Records, invitationKey(j.Member.Tenant, j.Invitation), "attribute_exists(PK)", nil, means(member.NoInvitation()))
	if err := s.enter(ctx, x, j.Member); err != nil {
		return err
	}
	stirTenant(s.db, x, j.Member.Tenant, owners(access.Viewer, j.Member.Role), member.NoInvitation())
	writeAudit(s.db, x, j.Entry)
	writeNotice(s.db, x, j.Member.Tenant, j.Notice)
	return s.db.commit(ctx, x)
}

// enter adds the two rows of a new member.
func (s *Members) enter(ctx context.Context, x *transaction, m member.Member) error {
	k := memberKey(m.Tenant, m.Person)
	sealed, err := sealProfile(ctx, s.persons, m.Person, k.place("prof"), profile{m.Name, m.Mail})
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["role"], it["dom"], it["rev"] = number(1), text(string(m.Role)), text(m.Domain), number(m.Revision)
	it["crt"], it["prof"] = moment(m.JoinedAt), blob(sealed)
	already := fault.New(fault.CodeAlreadyMember, "You belong to this organisation already.")
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(already))
	pointer := belongsKey(m.Person, m.Tenant).attributes()
	pointer["v"], pointer["crt"] = number(1), moment(m.JoinedAt)
	x.put(s.db.tables.People, pointer, "", nil, unconditional)
	return nil
}

// Change gives a member another role. One transaction.
func (s *Members) Change(ctx context.Context, c member.Change) error {
	x := &transaction{}
	x.update(s.db.tables.Records, memberKey(c.Before.Tenant, c.Before.Person), "SET #r = :role, rev = :next", "rev = :rev",
		item{":role": text(string(c.After.Role)), ":next": number(c.After.Revision), ":rev": number(c.Before.Revision)}, means(staleMember()))
	x.members[0].Update.ExpressionAttributeNames = map[string]string{"#r": "role"}
	stirTenant(s.db, x, c.Before.Tenant, owners(c.Before.Role, c.After.Role), member.LastOwner())
	writeAudit(s.db, x, c.Entry)
	writeNotice(s.db, x, c.Before.Tenant, c.Notice)
	return s.db.commit(ctx, x)
}

// Remove ends a membership. One transaction.
func (s *Members) Remove(ctx context.Context, c member.Change) error {
	x := &transaction{}
	x.delete(s.db.tables.Records, memberKey(c.Before.Tenant, c.Before.Person), "rev = :rev", item{":rev": number(c.Before.Revision)}, means(staleMember()))
	x.delete(s.db.tables.People, belongsKey(c.Before.Person, c.Before.Tenant), "attribute_exists(PK)", nil, unconditional)
	stirTenant(s.db, x, c.Before.Tenant, owners(c.Before.Role, access.Viewer), member.LastOwner())
	writeAudit(s.db, x, c.Entry)
	writeNotice(s.db, x, c.Before.Tenant, c.Notice)
	return s.db.commit(ctx, x)
}

// owners is by how much the number of owners changes.
func owners(before, after access.Role) int {
	n := 0
	if before == access.Owner {
		n--
	}
	if after == access.Owner {
		n++
	}
	return n
}

func staleMember() error {
	return fault.New(fault.CodeRevisionStale, "Somebody else changed this member at this moment.")
}

func memberOf(t id.Tenant, it item) (member.Member, error) {
	r := reader{it: it}
	return member.Member{
		Tenant: t, Person: id.Person(r.text("SK")), Role: access.Role(r.text("role")), Domain: r.text("dom"),
		Revision: r.number("rev"), JoinedAt: r.moment("crt"),
	}, r.err
}

// listPage reads one page of a partition in the order of its sort keys. One query.
func listPage(ctx context.Context, db *DB, ring *keyring.Ring[id.Tenant], now clock.Clock, t id.Tenant, name, partition string, req page.Request, ascending bool) ([]item, string, error) {
	secret, err := ring.CursorKey(ctx, t)
	if err != nil {
		return nil, "", err
	}
	sealer, err := page.NewSealer(secret, now)
	if err != nil {
		return nil, "", err
	}
	in := &dynamodb.QueryInput{
		TableName: &db.tables.Records, ConsistentRead: aws.Bool(true), ScanIndexForward: &ascending, Limit: aws.Int32(int32(req.Limit)),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(partition)},
	}
	scope := string(t) + " " + name
	if req.Cursor != "" {
		position, err := sealer.Open(scope, req.Cursor)
		if err != nil {
			return nil, "", err
		}
		in.ExclusiveStartKey = key{partition, string(position)}.attributes()
	}
	out, err := db.query(ctx, in)
	if err != nil || out.LastEvaluatedKey == nil {
		if err != nil {
			return nil, "", err
		}
		return out.Items, "", nil
	}
	last := reader{it: out.LastEvaluatedKey}
	return out.Items, sealer.Seal(scope, []byte(last.text("SK"))), last.err
}
