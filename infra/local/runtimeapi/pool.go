package runtimeapi

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// pool is the processes of one function. Whoever holds a slot may use or start one, so there are never more processes
// than slots.
type pool struct {
	function Function
	runtime  *Runtime
	slots    chan struct{}

	mu     sync.Mutex
	closed bool
	idle   []*process
	all    map[*process]bool
	stats  Stats
}

func newPool(f Function, r *Runtime) *pool {
	return &pool{function: f, runtime: r, slots: make(chan struct{}, r.options.MaxProcesses), all: map[*process]bool{}}
}

// errGone says that a process ended before it took the invocation, which another one can serve.
var errGone = errors.New("the process ended before it took the invocation")

// call waits for a slot and then for the answer. The invocation itself does not depend on ctx.
func (p *pool) call(ctx context.Context, inv *invocation) ([]byte, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("function %s: all of its processes are busy: %w", p.function.Name, ctx.Err())
	}
	finished := make(chan outcome, 1)
	go func() {
		answer, err := p.serve(inv)
		p.count(err)
		<-p.slots
		finished <- outcome{answer, err}
	}()
	select {
	case o := <-finished:
		return o.answer, o.err
	case <-ctx.Done():
		return nil, fmt.Errorf("function %s: nobody waits for its answer any longer: %w", p.function.Name, ctx.Err())
	}
}

// serve runs an invocation on a waiting process, or on a new one if there is none or those that waited are gone.
func (p *pool) serve(inv *invocation) ([]byte, error) {
	for {
		proc, fresh, err := p.take()
		if err != nil {
			return nil, err
		}
		answer, err := proc.invoke(inv, fresh)
		if errors.Is(err, errGone) && !fresh {
			continue
		}
		p.giveBack(proc)
		if errors.Is(err, errGone) {
			err = proc.exitError()
		}
		return answer, err
	}
}

func (p *pool) take() (proc *process, fresh bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, false, fmt.Errorf("function %s: the runtime is closed", p.function.Name)
	}
	if n := len(p.idle); n > 0 {
		proc = p.idle[n-1]
		p.idle = p.idle[:n-1]
		return proc, false, nil
	}
	proc, err = start(p)
	if err != nil {
		return nil, false, err
	}
	p.all[proc] = true
	return proc, true, nil
}

func (p *pool) giveBack(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[proc] {
		p.idle = append(p.idle, proc)
	}
}

// gone takes a process that has ended off the books.
func (p *pool) gone(proc *process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, proc)
	p.idle = slices.DeleteFunc(p.idle, func(other *process) bool { return other == proc })
}

func (p *pool) count(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Invocations++
	if err != nil {
		p.stats.Failures++
	}
}

func (p *pool) ready(after time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Starts = append(p.stats.Starts, after)
}

func (p *pool) snapshot() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Processes, s.Starts = len(p.all), slices.Clone(p.stats.Starts)
	return s
}

func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	var running []*process
	for proc := range p.all {
		running = append(running, proc)
	}
	p.mu.Unlock()
	for _, proc := range running {
		proc.kill()
		<-proc.exited
	}
}
