package incident

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// StateLimit is the most bytes that a marshalled state takes.
const StateLimit = 320 << 10

const stateFormat = "passportcraft-incidents/1"

// stored is the text form of a state.
type stored struct {
	Format   string             `json:"format"`
	Now      int64              `json:"now,omitempty"`
	Since    int64              `json:"since,omitempty"`
	Denials  map[string]*tally  `json:"denials,omitempty"`
	All      tally              `json:"all"`
	Probes   map[string]*tally  `json:"probes,omitempty"`
	Exports  tally              `json:"exports"`
	Days     map[int64]int64    `json:"days,omitempty"`
	Keys     map[string]*keyUse `json:"keys,omitempty"`
	Joined   map[string]int64   `json:"joined,omitempty"`
	Raised   map[string]*raise  `json:"raised,omitempty"`
	Roles    map[string]*tally  `json:"roles,omitempty"`
	Failures tally              `json:"failures"`
}

// Marshal is the state as JSON, without what can no longer matter. Equal states give equal texts.
func (s *State) Marshal() ([]byte, error) {
	sweep(s.denials, s.now, denialWindow)
	sweep(s.probes, s.now, probeWindow)
	sweep(s.roles, s.now, roleWindow)
	b, err := json.Marshal(stored{
		Format: stateFormat, Now: s.now, Since: s.since, Denials: s.denials, All: s.all, Probes: s.probes, Exports: s.exports,
		Days: s.days, Keys: s.keys, Joined: s.joined, Raised: s.raised, Roles: s.roles, Failures: s.failures,
	})
	if err != nil {
		return nil, fmt.Errorf("incident: state: %w", err)
	}
	return b, nil
}

func sweep(m map[string]*tally, at int64, window time.Duration) {
	for name, t := range m {
		if t.over(at, window) {
			delete(m, name)
		}
	}
}

// ParseState reads what Marshal wrote. An error means that the text is no state within the bounds; the rules can start
// again from the zero state.
func ParseState(b []byte) (*State, error) {
	if len(b) > StateLimit {
		return nil, fmt.Errorf("incident: state: %d bytes, %d are the most", len(b), StateLimit)
	}
	var w stored
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, fmt.Errorf("incident: state: %w", err)
	}
	if w.Format != stateFormat {
		return nil, fmt.Errorf("incident: state: the format is %q, not %q", w.Format, stateFormat)
	}
	if w.Now < 0 || w.Now > maxInstant || w.Since < 0 || w.Since > w.Now || w.Since == 0 && w.Now != 0 {
		return nil, errors.New("incident: state: its instants contradict each other")
	}
	if w.Since == 0 {
		return &State{}, nil
	}
	if err := w.check(); err != nil {
		return nil, err
	}
	return &State{
		now: w.Now, since: w.Since, denials: filled(w.Denials), all: w.All, probes: filled(w.Probes), exports: w.Exports,
		days: filled(w.Days), keys: filled(w.Keys), joined: filled(w.Joined), raised: filled(w.Raised), roles: filled(w.Roles),
		failures: w.Failures,
	}, nil
}

func filled[K comparable, V any](m map[K]V) map[K]V {
	if m == nil {
		return map[K]V{}
	}
	return m
}

// check holds the bounds, so that a state from elsewhere cannot grow or break what works on it.
func (w *stored) check() error {
	for _, m := range []map[string]*tally{w.Denials, w.Probes, w.Roles} {
		if err := each(m, maxActors, func(t *tally) bool { return t != nil && t.good(w.Now, denialsOfOne) }); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		tally
		most int
	}{{w.All, denialsOfAll}, {w.Exports, exportsOfADay + 1}, {w.Failures, failures}} {
		if !t.good(w.Now, t.most) {
			return errors.New("incident: state: a count is not one")
		}
	}
	for _, n := range w.Days {
		if len(w.Days) > maxDays || n < 0 || n > maxCount {
			return errors.New("incident: state: the counts of the days are not such")
		}
	}
	past := func(at int64) bool { return at >= 0 && at <= w.Now }
	return errors.Join(
		each(w.Keys, maxKeys, func(k *keyUse) bool {
			return k != nil && past(k.First) && past(k.Last) && quiet(k.Quiet, w.Now) && k.First <= k.Last && k.Networks != nil && each(k.Networks, maxNetworks, past) == nil
		}),
		each(w.Joined, maxActors, past),
		each(w.Raised, maxActors, func(r *raise) bool { return r != nil && past(r.At) && past(r.Fresh) && past(r.Acted) }),
	)
}

func each[T any](m map[string]T, most int, good func(T) bool) error {
	if len(m) > most {
		return fmt.Errorf("incident: state: %d names, %d are the most", len(m), most)
	}
	for name, v := range m {
		if name != named(name) || !good(v) {
			return fmt.Errorf("incident: state: what is kept of %q is not such", name)
		}
	}
	return nil
}

func (t *tally) good(now int64, most int) bool {
	return len(t.Ticks) <= most && quiet(t.Quiet, now) && slices.IsSortedFunc(t.Ticks, func(a, b tick) int { return cmp.Compare(a[0], b[0]) }) &&
		!slices.ContainsFunc(t.Ticks, func(k tick) bool { return k[0] < 0 || k[0] > now || k[1] < 1 || k[1] > maxCount })
}

// quiet tells whether a silence ends no later than the longest window could make it.
func quiet(until, now int64) bool { return until >= 0 && until <= now+exportWindow.Milliseconds() }
