package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// CellKind is what a spreadsheet program is told about a cell.
type CellKind string

// The kinds of cells.
const (
	TextCell    CellKind = "text"
	NumberCell  CellKind = "number"
	DateCell    CellKind = "date"
	InstantCell CellKind = "instant"
	BooleanCell CellKind = "boolean"
)

// Cell is a value on its way into a table. Text is as the passport has it.
type Cell struct {
	Kind CellKind
	Text string
}

// Heading is a column on its way into a table. Its header is a JSON Pointer, which Suggest takes for what it says.
type Heading struct {
	Pointer string
	Kind    CellKind
}

// Shape is what the passports of a table make of one field: the languages it is in, how many entries it has, or that it
// has to stand in one cell as JSON.
type Shape struct {
	Languages []string `json:"languages,omitempty"`
	Entries   int      `json:"entries,omitempty"`
	Whole     bool     `json:"whole,omitempty"`
}

// Shapes are shapes by pointer. They only grow, so that a later table of the same passports lacks no column of an earlier.
type Shapes map[string]Shape

// How far a list of objects is spread over columns, and how many columns there may be before no list is.
const (
	maxSpread  = 3
	maxHeading = 900
)

// Layout turns the content of passports of one product group into the rows of a table: what Converter makes of a row with
// the mapping that Suggest proposes is the content again. Fields have a column each, texts by language one for each
// language, lists of single values one with semicolons. A list of objects has columns for each entry while it has at most
// three, and otherwise one with JSON. It is not safe for concurrent use.
type Layout struct {
	content *field
	shapes  Shapes
	columns []laid
}

// laid is a column with the way to its value.
type laid struct {
	Heading
	field  *field // nil: JSON
	tokens []string
}

// NewLayout makes the layout of a group. It goes on with the shapes that an earlier one has come to, and adds to them.
func NewLayout(g *productgroup.Group, shapes Shapes) (*Layout, error) {
	content, err := contentOf(g)
	return &Layout{content: content, shapes: shapes}, err
}

// See takes account of a content. Everything that becomes a row has to be seen before Headings.
func (l *Layout) See(content map[string]any) {
	l.see(l.content, toContent, content)
}

func (l *Layout) see(f *field, at string, content map[string]any) {
	for name, v := range content {
		c, pointer := f.child(name), at+"/"+escape(name)
		if c == nil {
			l.whole(pointer)
			continue
		}
		switch c.kind() {
		case kindRefused:
			l.whole(pointer)
		case kindWords:
			l.words(pointer, v)
		case kindObject:
			if m, ok := v.(map[string]any); ok && len(m) > 0 {
				l.see(c, pointer, m)
			} else {
				l.whole(pointer)
			}
		case kindObjects:
			l.entries(c, pointer, v)
		}
	}
}

func (l *Layout) whole(pointer string) {
	s := l.shapes[pointer]
	s.Whole = true
	l.shapes[pointer] = s
}

func (l *Layout) words(pointer string, v any) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		l.whole(pointer)
	}
	s := l.shapes[pointer]
	for language := range m {
		if !isLanguage(language) {
			s.Whole = true
		} else if at, there := slices.BinarySearch(s.Languages, language); !there {
			s.Languages = slices.Insert(s.Languages, at, language)
		}
	}
	l.shapes[pointer] = s
}

func (l *Layout) entries(f *field, pointer string, v any) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 || len(list) > maxSpread {
		l.whole(pointer)
		return
	}
	for n, e := range list {
		m, ok := e.(map[string]any)
		if !ok || len(m) == 0 {
			l.whole(pointer)
			return
		}
		l.see(f.Items, fmt.Sprintf("%s/%d", pointer, n), m)
	}
	s := l.shapes[pointer]
	s.Entries = max(s.Entries, len(list))
	l.shapes[pointer] = s
}

// Headings are the columns of what has been seen, in the order of the schema. Cells come in the same order until the next
// call.
func (l *Layout) Headings() []Heading {
	l.lay()
	if len(l.columns) > maxHeading {
		for pointer, s := range l.shapes {
			s.Whole = s.Whole || s.Entries > 0
			l.shapes[pointer] = s
		}
		l.lay()
	}
	out := make([]Heading, len(l.columns))
	for i, c := range l.columns {
		out[i] = c.Heading
	}
	return out
}

func (l *Layout) lay() {
	l.columns = nil
	l.spread(l.content, toContent, nil)
	for _, pointer := range slices.Sorted(maps.Keys(l.shapes)) { // what no schema of today knows
		covers := func(c laid) bool { return c.Pointer == pointer || strings.HasPrefix(pointer, c.Pointer+"/") }
		if l.shapes[pointer].Whole && !slices.ContainsFunc(l.columns, covers) {
			l.add(nil, TextCell, pointer, tokensOf(strings.TrimPrefix(pointer, toContent)))
		}
	}
}

// tokensOf takes a pointer apart that begins with a slash.
func tokensOf(pointer string) []string {
	tokens := strings.Split(pointer[1:], "/")
	for i := range tokens {
		tokens[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(tokens[i])
	}
	return tokens
}

func (l *Layout) add(f *field, kind CellKind, pointer string, tokens []string) {
	l.columns = append(l.columns, laid{Heading{pointer, kind}, f, slices.Clone(tokens)})
}

func (l *Layout) spread(f *field, at string, tokens []string) {
	for _, c := range f.Properties {
		pointer, way := at+"/"+escape(c.name), append(slices.Clone(tokens), c.name)
		s := l.shapes[pointer]
		switch k := c.kind(); {
		case k == kindRefused:
		case k == kindWords:
			for _, language := range s.Languages {
				l.add(c, TextCell, pointer+"/"+language, append(way, language))
			}
		case (k == kindObject || k == kindObjects) && s.Whole:
			l.add(nil, TextCell, pointer, way)
		case k == kindObject:
			l.spread(c, pointer, way)
		case k == kindObjects:
			for n := range s.Entries {
				l.spread(c.Items, fmt.Sprintf("%s/%d", pointer, n), append(way, strconv.Itoa(n)))
			}
		default:
			l.add(c, cellKind(k), pointer, way)
		}
	}
}

func cellKind(k kind) CellKind {
	switch k {
	case kindNumber, kindInteger:
		return NumberCell
	case kindBoolean:
		return BooleanCell
	case kindDate:
		return DateCell
	case kindInstant:
		return InstantCell
	}
	return TextCell
}

// Cells are the cells of one content, which has been seen before the last Headings. Those without text are empty.
func (l *Layout) Cells(content map[string]any) []Cell {
	out := make([]Cell, len(l.columns))
	for i, c := range l.columns {
		if v, ok := follow(content, c.tokens); ok {
			out[i] = c.cell(v)
		}
	}
	return out
}

func follow(v any, tokens []string) (any, bool) {
	for _, token := range tokens {
		switch inner := v.(type) {
		case map[string]any:
			next, ok := inner[token]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			n, err := strconv.Atoi(token)
			if err != nil || n >= len(inner) {
				return nil, false
			}
			v = inner[n]
		default:
			return nil, false
		}
	}
	return v, true
}

// cell writes a value as the kind of its column, or as JSON where it is not of that kind. A day or an instant is one for
// spreadsheet programs only if they give it back as it is written.
func (c laid) cell(v any) Cell {
	if c.field == nil {
		return asJSON(v)
	}
	switch v := v.(type) {
	case string:
		if day, err := time.Parse(time.DateOnly, v); c.Kind == DateCell && err == nil && day.Format(time.DateOnly) == v {
			return Cell{DateCell, v}
		}
		if at, err := time.Parse(time.RFC3339, v); c.Kind == InstantCell && err == nil && at.UTC().Format(time.RFC3339Nano) == v {
			return Cell{InstantCell, v}
		}
		return Cell{TextCell, v}
	case bool:
		return Cell{BooleanCell, strconv.FormatBool(v)}
	case []any:
		if s, ok := joined(v); ok {
			return Cell{TextCell, s}
		}
	case map[string]any, nil:
	default:
		number := asJSON(v)
		number.Kind = NumberCell
		return number
	}
	return asJSON(v)
}

// listMark stands between the single values of a list; Suggest proposes it.
const listMark = ";"

// joined writes a list with a mark between its values, if it can be taken apart again.
func joined(list []any) (string, bool) {
	var parts []string
	for _, v := range list {
		part, text := v.(string)
		if !text {
			switch v.(type) {
			case map[string]any, []any, nil:
				return "", false
			}
			part = asJSON(v).Text
		}
		if part == "" || strings.TrimSpace(part) != part || strings.ContainsAny(part, listMark+"[") || saysNone(part) {
			return "", false
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, listMark), len(parts) > 0
}

func asJSON(v any) Cell {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // it was JSON
	return Cell{TextCell, strings.TrimSuffix(b.String(), "\n")}
}
