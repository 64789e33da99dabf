package document_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/document"
)

func good() document.Details {
	return document.Details{Name: "Manual", Kind: "manual", Audience: []string{"public"}}
}

// TestNames states of any text: it is taken as a name exactly when it is valid, short enough, shows itself whole and is not
// padded.
func TestNames(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringN(150, 250, -1), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(rt, "name")
		d := good()
		d.Name = name
		n, seen := utf8.RuneCountInString(name), true
		for _, r := range name {
			seen = seen && !unicode.IsControl(r) && !unicode.Is(unicode.Cf, r) && r != '\u2028' && r != '\u2029'
		}
		want := n > 0 && n <= 200 && seen && utf8.ValidString(name) && strings.TrimSpace(name) == name
		if _, fields := d.Check(); (len(fields) == 0) != want {
			rt.Fatalf("%q: %v", name, fields)
		}
	})
}

// TestAudiences holds that audiences are a set: order and repetition say nothing, none of them implies another, and nobody
// is no audience.
func TestAudiences(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		all := rapid.SliceOf(rapid.SampledFrom([]string{"public", "legitimate-interest", "authority"})).Draw(rt, "audiences")
		d := good()
		d.Audience = all
		set, fields := d.Check()
		if (len(fields) == 0) != (len(all) > 0) {
			rt.Fatalf("%v: %v", all, fields)
		}
		for _, a := range audience.All() {
			said := false
			for _, b := range all {
				said = said || b == string(a)
			}
			if set.Has(a) != said {
				rt.Fatalf("%v has %s: %v", all, a, set.Has(a))
			}
		}
	})
}

// TestLanguages tells tags from what are none.
func TestLanguages(t *testing.T) {
	for text, want := range map[string]bool{
		"": true, "de": true, "pt-BR": true, "zh-Hant-TW": true, "sl-rozaj-biske": true, "x-ours": true, "de-DE-u-co-phonebk": true,
		"d": false, "german_DE": false, "de-": false, "-de": false, "de DE": false, "de-toolongsub": false, "deutschlandisch": false, "\u0064é": false,
		"en-" + strings.Repeat("a-", 20) + "a": false,
	} {
		d := good()
		d.Language = text
		if _, fields := d.Check(); (len(fields) == 0) != want {
			t.Errorf("%q: %v", text, fields)
		}
	}
}

// TestTypes holds that each media type has a name for its files, and no other has.
func TestTypes(t *testing.T) {
	seen := map[string]bool{}
	for _, media := range document.MediaTypes() {
		e := document.Extension(media)
		if e == "" || seen[e] {
			t.Errorf("%s: %q", media, e)
		}
		seen[e] = true
	}
	if document.Extension("text/html") != "" {
		t.Error("pages are no documents")
	}
}
