package anomaly_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/anomaly"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
)

func start() time.Time { return time.Date(2027, 2, 18, 8, 0, 0, 0, time.UTC) }

// ordinary is a month of an organisation that has nothing to hide: people and keys at work, now and then a refusal, a
// key that moves on its first day, a new colleague, a download.
func ordinary(keys int) []audit.Entry {
	var trail []audit.Entry
	for day := range 30 {
		morning := start().Add(time.Duration(day) * 24 * time.Hour)
		for k := range keys {
			actor := fmt.Sprintf("key:%d", k)
			for hour := range 9 {
				network := "office"
				if day == 0 && hour > 4 {
					network = "plant"
				}
				trail = append(trail, audit.Entry{At: morning.Add(time.Duration(hour) * time.Hour), Actor: actor, Event: audit.KeyUsed, Network: network})
			}
			for n := range 3 {
				trail = append(trail, audit.Entry{At: morning.Add(time.Duration(n*3) * time.Hour), Actor: actor, Event: audit.AccessDenied, Count: 2})
			}
		}
		trail = append(trail, audit.Entry{At: morning, Actor: "person:a", Event: audit.AuthenticationFailed, Count: 3})
		if day%7 == 0 {
			trail = append(trail, audit.Entry{At: morning, Actor: "person:a", Event: audit.AuditDownloaded},
				audit.Entry{At: morning, Actor: "person:a", Event: audit.RoleChanged, Object: "person:b", Detail: map[string]string{"from": "viewer", "to": "admin"}},
				audit.Entry{At: morning.Add(2 * time.Hour), Actor: "person:b", Event: audit.MemberRemoved, Object: "person:c", Detail: map[string]string{"from": "admin"}})
		}
	}
	return trail
}

func attacks(at time.Time) map[string][]audit.Entry {
	many := func(n int, e audit.Entry) []audit.Entry {
		var out []audit.Entry
		for i := range n {
			e.At = at.Add(time.Duration(i) * time.Second)
			out = append(out, e)
		}
		return out
	}
	return map[string][]audit.Entry{
		"denial-burst":       many(3, audit.Entry{Actor: "key:1", Event: audit.AccessDenied, Count: 7}),
		"cross-tenant-probe": many(1, audit.Entry{Actor: "person:x", Event: audit.CrossTenant}),
		"sign-in-failures":   many(10, audit.Entry{Actor: "key:1", Event: audit.AuthenticationFailed}),
		"export-volume":      many(6, audit.Entry{Actor: "person:a", Event: audit.AuditDownloaded}),
		"key-new-network":    many(2, audit.Entry{Actor: "key:1", Event: audit.KeyUsed, Network: "elsewhere"}),
		"role-chain": {
			{At: at, Actor: "person:a", Event: audit.RoleChanged, Object: "person:m", Detail: map[string]string{"from": "viewer", "to": "owner"}},
			{At: at.Add(9 * time.Minute), Actor: "person:m", Event: audit.RoleChanged, Object: "person:a", Detail: map[string]string{"from": "owner", "to": "viewer"}},
		},
	}
}

// run observes a trail with the state stored and read again after each entry, as between two runs of the job.
func run(t testing.TB, trail []audit.Entry) (found []anomaly.Finding) {
	var stored []byte
	slices.SortStableFunc(trail, func(a, b audit.Entry) int { return a.At.Compare(b.At) })
	for _, e := range trail {
		s, err := anomaly.Parse(stored)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, s.Observe(e)...)
		if stored, err = json.Marshal(s); err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// TestRules holds on recorded traces: nothing in ordinary months of small and large organisations, and each attack once.
func TestRules(t *testing.T) {
	for _, keys := range []int{2, 5, 20} {
		if found := run(t, ordinary(keys)); len(found) > 0 {
			t.Errorf("%d keys, an ordinary month: %+v", keys, found)
		}
	}
	named := map[string]bool{}
	for _, r := range anomaly.Rules() {
		named[r.Name] = true
	}
	for rule, attack := range attacks(start().Add(20*24*time.Hour + 3*time.Hour + time.Minute)) {
		found := run(t, append(ordinary(5), attack...))
		if len(found) != 1 || found[0].Rule != rule || found[0].Actor == "" {
			t.Errorf("%s: found %+v", rule, found)
		}
		delete(named, rule)
	}
	if len(named) > 0 {
		t.Errorf("no attack tests the rules %v", named)
	}
}

// TestStateIsBounded holds that no trail makes the state large or the rules panic.
func TestStateIsBounded(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var s anomaly.State
		at := start()
		for i := range rapid.IntRange(0, 2000).Draw(rt, "entries") {
			at = at.Add(time.Duration(i%7) * time.Second)
			event := audit.Events()[i%len(audit.Events())].Event
			s.Observe(audit.Entry{At: at, Actor: fmt.Sprint("key:", i%977), Event: event, Object: fmt.Sprint("person:", i%911), Network: fmt.Sprint(i), Detail: map[string]string{"to": "owner"}})
		}
		if b, err := json.Marshal(s); err != nil || len(b) > 200_000 {
			rt.Fatalf("%d bytes %v", len(b), err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"windows":{"x":[{"at":"2027-02-18T08:00:00Z","n":3}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := anomaly.Parse(b); err == nil {
			s.Observe(audit.Entry{At: start(), Actor: "key:1", Event: audit.KeyUsed})
			s.Observe(audit.Entry{At: start(), Actor: "key:1", Event: audit.AccessDenied, Count: 1 << 40})
		}
	})
}
