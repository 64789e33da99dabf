package template

import (
	"fmt"
	"iter"
	"strconv"

	"go.yaml.in/yaml/v4"
)

// parser keeps the first error, so that reading code needs no error handling at every step.
type parser struct {
	err    error
	budget int // steps left: aliases can make a small file describe an endless one
}

func (p *parser) fail(c cursor, format string, args ...any) {
	if p.err != nil {
		return
	}
	line := 0
	if c.node != nil {
		line = c.node.Line
	}
	p.err = fmt.Errorf("line %d: "+format, append([]any{line}, args...)...)
}

// cursor is a place in the document; a place that is not there reads as empty.
type cursor struct {
	p     *parser
	node  *yaml.Node
	depth int
}

const maxDepth = 64

func (c cursor) document() cursor {
	if c.node.Kind == yaml.DocumentNode && len(c.node.Content) == 1 {
		return c.at(c.node.Content[0])
	}
	return cursor{p: c.p}
}

// at steps to a node inside this one, through aliases.
func (c cursor) at(n *yaml.Node) cursor {
	next := cursor{p: c.p, node: n, depth: c.depth + 1}
	for n != nil && n.Kind == yaml.AliasNode && c.p.budget > 0 {
		c.p.budget--
		n = n.Alias
	}
	next.node = n
	c.p.budget--
	if c.p.budget < 0 || next.depth > maxDepth {
		c.p.fail(next, "the template is nested or repeats itself too much")
		return cursor{p: c.p}
	}
	return next
}

func (c cursor) there() bool { return c.node != nil }

func (c cursor) or(other cursor) cursor {
	if c.there() {
		return c
	}
	return other
}

// get is the member of a mapping.
func (c cursor) get(name string) cursor {
	if c.node == nil || c.node.Kind != yaml.MappingNode {
		return cursor{p: c.p}
	}
	for i := 0; i+1 < len(c.node.Content); i += 2 {
		if c.node.Content[i].Value == name {
			return c.at(c.node.Content[i+1])
		}
	}
	return cursor{p: c.p}
}

// entries are the members of a mapping in the order of the file.
func (c cursor) entries() iter.Seq2[string, cursor] {
	return func(yield func(string, cursor) bool) {
		if c.node == nil {
			return
		}
		if c.node.Kind != yaml.MappingNode {
			c.p.fail(c, "names and values are expected here")
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(c.node.Content); i += 2 {
			name := c.node.Content[i].Value
			if seen[name] {
				c.p.fail(c.at(c.node.Content[i]), "%q is there twice", name)
				return
			}
			seen[name] = true
			if !yield(name, c.at(c.node.Content[i+1])) {
				return
			}
		}
	}
}

// list is the elements of a sequence.
func (c cursor) list() []cursor {
	if c.node == nil {
		return nil
	}
	if c.node.Kind != yaml.SequenceNode {
		c.p.fail(c, "a list is expected here")
		return nil
	}
	all := make([]cursor, 0, len(c.node.Content))
	for _, n := range c.node.Content {
		all = append(all, c.at(n))
	}
	return all
}

// text is a scalar as written; an intrinsic function in its place is refused.
func (c cursor) text() string {
	if c.node == nil {
		return ""
	}
	if c.node.Kind != yaml.ScalarNode || intrinsic(c.node.Tag) {
		c.p.fail(c, "a plain value is expected here")
		return ""
	}
	return c.node.Value
}

// texts is a list of scalars, or one scalar.
func (c cursor) texts() []string {
	if c.node != nil && c.node.Kind == yaml.ScalarNode {
		return []string{c.text()}
	}
	var all []string
	for _, e := range c.list() {
		all = append(all, e.text())
	}
	return all
}

func (c cursor) number(absent int) int {
	if c.node == nil {
		return absent
	}
	s := c.text()
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		c.p.fail(c, "%q is not a whole number", s)
	}
	return n
}

func (c cursor) decimal() float64 {
	if c.node == nil {
		return 0
	}
	s := c.text()
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) {
		c.p.fail(c, "%q is not a number", s)
	}
	return f
}
