package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
)

// kind is how the text of a cell becomes a value.
type kind string

const (
	kindText    kind = "text"
	kindNumber  kind = "number"
	kindInteger kind = "integer"
	kindBoolean kind = "boolean"
	kindDate    kind = "date"  // year, month and day
	kindMonth   kind = "month" // year and month
	kindInstant kind = "instant"
	kindWords   kind = "words" // language map
	kindList    kind = "list"  // of scalars
	kindObjects kind = "objects"
	kindObject  kind = "object"
	kindRefused kind = "refused" // must stay empty
)

// field is one place of the content as the schema of the group describes it.
type field struct {
	name        string
	Type        string            `json:"type"`
	Title       string            `json:"title"`
	Format      string            `json:"format"`
	Pattern     string            `json:"pattern"`
	Enum        []any             `json:"enum"`
	Properties  fieldList         `json:"properties"`
	Items       *field            `json:"items"`
	Unit        string            `json:"x-unit"`
	Display     string            `json:"x-display"`
	Words       map[string]string `json:"x-words"`
	Refused     string            `json:"x-refused"`
	EmptyStates bool              `json:"x-empty-states"`
}

// fieldList keeps the order of the schema, in which fields are suggested.
type fieldList []*field

// UnmarshalJSON reads the properties of an object in order.
func (l *fieldList) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		f := &field{}
		if err := d.Decode(f); err != nil {
			return err
		}
		f.name = fmt.Sprint(name)
		*l = append(*l, f)
	}
	return nil
}

// contentOf reads the schema of a group.
func contentOf(g *productgroup.Group) (*field, error) {
	root := &field{}
	if err := json.Unmarshal(g.Schema(), root); err != nil {
		return nil, fmt.Errorf("schema of %s: %w", g.Name(), err)
	}
	return root, nil
}

func (f *field) kind() kind {
	switch {
	case f.Refused != "":
		return kindRefused
	case f.Display == "language-map":
		return kindWords
	}
	switch f.Type {
	case "number":
		return kindNumber
	case "integer":
		return kindInteger
	case "boolean":
		return kindBoolean
	case "object":
		return kindObject
	case "array":
		if f.Items != nil && f.Items.Type == "object" {
			return kindObjects
		}
		return kindList
	}
	return f.textKind()
}

// textKind tells dates, which the schemas describe by a format or a pattern, from other text.
func (f *field) textKind() kind {
	day := strings.HasPrefix(f.Pattern, "^[0-9]{4}-(0[1-9]|1[0-2])")
	switch {
	case f.Format == "date-time":
		return kindInstant
	case f.Format == "date" || day && strings.Contains(f.Pattern, "[12][0-9]"):
		return kindDate
	case day:
		return kindMonth
	}
	return kindText
}

func (f *field) child(name string) *field {
	for _, c := range f.Properties {
		if c.name == name {
			return c
		}
	}
	return nil
}

// place is where a column leads: a field of the content and the tokens of the way there. Tokens that are indexes of lists
// are marked by index ≥ 0.
type place struct {
	field    *field
	tokens   []string
	index    []int
	language string
}

// maxIndex is the highest position in a list that a column can name: each needs columns of its own.
const maxIndex = 99

// find follows a pointer below /content. The last token may be a language of a language map.
func (f *field) find(pointer string) (place, bool) {
	p := place{field: f}
	if pointer == "" || pointer[0] != '/' {
		return p, false
	}
	for _, token := range strings.Split(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		index := -1
		switch p.field.kind() {
		case kindWords:
			if p.language != "" || !isLanguage(token) {
				return p, false
			}
			p.language = token
			continue
		case kindObjects, kindList:
			n, err := strconv.Atoi(token)
			if err != nil || n < 0 || n > maxIndex || strconv.Itoa(n) != token || p.field.Items == nil {
				return p, false
			}
			p.field, index = p.field.Items, n
		case kindObject:
			if p.field = p.field.child(token); p.field == nil {
				return p, false
			}
		default:
			return p, false
		}
		p.tokens, p.index = append(p.tokens, token), append(p.index, index)
	}
	return p, true
}

// isLanguage tells whether a text is a language tag as the schemas take it (BCP 47 in the form en or pt-BR).
func isLanguage(s string) bool {
	for i, part := range strings.Split(s, "-") {
		letters := strings.Trim(part, "abcdefghijklmnopqrstuvwxyz") == ""
		if i == 0 && (!letters || len(part) < 2 || len(part) > 3) {
			return false
		}
		plain := strings.Trim(strings.ToLower(part), "abcdefghijklmnopqrstuvwxyz0123456789") == ""
		if i > 0 && (!plain || len(part) < 2 || len(part) > 8) {
			return false
		}
	}
	return true
}

func escape(token string) string { return strings.NewReplacer("~", "~0", "/", "~1").Replace(token) }
