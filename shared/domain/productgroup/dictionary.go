package productgroup

import (
	"encoding/json"
	"strings"
)

// Term is a place of a group's content as a dictionary of data elements has it.
type Term struct {
	Name      string
	Reference string // its IRI, the same as in Context
	Languages bool   // it is a text by language tag
	Members   []Term // of an object, or of each entry of a list of objects

	scalar *node // what a single value is, or an entry of a list of such
}

// Terms are the terms of the group's content in the order of the schema. Callers do not change them.
func (g *Group) Terms() []Term { return g.terms() }

// dictionary has no term for what must stay empty.
func dictionary(list properties, base string) []Term {
	var out []Term
	for _, n := range list {
		if n.Refused != "" {
			continue
		}
		inner := n
		if n.Items != nil {
			inner = n.Items
		}
		out = append(out, Term{
			Name: n.name, Reference: base + n.name, Languages: inner.Display == languageMap, Members: dictionary(inner.Properties, base+n.name+"."), scalar: inner,
		})
	}
	return out
}

// DataType is the type of a single value of the term in XML Schema. What the schema does not tell, the value does: whether
// a number may have a fraction is said by the schema, whether a date is of a day or of a month by its length.
func (t Term) DataType(v any) string {
	n := t.scalar
	if n == nil {
		n = &node{}
	}
	switch v := v.(type) {
	case bool:
		return "xsd:boolean"
	case string:
		return n.textType(v)
	case json.Number:
		if n.Type == "integer" && !strings.ContainsAny(v.String(), ".eE") {
			return "xsd:integer"
		}
	}
	return "xsd:decimal"
}

func (n *node) textType(text string) string {
	switch date := strings.HasPrefix(n.Pattern, "^[0-9]{4}-(0[1-9]|1[0-2])"); {
	case n.Format == "uri":
		return "xsd:anyURI"
	case n.Format == "date-time":
		return "xsd:dateTime"
	case date && len(text) == len("2027-02"):
		return "xsd:gYearMonth"
	case date && len(text) == len("2027-02-18"):
		return "xsd:date"
	}
	return "xsd:string"
}
