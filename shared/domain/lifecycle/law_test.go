package lifecycle_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// TestLawIsComplete fails when a product group is added and nobody says how long its passports are kept.
func TestLawIsComplete(t *testing.T) {
	l := law(t)
	for _, g := range productgroup.NewSet().All() {
		if _, ok := l.Group(g.Name()); !ok {
			t.Errorf("no law for the product group %s", g.Name())
		}
	}
	for _, g := range l.Groups {
		if !g.Fixed && !strings.HasSuffix(g.Assumption, ".") {
			t.Errorf("%s: the assumption is not a sentence", g.Group)
		}
	}
	if got := l.Overdue(at(t, "2026-10-14T00:00:00Z")); got != nil {
		t.Errorf("overdue when it was written: %v", got)
	}
	if got := l.Overdue(at(t, "2027-02-19T00:00:00Z")); cmp.Diff([]string{"battery", "general"}, got) != "" {
		t.Errorf("overdue in February 2027: %v", got)
	}
}

func TestParseLaw(t *testing.T) {
	source, err := json.Marshal(law(t))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lifecycle.ParseLaw(source); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(string) string{
		"empty":             func(string) string { return "" },
		"not JSON":          func(s string) string { return s[:len(s)/2] },
		"two documents":     func(s string) string { return s + "{}" },
		"an unknown member": func(s string) string { return strings.Replace(s, `"fixed"`, `"fixt"`, 1) },
		"no version":        func(s string) string { return strings.Replace(s, `"version":"2026-10"`, `"version":""`, 1) },
		"no groups":         func(string) string { return `{"version":"1","groups":[]}` },
		"no act":            func(s string) string { return strings.Replace(s, `"act":"Regulation (EU) 2023/1542"`, `"act":""`, 1) },
		"a date that is none": func(s string) string {
			return strings.Replace(s, `"mandatoryFrom":"2027-02-18"`, `"mandatoryFrom":"2027-02-30"`, 1)
		},
		"no review":       func(s string) string { return strings.Replace(s, `"reviewBy":"2027-02-18"`, `"reviewBy":""`, 1) },
		"another end":     func(s string) string { return strings.Replace(s, `"ends":"recycled"`, `"ends":"never"`, 1) },
		"no years":        func(s string) string { return strings.Replace(s, `"keepYears":30`, `"keepYears":0`, 1) },
		"a thousand":      func(s string) string { return strings.Replace(s, `"keepYears":30`, `"keepYears":1000`, 1) },
		"twice":           func(s string) string { return strings.Replace(s, `"group":"construction"`, `"group":"battery"`, 1) },
		"an audience":     func(s string) string { return strings.Replace(s, `"legitimate-interest"`, `"everybody"`, 1) },
		"an exception":    func(s string) string { return strings.Replace(s, `"article":"247"`, `"article":""`, 1) },
		"too large":       func(s string) string { return s + strings.Repeat(" ", lifecycle.MaxLaw) },
		"a bare number":   func(s string) string { return cut(s, `"assumption":"The act names no number`) },
		"nothing to keep": func(s string) string { return strings.Replace(s, `"keeps":["public"]`, `"keeps":[]`, 1) },
	} {
		text := spoil(string(source))
		if text == string(source) {
			t.Errorf("%s: nothing was spoiled", name)
		}
		if _, err := lifecycle.ParseLaw([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// cut empties the text that begins like this.
func cut(s, begins string) string {
	i := strings.Index(s, begins)
	if i < 0 {
		return s
	}
	name, _, _ := strings.Cut(begins, ":")
	j := i + len(name) + 2
	k := j + strings.Index(s[j:], `"`)
	return s[:j] + s[k:]
}

func FuzzParseLaw(f *testing.F) {
	source, err := json.Marshal(law(f))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(source)
	f.Add([]byte(`{"version":"1","groups":[{"group":"g","title":"t","act":"a","article":"1","basis":"b","ends":"years","keepYears":1,"fixed":true,"reviewBy":"2027-01-01","keeps":["public"]}]}`))
	f.Add([]byte(`{}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := lifecycle.ParseLaw(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		back, err := lifecycle.ParseLaw(again)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if third, _ := json.Marshal(back); !bytes.Equal(again, third) {
			t.Fatalf("%s became %s", again, third)
		}
		for _, g := range l.Groups {
			if _, err := lifecycle.Dispose(lifecycle.PassportFacts{Group: g.Group, Published: true}, lifecycle.Choice{}, l, begin()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestDispose(t *testing.T) {
	placed, after := at(t, "2027-03-01T10:00:00Z"), at(t, "2030-01-01T00:00:00Z")
	good := lifecycle.Choice{SuccessorURL: "https://passports.example.org/01/09506000134352", DeclaredBy: "person:ann", DeclaredAt: placed}
	battery := lifecycle.PassportFacts{Passport: passport, Group: "battery", Category: "ev", Published: true, PublishedAt: placed, PlacedAt: placed}
	change := func(edit func(*lifecycle.PassportFacts)) lifecycle.PassportFacts { f := battery; edit(&f); return f }
	everybody := audience.All()
	for _, c := range []struct {
		name  string
		facts lifecycle.PassportFacts
		c     lifecycle.Choice
		at    time.Time
		kind  lifecycle.DispositionKind
		until string
	}{
		{"a battery on the market", battery, lifecycle.Choice{}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"the same, handed over", battery, good, after, lifecycle.HandedOver, "2057-03-02T00:00:00Z"},
		{"handed over to nowhere", battery, lifecycle.Choice{SuccessorURL: "https://x", DeclaredBy: "a", DeclaredAt: placed}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"handed over, says nobody", battery, lifecycle.Choice{SuccessorURL: good.SuccessorURL}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"a draft", change(func(f *lifecycle.PassportFacts) { f.Published = false }), lifecycle.Choice{}, after, lifecycle.Deleted, ""},
		{"a draft, handed over", change(func(f *lifecycle.PassportFacts) { f.Published = false }), good, after, lifecycle.Deleted, ""},
		{"recycled", change(func(f *lifecycle.PassportFacts) { f.RecycledAt = after }), lifecycle.Choice{}, after, lifecycle.Ceased, ""},
		{"recycled after a hand-over", change(func(f *lifecycle.PassportFacts) { f.RecycledAt = after }), good, after, lifecycle.Ceased, ""},
		{"to be recycled", change(func(f *lifecycle.PassportFacts) { f.RecycledAt = after.Add(1) }), lifecycle.Choice{}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"a recycled draft", change(func(f *lifecycle.PassportFacts) { f.Published, f.RecycledAt = false, after }), lifecycle.Choice{}, after, lifecycle.Deleted, ""},
		{"on the market a moment before", change(func(f *lifecycle.PassportFacts) { f.PlacedAt = at(t, "2027-02-17T23:59:59Z") }), lifecycle.Choice{}, after, lifecycle.Deleted, ""},
		{"on the market when the law began", change(func(f *lifecycle.PassportFacts) { f.PlacedAt = at(t, "2027-02-18T00:00:00Z") }), lifecycle.Choice{}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"on the market, nobody knows when", change(func(f *lifecycle.PassportFacts) { f.PlacedAt = time.Time{} }), lifecycle.Choice{}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"nobody knows when, before the law", change(func(f *lifecycle.PassportFacts) { f.PlacedAt = time.Time{} }), lifecycle.Choice{}, at(t, "2027-02-17T23:59:59Z"), lifecycle.Deleted, ""},
		{"of an unknown category", change(func(f *lifecycle.PassportFacts) { f.Category = "" }), lifecycle.Choice{}, after, lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"on 29 February", change(func(f *lifecycle.PassportFacts) { f.PublishedAt = at(t, "2028-02-29T00:00:00Z") }), lifecycle.Choice{}, after, lifecycle.Custody, "2058-03-01T00:00:00Z"},
		{"the last moment", battery, lifecycle.Choice{}, at(t, "2057-03-01T23:59:59Z"), lifecycle.Custody, "2057-03-02T00:00:00Z"},
		{"30 years later", battery, lifecycle.Choice{}, at(t, "2057-03-02T00:00:00Z"), lifecycle.Deleted, ""},
		{"voluntary", change(func(f *lifecycle.PassportFacts) { f.Group = "general" }), lifecycle.Choice{}, after, lifecycle.Deleted, ""},
		{"voluntary, handed over", change(func(f *lifecycle.PassportFacts) { f.Group = "general" }), good, after, lifecycle.Deleted, ""},
		{"a recycled voluntary one", change(func(f *lifecycle.PassportFacts) { f.Group, f.RecycledAt = "general", placed }), lifecycle.Choice{}, after, lifecycle.Deleted, ""},
		{"a detergent", change(func(f *lifecycle.PassportFacts) { f.Group, f.PlacedAt = "detergent", after }), lifecycle.Choice{}, after, lifecycle.Custody, "2040-01-01T00:00:00Z"},
	} {
		d, err := lifecycle.Dispose(c.facts, c.c, law(t), c.at)
		if err != nil || d.Kind != c.kind || d.Why == "" || d.Passport != passport {
			t.Errorf("%s: %+v %v", c.name, d, err)
			continue
		}
		if (c.until == "") != d.Until.IsZero() || c.until != "" && !d.Until.Equal(at(t, c.until)) {
			t.Errorf("%s: until %s", c.name, d.Until)
		}
		if (d.Kind == lifecycle.HandedOver) != (d.SuccessorURL != "") || (d.Kind == lifecycle.Custody) != (len(d.Keeps) > 0) || d.Basis.Given() != (d.Kind != lifecycle.Deleted) {
			t.Errorf("%s: %+v", c.name, d)
		}
		if d.Kind == lifecycle.Custody && c.facts.Group == "battery" && cmp.Diff(everybody, d.Keeps) != "" {
			t.Errorf("%s: keeps %v", c.name, d.Keeps)
		}
		_, err = lifecycle.Choose(c.facts, c.c, law(t), c.at)
		if counts := c.c == (lifecycle.Choice{}) || d.Kind == lifecycle.HandedOver; (err == nil) != counts || err != nil && code(err) != fault.CodeDisposition {
			t.Errorf("%s: choosing: %v", c.name, err)
		}
	}
	if _, err := lifecycle.Dispose(lifecycle.PassportFacts{Group: "moon"}, lifecycle.Choice{}, law(t), after); code(err) != fault.CodeProductGroupUnknown {
		t.Error("a group without law:", err)
	}
}

// TestExempt holds that only what the act exempts is exempt.
func TestExempt(t *testing.T) {
	g := lifecycle.GroupLaw{MandatoryFrom: "2027-02-18", Categories: []string{"ev"}, Exempt: []string{"model"}}
	for category, want := range map[string]bool{"ev": true, "model": false, "": true, "other": true} {
		if got := g.Mandatory(lifecycle.PassportFacts{Category: category, PlacedAt: begin().AddDate(3, 0, 0)}, begin()); got != want {
			t.Errorf("%q: %v", category, got)
		}
	}
}

func TestSuccessors(t *testing.T) {
	now := at(t, "2030-01-01T00:00:00Z")
	facts := lifecycle.PassportFacts{Group: "battery", Published: true, PublishedAt: now, PlacedAt: now}
	for _, url := range []string{
		"", "http://example.org/x", "https://", "https://localhost/x", "https://user@example.org/", "https://example.org/#x", "javascript:alert(1)", "//example.org/",
		"https:example.org", "https://example.org/ x", "https://example.org/\n", "https://example.org/\"", "ftp://example.org", "https://example.org/" + strings.Repeat("x", 2000), "https://exa mple.org", "https://[::1",
	} {
		_, err := lifecycle.Choose(facts, lifecycle.Choice{SuccessorURL: url, DeclaredBy: "person:ann", DeclaredAt: now}, law(t), now)
		if f := fault.Of(err); f == nil || f.Code != fault.CodeDisposition || len(f.Fields) != 1 || f.Fields[0].Pointer != "/successorUrl" {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, c := range []lifecycle.Choice{
		{SuccessorURL: "https://example.org/x"}, {SuccessorURL: "https://example.org/x", DeclaredBy: "a"},
		{SuccessorURL: "https://example.org/x", DeclaredBy: "a", DeclaredAt: now.Add(hour)},
	} {
		_, err := lifecycle.Choose(facts, c, law(t), now)
		if f := fault.Of(err); f == nil || len(f.Fields) != 1 || f.Fields[0].Pointer != "/handedOver" {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestDisposeLaw: what the law keeps is never deleted, whatever the tenant says, and nothing else is kept.
func TestDisposeLaw(t *testing.T) {
	l := law(t)
	rapid.Check(t, func(t *rapid.T) {
		now := instants().Draw(t, "now")
		g := rapid.SampledFrom(l.Groups).Draw(t, "group")
		f := lifecycle.PassportFacts{Group: g.Group, Published: rapid.Bool().Draw(t, "published"), PublishedAt: instants().Draw(t, "publishedAt")}
		if rapid.Bool().Draw(t, "placed") {
			f.PlacedAt = instants().Draw(t, "placedAt")
		}
		c := lifecycle.Choice{SuccessorURL: rapid.SampledFrom([]string{"", "https://example.org/x", "http://x"}).Draw(t, "url")}
		if rapid.Bool().Draw(t, "declared") {
			c.DeclaredBy, c.DeclaredAt = "person:ann", now
		}
		d, err := lifecycle.Dispose(f, c, l, now)
		if err != nil {
			t.Fatal(err)
		}
		must := f.Published && g.Mandatory(f, now) && now.Before(g.Until(f))
		if must != (d.Kind == lifecycle.Custody || d.Kind == lifecycle.HandedOver) {
			t.Fatalf("the law keeps it: %v, and it is %s", must, d.Kind)
		}
		if must && (!d.Until.After(now) || !d.Basis.Given() || d.Until.Before(f.PublishedAt.AddDate(g.KeepYears, 0, 0))) {
			t.Fatalf("%+v", d)
		}
	})
}
