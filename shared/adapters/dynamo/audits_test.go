package dynamo_test

import (
	"cmp"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// TestTrailIsWalked writes more entries than are in memory at once, over shards and days and several of one instant. The
// sequencer and an export find each of them once, in order and up to the instant, and nobody reads a day again and again.
func TestTrailIsWalked(t *testing.T) {
	l := leave(t)
	logs, journal := l.k.App.AuditLogs(), l.k.App.Stores().Audits
	head, err := logs.Head(t.Context(), l.tenant)
	if err != nil {
		t.Fatal(err)
	}
	ids := id.NewSource(l.k.Clock.Now, l.k.App.Stores().Random)
	for n := range 2600 {
		by := l.owner
		switch by.At = l.k.Clock.Now(); {
		case n%5 == 0:
			l.k.Clock.Advance(time.Second)
		case n == 1801:
			l.k.Clock.Advance(48 * time.Hour)
		}
		if err := journal.Append(t.Context(), audit.New(ids, by, audit.PassportCreated, "passport:x", "", "")); err != nil {
			t.Fatal(err)
		}
	}
	through := l.k.Clock.Now().Add(-30 * time.Second)
	var want []audit.Entry
	for day := head.Through.UTC().Truncate(24 * time.Hour); !day.After(through); day = day.Add(24 * time.Hour) {
		entries, err := journal.Day(t.Context(), l.tenant, day)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, slices.DeleteFunc(entries, func(e audit.Entry) bool { return e.At.After(through) })...)
	}
	if len(want) < 2300 || !slices.IsSortedFunc(want, func(a, b audit.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) }) {
		t.Fatalf("%d entries, or they are out of order", len(want))
	}
	names := func(all []audit.Entry) (out []id.Entry) {
		for _, e := range all {
			out = append(out, e.ID)
		}
		return out
	}
	ctx, tally := httpapi.WithTally(t.Context())
	var blocks []audit.Entry
	for after := head.Through; ; after = blocks[len(blocks)-1].At {
		some, err := logs.Entries(ctx, l.tenant, after, through, 200)
		if err != nil {
			t.Fatal(err)
		}
		if len(some) == 0 {
			break
		}
		if n := len(blocks); n > 0 && some[0].At.Equal(blocks[n-1].At) {
			t.Fatal("entries of one instant are parted")
		}
		blocks = append(blocks, some...)
	}
	if !slices.Equal(names(blocks), names(want)) {
		t.Errorf("the sequencer finds %d of %d entries, or in another order", len(blocks), len(want))
	}
	if calls := tally.Calls()["dynamodb.Query"]; tally.Units() > 4*float64(len(want))/20 || calls < len(want)/200 {
		t.Errorf("%d entries cost the sequencer %.0f units in %d queries", len(want), tally.Units(), calls)
	}
	var given []audit.Entry
	pages := 0
	for after := ""; pages == 0 || after != ""; pages++ {
		if after, err = l.k.App.Dump().Unsigned(t.Context(), l.tenant, through, after, func(v any) error {
			e, err := audit.ParseCanonical(v.(json.RawMessage))
			given = append(given, e)
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	if !slices.Equal(names(given), names(want)) || pages < 3 {
		t.Errorf("an export gets %d of %d entries in %d pages, or in another order", len(given), len(want), pages)
	}
	if some, err := logs.Entries(t.Context(), l.tenant, through, through.Add(-time.Hour), 200); err != nil || len(some) > 0 {
		t.Errorf("between an instant and an earlier one there are %d entries, %v", len(some), err)
	}
}
