package passportpage_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/web/passportpage"
)

func item(t fataler) identifier.Product {
	t.Helper()
	p, err := identifier.New("09506000134352", "", "A/B-7")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func text(words ...string) []productgroup.Value {
	out := make([]productgroup.Value, len(words))
	for i, w := range words {
		out[i] = productgroup.Value{Text: w}
	}
	return out
}

// full is a small page that uses everything.
func full(t fataler) passportpage.Page {
	t.Helper()
	product := item(t)
	return passportpage.Page{
		Lang: "en", Title: "Polaris 40", Product: product, ProductGroup: "battery", GroupTitle: "Battery",
		Granularity: identifier.Item, Version: 2, PublishedAt: time.Date(2027, 2, 18, 9, 5, 0, 0, time.FixedZone("", 3600)),
		Manufacturer: "Polaris AB", Operator: "Polaris Europe BV",
		CanonicalURL: "https://p.example.com" + product.Path(), CarrierSVG: "/q/one.svg", CarrierPNG: "/q/one.png", JSONPath: "/v1/one.json",
		Links: []passportpage.Link{{Label: "Model", Href: product.Model().Path()}, {Label: "Batch", Href: "https://elsewhere.example/"}},
		KeyFacts: []productgroup.Row{
			{Label: "Capacity", Values: []productgroup.Value{{Text: "40.2", Unit: "Ah"}}},
			{Label: "Place of manufacture", Values: text("Skellefteå, Västerbotten, Sweden")},
			{Label: "Materials", Values: text("Lithium", "Iron", "Phosphorus", "Graphite", "Copper")},
			{Label: "Nothing said"},
		},
		Sections: []productgroup.Section{
			{Title: "Identification", Rows: []productgroup.Row{
				{Label: "Model", Help: "What the maker calls it.", DataPoint: 7, Values: text("Polaris 40")},
				{Label: "Recycled lithium", DataPoint: 21, Values: []productgroup.Value{{Text: "6.2", Unit: "%"}}},
			}},
			{Title: "Nothing here", Rows: []productgroup.Row{{Label: "Empty"}}},
			{Title: "Contact", Rows: []productgroup.Row{
				{Label: "Web site", Values: []productgroup.Value{{Text: "https://polaris.example", Href: "https://polaris.example"}}},
				{Label: "Declaration", Values: []productgroup.Value{{Text: "EU declaration of conformity", Href: "https://doc.polaris.example/eu.pdf"}}},
				{Label: "E-mail", Values: []productgroup.Value{{Text: "hello@polaris.example", Href: "mailto:hello@polaris.example"}}},
			}},
			{Rows: []productgroup.Row{{Label: "Parts", Values: text("1", "2", "3", "4", "5", "6", "7", "8")}}},
		},
		PublicHash: "sha-256:" + strings.Repeat("0123456789abcdef", 4),
	}
}

func refusal() passportpage.ProblemPage {
	return passportpage.ProblemPage{
		Status: 400, Title: "Check digit wrong", Detail: "The check digit of the GTIN is wrong: after 0950600013435 comes 2.",
		Help: "Unused here.", Code: "product-identifier-check-digit", Path: "/01/09506000134353", RequestID: "req-1",
	}
}

// golden compares the markup, without the style sheet and one element a line, with what was looked at and found good.
// With UPDATE_GOLDEN=1 the file is written instead; look at it again then.
func golden(t *testing.T, name, html string, p page) {
	t.Helper()
	got := strings.Replace(html, p.all("style")[0].text, "", 1)
	got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
	file := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
		t.Errorf("%s (-kept +written):\n%s", name, d)
	}
}

func TestGolden(t *testing.T) {
	html, p := passport(t, full(t))
	golden(t, "passport.html", html, p)
	html, p = problem(t, refusal())
	golden(t, "problem.html", html, p)
}

func TestPagesAreSelfContainedAndWellStructured(t *testing.T) {
	pages := map[string]passportpage.Page{"everything": full(t), "nothing": {Title: "Thing"}}
	for name, p := range fromSamples(t) {
		pages[name] = p
	}
	for name, p := range pages {
		t.Run(name, func(t *testing.T) {
			html, elements := passport(t, p)
			checkSelfContained(t, html, elements)
			checkStructure(t, elements)
			if strings.Contains(html, "noindex") {
				t.Error("search engines are kept out")
			}
		})
	}
	t.Run("problem", func(t *testing.T) {
		html, elements := problem(t, refusal())
		checkSelfContained(t, html, elements)
		checkStructure(t, elements)
	})
}

func TestContentSecurityPolicy(t *testing.T) {
	_, a := passport(t, full(t))
	_, b := problem(t, refusal())
	for _, p := range []page{a, b} {
		styles := p.all("style")
		if len(styles) != 1 {
			t.Fatalf("%d style sheets", len(styles))
		}
		sum := sha256.Sum256([]byte(styles[0].text))
		want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
		if d := cmp.Diff(want, passportpage.ContentSecurityPolicy()); d != "" {
			t.Error(d)
		}
	}
}

// fromSamples makes pages of the sample passports, for the public and with everything in them.
func fromSamples(t *testing.T) map[string]passportpage.Page {
	t.Helper()
	groups := productgroup.NewSet()
	out := map[string]passportpage.Page{}
	var above map[string]any
	for _, name := range samples.Names() {
		source, err := samples.Read(name)
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			ProductGroup, ProductIdentifier string
			Content                         map[string]any
		}
		if err := json.Unmarshal(source, &body); err != nil {
			t.Fatal(err)
		}
		group, err := groups.Find(body.ProductGroup)
		if err != nil {
			t.Fatal(err)
		}
		product, err := identifier.Parse(body.ProductIdentifier)
		if err != nil {
			t.Fatal(err)
		}
		if product.Granularity() == identifier.Model {
			above = nil
		}
		above = group.Inherit(above, body.Content)
		for _, reader := range audience.All() {
			sections := group.Describe(group.View(above, reader), []string{"en"})
			p := full(t)
			p.Product, p.Granularity, p.GroupTitle = product, product.Granularity(), group.Title()
			p.Sections, p.KeyFacts = sections, group.KeyFacts(sections)
			out[name+" for "+string(reader)] = p
		}
	}
	return out
}

func TestSize(t *testing.T) {
	largest := 0
	for name, p := range fromSamples(t) {
		html, _ := passport(t, p)
		largest = max(largest, len(html))
		if len(html) > 60<<10 {
			t.Errorf("the page of %s has %d bytes", name, len(html))
		}
	}
	if largest < 20<<10 {
		t.Errorf("the largest page has %d bytes: the samples are not full", largest)
	}
}

func TestLongListsFold(t *testing.T) {
	p := passportpage.Page{Title: "Thing", Sections: []productgroup.Section{{Title: "S", Rows: []productgroup.Row{{Label: "L"}}}}}
	for n := 1; n <= 40; n++ {
		p.Sections[0].Rows[0].Values = append(p.Sections[0].Rows[0].Values, productgroup.Value{Text: "value " + strconv.Itoa(n) + "."})
		_, elements := passport(t, p)
		folded := elements.all("details")
		if want := n > 6; (len(folded) == 1) != want {
			t.Fatalf("%d values: %d folds", n, len(folded))
		}
		if n > 6 && !strings.Contains(folded[0].text, strconv.Itoa(n-6)+" more") {
			t.Errorf("%d values: the fold says %q", n, folded[0].text)
		}
		for i := 1; i <= n; i++ {
			if whole := elements.all("main")[0].text; strings.Count(whole, "value "+strconv.Itoa(i)+".") != 1 {
				t.Fatalf("%d values: value %d is not there once", n, i)
			}
		}
	}
}

func TestWhatThePassportSays(t *testing.T) {
	_, p := passport(t, full(t))
	whole := strings.Join(strings.Fields(p.all("body")[0].text), " ")
	for _, says := range []string{"Battery · one item", "Made by Polaris AB", "GTIN09506000134352", "Serial numberA/B-7",
		"Version 2, published on 18 February 2027 at 08:05 UTC", "Responsible for this passport: Polaris Europe BV", "and 2 more", "Further data"} {
		if !strings.Contains(whole, says) {
			t.Errorf("the page does not say %q", says)
		}
	}
	for _, hides := range []string{"Nothing here", "Nothing said", "elsewhere.example", "Batch passport"} {
		if strings.Contains(whole, hides) {
			t.Errorf("the page says %q", hides)
		}
	}
	if at := p.all("time")[0].attrs["datetime"]; at != "2027-02-18T08:05:00Z" {
		t.Errorf("published at %s for machines", at)
	}
	levels := map[identifier.Granularity]string{identifier.Model: "a model", identifier.Batch: "one batch", identifier.Item: "one item"}
	for level, words := range levels {
		q := full(t)
		q.Granularity = level
		if _, p := passport(t, q); !strings.Contains(p.all("header")[0].text, words) {
			t.Errorf("%s: the page does not say %q", level, words)
		}
	}
	q := full(t)
	q.KeyFacts[0].Values = text(q.Manufacturer)
	if _, p := passport(t, q); strings.Contains(p.all("header")[0].text, "Made by") {
		t.Error("the manufacturer is said twice")
	}
}

func TestWhatAProblemSays(t *testing.T) {
	tests := []struct {
		status     int
		code, says string
	}{
		{404, "passport-not-found", "scan it once more"},
		{404, "passport-suspended", "Scan it again later"},
		{404, "route-not-found", "the help of the code"},
		{410, "passport-archived", "Nothing will be published under it again"},
		{400, "product-identifier-invalid", "character by character"},
		{406, "not-acceptable", "the help of the code"},
		{503, "unavailable", "Try again in a minute"},
	}
	for _, tt := range tests {
		t.Run(tt.code, func(t *testing.T) {
			html, p := problem(t, passportpage.ProblemPage{Lang: "de", Status: tt.status, Code: tt.code, Title: "Title of it",
				Detail: "Sentence for it.", Help: "the help of the code", Path: "/01/<b>", RequestID: "req-9"})
			whole := p.all("body")[0].text
			for _, says := range []string{tt.says, "Title of it", "Sentence for it.", "/01/<b>", "req-9", strconv.Itoa(tt.status) + " " + tt.code} {
				if !strings.Contains(whole, says) {
					t.Errorf("the page does not say %q", says)
				}
			}
			if !strings.Contains(html, `<meta name="robots" content="noindex"`) || p.all("html")[0].attrs["lang"] != "de" {
				t.Error("search engines are let in, or the language is lost")
			}
		})
	}
}

type broken struct{}

var errBroken = errors.New("the reader has gone")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestWriteErrors(t *testing.T) {
	if err := passportpage.Passport(broken{}, full(t)); !errors.Is(err, errBroken) {
		t.Errorf("Passport = %v", err)
	}
	if err := passportpage.Problem(broken{}, refusal()); !errors.Is(err, errBroken) {
		t.Errorf("Problem = %v", err)
	}
}

func BenchmarkPassport(b *testing.B) {
	p := full(b)
	for b.Loop() {
		var out strings.Builder
		if err := passportpage.Passport(&out, p); err != nil {
			b.Fatal(err)
		}
	}
}
