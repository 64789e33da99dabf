package backup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

const day = 24 * time.Hour

func now() time.Time { return time.Date(2028, 2, 29, 7, 0, 0, 0, time.UTC) }

func sources() []backup.Source {
	return []backup.Source{
		{Table: "records", Keep: backup.Most, Days: 28, Vault: "backups", Content: true},
		{Table: "people", Keep: backup.Most, Days: 28, Vault: "backups", Content: true},
		{Table: "ledger", Keep: backup.MostLedger, Days: 28, Vault: "ledger"},
		{Table: "keys", Keep: backup.MostKeys, Days: 7},
	}
}

// world is copies, and how their keepers behave.
type world struct {
	backup.Inventory
	used      map[string]string // restored tables that are in use, by the name of the one that they replaced
	tables    []string          // beside those in use
	versions  []backup.Version
	lies      bool          // says that it has removed, and has not
	late      time.Duration // how far the clock of the job is ahead of the truth
	unsure    error
	published []backup.Figures
}

func (w *world) Points(_ context.Context, vault string) ([]backup.Copy, error) {
	return slices.DeleteFunc(slices.Clone(w.Copies), func(c backup.Copy) bool { return c.Vault != vault }), nil
}

func (w *world) Backups(context.Context) ([]backup.Copy, error) {
	return slices.DeleteFunc(slices.Clone(w.Copies), func(c backup.Copy) bool { return c.Kind != backup.Native }), nil
}

func (w *world) Names(context.Context) ([]string, error) {
	all := slices.Clone(w.tables)
	for _, s := range w.sources() {
		all = append(all, s.Table)
	}
	return all, nil
}

// sources are those of the tables in use.
func (w *world) sources() []backup.Source {
	all := sources()
	for i := range all {
		if name := w.used[all[i].Table]; name != "" {
			all[i].Table = name
		}
	}
	return all
}

// replace puts a restored table in the place of one, which is lost and still there.
func (w *world) replace(table string) {
	name := table + backup.Restored + "20280228t070000"
	w.used, w.tables = map[string]string{table: name}, append(w.tables, table)
	for _, s := range sources() {
		if s.Table == table {
			w.Inventory.Continuous = append(w.Inventory.Continuous, backup.Continuous{Table: name, Enabled: true, Days: s.Days, Earliest: now().Add(-day), Latest: now()})
		}
	}
}

func (w *world) Remove(_ context.Context, c backup.Copy) error {
	if c.Kind != backup.Native {
		return errors.New("a recovery point is removed by hand")
	}
	if !w.lies {
		w.Copies = slices.DeleteFunc(w.Copies, func(other backup.Copy) bool { return other.ID == c.ID })
	}
	return nil
}

func (w *world) Continuous(_ context.Context, table string) (backup.Continuous, error) {
	for _, c := range w.Inventory.Continuous {
		if c.Table == table {
			return c, nil
		}
	}
	return backup.Continuous{Table: table}, nil
}

func (w *world) Replaced(_ context.Context, _ string, do func(backup.Version) error) error {
	for _, v := range slices.Clone(w.versions) {
		if err := do(v); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) RemoveVersion(_ context.Context, _ string, v backup.Version) error {
	if !w.lies {
		w.versions = slices.DeleteFunc(w.versions, func(other backup.Version) bool { return other == v })
	}
	return nil
}

func (w *world) rotator() *backup.Rotator {
	return &backup.Rotator{Sources: w.sources(), Vaults: w, Tables: w, Versions: w, Buckets: []string{"documents"}, Now: clock.Fixed(now()),
		Time: func(context.Context, time.Time) (lifecycle.Instants, error) {
			return lifecycle.Instants{NotBefore: now(), NotAfter: now().Add(w.late)}, w.unsure
		},
		Publish: func(f backup.Figures) { w.published = append(w.published, f) }}
}

// good is a world in which nothing is wrong.
func good() *world {
	w := &world{}
	for _, s := range sources() {
		w.Inventory.Continuous = append(w.Inventory.Continuous, backup.Continuous{
			Table: s.Table, Enabled: true, Days: s.Days, Earliest: now().Add(-time.Duration(s.Days) * day), Latest: now().Add(-5 * time.Minute),
		})
		for d := range 28 {
			if s.Vault != "" {
				made := now().Add(-4*time.Hour - time.Duration(d)*day)
				w.Copies = append(w.Copies, backup.Copy{Kind: backup.Vault, ID: fmt.Sprint(s.Table, d), Of: s.Table, Vault: s.Vault, CreatedAt: made, ExpiresAt: made.Add(s.Keep), Status: backup.Good})
			}
		}
	}
	return w
}

// TestGoodWorld holds that nothing is wrong where nothing is, and what is published then.
func TestGoodWorld(t *testing.T) {
	w := good()
	if err := w.rotator().Run(t.Context(), now()); err != nil {
		t.Error(err)
	}
	if want := (backup.Figures{Oldest: 27*day + 4*time.Hour, Newest: 4 * time.Hour, Copies: 84}); len(w.published) != 1 || w.published[0] != want {
		t.Errorf("published %+v, want %+v", w.published, want)
	}
	oldest, complete, err := w.rotator().Oldest(t.Context())
	if err != nil || !complete || !oldest.Equal(now().Add(-28*day)) {
		t.Errorf("oldest %s %v %v", oldest, complete, err)
	}
	if oldest, complete, err = w.rotator().OldestKeys(t.Context(), "keys"); err != nil || !complete || !oldest.Equal(now().Add(-7*day)) {
		t.Errorf("of keys %s %v %v", oldest, complete, err)
	}
}

// TestFindings holds each thing that can be wrong, by its rule.
func TestFindings(t *testing.T) {
	native := func(of string, age time.Duration) backup.Copy {
		return backup.Copy{Kind: backup.Native, ID: "native", Of: of, CreatedAt: now().Add(-age), Status: backup.Good}
	}
	for _, tc := range []struct {
		rule string // "" for none
		do   func(w *world)
	}{
		{"expired:", func(w *world) { w.Copies[3].Status = backup.Expired }},
		{"broken:", func(w *world) { w.Copies[3].Status = backup.Broken }},
		{"overdue:", func(w *world) { w.Copies[3].CreatedAt = now().Add(-backup.Most - backup.Lag - time.Second) }},
		{"", func(w *world) {
			w.Copies[3].CreatedAt = now().Add(-backup.Most - backup.Lag)
			w.Copies[3].ExpiresAt = w.Copies[3].CreatedAt.Add(backup.Most)
		}},
		{"kept-too-long:", func(w *world) { w.Copies[3].ExpiresAt = time.Time{} }},
		{"kept-too-long:", func(w *world) { w.Copies[3].ExpiresAt = w.Copies[3].CreatedAt.Add(90 * day) }},
		{"stale: records", func(w *world) { w.Copies = w.Copies[1:] }},
		{"no-copy: people", func(w *world) {
			w.Copies = slices.DeleteFunc(w.Copies, func(c backup.Copy) bool { return c.Of == "people" })
		}},
		{"no-recovery: people", func(w *world) { w.Inventory.Continuous[1].Enabled = false }},
		{"recovery-days: keys", func(w *world) { w.Inventory.Continuous[3].Days = 35 }},
		{"recovery-reach: keys", func(w *world) { w.Inventory.Continuous[3].Earliest = now().Add(-9 * day) }},
		{"not-vaulted:", func(w *world) {
			c := w.Copies[0]
			c.ID, c.Of = "key copy", "keys"
			w.Copies = append(w.Copies, c)
		}},
		{"", func(w *world) { w.Copies = append(w.Copies, native("records", 90*day)) }}, // removed
		{"", func(w *world) { w.Copies = append(w.Copies, native("keys", 8*day)) }},     // removed, newest or not
		{"", func(w *world) { w.Copies = append(w.Copies, native("of another application", 900*day)) }},
		{"not-removed: native", func(w *world) { w.lies = true; w.Copies = append(w.Copies, native("records-restored-1", 35*day)) }},
		{"left-over: records:", func(w *world) { w.replace("records") }}, // the lost table
		{"left-over: people-restored-1:", func(w *world) { w.tables = []string{"people-restored-1", "of-another", "peoples"} }},
		{"newest-too-old: native", func(w *world) {
			w.Copies = slices.DeleteFunc(w.Copies, func(c backup.Copy) bool { return c.Of == "people" })
			w.Copies = append(w.Copies, native("people", 30*day))
		}},
		{"", func(w *world) {
			w.versions = []backup.Version{{Key: "a", Since: now().Add(-40 * day)}, {Key: "b", Since: now()}}
		}},
		{"old-versions: documents", func(w *world) { w.lies = true; w.versions = []backup.Version{{Key: "a", Since: now().Add(-31 * day)}} }},
	} {
		w := good()
		tc.do(w)
		err := w.rotator().Run(t.Context(), now())
		if tc.rule == "" && err != nil || tc.rule != "" && (err == nil || !strings.Contains(err.Error(), tc.rule)) {
			t.Errorf("%q: %v", tc.rule, err)
		}
		if len(w.published) != 1 {
			t.Errorf("%q: published %d times", tc.rule, len(w.published))
		}
	}
}

// TestUnsureOfTheTime holds that nothing is removed by a clock that nobody else confirms, nor before the earlier of two.
func TestUnsureOfTheTime(t *testing.T) {
	young := func() *world {
		w := good()
		w.Copies = append(w.Copies, backup.Copy{Kind: backup.Native, ID: "native", Of: "records", CreatedAt: now().Add(-backup.Most + time.Minute), Status: backup.Good})
		w.versions = []backup.Version{{Key: "a", Since: now().Add(-backup.Most - 2*day + time.Minute)}}
		return w
	}
	w := young()
	w.unsure = lifecycle.ErrClock
	if err := w.rotator().Run(t.Context(), now().AddDate(32, 0, 0)); !errors.Is(err, lifecycle.ErrClock) || len(w.Copies) != len(young().Copies) || len(w.versions) != 1 || len(w.published) != 0 {
		t.Errorf("the time is not known: %v, %d copies, %d versions, published %v", err, len(w.Copies), len(w.versions), w.published)
	}
	w = young()
	w.late = 5 * time.Minute
	if err := w.rotator().Run(t.Context(), now().Add(w.late)); err != nil || len(w.Copies) != len(young().Copies) || len(w.versions) != 1 {
		t.Errorf("one clock is ahead: %v, %d copies, %d versions", err, len(w.Copies), len(w.versions))
	}
}

// TestRotation holds, for any copies: nothing younger than it may be is removed, no recovery point, never the newest good
// copy of a table that must have one; what is too old goes or is named; and an honest world is at rest after one run.
func TestRotation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := good()
		w.Copies = nil
		n := rapid.IntRange(0, 30).Draw(t, "copies")
		for i := range n {
			s := rapid.SampledFrom(sources()).Draw(t, "source")
			c := backup.Copy{
				Kind: rapid.SampledFrom([]backup.Kind{backup.Vault, backup.Native}).Draw(t, "kind"), ID: fmt.Sprint("c", i), Of: s.Table,
				CreatedAt: now().Add(-time.Duration(rapid.IntRange(0, 60*24).Draw(t, "hours")) * time.Hour),
				Status:    rapid.SampledFrom([]backup.Status{backup.Good, backup.Good, backup.Under, backup.Expired, backup.Broken}).Draw(t, "status"),
			}
			if c.Kind == backup.Vault {
				if c.Vault = s.Vault; c.Vault == "" {
					continue
				}
				c.ExpiresAt = c.CreatedAt.Add(s.Keep)
			}
			if rapid.Bool().Draw(t, "restored") && c.Kind == backup.Native {
				c.Of += backup.Restored + "20280101"
			}
			w.Copies = append(w.Copies, c)
		}
		if rapid.Bool().Draw(t, "replaced") { // and the lost table removed
			w.replace(rapid.SampledFrom(sources()).Draw(t, "lost").Table)
			w.tables = nil
		}
		w.lies = rapid.Bool().Draw(t, "lies")
		before := slices.Clone(w.Copies)
		remove, _ := backup.Decide(w.sources(), w.Inventory, now())
		for _, s := range w.sources() {
			var newest *backup.Copy
			for i, c := range before {
				if (c.Of == s.Table || c.Kind == backup.Vault && backup.Base(s.Table) == c.Of) && c.Status == backup.Good && (newest == nil || c.CreatedAt.After(newest.CreatedAt)) {
					newest = &before[i]
				}
			}
			for _, c := range remove {
				if !s.Belongs(c.Of) {
					continue
				}
				if now().Sub(c.CreatedAt) <= s.Keep || c.Kind == backup.Vault || s.Vault != "" && newest != nil && c.ID == newest.ID {
					t.Fatalf("%+v is removed", c)
				}
			}
		}
		err := w.rotator().Run(context.Background(), now())
		said := fmt.Sprint(err)
		for _, c := range w.Copies {
			for _, s := range w.sources() {
				old := now().Sub(c.CreatedAt) > s.Keep && c.Kind == backup.Native || now().Sub(c.CreatedAt) > s.Keep+backup.Lag
				if s.Belongs(c.Of) && (old || c.Status == backup.Expired) && !strings.Contains(said, ": "+c.ID+":") {
					t.Fatalf("%+v is there and not named in %s", c, said)
				}
			}
		}
		if again, _ := backup.Decide(w.sources(), w.Inventory, now()); !w.lies && len(again) > 0 {
			t.Fatalf("a second run removes %v", again)
		}
		oldest, complete, err := w.rotator().Oldest(context.Background())
		for _, c := range w.Copies {
			content := strings.HasPrefix(c.Of, "records") || strings.HasPrefix(c.Of, "people")
			if err != nil || !complete || content && c.CreatedAt.Before(oldest) {
				t.Fatalf("oldest %s, yet there is %+v (%v %v)", oldest, c, complete, err)
			}
		}
	})
}

// TestOldestIsHonest holds that a table whose reach is unknown makes the answer incomplete.
func TestOldestIsHonest(t *testing.T) {
	w := good()
	w.Inventory.Continuous[0].Earliest = time.Time{}
	if _, complete, err := w.rotator().Oldest(t.Context()); err != nil || complete {
		t.Errorf("complete: %v %v", complete, err)
	}
}

// TestCopiesOfLostTables holds that the copies of a table count when a table that was restored from one of them has taken its
// place, and that the lost table counts as a copy of everything, its recovery with it, until it is removed.
func TestCopiesOfLostTables(t *testing.T) {
	w := good()
	w.replace("records")
	stale := backup.Copy{Kind: backup.Vault, ID: "expired", Of: "records", Vault: "backups", CreatedAt: now().Add(-40 * day), ExpiresAt: now().Add(-12 * day), Status: backup.Expired}
	w.Copies = append(w.Copies, stale)
	w.Inventory.Continuous[0].Earliest = now().Add(-50 * day)
	if oldest, complete, err := w.rotator().Oldest(t.Context()); err != nil || complete || !oldest.Equal(now().Add(-50*day)) {
		t.Errorf("with the lost table: %s, complete %v, %v", oldest, complete, err)
	}
	if _, complete, err := w.rotator().OldestKeys(t.Context(), "keys"); err != nil || !complete {
		t.Errorf("of keys, of which none is lost: complete %v, %v", complete, err)
	}
	w.tables = nil
	if oldest, complete, err := w.rotator().Oldest(t.Context()); err != nil || !complete || !oldest.Equal(stale.CreatedAt) {
		t.Errorf("without it: %s, complete %v, %v", oldest, complete, err)
	}
	err := w.rotator().Run(t.Context(), now())
	for _, want := range []string{"expired: expired:", "overdue: expired:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	if f := w.published[0]; f.Expired != 1 || f.Oldest != 40*day || f.Newest != 4*time.Hour {
		t.Errorf("published %+v", f)
	}
	w.Copies = slices.DeleteFunc(w.Copies, func(c backup.Copy) bool { return c.ID == "expired" })
	if err := w.rotator().Run(t.Context(), now()); err != nil {
		t.Errorf("on the day of a restore, when all is in order: %v", err)
	}
}
