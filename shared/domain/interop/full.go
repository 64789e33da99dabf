package interop

import (
	"maps"
	"slices"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// Full is a passport in the full form (EN 18223:2026, Annex A): the header, and a list of data elements, each of which says
// what kind it is, what its values are and where its meaning is written. They are in the order of the group's schema. What
// the form has no place for, a value that is null, is left out; no schema takes such values.
func Full(p Passport, group *productgroup.Group) map[string]any {
	out := header(p, group)
	out["elements"] = elements(group.Terms(), p.Content)
	return out
}

// elements are the data elements of an object: those that the schema knows, then others by name.
func elements(terms []productgroup.Term, content map[string]any) []any {
	out, known := make([]any, 0, len(content)), make(map[string]bool, len(content))
	add := func(t productgroup.Term) {
		if v := content[t.Name]; v != nil {
			out = append(out, element(t, v))
		}
	}
	for _, t := range terms {
		known[t.Name] = true
		add(t)
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		if !known[name] {
			add(productgroup.Term{Name: name})
		}
	}
	return out
}

// element is one data element. Its kind is that of the value, so that each value there is has a place.
func element(t productgroup.Term, v any) map[string]any {
	out := map[string]any{"elementId": t.Name}
	if t.Reference != "" {
		out["dictionaryReference"] = t.Reference
	}
	switch v := v.(type) {
	case map[string]any:
		if t.Languages {
			out["objectType"], out["value"] = "MultiLanguageDataElement", texts(v)
			break
		}
		out["objectType"], out["elements"] = "DataElementCollection", elements(t.Members, v)
	case []any:
		list := make([]any, 0, len(v))
		for _, e := range v {
			switch e := e.(type) {
			case nil:
			case map[string]any:
				list = append(list, elements(t.Members, e))
			case []any:
				list = append(list, []any{element(t, e)})
			default:
				out["valueDataType"] = t.DataType(e)
				list = append(list, e)
			}
		}
		out["objectType"], out["value"] = "MultiValuedDataElement", list
	default:
		out["objectType"], out["valueDataType"], out["value"] = "SingleValuedDataElement", t.DataType(v), v
	}
	return out
}

// texts are the texts of a language map, by their tags.
func texts(v map[string]any) []any {
	out := make([]any, 0, len(v))
	for _, language := range slices.Sorted(maps.Keys(v)) {
		if text, ok := v[language].(string); ok {
			out = append(out, map[string]any{"value": text, "language": language})
		}
	}
	return out
}
