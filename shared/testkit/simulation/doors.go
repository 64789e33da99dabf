package simulation

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// door is what the row of a tenant says since an instant about who may come in. It is in another table than the life, and
// a copy of it may be restored alone.
type door struct {
	since time.Time
	says  access.Door
}

// deletes tells whether the deletion of a tenant in this state has begun. The row is left alone from then on.
func deletes(s lifecycle.State) bool {
	return s == lifecycle.Deleting || s == lifecycle.ActiveClear || s == lifecycle.ResidualClear || s == lifecycle.Certified
}

// expected is the condition of a step on the row: it says what the step found.
func (w *World) expected(s lifecycle.Step) error {
	from, to := s.Before.Door(), s.After.Record.Door()
	if deletes(s.Before.State) || from.State == to.State && from.Halted == to.Halted && from.Effective.Equal(to.Effective) {
		return nil
	}
	if w.doorAt(s.Before.Tenant, w.now).State != from.State {
		return lifecycle.ErrStale
	}
	return nil
}

// says writes into the row what a record says.
func (w *World) says(r lifecycle.Record) {
	if now := w.doorAt(r.Tenant, w.now); !deletes(lifecycle.State(now.State)) && now != r.Door() {
		w.write(r.Tenant, r.Door())
	}
}

func (w *World) write(t id.Tenant, says access.Door) {
	w.doors[t] = append(w.doors[t], door{w.now, says})
}

// doorAt is what the row said at an instant; nothing before there was one.
func (w *World) doorAt(t id.Tenant, at time.Time) (says access.Door) {
	for _, d := range w.doors[t] {
		if d.since.After(at) {
			break
		}
		says = d.says
	}
	return says
}

// restored looks at what a restore must leave as it is: invariants 6 and 9. Nobody comes in whose contract has ended, nobody
// is locked out who came back, and what the law keeps is found at its address.
func (o *oracle) restored() {
	for _, t := range o.w.tenants {
		if t.closed {
			continue
		}
		has, is := lifecycle.State(o.w.doorAt(t.id, o.w.now).State), o.w.life0(t)
		if has != is && !(deletes(has) && deletes(is)) {
			o.fail(6, t, "its row says that it is %s after a restore, and it is %s", has, is)
		}
	}
	for _, p := range o.w.custodyOrder {
		if k := o.w.custody[p]; k != nil && k.lost {
			o.fail(9, k.tenant, "what is left of passport %s is not found at its address after a restore", p)
		}
	}
}
