package incident

import (
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

// State is what the rules remember of one organisation. The zero value remembers nothing. It is not safe for concurrent
// use; its size is bounded, see StateLimit.
type State struct {
	now      int64 // of the newest observation
	since    int64 // of the first
	denials  map[string]*tally
	all      tally // denials of everybody
	probes   map[string]*tally
	exports  tally
	days     map[int64]int64 // exports by day since 1970
	keys     map[string]*keyUse
	joined   map[string]int64
	raised   map[string]*raise
	roles    map[string]*tally // only Quiet is used
	failures tally
}

// Observe takes the next entry and returns what it makes the rules find, in the order of Rules.
//
// Entries are to come in the order of the trail and once each: one that is older than its predecessor counts as if it
// had the same instant, one that comes twice counts twice.
func (s *State) Observe(o Observation) []Finding {
	at := instant(o.At, s.now)
	if s.since == 0 {
		s.since = at
		s.denials, s.probes, s.roles = map[string]*tally{}, map[string]*tally{}, map[string]*tally{}
		s.days, s.keys, s.joined, s.raised = map[int64]int64{}, map[string]*keyUse{}, map[string]int64{}, map[string]*raise{}
	}
	s.now = at
	n, actor := min(max(o.Count, 1), maxCount), named(o.Actor)
	switch audit.Event(o.Event) {
	case audit.AccessDenied:
		return s.denied(at, actor, n)
	case audit.CrossTenant:
		return s.probed(at, actor, n)
	case audit.ExportFetched, audit.AuditDownloaded:
		return s.exported(at, n)
	case audit.KeyUsed:
		return s.keyUsed(at, actor, short(o.Network))
	case audit.MemberJoined, audit.RoleChanged, audit.MemberRemoved, audit.KeyCreated, audit.PolicyChanged:
		return s.chained(at, actor, o)
	case audit.AuthenticationFailed:
		return s.failed(at, n)
	}
	return nil
}

// instant is a time in milliseconds, not before the newest one and within four digits of years.
func instant(t time.Time, now int64) int64 {
	switch year := t.Year(); {
	case year > 9999:
		return maxInstant
	case year < 1970:
		return max(now, 1)
	}
	return max(t.UnixMilli(), now, 1)
}

func found(rule string, at int64, actor string, count int64, format string, args ...any) Finding {
	return Finding{Rule: rule, At: time.UnixMilli(at).UTC(), Actor: actor, Count: int(count), Sentence: fmt.Sprintf(format, args...)}
}

// of returns an actor's tally, making one when there is none.
func of(m map[string]*tally, actor string) *tally {
	t := m[actor]
	if t == nil {
		room(m, maxActors, (*tally).touched)
		t = &tally{}
		m[actor] = t
	}
	return t
}

func (s *State) denied(at int64, actor string, n int) (all []Finding) {
	t := of(s.denials, actor)
	if sum := t.add(at, n, denialWindow, denialsOfOne); sum >= denialsOfOne && t.fire(at, denialWindow) {
		all = append(all, found(DenialBurst, at, actor, sum, "%s was refused at least %d times within 5 minutes.", actor, sum))
	}
	if sum := s.all.add(at, n, denialWindow, denialsOfAll); sum >= denialsOfAll && s.all.fire(at, denialWindow) {
		all = append(all, found(DenialBurst, at, Everybody, sum, "Members and keys of the organisation were refused at least %d times within 5 minutes, the last of them %s.", sum, actor))
	}
	return all
}

func (s *State) probed(at int64, actor string, n int) []Finding {
	t := of(s.probes, actor)
	sum := t.add(at, n, probeWindow, 1)
	if !t.fire(at, probeWindow) {
		return nil
	}
	return []Finding{found(CrossTenantProbe, at, actor, sum, "%s asked for an organisation that it does not belong to and was refused.", actor)}
}

func (s *State) exported(at int64, n int) []Finding {
	const day = 24 * int64(time.Hour/time.Millisecond)
	sum := s.exports.add(at, n, exportWindow, exportsOfADay+1)
	today := at / day
	s.days[today] = min(s.days[today]+int64(n), maxCount)
	before := (at - day) / day // the day in which the window begins; the days before it lie wholly outside the window
	usual := int64(0)
	for d, count := range s.days {
		switch {
		case d < before-usualDays:
			delete(s.days, d)
		case d < before:
			usual += count
		}
	}
	known := s.since/day < before-usualDays && usual > 0
	switch {
	case sum > exportsOfADay && s.exports.fire(at, exportWindow):
		return []Finding{found(ExportVolume, at, Everybody, sum, "At least %d exports were made within 24 hours; more than %d are unusual.", sum, exportsOfADay)}
	case known && sum >= exportsAtLeast && sum*usualDays >= exportsTimes*usual && s.exports.fire(at, exportWindow):
		return []Finding{found(ExportVolume, at, Everybody, sum, "%d exports were made within 24 hours, but only %d in the %d days before.", sum, usual, usualDays)}
	}
	return nil
}

func (s *State) failed(at int64, n int) []Finding {
	sum := s.failures.add(at, n, failureWindow, failures)
	if sum < failures || !s.failures.fire(at, failureWindow) {
		return nil
	}
	return []Finding{found(SignInFailures, at, Everybody, sum, "API keys of the organisation were refused at least %d times within 10 minutes.", sum)}
}

// keyUse is from where a key was used, and when last.
type keyUse struct {
	First    int64            `json:"f"`
	Last     int64            `json:"l"`
	Quiet    int64            `json:"q,omitempty"`
	Networks map[string]int64 `json:"n"`
}

func (s *State) keyUsed(at int64, key, network string) []Finding {
	k := s.keys[key]
	if k == nil {
		room(s.keys, maxKeys, func(k *keyUse) int64 { return k.Last })
		k = &keyUse{First: at, Networks: map[string]int64{}}
		s.keys[key] = k
	}
	last, seen := k.Networks[network]
	seen = seen && at-last <= networkMemory.Milliseconds()
	if _, kept := k.Networks[network]; !kept {
		room(k.Networks, maxNetworks, func(at int64) int64 { return at })
	}
	k.Networks[network], k.Last = at, at
	if seen || at-k.First < firstDay.Milliseconds() || at < k.Quiet {
		return nil
	}
	k.Quiet = at + networkWindow.Milliseconds()
	return []Finding{found(KeyNewNetwork, at, key, 1, "%s was used from a network that it was not used from in the last 90 days.", key)}
}
