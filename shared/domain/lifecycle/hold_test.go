package lifecycle_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const (
	lower  id.Passport = "01920000-0000-7000-8000-000000000010"
	middle id.Passport = "01920000-0000-7000-8000-000000000011"
	upper  id.Passport = "01920000-0000-7000-8000-000000000012"
	person id.Person   = "01920000-0000-7000-8000-000000000020"
)

func TestAskForHold(t *testing.T) {
	basis := lifecycle.Basis{Act: "Regulation (EU) 2019/1020", Article: "14", Case: "12/26"}
	whole := lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: tenantID}
	for _, c := range []struct {
		name  string
		id    string
		scope lifecycle.Scope
		basis lifecycle.Basis
		by    string
		days  int
		at    string
	}{
		{"good", holdID, whole, basis, "person:o", 90, ""},
		{"a passport", holdID, lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: tenantID, Passport: lower}, basis, "person:o", 1, ""},
		{"a range", holdID, lifecycle.Scope{Kind: lifecycle.ScopeRange, Tenant: tenantID, From: lower, To: upper}, basis, "person:o", 1, ""},
		{"a user", holdID, lifecycle.Scope{Kind: lifecycle.ScopeUser, Tenant: tenantID, User: person}, basis, "person:o", 1, ""},
		{"no name", "hold-1", whole, basis, "person:o", 90, "/id"},
		{"no basis", holdID, whole, lifecycle.Basis{Case: "because"}, "person:o", 90, "/basis"},
		{"no article", holdID, whole, lifecycle.Basis{Act: "Some act", Article: " "}, "person:o", 90, "/basis"},
		{"nobody", holdID, whole, basis, "", 90, "/requestedBy"},
		{"91 days", holdID, whole, basis, "person:o", 91, "/reviewBy"},
		{"review today", holdID, whole, basis, "person:o", 0, "/reviewBy"},
		{"no scope", holdID, lifecycle.Scope{}, basis, "person:o", 90, "/scope"},
		{"no tenant", holdID, lifecycle.Scope{Kind: lifecycle.ScopeTenant}, basis, "person:o", 90, "/scope"},
		{"two scopes", holdID, lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: tenantID, User: person}, basis, "person:o", 90, "/scope"},
		{"a range upside down", holdID, lifecycle.Scope{Kind: lifecycle.ScopeRange, Tenant: tenantID, From: upper, To: lower}, basis, "person:o", 90, "/scope"},
		{"a range of nothing", holdID, lifecycle.Scope{Kind: lifecycle.ScopeRange, Tenant: tenantID, From: upper, To: upper}, basis, "person:o", 90, "/scope"},
		{"a passport without id", holdID, lifecycle.Scope{Kind: lifecycle.ScopePassport, Tenant: tenantID}, basis, "person:o", 90, "/scope"},
	} {
		h, err := lifecycle.Ask(c.id, c.scope, c.basis, c.by, begin().Add(time.Duration(c.days)*day), 90*day, begin())
		if (err == nil) != (c.at == "") {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if err != nil {
			if f := fault.Of(err).Fields; code(err) != fault.CodeHoldInvalid || len(f) != 1 || f[0].Pointer != c.at {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if h.InForce() || h.Blocks(lifecycle.Target{Tenant: tenantID, Keys: true}) {
			t.Errorf("%s: in force before anybody approved it", c.name)
		}
	}
}

func TestLifeOfAHold(t *testing.T) {
	h, err := lifecycle.Ask(holdID, lifecycle.Scope{Kind: lifecycle.ScopeTenant, Tenant: tenantID}, lifecycle.Basis{Act: "a", Article: "1"}, "person:o", begin().Add(30*day), 90*day, begin())
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"person:o", ""} {
		if _, err := h.Approve(by, begin()); code(err) != fault.CodeSecondPerson {
			t.Errorf("%q approved: %v", by, err)
		}
	}
	if _, err := h.Continue("person:c", begin().Add(day), 90*day, begin()); code(err) != fault.CodeHoldInvalid {
		t.Error("reviewed before it was approved:", err)
	}
	h, err = h.Approve("person:c", begin().Add(hour))
	if err != nil || !h.InForce() {
		t.Fatal(err)
	}
	if _, err := h.Approve("person:d", begin()); code(err) != fault.CodeHoldInvalid {
		t.Error("approved twice:", err)
	}
	if h.Overdue(begin().Add(30*day)) || !h.Overdue(begin().Add(30*day+1)) || !h.InForce() {
		t.Error("the review is due after 30 days, and ends nothing")
	}
	if _, err := h.Continue("person:o", begin().Add(60*day), 90*day, begin().Add(29*day)); code(err) != fault.CodeSecondPerson {
		t.Error("reviewed by who asked:", err)
	}
	if _, err := h.Continue("person:c", begin().Add(29*day+91*day), 90*day, begin().Add(29*day)); code(err) != fault.CodeHoldInvalid {
		t.Error("review in 91 days:", err)
	}
	h, err = h.Continue("person:c", begin().Add(29*day+90*day), 90*day, begin().Add(29*day))
	if err != nil || h.Overdue(begin().Add(100*day)) {
		t.Error(err)
	}
	if _, err := h.Release("", begin()); code(err) != fault.CodeHoldInvalid {
		t.Error("released by nobody:", err)
	}
	h, err = h.Release("person:o", begin().Add(40*day))
	if err != nil || h.InForce() || h.Overdue(begin().AddDate(1, 0, 0)) {
		t.Error(err)
	}
	if _, err := h.Release("person:o", begin()); code(err) != fault.CodeHoldInvalid {
		t.Error("released twice:", err)
	}
	forged := h
	forged.ReleasedAt, forged.ApprovedBy = time.Time{}, forged.RequestedBy
	if forged.InForce() {
		t.Error("one person in both parts")
	}
}

// TestBlocks writes out which hold stands against which step.
func TestBlocks(t *testing.T) {
	targets := []lifecycle.Target{
		{Tenant: tenantID, Passport: lower}, {Tenant: tenantID, Passport: middle}, {Tenant: tenantID, Passport: upper},
		{Tenant: tenantID, User: person}, {Tenant: tenantID, User: person, Keys: true}, {Tenant: tenantID, User: "other", Keys: true},
		{Tenant: tenantID, Keys: true}, {Tenant: tenantID, Whole: true}, {Tenant: tenantID},
		{Tenant: "other", Passport: lower}, {Tenant: "other", Keys: true}, {Tenant: "other", Whole: true},
	}
	for _, c := range []struct {
		scope lifecycle.Scope
		want  string // one letter for each target
	}{
		{lifecycle.Scope{Kind: lifecycle.ScopeTenant}, "yyyyyyyyynnn"},
		{lifecycle.Scope{Kind: lifecycle.ScopePassport, Passport: middle}, "nynnnnyynnnn"},
		{lifecycle.Scope{Kind: lifecycle.ScopeRange, From: lower, To: upper}, "yynnnnyynnnn"},
		{lifecycle.Scope{Kind: lifecycle.ScopeUser, User: person}, "nnnyynyynnnn"},
	} {
		h := hold(t, c.scope, begin())
		got := ""
		for _, x := range targets {
			letter := "n"
			if h.Blocks(x) {
				letter = "y"
			}
			if err := lifecycle.Blocked([]lifecycle.Hold{h}, x); (err != nil) != (letter == "y") || err != nil && code(err) != fault.CodeHeld {
				t.Errorf("%s %+v: %v", c.scope.Kind, x, err)
			}
			got += letter
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.scope.Kind, got, c.want)
		}
		released, err := h.Release("person:x", begin())
		if err != nil || slices.ContainsFunc(targets, released.Blocks) {
			t.Errorf("%s blocks after its release", c.scope.Kind)
		}
		h.Scope.Kind = "moon"
		if !h.Blocks(targets[0]) {
			t.Error("a scope that is not understood blocks nothing")
		}
	}
}

// TestProlong states the law of release: nothing moves earlier, the window not at all, and what was held gets 30 days and
// 30 more.
func TestProlong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, t0 := lifecycle.Current(), instants().Draw(t, "t0")
		d := p.Deadlines(t0)
		var holds []lifecycle.Hold
		last, inForce := time.Time{}, false
		for range rapid.IntRange(0, 4).Draw(t, "holds") {
			h := lifecycle.Hold{Basis: lifecycle.Basis{Act: "a", Article: "1"}, RequestedBy: "a", ApprovedBy: "b", ApprovedAt: t0}
			switch rapid.IntRange(0, 2).Draw(t, "kind") {
			case 0:
				h.ReleasedAt = t0.Add(time.Duration(rapid.IntRange(-1000, 5000).Draw(t, "released")) * hour)
				if h.ReleasedAt.After(last) {
					last = h.ReleasedAt
				}
			case 1:
				inForce = true
			default:
				h.ApprovedAt, h.ApprovedBy = time.Time{}, ""
				h.ReleasedAt = t0.AddDate(3, 0, 0) // never in force, so it keeps nothing
			}
			holds = append(holds, h)
		}
		got, held := p.Prolong(d, holds)
		want := d.ActiveBy
		if by := last.Add(30 * day); by.After(want) {
			want = by
		}
		if held != inForce || !got.NotBefore.Equal(d.NotBefore) || !got.ActiveBy.Equal(want) || !got.ResidualBy.Equal(want.Add(30*day)) {
			t.Fatalf("last release %s: from %v to %v", last, d, got)
		}
	})
}
