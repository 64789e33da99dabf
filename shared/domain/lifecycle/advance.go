package lifecycle

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Facts is what a step depends on beside the record and the time. The zero value lets nothing destructive happen.
type Facts struct {
	ExportRunning bool      // an export that was asked for before the window was to close is not finished
	ExportDoneAt  time.Time // when the last of those finished; zero when none ran beyond that instant

	Proof    *LogProof // nil: none
	Holds    []Hold    // every hold on anything of the tenant
	Admitted bool      // the limiter lets this tenant begin its deletion now

	BackupsRead     bool      // the inventory of backups was read, completely
	OldestBackup    time.Time // when the oldest copy was made; zero: there is none
	KeysDestroyedAt time.Time // zero: not all of them
	JournalClosed   bool      // each deletion of the tenant is in the journal

	Certificate string // identifier of the signed certificate
}

// LogProof is what was found in the audit log about a termination. Whoever makes one has checked the proof of inclusion
// and the signature of the checkpoint, and has read the log beyond the entry.
type LogProof struct {
	Tenant    id.Tenant
	Event     audit.Event // EventTerminated, or EventExpedited of a consent
	At        time.Time   // the instant that the entry names: T0, or the consent of the second owner
	Entry     id.Entry
	SignedAt  time.Time // of the oldest checkpoint that includes the entry
	Evidence  string    // the proof itself, for the certificate
	Withdrawn bool      // a later entry cancels the termination, reinstates the tenant, or drops the early end
	Consent   *LogProof // of the second owner to the early end that a record speaks of; nil: none
}

// Covers tells whether the log itself, without trust in the record, shows that the deletion of this record may begin: the
// very termination was in a checkpoint that was signed long enough ago and has not been taken back. For an early end the
// same holds of the consent of the second owner as well, and the cooling-off takes the place of the window: the consent
// alone does not say when the contract ends.
func (p *LogProof) Covers(r Record, now Instants) bool {
	policy := r.Policy()
	if e := r.Expedited; e != nil && (e.ConfirmedBy != "" || !e.ConfirmedAt.IsZero()) {
		return e.ConfirmedBy != "" && e.ConfirmedBy != e.AskedBy && p.shows(r, EventTerminated, r.T0, now, policy.CoolingOff) &&
			p.Consent.shows(r, EventExpedited, e.ConfirmedAt, now, policy.CoolingOff)
	}
	return p.shows(r, EventTerminated, r.T0, now, policy.Proof)
}

// shows tells whether the log says that something happened at an instant, that it was signed so long ago, and nothing
// against it since.
func (p *LogProof) shows(r Record, event audit.Event, at time.Time, now Instants, age time.Duration) bool {
	return p != nil && !p.Withdrawn && p.Tenant == r.Tenant && p.Event == event && !p.SignedAt.IsZero() &&
		!p.At.IsZero() && p.At.Equal(at) && now.NotBefore.Sub(p.SignedAt) >= age
}

// Advance takes the next step if it is due, one at a time. A step that is not due yet returns the record unchanged, no
// event and no error. A step that is due by time and waits for something else is deletion-step-blocked with what it waits
// for; a record that contradicts itself is internal; a clock that went back is ErrClock. With an error the record is
// unchanged.
//
// The instant of a step is the later reading of the clock, never before that of the step before it, and waits are
// measured with the earlier reading: an interval is never shorter than it says.
func Advance(r Record, now Instants, f Facts) (Record, audit.Event, error) {
	if err := r.Check(); err != nil {
		return r, "", err
	}
	if now.NotBefore.IsZero() || now.NotBefore.After(now.NotAfter) {
		return r, "", clockFault("The reading of the clock is not complete.")
	}
	if err := r.present(now.NotAfter); err != nil {
		return r, "", err
	}
	switch r.State {
	case Scheduled:
		return r.open(now)
	case Window:
		return r.seal(now, f)
	case Sealed:
		return r.begin(now, f)
	case Deleting:
		return r.clear(now, f)
	case ActiveClear:
		return r.residual(now, f)
	case ResidualClear:
		if f.Certificate == "" {
			return r, "", blocked("the signed certificate is missing")
		}
		r = r.step(Certified, now)
		r.CertifiedAt, r.Certificate = r.HighWater, f.Certificate
		return r, EventCertified, nil
	default:
		return r, "", nil
	}
}

// open records T0 as what was announced, however late the tick comes.
func (r Record) open(now Instants) (Record, audit.Event, error) {
	if now.NotBefore.Before(r.EffectiveAt) {
		return r, "", nil
	}
	r.T0 = r.EffectiveAt
	return r.step(Window, now), EventWindowOpened, nil
}

func (r Record) seal(now Instants, f Facts) (Record, audit.Event, error) {
	closes := r.Deadlines().NotBefore
	if now.NotBefore.Before(closes) {
		return r, "", nil
	}
	if until := r.extension(now, f); until.After(latest(closes, now.NotBefore)) {
		r.ExtendedUntil = until
		return r.step(Window, now), EventWindowExtended, nil
	}
	if due := Due(r, now.NotAfter); len(due) > 0 {
		return r, "", blocked("the notice %q has not been sent", due[0])
	}
	r = r.step(Sealed, now)
	r.SealedAt = r.HighWater
	return r, EventSealed, nil
}

// extension is until when exports keep the window open, zero when none does. It is bounded, so that an export that never
// ends cannot keep the data beyond the deadlines.
func (r Record) extension(now Instants, f Facts) time.Time {
	p := r.Policy()
	plain := r
	plain.ExtendedUntil = time.Time{}
	planned := plain.Deadlines().NotBefore
	var until time.Time
	switch {
	case f.ExportRunning:
		until = latest(r.HighWater, now.NotAfter).Add(p.Fetch)
	case f.ExportDoneAt.After(planned):
		until = f.ExportDoneAt.Add(p.Fetch)
	}
	return earliest(until, planned.Add(p.Extension))
}

func (r Record) begin(now Instants, f Facts) (Record, audit.Event, error) {
	switch {
	case now.NotBefore.Before(r.Deadlines().DrainUntil):
		return r, "", nil
	case r.PlanHash == "":
		return r, "", blocked("the plan of the deletion is not frozen")
	case Blocked(f.Holds, Target{Tenant: r.Tenant}) != nil:
		return r, "", Blocked(f.Holds, Target{Tenant: r.Tenant})
	case !f.Proof.Covers(r, now):
		return r, "", blocked("the audit log does not prove that the termination was recorded long enough ago and not taken back")
	case !f.Admitted:
		return r, "", blocked("more tenants than usual begin their deletion today")
	}
	r = r.step(Deleting, now)
	r.DeletingAt = r.HighWater
	return r, EventDeleting, nil
}

// fresh is how old the last verification may be when a tenant is called clear. A hold can keep it for months from the
// step, in which a restored backup or a late write can bring something back.
const fresh = 4 * Day

func (r Record) clear(now Instants, f Facts) (Record, audit.Event, error) {
	if r.FirstVerified.IsZero() || r.SecondVerified.IsZero() {
		return r, "", nil
	}
	if err := Blocked(f.Holds, Target{Tenant: r.Tenant, Whole: true}); err != nil {
		return r, "", err
	}
	if now.NotBefore.Sub(r.SecondVerified) > fresh {
		return r, "", blocked("nobody has looked for what may have come back since the last verification")
	}
	r = r.step(ActiveClear, now)
	r.ActiveClearAt = r.HighWater
	return r, EventActiveClear, nil
}

func (r Record) residual(now Instants, f Facts) (Record, audit.Event, error) {
	switch {
	case Blocked(f.Holds, Target{Tenant: r.Tenant, Keys: true}) != nil:
		return r, "", Blocked(f.Holds, Target{Tenant: r.Tenant, Keys: true})
	case f.KeysDestroyedAt.IsZero():
		return r, "", blocked("keys of the tenant are not destroyed")
	case now.NotBefore.Before(f.KeysDestroyedAt.Add(r.Policy().Keys)):
		return r, "", nil // copies of the key store still hold them
	case !f.BackupsRead:
		return r, "", blocked("the inventory of backups was not read")
	case !f.OldestBackup.IsZero() && !f.OldestBackup.After(r.ActiveClearAt):
		return r, "", nil // a copy from before still rotates out
	case !f.JournalClosed:
		return r, "", blocked("the journal of deletions is not closed")
	}
	r = r.step(ResidualClear, now)
	r.ResidualClearAt = r.HighWater
	return r, EventResidualClear, nil
}

// Freeze records the hash of the plan of the deletion, once. After it, only a hold stands against the plan.
func Freeze(r Record, hash string, now Instants) (Record, audit.Event, error) {
	switch {
	case r.State != Sealed:
		return r, "", blocked("a plan is frozen when the tenant is sealed; this one is %s", r.says())
	case hash == "":
		return r, "", blocked("the plan has no hash")
	case r.PlanHash == hash:
		return r, "", nil
	case r.PlanHash != "":
		return r, "", blocked("another plan was frozen already")
	}
	r.PlanHash = hash
	return r.step(Sealed, now), EventPlanFrozen, nil
}

// Verified records the outcome of one verification of every store. residue is how many items were found; any makes the
// verification begin again. The second one counts when it comes Policy.Between after the first or later; one before that
// changes nothing. Where a hold keeps the tenant from the next step, later ones take the place of the second.
func Verified(r Record, now Instants, residue int) (Record, audit.Event, error) {
	switch {
	case r.State != Deleting:
		return r, "", blocked("a verification counts while the tenant is being deleted; this one is %s", r.says())
	case residue != 0:
		r.FirstVerified, r.SecondVerified = time.Time{}, time.Time{}
		return r.step(Deleting, now), EventResidueFound, nil
	case r.FirstVerified.IsZero():
		r.FirstVerified = latest(r.HighWater, now.NotAfter)
	case !now.NotBefore.Before(latest(r.FirstVerified, r.SecondVerified).Add(r.Policy().Between)):
		r.SecondVerified = latest(r.HighWater, now.NotAfter)
	default:
		return r, "", nil
	}
	return r.step(Deleting, now), EventVerified, nil
}

// Reopen takes a tenant back to Deleting because a store found rows after its completion. The deadlines stay. After the
// certificate it is refused: the rows are an incident, and are deleted and logged as one.
func Reopen(r Record, now Instants) (Record, audit.Event, error) {
	if r.State != ActiveClear && r.State != ResidualClear {
		return r, "", blocked("only a tenant that was found clear is opened again; this one is %s", r.says())
	}
	r = r.step(Deleting, now)
	r.FirstVerified, r.SecondVerified = time.Time{}, time.Time{}
	r.ActiveClearAt, r.ResidualClearAt = time.Time{}, time.Time{}
	return r, EventReopened, nil
}

// step moves the record and the mark of the clock with it. The epoch grows only when the state changes.
func (r Record) step(s State, now Instants) Record {
	if s != r.State {
		r.Epoch++
	}
	r.State = s
	r.Revision++
	r.HighWater = latest(r.HighWater, now.NotAfter)
	return r
}

func blocked(format string, args ...any) *fault.Error {
	e := fault.New(fault.CodeStepBlocked, format, args...)
	e.Detail = "The next step waits: " + e.Detail + "."
	return e
}

// Check refuses a record that contradicts itself or the order of the steps. A corrupted row is found here before anything
// follows from it; what it cannot find, the proof from the audit log does.
func (r Record) Check() error {
	wrong := func(what string) error {
		return fault.New(fault.CodeInternal, "The record of tenant %s contradicts itself: %s.", r.Tenant, what)
	}
	if !r.State.Known() {
		return wrong("its state is unknown")
	}
	if err := r.Policy().Check(); err != nil {
		return wrong(fault.Of(err).Detail)
	}
	d, p := r.Deadlines(), r.Policy()
	running := r.State != Active && r.State != Suspended
	for _, rule := range []struct {
		applies, ok bool
		say         string
	}{
		{!running, r.T0.IsZero() && r.EffectiveAt.IsZero() && r.Expedited == nil, "it is not terminated and has instants of a termination"},
		{running, !r.NoticedAt.IsZero() && !r.EffectiveAt.Before(r.NoticedAt), "the termination comes before its notice"},
		{running && r.State != Scheduled, r.T0.Equal(r.EffectiveAt), "T0 is not the instant announced"},
		{r.State == Scheduled, r.T0.IsZero(), "T0 is set before it was reached"},
		{r.Expedited != nil, r.Expedited.sound(), "one owner alone has shortened the window"},
		{!r.ExtendedUntil.IsZero(), !r.ExtendedUntil.After(p.Deadlines(r.Begins()).NotBefore.Add(p.Extension)), "the window is extended too far"},
		{r.State.Closed(), !r.SealedAt.Before(d.NotBefore), "it was sealed before the window ended"},
		{!r.State.Closed(), r.SealedAt.IsZero() && r.PlanHash == "", "it has a seal and is not sealed"},
		{r.State.deletes(), !r.DeletingAt.Before(d.DrainUntil) && r.PlanHash != "", "its deletion began before the drain had ended or without a plan"},
		{!r.State.deletes(), r.DeletingAt.IsZero() && r.FirstVerified.IsZero(), "its deletion began in a state that allows none"},
		{!r.FirstVerified.IsZero(), !r.FirstVerified.Before(r.DeletingAt), "it was verified before its deletion began"},
		{!r.SecondVerified.IsZero(), !r.FirstVerified.IsZero() && r.SecondVerified.Sub(r.FirstVerified) >= p.Between, "the verifications are too close together"},
		{r.State.cleared(), !r.SecondVerified.IsZero() && !r.ActiveClearAt.Before(r.SecondVerified), "it is called clear without two verifications"},
		{!r.State.cleared(), r.ActiveClearAt.IsZero() && r.ResidualClearAt.IsZero(), "it is called clear and is not"},
		{r.State == ResidualClear || r.State == Certified, !r.ResidualClearAt.Before(r.ActiveClearAt), "backups were clear before the active systems"},
		{r.State == Certified, !r.CertifiedAt.Before(r.ResidualClearAt) && r.Certificate != "", "it is certified without a certificate"},
	} {
		if rule.applies && !rule.ok {
			return wrong(rule.say)
		}
	}
	return nil
}

func (e *Expedited) sound() bool {
	if e == nil {
		return true
	}
	waiting := e.ConfirmedBy == "" && e.ConfirmedAt.IsZero()
	return e.AskedBy != "" && (waiting || e.ConfirmedBy != "" && e.ConfirmedBy != e.AskedBy && !e.ConfirmedAt.Before(e.AskedAt))
}

func (s State) deletes() bool { return s == Deleting || s.cleared() }

func (s State) cleared() bool { return s == ActiveClear || s == ResidualClear || s == Certified }
