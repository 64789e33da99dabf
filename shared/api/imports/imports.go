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

// mostListed is how many imports are listed, those of both kinds together.
const mostListed = 100

// List serves GET /v1/imports: the latest hundred, latest first.
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
			all = all[:min(len(all), mostListed)]
			out := httpapi.List[any]{Items: make([]any, 0, len(all))}
			for _, e := range all {
				out.Items = append(out.Items, e.v)
			}
			return httpapi.OK(out), nil
		},
	}
}

// Get serves GET /v1/imports/{importId}; with settings=true and an archive that has been checked, what it says about the
// organisation comes along, for those who may see that of their own.
func Get(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "GET /v1/imports/{importId}", Action: access.ImportRead, Query: []string{"settings"}, Siblings: []string{http.MethodDelete},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			wanted := r.URL.Query().Get("settings")
			if wanted != "" && wanted != "true" && wanted != "false" {
				return nil, httpapi.BadQuery("settings", "true or false")
			}
			run, err := d.Tables.Get(r.Context(), r.Caller(), which)
			if errors.Is(err, fault.NotFound) {
				return getArchive(d, r, which, wanted == "true")
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

func getArchive(d Desk, r *httpapi.Request, which id.Import, withSettings bool) (*httpapi.Response, error) {
	if withSettings {
		if err := errors.Join(access.Check(r.Principal, access.MemberRead, r.At), access.Check(r.Principal, access.PolicyRead, r.At)); err != nil {
			return nil, err
		}
	}
	i, err := d.Archives.Get(r.Context(), r.Caller(), which)
	if err != nil {
		return nil, err
	}
	v := archive(i)
	if withSettings {
		own, found, err := d.Archives.Settings(r.Context(), r.Caller(), i)
		if err != nil {
			return nil, err
		}
		if found {
			v.Settings = &own
		}
	}
	return httpapi.OK(v), nil
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
// at this moment; taking over an archive's settings, the right to set them.
func Commit(d Desk) httpapi.Route {
	return httpapi.Route{
		Function: function, Pattern: "POST /v1/imports/{importId}/commit", Action: access.ImportWrite, Body: httpapi.Body{Types: httpapi.JSON().Types},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			which, err := named(r)
			if err != nil {
				return nil, err
			}
			withSettings, err := settings(r)
			if err != nil {
				return nil, err
			}
			mayPublish := access.Check(r.Principal, access.PassportPublish, r.At) == nil
			if withSettings {
				if _, err := d.Archives.Store.Import(r.Context(), r.Caller().Tenant, which); errors.Is(err, fault.NotFound) {
					return nil, unsettled("only archives have settings")
				}
			}
			run, err := d.Tables.Commit(r.Context(), r.Caller(), which, mayPublish)
			if err == nil {
				return &httpapi.Response{Status: http.StatusAccepted, Value: table(run, false)}, nil
			}
			if !errors.Is(err, fault.NotFound) {
				return nil, err
			}
			i, err := d.Archives.Commit(r.Context(), r.Caller(), which, r.Principal, withSettings)
			if err != nil {
				return nil, err
			}
			return &httpapi.Response{Status: http.StatusAccepted, Value: archive(i)}, nil
		},
	}
}

// settings tells whether an archive's settings are wanted, and refuses those who may not set them.
func settings(r *httpapi.Request) (bool, error) {
	if len(r.Body) == 0 {
		return false, nil
	}
	in, err := httpapi.Decode[struct {
		Settings bool `json:"settings"`
	}](r)
	if err != nil || !in.Settings {
		return false, err
	}
	if r.Principal.Kind == access.Key {
		return false, fault.New(fault.CodeForbidden, "A key cannot take over name and sign-in policy: whoever sets a policy has to be let in by it. Commit as an owner who is signed in, or without settings.")
	}
	return true, errors.Join(access.Check(r.Principal, access.PolicyWrite, r.At), access.Check(r.Principal, access.TenantWrite, r.At))
}

func unsettled(detail string) error {
	return fault.New(fault.CodeValueInvalid, "There are no settings to take over.").With(fault.Field{Pointer: "/settings", Code: fault.CodeValueInvalid, Detail: detail})
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
