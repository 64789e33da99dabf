package policy

import (
	"fmt"
	"strings"
)

// Wildcards inside an expanded pattern; no ARN, action or key holds these bytes.
const (
	star     = "\x00"
	question = "\x01"
)

// pattern is text with wildcards and policy variables.
type pattern struct {
	source string
	tokens []token
	fixed  string // expanded, when there are no variables
	plain  bool   // no wildcard and no variable
	lower  bool   // compared in lower case
}

type token struct{ text, variable string }

// compile reads a pattern. In policies of 2012-10-17, ${name} is a variable and ${*}, ${?}, ${$} are the characters
// themselves. Without wild, * and ? stand for themselves.
func compile(s string, wild, lower bool) (pattern, error) {
	p := pattern{source: s, lower: lower, plain: true}
	var text strings.Builder
	for s != "" {
		before, after, found := strings.Cut(s, "${")
		if strings.ContainsAny(before, star+question) {
			return p, fmt.Errorf("%q holds control characters", p.source)
		}
		if wild {
			p.plain = p.plain && !strings.ContainsAny(before, "*?")
			before = strings.NewReplacer("*", star, "?", question).Replace(before)
		}
		if lower {
			before = strings.ToLower(before)
		}
		text.WriteString(before)
		if !found {
			break
		}
		name, rest, closed := strings.Cut(after, "}")
		if !closed {
			return p, fmt.Errorf("%q has a variable without an end", p.source)
		}
		s = rest
		switch {
		case name == "*" || name == "?" || name == "$":
			text.WriteString(name)
			continue
		case strings.ContainsAny(name, ", '"):
			return p, fmt.Errorf("%q has a variable with a default, which is not known here", p.source)
		case !strings.Contains(name, ":"):
			return p, fmt.Errorf("%q has a variable that is no condition key", p.source)
		}
		p.tokens = append(p.tokens, token{text: text.String(), variable: strings.ToLower(name)})
		text.Reset()
	}
	p.fixed = text.String()
	if p.tokens != nil {
		p.tokens, p.plain = append(p.tokens, token{text: p.fixed}), false
	}
	return p, nil
}

func patterns(all []string, lower bool) ([]pattern, error) {
	out := make([]pattern, 0, len(all))
	for _, s := range all {
		p, err := compile(s, true, lower)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// match reports whether a text fits. A variable that the request does not have, or has more than once, fits nothing.
func (p *pattern) match(s string, keys Keys) bool {
	if strings.ContainsAny(s, star+question) {
		return false
	}
	if p.plain {
		return s == p.fixed
	}
	expanded := p.fixed
	if p.tokens != nil {
		var b strings.Builder
		for _, t := range p.tokens {
			b.WriteString(t.text)
			if t.variable == "" {
				continue
			}
			v, ok := keys.get(t.variable)
			if !ok || len(v) != 1 || strings.ContainsAny(v[0], star+question) {
				return false
			}
			if p.lower {
				b.WriteString(strings.ToLower(v[0]))
			} else {
				b.WriteString(v[0])
			}
		}
		expanded = b.String()
	}
	return glob(expanded, s)
}

// glob matches wildcards without recursion: on a mismatch it goes back to the last star and lets it take one byte more.
func glob(p, s string) bool {
	back, mark := -1, 0
	i, j := 0, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == star[0]:
			back, mark = i, j
			i++
		case i < len(p) && (p[i] == s[j] || p[i] == question[0]):
			i++
			j++
		case back >= 0:
			mark++
			i, j = back+1, mark
		default:
			return false
		}
	}
	return strings.Trim(p[i:], star) == ""
}
