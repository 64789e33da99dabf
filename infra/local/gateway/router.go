package gateway

import (
	"fmt"
	"strings"

	"github.com/passportcraft/passportcraft/infra/local/template"
)

// route is a method of a resource.
type route struct {
	function, path string
	open           bool
}

// node is one segment of the resource tree.
type node struct {
	static    map[string]*node
	parameter *node
	name      string // of the parameter that leads to this node
	greedy    bool   // this node takes the rest of the path
	methods   map[string]*route
}

// found is the outcome of a search; route is nil when nothing is served at the address.
type found struct {
	route  *route
	names  []string
	values []string // as sent, percent-encoded
}

func (n *node) add(r template.Route, function string) error {
	for s := range strings.SplitSeq(strings.TrimPrefix(r.Path, "/"), "/") {
		next, err := n.child(s)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", r.Path, function, err)
		}
		n = next
	}
	if n.methods == nil {
		n.methods = map[string]*route{}
	}
	if other, ok := n.methods[r.Method]; ok {
		return fmt.Errorf("%s %s belongs to both %s and %s", r.Method, r.Path, other.function, function)
	}
	n.methods[r.Method] = &route{function: function, path: r.Path, open: r.Open}
	return nil
}

// child is the node of a segment of a template path, made if it is not there yet.
func (n *node) child(segment string) (*node, error) {
	if !strings.HasPrefix(segment, "{") {
		if n.static == nil {
			n.static = map[string]*node{}
		}
		if n.static[segment] == nil {
			n.static[segment] = &node{}
		}
		return n.static[segment], nil
	}
	name, greedy := strings.CutSuffix(strings.Trim(segment, "{}"), "+")
	if n.parameter == nil {
		n.parameter = &node{name: name, greedy: greedy}
	}
	if n.parameter.name != name || n.parameter.greedy != greedy {
		return nil, fmt.Errorf("API Gateway allows one parameter at a place; %s and {%s} are at the same", segment, n.parameter.name)
	}
	return n.parameter, nil
}

// find looks a request up. Segments are compared as sent: %2F in a parameter does not end it. One slash at the end
// makes no difference, as on API Gateway. What is written out wins over a parameter, and a method that a resource has
// wins over ANY. A resource without the method counts as absent, as on API Gateway.
func (n *node) find(method, path string) found {
	path = strings.TrimPrefix(path, "/")
	if path != "" {
		path = strings.TrimSuffix(path, "/")
		if path == "" {
			return found{}
		}
	}
	var f found
	f.route = n.walk(method, path, false, &f)
	if f.route == nil {
		return found{}
	}
	return f
}

func (n *node) walk(method, rest string, ended bool, f *found) *route {
	if ended {
		if r := n.methods[method]; r != nil {
			return r
		}
		return n.methods[template.Any]
	}
	segment, after, more := strings.Cut(rest, "/")
	if next := n.static[segment]; next != nil {
		if r := next.walk(method, after, !more, f); r != nil {
			return r
		}
	}
	if n.parameter == nil || segment == "" {
		return nil
	}
	if n.parameter.greedy {
		segment, more = rest, false
	}
	f.names, f.values = append(f.names, n.parameter.name), append(f.values, segment)
	if r := n.parameter.walk(method, after, !more, f); r != nil {
		return r
	}
	f.names, f.values = f.names[:len(f.names)-1], f.values[:len(f.values)-1]
	return nil
}
