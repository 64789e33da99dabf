package export_test

import (
	"context"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TestTimeIsUpWithNothingToShow holds that a packager that is called for moments only, and never has enough for a part, gets
// to the end, that it keeps the export meanwhile, and that nothing of the content stays in checkpoints.
func TestTimeIsUpWithNothingToShow(t *testing.T) {
	w := newWorld(t, 300, 10)
	if calls := w.drive(t, 8<<20, 20*time.Second); calls < 10 {
		t.Errorf("only %d calls: the test is for nothing", calls)
	}
	w.holds(t)
	slow := newWorld(t, 300, 10) // five minutes without a part
	second := 0
	p := slow.packager(8<<20, time.Hour)
	p.Source = watched{slow, func() {
		if now := slow.now.Now(); !now.Before(slow.export.LeaseUntil) {
			second++
		}
	}}
	if err := p.Pack(t.Context(), "t", "e"); err != nil || second > 0 {
		t.Errorf("%v; %d times somebody else could have taken the export away", err, second)
	}
	slow.holds(t)
}

// watched calls something before each passport.
type watched struct {
	*world
	look func()
}

func (w watched) Passport(ctx context.Context, t id.Tenant, p id.Passport, at time.Time, to export.Takers) error {
	w.look()
	return w.world.Passport(ctx, t, p, at, to)
}

// TestDeletedLeavesNothing deletes an export at every step of its packing, with a process that lives on and with one that is
// dead by then: in the end there is neither a package nor a part of one, nor content in a checkpoint.
func TestDeletedLeavesNothing(t *testing.T) {
	well := newWorld(t, 20, 3000)
	well.drive(t, 20_000, 7*time.Second)
	for at := 1; at < well.call; at++ {
		for _, dead := range []bool{false, true} {
			w := newWorld(t, 0, 0)
			w.passports = well.passports
			w.deleteAt = at
			if dead {
				w.killAt, w.after = at, true
			}
			for range 100 {
				_ = w.packager(20_000, 7*time.Second).Pack(t.Context(), "t", "e")
				w.killAt, w.dead = 0, false
				w.now.Advance(6 * time.Minute)
				if w.export.State == export.Deleted {
					break
				}
			}
			_ = w.packager(20_000, 7*time.Second).Pack(t.Context(), "t", "e") // as Service.Delete asks for
			left := 0
			for _, parts := range w.uploads {
				left += len(parts)
			}
			if w.export.State != export.Deleted || w.whole != nil || left > 0 {
				t.Fatalf("deleted at call %d (dead: %v): %s, %d bytes of a package, %d parts", at, dead, w.export.State, len(w.whole), left)
			}
		}
	}
}

// TestALostProcessSpoilsNothing lets a process sleep at every step until another has taken over and packed everything; what
// it then still does changes nothing.
func TestALostProcessSpoilsNothing(t *testing.T) {
	well := newWorld(t, 20, 3000)
	well.drive(t, 20_000, time.Hour)
	for at := 2; at < well.call; at++ {
		for _, step := range []bool{false, true} {
			w := newWorld(t, 0, 0)
			w.passports = well.passports
			w.sleepAt, w.sleep = at, func() {
				w.now.Advance(10 * time.Minute)
				patience := time.Hour
				if step { // the other one comes only a little further, and the sleeper wakes in the middle of its work
					patience = 0
				}
				_ = w.packager(20_000, patience).Pack(t.Context(), "t", "e")
			}
			w.drive(t, 20_000, time.Hour)
			w.holds(t)
		}
	}
}
