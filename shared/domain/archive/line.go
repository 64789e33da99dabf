package archive

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// Record is a record most of which is its content, a field of that name. Bare is the record without it.
type Record interface {
	Bare() (bare any, content map[string]any)
}

// noContent is the field of a bare record. No text in JSON has it: quotes in texts have a backslash before them.
const noContent = `"content":null`

// encoder appends values as JSON, byte for byte as encoding/json has them, which it asks for all but what most of a
// passport is made of. Those it writes without reflection, into memory that is there.
type encoder struct {
	keys []string // of the objects that are being written, each after the one around it
}

func (e *encoder) line(dst []byte, v any) ([]byte, error) {
	r, ok := v.(Record)
	if !ok {
		dst, err := e.value(dst, v)
		return append(dst, '\n'), err
	}
	bare, content := r.Bare()
	b, err := json.Marshal(bare)
	if err != nil {
		return dst, err
	}
	at := bytes.Index(b, []byte(noContent))
	if at < 0 {
		return dst, fmt.Errorf("%T has no content", v)
	}
	at += len(noContent) - len("null")
	dst, err = e.value(append(dst, b[:at]...), content)
	return append(append(dst, b[at+len("null"):]...), '\n'), err
}

func (e *encoder) value(dst []byte, v any) ([]byte, error) {
	switch v := v.(type) {
	case string:
		return text(dst, v)
	case json.Number:
		if plain(string(v)) {
			return append(dst, v...), nil
		}
	case map[string]any:
		if v != nil {
			return e.object(dst, v)
		}
	case []any:
		if v != nil {
			return e.array(dst, v)
		}
	case bool:
		if v {
			return append(dst, "true"...), nil
		}
		return append(dst, "false"...), nil
	}
	return other(dst, v)
}

func (e *encoder) object(dst []byte, o map[string]any) ([]byte, error) {
	from := len(e.keys)
	defer func() { e.keys = e.keys[:from] }()
	for key := range o {
		e.keys = append(e.keys, key)
	}
	keys := e.keys[from:] // it stays what it is when the objects within need more room
	slices.Sort(keys)
	dst = append(dst, '{')
	for i, key := range keys {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = text(dst, key); err != nil {
			return dst, err
		}
		if dst, err = e.value(append(dst, ':'), o[key]); err != nil {
			return dst, err
		}
	}
	return append(dst, '}'), nil
}

func (e *encoder) array(dst []byte, a []any) ([]byte, error) {
	dst = append(dst, '[')
	for i, v := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = e.value(dst, v); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

// text appends a string. One with anything that encoding/json writes in another way is left to it.
func text(dst []byte, s string) ([]byte, error) {
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && size == 1 || r == '\u2028' || r == '\u2029' {
				return other(dst, s)
			}
			i += size
			continue
		}
		if c < ' ' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			return other(dst, s)
		}
		i++
	}
	return append(append(append(dst, '"'), s...), '"'), nil
}

// plain reports whether a number is of digits, with a point among them or without, and needs no closer look.
func plain(n string) bool {
	if len(n) > 1 && n[0] == '-' {
		n = n[1:]
	}
	point := len(n)
	for i := range len(n) {
		if n[i] == '.' && point == len(n) && i > 0 && i < len(n)-1 {
			point = i
		} else if n[i] < '0' || n[i] > '9' {
			return false
		}
	}
	return point == 1 || point > 1 && n[0] != '0'
}

func other(dst []byte, v any) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}
