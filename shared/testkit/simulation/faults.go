package simulation

import (
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// crash ends a job in the middle, as the end of its process would: nothing that it held in memory is left.
type crash struct{ port string }

// errThrottled and errLost are what a caller sees of a request that was refused, and of one whose answer was lost.
var (
	errThrottled = errors.New("simulation: throttled")
	errLost      = errors.New("simulation: no answer")
)

// faults injects what goes wrong between the engine and its ports. It is silent outside jobs: what customers do is not
// what is tested.
type faults struct {
	inside  int // how many jobs are running, one within another
	calls   int64
	byKind  map[string]int64
	overlap func() // runs another worker while a call waits
}

func (w *World) injected(kind string) { w.faults.byKind[kind]++ }

// before is the way to a port: it takes some time, and may end there.
func (w *World) before(port string) error {
	if w.faults.inside == 0 {
		return nil
	}
	w.faults.calls++
	w.now = w.now.Add(time.Millisecond * time.Duration(1+w.faults.calls%7))
	d := w.dice.faults
	switch {
	case d.chance(w.mix.CrashBefore):
		w.injected("crash before a call")
		w.logf("crash before %s", port)
		panic(crash{port})
	case d.chance(w.mix.Throttle):
		w.injected("throttled")
		return fault.From(errThrottled, fault.CodeUnavailable, "Too many requests.")
	case w.faults.inside == 1 && w.faults.overlap != nil && d.chance(w.mix.Overlap):
		w.injected("worker overtaken by another")
		w.logf("%s waits; another worker runs", port)
		w.now = w.now.Add(d.between(0, 12*time.Minute))
		w.faults.overlap()
	}
	return nil
}

// behind is the way back.
func (w *World) behind(port string) error {
	if w.faults.inside == 0 {
		return nil
	}
	d := w.dice.faults
	switch {
	case d.chance(w.mix.CrashAfter):
		w.injected("crash after a call")
		w.logf("crash after %s", port)
		panic(crash{port})
	case d.chance(w.mix.LostReply):
		w.injected("reply lost")
		return fault.From(errLost, fault.CodeUnavailable, "No answer.")
	}
	return nil
}

// call goes to a port and comes back.
func call[T any](w *World, port string, do func() (T, error)) (T, error) {
	var zero T
	if err := w.before(port); err != nil {
		return zero, err
	}
	v, err := do()
	if lost := w.behind(port); lost != nil {
		return zero, lost
	}
	return v, err
}

// send is call for what returns nothing.
func send(w *World, port string, do func() error) error {
	_, err := call(w, port, func() (struct{}, error) { return struct{}{}, do() })
	return err
}

// job runs a job as a process of its own would: a crash ends it and nothing else.
func (w *World) job(name string, do func() error) (err error, crashed bool) {
	w.faults.inside++
	defer func() {
		w.faults.inside--
		if r := recover(); r != nil {
			if _, ok := r.(crash); !ok {
				panic(r)
			}
			crashed = true
		}
	}()
	w.stats.Jobs[name]++
	return do(), false
}
