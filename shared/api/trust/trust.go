// Package trust serves the evidence for what the platform promises: who may do what, what the attack matrix found, and
// the key with which audit logs are signed.
package trust

import (
	"context"
	_ "embed" // the report of the attack matrix
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/incident"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/web/evidencepage"
)

const cache = "public, max-age=300"

// Keys gives the public key of audit logs (DER SubjectPublicKeyInfo).
type Keys interface {
	PublicKey(ctx context.Context) ([]byte, error)
}

//go:embed isolation-report.json
var report []byte

// Routes serves GET /trust, /trust/permissions, /trust/isolation, /trust/rules and /trust/audit-key.
func Routes(keys Keys) []httpapi.Route {
	return []httpapi.Route{
		page("GET /trust", func(w io.Writer) error {
			return evidencepage.Index(w, evidencepage.Link{Href: "/trust/audit-key", Label: "Key of audit logs", Means: "The public key with which you check your audit trail offline: passportctl verify audit."})
		}),
		page("GET /trust/permissions", func(w io.Writer) error { return evidencepage.Permissions(w, permissions()) }),
		page("GET /trust/rules", func(w io.Writer) error { return evidencepage.Rules(w, rules()) }),
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

// permissions is the table that decides, as the page shows it.
func permissions() evidencepage.Table {
	var t evidencepage.Table
	for _, r := range access.Roles() {
		t.Roles = append(t.Roles, string(r))
	}
	for _, s := range access.Scopes() {
		t.Scopes = append(t.Scopes, string(s))
	}
	for _, rule := range access.Table() {
		row := evidencepage.Row{
			Action: string(rule.Action), Means: rule.Means, Personal: rule.Personal, Fresh: rule.Fresh, WhenSuspended: whileSuspended(rule.Action),
			Roles: map[string]bool{}, Scopes: map[string]bool{},
		}
		for _, r := range rule.Roles {
			row.Roles[string(r)] = true
		}
		for _, s := range rule.Scopes {
			row.Scopes[string(s)] = true
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// whileSuspended tells whether an action stays possible while the organisation is suspended.
func whileSuspended(a access.Action) bool {
	c, ok := lifecycle.Needs(a)
	return ok && lifecycle.Can(lifecycle.Suspended, c) == nil
}

func rules() []evidencepage.Rule {
	var all []evidencepage.Rule
	for _, r := range incident.Rules() {
		all = append(all, evidencepage.Rule{Name: r.Name, Title: r.Title, Means: r.Means, Threshold: r.Threshold})
	}
	return all
}

// matrix reads the report of the attack matrix. A release in which a case was unexpected cannot be built, so the report
// has none.
func matrix() (evidencepage.Report, error) {
	var found struct {
		Routes []struct {
			Route, Action            string
			Cases, Refused, Admitted int
			ByRefusal                map[string]int
		}
		BelowTheHandler []struct{ Cases, Refused int }
	}
	if err := json.Unmarshal(report, &found); err != nil {
		return evidencepage.Report{}, fmt.Errorf("trust: report: %w", err)
	}
	out := evidencepage.Report{GeneratedAt: "every build", Commit: "this release"}
	groups := map[string]int{}
	for _, r := range found.Routes {
		out.Rows = append(out.Rows, evidencepage.RouteRow{Route: r.Route, Action: r.Action, Cases: r.Cases, Refused: r.Refused, Allowed: r.Admitted})
		out.Totals.Routes, out.Totals.Cases = out.Totals.Routes+1, out.Totals.Cases+r.Cases
		out.Totals.Refused, out.Totals.Allowed = out.Totals.Refused+r.Refused, out.Totals.Allowed+r.Admitted
		for code, n := range r.ByRefusal {
			groups[code] += n
		}
	}
	for _, code := range slices.Sorted(maps.Keys(groups)) {
		n := groups[code]
		out.Groups = append(out.Groups, evidencepage.Group{Name: fault.Code(code).Title(), Means: "refused with the code " + code, Cases: n, Refused: n})
	}
	below := evidencepage.Group{Name: "Below the handler", Means: "calls of tables, objects and keys for another organisation, held against the policies of each function"}
	for _, f := range found.BelowTheHandler {
		below.Cases, below.Refused = below.Cases+f.Cases, below.Refused+f.Refused
	}
	below.Unexpected = below.Cases - below.Refused
	out.Groups = append(out.Groups, below)
	return out, nil
}

// isolation serves the report of the attack matrix as a page, or as it was written.
func isolation() httpapi.Route {
	read := page("GET /trust/isolation", func(w io.Writer) error {
		m, err := matrix()
		if err != nil {
			return err
		}
		return evidencepage.Isolation(w, m)
	})
	shown := read.Handle
	read.Handle = func(r *httpapi.Request) (*httpapi.Response, error) {
		media, err := httpapi.Negotiate(r.Header.Get("Accept"), "text/html", "application/json")
		if err != nil {
			return nil, err
		}
		if media == "text/html" {
			return shown(r)
		}
		return (&httpapi.Response{Raw: report, ContentType: media, ETag: httpapi.ContentTag(report)}).Set("Vary", "Accept"), nil
	}
	return read
}

func page(pattern string, write func(io.Writer) error) httpapi.Route {
	return httpapi.Route{
		Function: "show-trust", Pattern: pattern, Action: access.Public, Cache: cache,
		Handle: func(*httpapi.Request) (*httpapi.Response, error) {
			resp, err := httpapi.Page(write, evidencepage.ContentSecurityPolicy())
			if err != nil {
				return nil, err
			}
			resp.ETag = httpapi.ContentTag(resp.Raw)
			return resp.Set("Vary", "Accept"), nil
		},
	}
}
