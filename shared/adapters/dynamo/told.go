package dynamo

import (
	"context"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Told remembers which mails about the end of a contract went out, and knows the owners who get them.
type Told struct {
	db      *DB
	members *Members
}

// NewTold makes the store.
func NewTold(db *DB, persons *keyring.Ring[id.Person]) *Told {
	return &Told{db: db, members: NewMembers(db, nil, persons, nil)}
}

// Owners are the owners of a tenant with their mail addresses. One query, and one read each.
func (s *Told) Owners(ctx context.Context, t id.Tenant) ([]member.Member, error) {
	var owners []member.Member
	in := listing(s.db, memberKey(t, "").partition, true)
	err := s.db.each(ctx, in, func(it item) error {
		m, err := memberOf(t, it)
		if err != nil || m.Role != access.Owner {
			return err
		}
		if m, err = s.members.named(ctx, t, it); err == nil {
			owners = append(owners, m)
		}
		return err
	})
	return owners, err
}

// Told tells whether a mail of this name went out to somebody. One read.
func (s *Told) Told(ctx context.Context, t id.Tenant, name string) (bool, error) {
	it, err := s.db.get(ctx, s.db.tables.Ledger, toldKey(t, name))
	return it != nil, err
}

// Tell writes down that it did. One write.
func (s *Told) Tell(ctx context.Context, t id.Tenant, name string, at time.Time) error {
	it := toldKey(t, name).attributes()
	it["v"], it["at"] = number(1), moment(at)
	_, _, err := s.db.put(ctx, s.db.tables.Ledger, it, "", nil, nil)
	return err
}

// Date is what the storage says the time is: the Date of an answer to a read.
func (d *DB) Date(ctx context.Context) (time.Time, error) {
	out, err := d.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &d.tables.Ledger, Key: guardKey("CLOCK").attributes()})
	if err != nil {
		return time.Time{}, d.failed(ctx, "GetItem", err)
	}
	d.observe(ctx, "dynamodb.GetItem", 0.5)
	at, ok := awsmiddleware.GetServerTime(out.ResultMetadata)
	if !ok {
		return time.Time{}, fault.New(fault.CodeUnavailable, "The storage does not say what the time is.")
	}
	return at.UTC(), nil
}
