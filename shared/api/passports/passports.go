// Package passports is the HTTP form of the passport resource: one constructor per route.
package passports

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Passport is the resource as it is read.
type Passport struct {
	ID                id.Passport      `json:"id"`
	Status            passport.Status  `json:"status"`
	Revision          int64            `json:"revision"`
	Version           int              `json:"version"`
	ProductGroup      string           `json:"productGroup"`
	Granularity       string           `json:"granularity"`
	ProductIdentifier string           `json:"productIdentifier"`
	PublicURL         string           `json:"publicUrl"` // where the data carrier leads
	Reason            string           `json:"reason,omitempty"`
	ContentHash       string           `json:"contentHash,omitempty"`
	CreatedAt         time.Time        `json:"createdAt"`
	UpdatedAt         time.Time        `json:"updatedAt"`
	PublishedAt       *time.Time       `json:"publishedAt,omitempty"`
	Content           passport.Content `json:"content,omitempty"`
}

// Links builds public addresses.
type Links struct {
	Base string // scheme and host of the public resolver, without a slash at the end
}

func (l Links) of(p identifier.Product) string { return l.Base + p.Path() }

// Create serves POST /v1/passports.
func Create(s *passport.Service, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "create-passport", Pattern: "POST /v1/passports", Action: access.PassportWrite,
		Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				ProductGroup      string          `json:"productGroup"`
				Granularity       string          `json:"granularity"`
				ProductIdentifier string          `json:"productIdentifier"`
				Content           json.RawMessage `json:"content"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			content, _, err := object(in.Content)
			if err != nil {
				return nil, err
			}
			p, err := s.Create(r.Context(), r.Caller(), passport.NewDraft{
				ProductGroup: in.ProductGroup, Granularity: in.Granularity, ProductIdentifier: in.ProductIdentifier, Content: content,
			})
			if err != nil {
				return nil, err
			}
			resp := &httpapi.Response{Status: http.StatusCreated, Value: links.show(p), ETag: httpapi.RevisionTag(p.Revision)}
			return resp.Set("Location", "/v1/passports/"+string(p.ID)), nil
		},
	}
}

// Get serves GET /v1/passports/{passportId}; with ?asOf it answers the version that was in force then.
func Get(s *passport.Reader, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "get-passport", Pattern: "GET /v1/passports/{passportId}", Action: access.PassportRead,
		Query: []string{"asOf"}, Siblings: []string{http.MethodPatch, http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			at, err := r.Instant("asOf")
			if err != nil {
				return nil, err
			}
			if !at.IsZero() {
				v, err := s.GetAsOf(r.Context(), r.Caller(), passportID(r), at)
				if err != nil {
					return nil, err
				}
				return httpapi.OK(links.version(v)), nil
			}
			p, err := s.Get(r.Context(), r.Caller(), passportID(r))
			if err != nil {
				return nil, err
			}
			return links.current(p), nil
		},
	}
}

// Update serves PATCH /v1/passports/{passportId} with a JSON Merge Patch (RFC 7396).
func Update(s *passport.Service, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "update-passport", Pattern: "PATCH /v1/passports/{passportId}", Action: access.PassportWrite,
		Body: httpapi.MergePatch(), Idempotent: true, Conditional: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			type input struct {
				ProductGroup      *string         `json:"productGroup"`
				Granularity       *string         `json:"granularity"`
				ProductIdentifier *string         `json:"productIdentifier"`
				Content           json.RawMessage `json:"content"`
			}
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			seen, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			patch := passport.Patch{ProductGroup: in.ProductGroup, Granularity: in.Granularity, ProductIdentifier: in.ProductIdentifier}
			if patch.Content, patch.Clear, err = object(in.Content); err != nil {
				return nil, err
			}
			p, err := s.Update(r.Context(), r.Caller(), passportID(r), seen, patch)
			if err != nil {
				return nil, err
			}
			return links.current(p), nil
		},
	}
}

// Publish serves POST /v1/passports/{passportId}/publication.
func Publish(s *passport.Service, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "publish-passport", Pattern: "POST /v1/passports/{passportId}/publication", Action: access.PassportPublish,
		Idempotent: true, Conditional: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			seen, err := r.IfMatch()
			if err != nil {
				return nil, err
			}
			p, err := s.Publish(r.Context(), r.Caller(), passportID(r), seen)
			if err != nil {
				return nil, err
			}
			return links.current(p), nil
		},
	}
}

type reason struct {
	Reason string `json:"reason"`
}

// Suspend serves POST /v1/passports/{passportId}/suspension.
func Suspend(s *passport.Service, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "suspend-passport", Pattern: "POST /v1/passports/{passportId}/suspension", Action: access.PassportPublish,
		Body: httpapi.JSON(), Idempotent: true, Conditional: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, seen, err := reasoned(r)
			if err != nil {
				return nil, err
			}
			p, err := s.Suspend(r.Context(), r.Caller(), passportID(r), seen, in.Reason)
			if err != nil {
				return nil, err
			}
			return links.current(p), nil
		},
	}
}

// Archive serves POST /v1/passports/{passportId}/archival.
func Archive(s *passport.Service, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "archive-passport", Pattern: "POST /v1/passports/{passportId}/archival", Action: access.PassportPublish,
		Body: httpapi.JSON(), Idempotent: true, Conditional: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, seen, err := reasoned(r)
			if err != nil {
				return nil, err
			}
			p, err := s.Archive(r.Context(), r.Caller(), passportID(r), seen, in.Reason)
			if err != nil {
				return nil, err
			}
			return links.current(p), nil
		},
	}
}

func reasoned(r *httpapi.Request) (reason, int64, error) {
	in, err := httpapi.Decode[reason](r)
	if err != nil {
		return in, 0, err
	}
	seen, err := r.IfMatch()
	return in, seen, err
}

func passportID(r *httpapi.Request) id.Passport { return id.Passport(r.PathValue("passportId")) }

// current is a passport with its entity tag.
func (l Links) current(p passport.Passport) *httpapi.Response {
	return &httpapi.Response{Value: l.show(p), ETag: httpapi.RevisionTag(p.Revision)}
}

func (l Links) show(p passport.Passport) Passport {
	out := Passport{
		ID: p.ID, Status: p.Status, Revision: p.Revision, Version: p.Version, ProductGroup: p.ProductGroup,
		Granularity: string(p.Granularity), ProductIdentifier: p.Product.Canonical(), PublicURL: l.of(p.Product),
		Reason: p.Reason, ContentHash: p.ContentHash, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Content: p.Content,
	}
	if !p.PublishedAt.IsZero() {
		out.PublishedAt = &p.PublishedAt
	}
	return out
}

// object reads the content member: absent is nil, null is clear, anything but an object is refused.
func object(raw json.RawMessage) (content passport.Content, clear bool, err error) {
	if len(raw) == 0 {
		return nil, false, nil
	}
	if string(raw) == "null" {
		return nil, true, nil
	}
	if raw[0] != '{' {
		return nil, false, fault.New(fault.CodeJSONType, "A member of the body has the wrong JSON type.").With(
			fault.Field{Pointer: "/content", Code: fault.CodeJSONType, Detail: "the content must be an object"})
	}
	content, err = passport.DecodeContent(raw)
	return content, false, err
}
