package productgroup

// Vocabulary is where the terms of a group live; each term is this address, the group's name and the path of the term.
const Vocabulary = "https://passportcraft.dev/vocab/"

// Context is the JSON-LD 1.1 context of the group's content: one term per member, nested objects in contexts of their
// own, protected (JSON-LD 1.1, section 4.1.11) and without a catch-all vocabulary. Addresses and instants are typed.
// Numbers are not: JSON-LD gives native numbers the types xsd:integer and xsd:double, and any other type would change
// how they are written.
func (g *Group) Context() map[string]any {
	return terms(g.parsed().root.Properties, Vocabulary+g.name+"/1#")
}

func terms(list properties, base string) map[string]any {
	out := make(map[string]any, len(list)+1)
	out["@protected"] = true
	for _, n := range list {
		if n.Refused != "" {
			continue
		}
		term := map[string]any{"@id": base + n.name}
		inner := n
		if n.Items != nil {
			inner = n.Items
			term["@container"] = "@list"
		}
		switch {
		case inner.Display == languageMap:
			term["@container"] = "@language"
		case inner.Format == "uri":
			term["@type"] = "@id"
		case inner.Format == "date-time":
			term["@type"] = "http://www.w3.org/2001/XMLSchema#dateTime"
		case len(inner.Properties) > 0:
			term["@context"] = terms(inner.Properties, base+n.name+".")
		}
		out[n.name] = term
	}
	return out
}
