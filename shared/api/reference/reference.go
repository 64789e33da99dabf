// Package reference shows what the platform is and how to talk to it: a start page, the error reference and
// the OpenAPI document.
package reference

import (
	"bytes"
	"fmt"

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
		page("GET /docs/errors", func(b *bytes.Buffer) error { return docspage.Errors(b, httpapi.Status) }),
		{
			Function: "show-docs", Pattern: "GET /openapi.yaml", Action: access.Public, Cache: cache,
			Handle: func(*httpapi.Request) (*httpapi.Response, error) {
				doc := openapi.Document()
				return &httpapi.Response{Raw: doc, ContentType: "application/yaml", ETag: httpapi.ContentTag(doc)}, nil
			},
		},
	}
}

func page(pattern string, write func(*bytes.Buffer) error) httpapi.Route {
	return httpapi.Route{
		Function: "show-docs", Pattern: pattern, Action: access.Public, Cache: cache,
		Handle: func(*httpapi.Request) (*httpapi.Response, error) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
			resp := &httpapi.Response{Raw: b.Bytes(), ContentType: "text/html; charset=utf-8", ETag: httpapi.ContentTag(b.Bytes())}
			return resp.Set("Content-Security-Policy", docspage.ContentSecurityPolicy()), nil
		},
	}
}
