// Package passportpage writes the page that people see when they scan a data carrier: the public passport of a product,
// or why there is none (Regulation (EU) 2023/1542 Art. 77(3); EN 18246 clause 5.1: no login, no personal data, nothing
// from third parties, open to search engines; accessible by EN 301549).
//
// A page is one HTML document with its style sheet inside. It has no script, sets no cookie and loads nothing but the
// image of its data carrier from its own host; ContentSecurityPolicy makes the browser hold it to that. Whatever comes
// from a passport is shown as text: it is escaped, isolated from the direction of the text around it, and becomes a link
// only if it is an http, https or mailto address.
//
// The package does not choose what a reader may see, does not put content into words (package productgroup does) and
// knows no HTTP.
package passportpage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

//go:generate go tool -modfile=../../../infra/tools/go.mod templ generate -path .

// Page is a published passport in words. Texts may hold anything; empty ones are left out.
type Page struct {
	Lang         string // BCP 47 tag of the page's own words; "en" when empty
	Title        string // what the product is called
	Product      identifier.Product
	ProductGroup string // name of the group in the API
	GroupTitle   string // name of the group for people
	Granularity  identifier.Granularity
	Version      int
	PublishedAt  time.Time
	Manufacturer string
	Operator     string // who answers for the passport
	CanonicalURL string // address of this page, absolute
	CarrierSVG   string // path of the data carrier on this host; no carrier is shown when empty
	CarrierPNG   string // the same as a PNG
	JSONPath     string // path on this host that gives JSON without content negotiation; empty when there is none
	Links        []Link // other passports on this host
	KeyFacts     []productgroup.Row
	Sections     []productgroup.Section
	PublicHash   string   // "sha-256:<hex>" of the public content
	Custody      *Custody // the operator is gone, and the law keeps the passport; nil otherwise
}

// Custody says on what ground a passport is shown whose operator is gone.
type Custody struct {
	Since, Until time.Time
	Basis        string
}

// Link leads to another passport. Href is a path on this host; anything else is not shown.
type Link struct {
	Label string
	Href  string
}

// ProblemPage says why there is no passport to see.
type ProblemPage struct {
	Lang      string
	Status    int    // HTTP status, 400 to 599
	Title     string // what is the matter, in a few words
	Detail    string // the sentence for this case
	Help      string // what to do; used where this package has no better advice for somebody with a phone in hand
	Code      string // stable code of the error
	Path      string // what was asked for
	RequestID string
}

// Passport writes the page of a published passport.
func Passport(w io.Writer, p Page) error {
	return passportDocument(p).Render(context.Background(), w)
}

// Problem writes the page for a product without a passport to show. It asks search engines not to index it.
func Problem(w io.Writer, p ProblemPage) error {
	return problemDocument(p).Render(context.Background(), w)
}

// ContentSecurityPolicy is the policy both pages must be served with (Content Security Policy Level 3): the style sheet
// by its hash, images from this host, the icon inside the page, and nothing else.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
