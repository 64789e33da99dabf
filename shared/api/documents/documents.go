// Package documents is the HTTP form of the papers that go with a passport: files go in and out as they are, and what is
// said about them comes in the query.
package documents

import (
	"errors"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const function = "manage-documents"

// Document is a document as it is read, without its bytes.
type Document struct {
	ID         id.Document         `json:"id"`
	PassportID id.Passport         `json:"passportId"`
	Name       string              `json:"name"`
	Kind       document.Kind       `json:"kind"`
	Language   string              `json:"language,omitempty"`
	Audience   []audience.Audience `json:"audience"`
	MediaType  string              `json:"mediaType"`
	Size       int64               `json:"size"`   // bytes
	SHA256     string              `json:"sha256"` // of the bytes, in hex
	AddedAt    time.Time           `json:"addedAt"`
	AddedBy    string              `json:"addedBy"`
}

func view(d document.Document) Document {
	return Document{
		ID: d.ID, PassportID: d.Passport, Name: d.Name, Kind: d.Kind, Language: d.Language, Audience: d.Audience.List(), MediaType: d.Media,
		Size: d.Size, SHA256: d.SHA256, AddedAt: d.AddedAt, AddedBy: d.AddedBy,
	}
}

// Add serves POST /v1/passports/{passportId}/documents: the body is the file.
func Add(s *document.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/passports/{passportId}/documents", Action: access.DocumentWrite, Idempotent: true,
		Body: httpapi.Body{Types: document.MediaTypes(), Max: document.MaxSize, Must: true}, Query: []string{"name", "kind", "language", "audience"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			if len(r.Body) == 0 {
				return nil, fault.New(fault.CodeMalformedRequest, "The body is the file; an empty one is none.")
			}
			q := r.URL.Query()
			said := document.Details{Name: q.Get("name"), Kind: q.Get("kind"), Language: q.Get("language"), Audience: strings.Split(q.Get("audience"), ",")}
			media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")) // the layers have admitted it
			if err != nil {
				return nil, fault.From(err, fault.CodeUnsupportedMedia, "Content-Type cannot be read.")
			}
			d, err := s.Add(r.Context(), r.Caller(), passportID(r), said, media, r.Body)
			if err != nil {
				return nil, asked(err)
			}
			resp := &httpapi.Response{Status: http.StatusCreated, Value: view(d)}
			return resp.Set("Location", "/v1/passports/"+string(d.Passport)+"/documents/"+string(d.ID)), nil
		},
	}
}

// asked says of rules about members that they were broken in the query.
func asked(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || f.Code != fault.CodeValueInvalid {
		return err
	}
	fields := make([]fault.Field, len(f.Fields))
	for i, of := range f.Fields {
		fields[i] = fault.Field{Pointer: "?" + strings.TrimPrefix(of.Pointer, "/"), Code: fault.CodeQueryInvalid, Detail: "must be " + of.Detail}
	}
	return fault.New(fault.CodeQueryInvalid, "The query says of the document what is not allowed, or not enough.").With(fields...)
}

// List serves GET /v1/passports/{passportId}/documents, latest first.
func List(s *document.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/passports/{passportId}/documents", Action: access.DocumentRead, Query: []string{"limit", "cursor"},
		Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			p, err := r.Page()
			if err != nil {
				return nil, err
			}
			got, err := s.List(r.Context(), r.Caller(), passportID(r), p)
			if err != nil {
				return nil, err
			}
			return httpapi.ListOf(got, view), nil
		},
	}
}

// Get serves GET /v1/passports/{passportId}/documents/{documentId}.
func Get(s *document.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/passports/{passportId}/documents/{documentId}", Action: access.DocumentRead, Siblings: []string{http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			d, err := s.Get(r.Context(), r.Caller(), passportID(r), documentID(r))
			if err != nil {
				return nil, err
			}
			return httpapi.OK(view(d)), nil
		},
	}
}

// Fetch serves GET /v1/passports/{passportId}/documents/{documentId}/content: the bytes, for keeping and not for showing.
func Fetch(s *document.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/passports/{passportId}/documents/{documentId}/content", Action: access.DocumentRead, Bytes: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			d, body, err := s.Fetch(r.Context(), r.Caller(), passportID(r), documentID(r))
			if err != nil {
				return nil, err
			}
			resp := &httpapi.Response{Raw: body, ContentType: d.Media, ETag: `"` + d.SHA256 + `"`}
			return resp.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": d.Name})), nil
		},
	}
}

// Delete serves DELETE /v1/passports/{passportId}/documents/{documentId}.
func Delete(s *document.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "DELETE /v1/passports/{passportId}/documents/{documentId}", Action: access.DocumentWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			if err := s.Delete(r.Context(), r.Caller(), passportID(r), documentID(r)); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func passportID(r *httpapi.Request) id.Passport { return id.Passport(r.PathValue("passportId")) }

func documentID(r *httpapi.Request) id.Document { return id.Document(r.PathValue("documentId")) }
