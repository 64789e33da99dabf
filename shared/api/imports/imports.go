// Package imports is the HTTP form of bringing an export back.
package imports

import (
	"net/http"
	"regexp"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const function = "manage-imports"

// Import is an import as its owners see it.
type Import struct {
	ID          id.Import         `json:"id"`
	State       restore.State     `json:"state"`
	Format      string            `json:"format"`
	Size        int64             `json:"size"`
	SHA256      string            `json:"sha256"`
	RequestedAt time.Time         `json:"requestedAt"`
	RequestedBy string            `json:"requestedBy"`
	Why         string            `json:"why,omitempty"`
	Origin      string            `json:"origin,omitempty"`
	Snapshot    *time.Time        `json:"snapshot,omitempty"`
	Passports   int64             `json:"passports"`
	Versions    int64             `json:"versions"`
	Read        int64             `json:"read"`
	Restored    int64             `json:"restored"`
	Present     int64             `json:"present"`
	Failed      int64             `json:"failed"`
	Problems    []restore.Problem `json:"problems,omitempty"`
	Upload      *restore.Form     `json:"upload,omitempty"`
	UploadUntil *time.Time        `json:"uploadUntil,omitempty"`
}

// format is the only one so far: what GET /v1/exports gives.
const format = "archive"

func view(i restore.Import) Import {
	v := Import{
		ID: i.ID, State: i.State, Format: format, Size: i.Size, SHA256: i.SHA256, RequestedAt: i.RequestedAt, RequestedBy: i.RequestedBy, Why: i.Why,
		Origin: i.Origin, Passports: i.Passports, Versions: i.Versions, Read: i.Read, Restored: i.Restored, Present: i.Present, Failed: i.Failed, Problems: i.Problems,
	}
	if !i.Snapshot.IsZero() {
		v.Snapshot = &i.Snapshot
	}
	return v
}

type input struct {
	Format string `json:"format"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func (in input) check() error {
	var fields []fault.Field
	bad := func(pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodeValueInvalid, Detail: detail})
	}
	if in.Format != format {
		bad("/format", "archive: a package as GET /v1/exports gives it")
	}
	if in.Size < 1 || in.Size > restore.MaxSize {
		bad("/size", "bytes of the file, from 1 to 5368709120")
	}
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(in.SHA256) {
		bad("/sha256", "of the file, 64 hexadecimal digits in lower case")
	}
	if fields == nil {
		return nil
	}
	return fault.New(fault.CodeValueInvalid, "The file cannot be taken as announced.").With(fields...)
}

// Create serves POST /v1/imports: announces a file and says how to upload it.
func Create(s *restore.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/imports", Action: access.ImportWrite, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			if err := in.check(); err != nil {
				return nil, err
			}
			i, form, err := s.Begin(r.Context(), r.Caller(), in.Size, in.SHA256)
			if err != nil {
				return nil, err
			}
			v, until := view(i), r.At.Add(restore.UploadFor)
			v.Upload, v.UploadUntil = &form, &until
			resp := &httpapi.Response{Status: http.StatusCreated, Value: v}
			return resp.Set("Location", "/v1/imports/"+string(i.ID)), nil
		},
	}
}

// List serves GET /v1/imports, latest first.
func List(s *restore.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/imports", Action: access.ImportRead, Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			all, err := s.List(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			out := httpapi.List[Import]{Items: make([]Import, 0, len(all))}
			for _, i := range all {
				out.Items = append(out.Items, view(i))
			}
			return httpapi.OK(out), nil
		},
	}
}

// Get serves GET /v1/imports/{importId}.
func Get(s *restore.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/imports/{importId}", Action: access.ImportRead, Siblings: []string{http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			i, err := s.Get(r.Context(), r.Caller(), which)
			if err != nil {
				return nil, err
			}
			return httpapi.OK(view(i)), nil
		},
	}
}

// Commit serves POST /v1/imports/{importId}/commit: what has been checked is stored.
func Commit(s *restore.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/imports/{importId}/commit", Action: access.ImportWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			i, err := s.Commit(r.Context(), r.Caller(), which)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusAccepted, Value: view(i)}, nil
		},
	}
}

// Cancel serves DELETE /v1/imports/{importId}.
func Cancel(s *restore.Service) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "DELETE /v1/imports/{importId}", Action: access.ImportWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			if err := s.Cancel(r.Context(), r.Caller(), which); err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusNoContent}, nil
		},
	}
}

func named(r *httpapi.Request) (id.Import, error) {
	which := id.Import(r.PathValue("importId"))
	if !id.Valid(which) {
		return "", restore.NotFound()
	}
	return which, nil
}
