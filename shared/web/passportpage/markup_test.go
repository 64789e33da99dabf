package passportpage_test

import (
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/markup"
	"github.com/passportcraft/passportcraft/shared/web/passportpage"
)

// fataler is what testing.T and rapid.T share here.
type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// element is one element of a page, in document order.
type element struct {
	name   string
	attrs  map[string]string
	parent int    // index of the parent; -1 for the root
	text   string // all text inside, descendants included
	own    string // the part of it outside descendants
}

// page is a page taken apart.
type page []element

func passport(t fataler, p passportpage.Page) (string, page) {
	t.Helper()
	var b strings.Builder
	if err := passportpage.Passport(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String(), parse(t, b.String())
}

func problem(t fataler, p passportpage.ProblemPage) (string, page) {
	t.Helper()
	var b strings.Builder
	if err := passportpage.Problem(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.String(), parse(t, b.String())
}

// parse takes a page apart.
func parse(t fataler, html string) page {
	t.Helper()
	var out page
	for _, e := range markup.Parse(t, html) {
		out = append(out, element{e.Name, e.Attrs, e.Parent, e.Text, e.Own})
	}
	return out
}

// all lists the elements of a name.
func (p page) all(name string) []element {
	var out []element
	for _, e := range p {
		if e.name == name {
			out = append(out, e)
		}
	}
	return out
}

// shape is what markup there is, whatever the texts say.
func (p page) shape() []string {
	var out []string
	for _, e := range p {
		s := e.name
		if e.name != "br" {
			s += " in "
			if e.parent >= 0 {
				s += p[e.parent].name
			}
		}
		for _, a := range []string{"href", "src", "rel", "id", "name", "http-equiv", "style", "onclick", "onerror"} {
			if v, ok := e.attrs[a]; ok {
				s += " " + a + "=" + v
			}
		}
		out = append(out, s)
	}
	return out
}

// Nothing may be loaded from elsewhere, run, or be sent.
func checkSelfContained(t *testing.T, html string, p page) {
	t.Helper()
	for _, e := range p {
		switch e.name {
		case "script", "form", "iframe", "object", "embed", "base", "input", "button", "video", "audio", "template", "svg":
			t.Errorf("the page has a %s", e.name)
		case "link":
			switch e.attrs["rel"] {
			case "canonical", "alternate": // named, not loaded
			case "icon":
				if !strings.HasPrefix(e.attrs["href"], "data:image/svg+xml,") {
					t.Errorf("the icon is %s", e.attrs["href"])
				}
			default:
				t.Errorf("the page loads a %s", e.attrs["rel"])
			}
		case "img":
			if !strings.HasPrefix(e.attrs["src"], "/q/") {
				t.Errorf("the page shows %s", e.attrs["src"])
			}
		case "meta":
			if e.attrs["http-equiv"] != "" {
				t.Errorf("the page has http-equiv %s", e.attrs["http-equiv"])
			}
		}
		for a := range e.attrs {
			if strings.HasPrefix(a, "on") || a == "style" || a == "srcset" || a == "ping" {
				t.Errorf("%s has the attribute %s", e.name, a)
			}
		}
	}
	style := p.all("style")[0].text
	for _, word := range []string{"url(", "@import", "image-set", "<", "&", "\\"} {
		if strings.Contains(style, word) {
			t.Errorf("the style sheet has %s", word)
		}
	}
	if strings.Contains(html, "<!--") {
		t.Error("the page has a comment")
	}
}

// What readers of the page need who cannot see it (EN 301549, chapter 9; WCAG 2.1).
func checkStructure(t *testing.T, p page) {
	t.Helper()
	if lang := p.all("html")[0].attrs["lang"]; lang == "" {
		t.Error("the page has no language")
	}
	for _, name := range []string{"title", "header", "main", "footer", "h1"} {
		if n := len(p.all(name)); n != 1 {
			t.Errorf("the page has %d %s", n, name)
		}
	}
	ids := map[string]bool{}
	for _, e := range p {
		if id := e.attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("two elements are called %s", id)
			}
			ids[id] = true
		}
	}
	for _, e := range p {
		if of := e.attrs["aria-labelledby"]; of != "" && !ids[of] {
			t.Errorf("%s is labelled by %s, which is not there", e.name, of)
		}
		if to, ok := strings.CutPrefix(e.attrs["href"], "#"); ok && !ids[to] {
			t.Errorf("a link leads to %s, which is not there", to)
		}
		if e.name == "img" && (e.attrs["alt"] == "" || e.attrs["width"] == "" || e.attrs["height"] == "") {
			t.Errorf("an image lacks its description or its size: %v", e.attrs)
		}
		if _, labelled := e.attrs["aria-labelledby"]; (e.name == "section" || e.name == "nav") && !labelled {
			t.Errorf("a %s has no name", e.name)
		}
		if e.name == "meta" && e.attrs["name"] == "viewport" && strings.Contains(e.attrs["content"], "scal") && strings.Contains(e.attrs["content"], "max") {
			t.Error("the page cannot be enlarged")
		}
		if strings.TrimSpace(e.text) == "" && (e.name == "a" || e.name == "dt" || e.name == "dd" || e.name == "h2" || e.name == "li") {
			t.Errorf("an empty %s", e.name)
		}
		checkParent(t, p, e)
	}
}

// checkParent holds lists to the content model of HTML.
func checkParent(t *testing.T, p page, e element) {
	t.Helper()
	in := ""
	if e.parent >= 0 {
		in = p[e.parent].name
	}
	switch {
	case e.name == "li" && in != "ul", in == "ul" && e.name != "li",
		(e.name == "dt" || e.name == "dd") && in != "dl" && in != "div",
		in == "dl" && e.name != "dt" && e.name != "dd" && e.name != "div",
		e.name == "summary" && in != "details",
		e.name == "figcaption" && in != "figure":
		t.Errorf("%s in %s", e.name, in)
	case e.name == "h3" || e.name == "h4":
		t.Errorf("heading %s is below no heading of its own", e.name)
	}
}
