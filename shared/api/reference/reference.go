// Package reference shows what the platform is and how to talk to it: a start page, the error reference and
// the OpenAPI document.
package reference

import (
	"io"

	"github.com/passportcraft/passportcraft/infra/openapi"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/web/docspage"
)

const cache = "public, max-age=300"

// Routes serves GET /, GET /docs/errors and GET /openapi.yaml.
func Routes() []httpapi.Route {
	return []httpapi.Route{
		page("GET /", docspage.Home),
		page("GET /docs/errors", func(w io.Writer) error { return docspage.Errors(w, httpapi.Status) }),
		{
			Function: "show-docs", Pattern: "GET /openapi.yaml", Action: access.Public, Cache: cache,
			Handle: func(*httpapi.Request) (*httpapi.Response, error) {
				doc := openapi.Document()
				return &httpapi.Response{Raw: doc, ContentType: "application/yaml", ETag: httpapi.ContentTag(doc)}, nil
			},
		},
	}
}

func page(pattern string, write func(io.Writer) error) httpapi.Route {
	return httpapi.Route{
		Function: "show-docs", Pattern: pattern, Action: access.Public, Cache: cache,
		Handle: func(*httpapi.Request) (*httpapi.Response, error) {
			resp, err := httpapi.Page(write, docspage.ContentSecurityPolicy())
			if err != nil {
				return nil, err
			}
			resp.ETag = httpapi.ContentTag(resp.Raw)
			return resp, nil
		},
	}
}
