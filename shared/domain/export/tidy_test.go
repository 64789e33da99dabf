package export_test

import (
	"errors"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// again calls the packager until a call is not killed.
func (w *world) again(t *testing.T) {
	t.Helper()
	for {
		err := w.packager(2000, time.Hour).Pack(t.Context(), "t", "e")
		w.killAt, w.dead = 0, false
		if err == nil {
			return
		}
		if !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
	}
}

// TestExpiresOnce kills the process that ends an expired export before and after each of its calls: the export expires
// once, its package is gone, and nothing is due any more.
func TestExpiresOnce(t *testing.T) {
	for at := 1; at <= 6; at++ {
		for _, after := range []bool{false, true} {
			w := newWorld(t, 3, 100)
			w.drive(t, 2000, time.Hour)
			w.now.Advance(export.KeptFor - time.Second)
			w.again(t)
			if w.export.State != export.Ready || w.whole == nil {
				t.Fatalf("before its time: %+v", w.export)
			}
			w.now.Advance(time.Hour)
			w.call, w.killAt, w.after = 0, at, after
			w.again(t)
			w.again(t)
			if w.export.State != export.Expired || !w.export.Tidy || w.whole != nil || w.ended != 2 || !w.export.Due().IsZero() {
				t.Errorf("killed at %d (after: %v): %+v, ended %d times", at, after, w.export, w.ended)
			}
		}
	}
}

// TestPartsGo holds that the parts of an export that was deleted or given up while nobody was at it are aborted, and are
// looked for once more when nobody can be at it any more.
func TestPartsGo(t *testing.T) {
	for _, state := range []export.State{export.Deleted, export.Failed} {
		w := newWorld(t, 60, 6000)
		w.killAt = 12
		_ = w.packager(20_000, time.Hour).Pack(t.Context(), "t", "e")
		if w.killAt = 0; len(w.uploads) != 1 {
			t.Fatalf("%d uploads", len(w.uploads))
		}
		w.export.State, w.export.Fence = state, w.export.Fence+1
		w.again(t)
		if len(w.uploads) != 0 || w.export.Tidy {
			t.Errorf("%s: %d uploads are left, or tidied for good while a packager may be at it", state, len(w.uploads))
		}
		w.uploads["upload-0"] = map[int][]byte{} // by a packager that did not know
		w.now.Advance(time.Hour)
		w.again(t)
		if len(w.uploads) != 0 || !w.export.Tidy || !w.export.Due().IsZero() {
			t.Errorf("%s: %d uploads are left, %+v", state, len(w.uploads), w.export)
		}
	}
}
