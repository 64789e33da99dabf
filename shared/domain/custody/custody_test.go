package custody_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const secret = "NOT-FOR-ANYBODY"

// anything is content of a group with some of its elements and, at every depth, members that no schema knows.
func anything(t *rapid.T, g *productgroup.Group) passport.Content {
	content := passport.Content{}
	spoil := func(o map[string]any) {
		if rapid.Bool().Draw(t, "spoilt") {
			o["internal"+rapid.StringMatching(`[A-Za-z]{0,6}`).Draw(t, "name")] = secret
		}
	}
	spoil(content)
	for _, e := range g.Elements() {
		if !rapid.Bool().Draw(t, e.Pointer) {
			continue
		}
		path, o := strings.Split(e.Pointer, "/")[1:], content
		for _, name := range path[:len(path)-1] {
			next, ok := o[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				o[name] = next
				spoil(next)
			}
			o = next
		}
		o[path[len(path)-1]] = rapid.SampledFrom([]any{"text", json.Number("7"), map[string]any{"en": "text"}, []any{map[string]any{"internalNote": secret}}}).Draw(t, "value")
	}
	return content
}

func version(t rapid.TB, group string, content passport.Content) passport.Version {
	t.Helper()
	product, err := identifier.Parse("https://id.gs1.org/01/09506000134352/21/X1")
	if err != nil {
		t.Fatal(err)
	}
	return passport.Version{
		Passport: "0199aaaa-0000-7000-8000-00000000000a", Tenant: "0199aaaa-0000-7000-8000-00000000000b", Number: 3, ProductGroup: group, SchemaVersion: "1.0.0", Granularity: identifier.Item,
		Product: product, Content: content, PublishedAt: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC), PublishedBy: "person:0199aaaa-0000-7000-8000-00000000000c",
	}
}

func kept(until time.Time, keeps ...audience.Audience) lifecycle.Disposition {
	return lifecycle.Disposition{
		Passport: "0199aaaa-0000-7000-8000-00000000000a", Kind: lifecycle.Custody, Until: until, Basis: lifecycle.Basis{Act: "Regulation (EU) 2023/1542", Article: "77(8)"}, Keeps: keeps,
	}
}

// TestOnlyWhatIsAllowed keeps copies of content of any kind: nothing in them is beyond what the audiences of the law may
// read, nothing names the tenant or whoever published, and what everybody could read is still the same.
func TestOnlyWhatIsAllowed(t *testing.T) {
	now := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, g := range productgroup.NewSet().All() {
		rapid.Check(t, func(t *rapid.T) {
			content := anything(t, g)
			keeps := rapid.SampledFrom([][]audience.Audience{{audience.Public}, {audience.Public, audience.Authority}, {audience.Public, audience.LegitimateInterest}, audience.All()}).Draw(t, "keeps")
			v := version(t, g.Name(), content)
			c, err := custody.Make(id.Custody("0199aaaa-0000-7000-8000-00000000000d"), v, g, kept(now.AddDate(30, 0, 0), keeps...), now)
			if err != nil {
				t.Fatal(err)
			}
			if excess := custody.Excess(c, g, keeps); len(excess) > 0 {
				t.Fatalf("too much: %v", excess)
			}
			whole, err := json.Marshal(c)
			if err != nil {
				t.Fatal(err)
			}
			for _, word := range []string{secret, string(v.Tenant), v.PublishedBy} {
				if strings.Contains(string(whole)+string(c.Document), word) {
					t.Fatalf("%s is kept: %s", word, whole)
				}
			}
			for a, restricted := range c.Restricted {
				want, _ := json.Marshal(g.View(content, a))
				if got, _ := json.Marshal(restricted); string(got) != string(want) {
					t.Fatalf("%s reads %s, before %s", a, got, want)
				}
			}
		})
	}
}

// TestExcess finds what a copy may not hold, wherever it was put in.
func TestExcess(t *testing.T) {
	now := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	g, err := productgroup.NewSet().Find("battery")
	if err != nil {
		t.Fatal(err)
	}
	make := func() custody.Copy {
		c, err := custody.Make("0199aaaa-0000-7000-8000-00000000000d", version(t, "battery", passport.Content{"batteryModelId": "A", "manufacturer": map[string]any{"name": "M"}}), g, kept(now.AddDate(30, 0, 0), audience.Public, audience.Authority), now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, spoil := range map[string]func(*custody.Copy){
		"an audience that is not kept": func(c *custody.Copy) {
			c.Restricted[audience.LegitimateInterest] = passport.Content{"batteryModelId": "A"}
		},
		"a member nobody may read": func(c *custody.Copy) { c.Restricted[audience.Authority] = passport.Content{"note": "x"} },
		"a member of the document": func(c *custody.Copy) {
			c.Document = []byte(strings.Replace(string(c.Document), `"id":`, `"tenant":"t","id":`, 1))
		},
		"a member inside an object": func(c *custody.Copy) {
			c.Document = []byte(strings.Replace(string(c.Document), `"name":"M"`, `"name":"M","internal":"x"`, 1))
		},
		"a document that is none":       func(c *custody.Copy) { c.Document = []byte("{") },
		"a second copy of what is open": func(c *custody.Copy) { c.Restricted[audience.Public] = passport.Content{"batteryModelId": "A"} },
	} {
		c := make()
		if spoil(&c); len(custody.Excess(c, g, []audience.Audience{audience.Public, audience.Authority})) == 0 {
			t.Errorf("%s is not noticed", name)
		}
	}
	for name, d := range map[string]lifecycle.Disposition{
		"another decision": {Passport: "0199aaaa-0000-7000-8000-00000000000a", Kind: lifecycle.Deleted, Until: now},
		"no end":           kept(time.Time{}, audience.Public),
		"another passport": func() lifecycle.Disposition { d := kept(now, audience.Public); d.Passport = "x"; return d }(),
		"no basis":         func() lifecycle.Disposition { d := kept(now, audience.Public); d.Basis = lifecycle.Basis{}; return d }(),
	} {
		if _, err := custody.Make("c", version(t, "battery", passport.Content{}), g, d, now); err == nil {
			t.Errorf("%s: kept", name)
		}
	}
}
