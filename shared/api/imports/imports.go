// Package imports is the HTTP form of bringing data: exports that come back, tables and documents.
package imports

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const function = "manage-imports"

// Desk is what people can do with imports of both kinds.
type Desk struct {
	Archives *restore.Service
	Tables   *intake.Service
}

// archived is the format of what GET /v1/exports gives.
const archived = "archive"

// input is the body of POST /v1/imports.
type input struct {
	Format string `json:"format"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`

	ProductGroup string                 `json:"productGroup"`
	Granularity  identifier.Granularity `json:"granularity"`
	Sheet        string                 `json:"sheet"`
	wish
}

// wish is the body of POST /v1/imports/{importId}/check.
type wish struct {
	Recipe   *intake.Recipe  `json:"recipe"`
	RecipeID string          `json:"recipeId"`
	Existing intake.Existing `json:"existing"`
	Publish  bool            `json:"publish"`
}

func (w wish) wish() intake.Wish {
	return intake.Wish{Recipe: w.Recipe, RecipeID: w.RecipeID, Existing: w.Existing, Publish: w.Publish}
}

// check refuses what an archive cannot be asked for.
func (in input) check() error {
	fields := upload.Announcement{Size: in.Size, SHA256: in.SHA256}.Check(upload.MaxSize)
	for _, c := range []struct {
		pointer string
		given   bool
	}{
		{"/productGroup", in.ProductGroup != ""}, {"/granularity", in.Granularity != ""}, {"/sheet", in.Sheet != ""}, {"/recipe", in.Recipe != nil},
		{"/recipeId", in.RecipeID != ""}, {"/existing", in.Existing != ""}, {"/publish", in.Publish},
	} {
		if c.given {
			fields = append(fields, fault.Field{Pointer: c.pointer, Code: fault.CodeValueInvalid, Detail: "an archive says this itself"})
		}
	}
	if fields == nil {
		return nil
	}
	return fault.New(fault.CodeValueInvalid, "The file cannot be taken as announced.").With(fields...)
}

// Create serves POST /v1/imports: announces a file and says how to upload it.
func Create(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/imports", Action: access.ImportWrite, Body: httpapi.JSON(), Idempotent: true,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			in, err := httpapi.Decode[input](r)
			if err != nil {
				return nil, err
			}
			until := r.At.Add(upload.Life)
			if in.Format == archived {
				if err := in.check(); err != nil {
					return nil, err
				}
				i, form, err := d.Archives.Begin(r.Context(), r.Caller(), in.Size, in.SHA256)
				if err != nil {
					return nil, err
				}
				v := archive(i)
				v.Upload, v.UploadUntil = &form, &until
				return made(i.ID, v), nil
			}
			file := intake.File{Format: intake.Format(in.Format), Size: in.Size, SHA256: in.SHA256, Group: in.ProductGroup, Granularity: in.Granularity, Sheet: in.Sheet}
			run, form, err := d.Tables.Begin(r.Context(), r.Caller(), file, in.wish.wish())
			if err != nil {
				return nil, err
			}
			v := table(run, true)
			v.Upload, v.UploadUntil = &form, &until
			return made(run.ID, v), nil
		},
	}
}

func made(i id.Import, v any) *httpapi.Response {
	resp := &httpapi.Response{Status: http.StatusCreated, Value: v}
	return resp.Set("Location", "/v1/imports/"+string(i))
}

// List serves GET /v1/imports, latest first.
func List(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/imports", Action: access.ImportRead, Siblings: []string{http.MethodPost},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			archives, err := d.Archives.List(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			runs, err := d.Tables.List(r.Context(), r.Caller())
			if err != nil {
				return nil, err
			}
			type entry struct {
				at id.Import
				v  any
			}
			var all []entry
			for _, i := range archives {
				all = append(all, entry{i.ID, archive(i)})
			}
			for _, run := range runs {
				all = append(all, entry{run.ID, table(run, false)})
			}
			slices.SortFunc(all, func(a, b entry) int { return strings.Compare(string(b.at), string(a.at)) })
			out := httpapi.List[any]{Items: make([]any, 0, len(all))}
			for _, e := range all {
				out.Items = append(out.Items, e.v)
			}
			return httpapi.OK(out), nil
		},
	}
}

// Get serves GET /v1/imports/{importId}.
func Get(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/imports/{importId}", Action: access.ImportRead, Siblings: []string{http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			run, err := d.Tables.Get(r.Context(), r.Caller(), which)
			if errors.Is(err, fault.NotFound) {
				i, err := d.Archives.Get(r.Context(), r.Caller(), which)
				if err != nil {
					return nil, err
				}
				return httpapi.OK(archive(i)), nil
			}
			if err != nil {
				return nil, err
			}
			v := table(run, true)
			if v.Reports, err = d.Tables.Reports(r.Context(), run); err != nil {
				return nil, err
			}
			if len(v.Reports) > 0 {
				until := r.At.Add(intake.ReportFor)
				v.ReportsUntil = &until
			}
			return httpapi.OK(v), nil
		},
	}
}

// Check serves POST /v1/imports/{importId}/check: a dry run, with what the columns become.
func Check(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/imports/{importId}/check", Action: access.ImportWrite, Body: httpapi.JSON(),
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			in, err := httpapi.Decode[wish](r)
			if err != nil {
				return nil, err
			}
			run, err := d.Tables.Check(r.Context(), r.Caller(), which, in.wish())
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusAccepted, Value: table(run, true)}, nil
		},
	}
}

// Commit serves POST /v1/imports/{importId}/commit: what has been checked is stored. Publishing takes the right to publish
// at this moment.
func Commit(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/imports/{importId}/commit", Action: access.ImportWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			mayPublish := access.Check(r.Principal, access.PassportPublish, r.At) == nil
			run, err := d.Tables.Commit(r.Context(), r.Caller(), which, mayPublish)
			if err == nil {
				return &httpapi.Response{Status: http.StatusAccepted, Value: table(run, false)}, nil
			}
			if !errors.Is(err, fault.NotFound) {
				return nil, err
			}
			i, err := d.Archives.Commit(r.Context(), r.Caller(), which)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusAccepted, Value: archive(i)}, nil
		},
	}
}

// Cancel serves DELETE /v1/imports/{importId}.
func Cancel(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "DELETE /v1/imports/{importId}", Action: access.ImportWrite,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			err = d.Tables.Cancel(r.Context(), r.Caller(), which)
			if errors.Is(err, fault.NotFound) {
				err = d.Archives.Cancel(r.Context(), r.Caller(), which)
			}
			if err != nil {
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

// instant is nil for the zero time.
func instant(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
