package simulation

import (
	"context"
	"time"
)

// clocks are what the engine can know of the time: its machine's and the Date of the storage's answers. Each is some
// seconds off always. For one run of a job a clock can be off by minutes, days or years; all together they are off by less
// than the reserve, or by so much ahead that it cannot be an outage, or back. A jump of all of them by less than the limit
// of a jump is beyond what two sources can tell from an outage, and is no fault of this model.
type clocks struct {
	w                *World
	machine, storage time.Duration // off, in this run
}

// drift decides how far off the clocks of the next run are.
func (c *clocks) drift() {
	d, m := c.w.dice.clocks, c.w.mix
	c.machine, c.storage = d.between(-time.Second, time.Second), -d.between(0, time.Second)
	defer func() { // whoever sets a platform up looks at its clock: nothing else could tell that the first reading is wrong
		if c.w.now.Sub(epoch()) < day {
			c.machine, c.storage = 0, 0
		}
	}()
	far := func() time.Duration { return d.between(6*time.Minute, 2000*day) }
	switch {
	case d.chance(m.Skew):
		c.w.injected("clock skewed within the reserve")
		both := d.between(-4*time.Minute, 4*time.Minute)
		c.machine, c.storage = both, both+d.between(-30*time.Second, 30*time.Second)
	case d.chance(m.Jump):
		c.w.injected("clock ahead")
		off := far()
		switch d.IntN(3) {
		case 0:
			c.machine += off
		case 1:
			c.storage += off
		default:
			off += 9 * day
			c.machine, c.storage = c.machine+off, c.storage+off
		}
	case d.chance(m.Back):
		c.w.injected("clock back")
		off := -far()
		switch d.IntN(3) {
		case 0:
			c.machine += off
		case 1:
			c.storage += off
		default:
			c.machine, c.storage = c.machine+off, c.storage+off
		}
	}
}

// lambda is the machine's clock.
func (c *clocks) lambda() time.Time { return c.w.now.Add(c.machine) }

// Now is retention.Sources. The Date header of an answer has whole seconds (RFC 9110, section 6.6.1).
func (c *clocks) Now(context.Context) ([]time.Time, error) {
	return call(c.w, "Date", func() ([]time.Time, error) {
		return []time.Time{c.lambda(), c.w.now.Add(c.storage).Truncate(time.Second)}, nil
	})
}
