package restore_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

var testContext = context.Background()

// sample is an organisation with something of everything, always the same one.
func sample(t testing.TB, w *world) (id.Tenant, *tenant) {
	t.Helper()
	for seed := 1; ; seed++ {
		name, own := w.found()
		rapid.Custom(func(rt *rapid.T) int { populate(rt, w, name, own); return 0 }).Example(seed)
		if len(own.passports) > 3 && len(own.recipes) > 0 && len(own.documents) > 1 {
			return name, own
		}
	}
}

// outcome is what an import leaves: the organisation, the account and the trail.
type outcome struct {
	Organisation                       map[string]string
	Restored, Present, Failed, Recipes int64
	Trail                              map[audit.Event]int
}

// crashed brings a package with a process that dies at one call. What S3 does is done: an event whose handler failed is
// delivered again, and so is one of somebody who looks at the import.
func crashed(t testing.TB, w *world, file []byte, at int, after bool) outcome {
	t.Helper()
	to, own := w.found()
	which := w.begin(t, to, file)
	w.trail = map[audit.Event]int{}
	w.call, w.killAt, w.after, w.dead = 0, at, after, false
	for calls := 0; w.state(which).State != restore.Done; calls++ {
		i := w.state(which)
		if calls > 50 || i.State == restore.Refused {
			t.Fatalf("killed at call %d (carried out: %v), the import stays %s: %s", at, after, i.State, i.Why)
		}
		if i.State == restore.Checked {
			i.State, i.Fence, i.LeaseUntil, i.SettingsBy = restore.Committing, i.Fence+1, time.Time{}, "person:owner"
			_ = (importStore{w}).write(i)
		}
		if err := w.runner(0, 1).Run(testContext, to, which); err != nil && !errors.Is(err, errCrash) {
			t.Fatalf("killed at call %d: %v", at, err)
		}
		w.killAt, w.dead = 0, false
		w.now.Advance(2 * time.Minute)
	}
	i := w.state(which)
	return outcome{likeness(t, own), i.Restored, i.Present, i.Failed, i.Recipes, w.trail}
}

// TestImportKilledAtEveryStep numbers the calls of an import of an archive and kills the process before and after each: the
// organisation, the account and the audit trail are what they are without.
func TestImportKilledAtEveryStep(t *testing.T) {
	w := newWorld(t, newKey(t))
	from, before := sample(t, w)
	file := w.take(t, from, 8<<20, time.Hour)
	want := crashed(t, w, file, 0, false)
	calls := w.call
	if d := cmp.Diff(likeness(t, before), want.Organisation); d != "" || calls < 20 {
		t.Fatalf("without a crash, after %d calls: %s", calls, d)
	}
	for at := 1; at <= calls; at++ {
		for _, after := range []bool{false, true} {
			if d := cmp.Diff(want, crashed(t, w, file, at, after)); d != "" {
				t.Errorf("killed at call %d of %d (carried out: %v): %s", at, calls, after, d)
			}
		}
	}
}

// TestStrangeEvents delivers the events of an export and an import twice, late and in any order, to processes of any
// patience of which some are killed: there is one package, and the heir has everything once.
func TestStrangeEvents(t *testing.T) {
	key := newKey(t)
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, key)
		from, before := w.found()
		populate(rt, w, from, before)
		to, after := w.found()
		e := export.Export{ID: id.New[id.Export](w.ids), Tenant: from, State: export.Queued, Options: export.Options{Scope: export.Workspace}, RequestedAt: w.now.Now(), Snapshot: w.now.Now()}
		_ = (exportStore{w}).write(e)
		_ = w.put("requests/first", nil)
		var which id.Import
		for n := 0; ; n++ {
			if n > 2000 {
				rt.Fatalf("it never ends: %+v", w.state(which))
			}
			if stored, _ := (exportStore{w}).read(e.ID); stored.State == export.Ready && which == "" {
				which = w.begin(rt, to, w.objects[pack(e.ID)])
			}
			i := w.state(which)
			if i.State == restore.Done {
				break
			}
			if i.State == restore.Checked {
				i.State, i.Fence, i.LeaseUntil, i.SettingsBy = restore.Committing, i.Fence+1, time.Time{}, "person:owner"
				_ = (importStore{w}).write(i)
			}
			name := rapid.SampledFrom(w.events).Draw(rt, "event") // none is ever forgotten: each may come again
			w.call, w.killAt, w.after, w.dead = 0, rapid.IntRange(0, 40).Draw(rt, "kill"), rapid.Bool().Draw(rt, "after"), false
			patience := time.Duration(rapid.IntRange(0, 2).Draw(rt, "patience")) * time.Minute
			var err error
			if strings.HasPrefix(name, "requests/") {
				err = w.packager(2000, patience).Pack(testContext, from, e.ID)
			} else {
				err = w.runner(patience, rapid.IntRange(1, 4).Draw(rt, "parallel")).Run(testContext, to, which)
			}
			if err != nil && !errors.Is(err, errCrash) {
				rt.Fatalf("%v", err)
			}
			w.killAt, w.dead = 0, false
			w.now.Advance(time.Duration(rapid.IntRange(0, 200).Draw(rt, "seconds")) * time.Second)
		}
		if d := cmp.Diff(likeness(rt, before), likeness(rt, after)); d != "" {
			rt.Fatalf("not the same: %s", d)
		}
		if n := w.trail[audit.PassportRestored]; n != len(before.passports) || w.trail[audit.ExportReady] != 1 || w.trail[audit.ImportDone] != 1 {
			rt.Fatalf("%d passports, trail %v", len(before.passports), w.trail)
		}
		if i := w.state(which); int(i.Restored) != len(before.passports) || i.Present+i.Failed > 0 {
			rt.Fatalf("of %d passports: %+v", len(before.passports), i)
		}
		for name, parts := range w.uploads {
			if len(parts) > 0 {
				rt.Fatalf("%d parts of %s are left", len(parts), name)
			}
		}
	})
}
