package passportpage_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/markup"
)

// palettes reads the colours of the style sheet: for light, dark and print.
func palettes(t *testing.T) map[string]map[string]string {
	t.Helper()
	_, p := passport(t, full(t))
	style := p.all("style")[0].text
	blocks := regexp.MustCompile(`(@media[^{]*\{)?:root\{([^}]*)\}`).FindAllStringSubmatch(style, -1)
	out := map[string]map[string]string{}
	for _, b := range blocks {
		name := "light"
		switch {
		case strings.Contains(b[1], "dark"):
			name = "dark"
		case strings.Contains(b[1], "print"):
			name = "print"
		}
		colours := map[string]string{}
		for _, c := range regexp.MustCompile(`--([a-z]+):(#[0-9a-f]+)`).FindAllStringSubmatch(b[2], -1) {
			colours[c[1]] = c[2]
		}
		out[name] = colours
	}
	if len(out) != 3 || len(blocks) != 3 {
		t.Fatalf("%d palettes, want light, dark and print once each", len(blocks))
	}
	return out
}

// Text needs a ratio of 4.5 to its ground, a focus ring 3 (WCAG 2.1, success criteria 1.4.3 and 1.4.11).
func TestContrast(t *testing.T) {
	pairs := []struct {
		front, ground string
		least         float64
	}{
		{"ink", "paper", 7}, {"soft", "paper", 4.5}, {"accent", "paper", 4.5},
		{"ink", "tint", 7}, {"soft", "tint", 4.5}, {"accent", "tint", 4.5},
		{"onband", "band", 7}, {"gilt", "band", 4.5},
	}
	for name, colours := range palettes(t) {
		for _, p := range pairs {
			front, ground := markup.RGB(t, colours[p.front]), markup.RGB(t, colours[p.ground])
			if got := markup.Contrast(front, ground); got < p.least {
				t.Errorf("%s: %s on %s has %.2f, needs %.1f", name, p.front, p.ground, got, p.least)
			}
			if p.ground != "band" || name == "print" {
				continue // no rings in print
			}
			// The rings over the band are white, 13 of 255 strong.
			for i := range ground {
				ground[i] += (255 - ground[i]) * 13 / 255
			}
			if got := markup.Contrast(front, ground); got < p.least {
				t.Errorf("%s: %s on a ring of the band has %.2f, needs %.1f", name, p.front, got, p.least)
			}
		}
	}
}

// A colour written beside the palette would escape the test of contrast.
func TestColoursComeFromThePalette(t *testing.T) {
	_, p := passport(t, full(t))
	style := p.all("style")[0].text
	palette := regexp.MustCompile(`:root\{[^}]*\}`)
	rest := palette.ReplaceAllString(style, "")
	for _, c := range regexp.MustCompile(`#[0-9a-fA-F]{3,8}\b|rgb|hsl|currentcolor`).FindAllString(rest, -1) {
		if c != "#fff" && c != "#fff0" && c != "#ffffff0d" { // ground of the carrier, rings of the band
			t.Errorf("colour %s stands beside the palette", c)
		}
	}
	defined := map[string]bool{}
	for _, v := range regexp.MustCompile(`--([a-z]+):`).FindAllStringSubmatch(style, -1) {
		defined[v[1]] = true
	}
	for _, v := range regexp.MustCompile(`var\(--([a-z]+)\)`).FindAllStringSubmatch(rest, -1) {
		if !defined[v[1]] {
			t.Errorf("%s is used and not defined", v[1])
		}
	}
	for _, e := range p.all("meta") {
		if e.attrs["name"] == "theme-color" && e.attrs["content"] != palettes(t)["light"]["band"] {
			t.Errorf("the browser is coloured %s", e.attrs["content"])
		}
	}
	if strings.Count(style, "{") != strings.Count(style, "}") {
		t.Error("the braces of the style sheet do not match")
	}
}
