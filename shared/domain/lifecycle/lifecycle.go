// Package lifecycle is a tenant's life from contract to certificate: its states, the instants before which nothing may be
// destroyed and after which nothing may be left, what may be done in which state, and the rules of every step between.

// Everything here is pure: records and facts come in, records and the name of the audit event go out, and nothing is
// read, stored, sent or deleted. The deletion itself, its stores, leases and proofs, is the business of package
// retention, which asks this package before each step.

// The promise: after termination a customer can export for at least 30 days; then the data leaves the active systems and
// the sub-processors within 30 days, and residual copies in backups within 90 days of termination. Where a sentence of
// it can be read in two ways, the reading that favours the customer is taken: the longest for the window, the shortest
// for the deletion (Regulation (EU) 2023/2854, article 25(2)(g); Regulation (EU) 2016/679, article 28(3)(g)).
package lifecycle

import (
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// State is where a tenant stands between contract and certificate.
type State string

// The states, in the order in which a tenant that leaves passes them. A tenant is founded in one transaction, so there
// is no state before Active.
const (
	Active        State = "active"
	Suspended     State = "suspended"      // by the operator; starts no clock
	Scheduled     State = "scheduled"      // termination was asked for and is not yet in force
	Window        State = "window"         // terminated: reading and exporting only, may be taken back
	Sealed        State = "sealed"         // nobody gets in; stragglers drain off; cannot be taken back
	Deleting      State = "deleting"       // data is being destroyed
	ActiveClear   State = "active-clear"   // nothing left in the active systems and at sub-processors, verified twice
	ResidualClear State = "residual-clear" // no backup and no key left from before
	Certified     State = "certified"      // the signed certificate exists; the end
)

// States lists every state in order.
func States() []State {
	return []State{Active, Suspended, Scheduled, Window, Sealed, Deleting, ActiveClear, ResidualClear, Certified}
}

// Known tells whether s is one of States.
func (s State) Known() bool { return slices.Contains(States(), s) }

// Terminated tells whether the window has opened, however long ago.
func (s State) Terminated() bool { return slices.Index(States(), s) >= slices.Index(States(), Window) }

// Closed tells whether the window is over: the tenant cannot come back.
func (s State) Closed() bool { return slices.Index(States(), s) >= slices.Index(States(), Sealed) }

// Silent tells whether the deletion has begun: from then on nothing is written in the tenant's own trail.
func (s State) Silent() bool { return s.deletes() }

// Of is the state that a tenant's row names; ok is false for a text that is none.
func Of(s access.State) (state State, ok bool) { return State(s), State(s).Known() }

// Access is the word that a tenant's row has for the state.
func (s State) Access() access.State { return access.State(s) }

// Record is what is stored of one tenant's life. All instants are UTC; the zero instant means "not yet".

// It is written with the condition that state, epoch and revision are still those that were read, in one transaction
// with the audit entry of the step. Transitions return it with Revision one larger, and Epoch too when the state changed:
// whoever holds the older epoch may no longer write.
type Record struct {
	Tenant   id.Tenant
	State    State
	Epoch    int64
	Revision int64

	Suspended   bool      // by the operator; stays in force beside Scheduled and Window
	T0          time.Time // when the termination came into force; set once it is reached, cleared only by reinstatement
	EffectiveAt time.Time // when it is to come into force
	NoticedAt   time.Time // when it was asked for; never after EffectiveAt
	RequestedBy string    // actor

	Accepted Policy   // pinned when the tenant accepted the terms
	Later    []Policy // that came into force for a running termination; only what is stricter in them counts

	SealedAt        time.Time
	PlanHash        string    // of the frozen plan, "sha-256:<hex>"
	DeletingAt      time.Time // before the first destructive step
	FirstVerified   time.Time
	SecondVerified  time.Time
	ActiveClearAt   time.Time
	ResidualClearAt time.Time
	CertifiedAt     time.Time
	Certificate     string // its identifier

	Expedited     *Expedited // an earlier end of the window, wanted by two owners; nil for none
	ExtendedUntil time.Time  // a later end of the window, because an export ran when it was to close
	Notices       []Sent
	HighWater     time.Time // latest reading of the clock that a step was made with
}

// Expedited is the wish of two owners to be deleted before the window ends.
type Expedited struct {
	AskedBy     string // actor
	AskedAt     time.Time
	ConfirmedBy string // another actor; empty while the wish waits
	ConfirmedAt time.Time
}

// Sent is one notice that went out. Each kind goes out once for each termination.
type Sent struct {
	Kind NoticeKind
	At   time.Time
}

// At is the state that counts at an instant: a scheduled termination is in force from its instant on, also while no
// tick has recorded it.
func (r Record) At(now time.Time) State {
	if r.State == Scheduled && !now.Before(r.EffectiveAt) {
		return Window
	}
	return r.State
}

// Begins is T0, or the instant that will become T0; zero when no termination runs.
func (r Record) Begins() time.Time {
	if !r.T0.IsZero() {
		return r.T0
	}
	return r.EffectiveAt
}

// Policy is the policy that counts for this record: of each duration the strictest of those it was ever under.
func (r Record) Policy() Policy {
	p := r.Accepted
	for _, later := range r.Later {
		p = Strictest(p, later)
	}
	return p
}

// Deadlines are the instants of this record, zero when no termination runs. NotBefore takes account of an expedited end
// and of a running export; holds do not enter (see Prolong).
func (r Record) Deadlines() Deadlines {
	begins := r.Begins()
	if begins.IsZero() {
		return Deadlines{}
	}
	p := r.Policy()
	d := p.Deadlines(begins)
	if e := r.Expedited; e != nil && !e.ConfirmedAt.IsZero() {
		d.NotBefore = earliest(d.NotBefore, latest(begins, e.ConfirmedAt.Add(p.CoolingOff)))
	}
	d.NotBefore = latest(d.NotBefore, r.ExtendedUntil)
	if !r.SealedAt.IsZero() {
		d.DrainUntil = r.SealedAt.Add(p.Drain)
	}
	return d
}

// The audit events of the steps.
const (
	EventTerminated       audit.Event = "tenant.termination-noticed"   // detail "effectiveAt": what becomes T0
	EventCancelled        audit.Event = "tenant.termination-cancelled" // before it came into force
	EventWindowOpened     audit.Event = "tenant.window-opened"         // T0 was reached
	EventReinstated       audit.Event = "tenant.reinstated"            // within the window
	EventExpediteAsked    audit.Event = "tenant.expedite-asked"        // an owner wants the window to end early
	EventExpedited        audit.Event = "tenant.expedite-confirmed"    // another owner agrees
	EventExpediteDropped  audit.Event = "tenant.expedite-withdrawn"    // by any owner, before the window ended
	EventWindowExtended   audit.Event = "tenant.window-extended"       // an export was running when it was to close
	EventSealed           audit.Event = "tenant.sealed"                // the window is over
	EventPlanFrozen       audit.Event = "tenant.deletion-planned"      // with the hash of the plan
	EventDeleting         audit.Event = "tenant.deletion-begun"
	EventVerified         audit.Event = "tenant.deletion-verified"      // nothing was found
	EventResidueFound     audit.Event = "tenant.deletion-residue-found" // something was; verification begins again
	EventActiveClear      audit.Event = "tenant.active-clear"
	EventReopened         audit.Event = "tenant.deletion-reopened" // a store found rows after its completion
	EventResidualClear    audit.Event = "tenant.residual-clear"
	EventCertified        audit.Event = "tenant.deletion-certified"
	EventPolicyAdopted    audit.Event = "tenant.retention-policy" // another policy counts from now on, where stricter
	EventNoticeSent       audit.Event = "tenant.lifecycle-notice" // one of the notices of a termination
	EventHoldAsked        audit.Event = "hold.asked"
	EventHoldApproved     audit.Event = "hold.approved" // in force from here on
	EventHoldReviewed     audit.Event = "hold.reviewed"
	EventHoldReleased     audit.Event = "hold.released"
	EventDispositionSet   audit.Event = "passport.disposition-set" // what becomes of a passport when the tenant leaves
	EventResumedAfterHalt audit.Event = "retention.resumed"        // signed by an operator after an outage of days
)

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
