// Package trust serves the evidence for what the platform promises: who may do what, what the attack matrix found, and
// the key with which audit logs are signed.
package trust

import (
	"bytes"
	"context"
	"encoding/pem"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/web/trustpage"
)

const cache = "public, max-age=300"

// Keys gives the public key of audit logs (DER SubjectPublicKeyInfo).
type Keys interface {
	PublicKey(ctx context.Context) ([]byte, error)
}

// Routes serves GET /trust, /trust/permissions, /trust/isolation and /trust/audit-key.
func Routes(keys Keys) []httpapi.Route {
	return []httpapi.Route{
		page("GET /trust", trustpage.Index),
		page("GET /trust/permissions", trustpage.Permissions),
		isolation(),
		{
			Function: "show-trust", Pattern: "GET /trust/audit-key", Action: access.Public, Cache: cache,
			Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
				spki, err := keys.PublicKey(r.Context())
				if err != nil {
					return nil, err
				}
				text := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
				return &httpapi.Response{Raw: text, ContentType: "application/x-pem-file", ETag: httpapi.ContentTag(text)}, nil
			},
		},
	}
}

// isolation serves the report of the attack matrix as a page, or as it was written.
func isolation() httpapi.Route {
	read := page("GET /trust/isolation", trustpage.Isolation)
	shown := read.Handle
	read.Handle = func(r *httpapi.Request) (*httpapi.Response, error) {
		media, err := httpapi.Negotiate(r.Header.Get("Accept"), "text/html", "application/json")
		if err != nil {
			return nil, err
		}
		if media == "text/html" {
			return shown(r)
		}
		b := trustpage.Report()
		return (&httpapi.Response{Raw: b, ContentType: media, ETag: httpapi.ContentTag(b)}).Set("Vary", "Accept"), nil
	}
	return read
}

func page(pattern string, write func(*bytes.Buffer) error) httpapi.Route {
	return httpapi.Route{
		Function: "show-trust", Pattern: pattern, Action: access.Public, Cache: cache,
		Handle: func(*httpapi.Request) (*httpapi.Response, error) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
			resp := &httpapi.Response{Raw: b.Bytes(), ContentType: "text/html; charset=utf-8", ETag: httpapi.ContentTag(b.Bytes())}
			return resp.Set("Content-Security-Policy", trustpage.ContentSecurityPolicy()).Set("Vary", "Accept"), nil
		},
	}
}
