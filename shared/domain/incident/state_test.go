package incident_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/incident"
)

// TestStateIsBounded feeds anything and holds the bound, that nothing panics, and that a state survives being stored.
func TestStateIsBounded(t *testing.T) {
	var events []string
	for _, d := range audit.Events() {
		events = append(events, string(d.Event))
	}
	events = append(events, "export.fetched", "")
	roles := []string{"owner", "viewer", ""}
	rapid.Check(t, func(rt *rapid.T) {
		s := &incident.State{}
		for range rapid.IntRange(0, 200).Draw(rt, "entries") {
			o := incident.Observation{
				At:    time.Unix(rapid.Int64().Draw(rt, "s"), rapid.Int64().Draw(rt, "ns")),
				Actor: rapid.String().Draw(rt, "actor"), Event: rapid.SampledFrom(events).Draw(rt, "event"), Object: rapid.String().Draw(rt, "object"),
				Network: rapid.String().Draw(rt, "network"), Count: rapid.Int().Draw(rt, "count"),
				Detail: map[string]string{"from": rapid.SampledFrom(roles).Draw(rt, "from"), "to": rapid.SampledFrom(roles).Draw(rt, "to")},
			}
			s.Observe(o)
			twin := again(rt, s)
			if diff := cmp.Diff(brief(s.Observe(o)), brief(twin.Observe(o))); diff != "" {
				rt.Fatal("a stored state decides otherwise", diff)
			}
		}
	})
}

// TestStateAtItsLargest fills every table and holds the published bound.
func TestStateAtItsLargest(t *testing.T) {
	s := &incident.State{}
	long := func(what string, i int) string { return fmt.Sprintf("%s:%0*d", what, 63-len(what), i) }
	at := start()
	observe := func(event, actor, object, network string, n int, detail map[string]string) {
		s.Observe(incident.Observation{At: at, Actor: actor, Event: event, Object: object, Network: network, Count: n, Detail: detail})
	}
	for k := range 300 {
		for n := range 100 {
			observe("api-key.used", long("key", k), "", fmt.Sprint(n), 1, nil)
		}
	}
	up, down := map[string]string{"from": "viewer", "to": "owner"}, map[string]string{"from": "owner", "to": "viewer"}
	for i := range 400 {
		who := long("person", i)
		observe("member.joined", "person:a", who, "", 1, nil)
		observe("member.role-changed", "person:a", who, "", 1, up)
		observe("api-key.created", who, "", "", 1, nil)
		observe("member.role-changed", "person:a", who, "", 1, down)
		observe("access.cross-tenant", who, "", "", 1<<40, nil)
	}
	for i := range 19 {
		for a := range 128 {
			at = at.Add(time.Millisecond)
			observe(denied, long("person", a), "", "", 1, nil)
			observe("export.fetched", "person:a", "", "", 1<<40, nil)
			observe(failed, long("key", i), "", "", 1<<40, nil)
		}
	}
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the largest state: %d bytes of %d", len(b), incident.StateLimit)
	if len(b) < incident.StateLimit/3 {
		t.Errorf("only %d bytes: the tables are not full", len(b))
	}
	again(t, s)
}

// TestSwarmOfActors holds that actors who push each other out of the state cannot hide: the rule for all fires.
func TestSwarmOfActors(t *testing.T) {
	var steps []step
	for i := range 400 {
		steps = append(steps, step{after: time.Duration(i) * 100 * time.Millisecond, actor: fmt.Sprint("key:", i), event: denied})
	}
	if diff := cmp.Diff([]string{"denial-burst tenant 100"}, brief(run(t, steps))); diff != "" {
		t.Error(diff)
	}
}

// TestBusiestKeysAreKept holds that keys which come and go do not push out those in use.
func TestBusiestKeysAreKept(t *testing.T) {
	var steps []step
	used := func(at time.Duration, key, network string) {
		steps = append(steps, step{after: at, actor: key, event: "api-key.used", network: network})
	}
	for d := range 200 {
		at := time.Duration(d) * day
		used(at, "key:kept", "home")
		used(at+time.Hour, fmt.Sprint("key:", d), "home")
	}
	used(200*day, "key:kept", "elsewhere")
	if diff := cmp.Diff([]string{"key-new-network key:kept 1"}, brief(run(t, steps))); diff != "" {
		t.Error(diff)
	}
}

// TestParseStateRefuses holds that a text which Marshal cannot have written is no state.
func TestParseStateRefuses(t *testing.T) {
	days := ""
	for i := range 30 {
		days += fmt.Sprintf(`,"%d":1`, i)
	}
	now := func(rest string) string {
		return `{"format":"passportcraft-incidents/1","now":5,"since":5,` + rest + `}`
	}
	for name, text := range map[string]string{
		"nothing": ``, "another format": `{"format":"x"}`, "null": `null`, "before all": `{"format":"passportcraft-incidents/1","now":-1}`,
		"a year after 9999":   `{"format":"passportcraft-incidents/1","now":253402300800000,"since":1}`,
		"younger than itself": `{"format":"passportcraft-incidents/1","now":5,"since":6}`, "without a beginning": `{"format":"passportcraft-incidents/1","now":5}`,
		"a tick of tomorrow": now(`"all":{"t":[[6,1]]}`), "a tick of none": now(`"all":{"t":[[5,0]]}`), "ticks out of order": now(`"all":{"t":[[5,1],[4,1]]}`),
		"too many ticks": now(`"probes":{"a":{"t":[` + strings.Repeat("[1,1],", 20) + `[1,1]]}}`), "quiet for years": now(`"failures":{"q":99999999999}`),
		"too many days": now(`"days":{` + days[1:] + `}`), "a negative day": now(`"days":{"1":-1}`),
		"a key of nothing": now(`"keys":{"a":null}`), "a key without networks": now(`"keys":{"a":{}}`),
		"a key used before it was first": now(`"keys":{"a":{"f":4,"l":3,"n":{}}}`), "a network of tomorrow": now(`"keys":{"a":{"f":4,"l":4,"n":{"x":6}}}`),
		"a raise of nobody": now(`"raised":{"a":null}`), "joined tomorrow": now(`"joined":{"a":6}`), "a name of no actor": now(`"joined":{"a b":5}`),
		"too long": strings.Repeat(" ", incident.StateLimit) + now(`"all":{}`),
	} {
		if _, err := incident.ParseState([]byte(text)); err == nil {
			t.Errorf("%s: taken for a state", name)
		}
	}
	if _, err := incident.ParseState([]byte(now(`"all":{"t":[[5,1]]},"days":{"1":1},"keys":{"a":{"f":4,"l":5,"n":{"x":5}}},"joined":{"a":5}`))); err != nil {
		t.Errorf("a good one is refused: %v", err)
	}
}

func FuzzParseState(f *testing.F) {
	events := []string{denied, failed, "api-key.used", "member.joined", "member.role-changed", "member.removed", "api-key.created", "export.fetched", "access.cross-tenant"}
	s := &incident.State{}
	for i := range 40 {
		for _, event := range events {
			s.Observe(incident.Observation{At: start().Add(time.Duration(i) * time.Second), Actor: "key:a", Event: event, Object: "key:a", Network: fmt.Sprint(i), Detail: map[string]string{"to": "owner"}})
		}
	}
	b, err := s.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"passportcraft-incidents/1"}`))
	f.Add([]byte(`{"format":"passportcraft-incidents/1","now":5,"since":5,"denials":{"a":null},"keys":{"k":{}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := incident.ParseState(b)
		if err != nil {
			return
		}
		for _, event := range events {
			s.Observe(incident.Observation{At: start(), Actor: "key:a", Event: event, Object: "person:b", Detail: map[string]string{"from": "owner"}})
		}
		again(t, s)
	})
}
