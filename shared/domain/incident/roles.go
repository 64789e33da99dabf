package incident

import (
	"cmp"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// raise is a member who was made owner or admin a short while ago.
type raise struct {
	At    int64 `json:"a"`           // of the newest raise
	Fresh int64 `json:"f,omitempty"` // of the newest raise within the window after joining
	Acted int64 `json:"d,omitempty"` // of the newest raise after which a key was created or the policy changed
}

// power ranks the roles that rule over others.
func power(role string) int {
	switch access.Role(role) {
	case access.Owner:
		return 2
	case access.Admin:
		return 1
	}
	return 0
}

// chained follows memberships. The member that an entry is about is its object.
func (s *State) chained(at int64, actor string, o Observation) []Finding {
	s.forget(at)
	subject := named(cmp.Or(o.Detail["subject"], o.Object))
	switch audit.Event(o.Event) {
	case audit.MemberJoined:
		room(s.joined, maxActors, func(at int64) int64 { return at })
		s.joined[subject] = at
	case audit.KeyCreated, audit.PolicyChanged:
		if r := s.raised[actor]; r != nil {
			r.Acted = r.At
		}
	case audit.MemberRemoved:
		return s.lowered(at, actor, subject, power(o.Detail["from"]))
	case audit.RoleChanged:
		from, to := power(o.Detail["from"]), power(o.Detail["to"])
		switch {
		case to > from:
			s.rise(at, subject)
		case to < from:
			return s.lowered(at, actor, subject, from)
		}
	}
	return nil
}

func (s *State) rise(at int64, subject string) {
	r := s.raised[subject]
	if r == nil {
		room(s.raised, maxActors, func(r *raise) int64 { return r.At })
		r = &raise{}
		s.raised[subject] = r
	}
	r.At = at
	if _, fresh := s.joined[subject]; fresh {
		r.Fresh = at
	}
}

// lowered looks at both: whoever lost power, and whoever took it.
func (s *State) lowered(at int64, actor, subject string, from int) (all []Finding) {
	begin := max(at-roleWindow.Milliseconds(), 1)
	if r := s.raised[subject]; r != nil && r.Acted >= begin && from > 0 && s.chain(at, subject) {
		all = append(all, found(RoleChain, at, subject, 1, "%s was given power, created a key or changed the sign-in policy and lost the power again, all within 10 minutes.", subject))
	}
	if r := s.raised[actor]; r != nil && r.Fresh >= begin && from > 0 && actor != subject && s.chain(at, actor) {
		all = append(all, found(RoleChain, at, actor, 1, "%s was made owner or admin minutes after joining and then took the power of %s.", actor, subject))
	}
	return all
}

func (s *State) chain(at int64, actor string) bool {
	t := s.roles[actor]
	if t == nil {
		room(s.roles, maxActors, func(t *tally) int64 { return t.Quiet })
		t = &tally{}
		s.roles[actor] = t
	}
	return t.fire(at, roleWindow)
}

// forget drops what is over the window.
func (s *State) forget(at int64) {
	begin := at - roleWindow.Milliseconds()
	for person, when := range s.joined {
		if when < begin {
			delete(s.joined, person)
		}
	}
	for person, r := range s.raised {
		if r.At < begin {
			delete(s.raised, person)
		}
	}
}
