package intake_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

var errCrash = errors.New("the process was killed")

// world is what a runner calls, in memory and under the rules of the real one, with a process that can be killed before or
// after any call.
type world struct {
	now       *clock.Movable
	ids       *id.Source
	rules     rules
	run       []byte
	passports map[string]passport.Passport // by product
	changes   []string                     // of passports, in the order of the trail
	entries   map[audit.Event]int
	blocks    map[string]intake.Block
	report    map[intake.Phase][]intake.Verdict

	call, killAt int
	after, dead  bool
}

// rules are made once: a schema takes some milliseconds to compile.
type rules struct {
	groups  *productgroup.Set
	checker passport.ContentChecker
}

func newRules() rules {
	set := productgroup.NewSet()
	return rules{set, schemacheck.New(set)}
}

func newWorld(r rules) *world {
	w := &world{
		now: clock.NewMovable(clock.Fixed(time.Date(2027, 2, 18, 9, 0, 0, 0, time.UTC))), rules: r, passports: map[string]passport.Passport{}, entries: map[audit.Event]int{},
		blocks: map[string]intake.Block{}, report: map[intake.Phase][]intake.Verdict{},
	}
	w.ids = id.NewSource(w.now.Now, rand.Reader)
	return w
}

func (w *world) step(do func() error) error {
	w.call++
	if w.dead || w.call == w.killAt && !w.after {
		w.dead = true
		return errCrash
	}
	err := do()
	if w.call == w.killAt {
		w.dead = true
		return errCrash
	}
	return err
}

func (w *world) load() (r intake.Run) {
	d := json.NewDecoder(bytes.NewReader(w.run))
	d.UseNumber()
	_ = d.Decode(&r)
	return r
}

func (w *world) keep(r intake.Run) {
	w.run, _ = json.Marshal(r)
}

func (w *world) Load(context.Context, id.Tenant, id.Import) (r intake.Run, err error) {
	err = w.step(func() error { r = w.load(); return nil })
	return r, err
}

func (w *world) Save(_ context.Context, r intake.Run, entries ...audit.Entry) error {
	return w.step(func() error {
		if w.load().Revision != r.Revision-1 {
			return intake.ErrStale
		}
		w.keep(r)
		for _, e := range entries {
			w.entries[e.Event]++
		}
		return nil
	})
}

// target is the passports.
type target struct{ *world }

func (w target) Find(_ context.Context, _ id.Tenant, product identifier.Product) (p passport.Passport, err error) {
	err = w.step(func() error {
		found, ok := w.passports[product.Canonical()]
		if !ok {
			return passport.NotFound()
		}
		p = found
		return nil
	})
	return p, err
}

func (w target) Create(_ context.Context, by access.Caller, d passport.NewDraft) (p passport.Passport, err error) {
	err = w.step(func() error {
		if _, ok := w.passports[d.ProductIdentifier]; ok {
			return passport.Taken()
		}
		product, err := identifier.Parse(d.ProductIdentifier)
		if err != nil {
			return err
		}
		p = passport.Passport{
			ID: id.New[id.Passport](w.ids), Tenant: by.Tenant, Status: passport.Draft, Revision: 1, ProductGroup: d.ProductGroup, Granularity: identifier.Granularity(d.Granularity),
			Product: product, Content: d.Content,
		}
		w.passports[d.ProductIdentifier] = p
		w.changes = append(w.changes, "created "+d.ProductIdentifier)
		return nil
	})
	return p, err
}

func (w target) change(which id.Passport, seen int64, do func(*passport.Passport) error) (p passport.Passport, err error) {
	err = w.step(func() error {
		for product, found := range w.passports {
			if found.ID != which {
				continue
			}
			if found.Revision != seen {
				return passport.Stale(found.Revision)
			}
			if err := do(&found); err != nil {
				return err
			}
			found.Revision++
			w.passports[product], p = found, found
			return nil
		}
		return passport.NotFound()
	})
	return p, err
}

func (w target) Update(_ context.Context, _ access.Caller, which id.Passport, seen int64, patch passport.Patch) (passport.Passport, error) {
	return w.change(which, seen, func(p *passport.Passport) error {
		if patch.Clear {
			p.Content = nil
		}
		p.Content = passport.Merge(p.Content, patch.Content)
		w.changes = append(w.changes, "changed "+p.Product.Canonical())
		return nil
	})
}

func (w target) Publish(_ context.Context, _ access.Caller, which id.Passport, seen int64) (passport.Passport, error) {
	return w.change(which, seen, func(p *passport.Passport) error {
		hash, err := intake.Draft{ProductGroup: p.ProductGroup, Granularity: p.Granularity, Product: p.Product, Content: p.Content}.Hash()
		if err != nil {
			return err
		}
		if p.Status == passport.Published && p.ContentHash == hash {
			return fault.New(fault.CodePassportNothingToDo, "This content is in force already.")
		}
		p.Status, p.Version, p.ContentHash = passport.Published, p.Version+1, hash
		w.changes = append(w.changes, "published "+p.Product.Canonical())
		return nil
	})
}

func place(phase intake.Phase, p intake.Place) string { return fmt.Sprint(phase, p.After, p.Fence) }

func (w *world) Append(_ context.Context, b intake.Block) error {
	return w.step(func() error { w.blocks[place(b.Phase, b.Place)] = b; return nil })
}

func (w *world) Finish(_ context.Context, _ id.Tenant, _ id.Import, phase intake.Phase, last *intake.Place) error {
	return w.step(func() error {
		var all []intake.Verdict
		for p := last; p != nil; p = w.blocks[place(phase, *p)].Before {
			b, ok := w.blocks[place(phase, *p)]
			if !ok {
				return fmt.Errorf("there is no block %v", *p)
			}
			all = append(slices.Clone(b.Verdicts), all...)
		}
		w.report[phase] = all
		return nil
	})
}

// rows is a table in memory.
type rows struct {
	cells [][]string
	at    int
}

func (r *rows) Headers(context.Context) ([]string, error) { return r.cells[0], nil }
func (r *rows) Close() error                              { return nil }

func (r *rows) Next(context.Context) (intake.Item, error) {
	r.at++
	if r.at >= len(r.cells) {
		return intake.Item{}, io.EOF
	}
	return intake.Item{Number: r.at + 1, Cells: r.cells[r.at], Ref: fmt.Sprint("row ", r.at+1), Bytes: int64(r.at)}, nil
}

func (w *world) runner(cells [][]string, patience time.Duration, parallel int) *intake.Runner {
	return &intake.Runner{
		Store: w, Target: target{w}, Report: w, Checker: w.rules.checker, Groups: w.rules.groups.Find, IDs: w.ids, Now: w.now.Now, Patience: patience, Parallel: parallel,
		Stage: func(context.Context, id.Tenant) error { return nil },
		Open: func(context.Context, intake.Run) (intake.Source, error) {
			var s intake.Source
			err := w.step(func() error { s = &rows{cells: cells}; return nil })
			return s, err
		},
	}
}

const header = "https://id.gs1.org/01/09506000134376/21/"

// table has rows that are created, changed, unchanged, refused and duplicate, over several blocks.
func table() [][]string {
	all := [][]string{{"Product identifier", "Serial number", "Name (en)", "Manufacturer name"}}
	add := func(serial, name string) { all = append(all, []string{header + serial, serial, name, "Nordeiche"}) }
	for n := range 6 {
		add(fmt.Sprint("N", n), "New")
	}
	add("C1", "Changed")
	add("U1", "The same")
	all = append(all, []string{"no identifier", "X", "X", "X"}, []string{header + "W1", "another serial", "X", "X"})
	for range 104 {
		add("N0", "Once more")
	}
	for n := range 4 {
		add(fmt.Sprint("L", n), "Late")
	}
	add("C2", "Changed")
	add("G1", "Archived")
	return all
}

func recipe() *intake.Recipe {
	return &intake.Recipe{Name: "Chairs", ProductGroup: "general", Granularity: identifier.Item, Mapping: intake.Mapping{Columns: []intake.Column{
		{Header: "Product identifier", Pointer: "/productIdentifier"}, {Header: "Serial number", Pointer: "/content/serialNumber"},
		{Header: "Name (en)", Pointer: "/content/name", Language: "en"}, {Header: "Manufacturer name", Pointer: "/content/manufacturer/name"},
	}}}
}

// before puts passports there that the table meets, and an import that waits for its file.
func (w *world) before(t testing.TB) {
	t.Helper()
	for serial, p := range map[string]passport.Passport{
		"C1": {Status: passport.Draft, Revision: 3}, "U1": {Status: passport.Draft, Revision: 1}, "C2": {Status: passport.Published, Revision: 2, Version: 1}, "G1": {Status: passport.Archived, Revision: 9, Version: 1},
	} {
		product, err := identifier.Parse(header + serial)
		if err != nil {
			t.Fatal(err)
		}
		p.ID, p.Tenant, p.ProductGroup, p.Granularity, p.Product = id.New[id.Passport](w.ids), "t", "general", identifier.Item, product
		p.Content = passport.Content{"serialNumber": serial, "name": map[string]any{"en": "The same"}, "manufacturer": map[string]any{"name": "Nordeiche"}}
		w.passports[product.Canonical()] = p
	}
	run := intake.Run{ID: "i", Tenant: "t", Format: intake.CSV, Group: "general", Granularity: identifier.Item, State: intake.Waiting, RequestedAt: w.now.Now(), Revision: 1}
	run, err := run.StartCheck(recipe(), intake.Merge, true)
	if err != nil {
		t.Fatal(err)
	}
	w.keep(run)
}

// outcome is what an import leaves.
type outcome struct {
	Passports map[string]string
	Changes   []string
	Entries   map[audit.Event]int
	Check     intake.Totals
	Committed intake.Totals
	Reports   map[intake.Phase][]intake.Verdict
}

func (w *world) outcome() outcome {
	run := w.load()
	out := outcome{Passports: map[string]string{}, Changes: w.changes, Entries: w.entries, Check: run.Check.Totals, Committed: run.Committed.Totals, Reports: map[intake.Phase][]intake.Verdict{}}
	for product, p := range w.passports {
		out.Passports[product] = fmt.Sprint(p.Status, p.Revision, p.Version, p.Content)
	}
	for phase, all := range w.report {
		for _, v := range all {
			if v.Passport != "" { // a new one in each world
				v.Passport = "some"
			}
			out.Reports[phase] = append(out.Reports[phase], v)
		}
	}
	return out
}

// goOn lets the runner work until the import is done, as events and their repetitions do.
func (w *world) goOn(t interface{ Fatalf(string, ...any) }, patience func() time.Duration) {
	for calls := 0; w.load().State != intake.Done; calls++ {
		run := w.load()
		if calls > 1000 || run.State == intake.Failed {
			t.Fatalf("the import stays %s: %s", run.State, run.Reason)
		}
		if run.State == intake.Checked {
			if len(w.changes) > 0 {
				t.Fatalf("the dry run stored something: %v", w.changes)
			}
			next, err := run.StartCommit("person:anna", true, true)
			if err != nil {
				t.Fatalf("%v", err)
			}
			next.Revision++
			w.keep(next)
		}
		if _, err := w.runner(table(), patience(), 1).Run(context.Background(), "t", "i"); err != nil && !errors.Is(err, errCrash) && !errors.Is(err, intake.ErrTaken) {
			t.Fatalf("%v", err)
		}
		w.killAt, w.dead = 0, false
		w.now.Advance(30 * time.Second)
	}
}

// TestTableKilledAtEveryStep numbers the calls of the dry run and the commit of a table and kills the process before and
// after each: passports, their trail, the account and both reports are what they are without.
func TestTableKilledAtEveryStep(t *testing.T) {
	r := newRules()
	play := func(at int, after bool) (outcome, int) {
		w := newWorld(r)
		w.before(t)
		w.killAt, w.after = at, after
		w.goOn(t, func() time.Duration { return 0 })
		return w.outcome(), w.call
	}
	want, calls := play(0, false)
	if want.Committed != (intake.Totals{Created: 10, Updated: 2, Unchanged: 1, Refused: 3, Duplicates: 104, Published: 13}) || len(want.Reports[intake.Commit]) != 120 || calls < 80 {
		t.Fatalf("without a crash, after %d calls: %+v, %d rows in the report", calls, want.Committed, len(want.Reports[intake.Commit]))
	}
	for at := 1; at <= calls; at++ {
		for _, after := range []bool{false, true} {
			got, _ := play(at, after)
			if d := cmp.Diff(want, got); d != "" {
				t.Fatalf("killed at call %d of %d (carried out: %v): %s", at, calls, after, d)
			}
		}
	}
}

// TestTableEvents calls the runner twice, late, with any patience, and kills it many times: the outcome is the same.
func TestTableEvents(t *testing.T) {
	r := newRules()
	w := newWorld(r)
	w.before(t)
	w.goOn(t, func() time.Duration { return time.Hour })
	want := w.outcome()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(r)
		w.before(t)
		w.goOn(rt, func() time.Duration {
			w.call, w.killAt, w.after = 0, rapid.IntRange(0, 60).Draw(rt, "kill"), rapid.Bool().Draw(rt, "after")
			w.now.Advance(time.Duration(rapid.IntRange(0, 90).Draw(rt, "seconds")) * time.Second)
			return time.Duration(rapid.IntRange(0, 1).Draw(rt, "patience")) * time.Hour
		})
		for range rapid.IntRange(0, 2).Draw(rt, "more events") {
			if _, err := w.runner(table(), time.Hour, 1).Run(context.Background(), "t", "i"); err != nil {
				rt.Fatalf("an event after the end: %v", err)
			}
		}
		if d := cmp.Diff(want, w.outcome()); d != "" {
			rt.Fatalf("%s", d)
		}
	})
}
