package lifecycle_test

import (
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// TestDoorSaysWhatTheRecordSays holds that the few words at the door lead to the same answers as the whole record, in
// every state, suspended beside it or not, just before and from the instant at which a termination comes into force.
func TestDoorSaysWhatTheRecordSays(t *testing.T) {
	for s, r := range walk(t) {
		for _, halted := range []bool{false, true} {
			r.Suspended = halted || s == lifecycle.Suspended
			for _, now := range []time.Time{r.EffectiveAt.Add(-1), r.EffectiveAt, begin().AddDate(1, 0, 0)} {
				if now.Before(begin().AddDate(-1, 0, 0)) {
					continue // there is no termination
				}
				if got, want := lifecycle.Behind(r.Door(), now), r.At(now); got != want {
					t.Errorf("%s at %s: %s behind the door, want %s", s, now, got, want)
				}
				for _, row := range lifecycle.Capabilities() {
					whole, door := r.Can(row.Capability, now), lifecycle.Enter(r.Door(), row.Capability, now)
					if (whole == nil) != (door == nil) {
						t.Errorf("%s in %s, suspended %v: %v by the record, %v at the door", row.Capability, s, halted, whole, door)
					}
				}
			}
		}
	}
}

func TestAdmit(t *testing.T) {
	now := begin()
	for _, c := range []struct {
		door   access.Door
		action access.Action
		want   fault.Code
	}{
		{access.Door{State: access.Active}, access.PassportWrite, ""},
		{access.Door{State: access.Suspended}, access.PassportRead, ""},
		{access.Door{State: access.Suspended}, access.PassportWrite, fault.CodeTenantSuspended},
		{access.Door{State: "scheduled", Effective: now.Add(1)}, access.PassportWrite, ""},
		{access.Door{State: "scheduled", Effective: now.Add(1), Halted: true}, access.PassportWrite, fault.CodeTenantSuspended},
		{access.Door{State: "scheduled", Effective: now}, access.PassportWrite, fault.CodeContractStage},
		{access.Door{State: "scheduled", Effective: now}, access.ExportCreate, ""},
		{access.Door{State: "window", Effective: now}, access.ContractChange, ""},
		{access.Door{State: "window", Effective: now}, access.KeyWrite, fault.CodeContractStage},
		{access.Door{State: "sealed", Effective: now}, access.PassportRead, fault.CodeContractStage},
		{access.Door{State: "sealed", Effective: now}, access.ContractChange, fault.CodeContractStage},
		{access.Door{State: "certified", Effective: now}, access.ContractRead, ""},
		{access.Door{State: "certified", Effective: now}, access.AccountErase, ""},
		{access.Door{State: "frozen"}, access.ContractRead, fault.CodeContractStage},
		{access.Door{}, access.PassportRead, fault.CodeContractStage},
		{access.Door{State: access.Active}, "unheard.of", fault.CodeForbidden},
	} {
		if got := code(lifecycle.Admit(access.Principal{Door: c.door}, c.action, now)); got != c.want {
			t.Errorf("%s behind %+v: %q, want %q", c.action, c.door, got, c.want)
		}
	}
}
