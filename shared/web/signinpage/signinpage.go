// Package signinpage writes the pages around signing in: the choice of how to sign in, the step back from the sign-in
// service, the end of a session, and the page that an invitation leads to.
//
// All but the last work without scripts. The invitation's token is in the fragment of its address, which browsers send
// to nobody; a small script of our own host (Script) reads it there and posts it once the person has signed in. Pages
// set no cookie, load nothing from other sites and are held to that by their Content Security Policy.
//
// The package checks no credentials and knows no HTTP.
package signinpage

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"io"
	"net/url"
	"path"
	"strings"
)

//go:generate go tool -modfile=../../../infra/tools/go.mod templ generate -path .

// Workspace is where people go who asked for no page of their own.
const Workspace = "/workspace"

const maxNext = 512

// Data is what the choice of how to sign in shows.
type Data struct {
	Methods []Method // in order; empty: signing in is not possible at present
	Error   string   // what went wrong a moment ago, in a sentence; "" for nothing
	Next    string   // path on this host to go to afterwards; anything else counts as Workspace
}

// Method is one way to sign in.
type Method struct {
	Name  string // "password", "google", "microsoft": chooses the mark beside the label
	Label string // what the choice says, for example "E-mail and password"
	Href  string // path on this host that starts it; the page adds the query parameter next
}

// InvitationData is what the page of an invitation knows before its script has read the token.
type InvitationData struct {
	SignIn string // path of the page to sign in; "/sign-in" when empty
}

// SignIn writes the choice of how to sign in.
func SignIn(w io.Writer, d Data) error {
	d.Next = Local(d.Next)
	return signInDocument(d).Render(context.Background(), w)
}

// Done writes the page that the callback answers with. It leads on by itself, from our own page: a cookie with
// SameSite=Strict is not sent along a redirect that began at the sign-in service (RFC 6265bis, section 5.5).
func Done(w io.Writer, d Data) error {
	return doneDocument(Local(d.Next)).Render(context.Background(), w)
}

// SignedOut writes the page at the end of a session.
func SignedOut(w io.Writer) error {
	return signedOutDocument().Render(context.Background(), w)
}

// Invitation writes the page that a mailed invitation leads to; it needs Script at /invitation.js.
func Invitation(w io.Writer, d InvitationData) error {
	if d.SignIn == "" {
		d.SignIn = "/sign-in"
	}
	return invitationDocument(d).Render(context.Background(), w)
}

//go:embed invitation.js
var script string

// Script is /invitation.js.
func Script() []byte { return []byte(script) }

// ContentSecurityPolicy is the policy of SignIn, Done and SignedOut: their style sheet by its hash, the icon inside the
// page, and nothing else.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// InvitationPolicy is the policy of Invitation: as ContentSecurityPolicy, with scripts from and requests to this host.
func InvitationPolicy() string {
	return ContentSecurityPolicy() + "; script-src 'self'; connect-src 'self'"
}

// Local returns the path, with its query, on this host that an address names, or Workspace for anything else: another
// host in any spelling, a page of the sign-in itself, or no address at all. Its result is safe in a Location header and
// in a page.
func Local(next string) string {
	if len(next) > maxNext || !strings.HasPrefix(next, "/") || strings.ContainsFunc(next, odd) {
		return Workspace
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.HasPrefix(u.Path, "//") || strings.ContainsFunc(u.Path, odd) {
		return Workspace
	}
	// Cleaning resolves what a browser would resolve, so that the comparison sees the page that is really meant.
	clean := path.Clean(u.Path)
	if clean == "/sign-in" || strings.HasPrefix(clean, "/sign-in/") || clean == "/signed-out" {
		return Workspace
	}
	out := (&url.URL{Path: clean, RawQuery: u.RawQuery}).String()
	if len(out) > maxNext || strings.HasPrefix(out, "//") || !strings.HasPrefix(out, "/") {
		return Workspace
	}
	return out
}

// odd tells characters that browsers drop or turn into slashes, and those that end an attribute or a refresh.
func odd(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`\"'<>;`+"`", r)
}

// start is the address of a method with where to go afterwards.
func start(m Method, next string) string {
	u, err := url.Parse(m.Href)
	if err != nil || u.Host != "" || u.Scheme != "" || !strings.HasPrefix(m.Href, "/") {
		return "/sign-in"
	}
	q := u.Query()
	if next != Workspace {
		q.Set("next", next)
	}
	u.RawQuery = q.Encode()
	return u.String()
}
