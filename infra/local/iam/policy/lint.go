package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is something that a policy should not have.
type Finding struct{ Sid, Problem string }

// Lint finds what makes a policy of a tenant's role wider than it looks: tables grants every isolated table's ARN. The
// published samples for tenant isolation use ForAllValues without a Null test, and are found: a call without the key,
// such as a Scan, passes them.
func Lint(d Document, isolated ...string) []Finding {
	var all []Finding
	for i := range d.Statements {
		s := &d.Statements[i]
		if s.Deny {
			continue
		}
		add := func(format string, args ...any) {
			all = append(all, Finding{s.Sid, fmt.Sprintf(format, args...)})
		}
		if s.notActions || s.notResources {
			add("an Allow of everything but something")
		}
		for _, a := range s.Actions {
			switch low := strings.ToLower(a); {
			case strings.ContainsAny(low, "*?"):
				add("action %s is a wildcard", a)
			case low == "dynamodb:scan":
				add("action %s reads every tenant", a)
			case strings.HasPrefix(low, "dynamodb:partiql"):
				add("action %s can read without a key", a)
			}
		}
		for _, c := range s.conditions {
			if c.each == forAll && !s.demands(c.key) {
				add("ForAllValues on %s is met by a request without it; a Null test is missing", c.key)
			}
		}
		if s.reaches(isolated) && !s.limits("dynamodb:leadingkeys") && !s.rowless() {
			add("a table of tenants without a condition on dynamodb:LeadingKeys")
		}
	}
	return all
}

// rowless reports whether none of the actions sees or changes a row: they have no leading key to be limited by.
func (s *Statement) rowless() bool {
	of := []string{"dynamodb:describetable", "dynamodb:describecontinuousbackups", "dynamodb:listbackups", "dynamodb:listtables"}
	return !slices.ContainsFunc(s.Actions, func(a string) bool { return !slices.Contains(of, strings.ToLower(a)) })
}

// demands reports whether the statement asks that a key is there.
func (s *Statement) demands(key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool { return c.operator == "Null" && !c.null && c.key == key })
}

func (s *Statement) limits(key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool { return c.operator != "Null" && !c.negated && c.key == key })
}

// reaches reports whether one of the resources lies in one of the tables.
func (s *Statement) reaches(tables []string) bool {
	return slices.ContainsFunc(tables, func(t string) bool {
		return anyMatch(s.resources, t, nil) || anyMatch(s.resources, t+"/index/x", nil) ||
			slices.ContainsFunc(s.resources, func(p pattern) bool { return strings.HasPrefix(p.source, t+"/index/") })
	})
}
