package lifecycle

import (
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// ErrClock says that the time is not known well enough to destroy anything. Every fault of this package that comes from
// clocks wraps it.
var ErrClock = errors.New("the time is not known well enough")

// Limits of clocks.
const (
	MaxDisagreement = 300 * time.Second // between two sources, and how far a reading may be behind the mark
	Reserve         = 600 * time.Second // taken off the earliest source before anything may be destroyed
	MaxJump         = 5 * Day           // ahead of the mark without an operator's entry
)

// Instants is the present as two readings: what must not happen too early is compared with NotBefore, what must not
// happen too late with NotAfter. NotBefore is always the earlier.
type Instants struct {
	NotBefore time.Time // the earliest source less Reserve
	NotAfter  time.Time // the latest source
}

// Observe makes the two readings from at least two independent sources, such as the machine's clock and the Date header
// of a storage's answer. Sources that differ by more than MaxDisagreement, or fewer than two, are ErrClock.
func Observe(sources ...time.Time) (Instants, error) {
	if len(sources) < 2 {
		return Instants{}, clockFault("%d of 2 time sources answered.", len(sources))
	}
	low, high := sources[0], sources[0]
	for _, s := range sources {
		if s.IsZero() {
			return Instants{}, clockFault("A time source gave no time.")
		}
		low, high = earliest(low, s), latest(high, s)
	}
	if d := high.Sub(low); d > MaxDisagreement {
		return Instants{}, clockFault("The time sources differ by %s; at most %s are allowed.", d, MaxDisagreement)
	}
	return Instants{NotBefore: low.UTC().Round(0).Add(-Reserve), NotAfter: high.UTC().Round(0)}, nil
}

// Guard compares a reading with the high-water mark, the latest reading that any work was done with, and returns the new
// mark. A reading that went back, or that jumped ahead by more than MaxJump without an operator's word, is ErrClock and
// leaves the mark where it is: one bad tick must not move it for good. The zero mark accepts any reading.
func Guard(high time.Time, now Instants, word *Resume) (time.Time, error) {
	if now.NotBefore.IsZero() || now.NotAfter.IsZero() || now.NotBefore.After(now.NotAfter) {
		return high, clockFault("The reading of the clock is not complete.")
	}
	if high.IsZero() {
		return now.NotAfter, nil
	}
	if high.Sub(now.NotAfter) > MaxDisagreement {
		return high, clockFault("The clock says %s, which is before %s, when work was done already.", stamp(now.NotAfter), stamp(high))
	}
	if now.NotAfter.Sub(high) > MaxJump && !word.covers(high, now.NotAfter) {
		return high, clockFault("The clock says %s, more than %d days after %s, when work was last done: an operator has to confirm that this was an outage.",
			stamp(now.NotAfter), int(MaxJump/Day), stamp(high))
	}
	return latest(high, now.NotAfter), nil
}

func clockFault(format string, args ...any) *fault.Error {
	return fault.From(ErrClock, fault.CodeUnavailable, format, args...)
}

// stamp is an instant for people.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") }
