// Package members is the HTTP form of an organisation's members and invitations.
package members

import (
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Member is a member as it is read. Name and e-mail are empty for a person who has been forgotten.
type Member struct {
	ID       id.Person   `json:"id"`
	Name     string      `json:"name"`
	Email    string      `json:"email"`
	Role     access.Role `json:"role"`
	Revision int64       `json:"revision"`
	JoinedAt time.Time   `json:"joinedAt"`
}

// Invitation is an open invitation as it is read.
type Invitation struct {
	ID        id.Invitation `json:"id"`
	Email     string        `json:"email"`
	Role      access.Role   `json:"role"`
	InvitedBy id.Person     `json:"invitedBy"`
	CreatedAt time.Time     `json:"createdAt"`
	ExpiresAt time.Time     `json:"expiresAt"`
}

// List serves GET /v1/members.
func List(s *member.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-members", Pattern: "GET /v1/members", Action: access.MemberRead, Query: []string{"limit", "cursor"},
		Handle: httpapi.Pages(s.List, show),
	}
}

// Change serves PATCH /v1/members/{personId}: another role.
func Change(s *member.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-members", Pattern: "PATCH /v1/members/{personId}", Action: access.MemberChange,
		Body: httpapi.MergePatch(), Conditional: true, Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Role access.Role `json:"role"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			p, revision, err := which(r)
			if err != nil {
				return nil, err
			}
			m, err := s.ChangeRole(r.Context(), r.Caller(), p, revision, in.Role)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Value: map[string]any{"id": m.Person, "role": m.Role, "revision": m.Revision}, ETag: httpapi.RevisionTag(m.Revision)}, nil
		},
	}
}

// Remove serves DELETE /v1/members/{personId}.
func Remove(s *member.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-members", Pattern: "DELETE /v1/members/{personId}", Action: access.MemberChange, Conditional: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			p, revision, err := which(r)
			if err != nil {
				return nil, err
			}
			if err := s.Remove(r.Context(), r.Caller(), p, revision); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func which(r *httpapi.Request) (id.Person, int64, error) {
	revision, err := r.IfMatch()
	if err != nil {
		return "", 0, err
	}
	p := id.Person(r.PathValue("personId"))
	if !id.Valid(p) {
		return "", 0, member.Absent()
	}
	return p, revision, nil
}

// Invitations serves GET /v1/invitations: those that can still be accepted.
func Invitations(s *member.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-invitations", Pattern: "GET /v1/invitations", Action: access.MemberRead, Query: []string{"limit", "cursor"}, Siblings: []string{http.MethodPost},
		Handle: httpapi.Pages(s.Pending, invitation),
	}
}

// Invite serves POST /v1/invitations: it sends the mail.
func Invite(s *member.Service, tenants *tenant.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-invitations", Pattern: "POST /v1/invitations", Action: access.MemberInvite, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Email string      `json:"email"`
				Role  access.Role `json:"role"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			t, err := tenants.Get(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			i, err := s.Invite(r.Context(), r.Caller(), t.Name, in.Email, in.Role, t.Policy.Admits)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusCreated, Value: invitation(i)}, nil
		},
	}
}

// Withdraw serves DELETE /v1/invitations/{invitationId}.
func Withdraw(s *member.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-invitations", Pattern: "DELETE /v1/invitations/{invitationId}", Action: access.MemberInvite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			i := id.Invitation(r.PathValue("invitationId"))
			if !id.Valid(i) {
				return nil, member.NoInvitation()
			}
			if err := s.Withdraw(r.Context(), r.Caller(), i); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func show(m member.Member) Member {
	return Member{ID: m.Person, Name: m.Name, Email: m.Mail, Role: m.Role, Revision: m.Revision, JoinedAt: m.JoinedAt}
}

func invitation(i member.Invitation) Invitation {
	return Invitation{ID: i.ID, Email: i.Mail, Role: i.Role, InvitedBy: i.InvitedBy, CreatedAt: i.CreatedAt, ExpiresAt: i.ExpiresAt}
}
