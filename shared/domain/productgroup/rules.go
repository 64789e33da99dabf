package productgroup

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// declared copies of a value what the schema knows, and tells whether anything is left. A list that would lose all its
// entries is left out, since an empty list may be a statement; one that was empty stays. Values without members are
// taken as they are: their type is the validator's business.
func (n *node) declared(v any) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		if n.Display == languageMap {
			for language, text := range v {
				if s, ok := text.(string); ok {
					out[language] = s
				}
			}
		}
		for _, child := range n.Properties {
			if below, present := v[child.name]; present {
				if kept, ok := child.declared(below); ok {
					out[child.name] = kept
				}
			}
		}
		return out, len(out) > 0
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if n.Items == nil {
				break
			}
			if kept, ok := n.Items.declared(e); ok {
				out = append(out, kept)
			}
		}
		return out, len(out) > 0 || len(v) == 0 && n.Items != nil
	}
	return v, true
}

// disorder lists the members whose value is above one that must not be below it, such as a minimum above a maximum.
func (n *node) disorder(content map[string]any, at string) []fault.Field {
	var out []fault.Field
	for _, child := range n.Properties {
		v, present := content[child.name]
		if !present {
			continue
		}
		if below, ok := v.(map[string]any); ok {
			out = append(out, child.disorder(below, at+"/"+child.name)...)
			continue
		}
		for _, name := range child.AtMost {
			low, ok1 := quantity(v)
			high, ok2 := quantity(content[name])
			if ok1 && ok2 && low > high {
				out = append(out, fault.Field{Pointer: at + "/" + child.name, Code: fault.CodeContentValue,
					Detail: fmt.Sprintf("%s (%v) must not be above %s (%v).", child.Title, v, name, content[name])})
				break
			}
		}
	}
	return out
}

// quantity is a value as a number; a number beyond 64-bit floating point is none.
func quantity(v any) (float64, bool) {
	switch v := v.(type) {
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		return f, err == nil
	case float64:
		return v, true
	}
	return 0, false
}
