// Package dispositions is the HTTP form of what becomes of passports when their organisation leaves: it is seen beforehand,
// and the organisation says where passports are handed over to (Regulation (EU) 2024/1781, article 11: they stay available
// also after the activity of their operator has ended).
package dispositions

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/disposition"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// MaxBulk is how many passports one request speaks about.
const MaxBulk = 100

// Outlook is what becomes of a passport, and what was said about it.
type Outlook struct {
	Product string `json:"productIdentifier"`
	lifecycle.Disposition
	Said *Said `json:"said,omitempty"`
}

// Said is what the organisation has said about a passport.
type Said struct {
	SuccessorURL string    `json:"successorUrl,omitempty"`
	HandedOver   bool      `json:"handedOver,omitempty"`
	DeclaredBy   string    `json:"declaredBy,omitempty"`
	DeclaredAt   time.Time `json:"declaredAt,omitzero"`
	RecycledAt   time.Time `json:"recycledAt,omitzero"`
}

// saying is what is said in a request.
type saying struct {
	SuccessorURL string    `json:"successorUrl"`
	HandedOver   bool      `json:"handedOver"`
	RecycledAt   time.Time `json:"recycledAt"`
}

func (s saying) domain() disposition.Saying {
	return disposition.Saying{SuccessorURL: s.SuccessorURL, HandedOver: s.HandedOver, RecycledAt: s.RecycledAt}
}

// Get serves GET /v1/passports/{passportId}/disposition.
func Get(s *disposition.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-dispositions", Pattern: "GET /v1/passports/{passportId}/disposition", Action: access.DispositionRead, Siblings: []string{http.MethodPut},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			o, err := s.Get(r.Context(), r.Caller(), id.Passport(r.PathValue("passportId")))
			if err != nil {
				return nil, err
			}
			return httpapi.OK(show(o)), nil
		},
	}
}

// Set serves PUT /v1/passports/{passportId}/disposition; an empty object takes back what was said.
func Set(s *disposition.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-dispositions", Pattern: "PUT /v1/passports/{passportId}/disposition", Action: access.DispositionWrite, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[saying](r)
			if err != nil {
				return nil, err
			}
			o, err := s.Say(r.Context(), r.Caller(), id.Passport(r.PathValue("passportId")), in.domain())
			if err != nil {
				return nil, err
			}
			return httpapi.OK(show(o)), nil
		},
	}
}

// List serves GET /v1/tenant/lifecycle/dispositions: what would become of each published passport.
func List(s *disposition.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-dispositions", Pattern: "GET /v1/tenant/lifecycle/dispositions", Action: access.DispositionRead, Query: []string{"limit", "cursor"},
		Siblings: []string{http.MethodPost},
		Handle:   httpapi.Pages(s.List, show),
	}
}

// SetMany serves POST /v1/tenant/lifecycle/dispositions: the same thing is said about up to MaxBulk passports, one by one.
// The answer tells of each what became of it; what was refused changes nothing of the others.
func SetMany(s *disposition.Service) httpapi.Route {
	return httpapi.Route{
		Function: "manage-dispositions", Pattern: "POST /v1/tenant/lifecycle/dispositions", Action: access.DispositionWrite, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type item struct {
				Passport id.Passport `json:"passport"`
				saying
			}
			type input struct {
				Items []item `json:"items"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			if len(in.Items) == 0 || len(in.Items) > MaxBulk {
				return nil, fault.New(fault.CodeValueInvalid, "Name from 1 to %d passports.", MaxBulk).With(
					fault.Field{Pointer: "/items", Code: fault.CodeValueInvalid, Detail: fmt.Sprintf("1 to %d items", MaxBulk)})
			}
			out := httpapi.List[Result]{}
			for _, one := range in.Items {
				result, err := say(r.Context(), s, r.Caller(), one.Passport, one.domain())
				if err != nil {
					return nil, err
				}
				out.Items = append(out.Items, result)
			}
			return httpapi.OK(out), nil
		},
	}
}

// Result is what became of one of several.
type Result struct {
	Passport id.Passport   `json:"passport"`
	Outlook  *Outlook      `json:"outlook,omitempty"`
	Code     fault.Code    `json:"code,omitempty"` // of a refusal
	Detail   string        `json:"detail,omitempty"`
	Errors   []fault.Field `json:"errors,omitempty"`
}

// say turns a refusal into a result; when the platform fails, the request does.
func say(ctx context.Context, s *disposition.Service, by access.Caller, p id.Passport, said disposition.Saying) (Result, error) {
	o, err := s.Say(ctx, by, p, said)
	if err == nil {
		shown := show(o)
		return Result{Passport: p, Outlook: &shown}, nil
	}
	f := fault.Of(err)
	if f.Kind == fault.Internal || f.Kind == fault.Unavailable || f.Kind == fault.RateLimited {
		return Result{}, err
	}
	return Result{Passport: p, Code: f.Code, Detail: f.Detail, Errors: f.Fields}, nil
}

func show(o disposition.Outlook) Outlook {
	out := Outlook{Product: o.Product.Canonical(), Disposition: o.Disposition}
	if c := o.Choice; c != (lifecycle.Choice{}) {
		out.Said = &Said{SuccessorURL: c.SuccessorURL, HandedOver: c.DeclaredBy != "", DeclaredBy: c.DeclaredBy, DeclaredAt: c.DeclaredAt, RecycledAt: c.RecycledAt}
	}
	return out
}
