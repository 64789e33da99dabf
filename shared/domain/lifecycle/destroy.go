package lifecycle

import (
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// ErrEarly says that something destructive was about to happen before its time. It is never expected: whoever meets it
// stops, counts it and calls somebody.
var ErrEarly = errors.New("a destructive step before its time")

// Destroy refuses, with ErrEarly, to destroy anything of a whole tenant now: before the drain has ended, in a state that
// allows none, or its keys before the tenant is clear. It is asked in front of every destructive call, with the record as
// it is stored, and trusts nothing that was decided before. now is a reading that Guard has let through.
func (r Record) Destroy(now Instants, keys bool) error {
	if err := r.Check(); err != nil {
		return err
	}
	drained := r.Deadlines().DrainUntil
	switch {
	case !r.State.deletes() || r.State == Certified:
		return early("the organisation is %s", r.says())
	case keys && r.State == Deleting:
		return early("keys go when nothing is left that is encrypted under them, and the organisation is %s", r.says())
	case now.NotBefore.IsZero() || now.NotBefore.Before(drained):
		return early("the drain ends at %s", stamp(drained))
	}
	return nil
}

// DestroyOne refuses, with ErrEarly, to destroy a single passport or person now, which was asked for with the right to
// take it back until notBefore. While the window is open and until the deletion of the whole begins it waits: in that
// time nothing is destroyed.
func (r Record) DestroyOne(now Instants, notBefore time.Time) error {
	if err := r.Check(); err != nil {
		return err
	}
	if now.NotBefore.IsZero() || now.NotBefore.Before(notBefore) {
		return early("it can be taken back until %s", stamp(notBefore))
	}
	if s := r.At(now.NotAfter); s != r.State || Can(s, Destroy) != nil {
		return fault.New(fault.CodeStepBlocked, "Nothing is destroyed while the organisation is %s.", s.Means())
	}
	return nil
}

// Begun tells whether something may have been destroyed already.
func (s State) Begun() bool { return s.deletes() }

// Planned is when the window ends by plan, without what a running export adds; zero when no termination runs.
func (r Record) Planned() time.Time {
	r.ExtendedUntil = time.Time{}
	return r.Deadlines().NotBefore
}

// Touch is the record of a step that changes nothing but when somebody looks next.
func (r Record) Touch() Record {
	r.Revision++
	return r
}

// NextNotice is when the next notice of the countdown is due; zero when none is left.
func (r Record) NextNotice() time.Time {
	if r.State != Window {
		return time.Time{}
	}
	for _, k := range NoticeKinds() {
		if after, countdown := k.after(); countdown && !r.sent(k) {
			return r.T0.Add(after)
		}
	}
	return time.Time{}
}

func early(format string, args ...any) *fault.Error {
	e := fault.From(ErrEarly, fault.CodeStepBlocked, format, args...)
	e.Detail = "This is not the time to destroy: " + e.Detail + "."
	return e
}
