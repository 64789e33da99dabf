// Package schedule runs what falls due by the clock, as Amazon EventBridge does for the deployed system: it reads the
// rate and cron expressions of the template and calls each task at its due instants, in order.
//
// Time here is given, never read: the local program moves it by a ticker or by hand, tests by hand. Everything is in
// UTC. Retries, dead-letter queues, flexible windows and time zones are EventBridge's and not repeated here.
package schedule

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Task is something to run by the clock.
type Task struct {
	Name string
	When Expression
}

// Firing is one run of a task.
type Firing struct {
	Task string
	Due  time.Time // the instant it was due, in UTC; the "time" of EventBridge's event
}

// Ran is a firing that is over.
type Ran struct {
	Firing
	Err error // what the task returned, or that it panicked
}

// Scheduler runs tasks one at a time. It is safe for concurrent use: a second Advance waits for the first. A task must
// not advance the scheduler that runs it.
type Scheduler struct {
	fire func(context.Context, Firing) error

	mu      sync.Mutex
	pending []pending
}

type pending struct {
	task Task
	due  time.Time // zero: never again
}

// New makes a scheduler whose tasks are due strictly after since, which is the present instant or, to make up for a
// pause, the one up to which an earlier scheduler ran. fire runs a task; its error is reported and stops nothing. Two
// tasks of one name are refused: nobody could tell their runs apart.
func New(since time.Time, fire func(context.Context, Firing) error, tasks ...Task) (*Scheduler, error) {
	s := &Scheduler{fire: fire}
	seen := map[string]bool{}
	for _, t := range tasks {
		if seen[t.Name] {
			return nil, fmt.Errorf("there are two schedules named %s", t.Name)
		}
		seen[t.Name] = true
		s.pending = append(s.pending, pending{task: t, due: t.When.Next(since)})
	}
	return s, nil
}

// Advance runs everything that is due until to, which included, in the order of the due instants and, of one instant, of
// the names. It returns what ran. When ctx ends it stops before the next run, with the reason as error; the next Advance
// goes on from there, so nothing is run twice or left out.
func (s *Scheduler) Advance(ctx context.Context, to time.Time) ([]Ran, error) {
	return s.run(ctx, to, func(time.Time) {})
}

// AdvanceClock moves a clock forward by d and runs what falls due on the way. The clock stands at each due instant when
// its task runs, as it would had the time passed by itself, and at the end of the way afterwards.
func (s *Scheduler) AdvanceClock(ctx context.Context, c *clock.Movable, d time.Duration) ([]Ran, error) {
	to := c.Now().Add(max(d, 0))
	move := func(t time.Time) { c.Advance(t.Sub(c.Now())) }
	ran, err := s.run(ctx, to, move)
	if err == nil {
		move(to)
	}
	return ran, err
}

// Upcoming is when each task is due next, in the order in which they will run. A task that is never due again is left out.
func (s *Scheduler) Upcoming() []Firing {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := append([]pending(nil), s.pending...)
	var all []Firing
	for {
		next := earliest(rest)
		if next == nil {
			return all
		}
		all = append(all, next.firing())
		next.due = time.Time{}
	}
}

func (s *Scheduler) run(ctx context.Context, to time.Time, arrive func(time.Time)) ([]Ran, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ran []Ran
	for {
		next := earliest(s.pending)
		if next == nil || next.due.After(to) {
			return ran, nil
		}
		if err := ctx.Err(); err != nil {
			return ran, fmt.Errorf("schedules stopped before %s of %s: %w", next.task.Name, next.due.Format(time.RFC3339), err)
		}
		f := next.firing()
		arrive(f.Due)
		err := s.call(ctx, f)
		next.due = next.task.When.Next(f.Due)
		ran = append(ran, Ran{Firing: f, Err: err})
	}
}

// call keeps a panic of one task from taking all others down: on AWS it would be one failed invocation.
func (s *Scheduler) call(ctx context.Context, f Firing) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s panicked: %v", f.Task, p)
		}
	}()
	return s.fire(ctx, f)
}

func (p *pending) firing() Firing { return Firing{Task: p.task.Name, Due: p.due} }

func earliest(all []pending) *pending {
	var first *pending
	for i := range all {
		p := &all[i]
		if p.due.IsZero() {
			continue
		}
		if first == nil || p.due.Before(first.due) || p.due.Equal(first.due) && p.task.Name < first.task.Name {
			first = p
		}
	}
	return first
}
