// Package anomaly notices the unusual in a tenant's audit trail: named and published rules over the entries in their
// order. It decides nothing about anybody; it tells the people in charge.
package anomaly

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// Rule is a published rule.
type Rule struct {
	Name      string
	Title     string
	Means     string
	Threshold string
}

// Rules lists every rule.
func Rules() []Rule {
	return []Rule{
		{"denial-burst", "Many refusals", "One member or key keeps asking for what it may not do.", "20 refusals of one actor, or 100 of all, within 5 minutes"},
		{"cross-tenant-probe", "Reaching for another organisation", "Somebody who belongs here, or a key of yours, asked for another organisation's data. It was refused.", "once"},
		{"sign-in-failures", "Keys that do not fit", "A key of yours was presented wrongly, expired, revoked or from elsewhere, again and again.", "10 within 10 minutes"},
		{"export-volume", "Much is taken out", "Exports or downloads of the audit trail beyond the usual.", "more than 5 in 24 hours"},
		{"key-new-network", "A key in a new place", "An API key was used from a network from which it had not been used before.", "once a network, after the key's first day of use"},
		{"role-chain", "Power that comes and goes", "Somebody was made owner or admin and, within 10 minutes, removed or demoted an owner or admin.", "once"},
	}
}

// Finding is a rule that fired.
type Finding struct {
	Rule  string
	Actor string
	At    time.Time
	Count int
}

// Bounds of what is remembered of one tenant.
const (
	maxActors   = 200
	maxNetworks = 32
	maxMoments  = 120
)

// moment is when something counted happened, and how often.
type moment struct {
	At    time.Time `json:"at"`
	Count int       `json:"n"`
}

// known is what is remembered of a key.
type known struct {
	Since    time.Time `json:"since"`
	Networks []string  `json:"networks"`
}

// State is what is remembered of one tenant between two looks; its size is bounded. The zero State has seen nothing.
type State struct {
	Windows map[string][]moment  `json:"windows"` // by rule and actor
	Fired   map[string]time.Time `json:"fired"`   // by rule and actor
	Keys    map[string]known     `json:"keys"`
	Raised  map[string]time.Time `json:"raised"` // persons who became owner or admin
}

// Parse reads a state that was stored as JSON; nothing is the zero State.
func Parse(b []byte) (State, error) {
	var s State
	if len(b) == 0 {
		return s, nil
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return s, fmt.Errorf("anomaly: state: %w", err)
	}
	return s, nil
}

// Observe takes the next entry of the trail and returns what fired.
func (s *State) Observe(e audit.Entry) []Finding {
	s.bound()
	count := max(1, e.Count)
	var found []Finding
	add := func(rule, actor string, span time.Duration, limit int) {
		if n := s.count(rule+" "+actor, e.At, span, count); n >= limit && s.fire(rule+" "+actor, e.At, span) {
			found = append(found, Finding{rule, e.Actor, e.At, n})
		}
	}
	switch e.Event {
	case audit.AccessDenied:
		add("denial-burst", e.Actor, 5*time.Minute, 20)
		add("denial-burst", "", 5*time.Minute, 100)
	case audit.CrossTenant:
		add("cross-tenant-probe", e.Actor, time.Hour, 1)
	case audit.AuthenticationFailed:
		add("sign-in-failures", "", 10*time.Minute, 10)
	case audit.AuditDownloaded:
		add("export-volume", "", 24*time.Hour, 6)
	case audit.KeyUsed:
		if s.newPlace(e) && s.fire("key-new-network "+e.Actor+e.Network, e.At, 24*time.Hour) {
			found = append(found, Finding{"key-new-network", e.Actor, e.At, 1})
		}
	case audit.MemberJoined, audit.RoleChanged, audit.MemberRemoved:
		if s.chain(e) && s.fire("role-chain "+e.Actor, e.At, time.Hour) {
			found = append(found, Finding{"role-chain", e.Actor, e.At, 1})
		}
	}
	return found
}

// count adds to a sliding window and returns how much is in it.
func (s *State) count(window string, at time.Time, span time.Duration, n int) int {
	if s.Windows == nil {
		s.Windows = map[string][]moment{}
	}
	kept := slices.DeleteFunc(s.Windows[window], func(m moment) bool { return at.Sub(m.At) > span })
	if len(kept) >= maxMoments { // what is left out had fired already
		kept = kept[1:]
	}
	kept = append(kept, moment{at, n})
	s.Windows[window] = kept
	total := 0
	for _, m := range kept {
		total += m.Count
	}
	return total
}

// fire tells whether a finding is new within its span, and notes it.
func (s *State) fire(what string, at time.Time, span time.Duration) bool {
	if last, ok := s.Fired[what]; ok && at.Sub(last) <= span {
		return false
	}
	if s.Fired == nil {
		s.Fired = map[string]time.Time{}
	}
	s.Fired[what] = at
	return true
}

// newPlace tells whether a key is used from a network that it was not used from before, after its first day.
func (s *State) newPlace(e audit.Entry) bool {
	if s.Keys == nil {
		s.Keys = map[string]known{}
	}
	k, ok := s.Keys[e.Actor]
	if !ok {
		k.Since = e.At
	}
	if slices.Contains(k.Networks, e.Network) {
		return false
	}
	k.Networks = append(k.Networks, e.Network)
	if len(k.Networks) > maxNetworks {
		k.Networks = k.Networks[1:]
	}
	s.Keys[e.Actor] = k
	return ok && e.At.Sub(k.Since) > 24*time.Hour
}

// chain tells whether somebody who has just been raised takes power from somebody else.
func (s *State) chain(e audit.Entry) bool {
	strong := func(role string) bool { return role == "owner" || role == "admin" }
	if strong(e.Detail["to"]) && !strong(e.Detail["from"]) || e.Event == audit.MemberJoined && strong(e.Detail["role"]) {
		if s.Raised == nil {
			s.Raised = map[string]time.Time{}
		}
		s.Raised[e.Object] = e.At
		return false
	}
	raised, ok := s.Raised[e.Actor]
	return ok && e.At.Sub(raised) <= 10*time.Minute && strong(e.Detail["from"]) && e.Object != e.Actor
}

// bound forgets everything of a kind when there is too much of it: that delays a finding, and never invents one, since
// a forgotten key begins its first day again.
func (s *State) bound() {
	if len(s.Windows) > maxActors {
		clear(s.Windows)
	}
	if len(s.Fired) > 4*maxActors {
		clear(s.Fired)
	}
	if len(s.Keys) > maxActors {
		clear(s.Keys)
	}
	if len(s.Raised) > maxActors {
		clear(s.Raised)
	}
}

// Title is the title of a rule.
func Title(rule string) string {
	for _, r := range Rules() {
		if r.Name == rule {
			return r.Title
		}
	}
	return strings.ReplaceAll(rule, "-", " ")
}
