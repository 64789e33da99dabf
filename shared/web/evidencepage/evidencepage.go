// Package evidencepage writes the pages that let a reader check what the platform promises about access: the permission
// table, the result of the attack matrix, the anomaly rules, and an index of them.
//
// Each page is one HTML document with its style sheet inside, no script and nothing from other sites. The package shows
// what it is given: the table, the report and the rules come from the code that enforces, runs and applies them.
package evidencepage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
)

//go:generate go tool -modfile=../../../infra/tools/go.mod templ generate -path .

// Table is the permission table: who may do what, denied by default.
type Table struct {
	Roles  []string // columns, strongest first
	Scopes []string // columns
	Rows   []Row
}

// Row is one action.
type Row struct {
	Action, Means string
	Personal      bool // concerns the person alone: every signed-in person may, no key
	Fresh         bool // needs a sign-in of the last five minutes
	WhenSuspended bool // stays possible while the organisation is suspended
	Roles, Scopes map[string]bool
}

// Report is the result of the attack matrix: every route, attacked in the name of every role and key scope.
type Report struct {
	GeneratedAt string // as to be shown
	Commit      string
	Totals      Totals
	Groups      []Group // the same cases by kind of attack
	Rows        []RouteRow
}

// Totals counts cases. Unexpected are those whose answer was not exactly the expected one.
type Totals struct{ Routes, Cases, Refused, Allowed, Unexpected int }

// Group counts the cases of one kind of attack, for example another organisation's object.
type Group struct {
	Name, Means                         string
	Cases, Refused, Allowed, Unexpected int
}

// RouteRow counts the cases of one route.
type RouteRow struct {
	Route, Action                       string
	Cases, Refused, Allowed, Unexpected int
}

// Rule is one anomaly rule.
type Rule struct{ Name, Title, Means, Threshold string }

// Link is an entry of the index beside the pages of this package.
type Link struct{ Href, Label, Means string }

// Index writes the page at /trust. More links are shown after those to the pages of this package.
func Index(w io.Writer, more ...Link) error {
	links := append([]Link{
		{"/trust/permissions", "Who may do what", "Every action with the roles and key scopes that allow it, from the table that the platform enforces."},
		{"/trust/isolation", "Isolation report", "Every route, attacked in the name of every role, key and stranger, with the answers."},
		{"/trust/rules", "Anomaly rules", "What raises an alarm and tells the owners of an organisation."},
	}, more...)
	return indexDocument(links).Render(context.Background(), w)
}

// Permissions writes the permission table.
func Permissions(w io.Writer, t Table) error {
	return permissionsDocument(t).Render(context.Background(), w)
}

// Isolation writes the report of the attack matrix.
func Isolation(w io.Writer, r Report) error {
	return isolationDocument(r).Render(context.Background(), w)
}

// Rules writes the anomaly rules.
func Rules(w io.Writer, rules []Rule) error {
	return rulesDocument(rules).Render(context.Background(), w)
}

// ContentSecurityPolicy is the policy that all pages must be served with: their style sheet by its hash, the icon inside
// the page, and nothing else.
func ContentSecurityPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

const (
	barWidth = 200 // of a whole bar, in the units of its drawing
	barRow   = 10
)

// bar is one line of the plot: how many of its cases were refused, allowed as expected, and unexpected.
type bar struct{ refused, allowed, unexpected string }

// share draws counts as widths that fill the bar; what is not zero stays visible.
func share(refused, allowed, unexpected int) bar {
	total := refused + allowed + unexpected
	if total <= 0 {
		return bar{"0", "0", "0"}
	}
	width := func(n int) string {
		if n <= 0 {
			return "0"
		}
		return strconv.FormatFloat(max(1, float64(n)*barWidth/float64(total)), 'f', 1, 64)
	}
	return bar{width(refused), width(allowed), width(unexpected)}
}

// sum adds widths, for where the next piece begins.
func sum(widths ...string) string {
	var total float64
	for _, w := range widths {
		f, err := strconv.ParseFloat(w, 64)
		if err == nil {
			total += f
		}
	}
	return strconv.FormatFloat(total, 'f', 1, 64)
}

// words says a bar for those who do not see it.
func words(refused, allowed, unexpected int) string {
	return fmt.Sprintf("%s refused, %s allowed, %s unexpected", number(refused), number(allowed), number(unexpected))
}

// number groups digits by thousands with a narrow space.
func number(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	var parts []string
	for len(s) > 3 {
		parts = append(parts, s[len(s)-3:])
		s = s[:len(s)-3]
	}
	parts = append(parts, s)
	slices.Reverse(parts)
	return sign + strings.Join(parts, "\u202f")
}

// verdict is the sentence that matters.
func (t Totals) verdict() string {
	switch {
	case t.Cases == 0:
		return "No case was run, so that this report shows nothing."
	case t.Unexpected == 0:
		return "Every answer was exactly the expected one. All attacks were refused."
	case t.Unexpected == 1:
		return "One answer was not the expected one. It is marked below."
	}
	return number(t.Unexpected) + " answers were not the expected ones. They are marked below."
}
