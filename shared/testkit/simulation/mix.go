package simulation

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Mix is which faults a run has and how often. A seed draws its own: most have some faults and not others, and a few have
// none, since a fault can hide what another would show.
type Mix struct {
	Step time.Duration // between two runs of the schedule while nothing is urgent; a tick left out is a missed tick

	// Per call of a port by the engine.
	CrashBefore, CrashAfter float64
	Throttle                float64 // refused, nothing done
	LostReply               float64 // done, and the answer is an error
	Overlap                 float64 // another worker runs while this one waits

	// Per call of a store that sweeps or counts.
	Partial float64 // part of a batch is left, and the call ends with an error
	Lie     float64 // answers that it has deleted, and has not
	Stale   float64 // reads what was so some seconds, or minutes, ago

	// Per run of a job.
	Missed, Duplicate, Late float64
	Skew, Jump, Back        float64 // of one clock, or of all

	// Per day.
	Outage   float64 // of the whole schedule, up to 72 hours
	Down     float64 // of a sub-processor, for days
	Restore  float64 // of a backup
	Shrug    float64 // a backup service answers 200 and does nothing
	MassExit float64
	Halt     float64 // of the schedule for more than five days, until an operator gives word
	Lost     float64 // the list of what is due loses a tenant

	// Per tenant.
	Corrupt   float64 // its row gets an earlier T0
	Straggle  float64 // writes after the seal, while the drain lasts
	Ghost     float64 // something is written long after
	Hold      float64
	Expedite  float64
	Reinstate float64
	Policy    float64 // per year: another retention policy
}

// Calm is the mix without faults.
func Calm() Mix { return Mix{Step: time.Hour, Hold: 0.1, Expedite: 0.1, Reinstate: 0.3, Straggle: 0.2} }

// Storm is the mix with every fault at once, each often.
func Storm() Mix {
	return Mix{
		Step: 2 * time.Hour, CrashBefore: 2e-3, CrashAfter: 2e-3, Throttle: 5e-3, LostReply: 2e-3, Overlap: 5e-3,
		Partial: 0.1, Lie: 0.08, Stale: 0.3, Missed: 0.05, Duplicate: 0.05, Late: 0.05, Skew: 0.02, Jump: 5e-3, Back: 5e-3,
		Halt: 1e-3, Lost: 5e-2, Outage: 5e-3, Down: 5e-3, Restore: 5e-2, Shrug: 5e-3, MassExit: 1e-3,
		Corrupt: 0.15, Straggle: 0.6, Ghost: 0.2, Hold: 0.4, Expedite: 0.2, Reinstate: 0.5, Policy: 1.5,
	}
}

// drawMix draws the mix of a seed.
func drawMix(seed uint64) Mix {
	d := newDice(seed, "mix")
	if d.chance(0.1) {
		return Calm()
	}
	const no = 0.4 // so many seeds lack a given fault
	return Mix{
		Step:        pick(d, 15*time.Minute, 30*time.Minute, time.Hour, time.Hour, 2*time.Hour, 6*time.Hour),
		CrashBefore: d.rate(1e-4, 3e-3, no), CrashAfter: d.rate(1e-4, 3e-3, no),
		Throttle: d.rate(1e-3, 5e-2, no), LostReply: d.rate(1e-4, 1e-2, no), Overlap: d.rate(1e-4, 1e-2, no),
		Partial: d.rate(1e-2, 0.3, no), Lie: d.rate(1e-3, 0.1, no), Stale: d.rate(1e-2, 0.5, no),
		Missed: d.rate(1e-3, 0.2, no), Duplicate: d.rate(1e-3, 0.2, no), Late: d.rate(1e-3, 0.2, no),
		Skew: d.rate(1e-3, 0.1, no), Jump: d.rate(1e-4, 1e-2, no), Back: d.rate(1e-4, 1e-2, no),
		Outage: d.rate(1e-3, 2e-2, no), Down: d.rate(1e-3, 2e-2, no), Restore: d.rate(1e-3, 2e-2, no), Shrug: d.rate(1e-3, 2e-2, no),
		MassExit: d.rate(2e-4, 1e-3, 0.7),
		Corrupt:  d.rate(1e-2, 0.2, no), Straggle: d.rate(0.05, 0.8, no), Ghost: d.rate(0.02, 0.3, no),
		Hold: d.rate(0.05, 0.4, no), Expedite: d.rate(0.05, 0.3, no), Reinstate: d.rate(0.1, 0.6, no), Policy: d.rate(0.2, 2, no),
		Halt: d.rate(3e-4, 2e-3, 0.6), Lost: d.rate(5e-3, 0.1, no),
	}
}

// String lists the faults of a mix.
func (m Mix) String() string {
	var b strings.Builder
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		switch x := v.Field(i).Interface().(type) {
		case float64:
			if x > 0 {
				fmt.Fprintf(&b, " %s %.2g", v.Type().Field(i).Name, x)
			}
		case time.Duration:
			fmt.Fprintf(&b, "step %s", x)
		}
	}
	return b.String()
}
