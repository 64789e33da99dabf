package drill_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/clearance"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
)

// row is one row of a tenant and a passport.
type row struct{ tenant, passport string }

// world is a table, its copies, a journal and their services in memory. Any call can fail, before or after it took effect.
type world struct {
	now      time.Time
	entries  []journal.Entry
	mirror   map[string]string
	copies   []backup.Copy
	contents map[string][]row // of copies, by ARN
	tables   map[string]map[row]bool
	cleared  map[string]int64
	settings map[string]drill.Settings
	jobs     map[string]string // by token
	right    map[string]bool   // tables that were put right
	inUse    string
	kept     drill.State

	left  int // calls until the crash
	after bool
}

var errCrash = errors.New("crash")

// call counts a call; do is its effect.
func (w *world) call(do func() error) error {
	w.left--
	w.now = w.now.Add(time.Second)
	if w.left == 0 && !w.after {
		return errCrash
	}
	if err := do(); err != nil {
		return err
	}
	if w.left == 0 {
		return errCrash
	}
	return nil
}

func (w *world) Append(_ context.Context, e journal.Entry) (journal.Entry, error) { return e, nil }
func (w *world) Close(_ context.Context, _ journal.Mark, _ time.Time, _ string) (journal.Entry, error) {
	return journal.Entry{}, nil
}
func (w *world) Drop(context.Context, journal.Entry) error { return nil }
func (w *world) Since(_ context.Context, n int64, most int) (some []journal.Entry, err error) {
	err = w.call(func() error {
		for _, e := range w.entries {
			if e.Sequence > n && len(some) < most {
				some = append(some, e)
			}
		}
		return nil
	})
	return some, err
}
func (w *world) List(context.Context, string) ([]string, error) {
	return slices.Sorted(maps.Keys(w.mirror)), nil
}
func (w *world) Read(_ context.Context, name string) (string, error) { return w.mirror[name], nil }
func (w *world) Secret(context.Context) ([]byte, error)              { return []byte("secret"), nil }

func (w *world) Points(context.Context, string) (all []backup.Copy, err error) {
	err = w.call(func() error { all = w.copies; return nil })
	return all, err
}

func (w *world) Restore(_ context.Context, point, table, token string) (job string, err error) {
	err = w.call(func() error {
		if job = w.jobs[token]; job != "" {
			return nil
		}
		if w.tables[table] != nil {
			return errors.New("the table exists")
		}
		w.tables[table], job = map[row]bool{}, table
		for _, r := range w.contents[point] {
			w.tables[table][r] = true
		}
		w.jobs[token] = job
		return nil
	})
	return job, err
}

func (w *world) Restored(context.Context, string) (done bool, err error) {
	err = w.call(func() error { done = true; return nil })
	return done, err
}

func (w *world) Settle(_ context.Context, table string, s drill.Settings) error {
	return w.call(func() error {
		if w.settings[table].Protected != s.Protected { // one change at a time
			w.settings[table] = drill.Settings{Protected: s.Protected}
			return drill.ErrNotYet
		}
		w.settings[table] = s
		return nil
	})
}

func (w *world) Settings(_ context.Context, table string) (s drill.Settings, err error) {
	err = w.call(func() error { s = w.settings[table]; return nil })
	return s, err
}

func (w *world) gone(r row, deleted drill.Names) bool {
	return deleted(journal.Subject{Scope: journal.Tenant, ID: r.tenant}, journal.Subject{Scope: journal.Passport, ID: r.passport})
}

func (w *world) Sweep(_ context.Context, _ drill.Kind, table string, deleted drill.Names, _ time.Time) (rows, swept int, err error) {
	for r := range maps.Clone(w.tables[table]) {
		if !w.gone(r, deleted) {
			continue
		}
		if err := w.call(func() error { delete(w.tables[table], r); swept++; return nil }); err != nil {
			return 0, swept, err
		}
	}
	return len(w.tables[table]), swept, nil
}

func (w *world) Visible(_ context.Context, _ drill.Kind, table string, deleted drill.Names, _ time.Time) (rows, visible int, err error) {
	err = w.call(func() error {
		for r := range w.tables[table] {
			if w.gone(r, deleted) {
				visible++
			}
		}
		return nil
	})
	return len(w.tables[table]), visible, err
}

func (w *world) Clear(_ context.Context, _ drill.Kind, table string, n int64, at time.Time) (clearance.Marker, error) {
	if !w.right[table] {
		return clearance.Marker{}, errors.New("a table is cleared that contradicts others")
	}
	err := w.call(func() error { w.cleared[table] = n; return nil })
	return clearance.Marker{Table: table, TableID: "id of " + table, Sequence: n, At: at}, err
}

func (w *world) Discard(_ context.Context, table string) error {
	return w.call(func() error { delete(w.tables, table); return nil })
}

func (w *world) Switch(_ context.Context, _ drill.Kind, table string) (int, error) {
	return 0, w.call(func() error { w.inUse, w.right = table, nil; return nil })
}

func (w *world) Reconcile(_ context.Context, _ drill.Kind, table string) (string, error) {
	return "put right", w.call(func() error { w.right = map[string]bool{table: true}; return nil })
}

func (w *world) Keep(_ context.Context, s drill.State) error {
	return w.call(func() error { s.Done = slices.Clone(s.Done); w.kept = s; return nil })
}

func (w *world) drill() *drill.Drill {
	return &drill.Drill{
		Copies: w, Tables: w, Truth: w, Journal: w, Secret: w, Mirror: w, Switch: w, Memory: w, Now: func() time.Time { return w.now },
		Wait: func(context.Context) error { return nil }, Tell: func(string, string) {},
	}
}

func start() time.Time { return time.Date(2027, 5, 1, 3, 0, 0, 0, time.UTC) }

const day = 24 * time.Hour

// draw makes a random past: rows that came, deletions that were asked for, begun, half done and done, and copies between.
func draw(t *rapid.T) *world {
	w := &world{
		now: start().Add(30 * day), mirror: map[string]string{}, contents: map[string][]row{}, tables: map[string]map[row]bool{}, cleared: map[string]int64{},
		settings: map[string]drill.Settings{}, jobs: map[string]string{},
	}
	hour := func(name string, most int) time.Time {
		return start().Add(time.Duration(rapid.IntRange(0, most).Draw(t, name)) * time.Hour)
	}
	secret := []byte("secret")
	born := map[row]time.Time{}
	ended := map[row]time.Time{} // when the row itself was deleted
	for n := range rapid.IntRange(1, 12).Draw(t, "rows") {
		r := row{fmt.Sprint("t", rapid.IntRange(0, 3).Draw(t, "tenant")), fmt.Sprint("p", n)}
		born[r] = hour("born", 600)
	}
	all := slices.SortedFunc(maps.Keys(born), func(a, b row) int { return int(born[a].Sub(born[b])) })
	for n := range rapid.IntRange(0, 6).Draw(t, "deletions") {
		victim := rapid.SampledFrom(all).Draw(t, "victim")
		of := journal.Subject{Scope: journal.Passport, ID: victim.passport}
		if rapid.Bool().Draw(t, "whole tenant") {
			of = journal.Subject{Scope: journal.Tenant, ID: victim.tenant}
		}
		e := journal.Entry{Mark: journal.Mark{Scope: of.Scope, Digest: of.Digest(secret), RequestedAt: hour("asked", 700).Add(time.Duration(n))}, Sequence: int64(n + 1)}
		e.NotBefore = e.RequestedAt.Add(time.Duration(rapid.IntRange(0, 200).Draw(t, "wait")) * time.Hour)
		done := e.NotBefore.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "takes")) * time.Hour)
		if rapid.Bool().Draw(t, "finished") && !done.After(w.now) {
			e.DoneAt = done
		}
		for _, r := range all {
			hit := r.passport == of.ID || r.tenant == of.ID
			if hit && e.Done() && (ended[r].IsZero() || done.Before(ended[r])) {
				ended[r] = e.DoneAt
			}
			if hit && e.Done() && born[r].After(e.NotBefore) { // nothing is written below what is being deleted
				born[r] = e.NotBefore
			}
		}
		w.entries = append(w.entries, e)
		w.mirror[journal.MirrorName(e.Sequence)] = journal.MirrorText(e)
	}
	for n := range rapid.IntRange(1, 4).Draw(t, "copies") {
		c := backup.Copy{ID: fmt.Sprint("copy", n), Of: "records", Kind: backup.Vault, Status: backup.Good, CreatedAt: hour("copied", 720)}
		for _, r := range all {
			if !born[r].After(c.CreatedAt) && (ended[r].IsZero() || ended[r].After(c.CreatedAt)) {
				w.contents[c.ID] = append(w.contents[c.ID], r)
			}
		}
		w.copies = append(w.copies, c)
	}
	return w
}

// TestNothingComesBack holds, for any past, any copy and a crash before or after any call: what was deleted, or is being
// deleted, is not in the table that is put in use, all else of the copy is, and it is cleared for all of the journal.
func TestNothingComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := draw(t)
		point := rapid.SampledFrom(w.copies).Draw(t, "point")
		w.left, w.after = rapid.IntRange(0, 50).Draw(t, "crash at"), rapid.Bool().Draw(t, "after the call")
		s := drill.State{Order: drill.Order{ID: "drill-0001", Kind: drill.Records, Source: "records", Vault: "v", Point: point.ID, Want: drill.Settings{Days: 28, Protected: true}}}
		w.kept = s
		report, _, err := w.drill().Run(context.Background(), s)
		for range 3 {
			if err == nil {
				break
			}
			if !errors.Is(err, errCrash) {
				t.Fatal(err)
			}
			report, _, err = w.drill().Run(context.Background(), w.kept)
		}
		if err != nil {
			t.Fatalf("it does not recover: %v", err)
		}
		got := w.tables[w.inUse]
		for _, r := range w.contents[point.ID] {
			want := true
			for _, e := range w.entries {
				mine := e.Digest == journal.Subject{Scope: journal.Tenant, ID: r.tenant}.Digest([]byte("secret")) || e.Digest == journal.Subject{Scope: journal.Passport, ID: r.passport}.Digest([]byte("secret"))
				if mine && (e.Done() || !w.now.Before(e.NotBefore)) {
					want = false
				}
			}
			// A row that was written again under what had been deleted before the copy is alive.
			if got[r] != want && !want {
				t.Fatalf("%v is back", r)
			}
			if got[r] != want && want {
				t.Fatalf("%v is lost", r)
			}
		}
		if n, ok := w.cleared[w.inUse]; !ok || n != int64(len(w.entries)) || report.Journal.Through != n {
			t.Fatalf("cleared up to %d of %d", n, len(w.entries))
		}
		if !w.right[w.inUse] {
			t.Fatal("what happened until the switch is not in the table")
		}
		if len(w.tables) != 1 {
			t.Fatalf("tables are left over: %v", slices.Collect(maps.Keys(w.tables)))
		}
	})
}

// TestStops holds that a table stays in quarantine when the journal is not whole, when a setting does not take, and when
// the check finds what the replay has left.
func TestStops(t *testing.T) {
	fresh := func() (*world, drill.State) {
		w := &world{now: start().Add(day), mirror: map[string]string{}, contents: map[string][]row{"c": {{"t1", "p1"}}}, tables: map[string]map[row]bool{}, cleared: map[string]int64{}, settings: map[string]drill.Settings{}, jobs: map[string]string{}}
		of := journal.Subject{Scope: journal.Tenant, ID: "t1"}
		e := journal.Entry{Mark: journal.Mark{Scope: of.Scope, Digest: of.Digest([]byte("secret")), RequestedAt: start()}, Sequence: 1, NotBefore: start(), DoneAt: start().Add(2 * time.Hour)}
		w.entries, w.mirror[journal.MirrorName(1)] = []journal.Entry{e}, journal.MirrorText(e)
		w.copies = []backup.Copy{{ID: "c", Of: "records", Status: backup.Good, CreatedAt: start()}, {ID: "bad", Of: "records", Status: backup.Expired, CreatedAt: start().Add(time.Hour)}, {ID: "other", Of: "people", Status: backup.Good, CreatedAt: start().Add(time.Hour)}}
		return w, drill.State{Order: drill.Order{ID: "drill-0001", Kind: drill.Records, Source: "records", Vault: "v"}}
	}
	w, s := fresh()
	if r, after, err := w.drill().Run(t.Context(), s); err != nil || !r.Passed || after.Point.ID != "c" || r.Deleted != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	w, s = fresh()
	w.entries = nil
	if _, _, err := w.drill().Run(t.Context(), s); err == nil || len(w.tables) != 0 {
		t.Errorf("a journal that lacks an entry: %v", err)
	}
	w, s = fresh()
	s.Order.Want.Days = 28
	d := w.drill()
	d.Tables = deaf{w}
	if _, _, err := d.Run(t.Context(), s); err == nil || len(w.cleared) != 0 {
		t.Errorf("a setting that does not take: %v", err)
	}
	w, s = fresh()
	d = w.drill()
	d.Tables = blind{w}
	if _, _, err := d.Run(t.Context(), s); !errors.Is(err, drill.ErrVisible) || len(w.cleared) != 0 || w.inUse != "" {
		t.Errorf("a sweep that sees nothing: %v, cleared %v", err, w.cleared)
	}
	if r, _, err := w.drill().Run(t.Context(), w.kept); err != nil || !r.Passed || r.Deleted != 1 {
		t.Errorf("and goes on when it sees again: %+v %v", r, err)
	}
	w, s = fresh()
	s.Order.Kind = "ledger"
	if _, _, err := w.drill().Run(t.Context(), s); err == nil {
		t.Error("the Ledger is restored like any other")
	}
	w, s = fresh()
	w.copies[0].CreatedAt = start().Add(-40 * time.Hour)
	if r, _, err := w.drill().Run(t.Context(), s); err != nil || r.Passed {
		t.Errorf("a copy of two days ago is in time: %v", err)
	}
}

type deaf struct{ *world }

func (deaf) Settle(context.Context, string, drill.Settings) error { return nil }

type blind struct{ *world }

func (b blind) Sweep(_ context.Context, _ drill.Kind, table string, _ drill.Names, _ time.Time) (int, int, error) {
	return len(b.tables[table]), 0, nil
}

// TestDeletionsDuringTheSwitch holds that what is deleted from the lost table while the other is put in its place is
// deleted from that too.
func TestDeletionsDuringTheSwitch(t *testing.T) {
	w := &world{now: start().Add(day), mirror: map[string]string{}, contents: map[string][]row{"c": {{"t1", "p1"}, {"t2", "p2"}}}, tables: map[string]map[row]bool{}, cleared: map[string]int64{}, settings: map[string]drill.Settings{}, jobs: map[string]string{}}
	w.copies = []backup.Copy{{ID: "c", Of: "records", Status: backup.Good, CreatedAt: start()}}
	d := w.drill()
	d.Switch = busy{w}
	r, _, err := d.Run(t.Context(), drill.State{Order: drill.Order{ID: "drill-0001", Kind: drill.Records, Source: "records", Vault: "v"}})
	if err != nil || !r.Passed || len(w.tables[w.inUse]) != 1 || !w.tables[w.inUse][row{"t1", "p1"}] {
		t.Errorf("%v: %v", w.tables[w.inUse], err)
	}
}

type busy struct{ *world }

func (b busy) Switch(ctx context.Context, k drill.Kind, table string) (int, error) {
	of := journal.Subject{Scope: journal.Passport, ID: "p2"}
	b.entries = append(b.entries, journal.Entry{Mark: journal.Mark{Scope: of.Scope, Digest: of.Digest([]byte("secret")), RequestedAt: b.now}, Sequence: 1, NotBefore: b.now, DoneAt: b.now})
	return b.world.Switch(ctx, k, table)
}

// TestSwitchByHand holds that a drill waits for people who put a table in use, however long that takes, and then deletes
// from it what was deleted meanwhile, and puts it right by what happened.
func TestSwitchByHand(t *testing.T) {
	w := &world{now: start().Add(day), mirror: map[string]string{}, contents: map[string][]row{"c": {{"t1", "p1"}, {"t2", "p2"}}}, tables: map[string]map[row]bool{}, cleared: map[string]int64{}, settings: map[string]drill.Settings{}, jobs: map[string]string{}}
	w.copies = []backup.Copy{{ID: "c", Of: "records", Status: backup.Good, CreatedAt: start()}}
	d := w.drill()
	d.Switch = byHand{w}
	_, s, err := d.Run(t.Context(), drill.State{Order: drill.Order{ID: "drill-0001", Kind: drill.Records, Source: "records", Vault: "v"}})
	if !errors.Is(err, drill.ErrByHand) || w.right != nil {
		t.Fatalf("%v", err)
	}
	if _, err := (busy{w}).Switch(t.Context(), drill.Records, s.Target); err != nil {
		t.Fatal(err)
	}
	r, _, err := d.Run(t.Context(), w.kept)
	if err != nil || r.Passed || len(w.tables[w.inUse]) != 1 || !w.right[w.inUse] {
		t.Errorf("%+v: %v", r, err)
	}
}

type byHand struct{ *world }

func (b byHand) Switch(context.Context, drill.Kind, string) (int, error) {
	b.right = nil
	return 2, nil
}
