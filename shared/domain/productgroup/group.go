// Package productgroup knows what each product group asks of a passport: which data elements there are, in which unit,
// who may read them, at which granularity they belong and which are mandatory.
//
// The single source is one annotated JSON Schema (2020-12) per group, embedded here; it is parsed when it is first
// needed. Rules that JSON Schema cannot say (mandatory per category and level, refused and pending data points) are
// applied from its annotations by this package; the schema itself is checked by package schemacheck, which the public
// resolver does not link.
package productgroup

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

//go:embed battery.schema.json
var batterySchema []byte

//go:embed general.schema.json
var generalSchema []byte

// Group is a product group. It is immutable and safe for concurrent use.
type Group struct {
	name   string
	source []byte
	parsed func() *schema
	terms  func() []Term
}

// Set is the product groups of this build.
type Set struct{ groups []*Group }

// NewSet makes the set; nothing is parsed yet.
func NewSet() *Set {
	return &Set{groups: []*Group{newGroup("battery", batterySchema), newGroup("general", generalSchema)}}
}

func newGroup(name string, source []byte) *Group {
	g := &Group{name: name, source: source, parsed: sync.OnceValue(func() *schema { return parse(source) })}
	g.terms = sync.OnceValue(func() []Term { return dictionary(g.parsed().root.Properties, Vocabulary+name+"/1#") })
	return g
}

// All lists the groups.
func (s *Set) All() []*Group { return s.groups }

// Find returns a group by name, or product-group-unknown.
func (s *Set) Find(name string) (*Group, error) {
	var names []string
	for _, g := range s.groups {
		if g.name == name {
			return g, nil
		}
		names = append(names, g.name)
	}
	return nil, fault.New(fault.CodeProductGroupUnknown, "There is no such product group. Known are: %s.", strings.Join(names, ", "))
}

// Name is the group's name in the API.
func (g *Group) Name() string { return g.name }

// Title is the group's name for people.
func (g *Group) Title() string { return g.parsed().title }

// Description says in a sentence what the schema covers.
func (g *Group) Description() string { return g.parsed().description }

// Version is the version of the group's schema.
func (g *Group) Version() string { return g.parsed().version }

// SchemaID is the $id of the group's schema.
func (g *Group) SchemaID() string { return g.parsed().id }

// Schema is the JSON Schema document.
func (g *Group) Schema() []byte { return g.source }

// Applicability says whether a data element must be filled: M mandatory, O optional, C where applicable, N not to be
// filled, P pending.
type Applicability string

// The codes of the Commission's guidance.
const (
	Mandatory     Applicability = "M"
	Optional      Applicability = "O"
	Conditional   Applicability = "C"
	NotApplicable Applicability = "N"
	Pending       Applicability = "P"
)

// Element is one data element of a group.
type Element struct {
	Pointer       string // into the content, for example "/manufacturer/name"
	Title         string
	Description   string
	Unit          string // "" when it has none
	Section       string
	Source        string // act and point
	DataPoint     int    // number in the Commission's guidance, 0 if none
	Audiences     audience.Set
	Levels        []identifier.Granularity // where it may be filled
	Due           []identifier.Granularity // where it must be filled, if its category demands it
	Applicability map[string]Applicability // by battery category; "*" in groups without categories
	Refused       string                   // why it must stay empty; "" otherwise
	RefusedValues map[string]string        // why a value that may be expected here is not taken, by value
	node          *node
	path          []string
	emptyStates   bool // an empty list is a statement
}

// Elements lists the data elements in reading order.
func (g *Group) Elements() []Element { return g.parsed().elements }

// For is what an element's applicability is for a category; Optional when nothing is said.
func (e Element) For(category string) Applicability {
	for _, k := range []string{category, "*"} {
		if a, ok := e.Applicability[k]; ok {
			return a
		}
	}
	return Optional
}

// categoryMember is the content member that names the category, where a group has categories.
const categoryMember = "batteryCategory"

// Category is the category that a content names, "" for none.
func Category(content map[string]any) string {
	category, _ := content[categoryMember].(string)
	return category
}

// pending tells whether an element waits for its rules, in whichever category: a draft may not name its category yet.
func (e Element) pending() bool {
	for _, a := range e.Applicability {
		if a == Pending {
			return true
		}
	}
	return false
}

// CheckRules applies what holds for every content, draft or finished: data points that must stay empty
// (data-point-refused), are pending (data-point-pending), belong to another category (data-point-category) or to
// another granularity (data-point-level), and values in the wrong order (content-value). Nothing is said about
// categories while the content names none. Pointers begin with /content.
func (g *Group) CheckRules(content map[string]any, level identifier.Granularity) []fault.Field {
	category, _ := content[categoryMember].(string)
	var out []fault.Field
	for _, e := range g.Elements() {
		if _, present := lookup(content, e.path); !present {
			continue
		}
		field := fault.Field{Pointer: "/content" + e.Pointer}
		switch {
		case e.Refused != "" && e.pending():
			field.Code, field.Detail = fault.CodeDataPointPending, e.Refused
		case e.Refused != "":
			field.Code, field.Detail = fault.CodeDataPointRefused, e.Refused
		case category != "" && e.For(category) == NotApplicable:
			field.Code = fault.CodeDataPointCategory
			field.Detail = fmt.Sprintf("%s does not apply to the category %s (data point %d) and must stay empty.", e.Title, category, e.DataPoint)
		case !has(e.Levels, level):
			field.Code = fault.CodeDataPointLevel
			field.Detail = fmt.Sprintf("%s belongs to a passport of granularity %s, not %s.", e.Title, join(e.Levels), level)
		default:
			continue
		}
		out = append(out, field)
	}
	return append(out, g.parsed().root.disorder(content, "/content")...)
}

// CheckComplete lists what is missing for publication at a level: every mandatory element of the category, present and
// not empty.
func (g *Group) CheckComplete(content map[string]any, level identifier.Granularity) []fault.Field {
	category, _ := content[categoryMember].(string)
	if g.hasCategories() && category == "" {
		return []fault.Field{{Pointer: "/content/" + categoryMember, Code: fault.CodeDataPointMissing,
			Detail: "Name the battery category first: it decides what else is mandatory."}}
	}
	var out []fault.Field
	for _, e := range g.Elements() {
		if e.For(category) != Mandatory || !has(e.Due, level) {
			continue
		}
		if v, present := lookup(content, e.path); present && !empty(v, e.emptyStates) {
			continue
		}
		out = append(out, fault.Field{Pointer: "/content" + e.Pointer, Code: fault.CodeDataPointMissing, Detail: e.missing()})
	}
	return out
}

func (e Element) missing() string {
	where := e.Source
	if e.DataPoint > 0 {
		where = fmt.Sprintf("data point %d, %s", e.DataPoint, e.Source)
	}
	detail := fmt.Sprintf("%s is mandatory (%s).", e.Title, where)
	if e.emptyStates {
		detail += " An empty list states that there are none."
	}
	return detail
}

func (g *Group) hasCategories() bool {
	for _, e := range g.Elements() {
		if e.Pointer == "/"+categoryMember {
			return true
		}
	}
	return false
}

// View is the part of the content that an audience may read: the elements whose audiences include it (Regulation (EU)
// 2023/1542, Art. 77(2), for batteries), and of these what the schema declares. Everything else is left out, at every
// depth, and so are the objects that hold nothing else. The input is not changed and shares no object or list with the
// result.
func (g *Group) View(content map[string]any, a audience.Audience) map[string]any {
	out := map[string]any{}
	for _, e := range g.Elements() {
		if !e.Audiences.Has(a) {
			continue
		}
		v, present := lookup(content, e.path)
		if !present {
			continue
		}
		if v, present = e.node.declared(v); present {
			place(out, e.path, v)
		}
	}
	return out
}

// Inherit is the content of a passport completed by that of its parent, element by element: what the child says wins,
// and an element is taken whole, since half of one address and half of another would be nobody's. Members that are no
// elements are left out. Neither argument is changed.
func (g *Group) Inherit(parent, child map[string]any) map[string]any {
	out := map[string]any{}
	for _, e := range g.Elements() {
		v, present := lookup(child, e.path)
		if !present {
			v, present = lookup(parent, e.path)
		}
		if present {
			place(out, e.path, v)
		}
	}
	return out
}

// place puts a value at a path, making the objects on the way.
func place(into map[string]any, path []string, v any) {
	for _, name := range path[:len(path)-1] {
		next, ok := into[name].(map[string]any)
		if !ok {
			next = map[string]any{}
			into[name] = next
		}
		into = next
	}
	into[path[len(path)-1]] = v
}

func lookup(content map[string]any, path []string) (any, bool) {
	var v any = content
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
	}
	return v, true
}

func empty(v any, emptyStates bool) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return strings.TrimSpace(v) == ""
	case []any:
		return len(v) == 0 && !emptyStates
	case map[string]any:
		return len(v) == 0
	}
	return false
}

func has(levels []identifier.Granularity, level identifier.Granularity) bool {
	for _, l := range levels {
		if l == level {
			return true
		}
	}
	return false
}

func join(levels []identifier.Granularity) string {
	s := make([]string, len(levels))
	for i, l := range levels {
		s[i] = string(l)
	}
	return strings.Join(s, " or ")
}
