package workspacepage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/testkit/markup"
	"github.com/passportcraft/passportcraft/shared/web/workspacepage"
)

func workspace(t *testing.T) (string, []markup.Element) {
	t.Helper()
	var b strings.Builder
	if err := workspacepage.Workspace(&b); err != nil {
		t.Fatal(err)
	}
	return b.String(), markup.Sound(t, "workspace", b.String())
}

func byID(t *testing.T, page []markup.Element, id string) markup.Element {
	t.Helper()
	i := slices.IndexFunc(page, func(e markup.Element) bool { return e.Attrs["id"] == id })
	if i < 0 {
		t.Fatalf("the page has no %s", id)
	}
	return page[i]
}

func TestPage(t *testing.T) {
	_, page := workspace(t)
	style := markup.All(page, "style")[0].Text
	sum := sha256.Sum256([]byte(style))
	policy := workspacepage.ContentSecurityPolicy()
	for _, want := range []string{"default-src 'none'", "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'", "script-src 'self'", "connect-src 'self'", "form-action 'none'", "frame-ancestors 'none'", "trusted-types 'none'"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
	markup.CheckPalette(t, style)
	if s := markup.All(page, "script"); len(s) != 1 || s[0].Attrs["src"] != "/workspace.js" || len(markup.All(page, "noscript")) != 1 {
		t.Errorf("scripts: %v", s)
	}
	// Every input has a label, a place for a refusal, and the pointers of the members it is for.
	labelled := map[string]bool{}
	for _, l := range markup.All(page, "label") {
		labelled[l.Attrs["for"]] = true
	}
	for _, e := range page {
		if e.Name != "input" && e.Name != "select" || e.Attrs["type"] == "checkbox" {
			continue
		}
		if !labelled[e.Attrs["id"]] {
			t.Errorf("%s has no label", e.Attrs["id"])
		}
		if e.Attrs["id"] != "organisation" && (e.Attrs["data-pointers"] == "" || !strings.Contains(e.Attrs["aria-describedby"], e.Attrs["id"]+"-bad")) {
			t.Errorf("%s says nothing when it is refused", e.Attrs["id"])
		}
	}
}

// TestRoles holds that what the page shows to a role is what the permission table allows it.
func TestRoles(t *testing.T) {
	_, page := workspace(t)
	for id, action := range map[string]access.Action{"creation": access.PassportWrite, "members": access.MemberRead, "invite": access.MemberInvite, "keys": access.KeyRead, "mint": access.KeyWrite, "notices": access.NoticeRead, "contract": access.ContractRead, "leave": access.ContractChange, "export": access.ExportCreate, "packages": access.ExportRead, "fates": access.DispositionRead, "fate-form": access.DispositionWrite} {
		e := byID(t, page, id)
		for _, role := range access.Roles() {
			rule, ok := access.Find(action)
			if want := ok && slices.Contains(rule.Roles, role); slices.Contains(strings.Fields(e.Attrs["data-roles"]), string(role)) != want {
				t.Errorf("%s is shown to %q: %q", id, role, e.Attrs["data-roles"])
			}
		}
		if _, hidden := e.Attrs["hidden"]; !hidden {
			t.Errorf("%s is shown before the role is known", id)
		}
	}
	var offered []access.Role
	for _, o := range markup.All(page, "option") {
		role := access.Role(o.Attrs["value"])
		offered = append(offered, role)
		for _, by := range access.Roles() {
			if slices.Contains(strings.Fields(o.Attrs["data-grants"]), string(by)) != access.CanGrant(by, role) {
				t.Errorf("%q may give %q: %q", by, role, o.Attrs["data-grants"])
			}
		}
		if _, chosen := o.Attrs["selected"]; chosen != (role == access.Viewer) || !strings.Contains(o.Text, ": ") {
			t.Errorf("option %q: %v", o.Text, o.Attrs)
		}
	}
	if len(offered) != len(access.Roles()) {
		t.Errorf("roles: %v", offered)
	}
	scopes := 0
	for _, e := range markup.All(page, "input") {
		if e.Attrs["name"] == "scopes" {
			scopes++
			if !slices.Contains(access.Scopes(), access.Scope(e.Attrs["value"])) {
				t.Errorf("scope %q", e.Attrs["value"])
			}
		}
	}
	if scopes != len(access.Scopes()) {
		t.Errorf("%d scopes", scopes)
	}
}

// TestScript holds that the script uses elements that exist, puts answers on the page as text only, and marks its
// requests as coming from our pages.
func TestScript(t *testing.T) {
	_, page := workspace(t)
	script := string(workspacepage.Script())
	markup.CheckScript(t, script)
	for _, m := range regexp.MustCompile(`(?:at|show|part)\("([a-z-]+)"`).FindAllStringSubmatch(script, -1) {
		byID(t, page, m[1])
	}
	for _, m := range regexp.MustCompile(`\bon\("([a-z]+)"`).FindAllStringSubmatch(script, -1) {
		byID(t, page, m[1]+"-form")
		byID(t, page, m[1]+"-bad")
	}
	for _, want := range []string{`"X-Requested-With": "passportcraft"`, `"X-Tenant-Id"`, `"same-origin"`, "/sign-in/refresh", "/sign-in?again=1&next=/workspace"} {
		if !strings.Contains(script, want) {
			t.Errorf("the script does not use %s", want)
		}
	}
	for _, m := range regexp.MustCompile(`fetch\(([^,]+),`).FindAllStringSubmatch(script, -1) {
		if m[1] != `"/sign-in/refresh"` && m[1] != "path" {
			t.Errorf("the script asks %s", m[1])
		}
	}
}
