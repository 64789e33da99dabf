// Package accounts is the HTTP form of what people do for themselves: say who they are, found an organisation, join one.
package accounts

import (
	"context"
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/domain/signin"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tokens verifies ID tokens.
type Tokens interface {
	Verify(ctx context.Context, token, use string) (signin.Claims, error)
}

// Person is a person as they see themselves.
type Person struct {
	ID    id.Person `json:"id"`
	Name  string    `json:"name"`
	Email string    `json:"email"`
}

// Organisation is one that a person belongs to.
type Organisation struct {
	ID   id.Tenant   `json:"id"`
	Name string      `json:"name"`
	Role access.Role `json:"role"`
}

// Account is a person with their organisations. Person is absent until they have said who they are.
type Account struct {
	Person        *Person        `json:"person,omitempty"`
	Organisations []Organisation `json:"organisations"`
}

// Get serves GET /v1/me.
func Get(s *member.Accounts) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "GET /v1/me", Action: access.AccountRead, Siblings: []string{http.MethodPut, http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			a, err := s.Me(r.Context(), self(r))
			if err != nil {
				return nil, err
			}
			out := Account{Organisations: []Organisation{}}
			if a.Person.ID != "" {
				out.Person = &Person{a.Person.ID, a.Person.Name, a.Person.Mail}
			}
			for _, o := range a.Organisations {
				out.Organisations = append(out.Organisations, Organisation{o.ID, o.Name, o.Role})
			}
			return httpapi.OK(out), nil
		},
	}
}

// Register serves PUT /v1/me: name and mail address are taken from an ID token.
func Register(s *member.Accounts, tokens Tokens) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "PUT /v1/me", Action: access.AccountUse, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			c, err := idToken(r, tokens)
			if err != nil {
				return nil, err
			}
			p, err := s.Register(r.Context(), self(r), c)
			if err != nil {
				return nil, err
			}
			return httpapi.OK(Person{p.ID, p.Name, p.Mail}), nil
		},
	}
}

// Erase serves DELETE /v1/me: the person leaves all organisations, and their account is deleted (Regulation (EU) 2016/679,
// article 17). It takes a sign-in of the last minutes.
func Erase(s *member.Accounts) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "DELETE /v1/me", Action: access.AccountErase,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			by, err := s.Erase(r.Context(), self(r))
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusAccepted, Value: map[string]time.Time{"goneBy": by}}, nil
		},
	}
}

// Link serves POST /v1/me/identities: another way to sign in, proved by a fresh ID token of it.
func Link(s *member.Accounts, tokens Tokens) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "POST /v1/me/identities", Action: access.AccountLink, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			c, err := idToken(r, tokens)
			if err != nil {
				return nil, err
			}
			if err := s.Link(r.Context(), self(r), c); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

// Found serves POST /v1/tenants: a new organisation with the caller as its first owner.
func Found(s *member.Accounts) httpapi.Route {
	return httpapi.Route{
		Function: "create-tenant", Pattern: "POST /v1/tenants", Action: access.AccountUse, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Name string `json:"name"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			t, err := s.Found(r.Context(), self(r), in.Name)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusCreated, Value: Organisation{t.ID, t.Name, access.Owner}}, nil
		},
	}
}

// Accept serves POST /v1/invitations/acceptance: the caller joins by the token of an invitation.
func Accept(s *member.Accounts) httpapi.Route {
	return httpapi.Route{
		Function: "accept-invitation", Pattern: "POST /v1/invitations/acceptance", Action: access.AccountUse, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Token string `json:"token"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			m, err := s.Accept(r.Context(), self(r), in.Token)
			if err != nil {
				return nil, err
			}
			return httpapi.OK(map[string]any{"id": m.Tenant, "role": m.Role}), nil
		},
	}
}

// Leave serves DELETE /v1/me/organisations/{tenantId}: the caller's own membership ends.
func Leave(s *member.Accounts) httpapi.Route {
	return httpapi.Route{
		Function: "manage-account", Pattern: "DELETE /v1/me/organisations/{tenantId}", Action: access.AccountUse,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			t := id.Tenant(r.PathValue("tenantId"))
			if !id.Valid(t) {
				return nil, member.NoMember()
			}
			if err := s.Leave(r.Context(), self(r), t); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func self(r *httpapi.Request) member.Self {
	p := r.Principal
	return member.Self{Identity: member.Identity{Issuer: p.Issuer, Subject: p.Subject}, Person: id.Person(p.ID), Request: r.ID, At: r.At}
}

func idToken(r *httpapi.Request, tokens Tokens) (signin.Claims, error) {
	type input struct {
		IDToken string `json:"idToken"`
	}
	in, err := httpapi.Decode[input](r)
	if err != nil {
		return signin.Claims{}, err
	}
	c, err := tokens.Verify(r.Context(), in.IDToken, signin.ID)
	if fault.Of(err) != nil && fault.Of(err).Kind == fault.Unauthenticated {
		return c, fault.From(err, fault.CodeValueInvalid, "The ID token is not valid.").With(
			fault.Field{Pointer: "/idToken", Code: fault.CodeValueInvalid, Detail: "a valid ID token of the sign-in service"})
	}
	return c, err
}
