// Package clock is the only place of the product that reads the system's time. Everything else receives a Clock, so
// that tests and the local runner can move time.
package clock

import (
	"sync"
	"time"
)

// Clock returns the present instant in UTC.
type Clock func() time.Time

// System is the machine's clock, in UTC, without the monotonic reading (instants are stored and compared as wall time).
func System() time.Time { return time.Now().UTC().Round(0) }

// Fixed is a clock that stands still.
func Fixed(t time.Time) Clock {
	t = t.UTC().Round(0)
	return func() time.Time { return t }
}

// Movable is a clock that runs with its base and can be advanced; safe for concurrent use. It never runs backwards.
type Movable struct {
	base   Clock
	mu     sync.Mutex
	offset time.Duration
}

// NewMovable makes a movable clock over base (Fixed for tests, System for the local runner).
func NewMovable(base Clock) *Movable { return &Movable{base: base} }

// Now is the present instant of this clock; use the method value as a Clock.
func (m *Movable) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.base().Add(m.offset)
}

// Advance moves the clock forward by d and returns the new instant; a negative d is ignored.
func (m *Movable) Advance(d time.Duration) time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if d > 0 {
		m.offset += d
	}
	return m.base().Add(m.offset)
}

// Offset is how far this clock is ahead of its base.
func (m *Movable) Offset() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.offset
}
