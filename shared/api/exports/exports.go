// Package exports is the HTTP form of taking one's data and going.
package exports

import (
	"context"
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const function = "manage-exports"

// Export is an export as its owners see it.
type Export struct {
	ID           id.Export    `json:"id"`
	State        export.State `json:"state"`
	Scope        export.Scope `json:"scope"`
	ProductGroup string       `json:"productGroup,omitempty"`
	Status       string       `json:"status,omitempty"`

	Formats []export.Format `json:"formats,omitempty"`
	Include export.Include  `json:"include,omitzero"`

	Snapshot    time.Time  `json:"snapshot"`
	RequestedAt time.Time  `json:"requestedAt"`
	RequestedBy string     `json:"requestedBy"`
	Items       int64      `json:"items"`                 // passports gone through so far
	Total       int64      `json:"total"`                 // passports to go through; 0 until counted
	Bytes       int64      `json:"bytes"`                 // of the package so far
	Parts       int        `json:"parts"`                 // of the package that are uploaded
	SecondsLeft int64      `json:"secondsLeft,omitempty"` // at the pace so far
	ReadyAt     *time.Time `json:"readyAt,omitempty"`
	ExpiresAt   *time.Time `json:"expiresAt,omitempty"`
	Why         string     `json:"why,omitempty"`
	Download    *Download  `json:"download,omitempty"`
}

// Download is where a package can be fetched for a while.
type Download struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expiresAt"`
}

func view(e export.Export, at time.Time) Export {
	v := Export{
		ID: e.ID, State: e.State, Scope: e.Options.Scope, ProductGroup: e.Options.ProductGroup, Status: e.Options.Status, Formats: e.Options.Formats, Include: e.Options.Include,
		Snapshot: e.Snapshot, RequestedAt: e.RequestedAt, RequestedBy: e.RequestedBy, Items: e.Items, Total: e.Total, Bytes: e.Bytes, Parts: e.Parts, Why: e.Why,
	}
	if !e.ReadyAt.IsZero() {
		v.ReadyAt, v.ExpiresAt = &e.ReadyAt, &e.ExpiresAt
	}
	if e.State == export.Running && e.Items > 0 && e.Total > e.Items {
		v.SecondsLeft = int64(at.Sub(e.RequestedAt).Seconds() * float64(e.Total-e.Items) / float64(e.Items))
	}
	return v
}

// Create serves POST /v1/exports.
func Create(s *export.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/exports", Action: access.ExportCreate, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[export.Options](r)
			if err != nil {
				return nil, err
			}
			e, err := s.Request(r.Context(), r.Caller(), in)
			if err != nil {
				return nil, err
			}
			resp := &httpapi.Response{Status: http.StatusAccepted, Value: view(e, r.At)}
			return resp.Set("Location", "/v1/exports/"+string(e.ID)), nil
		},
	}
}

// List serves GET /v1/exports: those of the last weeks, latest first.
func List(s *export.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/exports", Action: access.ExportRead, Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			all, err := s.List(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			out := httpapi.List[Export]{Items: make([]Export, 0, len(all))}
			for _, e := range all {
				out.Items = append(out.Items, view(e, r.At))
			}
			return httpapi.OK(out), nil
		},
	}
}

// Get serves GET /v1/exports/{exportId}; with link=true and a package that is ready, a link to it comes along.
func Get(s *export.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/exports/{exportId}", Action: access.ExportRead, Query: []string{"link"}, Siblings: []string{http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			link := r.URL.Query().Get("link")
			if link != "" && link != "true" && link != "false" {
				return nil, httpapi.BadQuery("link", "true or false")
			}
			e, err := get(r.Context(), s, r)
			if err != nil {
				return nil, err
			}
			v := view(e, r.At)
			if link == "true" {
				address, until, err := s.Link(r.Context(), r.Caller(), e)
				if err != nil {
					return nil, err
				}
				if address != "" {
					v.Download = &Download{address, until}
				}
			}
			return httpapi.OK(v), nil
		},
	}
}

// Delete serves DELETE /v1/exports/{exportId}.
func Delete(s *export.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "DELETE /v1/exports/{exportId}", Action: access.ExportCreate,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which := id.Export(r.PathValue("exportId"))
			if !id.Valid(which) {
				return nil, export.NotFound()
			}
			if err := s.Delete(r.Context(), r.Caller(), which); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func get(ctx context.Context, s *export.Service, r *httpapi.Request) (export.Export, error) {
	which := id.Export(r.PathValue("exportId"))
	if !id.Valid(which) {
		return export.Export{}, export.NotFound()
	}
	return s.Get(ctx, r.Caller(), which)
}
