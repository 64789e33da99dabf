package restore_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// many is an organisation with so many passports, always the same one.
func many(w *world, passports int) (id.Tenant, *tenant) {
	name, own := w.found()
	rapid.Custom(func(rt *rapid.T) int {
		for n := range passports {
			live(rt, w, name, own, n)
		}
		return 0
	}).Example(1)
	return name, own
}

// agreed says that a checked import is to be stored.
func (w *world) agreed(which id.Import) {
	i := w.state(which)
	i.State, i.Fence, i.Marked, i.LeaseUntil = restore.Committing, i.Fence+1, i.Fence+1, time.Time{}
	_ = (importStore{w}).write(i)
}

// TestLongWork reads an archive from a storage so slow that checking and storing it takes many times as long as a lease and
// as the runner's patience, while somebody looks all the time. The lease never runs out, so nobody takes the work over, and
// a runner that goes on reads next to nothing again.
func TestLongWork(t *testing.T) {
	w := newWorld(t, newKey(t))
	from, before := many(w, 160)
	file := w.take(t, from, 20_000, time.Hour)
	const slow = 20 * time.Second // each read
	bring := func(patience time.Duration) (calls, reads int) {
		to, _ := w.found()
		which := w.begin(t, to, file)
		w.reads, w.onRead = 0, func() {
			w.now.Advance(slow)
			if over := w.now.Now().Sub(w.state(which).LeaseUntil); over > 0 {
				t.Fatalf("the lease had run out for %v after %d calls", over, calls)
			}
		}
		defer func() { w.onRead = nil }()
		for w.state(which).State != restore.Done {
			if i := w.state(which); i.State == restore.Checked {
				w.agreed(which)
			} else if calls > 1000 || i.State == restore.Refused {
				t.Fatalf("after %d calls it is %s: %s", calls, i.State, i.Why)
			}
			calls++
			if err := w.runner(patience, 1).Run(testContext, to, which); err != nil {
				t.Fatal(err)
			}
		}
		if n := w.state(which).Restored; n != int64(len(before.passports)) {
			t.Errorf("%d passports are restored", n)
		}
		return calls, w.reads
	}
	calls, reads := bring(1000 * time.Hour)
	if calls != 2 {
		t.Errorf("%d calls without haste", calls)
	}
	to, _ := w.found()
	which := w.begin(t, to, file) // of nothing but opening it
	i := w.state(which)
	i.State, i.Verified, i.At.Passports.Member, i.At.Versions.Member, i.At.Documents.Member = restore.Checking, 1<<30, 1<<30, 1<<30, 1<<30
	_ = (importStore{w}).write(i)
	w.reads = 0
	if err := w.runner(time.Hour, 1).Run(testContext, to, which); err != nil || w.state(which).State != restore.Checked {
		t.Fatal(err, w.state(which))
	}
	opening := w.reads
	more, again := bring(13 * time.Minute)
	t.Logf("%d reads, %d of them to open the file; %d in %d calls", reads, opening, again, more)
	if more < 5 {
		t.Fatalf("only %d calls with little patience", more)
	}
	if limit := reads + more*(opening+10); again > limit { // of three members that are begun again
		t.Errorf("%d reads in %d calls, where one call for each phase takes %d", again, more, reads)
	}
}

// TestGivenUp holds that an import which gets no further ends, with its reason, and that what it has stored stays.
func TestGivenUp(t *testing.T) {
	w := newWorld(t, newKey(t))
	from, before := many(w, 30)
	file := w.take(t, from, 20_000, time.Hour)
	// tries runs an import until it is in a state.
	tries := func(to id.Tenant, which id.Import, want restore.State, each func()) (n int) {
		for ; w.state(which).State != want; n++ {
			if n > 200 {
				t.Fatalf("it never ends: %+v", w.state(which))
			}
			each()
			_ = w.runner(time.Hour, 1).Run(testContext, to, which) // what it complains of is not looked at here
			w.onRead, w.dead = nil, false
			w.now.Advance(2 * time.Minute)
		}
		return n
	}
	nothing := func() {}
	to, own := w.found()
	w.broken = before.passports[before.order()[20]].Product
	which := w.begin(t, to, file)
	if n := tries(to, which, restore.Checked, nothing); n != 1 {
		t.Fatalf("checked after %d calls", n)
	}
	w.agreed(which)
	n := tries(to, which, restore.Failed, nothing)
	if i := w.state(which); n < 20 || i.Why == "" || i.Restored != 20 || len(own.passports) < 20 || w.trail[audit.ImportFailed] != 1 || w.trail[audit.ImportRefused] != 0 {
		t.Errorf("after %d calls: %+v, trail %v", n, i, w.trail)
	}
	w.broken = identifier.Product{}

	dying := w.begin(t, to, file)
	n = tries(to, dying, restore.Refused, func() {
		w.reads = 0
		w.onRead = func() { w.dead = w.reads > 8 } // in the first member
	})
	if i := w.state(dying); i.Why == "" || w.trail[audit.ImportRefused] != 1 {
		t.Errorf("after %d calls: %+v, trail %v", n, i, w.trail)
	}
}

// TestFileGone holds that an import whose file is not there any more ends at once and says so.
func TestFileGone(t *testing.T) {
	w := newWorld(t, newKey(t))
	from, _ := many(w, 3)
	file := w.take(t, from, 20_000, time.Hour)
	for _, want := range []restore.State{restore.Refused, restore.Failed} {
		to, _ := w.found()
		which := w.begin(t, to, file)
		if want == restore.Failed {
			if err := w.runner(time.Hour, 1).Run(testContext, to, which); err != nil {
				t.Fatal(err)
			}
			w.agreed(which)
		}
		delete(w.objects, uploaded(to, which))
		err := w.runner(time.Hour, 1).Run(testContext, to, which)
		if i := w.state(which); err != nil || i.State != want || i.Why == "" {
			t.Errorf("%v, %+v", err, i)
		}
	}
}
