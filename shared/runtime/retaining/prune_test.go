package retaining_test

import (
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestPruning holds that the tick after midnight drops a deletion from the journal when no copy can bring it back, and
// not before, and never one that is not proven.
func TestPruning(t *testing.T) {
	k := testkit.Open(t, testkit.Options{})
	book, begun := backing.Journal(k.App.App), k.Clock.Now()
	for _, of := range []string{"done", "open"} {
		subject := journal.Subject{Scope: journal.Passport, ID: of}
		if _, err := book.Append(t.Context(), subject, begun, begun); err != nil {
			t.Fatal(err)
		}
		if of == "open" {
			continue
		}
		if _, err := book.Close(t.Context(), subject, begun, begun, "sha-256:0"); err != nil {
			t.Fatal(err)
		}
	}
	k.Clock.Advance(begun.Truncate(lifecycle.Day).Add(lifecycle.Day + 5*time.Minute).Sub(begun))
	tick, dropped := retaining.Jobs(k.App.App)[0], time.Time{}
	for dropped.IsZero() && k.Clock.Now().Before(begun.Add(120*lifecycle.Day)) {
		if err := tick.Run(k.AsFunction(tick.Function), k.Clock.Now()); err != nil {
			t.Fatal(err, k.Gate().Denials())
		}
		left := 0
		if err := journal.Walk(t.Context(), dynamo.NewJournal(k.App.Database()), 0, func(journal.Entry) error { left++; return nil }); err != nil {
			t.Fatal(err)
		}
		if left == 0 {
			t.Fatal("the deletion that is not proven was dropped")
		}
		if left == 1 {
			dropped = k.Clock.Now()
		}
		k.Clock.Advance(4 * lifecycle.Day)
	}
	if after := dropped.Sub(begun); dropped.IsZero() || after < journal.Grace || after > journal.Grace+33*lifecycle.Day {
		t.Errorf("dropped after %s", after)
	}
}
