package schemacheck

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// maxDigits is how long a number may be written. 64-bit floating point numbers need 24 characters at most.
const maxDigits = 40

// outOfBounds finds what the validator must not see, because it would work on it for seconds or not survive it: numbers
// that no 64-bit floating point number can hold (it computes with exact fractions, and RFC 7493 section 2.2 and RFC
// 8785 exclude such numbers anyway), and lists and objects with more entries than the schema allows (it goes through
// all of them first). Only declared places are walked: what is undeclared the validator does not enter either.
func outOfBounds(content map[string]any, schema *jsonschema.Schema) []fault.Field {
	var w walk
	w.value(content, schema)
	return w.found
}

type walk struct {
	path  []string
	found []fault.Field
}

func (w *walk) value(v any, s *jsonschema.Schema) {
	if s == nil {
		return
	}
	switch v := v.(type) {
	case json.Number:
		if detail := badNumber(v.String()); detail != "" {
			w.report("%s", detail)
		}
	case []any:
		if s.MaxItems != nil && len(v) > *s.MaxItems {
			w.report("The list has %d entries; at most %d are allowed.", len(v), *s.MaxItems)
			return
		}
		if s.Items2020 != nil {
			for i, e := range v {
				w.enter(strconv.Itoa(i), e, s.Items2020)
			}
		}
	case map[string]any:
		if s.MaxProperties != nil && len(v) > *s.MaxProperties {
			w.report("The object has %d members; at most %d are allowed.", len(v), *s.MaxProperties)
			return
		}
		for name, child := range v {
			w.enter(name, child, below(s, name))
		}
	}
}

func (w *walk) enter(token string, v any, s *jsonschema.Schema) {
	w.path = append(w.path, token)
	w.value(v, s)
	w.path = w.path[:len(w.path)-1]
}

func (w *walk) report(format string, args ...any) {
	w.found = append(w.found, fault.Field{Pointer: pointer(w.path), Code: fault.CodeContentValue, Detail: fmt.Sprintf(format, args...)})
}

// badNumber says why a number is not taken, or nothing.
func badNumber(s string) string {
	if len(s) > maxDigits {
		return fmt.Sprintf("The number is written with %d characters; at most %d are allowed.", len(s), maxDigits)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return "The number is too large: it must fit a 64-bit floating point number."
	}
	mantissa, _, _ := strings.Cut(strings.ToLower(s), "e")
	if f == 0 && strings.ContainsAny(mantissa, "123456789") {
		return "The number is too close to zero: it must fit a 64-bit floating point number."
	}
	return ""
}
