package iam

import (
	"slices"
	"strings"
)

// Grant is one action that a statement of a role allows.
type Grant struct{ Role, Sid, Action string }

// Denial is one call that was refused.
type Denial struct {
	Role, Action, Resource string
	LeadingKeys            []string
	Why                    string
}

// maxDenials bounds what is kept of refusals.
const maxDenials = 1000

// Denials are the calls refused so far.
func (g *Gate) Denials() []Denial {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.denials)
}

// Used are the grants that a call has used, sorted.
func (g *Gate) Used() []Grant {
	g.mu.Lock()
	defer g.mu.Unlock()
	var all []Grant
	for grant := range g.used {
		all = append(all, grant)
	}
	slices.SortFunc(all, compare)
	return all
}

// Granted are all grants of the template to functions and to roles that can be assumed, sorted.
func (g *Gate) Granted() []Grant {
	var all []Grant
	add := func(r *role) {
		for _, d := range r.policies {
			for _, s := range d.Statements {
				for _, a := range s.Actions {
					if !s.Deny {
						all = append(all, Grant{r.id, s.Sid, a})
					}
				}
			}
		}
	}
	for _, f := range g.own {
		add(f.role)
	}
	for _, r := range g.roles {
		add(r)
	}
	slices.SortFunc(all, compare)
	return all
}

func compare(a, b Grant) int {
	return strings.Compare(a.Role+"\x00"+a.Sid+"\x00"+a.Action, b.Role+"\x00"+b.Sid+"\x00"+b.Action)
}
