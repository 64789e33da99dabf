package evidencepage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/testkit/markup"
	"github.com/passportcraft/passportcraft/shared/web/evidencepage"
)

const hostile = "<script>alert(1)</script>\"><img src=x onerror=y>"

func render(t testing.TB, write func(io.Writer) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func table(text string) evidencepage.Table {
	return evidencepage.Table{
		Roles: []string{"owner", "viewer"}, Scopes: []string{"passports:read"},
		Rows: []evidencepage.Row{
			{Action: "passport.read", Means: "Read." + text, WhenSuspended: true, Roles: map[string]bool{"owner": true, "viewer": true}, Scopes: map[string]bool{"passports:read": true}},
			{Action: "api-key.write", Means: "Make.", Fresh: true, Roles: map[string]bool{"owner": true}},
			{Action: "account.read", Means: "Self.", Personal: true},
		},
	}
}

func report(text string, unexpected int) evidencepage.Report {
	return evidencepage.Report{
		GeneratedAt: "with every run" + text, Commit: "this release",
		Totals: evidencepage.Totals{Routes: 1, Cases: 12029, Refused: 12000, Allowed: 29 - unexpected, Unexpected: unexpected},
		Groups: []evidencepage.Group{{Name: "Strangers" + text, Means: "m", Cases: 10, Refused: 10}},
		Rows:   []evidencepage.RouteRow{{Route: "GET /v1/passports" + text, Action: "passport.read", Cases: 12029, Refused: 12000, Allowed: 29 - unexpected, Unexpected: unexpected}},
	}
}

func pages(t testing.TB, text string) map[string]string {
	t.Helper()
	return map[string]string{
		"index": render(t, func(w io.Writer) error {
			return evidencepage.Index(w, evidencepage.Link{Href: "/trust/audit-key", Label: "Key" + text, Means: text})
		}),
		"permissions": render(t, func(w io.Writer) error { return evidencepage.Permissions(w, table(text)) }),
		"isolation":   render(t, func(w io.Writer) error { return evidencepage.Isolation(w, report(text, 0)) }),
		"rules": render(t, func(w io.Writer) error {
			return evidencepage.Rules(w, []evidencepage.Rule{{Name: "denial-burst", Title: "Burst" + text, Means: text, Threshold: "20 in 5 minutes" + text}})
		}),
	}
}

func TestPagesAreSound(t *testing.T) {
	for name, html := range pages(t, "") {
		page := markup.Sound(t, name, html)
		style := markup.All(page, "style")[0].Text
		sum := sha256.Sum256([]byte(style))
		if policy := evidencepage.ContentSecurityPolicy(); !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || strings.Contains(policy, "script-src") || !strings.HasPrefix(policy, "default-src 'none'") {
			t.Errorf("policy: %s", policy)
		}
		markup.CheckPalette(t, style)
		if len(markup.All(page, "script")) != 0 {
			t.Errorf("%s has a script", name)
		}
	}
	for name, html := range pages(t, hostile) {
		if page := markup.Sound(t, name, html); len(markup.All(page, "script"))+len(markup.All(page, "img")) != 0 {
			t.Errorf("%s: texts become markup", name)
		}
	}
}

func TestPermissions(t *testing.T) {
	page := markup.Parse(t, pages(t, "")["permissions"])
	var got []string
	for _, e := range markup.All(page, "td") {
		got = append(got, e.Attrs["data-name"]+" "+strings.Fields(strings.Map(func(r rune) rune {
			if r == '✓' || r == '–' {
				return ' '
			}
			return r
		}, e.Text))[0])
	}
	want := "owner yes,viewer yes,passports:read yes,owner yes,viewer no,passports:read no,owner yes,viewer yes,passports:read no"
	if strings.Join(got, ",") != want {
		t.Errorf("cells: %v", got)
	}
}

func TestVerdict(t *testing.T) {
	for want, r := range map[string]evidencepage.Report{
		"Every answer was exactly the expected one.": report("", 0), "One answer was not": report("", 1), "2 answers were not": report("", 2), "No case was run": {},
	} {
		html := render(t, func(w io.Writer) error { return evidencepage.Isolation(w, r) })
		if !strings.Contains(html, want) || strings.Contains(html, `class="verdict poor"`) != (r.Totals.Unexpected > 0 || r.Totals.Cases == 0) {
			t.Errorf("%s is not said", want)
		}
	}
	if html := pages(t, "")["isolation"]; !strings.Contains(html, "12\u202f029") || !strings.Contains(html, "Made with every run for this release.") {
		t.Error("the figures are not shown")
	}
}

// TestBars holds for any counts: the pieces of a bar fill it, in order, and what is not zero can be seen.
func TestBars(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		count := rapid.OneOf(rapid.Just(0), rapid.IntRange(0, 100_000))
		r := evidencepage.RouteRow{Refused: count.Draw(rt, "refused"), Allowed: count.Draw(rt, "allowed"), Unexpected: count.Draw(rt, "unexpected")}
		page := markup.Parse(t, render(t, func(w io.Writer) error {
			return evidencepage.Isolation(w, evidencepage.Report{Rows: []evidencepage.RouteRow{r}})
		}))
		rects := markup.All(page, "rect")
		rects = rects[len(rects)-3:]
		end := 0.0
		for i, n := range []int{r.Refused, r.Allowed, r.Unexpected} {
			x, err := strconv.ParseFloat(rects[i].Attrs["x"], 64)
			w, err2 := strconv.ParseFloat(rects[i].Attrs["width"], 64)
			if err != nil || err2 != nil || x < end-0.2 || x > end+0.2 || (n > 0) != (w > 0) || n > 0 && w < 1 {
				rt.Fatalf("piece %d of %+v: %v", i, r, rects[i].Attrs)
			}
			end = x + w
		}
		if r.Refused+r.Allowed+r.Unexpected > 0 && (end < 199.5 || end > 200.5) {
			rt.Fatalf("the bar of %+v is %.1f long", r, end)
		}
	})
}
