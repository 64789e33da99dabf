package export_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// TestKilledAtEveryStep kills the process before and after each of its calls: the package is the same as without, byte for
// byte but for the signature, is made once, and no part is left of another. With little patience, each call of the packager
// does little, and what is too small for a part waits in the checkpoint.
func TestKilledAtEveryStep(t *testing.T) {
	for _, patience := range []time.Duration{time.Hour, 7 * time.Second} {
		well := newWorld(t, 24, 2500)
		well.export.Options.Formats = []export.Format{export.XLSX, export.CSV}
		well.drive(t, 9_000, patience)
		well.holds(t)
		if well.call < 60 {
			t.Errorf("the packager makes %d calls; the parts are too large for this test", well.call)
		}
		for at := 1; at <= well.call; at++ {
			for _, after := range []bool{false, true} {
				w := newWorld(t, 0, 0)
				w.passports, w.export.Options = well.passports, well.export.Options
				w.killAt, w.after = at, after
				w.drive(t, 9_000, patience)
				w.holds(t)
				if got, want := w.manifest(t), well.manifest(t); got != want && patience == time.Hour {
					t.Fatalf("killed at call %d (carried out: %v), the package is another:\n%s\n%s", at, after, got, want)
				}
			}
		}
	}
}

// manifest lists all members with their digests.
func (w *world) manifest(t testing.TB) string {
	t.Helper()
	a, err := archive.Open(bytes.NewReader(w.whole), int64(len(w.whole)), nil)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(a.Manifest)
}

// TestStrangeDelivery states that repeated, late and impatient calls change nothing, whatever the sizes.
func TestStrangeDelivery(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rapid.IntRange(0, 60).Draw(rt, "passports"), rapid.IntRange(1, 600).Draw(rt, "bytes"))
		w.export.Options.Formats = rapid.SampledFrom([][]export.Format{nil, {export.CSV}, {export.XLSX, export.CSV, export.CSV}}).Draw(rt, "formats")
		w.killAt, w.after = rapid.IntRange(0, 60).Draw(rt, "kill"), rapid.Bool().Draw(rt, "after")
		size, patience := rapid.IntRange(500, 20_000).Draw(rt, "part"), time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds"))*time.Second
		w.drive(rt, size, patience)
		w.holds(rt)
		for range rapid.IntRange(0, 3).Draw(rt, "more events") {
			if err := w.packager(size, patience).Pack(context.Background(), "t", "e"); err != nil {
				rt.Fatalf("an event after the end: %v", err)
			}
		}
		w.holds(rt)
	})
}

// TestGivesUp holds that an export that cannot be packed ends, and says so.
func TestGivesUp(t *testing.T) {
	w := newWorld(t, 1, 10)
	p := w.packager(0, time.Hour)
	p.Groups = nil
	p.Signer = failing{}
	for calls := 0; w.export.State != export.Failed; calls++ {
		if calls > 60 {
			t.Fatalf("after %d calls it is %s", calls, w.export.State)
		}
		_ = p.Pack(t.Context(), "t", "e")
		w.now.Advance(10 * time.Minute)
	}
	if w.export.Why == "" || w.ended != 1 {
		t.Errorf("%+v", w.export)
	}
	if err := p.Pack(t.Context(), "t", "e"); err != nil || w.export.State != export.Failed {
		t.Errorf("called again: %v, %s", err, w.export.State)
	}
}

type failing struct{}

func (failing) Sign(context.Context, []byte) ([]byte, error) { return nil, errCrash }

// TestTwoAtOnce holds that a packager whose lease has ended cannot write any more once another has taken over.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t, 40, 200)
	if _, err := w.Claim(t.Context(), "t", "e", w.now.Now(), w.now.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	slow := w.export
	w.now.Advance(2 * time.Minute)
	w.drive(t, 2000, time.Hour)
	if err := w.Save(t.Context(), slow); !errors.Is(err, export.ErrTaken) {
		t.Errorf("the slow one writes: %v", err)
	}
	w.holds(t)
}
