// Package schemacheck validates passport content against the JSON Schema of its product group and says what is wrong in
// words. It is apart from package productgroup so that only functions that change passports link the validator.
//
// It applies the schema and nothing else: what depends on category, granularity or publication is productgroup's. Its
// work and its answer are bounded whatever the content holds (bounds.go).
package schemacheck

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// MaxFields is how many offending places one check names; who mends those is told the next ones.
const MaxFields = 100

// Checker validates content. Schemas are compiled when they are first needed. It is safe for concurrent use.
type Checker struct {
	groups map[string]*group
}

// group is a product group with what validating it needs.
type group struct {
	compiled func() (*jsonschema.Schema, error)
	refused  func() map[string]map[string]string // by pointer: why a value outside the list is not taken
}

// New makes a checker for product groups.
func New(set *productgroup.Set) *Checker {
	c := &Checker{groups: map[string]*group{}}
	for _, g := range set.All() {
		c.groups[g.Name()] = &group{
			compiled: sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(g) }),
			refused:  sync.OnceValue(func() map[string]map[string]string { return refusedValues(g) }),
		}
	}
	return c
}

func compile(g *productgroup.Group) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(g.Schema()))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(g.SchemaID(), doc); err != nil {
		return nil, err
	}
	return c.Compile(g.SchemaID())
}

func refusedValues(g *productgroup.Group) map[string]map[string]string {
	out := map[string]map[string]string{}
	for _, e := range g.Elements() {
		if len(e.RefusedValues) > 0 {
			out["/content"+e.Pointer] = e.RefusedValues
		}
	}
	return out
}

// Check returns the places where the content breaks the schema of its group: ordered by pointer, the first MaxFields of
// them, always the same for the same content. Pointers begin with /content. Numbers in the content are json.Number or
// float64. Codes are content-unknown-member, content-type, content-value and content-invalid. An unknown group has no
// schema and nothing to say.
func (c *Checker) Check(name string, content map[string]any) []fault.Field {
	g, ok := c.groups[name]
	if !ok {
		return nil
	}
	schema, err := g.compiled()
	if err != nil {
		return []fault.Field{{Pointer: "/content", Code: fault.CodeContentInvalid, Detail: "The schema of this product group is broken; this is our mistake."}}
	}
	if out := outOfBounds(content, schema); len(out) > 0 {
		return first(out)
	}
	verr, ok := schema.Validate(content).(*jsonschema.ValidationError)
	if !ok {
		return nil
	}
	return g.fields(verr, schema)
}

// violation is one broken rule at one place; it is put into words only if it is told.
type violation struct {
	at   string // JSON Pointer from /content
	rank string // orders the violations of one place
	say  func() (fault.Code, string)
}

func (g *group) fields(e *jsonschema.ValidationError, schema *jsonschema.Schema) []fault.Field {
	var found []violation
	g.collect(e, schema, &found)
	slices.SortFunc(found, func(a, b violation) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.rank, b.rank)) })
	found = slices.CompactFunc(found, func(a, b violation) bool { return a.at == b.at && a.rank == b.rank })
	var out []fault.Field
	for _, v := range found[:min(len(found), MaxFields)] {
		code, detail := v.say()
		out = append(out, fault.Field{Pointer: v.at, Code: code, Detail: detail})
	}
	return out
}

// collect lists the leaves of the validator's answer.
func (g *group) collect(e *jsonschema.ValidationError, schema *jsonschema.Schema, out *[]violation) {
	at := pointer(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.PropertyNames: // its cause says the same, without the place
		*out = append(*out, violation{at + "/" + escape(k.Property), "name", func() (fault.Code, string) {
			return fault.CodeContentValue, "The name is not a language tag such as en, de or pt-BR."
		}})
		return
	case *kind.AdditionalProperties:
		parent := descend(schema, e.InstanceLocation)
		for _, name := range k.Properties {
			*out = append(*out, violation{at + "/" + escape(name), "unknown", func() (fault.Code, string) {
				return fault.CodeContentUnknown, unknown(name, parent)
			}})
		}
		return
	case *kind.Required:
		for _, name := range k.Missing {
			*out = append(*out, violation{at + "/" + escape(name), "required", func() (fault.Code, string) {
				return fault.CodeContentInvalid, fmt.Sprintf("%q is needed here.", name)
			}})
		}
		return
	}
	for _, cause := range e.Causes {
		g.collect(cause, schema, out)
	}
	if len(e.Causes) > 0 {
		return
	}
	*out = append(*out, violation{at, fmt.Sprintf("%T", e.ErrorKind), func() (fault.Code, string) {
		if chosen, ok := e.ErrorKind.(*kind.Enum); ok {
			if reason := g.refused()[at][fmt.Sprint(chosen.Got)]; reason != "" {
				return fault.CodeContentValue, reason
			}
		}
		return words(e.ErrorKind, descend(schema, e.InstanceLocation))
	}})
}

func first(fields []fault.Field) []fault.Field {
	slices.SortFunc(fields, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return fields[:min(len(fields), MaxFields)]
}

func pointer(location []string) string {
	var b strings.Builder
	b.WriteString("/content")
	for _, token := range location {
		b.WriteString("/" + escape(token))
	}
	return b.String()
}

func escape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~", "~0"), "/", "~1")
}

// descend finds the sub-schema of a place, nil if none is declared.
func descend(s *jsonschema.Schema, location []string) *jsonschema.Schema {
	for _, token := range location {
		if s == nil {
			return nil
		}
		s = below(s, token)
	}
	return s
}

func below(s *jsonschema.Schema, token string) *jsonschema.Schema {
	if child, ok := s.Properties[token]; ok {
		return child
	}
	if s.Items2020 != nil {
		return s.Items2020
	}
	open, _ := s.AdditionalProperties.(*jsonschema.Schema)
	return open
}
