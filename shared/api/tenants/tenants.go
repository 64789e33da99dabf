// Package tenants is the HTTP form of an organisation: its name, its state and how its people must sign in.
package tenants

import (
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tenant is an organisation as it is read.
type Tenant struct {
	ID        id.Tenant    `json:"id"`
	Name      string       `json:"name"`
	State     access.State `json:"state"`
	Effective time.Time    `json:"effectiveAt,omitzero"` // when the termination of the contract comes or came into force
	Revision  int64        `json:"revision"`
	CreatedAt time.Time    `json:"createdAt"`
}

// Get serves GET /v1/tenant.
func Get(s *tenant.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-tenant", Pattern: "GET /v1/tenant", Action: access.TenantRead, Siblings: []string{http.MethodPatch},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			t, err := s.Get(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			return Show(t, http.StatusOK), nil
		},
	}
}

// Rename serves PATCH /v1/tenant.
func Rename(s *tenant.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-tenant", Pattern: "PATCH /v1/tenant", Action: access.TenantWrite, Body: httpapi.MergePatch(), Conditional: true, Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Name string `json:"name"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			revision, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			t, err := s.Rename(r.Context(), r.Caller(), revision, in.Name)
			if err != nil {
				return nil, err
			}
			return Show(t, http.StatusOK), nil
		},
	}
}

// GetPolicy serves GET /v1/tenant/sign-in-policy.
func GetPolicy(s *tenant.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-tenant", Pattern: "GET /v1/tenant/sign-in-policy", Action: access.PolicyRead, Siblings: []string{http.MethodPut},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			t, err := s.Get(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			return policy(t), nil
		},
	}
}

// SetPolicy serves PUT /v1/tenant/sign-in-policy.
func SetPolicy(s *tenant.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-tenant", Pattern: "PUT /v1/tenant/sign-in-policy", Action: access.PolicyWrite, Body: httpapi.JSON(), Conditional: true, Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[tenant.Policy](r)
			if err != nil {
				return nil, err
			}
			revision, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			if err := in.Check(); err != nil {
				return nil, err
			}
			if err := in.LocksOut(r.Principal); err != nil {
				return nil, err
			}
			t, err := s.SetPolicy(r.Context(), r.Caller(), revision, in)
			if err != nil {
				return nil, err
			}
			return policy(t), nil
		},
	}
}

// Show is the answer that shows an organisation.
func Show(t tenant.Tenant, status int) *httpapi.Response {
	return &httpapi.Response{
		Status: status, ETag: httpapi.RevisionTag(t.Revision),
		Value: Tenant{ID: t.ID, Name: t.Name, State: t.State, Effective: t.Effective, Revision: t.Revision, CreatedAt: t.CreatedAt},
	}
}

func policy(t tenant.Tenant) *httpapi.Response {
	p := t.Policy
	if p.Domains == nil {
		p.Domains = []string{}
	}
	return &httpapi.Response{Value: p, ETag: httpapi.RevisionTag(t.Revision)}
}
