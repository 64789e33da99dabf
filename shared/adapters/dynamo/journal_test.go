package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// openJournal is the journal on the engines, as a process of its own would open it.
func openJournal(k *testkit.Kit) (*journal.Journal, *objects.Evidence) {
	c := k.App.Config()
	silent := func(context.Context, string, float64) {}
	store := dynamo.NewJournal(k.App.Database())
	evidence := objects.OpenEvidence(k.App.AWS(), c.S3Endpoint, c.EvidenceBucket, silent)
	secret := &journal.Sealed{Store: store, Wrap: kms.Open[journal.Name](k.App.AWS(), c.KMSEndpoint, c.TenantKeyARN, kms.Journal, silent)}
	return &journal.Journal{Store: store, Secret: secret, Evidence: evidence}, evidence
}

// TestJournal holds the port on the real engines: numbers without gaps whoever appends, one entry for one deletion, and
// one secret for all processes.
func TestJournal(t *testing.T) {
	k := testkit.Open(t, testkit.Options{})
	const writers, each = 4, 6
	at := k.Clock.Now()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			j, _ := openJournal(k)
			for i := range each {
				of := journal.Subject{Scope: journal.Passport, ID: fmt.Sprintf("p%d%d", i, w%2)} // two writers ask for the same
				for try := 0; ; try++ {
					if _, err := j.Append(t.Context(), of, at, at.Add(time.Hour)); err == nil {
						break
					} else if try == 20 {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	j, mirror := openJournal(k)
	next := int64(1)
	err := journal.Walk(t.Context(), j.Store, 0, func(e journal.Entry) error {
		if e.Sequence != next {
			t.Errorf("entry %d is numbered %d", next, e.Sequence)
		}
		next++
		return nil
	})
	if err != nil || next != 2*each+1 {
		t.Fatalf("%d entries, %v; want %d", next-1, err, 2*each)
	}
	of := journal.Subject{Scope: journal.Passport, ID: "p00"}
	if e, err := j.Close(t.Context(), of, at, at.Add(2*time.Hour), "sha-256:1"); err != nil || !e.Done() {
		t.Fatal(err)
	}
	if e, err := j.Close(t.Context(), of, at, at.Add(9*time.Hour), "sha-256:2"); err != nil || e.Evidence != "sha-256:1" || !e.DoneAt.Equal(at.Add(2*time.Hour)) {
		t.Errorf("closed again: %+v %v", e, err)
	}
	if _, err := j.Close(t.Context(), journal.Subject{Scope: journal.Tenant, ID: "nobody"}, at, at, ""); !errors.Is(err, journal.ErrUnknown) {
		t.Errorf("closing the unknown: %v", err)
	}
	if through, err := journal.Complete(t.Context(), j.Store, mirror); err != nil || through != 2*each {
		t.Errorf("held against the mirror: %d %v", through, err)
	}
	if n, err := j.Prune(t.Context(), at.Add(2*time.Hour+journal.Grace), true); err != nil || n != 1 {
		t.Errorf("pruned %d, %v", n, err)
	}
	if through, err := journal.Complete(t.Context(), j.Store, mirror); err != nil || through != 2*each {
		t.Errorf("after pruning: %d %v", through, err)
	}
	if again, err := j.Append(t.Context(), journal.Subject{Scope: journal.Tenant, ID: "late"}, at, at); err != nil || again.Sequence != 2*each+1 {
		t.Errorf("the next number is %d, %v", again.Sequence, err)
	}
}

// TestJournalIsLong holds that reading from any number on crosses partitions.
func TestJournalIsLong(t *testing.T) {
	k := testkit.Open(t, testkit.Options{})
	store := dynamo.NewJournal(k.App.Database())
	const entries = 1010
	for i := range entries {
		e := journal.Entry{Mark: journal.Mark{Scope: journal.Person, Digest: fmt.Sprintf("%064x", i), RequestedAt: k.Clock.Now()}, NotBefore: k.Clock.Now()}
		if _, err := store.Append(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	for _, after := range []int64{0, 1, 998, 999, 1000, 1001, 1009, 1010, 5000} {
		want := max(0, entries-after)
		n := int64(0)
		if err := journal.Walk(t.Context(), store, after, func(e journal.Entry) error { n++; return nil }); err != nil || n != want {
			t.Errorf("after %d: %d entries, %v; want %d", after, n, err, want)
		}
	}
}
