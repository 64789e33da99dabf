package export_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

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
	recent    int // entries that are not in the trail yet

	asked   int
	states  map[export.Mark][]byte
	uploads map[string]map[int][]byte
	whole   []byte
	ended   int

	call, killAt int // number of the call to be killed at; 0: never
	after, dead  bool
	crashed      bool // once at least
	deleteAt     int  // number of the call before which somebody deletes the export
	sleepAt      int  // number of the call before which the process sleeps
	sleep        func()
	eraseAt      int // number of the call before which a passport is deleted for good
	erase        id.Passport
	erased       id.Passport
}

// step is one call of the outside; a killed process does not carry it out, or does and never learns.
func (w *world) step(do func()) error {
	w.call++
	if w.call == w.deleteAt && w.export.Live() {
		w.export.State, w.export.Fence = export.Deleted, w.export.Fence+1
	}
	if w.call == w.eraseAt {
		w.erased = w.erase
	}
	if w.call == w.sleepAt && w.sleep != nil {
		sleep := w.sleep
		w.sleep = nil
		sleep()
	}
	if w.dead || w.call == w.killAt && !w.after {
		w.dead, w.crashed = true, true
		return errCrash
	}
	do()
	if w.call == w.killAt {
		w.dead, w.crashed = true, true
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
	met := false
	err := w.step(func() {
		if met = e.Fence == w.export.Fence; met {
			w.export = e
		}
	})
	if err == nil && !met {
		err = export.ErrTaken
	}
	return err
}

func (w *world) End(_ context.Context, e export.Export, _ audit.Entry, _ audit.Notice) error {
	met := false
	err := w.step(func() {
		if met = e.Fence >= w.export.Fence; met {
			w.export, w.ended = e, w.ended+1
		}
	})
	if err == nil && !met {
		err = export.ErrTaken
	}
	return err
}

func (w *world) Ask(context.Context, id.Tenant, id.Export, int) error {
	return w.step(func() { w.asked++ })
}

// states of checkpoints.
type checkpoints struct{ *world }

func (w checkpoints) Save(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark, b []byte) error {
	return w.step(func() { w.states[at] = slices.Clone(b) })
}

func (w checkpoints) Load(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark) ([]byte, error) {
	var b []byte
	err := w.step(func() { b = w.states[at] })
	return b, err
}

func (w checkpoints) Forget(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark) error {
	return w.step(func() { delete(w.states, at) })
}

func (w *world) Begin(context.Context, id.Tenant, id.Export) (string, error) {
	name := ""
	err := w.step(func() { name = fmt.Sprint("upload-", len(w.uploads)); w.uploads[name] = map[int][]byte{} })
	return name, err
}

func (w *world) Part(_ context.Context, u export.Upload, number int, data []byte) (string, error) {
	var refused error
	began := w.now.Now()
	err := w.step(func() {
		switch {
		case w.now.Now().Sub(began) > 90*time.Second: // it slept past the deadline of the call
			refused = context.DeadlineExceeded
		case w.uploads[u.ID] == nil:
			refused = errors.New("there is no such upload")
		default:
			w.uploads[u.ID][number] = slices.Clone(data)
		}
	})
	return fmt.Sprintf("%x", sha256.Sum256(data)), errors.Join(err, refused)
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

func (w *world) Discard(_ context.Context, u export.Upload) error {
	return w.step(func() {
		if w.uploads[u.ID] == nil {
			w.whole = nil
		}
		delete(w.uploads, u.ID)
	})
}

func (w *world) Sign(_ context.Context, message []byte) (signature []byte, err error) {
	sum := sha256.Sum256(message)
	crash := w.step(func() { signature, err = ecdsa.SignASN1(rand.Reader, w.key, sum[:]) })
	return signature, errors.Join(crash, err)
}

func (w *world) Count(context.Context, id.Tenant, time.Time) (n int64, err error) {
	err = w.step(func() { n = int64(len(w.passports)) })
	return n, err
}

func (w *world) Passports(_ context.Context, _ id.Tenant, _ time.Time, after string, limit int) ([]export.Placed, error) {
	var all []export.Placed
	err := w.step(func() {
		for i, p := range w.passports {
			if place := fmt.Sprintf("%06d", i); place > after && len(all) < limit && p.ID != w.erased {
				all = append(all, export.Placed{Passport: p.ID, Place: place})
			}
		}
	})
	return all, err
}

func (w *world) Passport(_ context.Context, _ id.Tenant, p id.Passport, _ time.Time, to export.Takers) error {
	if err := w.step(func() {}); err != nil {
		return err
	}
	if p == w.erased {
		return nil
	}
	i := slices.IndexFunc(w.passports, func(r export.PassportRecord) bool { return r.ID == p })
	if err := to.Passport(w.passports[i]); err != nil {
		return err
	}
	for n := range w.passports[i].Version {
		if err := to.Version(export.VersionRecord{Passport: p, Number: n + 1, Content: w.passports[i].Content}); err != nil {
			return err
		}
	}
	for n := range w.papers(i) {
		bytes := w.paper(i, n)
		d := export.DocumentRecord{
			ID: id.Document(fmt.Sprintf("d%03d", n)), Passport: p, Kind: "manual", MediaType: "text/plain", Size: int64(len(bytes)), SHA256: fmt.Sprintf("%x", sha256.Sum256(bytes)),
		}
		err := to.Document(d, func() ([]byte, error) {
			return bytes, w.step(func() {})
		})
		if err != nil {
			return err
		}
		w.now.Advance(time.Second)
	}
	w.now.Advance(time.Second)
	return nil
}

// papers is how many documents a passport has: most none, some several.
func (w *world) papers(passport int) int {
	if passport%12 != 1 {
		return 0
	}
	return passport%5 + 2
}

// paper is the bytes of a document. The first of each passport is the same for all, as a manual is.
func (w *world) paper(passport, n int) []byte {
	if n == 0 {
		return bytes.Repeat([]byte("the same manual "), 300)
	}
	return bytes.Repeat([]byte(fmt.Sprint("passport ", passport, ", document ", n, ". ")), 200)
}

func (w *world) Account(_ context.Context, _ id.Tenant, _ time.Time, record func(string, any) error) error {
	if err := w.step(func() {}); err != nil {
		return err
	}
	return record("organisation", map[string]any{"name": "Nordeiche"})
}

// unsigned is how many entries are given at once.
const unsigned = 7

func (w *world) Unsigned(_ context.Context, _ id.Tenant, _ time.Time, after string, record func(any) error) (string, error) {
	if err := w.step(func() {}); err != nil {
		return "", err
	}
	from := 0
	if after != "" {
		_, _ = fmt.Sscan(after, &from)
	}
	for n := from; n < min(from+unsigned, w.recent); n++ {
		if err := record(n); err != nil {
			return "", err
		}
	}
	w.now.Advance(time.Second)
	if from+unsigned >= w.recent {
		return "", nil
	}
	return fmt.Sprint(from + unsigned), nil
}

func (w *world) Trail(_ context.Context, _ id.Tenant, from int64, out io.Writer) (int64, error) {
	if err := w.step(func() {}); err != nil {
		return 0, err
	}
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
	w := &world{key: key, now: clock.NewMovable(clock.Fixed(time.Unix(1_800_000_000, 0))), states: map[export.Mark][]byte{}, uploads: map[string]map[int][]byte{}, recent: 20}
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
		Patience: patience, PartSize: partSize, BlockSize: 5, Stage: func(context.Context, id.Tenant) error { return nil },
	}
}

// drive calls the packager until the export is ready, as events and their repetitions do.
func (w *world) drive(t interface{ Fatalf(string, ...any) }, partSize int, patience time.Duration) (calls int) {
	for w.export.State != export.Ready {
		if calls++; calls > 500 {
			t.Fatalf("after %d calls the export is %s at step %d", calls, w.export.State, w.export.Step)
		}
		if err := w.packager(partSize, patience).Pack(context.Background(), "t", "e"); err != nil && !errors.Is(err, errCrash) && w.sleepAt == 0 {
			t.Fatalf("%v", err)
		}
		w.killAt, w.dead = 0, false // once is enough
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
	w.holdsPapers(t, a)
	var trail bytes.Buffer
	read("audit/", func(b []byte) error { trail.Write(append(b, '\n')); return nil })
	recent := 0
	read("account/audit-not-yet-signed/", func(b []byte) error {
		if string(b) != fmt.Sprint(recent) {
			return fmt.Errorf("entry %d is %s", recent, b)
		}
		recent++
		return nil
	})
	if recent != w.recent {
		t.Fatalf("%d of %d entries that are not signed yet", recent, w.recent)
	}
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
	for name, parts := range w.uploads {
		if len(parts) > 0 {
			t.Fatalf("%d parts of %s are left", len(parts), name)
		}
	}
	for at, state := range w.states {
		if bytes.Contains(state, []byte(`"parked"`)) && !w.crashed {
			t.Fatalf("the checkpoint %v holds content, and nobody needs it", at)
		}
	}
}

// holdsPapers wants every document once, in the order of its passport, with its bytes.
func (w *world) holdsPapers(t interface{ Fatalf(string, ...any) }, a *archive.Archive) {
	var want, got []string
	for i, p := range w.passports {
		for n := range w.papers(i) {
			want = append(want, fmt.Sprintf("%s d%03d %x", p.ID, n, sha256.Sum256(w.paper(i, n))))
		}
	}
	err := a.Lines("documents/", func(line []byte) error {
		var d export.DocumentRecord
		if err := json.Unmarshal(line, &d); err != nil {
			return err
		}
		b, err := a.File(d.File, d.Size)
		got = append(got, fmt.Sprintf("%s %s %x", d.Passport, d.ID, sha256.Sum256(b)))
		return err
	})
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%d documents, want %d: %v", len(got), len(want), err)
	}
}
