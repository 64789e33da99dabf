package member

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"net/mail"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/opaque"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Random is where secrets come from.
type Random = io.Reader

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * 24 * time.Hour

// Invitation is an offer to join. Who holds its token has read the mail it was sent in.
type Invitation struct {
	ID        id.Invitation
	Tenant    id.Tenant
	Mail      string
	Role      access.Role
	InvitedBy id.Person
	Hash      [sha256.Size]byte // of the token's secret, which is stored nowhere
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Invitations keeps open invitations. Invitation and Withdraw return an invitation-not-found fault for one that is not
// open; accepting one is member.Store's, since it makes a member.
type Invitations interface {
	Put(ctx context.Context, i Invitation, e audit.Entry, n audit.Notice) error
	Invitation(ctx context.Context, t id.Tenant, i id.Invitation) (Invitation, error)
	Open(ctx context.Context, t id.Tenant, r page.Request) (page.Of[Invitation], error)
	Withdraw(ctx context.Context, i Invitation, e audit.Entry, n audit.Notice) error
}

// Mail is a message to one person.
type Mail struct{ To, Subject, Text string }

// Mailer sends mail.
type Mailer interface {
	Send(ctx context.Context, m Mail) error
}

// Invite sends a person an invitation. The mail leaves before the invitation is stored, so that what is stored was sent;
// a mail whose invitation could not be stored leads to a refusal that says so.
func (s *Service) Invite(ctx context.Context, by access.Caller, organisation, address string, role access.Role, policy func(domain string) bool) (Invitation, error) {
	if err := checkRole(role); err != nil {
		return Invitation{}, err
	}
	if !access.CanGrant(by.Role, role) {
		return Invitation{}, fault.New(fault.CodeRoleAboveOwn, "With the role %q you cannot invite somebody as %q.", by.Role, role)
	}
	domain, ok := MailDomain(address)
	if !ok {
		return Invitation{}, fault.New(fault.CodeValueInvalid, "The mail address is not one that can be written to.").With(
			fault.Field{Pointer: "/email", Code: fault.CodeValueInvalid, Detail: "a mail address such as name@example.com"})
	}
	if !policy(domain) {
		return Invitation{}, fault.New(fault.CodeDomainRefused, "Your sign-in policy does not admit mail addresses of this domain.").With(
			fault.Field{Pointer: "/email", Code: fault.CodeDomainRefused, Detail: "of another domain than the policy admits"})
	}
	i := Invitation{
		ID: id.New[id.Invitation](s.IDs), Tenant: by.Tenant, Mail: address, Role: role,
		InvitedBy: id.Person(strings.TrimPrefix(by.Actor, "person:")), CreatedAt: by.At, ExpiresAt: by.At.Add(InvitationLife),
	}
	token, err := i.mint(s.Random)
	if err != nil {
		return Invitation{}, err
	}
	m := Mail{To: address, Subject: "Invitation to " + organisation, Text: fmt.Sprintf(
		"You are invited to join %s on PassportCraft as %s.\n\nOpen this address to accept. It works once, until %s:\n%s\n\nIf you do not know %s, ignore this mail.\n",
		organisation, role, i.ExpiresAt.Format("2 January 2006 15:04 MST"), s.Links(token), organisation)}
	if err := s.Mailer.Send(ctx, m); err != nil {
		return Invitation{}, err
	}
	entry := audit.New(s.IDs, by, audit.MemberInvited, "invitation:"+string(i.ID), "", "").With("role", string(role))
	return i, s.Invitations.Put(ctx, i, entry, audit.NoticeOf(s.IDs, entry))
}

// Pending lists the open invitations.
func (s *Service) Pending(ctx context.Context, by access.Caller, r page.Request) (page.Of[Invitation], error) {
	return s.Invitations.Open(ctx, by.Tenant, r)
}

// Withdraw ends an open invitation.
func (s *Service) Withdraw(ctx context.Context, by access.Caller, which id.Invitation) error {
	i, err := s.Invitations.Invitation(ctx, by.Tenant, which)
	if err != nil {
		return err
	}
	if !access.CanGrant(by.Role, i.Role) {
		return fault.New(fault.CodeRoleAboveOwn, "With the role %q you cannot withdraw an invitation for the role %q.", by.Role, i.Role)
	}
	entry := audit.New(s.IDs, by, audit.InvitationWithdrawn, "invitation:"+string(i.ID), "", "").With("role", string(i.Role))
	return s.Invitations.Withdraw(ctx, i, entry, audit.NoticeOf(s.IDs, entry))
}

// MailDomain is the domain of a mail address in lower case; ok is false when the address is not a plain one.
func MailDomain(address string) (domain string, ok bool) {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address || len(address) > 254 || strings.ContainsAny(address, "\r\n\" ") {
		return "", false
	}
	at := strings.LastIndexByte(address, '@')
	return strings.ToLower(address[at+1:]), strings.Contains(address[at+1:], ".")
}

const invitationSecret = 24

// mint makes the token pci_<tenant and invitation>_<secret> and sets the hash. The token names the tenant, so that the
// invitation is found under a key that begins with it.
func (i *Invitation) mint(random io.Reader) (string, error) {
	owner, ok := id.Bytes(i.Tenant)
	own, ok2 := id.Bytes(i.ID)
	secret := make([]byte, invitationSecret)
	if _, err := io.ReadFull(random, secret); err != nil || !ok || !ok2 {
		return "", fmt.Errorf("member: invitation token: %w", err)
	}
	i.Hash = sha256.Sum256(secret)
	return "pci_" + opaque.Text(append(owner[:], own[:]...)) + "_" + opaque.Text(secret), nil
}

// presented is a well-formed token, not yet verified.
type presented struct {
	tenant     id.Tenant
	invitation id.Invitation
	hash       [sha256.Size]byte
}

// parseToken reads the text form of an invitation token.
func parseToken(s string) (p presented, ok bool) {
	parts := strings.Split(s, "_")
	if len(s) > 160 || len(parts) != 3 || parts[0] != "pci" {
		return p, false
	}
	where, ok := opaque.Bytes(parts[1], 32)
	secret, ok2 := opaque.Bytes(parts[2], invitationSecret)
	if !ok || !ok2 {
		return p, false
	}
	return presented{id.FromBytes[id.Tenant]([16]byte(where[:16])), id.FromBytes[id.Invitation]([16]byte(where[16:])), sha256.Sum256(secret)}, true
}

// opens tells whether the token is the invitation's, in constant time.
func (p presented) opens(i Invitation) bool {
	return subtle.ConstantTimeCompare(p.hash[:], i.Hash[:]) == 1
}

// NoInvitation is the fault for a token that opens nothing, whatever the reason.
func NoInvitation() error {
	return fault.New(fault.CodeInvitationNotFound, "The invitation is unknown, used, withdrawn or too old.")
}
