package dynamo

import (
	"context"
	"errors"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Invitations implements member.Invitations. The mail address is sealed under the tenant's key; an invitation that was
// accepted or withdrawn is gone.
type Invitations struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
	now  clock.Clock
}

// NewInvitations makes the store.
func NewInvitations(db *DB, ring *keyring.Ring[id.Tenant], now clock.Clock) *Invitations {
	return &Invitations{db: db, ring: ring, now: now}
}

// Put stores a new invitation with its audit entry and notice. One transaction.
func (s *Invitations) Put(ctx context.Context, i member.Invitation, e audit.Entry, n audit.Notice) error {
	k := invitationKey(i.Tenant, i.ID)
	mail, err := s.ring.Seal(ctx, i.Tenant, k.place("mail"), []byte(i.Mail))
	if err != nil {
		return err
	}
	it := k.attributes()
	it["v"], it["mail"], it["role"], it["by"], it["hash"] = number(1), blob(mail), text(string(i.Role)), text(string(i.InvitedBy)), blob(i.Hash[:])
	it["crt"], it["exp"], it["ttl"] = moment(i.CreatedAt), moment(i.ExpiresAt), number(i.ExpiresAt.Unix())
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(errors.New("dynamo: invitation exists")))
	writeAudit(s.db, x, e)
	writeNotice(s.db, x, i.Tenant, n)
	return s.db.commit(ctx, x)
}

// Invitation returns an open invitation. One read.
func (s *Invitations) Invitation(ctx context.Context, t id.Tenant, i id.Invitation) (member.Invitation, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, invitationKey(t, i))
	if err != nil {
		return member.Invitation{}, err
	}
	if it == nil {
		return member.Invitation{}, member.NoInvitation()
	}
	got, err := s.read(ctx, t, it)
	if err == nil && !s.now().Before(got.ExpiresAt) {
		return member.Invitation{}, member.NoInvitation()
	}
	return got, err
}

// Open lists the open invitations. One query.
func (s *Invitations) Open(ctx context.Context, t id.Tenant, req page.Request) (page.Of[member.Invitation], error) {
	got := page.Of[member.Invitation]{Items: []member.Invitation{}}
	rows, next, err := listPage(ctx, s.db, s.ring, s.now, t, "invitations", invitationKey(t, "").partition, req, true)
	if err != nil {
		return got, err
	}
	got.Next = next
	for _, it := range rows {
		i, err := s.read(ctx, t, it)
		if err != nil {
			return got, err
		}
		if s.now().Before(i.ExpiresAt) {
			got.Items = append(got.Items, i)
		}
	}
	return got, nil
}

// Withdraw takes an open invitation away, with its audit entry and notice. One transaction.
func (s *Invitations) Withdraw(ctx context.Context, i member.Invitation, e audit.Entry, n audit.Notice) error {
	x := &transaction{}
	x.delete(s.db.tables.Records, invitationKey(i.Tenant, i.ID), "attribute_exists(PK)", nil, means(member.NoInvitation()))
	writeAudit(s.db, x, e)
	writeNotice(s.db, x, i.Tenant, n)
	return s.db.commit(ctx, x)
}

func (s *Invitations) read(ctx context.Context, t id.Tenant, it item) (member.Invitation, error) {
	r := reader{it: it}
	i := member.Invitation{
		ID: id.Invitation(r.text("SK")), Tenant: t, Role: access.Role(r.text("role")), InvitedBy: id.Person(r.text("by")),
		CreatedAt: r.moment("crt"), ExpiresAt: r.moment("exp"),
	}
	if copy(i.Hash[:], r.blob("hash")) != len(i.Hash) {
		r.miss("hash")
	}
	mail, err := s.ring.Open(ctx, t, invitationKey(t, i.ID).place("mail"), r.blob("mail"))
	i.Mail = string(mail)
	return i, errors.Join(r.err, err)
}

// Notices reads the notices of a tenant.
type Notices struct {
	db   *DB
	ring *keyring.Ring[id.Tenant]
	now  clock.Clock
}

// NewNotices makes the reader.
func NewNotices(db *DB, ring *keyring.Ring[id.Tenant], now clock.Clock) *Notices {
	return &Notices{db: db, ring: ring, now: now}
}

// Notices lists notices, newest first. One query.
func (s *Notices) Notices(ctx context.Context, t id.Tenant, req page.Request) (page.Of[audit.Notice], error) {
	got := page.Of[audit.Notice]{Items: []audit.Notice{}}
	rows, next, err := listPage(ctx, s.db, s.ring, s.now, t, "notices", noticeKey(t, "").partition, req, false)
	if err != nil {
		return got, err
	}
	got.Next = next
	for _, it := range rows {
		r := reader{it: it}
		got.Items = append(got.Items, audit.Notice{
			ID: id.Notice(r.text("SK")), At: r.moment("at"), Event: audit.Event(r.text("ev")), Actor: r.text("ac"), Object: r.text("ob"), Detail: r.dictionary("dt"),
		})
		if r.err != nil {
			return got, r.err
		}
	}
	return got, nil
}
