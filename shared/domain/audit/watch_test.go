package audit_test

import (
	"context"
	"crypto/rand"
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// journal keeps entries for tests.
type journal struct{ entries []audit.Entry }

func (j *journal) Append(ctx context.Context, e audit.Entry) error {
	if access.TenantOf(ctx) != e.Tenant {
		return fault.New(fault.CodeInternal, "written with another tenant's credentials")
	}
	j.entries = append(j.entries, e)
	return nil
}

func watch(j *journal) *audit.Watch {
	return &audit.Watch{
		Journal: j, IDs: id.NewSource(clock.Fixed(time.Unix(1_800_000_000, 0)), rand.Reader),
		Network: func(context.Context, id.Tenant, netip.Addr) (string, error) { return "digest", nil },
	}
}

// TestWatchCounts states the law: whatever comes, all but a few of the latest attempts are written down, none twice, and
// a flood is a handful of entries.
func TestWatchCounts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		j := &journal{}
		w, at, sent := watch(j), time.Unix(1_800_000_000, 0), 0
		for range rapid.IntRange(1, 600).Draw(rt, "attempts") {
			at = at.Add(time.Duration(rapid.IntRange(0, 400).Draw(rt, "ms")) * time.Millisecond)
			a := audit.Attempt{By: access.Principal{Tenant: "t", Kind: access.Key, ID: "k"}, Event: audit.AccessDenied, Object: "route:x", Reason: "forbidden", At: at}
			if err := w.Refused(rt.Context(), a); err != nil {
				rt.Fatal(err)
			}
			sent++
			written := 0
			for _, e := range j.entries {
				written += e.Count
			}
			if written > sent || 2*written+10 < sent {
				rt.Fatalf("%d attempts, %d written", sent, written)
			}
		}
		minutes := int(at.Sub(time.Unix(1_800_000_000, 0))/time.Minute) + 2
		if len(j.entries) > 9*minutes {
			rt.Fatalf("%d entries for %d attempts in %d minutes", len(j.entries), sent, minutes)
		}
	})
}

// TestWatchTellsApart holds that actors, events, objects and reasons are counted for themselves.
func TestWatchTellsApart(t *testing.T) {
	j := &journal{}
	w := watch(j)
	base := audit.Attempt{By: access.Principal{Tenant: "t", Kind: access.Key, ID: "k"}, Event: audit.AccessDenied, Object: "route:x", Reason: "forbidden", At: time.Unix(1_800_000_000, 0)}
	edits := []func(*audit.Attempt){
		func(*audit.Attempt) {}, func(a *audit.Attempt) { a.By.Tenant = "u" }, func(a *audit.Attempt) { a.By.ID = "l" }, func(a *audit.Attempt) { a.By.Kind = access.Person },
		func(a *audit.Attempt) { a.Event = audit.CrossTenant }, func(a *audit.Attempt) { a.Object = "route:y" }, func(a *audit.Attempt) { a.Reason = "last-owner" },
	}
	for _, edit := range edits {
		a := base
		edit(&a)
		for range 2 {
			if err := w.Refused(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(j.entries) != len(edits) {
		t.Errorf("%d entries, want one of each of %d", len(j.entries), len(edits))
	}
}
