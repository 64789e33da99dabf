package passports

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Version is an immutable publication as it is read. Content is complete: it includes what was inherited.
type Version struct {
	PassportID        id.Passport      `json:"passportId"`
	Version           int              `json:"version"`
	ProductGroup      string           `json:"productGroup"`
	SchemaVersion     string           `json:"schemaVersion"`
	Granularity       string           `json:"granularity"`
	ProductIdentifier string           `json:"productIdentifier"`
	Links             *VersionLinks    `json:"links,omitempty"`
	ContentHash       string           `json:"contentHash"`
	PublishedAt       time.Time        `json:"publishedAt"`
	PublishedBy       string           `json:"publishedBy"`
	Content           passport.Content `json:"content"`
}

// VersionLinks name the passports a version inherited from.
type VersionLinks struct {
	Model string `json:"model,omitempty"`
	Batch string `json:"batch,omitempty"`
}

// VersionSummary is a version in a list.
type VersionSummary struct {
	Version       int       `json:"version"`
	SchemaVersion string    `json:"schemaVersion"`
	ContentHash   string    `json:"contentHash"`
	PublishedAt   time.Time `json:"publishedAt"`
	PublishedBy   string    `json:"publishedBy"`
}

// List serves GET /v1/passports.
func List(s *passport.Reader, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "list-passports", Pattern: "GET /v1/passports", Action: access.PassportRead,
		Query: []string{"status", "productGroup", "productIdentifier", "updatedSince", "limit", "cursor"}, Siblings: []string{"POST"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			f, err := filter(r, s.Groups)
			if err != nil {
				return nil, err
			}
			p, err := r.Page()
			if err != nil {
				return nil, err
			}
			got, err := s.List(r.Context(), r.Caller(), f, p)
			if err != nil {
				return nil, err
			}
			return httpapi.ListOf(got, links.summary), nil
		},
	}
}

// ListVersions serves GET /v1/passports/{passportId}/versions.
func ListVersions(s *passport.Reader) httpapi.Route {
	return httpapi.Route{
		Function: "list-versions", Pattern: "GET /v1/passports/{passportId}/versions", Action: access.PassportRead,
		Query: []string{"limit", "cursor"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			p, err := r.Page()
			if err != nil {
				return nil, err
			}
			got, err := s.Versions(r.Context(), r.Caller(), passportID(r), p)
			if err != nil {
				return nil, err
			}
			return httpapi.ListOf(got, func(v passport.VersionSummary) VersionSummary {
				return VersionSummary{v.Number, v.SchemaVersion, v.ContentHash, v.PublishedAt, v.PublishedBy}
			}), nil
		},
	}
}

// GetVersion serves GET /v1/passports/{passportId}/versions/{version}.
func GetVersion(s *passport.Reader, links Links) httpapi.Route {
	return httpapi.Route{
		Function: "get-version", Pattern: "GET /v1/passports/{passportId}/versions/{version}", Action: access.PassportRead,
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			text := r.PathValue("version")
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 || n > 99_999_999 || strconv.Itoa(n) != text {
				return nil, fault.New(fault.CodeVersionNotFound, "A version is a whole number from 1 on.")
			}
			v, err := s.Version(r.Context(), r.Caller(), passportID(r), n)
			if err != nil {
				return nil, err
			}
			return httpapi.OK(links.version(v)), nil
		},
	}
}

// filter reads the filters of the list; each refusal says what is allowed.
func filter(r *httpapi.Request, groups passport.Groups) (passport.Filter, error) {
	q := r.URL.Query()
	f := passport.Filter{Status: passport.Status(q.Get("status")), ProductGroup: q.Get("productGroup")}
	if f.Status != "" && !slices.Contains(passport.Statuses(), f.Status) {
		names := make([]string, 0, 4)
		for _, s := range passport.Statuses() {
			names = append(names, string(s))
		}
		return f, httpapi.BadQuery("status", "one of "+strings.Join(names, ", "))
	}
	if f.ProductGroup != "" {
		if _, err := groups(f.ProductGroup); err != nil {
			return f, httpapi.BadQuery("productGroup", "a product group of GET /v1/product-groups")
		}
	}
	if uri := q.Get("productIdentifier"); uri != "" {
		p, err := identifier.Parse(uri)
		if err != nil {
			return f, httpapi.BadQuery("productIdentifier", "a GS1 Digital Link URI. "+fault.Of(err).Detail)
		}
		f.Product = p
	}
	var err error
	f.UpdatedSince, err = r.Instant("updatedSince")
	return f, err
}

func (l Links) summary(s passport.Summary) Passport {
	return Passport{
		ID: s.ID, Status: s.Status, Revision: s.Revision, Version: s.Version, ProductGroup: s.ProductGroup,
		Granularity: string(s.Granularity), ProductIdentifier: s.Product.Canonical(), PublicURL: l.of(s.Product),
		CreatedAt: s.CreatedAt, UpdatedAt: s.UpdatedAt,
	}
}

func (l Links) version(v passport.Version) Version {
	out := Version{
		PassportID: v.Passport, Version: v.Number, ProductGroup: v.ProductGroup, SchemaVersion: v.SchemaVersion,
		Granularity: string(v.Granularity), ProductIdentifier: v.Product.Canonical(), ContentHash: v.ContentHash,
		PublishedAt: v.PublishedAt, PublishedBy: v.PublishedBy, Content: v.Content,
	}
	if v.Links != (passport.Links{}) {
		out.Links = &VersionLinks{}
		if !v.Links.Model.IsZero() {
			out.Links.Model = v.Links.Model.Canonical()
		}
		if !v.Links.Batch.IsZero() {
			out.Links.Batch = v.Links.Batch.Canonical()
		}
	}
	return out
}
