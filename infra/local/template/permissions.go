package template

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// document is a part of the template that is passed on as a whole, with its values still to be resolved.
type document struct {
	scalar  *value
	list    []document
	members []member
	kind    yaml.Kind
}

type member struct {
	name string
	of   document
}

// Permissions are the IAM policies of a template as JSON-like trees (map[string]any, []any and string), resolved.
type Permissions struct {
	Functions map[string][]any // identity policies of each function's own role, by folder
	Roles     []Role
	Buckets   map[string][]any // bucket policies, by the logical id of the bucket
}

// Role is one AWS::IAM::Role.
type Role struct {
	ID, Name string // Name is "" when AWS chooses one
	Trust    any
	Policies []any
}

// permissions is what was read of the policies.
type permissions struct {
	functions map[string][]document
	roles     []role
	buckets   map[string][]document
	resources map[string]string // logical id -> type
}

type role struct {
	id       string
	name     value
	trust    document
	policies []document
}

func (c cursor) tree() document {
	if c.node == nil {
		return document{}
	}
	if c.node.Kind == yaml.ScalarNode || intrinsic(c.node.Tag) || c.longIntrinsic() {
		v := c.value()
		return document{scalar: &v, kind: yaml.ScalarNode}
	}
	d := document{kind: c.node.Kind}
	if c.node.Kind == yaml.SequenceNode {
		for _, e := range c.list() {
			d.list = append(d.list, e.tree())
		}
		return d
	}
	for name, e := range c.entries() {
		d.members = append(d.members, member{name, e.tree()})
	}
	return d
}

// longIntrinsic reports whether a mapping is an intrinsic function in its long spelling.
func (c cursor) longIntrinsic() bool {
	if c.node.Kind != yaml.MappingNode || len(c.node.Content) != 2 {
		return false
	}
	name := c.node.Content[0].Value
	return name == "Ref" || strings.HasPrefix(name, "Fn::")
}

// permission reads the policies of a resource.
func (t *Template) permission(id, kind string, properties cursor) {
	t.permissions.resources[id] = kind
	switch kind {
	case "AWS::Serverless::Function":
		for _, c := range properties.get("Policies").list() {
			t.permissions.functions[Folder(id)] = append(t.permissions.functions[Folder(id)], c.tree())
		}
	case "AWS::IAM::Role":
		r := role{id: id, name: properties.get("RoleName").value(), trust: properties.get("AssumeRolePolicyDocument").tree()}
		for _, c := range properties.get("Policies").list() {
			r.policies = append(r.policies, c.get("PolicyDocument").tree())
		}
		t.permissions.roles = append(t.permissions.roles, r)
	case "AWS::S3::BucketPolicy":
		if v := properties.get("Bucket").value(); v.op == opRef {
			t.permissions.buckets[v.text] = append(t.permissions.buckets[v.text], properties.get("PolicyDocument").tree())
		}
	}
}

// Permissions resolves the policies. values are as for Resolve; ARNs that are not among them are made up from the names:
// of tables and buckets those that AWS would give, of functions' roles the role named like the function, and of what has
// no counterpart on this machine one that nothing else has.
func (t *Template) Permissions(values map[string]string) (Permissions, error) {
	full := make(map[string]string, len(values)+len(t.permissions.resources))
	account := values["AWS::Region"] + ":" + values["AWS::AccountId"]
	for id, kind := range t.permissions.resources {
		name := values[id]
		switch kind {
		case "AWS::DynamoDB::Table":
			full[id+".Arn"] = "arn:aws:dynamodb:" + account + ":table/" + name
		case "AWS::S3::Bucket":
			full[id+".Arn"] = "arn:aws:s3:::" + name
		case "AWS::Backup::BackupVault":
			full[id+".BackupVaultArn"] = "arn:aws:backup:" + account + ":backup-vault:" + name
		case "AWS::Serverless::Function":
			full[id+"Role.Arn"] = "arn:aws:iam::" + values["AWS::AccountId"] + ":role/" + id + "Role"
		default:
			full[id+".Arn"] = "arn:aws:none:" + account + ":" + id
		}
	}
	for name, v := range values {
		full[name] = v
	}
	r := &resolver{template: t, values: full, budget: 1 << 20}
	p := Permissions{Functions: map[string][]any{}, Buckets: map[string][]any{}}
	for folder, documents := range t.permissions.functions {
		all, err := r.documents(documents)
		if err != nil {
			return p, fmt.Errorf("policies of %s: %w", folder, err)
		}
		p.Functions[folder] = all
	}
	for bucket, documents := range t.permissions.buckets {
		all, err := r.documents(documents)
		if err != nil {
			return p, fmt.Errorf("policy of %s: %w", bucket, err)
		}
		p.Buckets[bucket] = all
	}
	for _, one := range t.permissions.roles {
		all, err := r.role(one)
		if err != nil {
			return p, fmt.Errorf("role %s: %w", one.id, err)
		}
		p.Roles = append(p.Roles, all)
	}
	return p, nil
}

func (r *resolver) role(one role) (Role, error) {
	name, _, err := r.resolve(one.name, 0)
	if err != nil {
		return Role{}, err
	}
	trust, _, err := r.document(one.trust)
	if err != nil {
		return Role{}, err
	}
	policies, err := r.documents(one.policies)
	return Role{ID: one.id, Name: name, Trust: trust, Policies: policies}, err
}

func (r *resolver) documents(all []document) ([]any, error) {
	out := make([]any, 0, len(all))
	for _, d := range all {
		v, _, err := r.document(d)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

func (r *resolver) document(d document) (v any, there bool, err error) {
	switch d.kind {
	case yaml.ScalarNode:
		return r.resolve(*d.scalar, 0)
	case yaml.SequenceNode:
		list := make([]any, 0, len(d.list))
		for _, e := range d.list {
			v, there, err := r.document(e)
			if err != nil {
				return nil, false, err
			}
			if there {
				list = append(list, v)
			}
		}
		return list, true, nil
	case yaml.MappingNode:
		members := make(map[string]any, len(d.members))
		for _, m := range d.members {
			v, there, err := r.document(m.of)
			if err != nil {
				return nil, false, err
			}
			if there {
				members[m.name] = v
			}
		}
		return members, true, nil
	}
	return nil, false, nil
}
