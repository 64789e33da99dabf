package schemacheck

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// words says a violation in a sentence. The schema of the place, if there is one, lends its example.
func words(k jsonschema.ErrorKind, at *jsonschema.Schema) (fault.Code, string) {
	switch k := k.(type) {
	case *kind.Type:
		return fault.CodeContentType, fmt.Sprintf("This must be %s, not %s.", typeNames(k.Want), typeName(k.Got))
	case *kind.Enum:
		return fault.CodeContentValue, "Allowed are: " + list(k.Want) + "."
	case *kind.Minimum:
		return fault.CodeContentValue, fmt.Sprintf("At least %s is expected.", number(k.Want))
	case *kind.ExclusiveMinimum:
		return fault.CodeContentValue, fmt.Sprintf("More than %s is expected.", number(k.Want))
	case *kind.Maximum:
		return fault.CodeContentValue, fmt.Sprintf("At most %s is expected.", number(k.Want))
	case *kind.MinLength:
		return fault.CodeContentValue, "The text is empty."
	case *kind.MaxLength:
		return fault.CodeContentValue, fmt.Sprintf("The text has %d characters; at most %d are allowed.", k.Got, k.Want)
	case *kind.Pattern:
		return fault.CodeContentValue, "The text does not have the expected form" + example(at) + "."
	case *kind.Format:
		return fault.CodeContentValue, fmt.Sprintf("This is not %s%s.", formatName(k.Want), example(at))
	case *kind.UniqueItems:
		return fault.CodeContentValue, fmt.Sprintf("Entries %d and %d of the list are the same.", k.Duplicates[0]+1, k.Duplicates[1]+1)
	case *kind.MinProperties:
		return fault.CodeContentValue, "The object is empty."
	}
	return fault.CodeContentInvalid, "This value does not fit the schema of the product group."
}

func example(at *jsonschema.Schema) string {
	if at == nil || len(at.Examples) == 0 {
		return ""
	}
	return fmt.Sprintf(", for example %v", at.Examples[0])
}

func number(r *big.Rat) string {
	f, _ := r.Float64()
	return fmt.Sprintf("%g", f)
}

// maxSuggested is the longest name that is compared with the known ones.
const maxSuggested = 64

// unknown names the known member that looks most like an unknown one: the fewer letters, the closer it has to be. Of
// several that are as close, the one that begins most like it is meant, since people mistype the end of a word.
func unknown(name string, parent *jsonschema.Schema) string {
	best, distance := "", min(4, 2+len(name)/6)
	if parent != nil && len(name) <= maxSuggested {
		for known := range parent.Properties {
			d := edits(strings.ToLower(name), strings.ToLower(known))
			if d < distance || d == distance && best != "" && closer(name, known, best) {
				best, distance = known, d
			}
		}
	}
	if best != "" {
		return fmt.Sprintf("There is no such data element. Did you mean %q?", best)
	}
	return "There is no such data element in this product group."
}

// closer tells whether a begins more like name than b does; of two alike, the first in the alphabet.
func closer(name, a, b string) bool {
	if pa, pb := shared(name, a), shared(name, b); pa != pb {
		return pa > pb
	}
	return a < b
}

// shared is how many bytes two texts have in common at their beginning.
func shared(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// edits is the Levenshtein distance in bytes.
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
	slices.Sort(names)
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
		return "a valid web address"
	case "email":
		return "a valid e-mail address"
	case "date-time":
		return "a valid instant"
	}
	return "a valid " + s
}

func list(values []any) string {
	s := make([]string, len(values))
	for i, v := range values {
		s[i] = fmt.Sprint(v)
	}
	return strings.Join(s, ", ")
}
