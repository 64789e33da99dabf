package intake

import (
	"fmt"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// Confidence is how sure a suggestion is. It is a class, not a probability.
type Confidence string

// The classes.
const (
	Exact  Confidence = "exact"  // the header is a name, title or synonym of the field
	Likely Confidence = "likely" // it is but for plurals, a unit or a language that it does not name
	None   Confidence = "none"   // nothing fits, or several fields do
)

// Suggestion is what a column might become. With none, the pointer of the column is empty.
type Suggestion struct {
	Column     Column     `json:"column"`
	Confidence Confidence `json:"confidence"`
	Note       string     `json:"note,omitempty"` // what people have to look at: what was guessed, or why nothing was found
}

// Suggest proposes what becomes of the columns of a table, one suggestion for each header and in the same order, and looks
// at its first rows to see how it writes numbers and dates. It compares words: case, spaces, punctuation, plurals and camelCase do not matter, a unit or language in the header is
// taken over, and a table of synonyms in English and German helps. A header that fits several fields gets none, and no
// place is suggested twice: the better match has it, the first header among equals. A language is suggested only where
// the header names one; without it the suggestion is likely and the language is for people to add. A header that is a JSON
// Pointer, as those of exports are, says exactly where it leads.
func Suggest(headers []string, samples []Item, g *productgroup.Group) ([]Suggestion, error) {
	content, err := contentOf(g)
	if err != nil {
		return nil, err
	}
	s := &suggesting{units: units(), targets: targets(content), taken: map[string]int{}, out: make([]Suggestion, len(headers)), fields: make([]*field, len(headers))}
	parsed := make([]header, len(headers))
	for i, h := range headers {
		s.out[i] = Suggestion{Column: Column{Header: h}, Confidence: None, Note: "No field has this name."}
		if len(h) <= 1000 && !s.pointed(i, strings.TrimSpace(h), content) {
			parsed[i] = headerOf(h, s.units)
		}
	}
	for _, round := range []struct {
		as     Confidence
		surely bool // those first of which nothing is a guess
		names  func(header) []string
		of     func(target) []string
	}{
		{Exact, true, written, func(t target) []string { return t.names }},
		{Exact, false, written, func(t target) []string { return t.names }},
		{Likely, false, func(h header) []string { return []string{h.singular} }, func(t target) []string { return t.singulars }},
	} {
		index := map[string][]int{}
		for i, t := range s.targets {
			for _, name := range round.of(t) {
				if !slices.Contains(index[name], i) {
					index[name] = append(index[name], i)
				}
			}
		}
		for i, h := range parsed {
			if s.out[i].Confidence == None {
				s.offer(i, h, round.as, round.surely, index, round.names(h))
			}
		}
	}
	s.asWritten(samples)
	return s.out, nil
}

func written(h header) []string { return []string{h.whole, h.name} }

// pointed takes a header that is a pointer for what it says, and tells whether it is one. What exports say about a passport
// beside its content leads nowhere.
func (s *suggesting) pointed(i int, h string, content *field) bool {
	col, sure, note, f := Column{Header: s.out[i].Column.Header, Pointer: h}, Exact, "", (*field)(nil)
	name, ok := strings.CutPrefix(h, "/")
	switch below, inContent := strings.CutPrefix(h, toContent); {
	case h == toProduct || h == toGranularity:
	case ok && (slices.Contains(kept(), name) || h == "/productGroup"):
		s.out[i].Note = "The platform says this itself."
		return true
	case inContent:
		p, ok := content.find(below)
		if !ok || len(p.tokens) == 0 {
			s.out[i].Note = "The product group has no such field."
			return true
		}
		switch f = p.field; f.kind() {
		case kindRefused:
			s.out[i].Note = f.Refused
			return true
		case kindWords:
			if col.Pointer, col.Language = strings.TrimSuffix(h, "/"+p.language), p.language; p.language == "" {
				sure, note = Likely, noLanguage
			}
		case kindList:
			col.Separator = listMark
		}
	default:
		return false
	}
	s.take(i, col, sure, note, f)
	return true
}

type suggesting struct {
	units   map[string]unit
	targets []target
	taken   map[string]int // column that goes to a place
	out     []Suggestion
	fields  []*field // to which the columns go
}

const noLanguage = `It does not say in which language it is: add "language", such as "en".`

// take has a column go to a place, unless another one goes there already.
func (s *suggesting) take(i int, col Column, sure Confidence, note string, f *field) {
	key := col.Pointer + "\x00" + col.Language
	if first, ok := s.taken[key]; ok {
		s.out[i].Note = fmt.Sprintf("Column %s goes to %s already.", quote(s.out[first].Column.Header), col.Pointer)
		return
	}
	s.taken[key] = i
	s.out[i], s.fields[i] = Suggestion{Column: col, Confidence: sure, Note: note}, f
}

// offer suggests the one target that one of the names of a header means.
func (s *suggesting) offer(i int, h header, as Confidence, surely bool, index map[string][]int, names []string) {
	for _, name := range names {
		if name == "" || len(index[name]) == 0 {
			continue
		}
		t, ok := s.only(index[name])
		if !ok {
			s.out[i].Note = "Several fields have this name."
			continue
		}
		sure, note := as, ""
		if as == Likely {
			note = "The header is a name of this field but for an ending."
		}
		col := Column{Header: s.out[i].Column.Header, Pointer: t.pointer}
		switch t.field.kind() {
		case kindWords:
			if col.Language = h.language; h.language == "" {
				sure, note = Likely, noLanguage
			}
		case kindNumber, kindInteger:
			if _, ok := ratio(s.units, h.unit, t.field.Unit); h.unit != "" && !ok {
				s.out[i].Note = fmt.Sprintf("%s cannot be converted into %s without rounding.", quote(h.unit), unitWord(t.field.Unit))
				continue
			}
			if col.Unit = h.unit; h.unit == "" && t.field.Unit != "" {
				sure, note = Likely, fmt.Sprintf("It names no unit, and the numbers are taken for %s: check that, and add \"unit\" if they are in another.", t.field.Unit)
			}
		case kindList:
			col.Separator, sure = listMark, Likely
			note = fmt.Sprintf("Between the entries of a list there has to be %q, or what \"separator\" says.", listMark)
		case kindObjects, kindObject:
			continue
		}
		if surely && sure != Exact {
			continue
		}
		if s.take(i, col, sure, note, t.field); s.fields[i] != nil {
			return
		}
	}
}

// only picks the target that is meant when several have a name: the one that is nearest to the root and alone there.
func (s *suggesting) only(candidates []int) (target, bool) {
	best, ties := -1, 0
	for _, i := range candidates {
		switch {
		case best < 0 || s.targets[i].depth < s.targets[best].depth:
			best, ties = i, 1
		case s.targets[i].depth == s.targets[best].depth:
			ties++
		}
	}
	if ties != 1 {
		return target{}, false
	}
	return s.targets[best], true
}

// target is a place that a column can fill, with what it is called.
type target struct {
	pointer   string
	field     *field
	depth     int
	names     []string
	singulars []string
}

// targets lists the places of a product group that a single column can fill. The first entries of lists of objects are
// there too, under the name of the list and of the member.
func targets(root *field) []target {
	words := synonyms()
	single := &field{Type: "string"}
	var out []target
	add := func(pointer string, f *field, depth int, names ...string) {
		t := target{pointer: pointer, field: f, depth: depth}
		for _, n := range append(names, words[pointer]...) {
			t.names, t.singulars = append(t.names, plainWords(n)), append(t.singulars, singular(n))
		}
		out = append(out, t)
	}
	add(toProduct, single, 0, "productIdentifier")
	add(toGranularity, single, 0, "granularity")
	var walk func(f *field, pointer, parent string, depth int)
	walk = func(f *field, pointer, parent string, depth int) {
		for _, c := range f.Properties {
			at := pointer + "/" + escape(c.name)
			switch c.kind() {
			case kindRefused:
			case kindObject:
				walk(c, at, c.name, depth+1)
			case kindObjects:
				for n := range 3 {
					for _, m := range c.Items.Properties {
						if k := m.kind(); k != kindObject && k != kindObjects && k != kindRefused {
							add(fmt.Sprintf("%s/%d/%s", at, n, escape(m.name)), m, depth+2, fmt.Sprintf("%s %d %s", c.name, n+1, m.name),
								fmt.Sprintf("%s %d %s", strings.TrimSuffix(c.name, "s"), n+1, m.name), fmt.Sprintf("%s %d %s", c.Title, n+1, m.Title))
						}
					}
				}
			default:
				names := []string{parent + " " + c.name, strings.TrimPrefix(at, toContent)}
				if depth < 2 {
					names = append(names, c.name, c.Title, bare(c.name))
				}
				add(at, c, depth, names...)
			}
		}
	}
	walk(root, toContent, "", 1)
	return out
}

// bare is the name of a field without the unit that the schemas append: weightKg, recycledContentPct.
func bare(name string) string {
	for _, unit := range []string{"Kg", "Pct", "Ah", "Ohm", "Months", "Cycles", "Years", "V", "W", "C"} {
		if cut, ok := strings.CutSuffix(name, unit); ok && len(cut) > 3 {
			return cut
		}
	}
	return name
}
