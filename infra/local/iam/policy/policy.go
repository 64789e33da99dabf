// Package policy evaluates IAM policy documents as AWS does (IAM User Guide, "Policy evaluation logic" and "IAM JSON
// policy elements"), for the elements, operators and variables that the template uses.
//
// What it does not know it refuses to read: a policy that is half understood would grant what nobody meant. It knows no
// permission boundaries, no session policies and no organisation policies, since the template has none.
package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Document is one policy, ready to be evaluated; it does not change and is safe for concurrent use.
type Document struct{ Statements []Statement }

// Statement allows or denies something.
type Statement struct {
	Sid     string
	Deny    bool
	Actions []string // as written; with Not, those it does not concern

	actions, resources       []pattern
	notActions, notResources bool
	anyResource              bool // a trust policy has no Resource
	principals               []string
	conditions               []condition
}

// Request is one call, as a policy sees it.
type Request struct {
	Action    string // for example dynamodb:GetItem
	Resource  string // ARN
	Principal string // ARN of the caller's role, for resource and trust policies
	Keys      Keys
}

// Keys are condition keys and their values, by the key in lower case.
type Keys map[string][]string

// Set sets a key and returns the keys.
func (k Keys) Set(name string, values ...string) Keys {
	k[strings.ToLower(name)] = values
	return k
}

func (k Keys) get(name string) ([]string, bool) {
	v, ok := k[name]
	return v, ok && len(v) > 0
}

// Decision is the outcome of an evaluation.
type Decision struct {
	Allowed bool
	Sid     string // of the statement that decided; "" when none did
	Denied  bool   // by a Deny statement, not for want of an Allow
}

// Decide evaluates documents together: a Deny that applies wins, then an Allow, and nothing else is allowed.
func Decide(r Request, documents ...Document) Decision {
	var d Decision
	for _, document := range documents {
		for i := range document.Statements {
			s := &document.Statements[i]
			if s.Deny == false && d.Allowed || !s.applies(r) {
				continue
			}
			if s.Deny {
				return Decision{Sid: s.Sid, Denied: true}
			}
			d = Decision{Allowed: true, Sid: s.Sid}
		}
	}
	return d
}

func (s *Statement) applies(r Request) bool {
	if s.principals != nil && !slices.Contains(s.principals, "*") && !slices.Contains(s.principals, r.Principal) {
		return false
	}
	if anyMatch(s.actions, strings.ToLower(r.Action), r.Keys) == s.notActions {
		return false
	}
	if !s.anyResource && anyMatch(s.resources, r.Resource, r.Keys) == s.notResources {
		return false
	}
	for i := range s.conditions {
		if !s.conditions[i].met(r.Keys) {
			return false
		}
	}
	return true
}

func anyMatch(all []pattern, s string, keys Keys) bool {
	return slices.ContainsFunc(all, func(p pattern) bool { return p.match(s, keys) })
}

// Kind is where a policy stands.
type Kind int

// The kinds of policies.
const (
	Identity Kind = iota // of a role: has no principal
	Resource             // of a bucket: has principals and resources
	Trust                // of a role: has principals, its resource is the role
)

// Parse reads a document from its JSON form: objects, lists and texts.
func Parse(document any, kind Kind) (Document, error) {
	members, ok := document.(map[string]any)
	if !ok {
		return Document{}, fmt.Errorf("a policy is an object")
	}
	for name := range members {
		if name != "Version" && name != "Statement" && name != "Id" {
			return Document{}, fmt.Errorf("a policy has no element %q that is known here", name)
		}
	}
	if members["Version"] != "2012-10-17" {
		return Document{}, fmt.Errorf("a policy without Version 2012-10-17 has no variables")
	}
	list, ok := members["Statement"].([]any)
	if !ok {
		list = []any{members["Statement"]}
	}
	var d Document
	for i, one := range list {
		s, err := statement(one, kind)
		if err != nil {
			return Document{}, fmt.Errorf("statement %d: %w", i+1, err)
		}
		d.Statements = append(d.Statements, s)
	}
	return d, nil
}

func statement(v any, kind Kind) (Statement, error) {
	members, ok := v.(map[string]any)
	if !ok {
		return Statement{}, fmt.Errorf("it is not an object")
	}
	s := Statement{}
	var failed error
	for _, name := range slices.Sorted(maps.Keys(members)) {
		var err error
		switch name {
		case "Sid":
			s.Sid, _ = members[name].(string)
		case "Effect":
			s.Deny = members[name] == "Deny"
			if !s.Deny && members[name] != "Allow" {
				err = fmt.Errorf("the effect is neither Allow nor Deny")
			}
		case "Action", "NotAction":
			s.notActions = name == "NotAction"
			if s.Actions, err = texts(members[name]); err == nil {
				s.actions, err = patterns(s.Actions, true)
			}
		case "Resource", "NotResource":
			s.notResources = name == "NotResource"
			var all []string
			if all, err = texts(members[name]); err == nil {
				s.resources, err = patterns(all, false)
			}
		case "Principal":
			s.principals, err = principals(members[name])
		case "Condition":
			s.conditions, err = conditions(members[name])
		default:
			err = fmt.Errorf("element %q is not known here", name)
		}
		if err != nil && failed == nil {
			failed = fmt.Errorf("%s: %w", name, err)
		}
	}
	if failed != nil {
		return s, failed
	}
	return s, s.complete(members, kind)
}

// complete holds a statement against what its kind must and must not have.
func (s *Statement) complete(members map[string]any, kind Kind) error {
	has := func(name string) bool { _, ok := members[name]; return ok }
	switch {
	case !has("Effect"):
		return fmt.Errorf("it has no effect")
	case has("Action") == has("NotAction"):
		return fmt.Errorf("it needs one of Action and NotAction")
	case kind != Trust && has("Resource") == has("NotResource"):
		return fmt.Errorf("it needs one of Resource and NotResource")
	case kind == Trust && (has("Resource") || has("NotResource")):
		return fmt.Errorf("the resource of a trust policy is its role")
	case (kind == Identity) == has("Principal"):
		return fmt.Errorf("principals belong to policies of resources and roles, and only there")
	}
	s.anyResource = kind == Trust
	return nil
}

func principals(v any) ([]string, error) {
	if v == "*" {
		return []string{"*"}, nil
	}
	members, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("it is neither * nor an object")
	}
	all := []string{}
	for kind, who := range members {
		if kind != "AWS" && kind != "Service" {
			return nil, fmt.Errorf("principals of the kind %q are not known here", kind)
		}
		names, err := texts(who)
		if err != nil {
			return nil, err
		}
		all = append(all, names...)
	}
	return all, nil
}

func texts(v any) ([]string, error) {
	switch v := v.(type) {
	case string:
		return []string{v}, nil
	case []any:
		all := make([]string, 0, len(v))
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return nil, fmt.Errorf("a list of texts is expected")
			}
			all = append(all, s)
		}
		if len(all) > 0 {
			return all, nil
		}
	}
	return nil, fmt.Errorf("a text or a list of texts is expected")
}
