package policy

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// quantifier says how an operator treats a key with several values.
type quantifier int

const (
	single quantifier = iota
	forAll
	forAny
)

// condition is one operator on one key with the values that the policy gives.
type condition struct {
	operator string // without quantifier and IfExists
	key      string // lower case
	each     quantifier
	ifExists bool
	negated  bool
	values   []pattern
	numbers  []float64
	null     bool // with Null: whether the key must be absent
	compare  func(request, policy float64) bool
}

func conditions(v any) ([]condition, error) {
	operators, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it is not an object")
	}
	var all []condition
	for _, name := range slices.Sorted(maps.Keys(operators)) {
		keys, ok := operators[name].(map[string]any)
		if !ok || len(keys) == 0 {
			return nil, fmt.Errorf("%s holds no condition keys", name)
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			values, err := texts(keys[key])
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", name, key, err)
			}
			c, err := newCondition(name, key, values)
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", name, key, err)
			}
			all = append(all, c)
		}
	}
	return all, nil
}

func newCondition(name, key string, values []string) (condition, error) {
	c := condition{key: strings.ToLower(key)}
	for prefix, q := range map[string]quantifier{"ForAllValues:": forAll, "ForAnyValue:": forAny} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			name, c.each = rest, q
		}
	}
	name, c.ifExists = strings.CutSuffix(name, "IfExists")
	c.operator = name
	switch name {
	case "Null":
		if c.ifExists || c.each != single || len(values) != 1 || values[0] != "true" && values[0] != "false" {
			return c, fmt.Errorf("it takes true or false, once")
		}
		c.null = values[0] == "true"
		return c, nil
	case "Bool":
		for _, v := range values {
			if v != "true" && v != "false" {
				return c, fmt.Errorf("%q is neither true nor false", v)
			}
		}
		return c, c.texts(values, false, true)
	case "StringEquals", "StringNotEquals":
		c.negated = name == "StringNotEquals"
		return c, c.texts(values, false, false)
	case "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase":
		c.negated = name == "StringNotEqualsIgnoreCase"
		return c, c.texts(values, false, true)
	case "StringLike", "StringNotLike", "ArnLike", "ArnNotLike", "ArnEquals", "ArnNotEquals":
		c.negated = strings.Contains(name, "Not")
		return c, c.texts(values, true, false)
	}
	return c, c.numeric(values)
}

func (c *condition) texts(values []string, wild, lower bool) error {
	for _, v := range values {
		p, err := compile(v, wild, lower)
		if err != nil {
			return err
		}
		c.values = append(c.values, p)
	}
	return nil
}

func (c *condition) numeric(values []string) error {
	switch c.operator {
	case "NumericEquals":
		c.compare = func(r, p float64) bool { return r == p }
	case "NumericNotEquals":
		c.compare, c.negated = func(r, p float64) bool { return r == p }, true
	case "NumericLessThan":
		c.compare = func(r, p float64) bool { return r < p }
	case "NumericLessThanEquals":
		c.compare = func(r, p float64) bool { return r <= p }
	case "NumericGreaterThan":
		c.compare = func(r, p float64) bool { return r > p }
	case "NumericGreaterThanEquals":
		c.compare = func(r, p float64) bool { return r >= p }
	default:
		return fmt.Errorf("this operator is not known here")
	}
	for _, v := range values {
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", v)
		}
		c.numbers = append(c.numbers, n)
	}
	return nil
}

// met evaluates the condition. What an absent key means depends on the operator (IAM User Guide, "Condition operators"
// and "Set operators for multi-valued context keys"): Null asks for it, IfExists and ForAllValues are met, a negated
// operator is met, every other is not.
func (c *condition) met(keys Keys) bool {
	values, there := keys.get(c.key)
	if c.operator == "Null" {
		return there != c.null
	}
	if !there {
		return c.ifExists || c.each == forAll || c.negated && c.each == single
	}
	fits := func(v string) bool { return c.fits(v, keys) != c.negated }
	if c.each == forAny || c.each == single && !c.negated {
		return slices.ContainsFunc(values, fits)
	}
	return !slices.ContainsFunc(values, func(v string) bool { return !fits(v) })
}

// fits reports whether a value of the request equals one of the policy.
func (c *condition) fits(v string, keys Keys) bool {
	if c.compare != nil {
		n, err := strconv.ParseFloat(v, 64)
		return err == nil && slices.ContainsFunc(c.numbers, func(p float64) bool { return c.compare(n, p) })
	}
	for i := range c.values {
		p := &c.values[i]
		if p.lower {
			v = strings.ToLower(v)
		}
		if p.match(v, keys) {
			return true
		}
	}
	return false
}
