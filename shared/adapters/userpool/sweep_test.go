package userpool_test

import (
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/userpool"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/testkit"
	"github.com/passportcraft/passportcraft/shared/testkit/ledger"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestSweep deletes the users of those who leave and are nowhere else, survives every fault, and looks for them when our
// own rows are gone.
func TestSweep(t *testing.T) {
	for _, apply := range []bool{false, true} {
		saboteur := &testkit.Saboteur{}
		k := testkit.Open(t, testkit.Options{HTTP: saboteur})
		for subject, name := range map[string]string{"s1": "s1", "s2": "Google_17", "s3": "s3", "s4": "s4", "other": "other"} {
			k.Issuer.AddUser(subject, name)
		}
		p := &ledger.People{All: []retention.Leaver{
			{Place: "1", Person: "p1", Subjects: []string{"s1", "s2"}}, {Place: "2", Person: "p2", Subjects: []string{"s3"}, Elsewhere: true},
			{Place: "3", Person: "p3", Subjects: []string{"s4"}}, {Place: "4", Person: "p4"},
		}}
		s := &userpool.Sweep{Pools: userpool.Open(k.App.AWS(), k.App.Config().PoolEndpoint), Pool: "pool", Leavers: p, Departed: p, Now: k.Clock.Now}
		o := retention.Order{Tenant: "t", Spare: func(of lifecycle.Target) bool { return of.User == "p3" }}
		if planned, err := s.Plan(t.Context(), o); err != nil || planned != 3 {
			t.Fatal(planned, err)
		}
		at, deleted, faults := "", int64(0), 0
		for n := int64(1); ; n++ {
			saboteur.Arm(n, apply)
			page, err := s.Sweep(t.Context(), o, at, 1)
			saboteur.Arm(0, false)
			if err != nil {
				faults++
				continue
			}
			deleted += page.Deleted
			if at, n = page.Cursor, 0; at == "" {
				break
			}
		}
		if faults < 4 || deleted > 2 {
			t.Errorf("%d deleted after %d faults", deleted, faults)
		}
		left := k.Issuer.Users()
		if len(left) != 3 || left["s3"] == "" || left["s4"] == "" || left["other"] == "" {
			t.Errorf("left: %v", left)
		}
		p.All = nil
		if n, err := s.Verify(t.Context(), o); err != nil || n != 0 {
			t.Error(n, err)
		}
		k.Issuer.AddUser("s1", "s1")
		if n, err := s.Verify(t.Context(), o); err != nil || n != 1 {
			t.Error("a user who is back is not found:", n, err)
		}
	}
}

// TestVerifyBelievesNobody finds users whose deletion was acknowledged only.
func TestVerifyBelievesNobody(t *testing.T) {
	saboteur := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: saboteur})
	k.Issuer.AddUser("s1", "s1")
	p := &ledger.People{All: []retention.Leaver{{Place: "1", Person: "p1", Subjects: []string{"s1"}}}}
	s := &userpool.Sweep{Pools: userpool.Open(k.App.AWS(), k.App.Config().PoolEndpoint), Pool: "pool", Leavers: p, Departed: p, Now: k.Clock.Now}
	saboteur.Lies.Store(true)
	if _, err := s.Sweep(t.Context(), retention.Order{Tenant: "t"}, "", 10); err != nil {
		t.Fatal(err)
	}
	saboteur.Lies.Store(false)
	if n, err := s.Verify(t.Context(), retention.Order{Tenant: "t"}); err != nil || n != 1 {
		t.Error(n, err)
	}
}
