package lifecycle

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Door is what the tenant's row has to say about a record, so that every request and every job can be asked for what it
// may do without reading the record.
func (r Record) Door() access.Door {
	return access.Door{State: r.State.Access(), Effective: r.Begins(), Halted: r.Suspended}
}

// behind is as much of the record as a door tells.
func behind(d access.Door) Record {
	r := Record{State: State(d.State), EffectiveAt: d.Effective, Suspended: d.Halted && State(d.State) != Suspended}
	if r.State == Window {
		r.T0 = d.Effective
	}
	return r
}

// Behind is the state that counts at an instant for a tenant with this door.
func Behind(d access.Door, now time.Time) State { return behind(d).At(now) }

// Enter refuses what a tenant with this door may not do at an instant, whoever wants it. A suspended organisation has a
// code of its own; every other refusal is contract-stage and names the state.
func Enter(d access.Door, c Capability, now time.Time) error {
	r := behind(d)
	err := r.Can(c, now)
	if err != nil && (r.At(now) == Suspended || d.Halted && Look(r.At(now), c).Allowed) {
		return fault.New(fault.CodeTenantSuspended, "Your organisation is suspended: it can be read and exported, but not used.")
	}
	return err
}

// Admit refuses an action that the principal's tenant may not take at an instant. It asks nothing about the principal,
// which is for access.Check. What concerns the person alone has no tenant, and is not refused here.
func Admit(p access.Principal, a access.Action, now time.Time) error {
	c, ok := Needs(a)
	if !ok {
		return fault.New(fault.CodeForbidden, "Nobody may do this.")
	}
	if c == Personal {
		return nil
	}
	return Enter(p.Door, c, now)
}
