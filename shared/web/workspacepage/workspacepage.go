// Package workspacepage writes the page that a signed-in person works on: their organisations, the newest passports, a
// form that creates one, members, API keys and notices.
//
// The page itself holds nothing about anybody: it is the same for everyone and may be cached. Its script (Script, served
// at /workspace.js) asks the JSON API with the session cookie, from the same origin, and puts what it gets on the page as
// text, never as markup. The page works with scripts only and says so otherwise.
//
// The package knows no HTTP and decides nothing: what a role may do is hidden or shown by the script for convenience,
// and allowed or refused by the API.
package workspacepage

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/access"
)

//go:generate go tool -modfile=../../../infra/tools/go.mod templ generate -path .

// Workspace writes the page; it needs Script at /workspace.js.
func Workspace(w io.Writer) error {
	return document().Render(context.Background(), w)
}

//go:embed workspace.js
var script string

// Script is /workspace.js.
func Script() []byte { return []byte(script) }

// ContentSecurityPolicy is the policy the page must be served with: its style sheet by its hash, scripts from and
// requests to this host, the icon inside the page, and nothing else. Trusted Types refuse every assignment of markup.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; script-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
}

// roles lists the roles that may do something, separated by spaces.
func roles(a access.Action) string {
	rule, _ := access.Find(a)
	var out []string
	for _, r := range rule.Roles {
		out = append(out, string(r))
	}
	return strings.Join(out, " ")
}

// grants lists the roles that may give a role.
func grants(role access.Role) string {
	var out []string
	for _, by := range access.Roles() {
		if access.CanGrant(by, role) {
			out = append(out, string(by))
		}
	}
	return strings.Join(out, " ")
}

// weakest is Roles from the weakest up: an invitation should not give more than was meant.
func weakest() []access.Role {
	all := access.Roles()
	slices.Reverse(all)
	return all
}

// duty says what a role is for.
func duty(r access.Role) string {
	switch r {
	case access.Owner:
		return "everything, the contract included"
	case access.Admin:
		return "people, keys and passports"
	case access.Editor:
		return "writes passports"
	case access.Reviewer:
		return "reads and publishes passports"
	case access.Viewer:
		return "reads passports"
	case access.Auditor:
		return "reads passports, people, keys and the audit trail"
	}
	return ""
}

// licence says what a scope allows.
func licence(s access.Scope) string {
	switch s {
	case access.ScopeRead:
		return "read passports"
	case access.ScopeWrite:
		return "create and change passports"
	case access.ScopePublish:
		return "publish, suspend and archive passports"
	case access.ScopeAudit:
		return "read the audit trail"
	case access.ScopeExport:
		return "take everything away as an export"
	}
	return ""
}
