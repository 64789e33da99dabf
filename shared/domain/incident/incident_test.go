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

func start() time.Time { return time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC) }

// brief is a finding as the tables write it: rule, actor and count.
func brief(all []incident.Finding) (out []string) {
	for _, f := range all {
		out = append(out, fmt.Sprintf("%s %s %d", f.Rule, f.Actor, f.Count))
	}
	return out
}

// step is an observation some time after the start; several alike follow each other by a second.
type step struct {
	after                time.Duration
	times                int
	actor, event, object string
	network, from, to    string
	count                int
}

func run(t testing.TB, steps []step) (all []incident.Finding) {
	t.Helper()
	s := &incident.State{}
	for _, st := range steps {
		for i := range max(st.times, 1) {
			all = append(all, s.Observe(incident.Observation{
				At: start().Add(st.after + time.Duration(i)*time.Second), Actor: st.actor, Event: st.event, Object: st.object, Network: st.network,
				Count: st.count, Detail: map[string]string{"from": st.from, "to": st.to},
			})...)
			s = again(t, s)
		}
	}
	return all
}

// again stores a state and reads it back, as happens between any two runs.
func again(t interface{ Fatal(...any) }, s *incident.State) *incident.State {
	b, err := s.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > incident.StateLimit {
		t.Fatal("a state of", len(b), "bytes")
	}
	got, err := incident.ParseState(b)
	if err != nil {
		t.Fatal(err, string(b))
	}
	return got
}

const (
	denied = "access.denied"
	failed = "authentication.failed"
	day    = 24 * time.Hour
)

// TestThresholds holds each rule at its edge: the step before fires nothing, the step itself does, once.
func TestThresholds(t *testing.T) {
	export := func(at time.Duration) step { return step{after: at, actor: "person:a", event: "export.started"} }
	use := func(at time.Duration, network string) step {
		return step{after: at, actor: "key:k", event: "api-key.used", network: network}
	}
	join := step{actor: "person:a", event: "member.joined", object: "person:m"}
	role := func(at time.Duration, by, who, from, to string) step {
		return step{after: at, actor: by, event: "member.role-changed", object: who, from: from, to: to}
	}
	remove := func(at time.Duration, by, who, from string) step {
		return step{after: at, actor: by, event: "member.removed", object: who, from: from}
	}
	key := func(at time.Duration, by string) step { return step{after: at, actor: by, event: "api-key.created"} }
	many := func(n int, every time.Duration, f func(i int) step) (out []step) {
		for i := range n {
			st := f(i)
			st.after += time.Duration(i) * every
			out = append(out, st)
		}
		return out
	}
	for name, tc := range map[string]struct {
		steps []step
		want  []string
	}{
		"19 refusals":                     {steps: []step{{times: 19, actor: "key:a", event: denied}}},
		"20 refusals":                     {steps: []step{{times: 60, actor: "key:a", event: denied}}, want: []string{"denial-burst key:a 20"}},
		"20 refusals, too slow":           {steps: many(60, 16*time.Second, func(int) step { return step{actor: "key:a", event: denied} })},
		"20 refusals in one entry":        {steps: []step{{count: 23, actor: "key:a", event: denied}}, want: []string{"denial-burst key:a 23"}},
		"again after the window":          {steps: []step{{times: 20, actor: "key:a", event: denied}, {after: 6 * time.Minute, times: 25, actor: "key:a", event: denied}}, want: []string{"denial-burst key:a 20", "denial-burst key:a 20"}},
		"99 refusals of many":             {steps: many(99, time.Second, func(i int) step { return step{actor: fmt.Sprint("key:", i%9), event: denied} })},
		"100 refusals of many":            {steps: many(120, time.Second, func(i int) step { return step{actor: fmt.Sprint("key:", i%9), event: denied} }), want: []string{"denial-burst tenant 100"}},
		"one probe":                       {steps: []step{{times: 9, actor: "person:a", event: "access.cross-tenant"}, {after: time.Minute, actor: "person:b", event: "access.cross-tenant"}}, want: []string{"cross-tenant-probe person:a 1", "cross-tenant-probe person:b 1"}},
		"5 exports":                       {steps: many(5, time.Hour, export1(export))},
		"6 exports":                       {steps: many(9, time.Hour, export1(export)), want: []string{"export-volume tenant 6"}},
		"6 exports in two days":           {steps: many(6, 5*time.Hour, export1(export))},
		"6 downloads":                     {steps: []step{{times: 6, actor: "key:a", event: "audit.downloaded"}}, want: []string{"export-volume tenant 6"}},
		"3 where 1 in 14 days is usual":   {steps: []step{export(0), export(5 * day), export(20 * day), export(20*day + time.Hour), export(20*day + 2*time.Hour)}, want: []string{"export-volume tenant 3"}},
		"3 of an organisation too young":  {steps: []step{export(0), export(5 * day), export(12 * day), export(12*day + time.Hour), export(12*day + 2*time.Hour)}},
		"3 where none is usual":           {steps: []step{{event: "passport.created"}, export(40 * day), export(40*day + 1), export(40*day + 2)}},
		"3 where one a day is usual":      {steps: append(many(30, day, export1(export)), export(30*day), export(30*day+time.Hour), export(30*day+2*time.Hour))},
		"new network on the first day":    {steps: []step{use(0, "n1"), use(day-time.Second, "n2"), use(3*day, "n1"), use(4*day, "n2")}},
		"new network later":               {steps: []step{use(0, "n1"), use(day, "n2"), use(day+time.Hour, "n3"), use(2*day+time.Hour, "n2")}, want: []string{"key-new-network key:k 1"}},
		"network of 90 days ago":          {steps: []step{use(0, "n1"), use(90*day, "n1"), use(90*day+90*day+time.Second, "n1")}, want: []string{"key-new-network key:k 1"}},
		"raised after joining":            {steps: []step{join, role(9*time.Minute, "person:a", "person:m", "viewer", "admin")}},
		"takes over":                      {steps: []step{join, role(9*time.Minute, "person:a", "person:m", "viewer", "admin"), remove(19*time.Minute, "person:m", "person:o", "admin")}, want: []string{"role-chain person:m 1"}},
		"takes over by lowering":          {steps: []step{join, role(9*time.Minute, "person:a", "person:m", "viewer", "owner"), role(19*time.Minute, "person:m", "person:o", "owner", "viewer")}, want: []string{"role-chain person:m 1"}},
		"takes over later":                {steps: []step{join, role(9*time.Minute, "person:a", "person:m", "viewer", "admin"), remove(19*time.Minute+time.Second, "person:m", "person:o", "admin")}},
		"raised late":                     {steps: []step{join, role(11*time.Minute, "person:a", "person:m", "viewer", "admin"), remove(12*time.Minute, "person:m", "person:o", "admin")}},
		"removes a viewer":                {steps: []step{join, role(time.Minute, "person:a", "person:m", "viewer", "admin"), remove(2*time.Minute, "person:m", "person:o", "viewer")}},
		"leaves":                          {steps: []step{join, role(time.Minute, "person:a", "person:m", "viewer", "admin"), remove(2*time.Minute, "person:m", "person:m", "admin")}},
		"power for minutes":               {steps: []step{role(0, "person:a", "person:m", "viewer", "admin"), key(time.Minute, "person:m"), role(10*time.Minute, "person:a", "person:m", "admin", "viewer")}, want: []string{"role-chain person:m 1"}},
		"power for minutes, then removed": {steps: []step{role(0, "person:a", "person:m", "editor", "owner"), {after: time.Minute, actor: "person:m", event: "sign-in-policy.changed"}, remove(2*time.Minute, "person:a", "person:m", "owner")}, want: []string{"role-chain person:m 1"}},
		"power for longer":                {steps: []step{role(0, "person:a", "person:m", "viewer", "admin"), key(time.Minute, "person:m"), role(10*time.Minute+time.Second, "person:a", "person:m", "admin", "viewer")}},
		"raised twice, acted long ago":    {steps: []step{role(0, "person:a", "person:m", "viewer", "admin"), key(time.Minute, "person:m"), role(9*time.Minute, "person:a", "person:m", "admin", "owner"), role(15*time.Minute, "person:a", "person:m", "owner", "viewer")}},
		"a mistake made good":             {steps: []step{role(0, "person:a", "person:m", "viewer", "admin"), key(time.Minute, "person:a"), role(2*time.Minute, "person:a", "person:m", "admin", "viewer")}},
		"editor for minutes":              {steps: []step{role(0, "person:a", "person:m", "viewer", "editor"), key(time.Minute, "person:m"), role(2*time.Minute, "person:a", "person:m", "editor", "viewer")}},
		"9 failures":                      {steps: many(9, time.Minute, func(i int) step { return step{actor: fmt.Sprint("key:", i), event: failed} })},
		"10 failures":                     {steps: many(11, time.Minute-time.Second, func(i int) step { return step{actor: fmt.Sprint("key:", i), event: failed} }), want: []string{"sign-in-failures tenant 10"}},
		"10 failures, too slow":           {steps: many(30, 67*time.Second, func(i int) step { return step{actor: fmt.Sprint("key:", i), event: failed} })},
		"not of the rules":                {steps: []step{{times: 200, actor: "person:a", event: "passport.created"}, {after: time.Hour, times: 50, actor: "system:rules", event: "incident.found"}}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, brief(run(t, tc.steps))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func export1(f func(time.Duration) step) func(int) step { return func(int) step { return f(0) } }

// TestPublished holds that every rule says what it is, and that findings name published rules in whole sentences.
func TestPublished(t *testing.T) {
	rules := map[string]bool{}
	for _, r := range incident.Rules() {
		if rules[r.Name] || r.Title == "" || !strings.HasSuffix(r.Means, ".") || !strings.HasSuffix(r.Threshold, ".") || r.Window <= 0 {
			t.Errorf("%+v", r)
		}
		rules[r.Name] = true
	}
	for _, f := range run(t, []step{{times: 120, actor: "key:a", event: denied}, {after: time.Hour, count: 50, actor: "key:a", event: failed}}) {
		if !rules[f.Rule] || !strings.HasSuffix(f.Sentence, ".") || f.At.Before(start()) {
			t.Errorf("%+v", f)
		}
	}
}

func TestOf(t *testing.T) {
	e := audit.Entry{At: start(), Actor: "key:a", Event: audit.KeyUsed, Object: "api-key:a", Network: "n", Count: 3, Detail: map[string]string{"x": "y"}}
	want := incident.Observation{At: start(), Actor: "key:a", Event: "api-key.used", Object: "api-key:a", Network: "n", Count: 3, Detail: map[string]string{"x": "y"}}
	if diff := cmp.Diff(want, incident.Of(e)); diff != "" {
		t.Error(diff)
	}
}

// TestSlidingWindowLaw compares the counting rules with a model that remembers everything: a finding is made exactly when
// the sum within the window reaches the threshold and none was made within the window before.
func TestSlidingWindowLaw(t *testing.T) {
	type seen struct {
		at time.Duration
		n  int
	}
	for _, tc := range []struct {
		event, rule, actor string
		window             time.Duration
		limit              int
	}{
		{denied, incident.DenialBurst, "key:a", 5 * time.Minute, 20},
		{failed, incident.SignInFailures, incident.Everybody, 10 * time.Minute, 10},
		{"access.cross-tenant", incident.CrossTenantProbe, "key:a", time.Hour, 1},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				s, all, last := &incident.State{}, []seen(nil), -tc.window
				at := time.Duration(0)
				for range rapid.IntRange(1, 120).Draw(rt, "entries") {
					at += time.Duration(rapid.IntRange(0, int(tc.window/time.Second)/tc.limit*2).Draw(rt, "pause")) * time.Second
					n := rapid.SampledFrom([]int{1, 1, 1, 2, 7}).Draw(rt, "count")
					all = append(all, seen{at, n})
					sum := 0
					for _, o := range all {
						if o.at > at-tc.window {
							sum += o.n
						}
					}
					want := sum >= tc.limit && at >= last+tc.window
					if want {
						last = at
					}
					got := false
					for _, f := range s.Observe(incident.Observation{At: start().Add(at), Actor: "key:a", Event: tc.event, Count: n}) {
						got = got || f.Rule == tc.rule && f.Actor == tc.actor && f.Count >= tc.limit && f.Count <= sum
					}
					if got != want {
						rt.Fatalf("at %s the sum is %d, the last finding at %s: found %t", at, sum, last, got)
					}
					if rapid.Bool().Draw(rt, "store") {
						s = again(rt, s)
					}
				}
			})
		})
	}
}

// TestStateIsBounded feeds anything and holds the bound, that nothing panics, and that a state survives being stored.
func TestStateIsBounded(t *testing.T) {
	var events []string
	for _, d := range audit.Events() {
		events = append(events, string(d.Event))
	}
	events = append(events, "export.started", "")
	rapid.Check(t, func(rt *rapid.T) {
		s := &incident.State{}
		for range rapid.IntRange(0, 200).Draw(rt, "entries") {
			o := incident.Observation{
				At:    time.Unix(rapid.Int64().Draw(rt, "s"), rapid.Int64().Draw(rt, "ns")),
				Actor: rapid.String().Draw(rt, "actor"), Event: rapid.SampledFrom(events).Draw(rt, "event"), Object: rapid.String().Draw(rt, "object"),
				Network: rapid.String().Draw(rt, "network"), Count: rapid.Int().Draw(rt, "count"),
				Detail: map[string]string{"from": rapid.SampledFrom([]string{"owner", "viewer", ""}).Draw(rt, "from"), "to": rapid.SampledFrom([]string{"owner", "viewer", ""}).Draw(rt, "to")},
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
		observe("member.role-changed", "person:a", who, "", 1, up)
		observe("api-key.created", who, "", "", 1, nil)
		observe("member.role-changed", "person:a", who, "", 1, down)
		observe("member.joined", "person:a", who, "", 1, nil)
		observe("member.role-changed", "person:a", who, "", 1, up)
		observe("api-key.created", who, "", "", 1, nil)
		observe("access.cross-tenant", who, "", "", 1<<40, nil)
	}
	for i := range 19 {
		for a := range 128 {
			at = at.Add(time.Millisecond)
			observe(denied, long("person", a), "", "", 1, nil)
			observe("export.started", "person:a", "", "", 1<<40, nil)
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

func FuzzParseState(f *testing.F) {
	s := &incident.State{}
	for i := range 40 {
		for _, event := range []string{denied, failed, "api-key.used", "member.joined", "member.role-changed", "api-key.created", "export.started", "access.cross-tenant"} {
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
		for _, event := range []string{denied, failed, "api-key.used", "member.joined", "member.role-changed", "member.removed", "api-key.created", "export.started", "access.cross-tenant"} {
			s.Observe(incident.Observation{At: start(), Actor: "key:a", Event: event, Object: "person:b", Detail: map[string]string{"from": "owner"}})
		}
		again(t, s)
	})
}
