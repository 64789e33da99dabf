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
	GeneratedAt string // when, in words that follow "Made", for example "on 3 May 2027"
	Commit      string // of which code, in words that follow "for"
	Totals      Totals
	Groups      []Group // cases once more, by kind of attack or of answer
	Rows        []RouteRow
}

// Totals counts cases. Unexpected are those whose answer was not exactly the expected one.
type Totals struct{ Routes, Cases, Refused, Allowed, Unexpected int }

// Group counts the cases of one kind, for example those refused with one code.
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

// barWidth is that of a whole bar, in the units of its drawing.
const barWidth = 200

// bar is one line of the plot, in widths.
type bar struct{ refused, allowed, unexpected float64 }

// share draws counts as widths that fill the bar; what is not zero stays visible.
func share(refused, allowed, unexpected int) bar {
	counts := [3]int{max(0, refused), max(0, allowed), max(0, unexpected)}
	total := counts[0] + counts[1] + counts[2]
	if total == 0 {
		return bar{}
	}
	var widths [3]float64
	var sum float64
	for i, n := range counts {
		if n > 0 {
			widths[i] = max(2, float64(n)*barWidth/float64(total))
		}
		sum += widths[i]
	}
	scale := barWidth / sum
	return bar{widths[0] * scale, widths[1] * scale, widths[2] * scale}
}

func width(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

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

// made says when the report was made, and for which code.
func made(r Report) string {
	words := "Made"
	if r.GeneratedAt != "" {
		words += " " + r.GeneratedAt
	}
	if r.Commit != "" {
		words += " for " + r.Commit
	}
	return words + "."
}

// verdict is the sentence that matters.
func (t Totals) verdict() string {
	switch {
	case t.Cases == 0:
		return "No case was run, so that this report shows nothing."
	case t.Unexpected == 0:
		return "Every answer was exactly the expected one."
	case t.Unexpected == 1:
		return "One answer was not the expected one. It is marked below."
	}
	return number(t.Unexpected) + " answers were not the expected ones. They are marked below."
}
