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

func export(at time.Duration) step {
	return step{after: at, actor: "person:a", event: "export.fetched"}
}

func use(at time.Duration, network string) step {
	return step{after: at, actor: "key:k", event: "api-key.used", network: network}
}

func role(at time.Duration, from, to string) step {
	return step{after: at, actor: "person:a", event: "member.role-changed", object: "person:m", from: from, to: to}
}

func remove(at time.Duration, by, who, from string) step {
	return step{after: at, actor: by, event: "member.removed", object: who, from: from}
}

func key(at time.Duration, by string) step {
	return step{after: at, actor: by, event: "api-key.created"}
}

// many repeats a step at equal distances; a * in the actor becomes the number of the repetition, below nine.
func many(n int, every time.Duration, st step) (out []step) {
	for i := range n {
		next := st
		next.after += time.Duration(i) * every
		next.actor = strings.ReplaceAll(st.actor, "*", fmt.Sprint(i%9))
		out = append(out, next)
	}
	return out
}

func join(all ...[]step) (out []step) {
	for _, a := range all {
		out = append(out, a...)
	}
	return out
}

type table map[string]struct {
	steps []step
	want  []string
}

func (tc table) check(t *testing.T) {
	t.Helper()
	for name, c := range tc {
		if diff := cmp.Diff(c.want, brief(run(t, c.steps))); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestCounts holds the counting rules at their edges: the step before fires nothing, the step itself does, once.
func TestCounts(t *testing.T) {
	d := step{actor: "key:a", event: denied}
	at := func(after time.Duration, times int) step {
		return step{after: after, times: times, actor: "key:a", event: denied}
	}
	table{
		"19 refusals":              {steps: []step{at(0, 19)}},
		"20 refusals":              {steps: []step{at(0, 60)}, want: []string{"denial-burst key:a 20"}},
		"too slow":                 {steps: many(60, 16*time.Second, d)},
		"in one entry":             {steps: []step{{count: 23, actor: "key:a", event: denied}}, want: []string{"denial-burst key:a 23"}},
		"again after the window":   {steps: []step{at(0, 20), at(6*time.Minute, 25)}, want: []string{"denial-burst key:a 20", "denial-burst key:a 20"}},
		"the first a window ago":   {steps: []step{d, at(5*time.Minute-18*time.Second, 19)}},
		"the first just within":    {steps: []step{d, at(5*time.Minute-19*time.Second, 19)}, want: []string{"denial-burst key:a 20"}},
		"99 of many":               {steps: many(99, time.Second, step{actor: "key:*", event: denied})},
		"100 of many":              {steps: many(120, time.Second, step{actor: "key:*", event: denied}), want: []string{"denial-burst tenant 100"}},
		"a probe of each":          {steps: []step{{times: 9, actor: "person:a", event: "access.cross-tenant"}, {after: time.Minute, actor: "person:b", event: "access.cross-tenant"}}, want: []string{"cross-tenant-probe person:a 1", "cross-tenant-probe person:b 1"}},
		"9 failures":               {steps: many(9, time.Minute, step{actor: "key:*", event: failed})},
		"10 failures":              {steps: many(11, 59*time.Second, step{actor: "key:*", event: failed}), want: []string{"sign-in-failures tenant 10"}},
		"10 failures, too slow":    {steps: many(30, 67*time.Second, step{actor: "key:*", event: failed})},
		"what no rule is about":    {steps: []step{{times: 200, actor: "person:a", event: "passport.created"}, {after: time.Hour, times: 50, actor: "system:rules", event: "incident.found"}}},
		"5 exports":                {steps: many(5, time.Hour, export(0))},
		"6 exports":                {steps: many(9, time.Hour, export(0)), want: []string{"export-volume tenant 6"}},
		"6 exports in two days":    {steps: many(6, 5*time.Hour, export(0))},
		"6 downloads of the trail": {steps: []step{{times: 6, actor: "key:a", event: "audit.downloaded"}}, want: []string{"export-volume tenant 6"}},
	}.check(t)
}

// TestUsualExports holds the part of the rule that compares with the two weeks before.
func TestUsualExports(t *testing.T) {
	begun, three := []step{{event: "passport.created"}}, []step{export(20 * day), export(20*day + 1), export(20*day + 2)}
	table{
		"1 is usual":       {steps: join([]step{export(0), export(7 * day)}, three), want: []string{"export-volume tenant 3"}},
		"too young":        {steps: []step{export(0), export(5 * day), export(12 * day), export(12*day + time.Hour), export(12*day + 2*time.Hour)}},
		"none is usual":    {steps: join(begun, three)},
		"4 are usual":      {steps: join(begun, many(4, day, export(7*day)), three), want: []string{"export-volume tenant 3"}},
		"5 are usual":      {steps: join(begun, many(5, day, export(7*day)), three)},
		"one a day":        {steps: join(many(20, day, export(0)), three)},
		"only yesterday's": {steps: join(begun, []step{export(19*day - 7*time.Hour)}, three)},
	}.check(t)
}

func TestKeysAndNetworks(t *testing.T) {
	one := []string{"key-new-network key:k 1"}
	table{
		"on the first day":     {steps: []step{use(0, "n1"), use(day-time.Second, "n2"), use(3*day, "n1"), use(4*day, "n2")}},
		"after a day":          {steps: []step{use(0, "n1"), use(day, "n2")}, want: one},
		"two in a day":         {steps: []step{use(0, "n1"), use(day, "n2"), use(day+time.Hour, "n3"), use(2*day+time.Hour, "n2")}, want: one},
		"another after a day":  {steps: []step{use(0, "n1"), use(day, "n2"), use(2*day, "n3")}, want: append(one, one...)},
		"seen 90 days ago":     {steps: []step{use(0, "n1"), use(90*day, "n1")}},
		"seen before 90 days":  {steps: []step{use(0, "n1"), use(90*day+time.Second, "n1")}, want: one},
		"created long before":  {steps: []step{key(0, "person:a"), use(40*day, "n1"), use(40*day+time.Hour, "n2")}},
		"of two keys, another": {steps: []step{use(0, "n1"), {actor: "key:l", event: "api-key.used", network: "n2", after: 2 * day}}},
	}.check(t)
}

func TestRoleChains(t *testing.T) {
	joined := step{actor: "person:a", event: "member.joined", object: "person:m"}
	m := func(n int) time.Duration { return time.Duration(n) * time.Minute }
	victim := func(at time.Duration) step { return remove(at, "person:m", "person:o", "admin") }
	lower := step{after: m(19), actor: "person:m", event: "member.role-changed", object: "person:o", from: "owner", to: "viewer"}
	policy := step{after: m(1), actor: "person:m", event: "sign-in-policy.changed"}
	one := []string{"role-chain person:m 1"}
	table{
		"raised after joining":         {steps: []step{joined, role(m(9), "viewer", "admin")}},
		"takes over":                   {steps: []step{joined, role(m(9), "viewer", "admin"), victim(m(19))}, want: one},
		"takes over by lowering":       {steps: []step{joined, role(m(9), "viewer", "owner"), lower}, want: one},
		"takes over later":             {steps: []step{joined, role(m(9), "viewer", "admin"), victim(m(19) + 1e9)}},
		"raised at the edge":           {steps: []step{joined, role(m(10), "viewer", "admin"), victim(m(11))}, want: one},
		"raised late":                  {steps: []step{joined, role(m(10)+1e9, "viewer", "admin"), victim(m(12))}},
		"raised again, no more fresh":  {steps: []step{joined, role(m(5), "viewer", "admin"), role(m(14), "admin", "owner"), victim(m(16))}},
		"removes a viewer":             {steps: []step{joined, role(m(1), "viewer", "admin"), remove(m(2), "person:m", "person:o", "viewer")}},
		"leaves":                       {steps: []step{joined, role(m(1), "viewer", "admin"), remove(m(2), "person:m", "person:m", "admin")}},
		"power for minutes":            {steps: []step{role(0, "viewer", "admin"), key(m(1), "person:m"), role(m(10), "admin", "viewer")}, want: one},
		"power, then removed":          {steps: []step{role(0, "editor", "owner"), policy, remove(m(2), "person:a", "person:m", "owner")}, want: one},
		"power for longer":             {steps: []step{role(0, "viewer", "admin"), key(m(1), "person:m"), role(m(10)+1e9, "admin", "viewer")}},
		"raised twice, acted long ago": {steps: []step{role(0, "viewer", "admin"), key(m(1), "person:m"), role(m(9), "admin", "owner"), role(m(15), "owner", "viewer")}},
		"a mistake made good":          {steps: []step{role(0, "viewer", "admin"), key(m(1), "person:a"), role(m(2), "admin", "viewer")}},
		"an editor for minutes":        {steps: []step{role(0, "viewer", "editor"), key(m(1), "person:m"), role(m(2), "editor", "viewer")}},
	}.check(t)
}

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
