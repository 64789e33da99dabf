package mail_test

import (
	"context"
	"slices"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/mail"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/testkit"
	"github.com/passportcraft/passportcraft/shared/testkit/ledger"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestSweep takes the addresses of those who leave off the list of suppressed ones, through every fault, and finds one
// that is back when nobody can read it any more.
func TestSweep(t *testing.T) {
	saboteur := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: saboteur})
	for _, address := range []string{"ann@nordeiche.example", "bob@nordeiche.example", "eve@other.example"} {
		if err := k.Mail.Suppress(address); err != nil {
			t.Fatal(err)
		}
	}
	p := &ledger.People{All: []retention.Leaver{
		{Place: "1", Person: "p1", Mail: "Ann@nordeiche.example"}, {Place: "2", Person: "p2", Mail: "bob@nordeiche.example", Elsewhere: true}, {Place: "3", Person: "p3"},
		{Place: "4", Person: "p4", Mail: "cat@nordeiche.example"},
	}}
	mailer := mail.Open(k.App.AWS(), k.Env["SES_ENDPOINT"], "passports@passports.example", func(context.Context, string, float64) {})
	s := &mail.Sweep{Mailer: mailer, Leavers: p, Departed: p, Now: k.Clock.Now}
	o := retention.Order{Tenant: "t"}
	if planned, err := s.Plan(t.Context(), o); err != nil || planned != 1 {
		t.Fatal(planned, err)
	}
	for at := ""; ; {
		saboteur.Arm(1, true)
		page, err := s.Sweep(t.Context(), o, at, 1)
		saboteur.Arm(0, false)
		if err != nil {
			page, err = s.Sweep(t.Context(), o, at, 1)
		}
		if err != nil {
			t.Fatal(err)
		}
		if at = page.Cursor; at == "" {
			break
		}
	}
	if left, err := k.Mail.Suppressed(); err != nil || !slices.Equal(left, []string{"bob@nordeiche.example", "eve@other.example"}) {
		t.Errorf("%q %v", left, err)
	}
	p.All = nil
	if n, err := s.Verify(t.Context(), o); err != nil || n != 0 {
		t.Error(n, err)
	}
	if err := k.Mail.Suppress("ann@nordeiche.example"); err != nil {
		t.Fatal(err)
	}
	s.Leavers = nil
	if n, err := s.Verify(t.Context(), o); err != nil || n != 1 {
		t.Error("an address that is back is not found:", n, err)
	}
}
