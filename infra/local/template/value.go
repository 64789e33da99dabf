package template

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// operations of a value that is not known until deployment.
type op int

const (
	opText   op = iota // text
	opRef              // text is a logical id, a parameter or a pseudo parameter
	opGetAtt           // text is id.attribute
	opSub              // text is the pattern, named are its own variables
	opJoin             // text is the delimiter
	opIf               // text is a condition, args are then and else
	opEquals
	opNot
	opAnd
	opOr
	opCondition // text is a condition
	opNoValue   // the setting is as good as absent
)

// value is what a setting will be.
type value struct {
	op    op
	text  string
	args  []value
	named map[string]value
	line  int
}

// intrinsic reports whether a YAML tag is the short form of an intrinsic function.
func intrinsic(tag string) bool {
	return strings.HasPrefix(tag, "!") && !strings.HasPrefix(tag, "!!")
}

// value reads a setting with the intrinsic functions that can be resolved on one machine, in both spellings.
func (c cursor) value() value {
	if c.node == nil {
		return value{op: opNoValue}
	}
	if intrinsic(c.node.Tag) {
		return c.call(strings.TrimPrefix(c.node.Tag, "!"), c)
	}
	if c.node.Kind == yaml.MappingNode && len(c.node.Content) == 2 {
		return c.call(strings.TrimPrefix(c.node.Content[0].Value, "Fn::"), c.at(c.node.Content[1]))
	}
	if c.node.Kind != yaml.ScalarNode {
		c.p.fail(c, "a value or an intrinsic function is expected here")
		return value{}
	}
	return value{op: opText, text: c.node.Value, line: c.node.Line}
}

// call reads the intrinsic function name with its arguments at a.
func (c cursor) call(name string, a cursor) value {
	v := value{line: c.node.Line}
	switch name {
	case "Ref":
		v.op, v.text = opRef, a.raw()
		if v.text == "AWS::NoValue" {
			v.op = opNoValue
		}
	case "Condition":
		v.op, v.text = opCondition, a.raw()
	case "GetAtt":
		v.op, v.text = opGetAtt, a.raw()
		if a.there() && a.node.Kind == yaml.SequenceNode {
			v.text = strings.Join(a.plain().texts(), ".")
		}
	case "Sub":
		v.op = opSub
		if !a.there() || a.node.Kind != yaml.SequenceNode {
			v.text = a.raw()
			break
		}
		parts := a.plain().list()
		if len(parts) != 2 {
			c.p.fail(c, "Sub with a list takes a pattern and its variables")
			break
		}
		v.text, v.named = parts[0].text(), map[string]value{}
		for name, x := range parts[1].entries() {
			v.named[name] = x.value()
		}
	case "Join":
		v.op = opJoin
		if parts := a.plain().list(); len(parts) == 2 {
			v.text = parts[0].text()
			v.args = parts[1].values()
		} else {
			c.p.fail(c, "Join takes a delimiter and a list")
		}
	case "If":
		v.op, v.args = opIf, a.plain().values()
		c.arity(v, 3, 3)
		if len(v.args) == 3 {
			v.text, v.args = v.args[0].text, v.args[1:]
		}
	case "Equals":
		v.op, v.args = opEquals, a.plain().values()
		c.arity(v, 2, 2)
	case "Not":
		v.op, v.args = opNot, a.plain().values()
		c.arity(v, 1, 1)
	case "And", "Or":
		v.op, v.args = opAnd, a.plain().values()
		if name == "Or" {
			v.op = opOr
		}
		c.arity(v, 2, 10)
	default:
		c.p.fail(c, "the local runner does not know the intrinsic function %q", name)
	}
	return v
}

func (c cursor) arity(v value, least, most int) {
	if len(v.args) < least || len(v.args) > most {
		c.p.fail(c, "wrong number of arguments of an intrinsic function")
	}
}

// raw is a scalar whose tag, if any, has been seen to.
func (c cursor) raw() string {
	if c.node != nil && c.node.Kind == yaml.ScalarNode {
		return c.node.Value
	}
	if c.node == nil || c.node.Kind != yaml.SequenceNode {
		c.p.fail(c, "a name is expected here")
	}
	return ""
}

// plain is the same place with the tag of the intrinsic function taken off.
func (c cursor) plain() cursor {
	if c.node == nil || !intrinsic(c.node.Tag) {
		return c
	}
	n := *c.node
	n.Tag = ""
	c.node = &n
	return c
}

func (c cursor) values() []value {
	var all []value
	for _, e := range c.list() {
		all = append(all, e.value())
	}
	return all
}

// Resolve gives each function's environment, by folder, with the names of this machine in place of those that AWS would
// give. values holds them by what the template says: a logical id for Ref (RecordsTable), id.attribute for GetAtt
// (TenantKey.Arn), a parameter (AppEnv), a pseudo parameter (AWS::Region). Parameters that are not given have their
// default. A name that nobody knows is an error: a function must not start half-configured.
func (t *Template) Resolve(values map[string]string) (map[string]map[string]string, error) {
	r := &resolver{template: t, values: values, budget: 1 << 16}
	all := make(map[string]map[string]string, len(t.Functions))
	for _, f := range t.Functions {
		environment := make(map[string]string, len(f.environment))
		for _, name := range slices.Sorted(maps.Keys(f.environment)) {
			s, there, err := r.resolve(f.environment[name], 0)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", name, f.ID, err)
			}
			if there {
				environment[name] = s
			}
		}
		all[f.Folder] = environment
	}
	return all, nil
}

// Variables are the names of a function's environment, sorted.
func (f Function) Variables() []string { return slices.Sorted(maps.Keys(f.environment)) }

type resolver struct {
	template *Template
	values   map[string]string
	budget   int // steps left: conditions that use one another can fan out without end
}

func (r *resolver) step(v value, depth int) error {
	r.budget--
	if depth > maxDepth || r.budget < 0 {
		return fmt.Errorf("line %d: conditions refer to one another in a circle, or too often", v.line)
	}
	return nil
}

// resolve gives the text of a value; there is false for AWS::NoValue.
func (r *resolver) resolve(v value, depth int) (s string, there bool, err error) {
	if err := r.step(v, depth); err != nil {
		return "", false, err
	}
	switch v.op {
	case opText:
		return v.text, true, nil
	case opNoValue:
		return "", false, nil
	case opRef, opGetAtt:
		s, err = r.lookup(v.text, v.line)
		return s, err == nil, err
	case opSub:
		s, err = r.substitute(v, depth)
		return s, err == nil, err
	case opJoin:
		var parts []string
		for _, a := range v.args {
			s, there, err := r.resolve(a, depth+1)
			if err != nil {
				return "", false, err
			}
			if there {
				parts = append(parts, s)
			}
		}
		return strings.Join(parts, v.text), true, nil
	case opIf:
		met, err := r.condition(v.text, v.line, depth+1)
		if err != nil {
			return "", false, err
		}
		if met {
			return r.resolve(v.args[0], depth+1)
		}
		return r.resolve(v.args[1], depth+1)
	}
	met, err := r.logic(v, depth)
	return strconv.FormatBool(met), err == nil, err
}

func (r *resolver) condition(name string, line, depth int) (bool, error) {
	c, ok := r.template.conditions[name]
	if !ok {
		return false, fmt.Errorf("line %d: there is no condition %q", line, name)
	}
	return r.logic(c, depth+1)
}

func (r *resolver) logic(v value, depth int) (bool, error) {
	if err := r.step(v, depth); err != nil {
		return false, err
	}
	switch v.op {
	case opCondition:
		return r.condition(v.text, v.line, depth+1)
	case opEquals:
		a, _, err := r.resolve(v.args[0], depth+1)
		if err != nil {
			return false, err
		}
		b, _, err := r.resolve(v.args[1], depth+1)
		return a == b, err
	case opNot:
		met, err := r.logic(v.args[0], depth+1)
		return !met, err
	case opAnd, opOr:
		for _, a := range v.args {
			met, err := r.logic(a, depth+1)
			if err != nil || met == (v.op == opOr) {
				return met, err
			}
		}
		return v.op == opAnd, nil
	}
	return false, fmt.Errorf("line %d: this is not a condition", v.line)
}

func (r *resolver) lookup(name string, line int) (string, error) {
	if s, ok := r.values[name]; ok {
		return s, nil
	}
	if d, ok := r.template.parameters[name]; ok {
		if d != nil {
			return *d, nil
		}
		return "", fmt.Errorf("line %d: parameter %s has no default and no value was given", line, name)
	}
	return "", fmt.Errorf("line %d: no value was given for %s", line, name)
}

// substitute fills ${name}; ${!name} stands for the text ${name}.
func (r *resolver) substitute(v value, depth int) (string, error) {
	var failed error
	s := regexp.MustCompile(`\$\{[^${}]*\}`).ReplaceAllStringFunc(v.text, func(m string) string {
		name := m[2 : len(m)-1]
		if literal, ok := strings.CutPrefix(name, "!"); ok {
			return "${" + literal + "}"
		}
		var s string
		var err error
		if own, ok := v.named[name]; ok {
			s, _, err = r.resolve(own, depth+1)
		} else {
			s, err = r.lookup(name, v.line)
		}
		if err != nil && failed == nil {
			failed = err
		}
		return s
	})
	return s, failed
}
