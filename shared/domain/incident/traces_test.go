package incident_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/incident"
)

// The traces under testdata are made by the generator below and kept, so that a change of the rules is measured on the
// same traffic. `go test -run Traces -update` makes them again.

// recorded is one line of a trace.
type recorded struct {
	At      time.Time         `json:"at"`
	Actor   string            `json:"actor"`
	Event   string            `json:"event"`
	Object  string            `json:"object,omitempty"`
	Network string            `json:"network,omitempty"`
	Count   int               `json:"count,omitempty"`
	Detail  map[string]string `json:"detail,omitempty"`
	Attack  string            `json:"attack,omitempty"` // of seeded attacks: its name
	Finds   string            `json:"finds,omitempty"`  // on the first line of an attack: rule and actor
	Only    string            `json:"only,omitempty"`   // on the first line: the trace that it is made for
}

func (r recorded) observation() incident.Observation {
	return incident.Observation{At: r.At, Actor: r.Actor, Event: r.Event, Object: r.Object, Network: r.Network, Count: r.Count, Detail: r.Detail}
}

// numbers is SplitMix64: the same numbers everywhere and always.
type numbers uint64

func (n *numbers) below(limit int) int {
	*n += 0x9e3779b97f4a7c15
	z := uint64(*n)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return int((z ^ z>>31) % uint64(limit))
}

type size struct {
	name                   string
	people, keys, uses     int // uses of each key a day
	changes                int // of passports a day
	failures, exportsEvery int // failed attempts on a bad day; days between exports
}

func sizes() []size {
	return []size{{"small", 3, 1, 2, 4, 2, 12}, {"medium", 12, 4, 3, 12, 5, 7}, {"large", 40, 8, 4, 30, 8, 1}}
}

// ordinary is a month of a tenant in which nothing is wrong: work in working hours, wrong clicks, expired keys, rotations
// with failover on the first day, people who come, rise, are raised by mistake, and leave.
func ordinary(s size) (out []recorded) {
	n := numbers(len(s.name) * 7919)
	zero := time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC) // a Monday
	for d := range 30 {
		work := zero.AddDate(0, 0, d).Add(8 * time.Hour)
		weekend := d%7 > 4
		in := func() time.Time { return work.Add(time.Duration(n.below(9*3600)) * time.Second) }
		put := func(r recorded) { out = append(out, r) }
		for k := range s.keys { // programs work at weekends too
			generation := d / (12 + k) // rotated every so many days
			key := fmt.Sprintf("key:%s%d.%d", s.name[:1], k, generation)
			if d%(12+k) == 0 {
				put(recorded{At: work.Add(-2 * time.Hour), Actor: "person:" + s.name[:1] + "0", Event: "api-key.created", Object: "api-" + key})
				put(recorded{At: work.Add(-time.Hour), Actor: key, Event: "api-key.used", Network: fmt.Sprint("n", k)})
				put(recorded{At: work.Add(20 * time.Hour), Actor: key, Event: "api-key.used", Network: fmt.Sprint("failover", k)})
			}
			for range s.uses {
				network := fmt.Sprint("n", k)
				if n.below(9) == 0 && d%(12+k) > 0 {
					network = fmt.Sprint("failover", k)
				}
				put(recorded{At: in(), Actor: key, Event: "api-key.used", Network: network})
			}
		}
		if d%s.exportsEvery == s.exportsEvery/2 {
			put(recorded{At: in(), Actor: "person:" + s.name[:1] + "0", Event: "export.fetched"})
		}
		if weekend {
			continue
		}
		for range s.changes {
			put(recorded{At: in(), Actor: fmt.Sprintf("person:%s%d", s.name[:1], n.below(s.people)), Event: "passport.updated"})
		}
		for range 1 + n.below(s.people)/3 { // somebody clicks what they may not
			at, who := in(), fmt.Sprintf("person:%s%d", s.name[:1], n.below(s.people))
			for i := range 1 + n.below(5) {
				put(recorded{At: at.Add(time.Duration(i*20) * time.Second), Actor: who, Event: "access.denied", Object: "route:key.create", Count: 1})
			}
		}
		if n.below(3) == 0 { // a program with an expired key, which backs off
			at := in()
			for i := range s.failures {
				put(recorded{At: at.Add(time.Duration(i*i*10) * time.Second), Actor: "key:" + s.name[:1] + "old", Event: "authentication.failed", Count: 1})
			}
		}
		out = append(out, people(s, d, work)...)
	}
	slices.SortStableFunc(out, func(a, b recorded) int { return a.At.Compare(b.At) })
	return out
}

// people are the ordinary changes of membership of a day.
func people(s size, d int, work time.Time) []recorded {
	owner, who := "person:"+s.name[:1]+"0", fmt.Sprintf("person:%snew%d", s.name[:1], d)
	role := func(after time.Duration, from, to string) recorded {
		return recorded{At: work.Add(after), Actor: owner, Event: "member.role-changed", Object: who, Detail: map[string]string{"from": from, "to": to}}
	}
	joined := recorded{At: work.Add(time.Hour), Actor: who, Event: "member.joined", Object: who, Detail: map[string]string{"role": "viewer"}}
	switch d % 10 {
	case 1: // joins, is made admin at once, makes a key, removes a viewer and stays
		return []recorded{
			joined, role(time.Hour+4*time.Minute, "viewer", "admin"), {At: work.Add(time.Hour + 6*time.Minute), Actor: who, Event: "api-key.created", Object: "api-key:x"},
			{At: work.Add(time.Hour + 8*time.Minute), Actor: who, Event: "member.removed", Object: "person:gone", Detail: map[string]string{"from": "viewer"}},
		}
	case 2: // made admin by mistake
		return []recorded{
			joined, role(2*time.Hour, "viewer", "admin"), {At: work.Add(2*time.Hour + time.Minute), Actor: owner, Event: "sign-in-policy.changed"},
			role(2*time.Hour+3*time.Minute, "admin", "viewer"),
		}
	case 4: // an admin for an afternoon
		return []recorded{
			joined, role(3*time.Hour, "editor", "admin"), {At: work.Add(4 * time.Hour), Actor: who, Event: "api-key.created", Object: "api-key:y"},
			role(7*time.Hour, "admin", "editor"),
		}
	case 8: // an admin leaves
		return []recorded{{At: work.Add(5 * time.Hour), Actor: owner, Event: "member.removed", Object: who, Detail: map[string]string{"from": "admin"}}}
	}
	return nil
}

// attacks are seeded on different days, among the ordinary work.
func attacks() (out []recorded) {
	attack := func(name, finds, only string, day int, lines ...recorded) {
		zero := time.Date(2026, 1, 5+day, 11, 7, 0, 0, time.UTC)
		for i, r := range lines {
			r.At, r.Attack = zero.Add(r.At.Sub(time.Time{})), name
			if i == 0 {
				r.Finds, r.Only = finds, only
			}
			out = append(out, r)
		}
	}
	at := func(d time.Duration) time.Time { return time.Time{}.Add(d) }
	many := func(times int, every time.Duration, r recorded) (all []recorded) {
		for i := range times {
			r := r
			r.At, r.Actor = at(time.Duration(i)*every), strings.ReplaceAll(r.Actor, "*", fmt.Sprint(i%15))
			all = append(all, r)
		}
		return all
	}
	role := func(d time.Duration, by, from, to string) recorded {
		return recorded{At: at(d), Actor: by, Event: "member.role-changed", Object: "person:mallory", Detail: map[string]string{"from": from, "to": to}}
	}
	denial := recorded{Actor: "key:mallory", Event: "access.denied", Object: "route:member.list", Count: 1}
	attack("scan with a stolen key", "denial-burst key:mallory", "", 3, many(40, 4*time.Second, denial)...)
	held := denial
	held.At, held.Count = at(61*time.Second), 45
	attack("scan, written down as a count", "denial-burst key:mallory", "", 4, denial, held)
	attack("scan at the slowest that is told", "denial-burst key:mallory", "", 7, many(25, 15*time.Second, denial)...)
	attack("scan spread over fifteen keys", "denial-burst tenant", "", 8, many(130, 2*time.Second, recorded{Actor: "key:bot*", Event: "access.denied", Count: 1})...)
	attack("one question about another organisation", "cross-tenant-probe person:mallory", "", 9, recorded{Actor: "person:mallory", Event: "access.cross-tenant", Count: 1})
	attack("search for other organisations", "cross-tenant-probe key:mallory", "", 10, many(30, time.Minute, recorded{Actor: "key:mallory", Event: "access.cross-tenant", Count: 1})...)
	attack("everything is taken out", "export-volume tenant", "", 16, many(7, 20*time.Minute, recorded{Actor: "person:mallory", Event: "export.fetched"})...)
	attack("more than usual is taken out", "export-volume tenant", "small", 22, many(3, time.Hour, recorded{Actor: "person:mallory", Event: "export.fetched"})...)
	attack("the trail is taken out again and again", "export-volume tenant", "", 24, many(6, time.Minute, recorded{Actor: "key:mallory", Event: "audit.downloaded"})...)
	for _, s := range sizes() {
		attack("a key is stolen from "+s.name, "key-new-network key:"+s.name[:1]+"0.1", s.name, 17, recorded{Actor: "key:" + s.name[:1] + "0.1", Event: "api-key.used", Network: "elsewhere"})
	}
	joined := recorded{Actor: "person:mallory", Event: "member.joined", Object: "person:mallory", Detail: map[string]string{"role": "viewer"}}
	gone := recorded{At: at(7 * time.Minute), Actor: "person:mallory", Event: "member.removed", Object: "person:victim", Detail: map[string]string{"from": "owner"}}
	attack("take-over by removal", "role-chain person:mallory", "", 18, joined, role(3*time.Minute, "person:accomplice", "viewer", "owner"), gone)
	lower := role(7*time.Minute, "person:mallory", "owner", "viewer")
	lower.Object = "person:victim"
	attack("take-over by lowering", "role-chain person:mallory", "", 21, joined, role(3*time.Minute, "person:accomplice", "viewer", "owner"), lower)
	for i, act := range []string{"api-key.created", "sign-in-policy.changed"} {
		attack("power for minutes: "+act, "role-chain person:mallory", "", 25+i, role(0, "person:accomplice", "editor", "admin"),
			recorded{At: at(2 * time.Minute), Actor: "person:mallory", Event: act}, role(4*time.Minute, "person:accomplice", "admin", "editor"))
	}
	attack("guessing keys", "sign-in-failures tenant", "", 11, many(60, 5*time.Second, recorded{Actor: "key:m*", Event: "authentication.failed", Count: 1})...)
	attack("guessing keys slowly", "sign-in-failures tenant", "", 15, many(12, 55*time.Second, recorded{Actor: "key:m*", Event: "authentication.failed", Count: 1})...)
	return out
}

func lines(t *testing.T, all []recorded) []byte {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	for _, r := range all {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// trace reads a recorded trace, and holds that the generator still makes it.
func trace(t *testing.T, name string, made []recorded) (all []recorded) {
	t.Helper()
	file := filepath.Join("testdata", name+".ndjson")
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, lines(t, made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, lines(t, made)) {
		t.Errorf("%s is not what the generator makes; run with -update and look at the difference", file)
	}
	in := bufio.NewScanner(bytes.NewReader(b))
	for in.Scan() {
		var r recorded
		if err := json.Unmarshal(in.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestMain(m *testing.M) {
	flag.Bool("update", false, "make the recorded traces again")
	flag.Parse()
	os.Exit(m.Run())
}

// TestTraces measures the rules: every seeded attack is found, by the rule and about the actor meant, and a month of
// ordinary work of three organisations gives no finding.
func TestTraces(t *testing.T) {
	seeded := map[string][]recorded{}
	var order []string
	for _, r := range trace(t, "attacks", attacks()) {
		if seeded[r.Attack] == nil {
			order = append(order, r.Attack)
		}
		seeded[r.Attack] = append(seeded[r.Attack], r)
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%-8s %8s %14s %8s %8s\n", "trace", "entries", "false findings", "attacks", "found")
	for _, s := range sizes() {
		quiet := trace(t, "ordinary-"+s.name, ordinary(s))
		noise := watch(t, quiet)
		for _, f := range noise {
			t.Errorf("%s: ordinary work gives %+v", s.name, f)
		}
		tried, hit := 0, 0
		for _, name := range order {
			attack := seeded[name]
			if only := attack[0].Only; only != "" && only != s.name {
				continue
			}
			tried++
			mixed := append(slices.Clone(quiet), attack...)
			slices.SortStableFunc(mixed, func(a, b recorded) int { return a.At.Compare(b.At) })
			end := slices.MaxFunc(attack, func(a, b recorded) int { return a.At.Compare(b.At) }).At
			met := false
			for _, f := range watch(t, mixed) {
				same := f.Rule+" "+f.Actor == attack[0].Finds
				met = met || same && !f.At.After(end)
				if !same {
					t.Errorf("%s, %s: besides %s gives %+v", s.name, name, attack[0].Finds, f)
				}
			}
			if !met {
				t.Errorf("%s: %q is not found", s.name, name)
				continue
			}
			hit++
		}
		fmt.Fprintf(&table, "%-8s %8d %14d %8d %8d\n", s.name, len(quiet), len(noise), tried, hit)
	}
	t.Log("\n" + table.String())
}

// watch runs the rules over a trace as the scheduled job does: stored and read again between the runs.
func watch(t *testing.T, all []recorded) (out []incident.Finding) {
	t.Helper()
	s := &incident.State{}
	for i, r := range all {
		out = append(out, s.Observe(r.observation())...)
		if i%50 == 0 {
			s = again(t, s)
		}
	}
	slices.SortStableFunc(out, func(a, b incident.Finding) int { return cmp.Compare(a.At.UnixNano(), b.At.UnixNano()) })
	return out
}
