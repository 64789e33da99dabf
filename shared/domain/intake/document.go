package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// maxDepth is how deeply JSON may be nested, as for the bodies of requests.
const maxDepth = 32

// readJSON reads one JSON value (RFC 8259), numbers as json.Number. It refuses what readers could understand in different
// ways: members named twice, text that is not UTF-8, halves of surrogate pairs (RFC 7493, sections 2.1 and 2.3), and
// anything after the value.
func readJSON(b []byte) (any, *Problem) {
	if !utf8.Valid(b) {
		return nil, wrong(fault.CodeJSONSyntax, "It is not UTF-8 text.")
	}
	if loneSurrogate(b) {
		return nil, wrong(fault.CodeJSONSyntax, "It escapes half of a character (\\ud800 to \\udfff without its partner).")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	v, problem := readValue(d, 0)
	if problem != nil {
		return nil, problem
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, wrong(fault.CodeJSONSyntax, "Something follows the JSON value, at byte %d.", d.InputOffset())
	}
	return v, nil
}

func readObject(b []byte) (map[string]any, *Problem) {
	v, problem := readJSON(b)
	if problem != nil {
		return nil, problem
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, wrong(fault.CodeJSONType, "A JSON object is expected.")
	}
	return m, nil
}

func readValue(d *json.Decoder, depth int) (any, *Problem) {
	token, err := d.Token()
	if err != nil {
		return nil, syntax(d, err)
	}
	open, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == maxDepth {
		return nil, wrong(fault.CodeJSONDepth, "It is nested more than %d levels deep.", maxDepth)
	}
	if open == '[' {
		return readList(d, depth)
	}
	out := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, syntax(d, err)
		}
		key, _ := name.(string)
		if _, twice := out[key]; twice {
			return nil, wrong(fault.CodeJSONDuplicate, "The member %s is there twice.", quote(key))
		}
		v, problem := readValue(d, depth+1)
		if problem != nil {
			return nil, problem
		}
		out[key] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, syntax(d, err)
	}
	return out, nil
}

func readList(d *json.Decoder, depth int) (any, *Problem) {
	out := []any{}
	for d.More() {
		v, problem := readValue(d, depth+1)
		if problem != nil {
			return nil, problem
		}
		out = append(out, v)
	}
	if _, err := d.Token(); err != nil {
		return nil, syntax(d, err)
	}
	return out, nil
}

func syntax(d *json.Decoder, err error) *Problem {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return wrong(fault.CodeJSONSyntax, "The JSON ends too early.")
	}
	return wrong(fault.CodeJSONSyntax, "It is not JSON, at byte %d: %s.", d.InputOffset(), err)
}

// loneSurrogate finds \ud800 to \udfff that do not make a pair. It looks at escapes wherever they stand; outside of texts
// the decoder refuses them anyway.
func loneSurrogate(b []byte) bool {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		i++
		if i >= len(b) || b[i] != 'u' {
			continue
		}
		switch surrogate(b, i-1) {
		case 'l':
			return true
		case 'h':
			if surrogate(b, i+5) != 'l' {
				return true
			}
			i += 6
		}
		i += 4
	}
	return false
}

// surrogate tells whether an escape stands at i that is the high (h) or low (l) half of a pair.
func surrogate(b []byte, i int) byte {
	if i+6 > len(b) || b[i] != '\\' || b[i+1] != 'u' || b[i+2]|0x20 != 'd' {
		return 0
	}
	switch c := b[i+3] | 0x20; {
	case c == '8' || c == '9' || c == 'a' || c == 'b':
		return 'h'
	case c >= 'c' && c <= 'f':
		return 'l'
	}
	return 0
}

// kept lists members of a document that say something about a passport as it was somewhere; they are not taken over.
func kept() []string {
	return []string{"id", "status", "revision", "version", "publicUrl", "reason", "contentHash", "createdAt", "updatedAt",
		"publishedAt", "history", "changedSinceSnapshot"}
}

// document makes a draft of a JSON document, as a passport is written to and read from the API or stands in an export.
func (c *Converter) document(b []byte) (Draft, []Problem) {
	if len(b) > passport.MaxContent {
		return Draft{}, []Problem{{Code: fault.CodePassportTooLarge, Detail: fmt.Sprintf("The document has %d bytes; at most %d are taken.", len(b), passport.MaxContent)}}
	}
	m, problem := readObject(b)
	if problem != nil {
		return Draft{}, []Problem{*problem}
	}
	var out []Problem
	text := func(name string) string {
		s, ok := m[name].(string)
		if _, there := m[name]; there && !ok {
			out = append(out, Problem{Pointer: "/" + name, Code: fault.CodeJSONType, Detail: "Text is expected."})
		}
		return s
	}
	draft := Draft{ProductGroup: text("productGroup"), Granularity: identifier.Granularity(text("granularity")), Content: passport.Content{}}
	product := text("productIdentifier")
	switch content := m["content"].(type) {
	case map[string]any:
		draft.Content = content
	case nil:
	default:
		out = append(out, Problem{Pointer: toContent, Code: fault.CodeJSONType, Detail: "An object is expected."})
	}
	for name := range m {
		if !slices.Contains(append(kept(), "productGroup", "granularity", "productIdentifier", "content"), name) {
			out = append(out, Problem{Pointer: "/" + escape(name), Code: fault.CodeJSONUnknownMember, Detail: "A passport has no such member."})
		}
	}
	if draft.ProductGroup == "" {
		draft.ProductGroup = c.recipe.ProductGroup
	}
	if draft.Granularity == "" {
		draft.Granularity = c.recipe.Granularity
	}
	if c.recipe.ProductGroup != "" && draft.ProductGroup != c.recipe.ProductGroup {
		out = append(out, Problem{Pointer: "/productGroup", Code: fault.CodeProductGroupUnknown, Detail: fmt.Sprintf("This import is for the product group %s.", c.recipe.ProductGroup)})
	}
	if product == "" {
		return draft, sorted(append(out, Problem{Pointer: toProduct, Code: fault.CodeMemberMissing, Detail: "The document names no product."}))
	}
	var err error
	if draft.Product, err = identifier.Parse(product); err != nil {
		out = append(out, problemsOf(err, toProduct)...)
	}
	return draft, sorted(append(out, levels(draft)...))
}

// levels compares what the identifier names with the granularity that is said.
func levels(d Draft) []Problem {
	if _, err := identifier.ParseGranularity(string(d.Granularity)); err != nil {
		return problemsOf(err, toGranularity)
	}
	if !d.Product.IsZero() && d.Product.Granularity() != d.Granularity {
		return []Problem{{Pointer: toGranularity, Code: fault.CodeIdentifierGranularity,
			Detail: fmt.Sprintf("The product identifier names a %s, the granularity says %s.", d.Product.Granularity(), d.Granularity)}}
	}
	return nil
}

func sorted(p []Problem) []Problem {
	slices.SortStableFunc(p, func(a, b Problem) int { return strings.Compare(a.Pointer, b.Pointer) })
	return p
}
