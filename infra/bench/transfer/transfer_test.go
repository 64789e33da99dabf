// Package transfer measures taking data away and bringing it: what packing costs beside plain compression, how much memory
// it takes at any size, and how many rows of a table are decided about in a second.
package transfer_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// measured skips unless `make bench` asks, and reports a figure on a line of its own, which it collects.
func measured(t *testing.T) func(format string, args ...any) {
	t.Helper()
	if os.Getenv("PASSPORTCRAFT_BENCH") == "" {
		t.Skip("PASSPORTCRAFT_BENCH is not set: `make bench` measures")
	}
	return func(format string, args ...any) { fmt.Printf("measured "+format+"\n", args...) }
}

// workspace is one of any size: passports are made when they are asked for, and what is packed is thrown away.
type workspace struct {
	size    int
	records []records // to be taken in turn
	export  export.Export
	key     *ecdsa.PrivateKey
	states  map[export.Mark][]byte
	keep    bool // what is uploaded
	kept    bytes.Buffer
	peak    uint64 // bytes of heap in use
	current int
}

func (w *workspace) Create(context.Context, export.Export, audit.Entry) error { return nil }
func (w *workspace) Export(context.Context, id.Tenant, id.Export) (export.Export, error) {
	return w.export, nil
}
func (w *workspace) Exports(context.Context, id.Tenant) ([]export.Export, error) { return nil, nil }
func (w *workspace) Claim(_ context.Context, _ id.Tenant, _ id.Export, _, until time.Time) (export.Export, error) {
	w.export.Fence, w.export.LeaseUntil = w.export.Fence+1, until
	return w.export, nil
}
func (w *workspace) Save(_ context.Context, e export.Export) error { w.export = e; return nil }
func (w *workspace) End(_ context.Context, e export.Export, _ audit.Entry, _ audit.Notice) error {
	w.export = e
	return nil
}
func (w *workspace) Ask(context.Context, id.Tenant, id.Export, int) error { return nil }

type marks struct{ *workspace }

func (w marks) Save(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark, b []byte) error {
	w.states = map[export.Mark][]byte{at: b}
	return nil
}
func (w marks) Load(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark) ([]byte, error) {
	return w.states[at], nil
}
func (w marks) Forget(context.Context, id.Tenant, id.Export, export.Mark) error { return nil }

func (w *workspace) Begin(context.Context, id.Tenant, id.Export) (string, error) { return "u", nil }
func (w *workspace) Part(_ context.Context, _ export.Upload, _ int, part []byte) (string, error) {
	if w.keep {
		w.kept.Write(part)
	}
	w.look()
	return "tag", nil
}
func (w *workspace) Finish(context.Context, export.Upload, []export.Part) error { return nil }
func (w *workspace) Abort(context.Context, export.Upload) error                 { return nil }
func (w *workspace) Discard(context.Context, export.Upload) error               { return nil }
func (w *workspace) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, w.key, sum[:])
}

func (w *workspace) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.peak = max(w.peak, m.HeapInuse+m.StackInuse)
}

func (w *workspace) Count(context.Context, id.Tenant, time.Time) (int64, error) {
	return int64(w.size), nil
}

func (w *workspace) Passports(_ context.Context, _ id.Tenant, _ time.Time, after string, limit int) ([]export.Placed, error) {
	from := 0
	if after != "" {
		_, _ = fmt.Sscanf(after, "%d", &from)
	}
	var all []export.Placed
	for i := from + 1; i <= min(from+limit, w.size); i++ {
		all = append(all, export.Placed{Passport: id.Passport(fmt.Sprint("p", i)), Place: fmt.Sprint(i)})
	}
	return all, nil
}

// Passport is a passport with one version, out of those that are there.
func (w *workspace) Passport(_ context.Context, _ id.Tenant, p id.Passport, _ time.Time, to export.Takers) error {
	one := w.records[w.current%len(w.records)]
	if w.current++; w.current%5000 == 0 {
		w.look()
	}
	one.passport.ID, one.version.Passport = p, p
	return errors.Join(to.Passport(one.passport), to.Version(one.version))
}

func (w *workspace) Account(context.Context, id.Tenant, time.Time, func(string, any) error) error {
	return nil
}
func (w *workspace) Unsigned(context.Context, id.Tenant, time.Time, string, func(any) error) (string, error) {
	return "", nil
}
func (w *workspace) Trail(context.Context, id.Tenant, int64, io.Writer) (int64, error) {
	return -1, nil
}

// newWorkspace has that many passports, and an export of them that was asked for in these formats.
func newWorkspace(t *testing.T, size int, all []records, formats []export.Format) *workspace {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &workspace{size: size, records: all, key: key, export: export.Export{ID: "e", Tenant: "t", State: export.Queued, Options: export.Options{Scope: export.Workspace, Formats: formats}}}
}

// pack tells how long packing took.
func (w *workspace) pack(t *testing.T) time.Duration {
	t.Helper()
	p := &export.Packager{
		Store: w, Requests: w, Source: w, Uploads: w, Checkpoints: marks{w}, Signer: w, IDs: id.NewSource(clock.System, rand.Reader), Now: clock.System, Patience: 24 * time.Hour, Groups: productgroup.NewSet().Find, Stage: func(context.Context, id.Tenant) error { return nil },
	}
	begun := clock.System()
	if err := p.Pack(t.Context(), "t", "e"); err != nil || w.export.State != export.Ready {
		t.Fatalf("%v %s", err, w.export.State)
	}
	return clock.System().Sub(begun)
}

// TestMemory packs workspaces of different sizes, of passports that differ, with the memory that a function of 1 GB leaves
// untuned.
func TestMemory(t *testing.T) {
	say := measured(t)
	few := newVariety().passports(t, 60) // more than the window of the compression holds
	for _, size := range []int{10_000, 100_000, 1_000_000} {
		debug.FreeOSMemory()
		w := newWorkspace(t, size, few, []export.Format{export.EN18223})
		took := w.pack(t)
		say("peak memory, %d passports | %d MB in use (packed in %.0f s)", size, w.peak>>20, took.Seconds())
		if w.peak > 128<<20 {
			t.Errorf("%d passports took %d MB", size, w.peak>>20)
		}
	}
}

// desk is what a dry run calls: an organisation that has nothing yet.
type desk struct{ run intake.Run }

func (d *desk) Load(context.Context, id.Tenant, id.Import) (intake.Run, error) { return d.run, nil }
func (d *desk) Save(_ context.Context, r intake.Run, _ ...audit.Entry) error {
	d.run = r
	return nil
}
func (d *desk) Find(context.Context, id.Tenant, identifier.Product) (passport.Passport, error) {
	return passport.Passport{}, passport.NotFound()
}
func (d *desk) Create(context.Context, access.Caller, passport.NewDraft) (passport.Passport, error) {
	return passport.Passport{}, errors.New("a dry run stores nothing")
}
func (d *desk) Update(context.Context, access.Caller, id.Passport, int64, passport.Patch) (passport.Passport, error) {
	return passport.Passport{}, errors.New("a dry run stores nothing")
}
func (d *desk) Publish(context.Context, access.Caller, id.Passport, int64) (passport.Passport, error) {
	return passport.Passport{}, errors.New("a dry run stores nothing")
}
func (d *desk) Append(context.Context, intake.Block) error { return nil }
func (d *desk) Finish(context.Context, id.Tenant, id.Import, intake.Phase, *intake.Place) error {
	return nil
}

// TestDryRun reads, converts, validates and hashes 100,000 rows.
func TestDryRun(t *testing.T) {
	say := measured(t)
	const rows = 100_000
	names := []string{"Product identifier", "Serial number", "Name (en)", "Manufacturer name"}
	pointers := []string{"/productIdentifier", "/content/serialNumber", "/content/name", "/content/manufacturer/name"}
	var columns []spreadsheet.Column
	recipe := intake.Recipe{Name: "Chairs", ProductGroup: "general", Granularity: identifier.Item}
	for n, name := range names {
		columns = append(columns, spreadsheet.Column{Name: name, Kind: spreadsheet.Text})
		recipe.Mapping.Columns = append(recipe.Mapping.Columns, intake.Column{Header: name, Pointer: pointers[n]})
	}
	recipe.Mapping.Columns[2].Language = "en"
	set := productgroup.NewSet()
	checker := schemacheck.New(set)
	for _, format := range []spreadsheet.Format{spreadsheet.CSV, spreadsheet.XLSX} {
		var file bytes.Buffer
		row, end := func() (func(...any) error, func() error) {
			if format == spreadsheet.CSV {
				w := spreadsheet.NewCSV(&file, columns, spreadsheet.CSVOptions{})
				return w.Row, w.Close
			}
			w, err := spreadsheet.NewXLSX(&file, columns)
			if err != nil {
				t.Fatal(err)
			}
			return w.Row, w.Close
		}()
		for n := range rows {
			serial := fmt.Sprint("S", n)
			if err := row("https://id.gs1.org/01/09506000134376/21/"+serial, serial, "Chair "+serial, "Nordeiche"); err != nil {
				t.Fatal(err)
			}
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		run := intake.Run{ID: "i", Tenant: "t", Format: intake.Format(format), Group: "general", Granularity: identifier.Item, State: intake.Waiting, RequestedAt: clock.System(), Revision: 1}
		run, err := run.StartCheck(&recipe, intake.Merge, false)
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{run: run}
		r := &intake.Runner{
			Store: d, Target: d, Report: d, Checker: checker, Groups: set.Find, IDs: id.NewSource(clock.System, rand.Reader), Now: clock.System, Patience: time.Hour, Parallel: 8,
			Stage:   func(context.Context, id.Tenant) error { return nil },
			Arrived: func(context.Context, intake.Run) (bool, error) { return true, nil },
			Open: func(context.Context, intake.Run) (intake.Source, error) {
				return spreadsheet.OpenItems(bytes.NewReader(file.Bytes()), int64(file.Len()), format, spreadsheet.Limits{Bytes: intake.MaxSize, Columns: intake.MaxColumns})
			},
		}
		begun := clock.System()
		if _, err := r.Run(t.Context(), "t", "i"); err != nil || d.run.Check.Totals.Created != rows {
			t.Fatalf("%v: %+v %s", err, d.run.Check.Totals, d.run.Reason)
		}
		say("dry run, %d rows of %s | %.0f rows/s on %d cores", rows, strings.ToUpper(string(format)), rows/clock.System().Sub(begun).Seconds(), runtime.GOMAXPROCS(0))
	}
}
