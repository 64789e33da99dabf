// Package member knows people: who they are, to which organisations they belong and with which role, and how they come
// and go. It founds organisations too, since one begins with its first owner.
//
// Who somebody is, is an identity: issuer and subject of a sign-in, never a mail address. A person's name and mail
// address are sealed under a key of their own, so that erasing it erases them everywhere.
package member

import (
	"context"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Person is a human being.
type Person struct {
	ID        id.Person
	Name      string
	Mail      string
	CreatedAt time.Time
}

// Identity is one way to sign in.
type Identity struct{ Issuer, Subject string }

// People keeps persons and their identities. Find returns a not-found fault for an identity nobody has; Create and Link
// return an identity-taken fault for one that somebody has.
type People interface {
	Find(ctx context.Context, i Identity) (id.Person, error)
	Organisations(ctx context.Context, p id.Person) ([]id.Tenant, error)
	Person(ctx context.Context, p id.Person) (Person, error)
	Create(ctx context.Context, p Person, i Identity) error
	Describe(ctx context.Context, p Person) error
	Link(ctx context.Context, p id.Person, i Identity) error
}

// Member is a person's place in an organisation.
type Member struct {
	Tenant   id.Tenant
	Person   id.Person
	Name     string // "" in a standing, and of a person whose key is gone
	Mail     string // as Name
	Role     access.Role
	Domain   string // of the mail address that was invited
	Revision int64
	JoinedAt time.Time
}

// Standing is a member together with what decides on their requests. It is read without unsealing anything: the
// tenant's name and the person's are empty.
type Standing struct {
	Tenant tenant.Tenant
	Member Member
}

// Change is a step in a member's life. After is the zero Member when they go.
type Change struct {
	Before, After Member
	Entry         audit.Entry
	Notice        audit.Notice
}

// Founding is a new organisation with its first owner.
type Founding struct {
	Tenant tenant.Tenant
	Owner  Member
	Entry  audit.Entry
	Terms  lifecycle.Policy // of leaving, as they are accepted with it: no later policy takes any of it away
}

// Joining is an accepted invitation.
type Joining struct {
	Member     Member
	Invitation id.Invitation
	Entry      audit.Entry
	Notice     audit.Notice
}

// Store keeps members. Every write happens whole or not at all, with its audit entry, its notice and the tenant's count
// of owners and epoch: a change that would leave no owner is a last-owner fault, another revision a revision-stale
// fault, an invitation that is used or withdrawn an invitation-not-found fault.
type Store interface {
	Standing(ctx context.Context, t id.Tenant, p id.Person) (Standing, error)
	List(ctx context.Context, t id.Tenant, r page.Request) (page.Of[Member], error)
	Found(ctx context.Context, f Founding) error
	Join(ctx context.Context, j Joining) error
	Change(ctx context.Context, c Change) error
	Remove(ctx context.Context, c Change) error
}

// Service is what the people in charge can do with the members of their organisation.
type Service struct {
	Store       Store
	Invitations Invitations
	Mailer      Mailer
	Holds       lifecycle.Holds
	IDs         *id.Source
	Random      Random
	Links       func(token string) string // address of the page that accepts an invitation
}

// List returns members with their names, in no particular order.
func (s *Service) List(ctx context.Context, by access.Caller, r page.Request) (page.Of[Member], error) {
	return s.Store.List(ctx, by.Tenant, r)
}

// ChangeRole gives a member another role. Nobody gives a role above their own or touches somebody above them, nobody
// raises themselves, and one owner stays.
func (s *Service) ChangeRole(ctx context.Context, by access.Caller, p id.Person, revision int64, role access.Role) (Member, error) {
	if err := checkRole(role); err != nil {
		return Member{}, err
	}
	st, err := s.Store.Standing(ctx, by.Tenant, p)
	if err != nil {
		return Member{}, err
	}
	if !access.CanTouch(by.Role, st.Member.Role) || !access.CanGrant(by.Role, role) {
		return Member{}, fault.New(fault.CodeRoleAboveOwn, "With the role %q you cannot make a member with the role %q a member with the role %q.", by.Role, st.Member.Role, role)
	}
	if st.Member.Revision != revision {
		return Member{}, fault.New(fault.CodeRevisionStale, "The member is at revision %d, not %d.", st.Member.Revision, revision)
	}
	if st.Member.Role == access.Owner && role != access.Owner && st.Tenant.Owners == 1 {
		return Member{}, LastOwner()
	}
	after := st.Member
	after.Role, after.Revision = role, revision+1
	entry := audit.New(s.IDs, by, audit.RoleChanged, "person:"+string(p), "", "").With("from", string(st.Member.Role)).With("to", string(role))
	return after, s.Store.Change(ctx, Change{Before: st.Member, After: after, Entry: entry, Notice: audit.NoticeOf(s.IDs, entry)})
}

// Remove ends a membership. One's own is included, unless one is the last owner. It is refused while a legal hold keeps the
// person: the account of somebody who belongs nowhere could be deleted.
func (s *Service) Remove(ctx context.Context, by access.Caller, p id.Person, revision int64) error {
	st, err := s.Store.Standing(ctx, by.Tenant, p)
	if err != nil {
		return err
	}
	if !access.CanTouch(by.Role, st.Member.Role) {
		return fault.New(fault.CodeRoleAboveOwn, "With the role %q you cannot remove a member with the role %q.", by.Role, st.Member.Role)
	}
	if st.Member.Revision != revision {
		return fault.New(fault.CodeRevisionStale, "The member is at revision %d, not %d.", st.Member.Revision, revision)
	}
	if st.Member.Role == access.Owner && st.Tenant.Owners == 1 {
		return LastOwner()
	}
	if err := kept(ctx, s.Holds, by.Tenant, p); err != nil {
		return err
	}
	entry := audit.New(s.IDs, by, audit.MemberRemoved, "person:"+string(p), "", "").With("from", string(st.Member.Role))
	return s.Store.Remove(ctx, Change{Before: st.Member, Entry: entry, Notice: audit.NoticeOf(s.IDs, entry)})
}

// kept is the fault for a person whom a hold of an organisation names. A hold on everything of it does not keep people in.
func kept(ctx context.Context, holds lifecycle.Holds, t id.Tenant, p id.Person) error {
	all, err := holds.Of(ctx, t)
	if err != nil {
		return err
	}
	for _, h := range all {
		if h.Scope.Kind == lifecycle.ScopeUser && h.Blocks(lifecycle.Target{Tenant: t, User: p}) {
			return fault.New(fault.CodeHeld, "The member is kept under %s, %s (hold %s), and cannot be removed before that is released. A role with fewer rights is possible.", h.Basis.Act, h.Basis.Article, h.ID)
		}
	}
	return nil
}

func checkRole(role access.Role) error {
	if slices.Contains(access.Roles(), role) {
		return nil
	}
	return fault.New(fault.CodeRoleUnknown, "There is no role %q.", role).With(
		fault.Field{Pointer: "/role", Code: fault.CodeRoleUnknown, Detail: "one of owner, admin, editor, reviewer, viewer, auditor"})
}

// Absent is the fault for a person who is not a member.
func Absent() error {
	return fault.New(fault.CodeMemberNotFound, "Your organisation has no such member.")
}

// LastOwner is the fault for a change that would leave no owner.
func LastOwner() error {
	return fault.New(fault.CodeLastOwner, "This is the last owner. Make somebody else an owner first.")
}
