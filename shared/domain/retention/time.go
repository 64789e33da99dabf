package retention

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// reserve is kept of the time that a run has, for what has to be written down at its end.
const reserve = time.Minute

// Time is what every job knows of the time: independent sources, the mark, and how long it may work.
type Time struct {
	Sources  Sources
	Guards   Guards
	Meter    Meter
	Clock    clock.Clock   // tells how long a run has worked already; nil: not at all
	Patience time.Duration // of the function; a run stops reserve before it ends. 0: without end
}

// reading is the time of one run, which has passed the guards.
type reading struct {
	lifecycle.Instants
	begun time.Time
	clock clock.Clock
	until time.Time
}

// at is the present, in the later reading.
func (r reading) at() time.Time { return r.NotAfter.Add(r.worked()) }

// over tells whether the run has to end.
func (r reading) over() bool { return !r.until.IsZero() && !r.begun.Add(r.worked()).Before(r.until) }

func (r reading) worked() time.Duration {
	if r.clock == nil {
		return 0
	}
	return max(0, r.clock().Sub(r.begun))
}

// Present is the time for whoever destroys something beside the engine, or lifecycle.ErrClock: then nothing may be.
func (t Time) Present(ctx context.Context, now time.Time) (lifecycle.Instants, error) {
	r, err := t.observe(ctx, now, false)
	return r.Instants, err
}

// observe reads the time, or says lifecycle.ErrClock: then nothing may be done at all. now is the machine's clock at the
// beginning of the run and has to agree with the sources, too. With raise the mark is moved along.
func (t Time) observe(ctx context.Context, now time.Time, raise bool) (reading, error) {
	r, err := t.read(ctx, now, raise)
	bad := 0.0
	if errors.Is(err, lifecycle.ErrClock) {
		bad = 1
	}
	t.Meter.Put(ClockDisagreement, bad)
	return r, err
}

func (t Time) read(ctx context.Context, now time.Time, raise bool) (reading, error) {
	r := reading{begun: now, clock: t.Clock}
	if t.Clock != nil {
		r.begun = t.Clock()
	}
	if t.Patience > 0 {
		r.until = now.Add(t.Patience - reserve) // of all that runs in one invocation
	}
	sources, err := t.Sources.Now(ctx)
	if err != nil {
		return r, err
	}
	if r.Instants, err = lifecycle.Observe(sources...); err != nil {
		return r, err
	}
	if _, err := lifecycle.Observe(append([]time.Time{now}, sources...)...); err != nil {
		return r, err
	}
	high, word, err := t.Guards.Mark(ctx)
	if err != nil {
		return r, err
	}
	mark, err := lifecycle.Guard(high, r.Instants, word)
	if err != nil || !raise || mark.Equal(high) {
		return r, err
	}
	// Somebody who raised it at the same moment has passed the same guard; the next run compares with what is there then.
	if err := t.Guards.Raise(ctx, high, mark); err != nil && !errors.Is(err, ErrTaken) {
		return r, err
	}
	return r, nil
}

// The figures.
const (
	TickHeartbeat           = "TickHeartbeat"
	ClockDisagreement       = "ClockDisagreement"
	MinSlackWindow          = "MinSlackSecondsWindow"
	MinSlackActive          = "MinSlackSecondsActive"
	MinSlackResidual        = "MinSlackSecondsResidual"
	LateTenants             = "LateTenants" // whose projected finish is past a deadline, or which missed one
	StepsFailed             = "StepsFailed"
	StepsBlocked            = "StepsBlocked"    // due by time, and waiting for something
	WindowsExtended         = "WindowsExtended" // because of exports, at the cost of the time for the deletion
	NoProgress              = "NoProgress"      // pieces of work that stand still for two hours
	ResidualFound           = "ResidualFound"
	ResurrectionFound       = "ResurrectionFound"
	DetectorAge             = "DetectorAge"             // days since a search for what came back ended
	EarlyDestructiveAttempt = "EarlyDestructiveAttempt" // refused; still somebody has to look
	MissingAttestation      = "MissingAttestation"      // stores without evidence, counted again at each of T0+40, 45, 50 and 55 days
	CertificatesOverdue     = "CertificatesOverdue"
	HoldReviewOverdue       = "HoldReviewOverdue"
	LawReviewOverdue        = "LawReviewOverdue"
	LimiterPaused           = "LimiterPaused"
	LateErasures            = "LateErasures" // single passports and persons past their deadline
	LostDue                 = "LostDue"      // found by the second way
	SweepsFailed            = "SweepsFailed" // calls of stores that failed and come again
)
