package identifier_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const (
	gtin    = "09506000134352"
	set82   = `!"%&'()*+,-./0123456789:;<=>?ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz`
	invalid = fault.CodeIdentifierInvalid
	scheme  = fault.CodeIdentifierScheme
	digit   = fault.CodeIdentifierCheckDigit
)

func codeOf(err error) fault.Code {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, uri, path string
		level           identifier.Granularity
	}{
		{"model", "https://id.gs1.org/01/09506000134352", "/01/09506000134352", identifier.Model},
		{"batch", "https://id.gs1.org/01/09506000134352/10/L-7", "/01/09506000134352/10/L-7", identifier.Batch},
		{"item", "https://id.gs1.org/01/09506000134352/21/A1", "/01/09506000134352/21/A1", identifier.Item},
		{"any host, port and stem", "http://example.com:8080/a/b/01/09506000134352/21/A1", "/01/09506000134352/21/A1", identifier.Item},
		{"upper-case scheme", "HTTPS://EXAMPLE.COM/01/09506000134352", "/01/09506000134352", identifier.Model},
		{"address in brackets", "https://[2001:db8::1]:443/01/09506000134352", "/01/09506000134352", identifier.Model},
		{"the rightmost key wins", "https://a/01/x/01/09506000134352", "/01/09506000134352", identifier.Model},
		{"serial number that looks like a key", "https://a/01/09506000134352/21/01", "/01/09506000134352/21/01", identifier.Item},
		{"slash in the serial number", "https://a/01/09506000134352/21/A%2fB", "/01/09506000134352/21/A%2FB", identifier.Item},
		{"needless escapes", "https://a/01/%30950600013435%32/21/%41", "/01/09506000134352/21/A", identifier.Item},
		{"missing escapes", "https://a/01/09506000134352/21/a+b(c)", "/01/09506000134352/21/a%2Bb%28c%29", identifier.Item},
		{"percent sign itself", "https://a/01/09506000134352/21/50%25", "/01/09506000134352/21/50%25", identifier.Item},
		{"legacy GTIN-13", "https://a/01/9506000134352", "/01/09506000134352", identifier.Model},
		{"legacy GTIN-12", "https://a/01/416000336108", "/01/00416000336108", identifier.Model},
		{"legacy GTIN-8", "https://a/01/02345673", "/01/00000002345673", identifier.Model},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := identifier.Parse(tt.uri)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.Canonical(); got != "https://id.gs1.org"+tt.path {
				t.Errorf("Canonical() = %s", got)
			}
			if p.Path() != tt.path || p.Granularity() != tt.level || p.IsZero() {
				t.Errorf("Path() = %s, Granularity() = %s, IsZero() = %t", p.Path(), p.Granularity(), p.IsZero())
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", 21)
	tests := []struct {
		name, uri string
		code      fault.Code
		says      string
	}{
		{"nothing", "", invalid, "https://"},
		{"no scheme", "id.gs1.org/01/09506000134352", invalid, "https://"},
		{"mixed-case scheme", "hTTps://a/01/09506000134352", invalid, "https://"},
		{"other scheme", "urn://a/01/09506000134352", invalid, "https://"},
		{"no host", "https:///01/09506000134352", invalid, "host"},
		{"host of other characters", "https://$a/01/09506000134352", invalid, "host"},
		{"user in the host", "https://u@a/01/09506000134352", invalid, "host"},
		{"bad port", "https://a:x/01/09506000134352", invalid, "host"},
		{"unclosed bracket", "https://[::1/01/09506000134352", invalid, "host"},
		{"query", "https://a/01/09506000134352?17=201225", invalid, "query"},
		{"fragment", "https://a/01/09506000134352#x", invalid, "fragment"},
		{"space", "https://a/01/09506000134352/21/A B", invalid, "escape, at byte 32"},
		{"quote unescaped", `https://a/01/09506000134352/21/"`, invalid, "escape"},
		{"wrong check digit", "https://a/01/09506000134353", digit, "after 0950600013435 comes 2"},
		{"wrong check digit, padded", "https://a/01/9506000134353", digit, "comes 2"},
		{"short", "https://a/01/0950600013", invalid, "14 digits"},
		{"long", "https://a/01/109506000134352", invalid, "14 digits"},
		{"letters", "https://a/01/0950600013435O", invalid, "digits only"},
		{"other digits", "https://a/01/%D9%A0950600013435", invalid, "digits only"},
		{"zeros", "https://a/01/00000000000000", invalid, "nothing"},
		{"NUL", "https://a/01/09506000134352/21/A%00B", invalid, `'\x00'`},
		{"control character", "https://a/01/09506000134352/21/A%0AB", invalid, "not allowed"},
		{"broken escape", "https://a/01/09506000134352/21/A%4", invalid, "percent"},
		{"wrong escape", "https://a/01/09506000134352/21/A%4G", invalid, "percent"},
		{"not UTF-8", "https://a/01/09506000134352/21/%FF", invalid, "not allowed"},
		{"not in the character set", "https://a/01/09506000134352/21/caf%C3%A9", invalid, `'\u00e9'`},
		{"empty serial number", "https://a/01/09506000134352/21/", invalid, "empty"},
		{"long serial number", "https://a/01/09506000134352/21/" + long, invalid, "20 characters"},
		{"long batch", "https://a/01/09506000134352/10/" + long, invalid, "20 characters"},
		{"trailing slash", "https://a/01/09506000134352/", scheme, "/10/{batch}"},
		{"batch and serial number", "https://a/01/09506000134352/10/L/21/S", scheme, "not both"},
		{"consumer product variant", "https://a/01/09506000134352/22/2A", scheme, "/10/{batch}"},
		{"controlled serial number", "https://a/01/09506000134352/235/T", scheme, "/21/{serial}"},
		{"another key behind", "https://a/01/09506000134352/414/9520123456788", scheme, "supported"},
		{"another key", "https://a/8006/095201234567880102/21/S1", scheme, "no GTIN"},
		{"name instead of key", "https://a/gtin/09506000134352", scheme, "no GTIN"},
		{"too long", "https://a/" + strings.Repeat("x", 2000) + "/01/09506000134352", invalid, "2000"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := identifier.Parse(tt.uri)
			if codeOf(err) != tt.code || !p.IsZero() {
				t.Fatalf("Parse = %q, %v; want %s", p.Path(), err, tt.code)
			}
			if detail := fault.Of(err).Detail; !strings.Contains(detail, tt.says) {
				t.Errorf("detail %q does not say %q", detail, tt.says)
			}
		})
	}
}

func TestFromPath(t *testing.T) {
	tests := []struct {
		name, path, canonical string
		code                  fault.Code
	}{
		{"model", "/01/09506000134352", "/01/09506000134352", ""},
		{"batch", "/01/09506000134352/10/L%231", "", invalid},
		{"item with a slash", "/01/09506000134352/21/A%2FB", "/01/09506000134352/21/A%2FB", ""},
		{"item with an escape in it", "/01/09506000134352/21/A%252FB", "/01/09506000134352/21/A%252FB", ""},
		{"one trailing slash", "/01/09506000134352/21/A/", "/01/09506000134352/21/A", ""},
		{"two trailing slashes", "/01/09506000134352//", "", scheme},
		{"no value", "/01/09506000134352/21/", "", scheme},
		{"a slash taken apart", "/01/09506000134352/21/A/B", "", scheme},
		{"short GTIN", "/01/9506000134352", "", invalid},
		{"stem", "/a/01/09506000134352", "", scheme},
		{"relative", "01/09506000134352", "", invalid},
		{"empty", "", "", invalid},
		{"root", "/", "", scheme},
		{"unescaped quote", `/01/09506000134352/21/"`, "", invalid},
		{"query", "/01/09506000134352?x", "", invalid},
		{"long", "/01/" + strings.Repeat("0", 2000), "", invalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := identifier.FromPath(tt.path)
			if codeOf(err) != tt.code {
				t.Fatalf("FromPath = %v, want code %q", err, tt.code)
			}
			if err == nil && p.Path() != tt.canonical {
				t.Errorf("Path() = %s, want %s", p.Path(), tt.canonical)
			}
		})
	}
}

func TestNewRefusesBoth(t *testing.T) {
	if _, err := identifier.New(gtin, "L1", "S1"); codeOf(err) != scheme {
		t.Errorf("New = %v", err)
	}
	if _, err := identifier.New("9506000134352", "", ""); codeOf(err) != invalid {
		t.Errorf("New pads: %v", err)
	}
}

func TestParts(t *testing.T) {
	item, err := identifier.New(gtin, "", "A/B")
	if err != nil {
		t.Fatal(err)
	}
	batch, err := item.Batch("L1")
	if err != nil {
		t.Fatal(err)
	}
	got := [][3]string{{item.GTIN(), item.Lot(), item.Serial()}, {batch.GTIN(), batch.Lot(), batch.Serial()},
		{item.Model().GTIN(), item.Model().Lot(), item.Model().Serial()}}
	if d := cmp.Diff([][3]string{{gtin, "", "A/B"}, {gtin, "L1", ""}, {gtin, "", ""}}, got); d != "" {
		t.Error(d)
	}
	if item.Model() != batch.Model() || item.Model() == item {
		t.Error("Model() is not the common model")
	}
	if _, err := item.Batch(""); codeOf(err) != invalid {
		t.Errorf("Batch of nothing = %v", err)
	}
	if _, err := (identifier.Product{}).Batch("L1"); codeOf(err) != invalid {
		t.Errorf("Batch of no product = %v", err)
	}
	if !(identifier.Product{}).IsZero() || item.IsZero() {
		t.Error("IsZero")
	}
}

func TestParseGranularity(t *testing.T) {
	for _, s := range []string{"model", "batch", "item"} {
		if g, err := identifier.ParseGranularity(s); err != nil || string(g) != s {
			t.Errorf("ParseGranularity(%s) = %s, %v", s, g, err)
		}
	}
	for _, s := range []string{"", "Item", "unit"} {
		if _, err := identifier.ParseGranularity(s); codeOf(err) != fault.CodeGranularityUnknown {
			t.Errorf("ParseGranularity(%q) = %v", s, err)
		}
	}
}

// drawn is any identifier, with the values it was made from.
func drawn(t *rapid.T) (p identifier.Product, lot, serial string) {
	digits := rapid.StringMatching(`[0-9]{12}[1-9]`).Draw(t, "digits")
	value := rapid.StringOfN(rapid.RuneFrom([]rune(set82)), 1, 20, -1).Draw(t, "value")
	switch rapid.SampledFrom([]string{"model", "batch", "item"}).Draw(t, "level") {
	case "batch":
		lot = value
	case "item":
		serial = value
	}
	p, err := identifier.New(digits+string(identifier.CheckDigit(digits)), lot, serial)
	if err != nil {
		t.Fatal(err)
	}
	return p, lot, serial
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, lot, serial := drawn(t)
		if p.Lot() != lot || p.Serial() != serial {
			t.Fatalf("%q, %q became %q, %q", lot, serial, p.Lot(), p.Serial())
		}
		if got, err := identifier.Parse(p.Canonical()); err != nil || got != p {
			t.Fatalf("Parse(%s) = %s, %v", p.Canonical(), got.Path(), err)
		}
		if got, err := identifier.FromPath(p.Path()); err != nil || got != p {
			t.Fatalf("FromPath(%s) = %s, %v", p.Path(), got.Path(), err)
		}
	})
}

// Every error in one digit must be found (GS1 General Specifications, clause 7.9).
func TestCheckDigitFindsEverySingleError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, _, _ := drawn(t)
		at := rapid.IntRange(0, 13).Draw(t, "at")
		by := rapid.IntRange(1, 9).Draw(t, "by")
		wrong := []byte(p.GTIN())
		wrong[at] = '0' + (wrong[at]-'0'+byte(by))%10
		if strings.Trim(string(wrong), "0") == "" {
			t.Skip("nothing but zeros")
		}
		if _, err := identifier.New(string(wrong), "", ""); codeOf(err) != digit {
			t.Fatalf("New(%s) = %v", wrong, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "https://id.gs1.org/01/09506000134352", "https://a/x/01/9506000134352/21/A%2FB",
		"http://[::1]:8/01/09506000134352/10/%25", "https://a/01/09506000134352/21/%00", "https://a/01/01/01/01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := identifier.Parse(s)
		settled(t, s, p, err)
	})
}

func FuzzFromPath(f *testing.F) {
	for _, s := range []string{"", "/", "/01/09506000134352", "/01/09506000134352/21/A%2FB", "/01/09506000134352/10/L/", "/01//21/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := identifier.FromPath(s)
		settled(t, s, p, err)
	})
}

// settled holds for every answer: a refusal has one of our codes and no product; an identifier reads back as itself.
func settled(t *testing.T, s string, p identifier.Product, err error) {
	t.Helper()
	if err != nil {
		if code := codeOf(err); code != invalid && code != scheme && code != digit || !p.IsZero() {
			t.Fatalf("%q: %v with %q", s, err, p.Path())
		}
		return
	}
	again, err := identifier.Parse(p.Canonical())
	if err != nil || again != p {
		t.Fatalf("%q became %s, which reads as %s, %v", s, p.Canonical(), again.Path(), err)
	}
	if again, err = identifier.FromPath(p.Path()); err != nil || again != p {
		t.Fatalf("%q has the path %s, which reads as %s, %v", s, p.Path(), again.Path(), err)
	}
}
