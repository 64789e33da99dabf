package signinpage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/markup"
	"github.com/passportcraft/passportcraft/shared/web/signinpage"
)

func methods() []signinpage.Method {
	return []signinpage.Method{
		{Name: "password", Label: "E-mail and password", Href: "/sign-in/start?with=password"},
		{Name: "google", Label: "Google", Href: "/sign-in/start?with=google"},
		{Name: "microsoft", Label: "Microsoft", Href: "/sign-in/start?with=microsoft"},
	}
}

func signIn(t testing.TB, d signinpage.Data) string {
	t.Helper()
	var b strings.Builder
	if err := signinpage.SignIn(&b, d); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func done(t testing.TB, next string) string {
	t.Helper()
	var b strings.Builder
	if err := signinpage.Done(&b, signinpage.Data{Next: next}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// pages are all pages with ordinary data.
func pages(t *testing.T) map[string]string {
	t.Helper()
	var out, invited strings.Builder
	if err := signinpage.SignedOut(&out); err != nil {
		t.Fatal(err)
	}
	if err := signinpage.Invitation(&invited, signinpage.InvitationData{}); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"sign-in": signIn(t, signinpage.Data{Methods: methods()}), "sign-in with error": signIn(t, signinpage.Data{Methods: methods(), Error: "It is late.", Next: "/trust"}),
		"no methods": signIn(t, signinpage.Data{}), "done": done(t, "/workspace"), "signed out": out.String(), "invitation": invited.String(),
	}
}

func TestPagesAreSound(t *testing.T) {
	for name, html := range pages(t) {
		page := markup.Sound(t, name, html)
		style := markup.All(page, "style")
		if len(style) != 1 {
			t.Fatalf("%s has %d style sheets", name, len(style))
		}
		sum := sha256.Sum256([]byte(style[0].Text))
		for _, policy := range []string{signinpage.ContentSecurityPolicy(), signinpage.InvitationPolicy()} {
			if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s: the policy %s does not fit the style sheet", name, policy)
			}
		}
		markup.CheckPalette(t, style[0].Text)
		scripts := markup.All(page, "script")
		if (name == "invitation") != (len(scripts) == 1) {
			t.Errorf("%s has %d scripts", name, len(scripts))
		}
	}
	if strings.Contains(signinpage.ContentSecurityPolicy(), "script-src") || !strings.Contains(signinpage.InvitationPolicy(), "script-src 'self'; connect-src 'self'") {
		t.Error("scripts are allowed where there are none, or not where there is one")
	}
}

func TestSignIn(t *testing.T) {
	page := markup.Parse(t, signIn(t, signinpage.Data{Methods: methods(), Next: "/trust/rules?a=b&c=d"}))
	var ways []string
	for _, e := range markup.All(page, "a") {
		if e.Attrs["class"] == "way" {
			u, err := url.Parse(e.Attrs["href"])
			if err != nil || u.Query().Get("next") != "/trust/rules?a=b&c=d" {
				t.Errorf("%s does not come back: %v", e.Attrs["href"], err)
			}
			ways = append(ways, strings.TrimSpace(e.Text)+" "+u.Query().Get("with"))
		}
	}
	if got := strings.Join(ways, "; "); got != "E-mail and password password; Google google; Microsoft microsoft" {
		t.Errorf("ways: %s", got)
	}
	for _, e := range markup.All(markup.Parse(t, signIn(t, signinpage.Data{Methods: methods(), Next: "//evil.example"})), "a") {
		if strings.Contains(e.Attrs["href"], "next") {
			t.Errorf("another host is kept: %s", e.Attrs["href"])
		}
	}
	odd := signIn(t, signinpage.Data{Methods: []signinpage.Method{{Name: `"><x>`, Label: "<script>alert(1)</script>\u202e", Href: "javascript:alert(1)"}}, Error: "<b onclick=x>\x00 \u2066"})
	markup.Sound(t, "hostile", odd)
	if strings.Contains(odd, "<script") || strings.Contains(odd, "<b onclick") || strings.Contains(odd, "javascript:") || strings.Contains(odd, "\u202e") {
		t.Errorf("hostile texts come through: %s", odd)
	}
}

func TestDone(t *testing.T) {
	for next, want := range map[string]string{"": "/workspace", "/trust?x=1&y=2": "/trust?x=1&y=2", "https://evil.example/": "/workspace", "/a;url=//evil.example": "/workspace", `/"><script>`: "/workspace"} {
		page := markup.Parse(t, done(t, next))
		var refresh string
		for _, m := range markup.All(page, "meta") {
			if m.Attrs["http-equiv"] == "refresh" {
				refresh = m.Attrs["content"]
			}
		}
		if refresh != "0; url="+want || len(markup.All(page, "a")) != 1 || markup.All(page, "a")[0].Attrs["href"] != want {
			t.Errorf("%q leads to %q", next, refresh)
		}
	}
}

func TestLocal(t *testing.T) {
	for next, want := range map[string]string{
		"/workspace": "/workspace", "/invitation": "/invitation", "/": "/", "/a/b?c=d%20e": "/a/b?c=d%20e", "/a%20b": "/workspace", "/a/../b": "/b", "/a//b": "/a/b", "/ä": "/workspace", "/%C3%A4": "/workspace",
		"": "/workspace", "workspace": "/workspace", "//evil.example": "/workspace", "///evil.example": "/workspace", `/\evil.example`: "/workspace", "/%5cevil.example": "/workspace", "/%2f/evil.example": "/workspace",
		"/a/..//evil.example": "/evil.example", "/./": "/", "https://evil.example": "/workspace", "javascript:alert(1)": "/workspace", "/a\nb": "/workspace", "/a%0ab": "/workspace", "/\tb": "/workspace", " /a": "/workspace",
		"/sign-in": "/workspace", "/sign-in/": "/workspace", "/sign-in/callback?code=x": "/workspace", "/x/../sign-in": "/workspace", "/%73ign-in": "/workspace", "/signed-out": "/workspace", "/sign-in-help": "/sign-in-help",
		"/" + strings.Repeat("a", 600): "/workspace", "/a#b": "/a", "/a'b": "/workspace", "/%": "/workspace", "/a?x=//evil.example": "/a?x=//evil.example",
	} {
		if got := signinpage.Local(next); got != want {
			t.Errorf("%q: %q, want %q", next, got, want)
		}
	}
}

// FuzzLocal holds that a browser that resolves the result stays on this host, and that it resolves to itself.
func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/a", "//b", `/\c`, "/%2f%2fd", "/a/../../b", "/?x=y#z", "http:/x", "/..//x", "/./\t/x"} {
		f.Add(s)
	}
	base, err := url.Parse("https://app.example/sign-in/callback?code=x")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := signinpage.Local(next)
		u, err := base.Parse(got)
		if err != nil || u.Host != "app.example" || u.Scheme != "https" || !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\"'<>;\r\n\t ") {
			t.Errorf("%q: %q leads to %v (%v)", next, got, u, err)
		}
		if again := signinpage.Local(got); again != got {
			t.Errorf("%q: %q, then %q", next, got, again)
		}
	})
}

func TestInvitation(t *testing.T) {
	html := pages(t)["invitation"]
	page := markup.Parse(t, html)
	for _, e := range markup.All(page, "a") {
		if e.Attrs["id"] == "sign-in" && e.Attrs["href"] != "/sign-in?next=%2Finvitation" {
			t.Errorf("signing in does not come back: %s", e.Attrs["href"])
		}
	}
	if len(markup.All(page, "noscript")) != 1 {
		t.Error("nothing is said without scripts")
	}
	script := string(signinpage.Script())
	markup.CheckScript(t, script)
	ids := map[string]bool{}
	for _, e := range page {
		ids[e.Attrs["id"]] = true
	}
	for _, id := range calls(script) {
		if !ids[id] {
			t.Errorf("the script uses %s, which the page does not have", id)
		}
	}
	for _, want := range []string{"history.replaceState", "/v1/invitations/acceptance", `"X-Requested-With": "passportcraft"`, `"same-origin"`} {
		if !strings.Contains(script, want) {
			t.Errorf("the script does not use %s", want)
		}
	}
}

// calls lists the identifiers that a script asks a page for.
func calls(script string) []string {
	var out []string
	for _, prefix := range []string{`at("`, `show("`} {
		for i, piece := range strings.Split(script, prefix) {
			if id, _, ok := strings.Cut(piece, `"`); i > 0 && ok {
				out = append(out, id)
			}
		}
	}
	return out
}
