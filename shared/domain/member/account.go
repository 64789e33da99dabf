package member

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TenantKeys gives a new tenant its encryption key.
type TenantKeys interface {
	Create(ctx context.Context, t id.Tenant) error
}

// Accounts is what people do for themselves, whatever organisation they belong to.
type Accounts struct {
	People      People
	Members     Store
	Tenants     tenant.Store
	Invitations Invitations
	Keys        TenantKeys
	Journal     audit.Journal
	Holds       lifecycle.Holds
	Eraser      Eraser
	IDs         *id.Source
}

// Self is a person who has signed in.
type Self struct {
	Identity Identity
	Person   id.Person // empty until they have said who they are
	Request  id.Request
	At       time.Time
}

// Organisation is one to which a person belongs.
type Organisation struct {
	ID   id.Tenant
	Name string
	Role access.Role
}

// Account is a person with their organisations.
type Account struct {
	Person        Person
	Organisations []Organisation
}

// Me returns the account. A person who has not said who they are has an empty one.
func (a *Accounts) Me(ctx context.Context, self Self) (Account, error) {
	if self.Person == "" {
		return Account{Organisations: []Organisation{}}, nil
	}
	p, err := a.People.Person(ctx, self.Person)
	if err != nil {
		return Account{}, err
	}
	tenants, err := a.People.Organisations(ctx, self.Person)
	if err != nil {
		return Account{}, err
	}
	account := Account{Person: p, Organisations: []Organisation{}}
	for _, t := range tenants {
		ctx := access.As(ctx, t)
		st, err := a.Members.Standing(ctx, t, self.Person)
		if errors.Is(err, fault.NotFound) {
			continue // removed since
		}
		if err != nil {
			return Account{}, err
		}
		if lifecycle.Behind(st.Tenant.Door(), self.At).Closed() { // its key is off, and its name with it
			account.Organisations = append(account.Organisations, Organisation{ID: t, Role: st.Member.Role})
			continue
		}
		named, err := a.Tenants.Tenant(ctx, t)
		if err != nil {
			return Account{}, err
		}
		account.Organisations = append(account.Organisations, Organisation{ID: t, Name: named.Name, Role: st.Member.Role})
	}
	return account, nil
}

// Register takes name and mail address from an ID token of the same identity: the first time it makes the person.
func (a *Accounts) Register(ctx context.Context, self Self, c signin.Claims) (Person, error) {
	if (Identity{c.Issuer, c.Subject}) != self.Identity {
		return Person{}, fault.New(fault.CodeValueInvalid, "The ID token belongs to another sign-in than the access token.").With(
			fault.Field{Pointer: "/idToken", Code: fault.CodeValueInvalid, Detail: "of the same sign-in as Authorization"})
	}
	name := c.Name
	if tenant.CheckName("/idToken", name) != nil {
		name = c.Email
	}
	if _, ok := MailDomain(c.Email); !ok {
		return Person{}, fault.New(fault.CodeValueInvalid, "The ID token holds no mail address; ask the identity provider for the scope email.").With(
			fault.Field{Pointer: "/idToken", Code: fault.CodeValueInvalid, Detail: "an ID token with a mail address"})
	}
	p := Person{ID: self.Person, Name: name, Mail: c.Email, CreatedAt: self.At}
	if p.ID != "" {
		return p, a.People.Describe(ctx, p)
	}
	p.ID = id.New[id.Person](a.IDs)
	return p, a.People.Create(ctx, p, self.Identity)
}

// Link lets a person sign in another way too. Both are proved: this request by its access token, the other identity by
// an ID token that is as fresh.
func (a *Accounts) Link(ctx context.Context, self Self, c signin.Claims) error {
	if self.Person == "" {
		return noProfile()
	}
	if self.At.Sub(c.AuthTime) > access.FreshFor {
		return fault.New(fault.CodeReauthenticate, "Sign in with the other account again: its last sign-in must be less than five minutes ago.")
	}
	if err := a.People.Link(ctx, self.Person, Identity{c.Issuer, c.Subject}); err != nil {
		return err
	}
	return a.tell(ctx, self, audit.IdentityLinked)
}

// AuthenticatorSet writes down that the person has set up a second factor.
func (a *Accounts) AuthenticatorSet(ctx context.Context, self Self) error {
	return a.tell(ctx, self, audit.AuthenticatorSet)
}

// tell writes what a person did with their own account into the trail of each of their organisations. What was done lies
// outside the store, so it cannot be one transaction with it: the entry follows the change.
func (a *Accounts) tell(ctx context.Context, self Self, event audit.Event) error {
	if self.Person == "" {
		return nil
	}
	tenants, err := a.People.Organisations(ctx, self.Person)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		by := access.Caller{Tenant: t, Actor: "person:" + string(self.Person), Request: self.Request, At: self.At}
		if err := a.Journal.Append(access.As(ctx, t), audit.New(a.IDs, by, event, "person:"+string(self.Person), "", "")); err != nil {
			return err
		}
	}
	return nil
}

// Found makes an organisation with the caller as its first owner.
func (a *Accounts) Found(ctx context.Context, self Self, name string) (tenant.Tenant, error) {
	if err := tenant.CheckName("/name", name); err != nil {
		return tenant.Tenant{}, err
	}
	if self.Person == "" {
		return tenant.Tenant{}, noProfile()
	}
	if err := a.room(ctx, self.Person); err != nil {
		return tenant.Tenant{}, err
	}
	p, err := a.People.Person(ctx, self.Person)
	if err != nil {
		return tenant.Tenant{}, err
	}
	t := tenant.Tenant{ID: id.New[id.Tenant](a.IDs), Name: name, State: access.Active, Owners: 1, Epoch: 1, Revision: 1, CreatedAt: self.At}
	ctx = access.As(ctx, t.ID)
	if err := a.Keys.Create(ctx, t.ID); err != nil {
		return tenant.Tenant{}, fmt.Errorf("found organisation: %w", err)
	}
	by := access.Caller{Tenant: t.ID, Actor: "person:" + string(self.Person), Role: access.Owner, Request: self.Request, At: self.At}
	domain, _ := MailDomain(p.Mail)
	owner := Member{Tenant: t.ID, Person: p.ID, Name: p.Name, Mail: p.Mail, Role: access.Owner, Domain: domain, Revision: 1, JoinedAt: self.At}
	entry := audit.New(a.IDs, by, audit.TenantCreated, "tenant:"+string(t.ID), "", t.Digest())
	return t, a.Members.Found(ctx, Founding{Tenant: t, Owner: owner, Entry: entry, Terms: lifecycle.Current()})
}

// Accept makes the caller a member by the token of an invitation. Whoever sent it must still be allowed to: an admin who
// was removed leaves no open doors.
func (a *Accounts) Accept(ctx context.Context, self Self, token string) (Member, error) {
	if self.Person == "" {
		return Member{}, noProfile()
	}
	given, ok := parseToken(token)
	if !ok {
		return Member{}, NoInvitation()
	}
	if err := a.room(ctx, self.Person); err != nil {
		return Member{}, err
	}
	ctx = access.As(ctx, given.tenant)
	i, err := a.Invitations.Invitation(ctx, given.tenant, given.invitation)
	if err != nil {
		return Member{}, err
	}
	if !given.opens(i) || !self.At.Before(i.ExpiresAt) {
		return Member{}, NoInvitation()
	}
	inviter, err := a.Members.Standing(ctx, i.Tenant, i.InvitedBy)
	if errors.Is(err, fault.NotFound) || err == nil && !access.CanGrant(inviter.Member.Role, i.Role) {
		return Member{}, NoInvitation()
	}
	if err != nil {
		return Member{}, err
	}
	if err := lifecycle.Enter(inviter.Tenant.Door(), lifecycle.NewAccess, self.At); err != nil {
		return Member{}, err
	}
	p, err := a.People.Person(ctx, self.Person)
	if err != nil {
		return Member{}, err
	}
	domain, _ := MailDomain(i.Mail)
	m := Member{Tenant: i.Tenant, Person: p.ID, Name: p.Name, Mail: p.Mail, Role: i.Role, Domain: domain, Revision: 1, JoinedAt: self.At}
	by := access.Caller{Tenant: i.Tenant, Actor: "person:" + string(p.ID), Role: i.Role, Request: self.Request, At: self.At}
	entry := audit.New(a.IDs, by, audit.MemberJoined, "person:"+string(p.ID), "", "").With("role", string(i.Role))
	return m, a.Members.Join(ctx, Joining{Member: m, Invitation: i.ID, Entry: entry, Notice: audit.NoticeOf(a.IDs, entry)})
}

// Leave ends the person's own membership, whatever their role and however they have signed in; one owner stays, and
// so does whom a legal hold keeps. An
// organisation to which they do not belong is an member-not-found fault, as is one that does not exist.
func (a *Accounts) Leave(ctx context.Context, self Self, t id.Tenant) error {
	ctx = access.As(ctx, t)
	st, err := a.Members.Standing(ctx, t, self.Person)
	if self.Person == "" || errors.Is(err, fault.NotFound) {
		return NoMember()
	}
	if err != nil {
		return err
	}
	if err := open(st, self.At); err != nil {
		return err
	}
	if st.Member.Role == access.Owner && st.Tenant.Owners == 1 {
		return LastOwner()
	}
	if err := kept(ctx, a.Holds, t, self.Person); err != nil {
		return err
	}
	by := access.Caller{Tenant: t, Actor: "person:" + string(self.Person), Role: st.Member.Role, Request: self.Request, At: self.At}
	entry := audit.New(a.IDs, by, audit.MemberRemoved, "person:"+string(self.Person), "", "").With("from", string(st.Member.Role))
	return a.Members.Remove(ctx, Change{Before: st.Member, Entry: entry, Notice: audit.NoticeOf(a.IDs, entry)})
}

// open refuses an organisation in which nothing is written any more. Its members go with it.
func open(st Standing, at time.Time) error {
	if lifecycle.Behind(st.Tenant.Door(), at).Closed() {
		return lifecycle.Enter(st.Tenant.Door(), lifecycle.Read, at)
	}
	return nil
}

// maxOrganisations is how many organisations one person may belong to.
const maxOrganisations = 50

// room refuses one organisation more than a person may have.
func (a *Accounts) room(ctx context.Context, p id.Person) error {
	all, err := a.People.Organisations(ctx, p)
	if err != nil {
		return err
	}
	if len(all) >= maxOrganisations {
		return fault.New(fault.CodeOrganisationLimit, "You belong to %d organisations already, which is the most.", len(all))
	}
	return nil
}

// NoMember is the fault for an organisation to which a person does not belong, or that does not exist.
func NoMember() error {
	return fault.New(fault.CodeMemberNotFound, "You are a member of no organisation with this identifier.")
}

func noProfile() error {
	return fault.New(fault.CodeProfileMissing, "Say who you are first: send your ID token with PUT /v1/me.")
}
