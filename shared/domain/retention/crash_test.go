package retention_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
)

var errCrash = errors.New("the process was killed")

// crash stops the process at one call, before or after it had its effect. From then on every call fails until the process
// is started again.
type crash struct {
	at, calls int
	after     bool
	dead      bool
}

// call counts one call of a port. do is its effect.
func (c *crash) call(do func() error) error {
	if c == nil {
		return do()
	}
	if c.dead {
		return errCrash
	}
	if c.calls++; c.calls == c.at {
		c.dead = true
		if c.after {
			_ = do() // nobody hears the answer
		}
		return errCrash
	}
	return do()
}

// walkWith leads one tenant to its certificate with a crash in between, and returns how many calls that took.
func walkWith(t *testing.T, c *crash) int {
	t.Helper()
	w := found(t)
	leaver, stayer := w.tenant(1, 2, true), w.tenant(2, 2, false)
	w.crash = c
	for range 4 * 110 {
		if w.state(leaver) == "" {
			break
		}
		for _, name := range []string{"tick", "custodian", "worker", "auditor"} {
			err := w.jobs()[name](t.Context(), w.now)
			if err != nil && !c.dead {
				t.Fatalf("crash at %d, after %t: %s at %s: %v", c.at, c.after, name, w.now, err)
			}
			c.dead = false // the next call is by another process
		}
		w.now = w.now.Add(6 * time.Hour)
	}
	r := w.rows(leaver)
	if len(w.lives.certs) != 1 || r != 0 || w.rows(stayer) != 12 || len(w.early) > 0 || len(w.works.all) > 0 {
		t.Fatalf("crash at %d, after %t: %d certificates, %d rows, early %v, work %v", c.at, c.after, len(w.lives.certs), r, w.early, w.works.all)
	}
	for _, cert := range w.lives.certs {
		if v := w.certificate(cert).Violations(); len(v) > 0 {
			t.Errorf("crash at %d, after %t: %v", c.at, c.after, v)
		}
	}
	for _, k := range lifecycle.NoticeKinds() {
		if _, n := w.mail(leaver, k); n != 1 {
			t.Errorf("crash at %d, after %t: %s went out %d times", c.at, c.after, k, n)
		}
	}
	return c.calls
}

// TestCrash kills the process at every call that changes something, before and after its effect: each time the tenant comes
// to its one certificate, in time, with every notice once, and nobody else loses anything.
func TestCrash(t *testing.T) {
	calls := walkWith(t, &crash{})
	if calls < 150 {
		t.Fatalf("only %d calls: the crashes are not where the work is", calls)
	}
	step := 1
	if testing.Short() {
		step = 11
	}
	for at := 1; at <= calls; at += step {
		walkWith(t, &crash{at: at})
		walkWith(t, &crash{at: at, after: true})
	}
}
