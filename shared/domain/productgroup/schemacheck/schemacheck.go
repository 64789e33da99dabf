// Package schemacheck validates passport content against the JSON Schema of its product group and says what is wrong in
// words. It is apart from package productgroup so that only functions that change passports link the validator.
package schemacheck

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Checker validates content. Schemas are compiled when they are first needed.
type Checker struct {
	compiled map[string]func() (*jsonschema.Schema, error)
}

// New makes a checker for product groups.
func New(set *productgroup.Set) *Checker {
	c := &Checker{compiled: map[string]func() (*jsonschema.Schema, error){}}
	for _, g := range set.All() {
		c.compiled[g.Name()] = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(g) })
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

// Check returns every place where the content breaks the schema of its group, ordered by pointer; pointers begin with
// /content. An unknown group has no schema and nothing to say.
func (c *Checker) Check(group string, content map[string]any) []fault.Field {
	compiled, ok := c.compiled[group]
	if !ok {
		return nil
	}
	schema, err := compiled()
	if err != nil {
		return []fault.Field{{Pointer: "/content", Code: fault.CodeContentInvalid, Detail: "The schema of this product group is broken; this is our mistake."}}
	}
	verr, ok := schema.Validate(content).(*jsonschema.ValidationError)
	if !ok {
		return nil
	}
	var out []fault.Field
	leaves(verr, schema, &out)
	slices.SortFunc(out, func(a, b fault.Field) int { return strings.Compare(a.Pointer+a.Detail, b.Pointer+b.Detail) })
	return slices.Compact(out)
}

func leaves(e *jsonschema.ValidationError, schema *jsonschema.Schema, out *[]fault.Field) {
	if len(e.Causes) > 0 {
		for _, cause := range e.Causes {
			leaves(cause, schema, out)
		}
		return
	}
	at := pointer(e.InstanceLocation)
	if unknown, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
		for _, name := range unknown.Properties {
			*out = append(*out, fault.Field{Pointer: at + "/" + escape(name), Code: fault.CodeContentUnknown, Detail: unknownDetail(name, schema, e.InstanceLocation)})
		}
		return
	}
	if missing, ok := e.ErrorKind.(*kind.Required); ok {
		for _, name := range missing.Missing {
			*out = append(*out, fault.Field{Pointer: at + "/" + escape(name), Code: fault.CodeContentInvalid, Detail: fmt.Sprintf("%q is needed here.", name)})
		}
		return
	}
	code, detail := words(e.ErrorKind)
	*out = append(*out, fault.Field{Pointer: at, Code: code, Detail: detail})
}

// words says a violation in a sentence.
func words(k jsonschema.ErrorKind) (fault.Code, string) {
	switch k := k.(type) {
	case *kind.Type:
		return fault.CodeContentType, fmt.Sprintf("This must be %s, not %s.", typeNames(k.Want), typeName(k.Got))
	case *kind.Enum:
		return fault.CodeContentValue, "Allowed are: " + list(k.Want) + "."
	case *kind.Minimum:
		f, _ := k.Want.Float64()
		return fault.CodeContentValue, fmt.Sprintf("At least %g is expected.", f)
	case *kind.ExclusiveMinimum:
		f, _ := k.Want.Float64()
		return fault.CodeContentValue, fmt.Sprintf("More than %g is expected.", f)
	case *kind.Maximum:
		f, _ := k.Want.Float64()
		return fault.CodeContentValue, fmt.Sprintf("At most %g is expected.", f)
	case *kind.MinLength:
		return fault.CodeContentValue, "The text is empty."
	case *kind.MaxLength:
		return fault.CodeContentValue, fmt.Sprintf("The text has %d characters; at most %d are allowed.", k.Got, k.Want)
	case *kind.MaxItems:
		return fault.CodeContentValue, fmt.Sprintf("The list has %d entries; at most %d are allowed.", k.Got, k.Want)
	case *kind.Pattern:
		return fault.CodeContentValue, fmt.Sprintf("The text does not have the expected form (%s).", k.Want)
	case *kind.Format:
		return fault.CodeContentValue, fmt.Sprintf("This is not a valid %s.", formatName(k.Want))
	case *kind.UniqueItems:
		return fault.CodeContentValue, "An entry is given twice."
	case *kind.MinProperties:
		return fault.CodeContentValue, "The object is empty."
	}
	return fault.CodeContentInvalid, "This value does not fit the schema of the product group."
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

// unknownDetail names the known member that looks most like an unknown one.
func unknownDetail(name string, schema *jsonschema.Schema, location []string) string {
	best, distance := "", 4
	if at := descend(schema, location); at != nil {
		for known := range at.Properties {
			if d := edits(strings.ToLower(name), strings.ToLower(known)); d < distance || d == distance && known < best {
				best, distance = known, d
			}
		}
	}
	if best != "" {
		return fmt.Sprintf("There is no such data element. Did you mean %q?", best)
	}
	return "There is no such data element in this product group."
}

func descend(s *jsonschema.Schema, location []string) *jsonschema.Schema {
	for _, token := range location {
		switch {
		case s == nil:
			return nil
		case s.Properties[token] != nil:
			s = s.Properties[token]
		case s.Items2020 != nil:
			s = s.Items2020
		default:
			return nil
		}
	}
	return s
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func typeNames(want []string) string {
	var names []string
	for _, s := range want {
		names = append(names, typeName(s))
	}
	return strings.Join(names, " or ")
}

func typeName(s string) string {
	switch s {
	case "string":
		return "text"
	case "integer":
		return "a whole number"
	case "number":
		return "a number"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	}
	return s
}

func formatName(s string) string {
	switch s {
	case "uri":
		return "web address"
	case "email":
		return "e-mail address"
	case "date-time":
		return "instant such as 2027-02-18T09:30:00Z"
	}
	return s
}

func list(values []any) string {
	s := make([]string, len(values))
	for i, v := range values {
		s[i] = fmt.Sprint(v)
	}
	return strings.Join(s, ", ")
}
