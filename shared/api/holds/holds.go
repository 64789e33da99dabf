// Package holds is the HTTP form of legal holds: duties to keep that stand against deletion, such as a lawsuit (Regulation
// (EU) 2016/679, article 17(3)(e)).
package holds

import (
	"context"
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/contract"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Scope is what a hold covers.
type Scope struct {
	Kind     lifecycle.ScopeKind `json:"kind"`
	Passport id.Passport         `json:"passport,omitempty"`
	User     id.Person           `json:"user,omitempty"`
	From     id.Passport         `json:"from,omitempty"`
	To       id.Passport         `json:"to,omitempty"`
}

// Hold is a hold as it is read.
type Hold struct {
	ID          string          `json:"id"`
	State       string          `json:"state"` // waiting, in-force or released
	Scope       Scope           `json:"scope"`
	Basis       lifecycle.Basis `json:"basis"`
	RequestedBy string          `json:"requestedBy"`
	RequestedAt time.Time       `json:"requestedAt"`
	ApprovedBy  string          `json:"approvedBy,omitempty"`
	ApprovedAt  time.Time       `json:"approvedAt,omitzero"`
	ReviewBy    time.Time       `json:"reviewBy"`
	ReviewedBy  string          `json:"reviewedBy,omitempty"`
	Overdue     bool            `json:"overdue,omitempty"` // somebody should have looked at it again; it stays in force
	ReleasedBy  string          `json:"releasedBy,omitempty"`
	ReleasedAt  time.Time       `json:"releasedAt,omitzero"`
}

// List serves GET /v1/holds: every hold on the organisation's data, in the order of asking, released ones too.
func List(s *contract.Holds) httpapi.Route {
	return httpapi.Route{
		Function: "manage-holds", Pattern: "GET /v1/holds", Action: access.HoldRead, Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			all, err := s.List(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			out := httpapi.List[Hold]{Items: make([]Hold, len(all))}
			for i, h := range all {
				out.Items[i] = show(h, r.At)
			}
			return httpapi.OK(out), nil
		},
	}
}

// Ask serves POST /v1/holds: the hold waits for somebody else's approval.
func Ask(s *contract.Holds) httpapi.Route {
	return httpapi.Route{
		Function: "manage-holds", Pattern: "POST /v1/holds", Action: access.HoldAsk, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				Scope    Scope           `json:"scope"`
				Basis    lifecycle.Basis `json:"basis"`
				ReviewBy time.Time       `json:"reviewBy"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			h, err := s.Ask(r.Context(), r.Caller(), contract.Plea{
				Scope: lifecycle.Scope{Kind: in.Scope.Kind, Passport: in.Scope.Passport, User: in.Scope.User, From: in.Scope.From, To: in.Scope.To},
				Basis: in.Basis, ReviewBy: in.ReviewBy,
			})
			if err != nil {
				return nil, err
			}
			resp := &httpapi.Response{Status: http.StatusCreated, Value: show(h, r.At)}
			return resp.Set("Location", "/v1/holds/"+h.ID), nil
		},
	}
}

// Get serves GET /v1/holds/{holdId}.
func Get(s *contract.Holds) httpapi.Route {
	return httpapi.Route{
		Function: "manage-holds", Pattern: "GET /v1/holds/{holdId}", Action: access.HoldRead, Siblings: []string{http.MethodDelete},
		Handle: answer(s.Get),
	}
}

// Release serves DELETE /v1/holds/{holdId}: the hold ends, and stays readable.
func Release(s *contract.Holds) httpapi.Route {
	return httpapi.Route{
		Function: "manage-holds", Pattern: "DELETE /v1/holds/{holdId}", Action: access.HoldDecide, Idempotent: true, Handle: answer(s.Release),
	}
}

// Approve serves POST /v1/holds/{holdId}/approval: another owner than the one who asked puts it in force.
func Approve(s *contract.Holds) httpapi.Route {
	return httpapi.Route{
		Function: "manage-holds", Pattern: "POST /v1/holds/{holdId}/approval", Action: access.HoldDecide, Idempotent: true, Handle: answer(s.Approve),
	}
}

// Review serves POST /v1/holds/{holdId}/review: the hold is still needed, until another day.
func Review(s *contract.Holds) httpapi.Route {
	return httpapi.Route{
		Function: "manage-holds", Pattern: "POST /v1/holds/{holdId}/review", Action: access.HoldDecide, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				ReviewBy time.Time `json:"reviewBy"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			h, err := s.Continue(r.Context(), r.Caller(), r.PathValue("holdId"), in.ReviewBy)
			if err != nil {
				return nil, err
			}
			return httpapi.OK(show(h, r.At)), nil
		},
	}
}

// answer serves what takes nothing but the hold.
func answer(do func(ctx context.Context, by access.Caller, hold string) (lifecycle.Hold, error)) func(*httpapi.Request) (*httpapi.Response, error) {
	return func(r *httpapi.Request) (*httpapi.Response, error) {
		h, err := do(r.Context(), r.Caller(), r.PathValue("holdId"))
		if err != nil {
			return nil, err
		}
		return httpapi.OK(show(h, r.At)), nil
	}
}

func show(h lifecycle.Hold, at time.Time) Hold {
	out := Hold{
		ID: h.ID, State: "waiting", Scope: Scope{Kind: h.Scope.Kind, Passport: h.Scope.Passport, User: h.Scope.User, From: h.Scope.From, To: h.Scope.To},
		Basis: h.Basis, RequestedBy: h.RequestedBy, RequestedAt: h.RequestedAt, ApprovedBy: h.ApprovedBy, ApprovedAt: h.ApprovedAt,
		ReviewBy: h.ReviewBy, ReviewedBy: h.ReviewedBy, Overdue: h.Overdue(at), ReleasedBy: h.ReleasedBy, ReleasedAt: h.ReleasedAt,
	}
	switch {
	case !h.ReleasedAt.IsZero():
		out.State = "released"
	case h.InForce():
		out.State = "in-force"
	}
	return out
}
