// Package markup takes the platform's pages apart, for tests: whether they are sound, whether everybody can read them, and
// whether their scripts keep to text. It knows no page.
package markup

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Element is one element of a page, in document order.
type Element struct {
	Name   string
	Attrs  map[string]string
	Parent int    // index of the parent; -1 for the root
	Text   string // all text inside, descendants included
	Own    string // the part of it outside descendants
}

// Failer is what testing.TB and rapid.T share here.
type Failer interface {
	Helper()
	Fatalf(string, ...any)
}

// Parse takes a page apart. The pages are written so that every element but the void ones is closed, which an XML reader
// checks on the way; it also refuses broken UTF-8, control characters and attributes given twice.
func Parse(t Failer, html string) []Element {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(html))
	d.Strict = false // attributes without value
	d.Entity = xml.HTMLEntity
	d.AutoClose = xml.HTMLAutoClose // void elements
	var out []Element
	var open []int
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			if len(open) > 0 {
				t.Fatalf("%s is not closed", out[open[len(open)-1]].Name)
			}
			return out
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := Element{Name: token.Name.Local, Attrs: map[string]string{}, Parent: -1}
			if len(open) > 0 {
				e.Parent = open[len(open)-1]
			}
			for _, a := range token.Attr {
				if _, twice := e.Attrs[a.Name.Local]; twice {
					t.Fatalf("%s has %s twice", e.Name, a.Name.Local)
				}
				e.Attrs[a.Name.Local] = a.Value
			}
			open = append(open, len(out))
			out = append(out, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				out[i].Text += string(token)
			}
			if len(open) > 0 {
				out[open[len(open)-1]].Own += string(token)
			}
		}
	}
}

// All lists the elements of a name.
func All(page []Element, name string) []Element {
	var out []Element
	for _, e := range page {
		if e.Name == name {
			out = append(out, e)
		}
	}
	return out
}

// Sound holds what every page must be: one language, title and heading, no inline script or style attribute, nothing
// from elsewhere, labels and descriptions that name something, and no identifier twice.
func Sound(t *testing.T, name, html string) []Element {
	t.Helper()
	page := Parse(t, html)
	ids := map[string]bool{}
	for _, e := range page {
		if id := e.Attrs["id"]; id != "" {
			if ids[id] {
				t.Errorf("%s: the identifier %s twice", name, id)
			}
			ids[id] = true
		}
	}
	for _, e := range page {
		for attr, value := range e.Attrs {
			if strings.HasPrefix(attr, "on") || attr == "style" {
				t.Errorf("%s: %s has %s", name, e.Name, attr)
			}
			outside := strings.Contains(value, "://") || strings.HasPrefix(value, "//") || strings.HasPrefix(strings.ToLower(value), "javascript")
			outside = outside && !strings.HasPrefix(value, "data:image/svg+xml,") // the icon
			if (attr == "src" || attr == "href" || attr == "action") && outside {
				t.Errorf("%s: %s leads to %s", name, e.Name, value)
			}
			if attr == "for" || attr == "aria-labelledby" || attr == "aria-describedby" {
				for id := range strings.FieldsSeq(value) {
					if !ids[id] {
						t.Errorf("%s: %s names %s, which does not exist", name, e.Name, id)
					}
				}
			}
		}
		if e.Name == "script" && (e.Attrs["src"] == "" || strings.TrimSpace(e.Text) != "") {
			t.Errorf("%s has an inline script", name)
		}
	}
	if len(All(page, "h1")) != 1 || len(All(page, "main")) != 1 || len(All(page, "title")) != 1 || page[0].Attrs["lang"] != "en" || !strings.HasPrefix(html, "<!doctype html>") {
		t.Errorf("%s lacks heading, main part, title or language", name)
	}
	return page
}

// RGB reads a colour #rgb or #rrggbb.
func RGB(t Failer, hex string) [3]float64 {
	t.Helper()
	hex = strings.TrimPrefix(hex, "#")
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	n, err := strconv.ParseUint(hex, 16, 24)
	if err != nil || len(hex) != 6 {
		t.Fatalf("colour %q: %v", hex, err)
	}
	return [3]float64{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}
}

// luminance is that of WCAG 2.1 (definition of relative luminance).
func luminance(c [3]float64) float64 {
	weights := [3]float64{0.2126, 0.7152, 0.0722}
	sum := 0.0
	for i, v := range c {
		v /= 255
		if v <= 0.04045 {
			v /= 12.92
		} else {
			v = math.Pow((v+0.055)/1.055, 2.4)
		}
		sum += weights[i] * v
	}
	return sum
}

// Contrast is that of WCAG 2.1 (definition of contrast ratio), from 1 to 21.
func Contrast(a, b [3]float64) float64 {
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// CheckPalette holds the contrast of every pair in use, for light, dark and print, and that no colour stands beside the
// palette (WCAG 2.1, success criteria 1.4.3 and 1.4.11).
func CheckPalette(t *testing.T, style string) {
	t.Helper()
	pairs := []struct {
		front, ground string
		least         float64
	}{
		{"ink", "paper", 7}, {"soft", "paper", 4.5}, {"accent", "paper", 4.5}, {"warn", "paper", 4.5}, {"paper", "accent", 4.5},
		{"ink", "tint", 7}, {"soft", "tint", 4.5}, {"accent", "tint", 4.5}, {"warn", "tint", 4.5}, {"onband", "band", 7}, {"gilt", "band", 4.5},
	}
	roots := regexp.MustCompile(`:root\{([^}]*)\}`)
	blocks := roots.FindAllStringSubmatch(style, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d palettes, want light, dark and print", len(blocks))
	}
	defined := map[string]bool{}
	for i, block := range blocks {
		colours := map[string]string{}
		for _, c := range regexp.MustCompile(`--([a-z]+):(#[0-9a-f]+)`).FindAllStringSubmatch(block[1], -1) {
			colours[c[1]], defined[c[1]] = c[2], true
		}
		for _, p := range pairs {
			if i == 2 && p.ground == "band" && p.front == "gilt" {
				continue // a line in print
			}
			if got := Contrast(RGB(t, colours[p.front]), RGB(t, colours[p.ground])); got < p.least {
				t.Errorf("palette %d: %s on %s has %.2f, needs %.1f", i, p.front, p.ground, got, p.least)
			}
		}
	}
	rest := roots.ReplaceAllString(style, "")
	for _, c := range regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgb|hsl|currentcolor`).FindAllString(rest, -1) {
		if c != "#fff0" && c != "#ffffff0d" { // rings of the band
			t.Errorf("colour %s stands beside the palette", c)
		}
	}
	for _, v := range regexp.MustCompile(`var\(--([a-z]+)\)`).FindAllStringSubmatch(rest, -1) {
		if !defined[v[1]] {
			t.Errorf("%s is used and not defined", v[1])
		}
	}
	if strings.Count(style, "{") != strings.Count(style, "}") {
		t.Error("the braces of the style sheet do not match")
	}
}

// CheckScript holds that a script puts nothing on a page but text, and asks nobody but this host.
func CheckScript(t *testing.T, script string) {
	t.Helper()
	for _, banned := range []string{
		"innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "Function(", "javascript:", "localStorage", "document.cookie", "http://", "https://evil", "postMessage", "DOMParser", "createContextualFragment", "import(",
	} {
		if strings.Contains(script, banned) {
			t.Errorf("the script uses %s", banned)
		}
	}
	if !strings.Contains(script, `"use strict"`) {
		t.Error("the script is not strict")
	}
}
