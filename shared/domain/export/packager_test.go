package export_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

var errCrash = errors.New("the process was killed")

// world is every port of the packager in memory, with a process that can be killed before or after any call.
type world struct {
	key       *ecdsa.PrivateKey
	now       *clock.Movable
	export    export.Export
	passports []export.PassportRecord
	trail     []string

	asked   int
	states  map[int][]byte
	uploads map[string]map[int][]byte
	whole   []byte
	ended   int

	call, killAt int // number of the call to be killed at; 0: never
	after        bool
}

// step is one call of the outside; a killed process does not carry it out, or does and never learns.
func (w *world) step(do func()) error {
	w.call++
	if w.call == w.killAt && !w.after {
		return errCrash
	}
	do()
	if w.call == w.killAt {
		return errCrash
	}
	return nil
}

func (w *world) Create(context.Context, export.Export, audit.Entry) error {
	return errors.New("not here")
}

func (w *world) Export(context.Context, id.Tenant, id.Export) (export.Export, error) {
	return w.export, nil
}

func (w *world) Exports(context.Context, id.Tenant) ([]export.Export, error) { return nil, nil }

func (w *world) Claim(_ context.Context, _ id.Tenant, _ id.Export, now, until time.Time) (export.Export, error) {
	var e export.Export
	taken := false
	err := w.step(func() {
		if w.export.State != export.Queued && w.export.State != export.Running || now.Before(w.export.LeaseUntil) {
			taken = true
			return
		}
		w.export.Fence++
		w.export.LeaseUntil, w.export.State = until, export.Running
		e = w.export
	})
	if err == nil && taken {
		err = export.ErrTaken
	}
	return e, err
}

func (w *world) Save(_ context.Context, e export.Export) error {
	fence := w.export.Fence
	err := w.step(func() {
		if e.Fence == fence {
			w.export = e
		}
	})
	if err == nil && e.Fence != fence {
		err = export.ErrTaken
	}
	return err
}

func (w *world) End(_ context.Context, e export.Export, _ audit.Entry, _ audit.Notice) error {
	return w.step(func() { w.export, w.ended = e, w.ended+1 })
}

func (w *world) Ask(context.Context, id.Tenant, id.Export, int) error {
	return w.step(func() { w.asked++ })
}

// states of checkpoints.
type checkpoints struct{ *world }

func (w checkpoints) Save(_ context.Context, _ id.Tenant, _ id.Export, step int, b []byte) error {
	return w.step(func() { w.states[step] = slices.Clone(b) })
}

func (w checkpoints) Load(_ context.Context, _ id.Tenant, _ id.Export, step int) ([]byte, error) {
	var b []byte
	err := w.step(func() { b = w.states[step] })
	return b, err
}

func (w *world) Begin(context.Context, id.Tenant, id.Export) (string, error) {
	name := ""
	err := w.step(func() { name = fmt.Sprint("upload-", len(w.uploads)); w.uploads[name] = map[int][]byte{} })
	return name, err
}

func (w *world) Part(_ context.Context, u export.Upload, number int, data []byte) (string, error) {
	err := w.step(func() { w.uploads[u.ID][number] = slices.Clone(data) })
	return fmt.Sprintf("%x", sha256.Sum256(data)), err
}

func (w *world) Finish(_ context.Context, u export.Upload, parts []export.Part) error {
	missing := false
	err := w.step(func() {
		if w.uploads[u.ID] == nil {
			missing = w.whole == nil
			return
		}
		var b []byte
		for i, p := range parts {
			data, ok := w.uploads[u.ID][p.Number]
			if !ok || p.Number != i+1 || fmt.Sprintf("%x", sha256.Sum256(data)) != p.Tag {
				missing = true
			}
			b = append(b, data...)
		}
		w.whole = b
		delete(w.uploads, u.ID)
	})
	if missing {
		err = errors.New("a part is missing or another")
	}
	return err
}

func (w *world) Abort(_ context.Context, u export.Upload) error {
	return w.step(func() { delete(w.uploads, u.ID) })
}

func (w *world) Link(context.Context, id.Tenant, id.Export, string, time.Duration) (string, error) {
	return "", errors.New("not here")
}

func (w *world) Delete(context.Context, id.Tenant, id.Export) error {
	return w.step(func() { w.whole = nil })
}

func (w *world) Sign(_ context.Context, message []byte) ([]byte, error) {
	sum := sha256.Sum256(message)
	return ecdsa.SignASN1(rand.Reader, w.key, sum[:])
}

func (w *world) Count(context.Context, id.Tenant, time.Time) (int64, error) {
	return int64(len(w.passports)), nil
}

func (w *world) Passports(_ context.Context, _ id.Tenant, _ time.Time, after string, limit int) ([]export.Placed, error) {
	var all []export.Placed
	err := w.step(func() {
		for i, p := range w.passports {
			if place := fmt.Sprintf("%06d", i); place > after && len(all) < limit {
				all = append(all, export.Placed{Passport: p.ID, Place: place})
			}
		}
	})
	return all, err
}

func (w *world) Passport(_ context.Context, _ id.Tenant, p id.Passport, _ time.Time, record func(export.PassportRecord) error, version func(export.VersionRecord) error) error {
	i := slices.IndexFunc(w.passports, func(r export.PassportRecord) bool { return r.ID == p })
	if err := record(w.passports[i]); err != nil {
		return err
	}
	for n := range w.passports[i].Version {
		if err := version(export.VersionRecord{Passport: p, Number: n + 1, Content: w.passports[i].Content}); err != nil {
			return err
		}
	}
	w.now.Advance(time.Second)
	return nil
}

func (w *world) Account(_ context.Context, _ id.Tenant, _ time.Time, record func(string, any) error) error {
	return record("organisation", map[string]any{"name": "Nordeiche"})
}

func (w *world) Trail(_ context.Context, _ id.Tenant, from int64, out io.Writer) (int64, error) {
	if from >= int64(len(w.trail)) {
		return -1, nil
	}
	_, err := io.WriteString(out, w.trail[from]+"\n")
	if from+1 == int64(len(w.trail)) {
		return -1, err
	}
	return from + 1, err
}

func newWorld(t testing.TB, passports int, size int) *world {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{key: key, now: clock.NewMovable(clock.Fixed(time.Unix(1_800_000_000, 0))), states: map[int][]byte{}, uploads: map[string]map[int][]byte{}}
	w.export = export.Export{ID: "e", Tenant: "t", State: export.Queued, Options: export.Options{Scope: export.Workspace}, Snapshot: w.now.Now()}
	for i := range passports {
		noise := make([]byte, size)
		_, _ = rand.Read(noise)
		w.passports = append(w.passports, export.PassportRecord{ID: id.Passport(fmt.Sprintf("p%06d", i)), ProductGroup: "general", Version: i % 3, Content: map[string]any{"noise": fmt.Sprintf("%x", noise)}})
	}
	for i := range 20 {
		w.trail = append(w.trail, fmt.Sprintf(`{"entry":%d}`, i))
	}
	return w
}

func (w *world) packager(partSize int, patience time.Duration) *export.Packager {
	return &export.Packager{
		Store: w, Requests: w, Source: w, Uploads: w, Shelf: w, Checkpoints: checkpoints{w}, Signer: w, Groups: productgroup.NewSet().Find, Tables: spreadsheet.Tables{}, IDs: id.NewSource(w.now.Now, rand.Reader), Now: w.now.Now,
		Patience: patience, PartSize: partSize,
	}
}

// drive calls the packager until the export is ready, as events and their repetitions do.
func (w *world) drive(t interface{ Fatalf(string, ...any) }, partSize int, patience time.Duration) (calls int) {
	for w.export.State != export.Ready {
		if calls++; calls > 500 {
			t.Fatalf("after %d calls the export is %s at step %d", calls, w.export.State, w.export.Step)
		}
		if err := w.packager(partSize, patience).Pack(context.Background(), "t", "e"); err != nil && !errors.Is(err, errCrash) {
			t.Fatalf("%v", err)
		}
		w.killAt = 0 // once is enough
		if w.export.State != export.Ready && w.now.Now().Before(w.export.LeaseUntil) {
			w.now.Advance(6 * time.Minute) // the lease of a killed process ends
		}
	}
	return calls
}

// holds compares the package with what was to be packed: every record once, in a file that verifies.
func (w *world) holds(t interface{ Fatalf(string, ...any) }) {
	a, err := archive.Open(bytes.NewReader(w.whole), int64(len(w.whole)), &w.key.PublicKey)
	if err == nil {
		err = a.Verify(nil)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	var got []id.Passport
	versions := 0
	read := func(folder string, do func(b []byte) error) {
		if err := a.Lines(folder, do); err != nil {
			t.Fatalf("%s: %v", folder, err)
		}
	}
	read("passports/", func(b []byte) error {
		var r export.PassportRecord
		err := json.Unmarshal(b, &r)
		got = append(got, r.ID)
		return err
	})
	read("versions/", func([]byte) error { versions++; return nil })
	var trail bytes.Buffer
	read("audit/", func(b []byte) error { trail.Write(append(b, '\n')); return nil })
	want := 0
	for i, p := range w.passports {
		want += p.Version
		if i >= len(got) || got[i] != p.ID {
			t.Fatalf("passport %d of %d is missing, twice or out of order; %d are there", i, len(w.passports), len(got))
		}
	}
	w.tabulated(t, a, got)
	if len(got) != len(w.passports) || versions != want || bytes.Count(trail.Bytes(), []byte("\n")) != len(w.trail) || w.ended != 1 {
		t.Fatalf("%d passports, %d versions (want %d), ended %d times", len(got), versions, want, w.ended)
	}
}

// TestKilledAtEveryStep kills the process before and after each of its calls: the package is the same as without, and is
// made once.
func TestKilledAtEveryStep(t *testing.T) {
	calls := 0
	for at := 1; at == 1 || at <= calls; at++ {
		for _, after := range []bool{false, true} {
			w := newWorld(t, 60, 6000)
			if at%3 == 0 {
				w.export.Options.Formats = []export.Format{export.XLSX, export.CSV}
			}
			w.killAt, w.after = at, after
			w.drive(t, 20_000, time.Hour)
			w.holds(t)
			if at == 1 {
				calls = max(calls, w.call)
			}
		}
	}
	if calls < 40 {
		t.Errorf("the packager makes %d calls; the parts are too large for this test", calls)
	}
}

// TestStrangeDelivery states that repeated, late and impatient calls change nothing, whatever the sizes.
func TestStrangeDelivery(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, rapid.IntRange(0, 60).Draw(rt, "passports"), rapid.IntRange(1, 600).Draw(rt, "bytes"))
		w.export.Options.Formats = rapid.SampledFrom([][]export.Format{nil, {export.CSV}, {export.XLSX, export.CSV, export.CSV}}).Draw(rt, "formats")
		w.killAt, w.after = rapid.IntRange(0, 60).Draw(rt, "kill"), rapid.Bool().Draw(rt, "after")
		size, patience := rapid.IntRange(500, 20_000).Draw(rt, "part"), time.Duration(rapid.IntRange(1, 90).Draw(rt, "seconds"))*time.Second
		w.drive(rt, size, patience)
		w.holds(rt)
		for range rapid.IntRange(0, 3).Draw(rt, "more events") {
			if err := w.packager(size, patience).Pack(context.Background(), "t", "e"); err != nil {
				rt.Fatalf("an event after the end: %v", err)
			}
		}
		w.holds(rt)
	})
}

// TestGivesUp holds that an export that cannot be packed ends, and says so.
func TestGivesUp(t *testing.T) {
	w := newWorld(t, 1, 10)
	p := w.packager(0, time.Hour)
	p.Groups = nil
	p.Signer = failing{}
	for calls := 0; w.export.State != export.Failed; calls++ {
		if calls > 60 {
			t.Fatalf("after %d calls it is %s", calls, w.export.State)
		}
		_ = p.Pack(t.Context(), "t", "e")
		w.now.Advance(10 * time.Minute)
	}
	if w.export.Why == "" || w.ended != 1 {
		t.Errorf("%+v", w.export)
	}
	if err := p.Pack(t.Context(), "t", "e"); err != nil || w.export.State != export.Failed {
		t.Errorf("called again: %v, %s", err, w.export.State)
	}
}

type failing struct{}

func (failing) Sign(context.Context, []byte) ([]byte, error) { return nil, errCrash }

// TestTwoAtOnce holds that a packager whose lease has ended cannot write any more once another has taken over.
func TestTwoAtOnce(t *testing.T) {
	w := newWorld(t, 40, 200)
	if _, err := w.Claim(t.Context(), "t", "e", w.now.Now(), w.now.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	slow := w.export
	w.now.Advance(2 * time.Minute)
	w.drive(t, 2000, time.Hour)
	if err := w.Save(t.Context(), slow); !errors.Is(err, export.ErrTaken) {
		t.Errorf("the slow one writes: %v", err)
	}
	w.holds(t)
}

// endless is a workspace of any size that is nowhere: each passport is made when it is asked for, and what is packed is
// thrown away.
type endless struct {
	*world
	size, peak int
}

func (w *endless) Count(context.Context, id.Tenant, time.Time) (int64, error) {
	return int64(w.size), nil
}

func (w *endless) Passports(_ context.Context, _ id.Tenant, _ time.Time, after string, limit int) ([]export.Placed, error) {
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

func (w *endless) Passport(_ context.Context, _ id.Tenant, p id.Passport, _ time.Time, record func(export.PassportRecord) error, version func(export.VersionRecord) error) error {
	noise := make([]byte, 700)
	_, _ = rand.Read(noise)
	content := map[string]any{"noise": fmt.Sprintf("%x", noise)}
	return errors.Join(record(export.PassportRecord{ID: p, ProductGroup: "general", Content: content}), version(export.VersionRecord{Passport: p, Number: 1, Content: content}))
}

func (w *endless) Part(_ context.Context, _ export.Upload, _ int, _ []byte) (string, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.peak = max(w.peak, int(m.HeapAlloc))
	return "tag", nil
}

func (w *endless) Finish(context.Context, export.Upload, []export.Part) error { return nil }

// TestMemoryIsFlat packs workspaces of different sizes: ten times as many passports take hardly more memory, and it stays
// below the 128 MB that a small function has.
func TestMemoryIsFlat(t *testing.T) {
	peak := func(size int, formats ...export.Format) int {
		w := &endless{world: newWorld(t, 0, 0), size: size}
		w.export.Options.Formats = formats
		p := w.packager(0, 24*time.Hour)
		p.Source, p.Uploads = w, w
		if err := p.Pack(t.Context(), "t", "e"); err != nil || w.export.State != export.Ready || w.export.Items != int64(size) {
			t.Fatalf("%d passports: %v, %+v", size, err, w.export)
		}
		return w.peak
	}
	small, large := peak(8_000), peak(60_000)
	t.Logf("8,000 passports: %d MB, 60,000: %d MB at most", small>>20, large>>20)
	if large > 128<<20 || large > 2*small+16<<20 {
		t.Errorf("memory grows: %d MB for 8,000 passports, %d MB for 60,000", small>>20, large>>20)
	}
	tables := peak(60_000, export.CSV, export.XLSX)
	t.Logf("60,000 passports with tables: %d MB at most", tables>>20)
	if tables > 128<<20 {
		t.Errorf("with tables it takes %d MB", tables>>20)
	}
}

// BenchmarkDeflate is the plain compression to compare with.
func BenchmarkDeflate(b *testing.B) {
	w := newWorld(b, 2000, 1500)
	var plain bytes.Buffer
	for _, p := range w.passports {
		_ = json.NewEncoder(&plain).Encode(p)
	}
	b.SetBytes(int64(plain.Len()))
	for b.Loop() {
		f, _ := flate.NewWriter(io.Discard, flate.DefaultCompression)
		_, _ = f.Write(plain.Bytes())
		_ = f.Close()
	}
}

// BenchmarkPack is packing beside plain DEFLATE of the same bytes.
func BenchmarkPack(b *testing.B) { pack(b) }

// BenchmarkPackTables is the same with both kinds of tables.
func BenchmarkPackTables(b *testing.B) { pack(b, export.CSV, export.XLSX) }

func pack(b *testing.B, formats ...export.Format) {
	w := newWorld(b, 2000, 1500)
	w.export.Options.Formats = formats
	b.ReportAllocs()
	for b.Loop() {
		w.export.State, w.export.Step, w.ended = export.Queued, 0, 0
		w.export.LeaseUntil = time.Time{}
		w.drive(b, 0, 24*time.Hour)
	}
	a, err := archive.Open(bytes.NewReader(w.whole), int64(len(w.whole)), &w.key.PublicKey)
	if err != nil {
		b.Fatal(err)
	}
	size := int64(0)
	for _, m := range a.Manifest.Members {
		size += m.Size
	}
	b.SetBytes(size)
}
