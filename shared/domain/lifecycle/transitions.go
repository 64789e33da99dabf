package lifecycle

import (
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// New is the record of a tenant that was founded under a policy, which stays pinned for it.
func New(t id.Tenant, accepted Policy) Record {
	return Record{Tenant: t, State: Active, Accepted: accepted}
}

// Termination is what an owner says when the contract is to end.
type Termination struct {
	EffectiveAt  time.Time // zero: now; never before now, at most MaxNotice ahead
	Confirmation string    // the organisation's name, typed
	Name         string    // the organisation's name, as stored
	Policy       Policy    // of this build; counts where it is stricter than the accepted one
}

// MaxNotice is how far ahead a termination may be; more is taken for a mistake in typing.
const MaxNotice = 2 * 366 * Day

// Terminate ends the contract of a tenant that is active or suspended. An owner says so and types the organisation's
// name. The contract ends at the instant wanted, never before the instant of asking; with a notice period or a transition
// period (Regulation (EU) 2023/2854, article 25(2)(d)) that is the end of that period.
func Terminate(r Record, by access.Caller, t Termination, now time.Time) (Record, audit.Event, error) {
	now = now.UTC().Round(0)
	if err := owner(by); err != nil {
		return r, "", err
	}
	if err := r.present(now); err != nil {
		return r, "", err
	}
	if r.State != Active && r.State != Suspended {
		return r, "", fault.New(fault.CodeTerminationState, "The contract has been terminated already, with effect from %s.", stamp(r.Begins()))
	}
	effective, err := t.check(now)
	if err != nil {
		return r, "", err
	}
	adopted, err := Adopt(r, t.Policy)
	if err != nil {
		return r, "", err
	}
	r.Later = adopted.Later // one step, one revision
	r.Suspended = r.Suspended || r.State == Suspended
	r = r.to(Scheduled)
	r.EffectiveAt, r.NoticedAt, r.RequestedBy = effective, now, by.Actor
	return r, EventTerminated, nil
}

// check finds the effective instant and names every member that is wrong.
func (t Termination) check(now time.Time) (time.Time, error) {
	if strings.TrimSpace(t.Confirmation) != t.Name || t.Name == "" {
		return now, fault.New(fault.CodeConfirmationWrong, "Type the name of your organisation to confirm that its contract is to end.").With(
			fault.Field{Pointer: "/confirmation", Code: fault.CodeConfirmationWrong, Detail: "is not the organisation's name"})
	}
	var fields []fault.Field
	effective := now
	if !t.EffectiveAt.IsZero() {
		effective = t.EffectiveAt.UTC().Round(0)
	}
	if effective.Before(now) || effective.Sub(now) > MaxNotice {
		fields = append(fields, fault.Field{Pointer: "/effectiveAt", Code: fault.CodeValueInvalid, Detail: "must not be in the past, and at most two years ahead"})
	}
	if fields != nil {
		return now, fault.New(fault.CodeValueInvalid, "The termination has values that are not allowed.").With(fields...)
	}
	return effective, nil
}

// Reinstate takes a termination back: cancels it before it came into force, reinstates the tenant while the window is
// open. The contract goes on as if nothing had been said; a later termination gets a window of its own. A tenant that the
// operator has suspended is suspended again.
func Reinstate(r Record, by access.Caller, now time.Time) (Record, audit.Event, error) {
	if err := owner(by); err != nil {
		return r, "", err
	}
	if err := r.present(now); err != nil {
		return r, "", err
	}
	event := EventReinstated
	switch {
	case r.State == Scheduled && r.At(now) == Scheduled:
		event = EventCancelled
	case r.State == Scheduled, r.State == Window:
	case r.State.Closed():
		return r, "", fault.New(fault.CodeTerminationState,
			"The window in which the contract could be taken up again ended at %s; since then nobody can read the data, and its deletion has begun or ended.", stamp(r.SealedAt))
	default:
		return r, "", fault.New(fault.CodeTerminationState, "The contract has not been terminated.")
	}
	back := Active
	if r.Suspended {
		back = Suspended
	}
	r = r.to(back)
	r.T0, r.EffectiveAt, r.NoticedAt, r.ExtendedUntil = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	r.RequestedBy, r.Expedited, r.Notices, r.Later = "", nil, nil, nil
	return r, event, nil
}

// Suspend is the operator's: the tenant reads and exports, and changes nothing. It starts no clock, and shortens none.
func Suspend(r Record) (Record, audit.Event, error) {
	if r.Suspended || r.State.Closed() {
		return r, "", fault.New(fault.CodeTerminationState, "The organisation is %s and cannot be suspended.", r.says())
	}
	if r.State == Active {
		r.State = Suspended
	}
	r = r.to(r.State)
	r.Suspended = true
	return r, audit.TenantSuspended, nil
}

// Activate is the operator's: it lifts a suspension.
func Activate(r Record) (Record, audit.Event, error) {
	if !r.Suspended || r.State.Closed() {
		return r, "", fault.New(fault.CodeTerminationState, "The organisation is %s; there is no suspension to lift.", r.says())
	}
	if r.State == Suspended {
		r.State = Active
	}
	r = r.to(r.State)
	r.Suspended = false
	return r, audit.TenantActivated, nil
}

// Expedite asks for the window to end early. It changes nothing until another owner confirms it.
func Expedite(r Record, by access.Caller, now time.Time) (Record, audit.Event, error) {
	if err := r.expeditable(by, now); err != nil {
		return r, "", err
	}
	if r.Expedited != nil {
		return r, "", fault.New(fault.CodeTerminationState, "Early deletion was asked for already, at %s.", stamp(r.Expedited.AskedAt))
	}
	r.Expedited = &Expedited{AskedBy: by.Actor, AskedAt: now.UTC().Round(0)}
	r.Revision++
	return r, EventExpediteAsked, nil
}

// ConfirmExpedite is the consent of another owner to an early end of the window. The seal comes when the cooling-off has
// passed, and never before the termination is in force.
func ConfirmExpedite(r Record, by access.Caller, now time.Time) (Record, audit.Event, error) {
	if err := r.expeditable(by, now); err != nil {
		return r, "", err
	}
	switch e := r.Expedited; {
	case e == nil:
		return r, "", fault.New(fault.CodeTerminationState, "Nobody has asked for early deletion.")
	case e.ConfirmedBy != "":
		return r, "", fault.New(fault.CodeTerminationState, "Early deletion was confirmed already, at %s.", stamp(e.ConfirmedAt))
	case e.AskedBy == by.Actor:
		return r, "", fault.New(fault.CodeSecondPerson,
			"Another owner has to confirm early deletion. If you are the only owner, make somebody else an owner first, or wait until the window ends at %s.", stamp(r.Deadlines().NotBefore))
	}
	e := *r.Expedited
	e.ConfirmedBy, e.ConfirmedAt = by.Actor, latest(e.AskedAt, now.UTC().Round(0))
	r.Expedited = &e
	r.Revision++
	return r, EventExpedited, nil
}

// DropExpedite takes the wish for an early end back; any owner can, also during the cooling-off. The window is then as
// long as if nobody had asked.
func DropExpedite(r Record, by access.Caller, now time.Time) (Record, audit.Event, error) {
	if err := r.expeditable(by, now); err != nil {
		return r, "", err
	}
	if r.Expedited == nil {
		return r, "", fault.New(fault.CodeTerminationState, "Nobody has asked for early deletion.")
	}
	r.Expedited = nil
	r.Revision++
	return r, EventExpediteDropped, nil
}

// expeditable refuses whoever is not an owner in person, and every state but the two in which the window is still ahead.
func (r Record) expeditable(by access.Caller, now time.Time) error {
	if err := owner(by); err != nil {
		return err
	}
	if err := r.present(now); err != nil {
		return err
	}
	if r.State != Scheduled && r.State != Window {
		return fault.New(fault.CodeTerminationState, "The organisation is %s: early deletion is possible between termination and the end of the window only.", r.says())
	}
	return nil
}

// owner refuses everybody but a person who is an owner. Signing in again is demanded by the permission table.
func owner(by access.Caller) error {
	if by.Role == access.Owner && strings.HasPrefix(by.Actor, string(access.Person)+":") {
		return nil
	}
	return fault.New(fault.CodeForbidden, "Only an owner of the organisation, in person, may do this.")
}

// present refuses an instant before the last one that this record has seen.
func (r Record) present(now time.Time) error {
	mark := latest(r.HighWater, r.NoticedAt)
	if r.Expedited != nil {
		mark = latest(mark, r.Expedited.AskedAt)
	}
	if now.IsZero() || mark.Sub(now) > MaxDisagreement {
		return clockFault("The clock says %s, which is before the last step of this record.", stamp(now))
	}
	return nil
}

// to moves the record to a state. The epoch fences off whoever acted under the state before.
func (r Record) to(s State) Record {
	r.State = s
	r.Epoch++
	r.Revision++
	return r
}

// says is the state and the instant since when, for people.
func (r Record) says() string {
	text, since := r.State.Means(), time.Time{}
	switch r.State {
	case Scheduled:
		return text + ", with effect from " + stamp(r.EffectiveAt)
	case Window:
		since = r.T0
	case Sealed:
		since = r.SealedAt
	case Deleting:
		since = r.DeletingAt
	case ActiveClear:
		since = r.ActiveClearAt
	case ResidualClear:
		since = r.ResidualClearAt
	case Certified:
		since = r.CertifiedAt
	default:
	}
	if since.IsZero() {
		return text
	}
	return text + " since " + stamp(since)
}

// Means is the state in a few words, as the rest of a sentence about the organisation.
func (s State) Means() string {
	switch s {
	case Active:
		return "active"
	case Suspended:
		return "suspended"
	case Scheduled:
		return "about to leave"
	case Window:
		return "terminated, in the window for export"
	case Sealed:
		return "closed"
	case Deleting:
		return "being deleted"
	case ActiveClear:
		return "deleted from the active systems"
	case ResidualClear:
		return "deleted everywhere"
	case Certified:
		return "deleted, with a certificate"
	default:
		return "in an unknown state"
	}
}
