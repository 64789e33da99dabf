package lifecycle_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

func at(t testing.TB, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestDeadlines computes by hand what follows from terminations on awkward days.
func TestDeadlines(t *testing.T) {
	for _, c := range []struct{ name, t0, notBefore, activeBy, residualBy string }{
		{"an ordinary afternoon", "2026-10-14T15:04:05Z", "2026-11-14T12:00:00Z", "2026-12-13T15:04:05Z", "2027-01-12T15:04:05Z"},
		{"midnight is the end of its day", "2026-10-14T00:00:00Z", "2026-11-13T12:00:00Z", "2026-12-13T00:00:00Z", "2027-01-12T00:00:00Z"},
		{"a moment after midnight", "2026-10-14T00:00:00.000000001Z", "2026-11-14T12:00:00Z", "2026-12-13T00:00:00.000000001Z", "2027-01-12T00:00:00.000000001Z"},
		{"across 29 February 2028", "2028-02-10T09:00:00Z", "2028-03-12T12:00:00Z", "2028-04-10T09:00:00Z", "2028-05-10T09:00:00Z"},
		{"on 29 February 2028", "2028-02-29T23:59:59Z", "2028-03-31T12:00:00Z", "2028-04-29T23:59:59Z", "2028-05-29T23:59:59Z"},
		{"spring forward in Dublin", "2027-03-01T00:30:00+00:00", "2027-04-01T12:00:00Z", "2027-04-30T00:30:00Z", "2027-05-30T00:30:00Z"},
		{"summer time written with its offset", "2027-10-20T01:30:00+01:00", "2027-11-20T12:00:00Z", "2027-12-19T00:30:00Z", "2028-01-18T00:30:00Z"},
		{"west of Greenwich it is still yesterday", "2026-12-31T22:00:00-05:00", "2027-02-01T12:00:00Z", "2027-03-02T03:00:00Z", "2027-04-01T03:00:00Z"},
		{"across the end of a year", "2026-12-31T23:59:59Z", "2027-01-31T12:00:00Z", "2027-03-01T23:59:59Z", "2027-03-31T23:59:59Z"},
		{"across 2^31 seconds", "2038-01-19T03:14:07Z", "2038-02-19T12:00:00Z", "2038-03-20T03:14:07Z", "2038-04-19T03:14:07Z"},
	} {
		got := lifecycle.Current().Deadlines(at(t, c.t0))
		want := []time.Time{at(t, c.notBefore), at(t, c.activeBy), at(t, c.residualBy)}
		if diff := cmp.Diff(want, []time.Time{got.NotBefore, got.ActiveBy, got.ResidualBy}); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if got.NotBefore.Location() != time.UTC || got.ActiveBy.Location() != time.UTC {
			t.Errorf("%s: not in UTC", c.name)
		}
	}
}

// TestZonesDoNotMatter takes the same instants in Dublin, through both changes of the clock.
func TestZonesDoNotMatter(t *testing.T) {
	dublin, err := time.LoadLocation("Europe/Dublin")
	if err != nil {
		t.Skip("no time zone data: ", err)
	}
	for _, day := range []string{"2027-02-25T22:00:00Z", "2027-03-28T00:59:59Z", "2027-03-28T01:00:00Z", "2027-10-31T00:30:00Z", "2027-10-31T01:30:00Z"} {
		for h := range 50 {
			t0 := at(t, day).Add(time.Duration(h) * time.Hour)
			if diff := cmp.Diff(lifecycle.Current().Deadlines(t0), lifecycle.Current().Deadlines(t0.In(dublin))); diff != "" {
				t.Fatalf("%s: %s", t0, diff)
			}
		}
	}
}

func instants() *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(1_700_000_000, 4_200_000_000).Draw(t, "s"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns")).UTC()
	})
}

// TestDeadlineLaws holds for every T0: the window lasts 30 days and a half to 31 and a half, and the rest is exact.
func TestDeadlineLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		t0, p := instants().Draw(t, "t0"), lifecycle.Current()
		d := p.Deadlines(t0)
		if w := d.NotBefore.Sub(t0); w < 30*lifecycle.Day+12*time.Hour || w >= 31*lifecycle.Day+12*time.Hour {
			t.Fatalf("the window lasts %s", w)
		}
		if y, m, dd := d.NotBefore.Date(); !d.NotBefore.Equal(time.Date(y, m, dd, 12, 0, 0, 0, time.UTC)) {
			t.Fatalf("the window ends at %s, not at noon", d.NotBefore)
		}
		if d.ActiveBy.Sub(t0) != 60*lifecycle.Day || d.ResidualBy.Sub(t0) != 90*lifecycle.Day {
			t.Fatalf("deadlines %v", d)
		}
		for _, by := range []time.Time{d.BackupsBy, d.KeysBy, d.LogsBy} {
			if by.After(d.ResidualBy) {
				t.Fatalf("%s comes after %s", by, d.ResidualBy)
			}
		}
	})
}

// policies draws policies that keep the promise.
func policies() *rapid.Generator[lifecycle.Policy] {
	return rapid.Custom(func(t *rapid.T) lifecycle.Policy {
		p := lifecycle.Current()
		p.Version = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "version")
		hours := func(name string, low, high int) time.Duration {
			return time.Duration(rapid.IntRange(low, high).Draw(t, name)) * time.Hour
		}
		p.Window, p.Grace = hours("window", 30*24, 45*24), hours("grace", 12, 36)
		p.Drain, p.Between, p.CoolingOff = hours("drain", 25, 72), hours("between", 24, 72), hours("cooling", 72, 200)
		p.Extension, p.Fetch = hours("extension", 24, 120), hours("fetch", 0, 24)
		p.Active, p.Residual = hours("active", 38*24, 60*24), hours("residual", 80*24, 90*24)
		p.Goal = min(p.Goal, p.Active)
		p.Backup = hours("backup", 24, 28*24)
		return p
	}).Filter(func(p lifecycle.Policy) bool { return p.Check() == nil })
}

// TestStrictest states the laws of combining policies.
func TestStrictest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c, t0 := policies().Draw(t, "a"), policies().Draw(t, "b"), policies().Draw(t, "c"), instants().Draw(t, "t0")
		plain := func(p lifecycle.Policy) lifecycle.Policy { p.Version = ""; return p }
		s := lifecycle.Strictest
		if plain(s(a, b)) != plain(s(b, a)) || plain(s(a, s(b, c))) != plain(s(s(a, b), c)) || s(a, a) != a {
			t.Fatal("the order of policies matters")
		}
		both, one := s(a, b).Deadlines(t0), a.Deadlines(t0)
		if both.NotBefore.Before(one.NotBefore) || both.ActiveBy.After(one.ActiveBy) || both.ResidualBy.After(one.ResidualBy) ||
			both.BackupsBy.After(one.BackupsBy) || both.KeysBy.After(one.KeysBy) || both.LogsBy.After(one.LogsBy) {
			t.Fatalf("combining moved a deadline the wrong way: %v, alone %v", both, one)
		}
	})
}

// TestPolicyCheck refuses each promise that is broken by one duration alone.
func TestPolicyCheck(t *testing.T) {
	if err := lifecycle.Current().Check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*lifecycle.Policy){
		"no version":         func(p *lifecycle.Policy) { p.Version = "" },
		"a window of 29 d":   func(p *lifecycle.Policy) { p.Window = 29 * lifecycle.Day; p.Proof = 29 * lifecycle.Day },
		"no grace":           func(p *lifecycle.Policy) { p.Grace = 0 },
		"a drain of a day":   func(p *lifecycle.Policy) { p.Drain = lifecycle.Day },
		"one verification":   func(p *lifecycle.Policy) { p.Between = 0 },
		"no proof":           func(p *lifecycle.Policy) { p.Proof = 0 },
		"proof after window": func(p *lifecycle.Policy) { p.Proof = p.Window + 1 },
		"no cooling-off":     func(p *lifecycle.Policy) { p.CoolingOff = 0 },
		"fetch too long":     func(p *lifecycle.Policy) { p.Fetch = p.Extension + 1 },
		"61 days":            func(p *lifecycle.Policy) { p.Active += lifecycle.Day },
		"91 days":            func(p *lifecycle.Policy) { p.Residual += lifecycle.Day },
		"no aim":             func(p *lifecycle.Policy) { p.Goal = 0 },
		"no time to delete":  func(p *lifecycle.Policy) { p.Active = 38 * lifecycle.Day },
		"backups of 30 d":    func(p *lifecycle.Policy) { p.Backup = 30 * lifecycle.Day },
		"backups of 90 d":    func(p *lifecycle.Policy) { p.Backup = 90 * lifecycle.Day },
		"keys of 31 d":       func(p *lifecycle.Policy) { p.Keys = 31 * lifecycle.Day },
		"logs of 30 d":       func(p *lifecycle.Policy) { p.Logs = 30 * lifecycle.Day },
		"a negative lag":     func(p *lifecycle.Policy) { p.LogLag = -1 },
		"no review":          func(p *lifecycle.Policy) { p.Review = 0 },
		"a review of 91 d":   func(p *lifecycle.Policy) { p.Review = 91 * lifecycle.Day },
	} {
		p := lifecycle.Current()
		spoil(&p)
		if code(p.Check()) != fault.CodeRetentionPolicy {
			t.Errorf("%s: %v", name, p.Check())
		}
	}
	if code(lifecycle.Policy{}.Check()) != fault.CodeRetentionPolicy {
		t.Error("the zero policy is accepted")
	}
}

func code(err error) fault.Code {
	if err == nil {
		return ""
	}
	return fault.Of(err).Code
}

// TestAdopt changes the policy in every state: nothing moves the wrong way, and the record stays sound.
func TestAdopt(t *testing.T) {
	for name, r := range walk(t) {
		rapid.Check(t, func(t *rapid.T) {
			r := r
			for range rapid.IntRange(1, 3).Draw(t, "changes") {
				before := r.Deadlines()
				p := policies().Draw(t, "policy")
				after, err := lifecycle.Adopt(r, p)
				if err != nil {
					if diff := cmp.Diff(r, after); diff != "" || code(err) != fault.CodeRetentionPolicy {
						t.Fatalf("%s: a refused policy changed the record: %v %s", name, err, diff)
					}
					continue
				}
				d := after.Deadlines()
				if d.NotBefore.Before(before.NotBefore) || d.ActiveBy.After(before.ActiveBy) || d.ResidualBy.After(before.ResidualBy) || d.DrainUntil.Before(before.DrainUntil) {
					t.Fatalf("%s: from %v to %v", name, before, d)
				}
				if r.State.Closed() && !d.NotBefore.Equal(before.NotBefore) {
					t.Fatalf("%s: the end of the window moved after it", name)
				}
				if err := after.Check(); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				r = after
			}
		})
	}
	bad := lifecycle.Current()
	bad.Window = 0
	if _, err := lifecycle.Adopt(lifecycle.New(tenantID, lifecycle.Current()), bad); code(err) != fault.CodeRetentionPolicy {
		t.Errorf("a policy without a window was adopted: %v", err)
	}
}
