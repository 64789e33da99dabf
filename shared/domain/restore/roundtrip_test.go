package restore_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	organisation "github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// text is what people write: any script, quotes, control characters, what looks like markup or a formula, the line
// separators of JavaScript, and now and then a lot of it.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(), rapid.StringMatching(`[a-zäöüßéčłŞ Ωж中文🪑"\\/<>&=+@;,\t\n-]{0,40}`), rapid.SampledFrom([]string{"", "\u2028\u2029", "=cmd()", "\u202eabc", "a\u0000b", "\ufeff", "null", "{}"}),
		rapid.Custom(func(t *rapid.T) string {
			return strings.Repeat(rapid.StringN(1, 8, 16).Draw(t, "piece"), rapid.SampledFrom([]int{2, 5, 20, 20, 2000}).Draw(t, "times"))
		}),
	)
}

// value is any JSON, with numbers as people write them.
func value(depth int) *rapid.Generator[any] {
	plain := []*rapid.Generator[any]{
		rapid.Map(text(), func(s string) any { return s }), rapid.Map(rapid.Bool(), func(b bool) any { return b }), rapid.Just[any](nil),
		rapid.Map(rapid.SampledFrom([]string{"0", "-0", "1", "1.0", "1e2", "1E-7", "0.1", "12345678901234567890", "-273.15", "3.0e+10"}), func(s string) any { return json.Number(s) }),
	}
	if depth > 0 {
		plain = append(plain, rapid.Map(rapid.SliceOfN(value(depth-1), 0, 4), func(v []any) any { return v }), rapid.Map(content(depth-1), func(v passport.Content) any { return map[string]any(v) }))
	}
	return rapid.OneOf(plain...)
}

func content(depth int) *rapid.Generator[passport.Content] {
	return rapid.Custom(func(t *rapid.T) passport.Content {
		made := rapid.MapOfN(text(), value(depth), 0, 5).Draw(t, "content")
		b, err := passport.Encode(made)
		if err != nil {
			t.Fatal(err)
		}
		kept, err := passport.DecodeContent(b) // as it comes from storage
		if err != nil {
			t.Fatal(err)
		}
		return kept
	})
}

// populate gives an organisation passports of several product groups in every state, with histories of any length and
// documents, recipes, and settings.
func populate(t *rapid.T, w *world, name id.Tenant, own *tenant) {
	for n := range rapid.SampledFrom([]int{0, 1, 1, 2, 2, 3, 4, 6}).Draw(t, "passports") {
		live(t, w, name, own, n)
	}
	for range rapid.IntRange(0, 3).Draw(t, "recipes") {
		own.recipes = append(own.recipes, intake.Recipe{
			ID: string(id.New[id.Recipe](w.ids)), Name: rapid.StringMatching(`[a-zé中🪑"<=]{1,30}`).Draw(t, "name"), ProductGroup: "general",
			Granularity: identifier.Item, Revision: rapid.Int64Range(1, 5).Draw(t, "revision"), Mapping: intake.Mapping{Decimal: intake.Comma, Columns: []intake.Column{
				{Header: "GTIN", Pointer: "/productIdentifier"},
				{Header: rapid.StringMatching(`[a-zé中🪑"<=]{1,30}`).Draw(t, "header"), Pointer: "/content/name", Language: "de", Default: rapid.StringMatching(`[a-zé ;"]{0,9}`).Draw(t, "default")},
			}},
		})
	}
	own.self.Name = rapid.StringMatching(`[a-zé中🪑"<=]{1,30}`).Draw(t, "organisation")
	own.self.Policy = organisation.Policy{RequireMFA: rapid.Bool().Draw(t, "mfa"), SSOOnly: rapid.Bool().Draw(t, "sso"), SessionHours: rapid.IntRange(0, 24).Draw(t, "hours")}
	if rapid.Bool().Draw(t, "domains") {
		own.self.Policy.Domains = []string{"ahorn.example", "nordeiche.example"}
	}
}

// papers gives a passport documents, some of which have the same bytes.
func papers(t *rapid.T, w *world, own *tenant, p passport.Passport) {
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2, 5}).Draw(t, "documents") {
		content := []byte(rapid.OneOf(rapid.SampledFrom([]string{"the same", "%PDF-1.7"}), rapid.StringN(1, 200, 400)).Draw(t, "bytes"))
		own.keep(paper{document.Document{
			ID: id.New[id.Document](w.ids), Passport: p.ID, Tenant: p.Tenant, Name: rapid.StringMatching(`[a-zé中🪑"<=]{1,30}`).Draw(t, "name"),
			Kind: rapid.SampledFrom(document.Kinds()).Draw(t, "kind"), Language: rapid.SampledFrom([]string{"", "de", "pt-BR"}).Draw(t, "language"),
			Audience: audience.Set(rapid.SampledFrom([]uint8{1, 2, 3}).Draw(t, "audience")), Media: rapid.SampledFrom(document.MediaTypes()).Draw(t, "media"),
			Size: int64(len(content)), SHA256: fmt.Sprintf("%x", sha256.Sum256(content)), AddedAt: w.now.Now(), AddedBy: "person:" + text().Draw(t, "by"),
		}, content})
	}
}

func live(t *rapid.T, w *world, name id.Tenant, own *tenant, n int) {
	w.now.Advance(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
	product, err := identifier.Parse(fmt.Sprintf("https://id.gs1.org/01/09506000134376/21/S%d", n))
	if err != nil {
		t.Fatal(err)
	}
	p := passport.Passport{
		ID: id.New[id.Passport](w.ids), Tenant: name, Status: passport.Draft, Revision: 1, ProductGroup: rapid.SampledFrom([]string{"general", "battery", "textile"}).Draw(t, "group"),
		Granularity: identifier.Item, Product: product, Content: content(2).Draw(t, "content"), CreatedAt: w.now.Now(), UpdatedAt: w.now.Now(),
	}
	own.versions[p.ID], own.moments[p.ID] = map[int]passport.Version{}, map[int]passport.Moment{}
	moment := func(s passport.Status) {
		w.now.Advance(time.Second)
		p.Status, p.Revision, p.UpdatedAt = s, p.Revision+1, w.now.Now()
		own.moments[p.ID][len(own.moments[p.ID])+1] = passport.Moment{At: w.now.Now(), Status: s, Version: p.Version}
	}
	publications := rapid.SampledFrom([]int{0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 30}).Draw(t, "publications")
	for range publications {
		p.Version++
		v := passport.Version{
			Passport: p.ID, Tenant: name, Number: p.Version, ProductGroup: p.ProductGroup, SchemaVersion: "1.0.0", Granularity: p.Granularity, Product: product,
			Content: content(1).Draw(t, "version"), PublishedAt: w.now.Now().Add(time.Second), PublishedBy: "person:" + text().Draw(t, "by"),
		}
		if rapid.Bool().Draw(t, "inherits") {
			if v.Links.Model, err = identifier.Parse("https://id.gs1.org/01/09506000134376"); err != nil {
				t.Fatal(err)
			}
		}
		if v.ContentHash, err = passport.Hash(v); err != nil {
			p.Version--
			continue // content with numbers that have no canonical form is never published
		}
		own.versions[p.ID][p.Version] = v
		moment(passport.Published)
		p.ContentHash, p.PublishedAt = v.ContentHash, v.PublishedAt
	}
	if p.Version > 0 {
		for _, s := range []passport.Status{passport.Suspended, passport.Archived} {
			if rapid.IntRange(0, 2).Draw(t, "goes on") == 0 {
				break
			}
			moment(s)
			p.Reason = text().Draw(t, "reason")
		}
	}
	if rapid.Bool().Draw(t, "edited") {
		p.Content, p.Revision = content(2).Draw(t, "draft"), p.Revision+1
	}
	own.passports[p.ID], own.products[product.Canonical()] = p, p.ID
	papers(t, w, own, p)
}

// take exports an organisation and returns the package.
func (w *world) take(t interface{ Fatalf(string, ...any) }, from id.Tenant, partSize int, patience time.Duration) []byte {
	w.now.Advance(time.Second)
	e := export.Export{ID: id.New[id.Export](w.ids), Tenant: from, State: export.Queued, Options: export.Options{Scope: export.Workspace}, RequestedAt: w.now.Now(), Snapshot: w.now.Now()}
	if err := (exportStore{w}).write(e); err != nil {
		t.Fatalf("%v", err)
	}
	for calls := 0; e.State != export.Ready; calls++ {
		if calls > 300 {
			t.Fatalf("the export stays %s", e.State)
		}
		if err := w.packager(partSize, patience).Pack(testContext, from, e.ID); err != nil {
			t.Fatalf("%v", err)
		}
		e, _ = (exportStore{w}).read(e.ID)
	}
	return w.objects[pack(e.ID)]
}

// begin announces a package and uploads it.
func (w *world) begin(t interface{ Fatalf(string, ...any) }, to id.Tenant, file []byte) id.Import {
	i := restore.Import{ID: id.New[id.Import](w.ids), Tenant: to, State: restore.Waiting, Size: int64(len(file)), RequestedAt: w.now.Now()}
	if err := (importStore{w}).write(i); err != nil {
		t.Fatalf("%v", err)
	}
	_ = w.put(uploaded(to, i.ID), file)
	return i.ID
}

func (w *world) state(i id.Import) restore.Import {
	v, _ := (importStore{w}).read(i)
	return v
}

// bring imports a package and returns the account of it.
func (w *world) bring(t interface{ Fatalf(string, ...any) }, to id.Tenant, file []byte, patience time.Duration, parallel int) restore.Import {
	which := w.begin(t, to, file)
	for calls := 0; w.state(which).State != restore.Done; calls++ {
		i := w.state(which)
		if calls > 2000 || i.State == restore.Refused {
			t.Fatalf("the import stays %s: %s", i.State, i.Why)
		}
		if i.State == restore.Checked {
			i.State, i.Fence, i.LeaseUntil, i.SettingsBy = restore.Committing, i.Fence+1, time.Time{}, "person:owner"
			_ = (importStore{w}).write(i)
		}
		if err := w.runner(patience, parallel).Run(testContext, to, which); err != nil {
			t.Fatalf("%v", err)
		}
	}
	return w.state(which)
}

// likeness is an organisation without what coming back changes: identifiers, when rows were written, and that what was
// published is suspended until people publish it again.
func likeness(t interface{ Fatalf(string, ...any) }, own *tenant) map[string]string {
	all := map[string]string{}
	for which := range own.passports {
		p, versions := own.record(which)
		p.ID, p.UpdatedAt = "", time.Time{}
		if n := len(p.History); n > 0 && p.Status == "suspended" && strings.HasPrefix(p.Reason, "Restored from") {
			p.Status, p.History, p.Reason = "published", p.History[:n-1], ""
		}
		if p.Status == "published" {
			p.Reason = ""
		}
		for n := range versions {
			versions[n].Passport = ""
		}
		var documents []any
		for _, d := range own.documents[which] {
			r := d.record()
			r.ID, r.Passport = "", ""
			documents = append(documents, r, fmt.Sprintf("%x", d.content))
		}
		b, err := passport.Encode(struct {
			P, V any
			D    []any
		}{p, versions, documents})
		if err != nil {
			t.Fatalf("%v", err)
		}
		all[p.ProductIdentifier] = string(b)
	}
	for n, r := range own.recipes {
		r.ID, r.Revision = "", 0
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatalf("%v", err)
		}
		all[fmt.Sprint("recipe ", n)] = string(b)
	}
	all["settings"] = fmt.Sprintf("%q %+v", own.self.Name, own.self.Policy)
	return all
}

// rounds is how many hundred organisations go round.
const rounds = 20

// TestRoundTrip takes thousands of random organisations away and brings each into an empty one: content, versions, history,
// documents, recipes and settings are equal. Bringing the package a second time changes nothing.
func TestRoundTrip(t *testing.T) {
	key, n := newKey(t), 0
	for range rounds {
		rapid.Check(t, func(rt *rapid.T) { n++; roundTrip(rt, t, key) })
	}
	t.Logf("%d organisations", n)
}

func roundTrip(rt *rapid.T, t *testing.T, key *ecdsa.PrivateKey) {
	w := newWorld(t, key)
	from, before := w.found()
	populate(rt, w, from, before)
	to, after := w.found()
	size, patience := rapid.SampledFrom([]int{300, 20_000, 8 << 20}).Draw(rt, "part"), time.Duration(rapid.IntRange(0, 1).Draw(rt, "patience"))*time.Hour
	file := w.take(rt, from, size, patience)
	done := w.bring(rt, to, file, patience, rapid.IntRange(1, 8).Draw(rt, "parallel"))
	if int(done.Restored) != len(before.passports) || done.Failed+done.Present > 0 || int(done.Recipes) != len(before.recipes) {
		rt.Fatalf("of %d passports and %d recipes: %+v", len(before.passports), len(before.recipes), done)
	}
	want := likeness(rt, before)
	if d := cmp.Diff(want, likeness(rt, after)); d != "" {
		rt.Fatalf("not the same: %s", d)
	}
	twice(rt, w, to, file, before, want, after)
	if len(w.uploads) > 0 {
		rt.Fatalf("%d uploads are left", len(w.uploads))
	}
	if a, err := archive.Open(bytes.NewReader(file), int64(len(file)), &key.PublicKey); err != nil || a.Manifest.Counts["passports"] != int64(len(before.passports)) {
		rt.Fatalf("the manifest counts otherwise: %v", err)
	}
}

// twice brings the same package again, in one of four cases.
func twice(rt *rapid.T, w *world, to id.Tenant, file []byte, before *tenant, want map[string]string, after *tenant) {
	if rapid.IntRange(0, 3).Draw(rt, "twice") > 0 {
		return
	}
	again := w.bring(rt, to, file, time.Hour, 1)
	if int(again.Present) != len(before.passports) || again.Restored+again.Failed > 0 || int(again.Recipes) != len(before.recipes) {
		rt.Fatalf("a second time: %+v", again)
	}
	if d := cmp.Diff(want, likeness(rt, after)); d != "" {
		rt.Fatalf("a second time: %s", d)
	}
}
