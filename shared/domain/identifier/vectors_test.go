package identifier_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
)

// vectors reads a file of GS1 test vectors, which are kept beside the repository.
func vectors(t *testing.T, name string, into any) {
	t.Helper()
	b, err := os.ReadFile("../../../../shared/standards/gs1/" + name)
	if os.IsNotExist(err) {
		t.Skipf("%s: the folder of standards data is not beside the repository", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatal(err)
	}
}

func TestCheckDigitVectors(t *testing.T) {
	var file struct {
		Algorithms struct{ CSet82 string } `json:"_algorithms"`
		Tests      struct {
			Mod10 []struct {
				Value string
				Valid bool
			}
		}
	}
	vectors(t, "check-digit-vectors.json", &file)
	if file.Algorithms.CSet82 != set82 {
		t.Errorf("character set 82 is %s", file.Algorithms.CSet82)
	}
	ran := 0
	for _, v := range file.Tests.Mod10 {
		if v.Value == "" || strings.Trim(v.Value, "0123456789") != "" {
			continue
		}
		ran++
		last := len(v.Value) - 1
		if got := identifier.CheckDigit(v.Value[:last]) == v.Value[last]; got != v.Valid {
			t.Errorf("%s: valid = %t, want %t", v.Value, got, v.Valid)
		}
	}
	if ran < 8 {
		t.Errorf("only %d vectors ran", ran)
	}
}

func TestCharacterSet(t *testing.T) {
	for c := range rune(0x180) {
		_, err := identifier.New(gtin, "", string(c))
		if c == 0 {
			continue // checked by the parser's table
		}
		if got, want := err == nil, strings.ContainsRune(set82, c); got != want {
			t.Errorf("%q: accepted = %t, want %t", c, got, want)
		}
	}
}

// What is in scope (a GTIN, at most one of batch and serial number, nothing in the query) must be read as GS1's own
// engine reads it; everything else must be refused, never read as something else.
func TestDigitalLinkVectors(t *testing.T) {
	type vector struct {
		URI          string
		Valid        bool
		ContentValid *bool
		Options      map[string]bool
		Elements     []struct{ AI, Value string }
	}
	var file struct{ Parse, ContentExtra []vector }
	vectors(t, "digital-link-vectors.json", &file)
	read, refused := 0, 0
	for _, v := range append(file.Parse, file.ContentExtra...) {
		want := map[string]string{}
		for _, e := range v.Elements {
			want[e.AI] = e.Value
		}
		_, lot := want["10"]
		_, serial := want["21"]
		bare := !strings.ContainsAny(v.URI, "?#") && !v.Options["permitConvenienceAlphas"]
		inScope := v.Valid && v.ContentValid != nil && *v.ContentValid && bare && want["01"] != "" && !(lot && serial)
		for ai := range want {
			inScope = inScope && (ai == "01" || ai == "10" || ai == "21")
		}
		p, err := identifier.Parse(v.URI)
		if !inScope {
			refused++
			if err == nil {
				t.Errorf("%s is read as %s", v.URI, p.Canonical())
			}
			continue
		}
		read++
		if err != nil {
			t.Errorf("%s: %v", v.URI, err)
			continue
		}
		got := map[string]string{"01": p.GTIN()}
		if p.Lot() != "" {
			got["10"] = p.Lot()
		}
		if p.Serial() != "" {
			got["21"] = p.Serial()
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", v.URI, d)
		}
	}
	if read < 10 || refused < 40 {
		t.Errorf("%d read, %d refused: the file is not what it was", read, refused)
	}
}

func TestEscapeVectors(t *testing.T) {
	var file struct {
		Escape []struct{ In, Path string }
	}
	vectors(t, "digital-link-vectors.json", &file)
	ran := 0
	for _, v := range file.Escape {
		for _, c := range v.In {
			p, err := identifier.New(gtin, "", string(c))
			if err != nil {
				continue // not in character set 82
			}
			ran++
			if escaped := strings.TrimPrefix(p.Path(), "/01/"+gtin+"/21/"); !strings.Contains(v.Path, escaped) {
				t.Errorf("%q is escaped as %s, not as in %s", c, escaped, v.Path)
			}
		}
	}
	if ran < 70 {
		t.Errorf("only %d characters ran", ran)
	}
}
