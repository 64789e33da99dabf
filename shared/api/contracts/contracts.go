// Package contracts is the HTTP form of the end of a contract: terminating it, taking that back, an early end, and what
// happens when. Customers learn here what Regulation (EU) 2023/2854, articles 25(2) and 26, has them told, and use what
// Regulation (EU) 2016/679, article 28(3)(g), gives them: everything is exported, then deleted.
package contracts

import (
	"context"
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/contract"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

// Show serves GET /v1/tenant/lifecycle: every instant, what may be done now and until when, what is kept and why. It is
// answered in every state, and the only thing that is once the window has closed.
func Show(s *contract.Service) httpapi.Route {
	return route("GET /v1/tenant/lifecycle", access.ContractRead, s.Show)
}

// Terminate serves POST /v1/tenant/termination: an owner, in person and signed in just now, types the organisation's name.
// There is no notice period that we ask for (Regulation (EU) 2023/2854, article 25(2)(d): at most two months); who wants
// one says from when on the termination counts.
func Terminate(s *contract.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-lifecycle", Pattern: "POST /v1/tenant/termination", Action: access.ContractChange, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				EffectiveAt  time.Time `json:"effectiveAt"`
				Confirmation string    `json:"confirmation"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			v, err := s.Terminate(r.Context(), r.Caller(), contract.Wish{EffectiveAt: in.EffectiveAt, Confirmation: in.Confirmation})
			if err != nil {
				return nil, err
			}
			return httpapi.OK(v), nil
		},
	}
}

// TakeBack serves DELETE /v1/tenant/termination: it cancels a termination before it counts, and takes the contract up
// again while the window is open.
func TakeBack(s *contract.Service) httpapi.Route {
	return route("DELETE /v1/tenant/termination", access.ContractChange, s.Reinstate)
}

// Expedite serves POST /v1/tenant/termination/expedition: an owner wants the window to end early, since a customer may ask
// for deletion without delay (Regulation (EU) 2016/679, article 28(3)(g)). Nothing follows until another owner agrees.
func Expedite(s *contract.Service) httpapi.Route {
	return route("POST /v1/tenant/termination/expedition", access.ContractChange, s.Expedite)
}

// ConfirmExpedite serves POST /v1/tenant/termination/expedition/confirmation: another owner agrees. The window ends when
// the cooling-off has passed.
func ConfirmExpedite(s *contract.Service) httpapi.Route {
	return route("POST /v1/tenant/termination/expedition/confirmation", access.ContractChange, s.ConfirmExpedite)
}

// DropExpedite serves DELETE /v1/tenant/termination/expedition: any owner takes the wish back.
func DropExpedite(s *contract.Service) httpapi.Route {
	return route("DELETE /v1/tenant/termination/expedition", access.ContractChange, s.DropExpedite)
}

// route is a step, or a look, that takes nothing but the caller.
func route(pattern string, action access.Action, do func(ctx context.Context, by access.Caller) (lifecycle.View, error)) httpapi.Route {
	return httpapi.Route{
		Function: "manage-lifecycle", Pattern: pattern, Action: action, Idempotent: pattern[:len(http.MethodGet)] != http.MethodGet,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			v, err := do(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			return httpapi.OK(v), nil
		},
	}
}
