package access_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// expected writes the permission table out once more, as people think of it: per action the roles by their first letter
// (Owner, Admin, Editor, Reviewer, Viewer, aUditor) and the scopes.
func expected() map[access.Action][2]string {
	return map[access.Action][2]string{
		access.PassportRead:     {"OAERVU", "read write publish"},
		access.PassportWrite:    {"OAE", "write"},
		access.PassportPublish:  {"OAR", "publish"},
		access.DocumentRead:     {"OAERVU", "read write publish"},
		access.DocumentWrite:    {"OAE", "write"},
		access.ProductGroupRead: {"OAERVU", "read write publish"},
		access.TenantRead:       {"OAERVU", "read write publish audit"},
		access.TenantWrite:      {"OA", ""},
		access.PolicyRead:       {"OAU", ""},
		access.PolicyWrite:      {"O", ""},
		access.MemberRead:       {"OAU", ""},
		access.MemberInvite:     {"OA", ""},
		access.MemberChange:     {"OA", ""},
		access.KeyRead:          {"OAU", ""},
		access.KeyWrite:         {"OA", ""},
		access.AuditRead:        {"OAU", "audit"},
		access.NoticeRead:       {"OAU", ""},
		access.ExportCreate:     {"OA", "export"},
		access.ExportRead:       {"OA", "export"},
		access.ImportRead:       {"OAE", "write"},
		access.ImportWrite:      {"OAE", "write"},
		access.AccountRead:      {"OAERVU", ""},
		access.AccountUse:       {"OAERVU", ""},
		access.AccountLink:      {"OAERVU", ""},
		access.AccountErase:     {"OAERVU", ""},
		access.ContractRead:     {"OAU", ""},
		access.ContractChange:   {"O", ""},
		access.HoldRead:         {"OAU", ""},
		access.HoldAsk:          {"OA", ""},
		access.HoldDecide:       {"O", ""},
		access.DispositionRead:  {"OAU", ""},
		access.DispositionWrite: {"OA", ""},
		access.DeletionRead:     {"OAU", ""},
		access.PassportDelete:   {"OA", ""},
		access.Public:           {"", ""}, // asks for no identity; nobody needs to be allowed it
		"unheard.of":            {"", ""},
	}
}

func letter(r access.Role) string {
	if r == access.Auditor {
		return "U"
	}
	return strings.ToUpper(string(r[:1]))
}

// TestCheck asks for every action with every role and every scope.
func TestCheck(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for action, allowed := range expected() {
		for _, role := range append(access.Roles(), "root", "") {
			p := access.Principal{Kind: access.Person, ID: "p", Role: role, SignIn: now}
			personal := strings.HasPrefix(string(action), "account.")
			want := personal || role != "" && role != "root" && strings.Contains(allowed[0], letter(role))
			if err := access.Check(p, action, now); (err == nil) != want || err != nil && fault.Of(err).Kind != fault.Forbidden {
				t.Errorf("%s as %q: %v", action, role, err)
			}
		}
		for _, s := range append(access.Scopes(), "passports:everything", "") {
			p := access.Principal{Kind: access.Key, ID: "k", Scopes: []access.Scope{s}}
			_, short, _ := strings.Cut(string(s), ":")
			switch s {
			case access.ScopeAudit:
				short = "audit"
			case access.ScopeExport:
				short = "export"
			}
			want := short != "" && slices.Contains(strings.Fields(allowed[1]), short)
			if err := access.Check(p, action, now); (err == nil) != want || err != nil && fault.Of(err).Kind != fault.Forbidden {
				t.Errorf("%s with %q: %v", action, s, err)
			}
		}
		for _, p := range []access.Principal{{}, {Kind: access.Key}, {Kind: "robot", Role: access.Owner, Scopes: access.Scopes()}} {
			if access.Check(p, action, now) == nil {
				t.Errorf("%s is allowed to %+v", action, p)
			}
		}
	}
	if len(expected())-2 != len(access.Table()) {
		t.Errorf("the table has %d rows, %d are written out here", len(access.Table()), len(expected())-2)
	}
}

// TestFresh holds that what could give power away needs a sign-in of the last five minutes.
func TestFresh(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, rule := range access.Table() {
		p := access.Principal{Kind: access.Person, ID: "p", Role: access.Owner, SignIn: now.Add(-access.FreshFor - time.Second)}
		err := access.Check(p, rule.Action, now)
		if rule.Fresh != (fault.Of(err) != nil && fault.Of(err).Code == fault.CodeReauthenticate) {
			t.Errorf("%s: %v", rule.Action, err)
		}
		powerful := slices.Contains([]access.Action{
			access.KeyWrite, access.MemberChange, access.PolicyWrite, access.ExportCreate, access.AccountLink, access.AccountErase, access.ContractChange, access.HoldDecide,
		}, rule.Action)
		if rule.Fresh != powerful {
			t.Errorf("%s: fresh is %v", rule.Action, rule.Fresh)
		}
	}
}

// TestGrants states the laws of giving: nobody gives more than they have.
func TestGrants(t *testing.T) {
	rank := func(r access.Role) int { return slices.Index(access.Roles(), r) }
	for _, by := range append(access.Roles(), "") {
		for _, role := range access.Roles() {
			if access.CanGrant(by, role) && (rank(by) > rank(role) || by != access.Owner && by != access.Admin) {
				t.Errorf("%q can make somebody %q", by, role)
			}
			if access.CanTouch(by, role) && (rank(by) > rank(role) || by != access.Owner && by != access.Admin) {
				t.Errorf("%q can change %q", by, role)
			}
		}
		for _, rule := range access.Table() {
			for _, s := range rule.Scopes {
				if access.CanIssue(by, []access.Scope{s}) && !slices.Contains(rule.Roles, by) {
					t.Errorf("%q can make a key that may %s", by, rule.Action)
				}
			}
		}
	}
	if access.CanGrant(access.Owner, "root") || !access.CanIssue(access.Owner, access.Scopes()) || !access.CanIssue(access.Admin, access.Scopes()) {
		t.Error("owners and admins make keys with every scope, and nobody makes roles that do not exist")
	}
}
