package export_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// endless is a workspace of any size that is nowhere: each passport is made when it is asked for, and what is packed is
// thrown away.
type endless struct {
	*world
	size, peak int
	papers     int // documents of each passport, each of other bytes
	paper      int // bytes of each
	out        io.Writer
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

func (w *endless) Passport(_ context.Context, _ id.Tenant, p id.Passport, _ time.Time, to export.Takers) error {
	noise := make([]byte, 700)
	_, _ = rand.Read(noise)
	content := map[string]any{"noise": fmt.Sprintf("%x", noise)}
	if err := to.Passport(export.PassportRecord{ID: p, ProductGroup: "general", Content: content}); err != nil {
		return err
	}
	for n := range w.papers {
		b := make([]byte, w.paper)
		copy(b, fmt.Sprint(p, "/", n))
		d := export.DocumentRecord{ID: id.Document(fmt.Sprintf("d%03d", n)), Passport: p, MediaType: "application/pdf", Size: int64(len(b)), SHA256: fmt.Sprintf("%x", sha256.Sum256(b))}
		if err := to.Document(d, func() ([]byte, error) { return b, nil }); err != nil {
			return err
		}
	}
	return errors.Join(to.Version(export.VersionRecord{Passport: p, Number: 1, Content: content}))
}

func (w *endless) Part(_ context.Context, _ export.Upload, _ int, data []byte) (string, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.peak = max(w.peak, int(m.HeapAlloc))
	_, err := w.out.Write(data)
	return "tag", err
}

func (w *endless) Begin(context.Context, id.Tenant, id.Export) (string, error) { return "upload", nil }

func (w *endless) Finish(context.Context, export.Upload, []export.Part) error { return nil }

// TestMemoryIsFlat packs workspaces of different sizes: ten times as many passports take hardly more memory, and it stays
// below the 128 MB that a small function has.
func TestMemoryIsFlat(t *testing.T) {
	peak := func(size int, formats ...export.Format) int {
		w := &endless{world: newWorld(t, 0, 0), size: size, out: io.Discard}
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

// TestMemoryOfDocuments packs passports with as many and as large documents as there may be: 400 MB for each, of which one
// file and one part are in memory at a time.
func TestMemoryOfDocuments(t *testing.T) {
	w := &endless{world: newWorld(t, 0, 0), size: 2, papers: document.MaxPerPassport, paper: document.MaxSize, out: io.Discard}
	p := w.packager(0, 24*time.Hour)
	p.Source, p.Uploads = w, w
	if err := p.Pack(t.Context(), "t", "e"); err != nil || w.export.State != export.Ready {
		t.Fatalf("%v, %+v", err, w.export)
	}
	t.Logf("%d MB packed, %d MB at most in memory", w.export.Bytes>>20, w.peak>>20)
	if w.peak > 128<<20 || w.export.Bytes < 2*document.MaxPerPassport*document.MaxSize {
		t.Errorf("%d MB in memory for %d MB", w.peak>>20, w.export.Bytes>>20)
	}
}

// shelved keeps checkpoints on a disk.
type shelved struct {
	dir     string
	written int64
}

func (s *shelved) name(at export.Mark) string {
	return filepath.Join(s.dir, fmt.Sprintf("%d-%d", at.Step, at.Fence))
}

func (s *shelved) Save(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark, b []byte) error {
	s.written += int64(len(b))
	return os.WriteFile(s.name(at), b, 0o600)
}

func (s *shelved) Load(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark) ([]byte, error) {
	return os.ReadFile(s.name(at))
}

func (s *shelved) Forget(_ context.Context, _ id.Tenant, _ id.Export, at export.Mark) error {
	return os.Remove(s.name(at))
}

// TestAsManyFilesAsThereMayBe packs passports with documents of other bytes each: as many as a package may hold take no more
// memory than a small function has; what is written down on the way is as long as they are many; and the package can be
// read. With more the export ends, and says why.
func TestAsManyFilesAsThereMayBe(t *testing.T) {
	const each = 50
	most := archive.MaxMembers - 200 // the others are lists of them
	pack := func(size int) (*endless, *shelved, *os.File) {
		out, err := os.Create(filepath.Join(t.TempDir(), "package.zip"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = out.Close() })
		w := &endless{world: newWorld(t, 0, 0), size: size / each, papers: each, paper: 700, out: out}
		w.export.Options = export.Options{Scope: export.Passports}
		states := &shelved{dir: t.TempDir()}
		p := w.packager(0, 24*time.Hour)
		p.Source, p.Uploads, p.Checkpoints, p.BlockSize = w, w, states, 0
		if err := p.Pack(t.Context(), "t", "e"); err != nil {
			t.Fatal(err)
		}
		return w, states, out
	}
	many, states, file := pack(most)
	t.Logf("%d files: %d MB at most; %d MB of checkpoints", many.size*each, many.peak>>20, states.written>>20)
	if many.export.State != export.Ready || many.peak > 128<<20 || states.written > int64(400*most) {
		t.Errorf("%s with %d MB in memory and %d MB of checkpoints", many.export.State, many.peak>>20, states.written>>20)
	}
	about, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	a, err := archive.Open(file, about.Size(), &many.key.PublicKey)
	if err == nil {
		err = a.Verify(nil)
	}
	if err != nil || a.Manifest.Counts["documents"] != int64(most) {
		t.Errorf("what was packed cannot be read: %v", err)
	}
	if over, _, _ := pack(archive.MaxMembers); over.export.State != export.Failed || !strings.Contains(over.export.Why, "files") {
		t.Errorf("with more files than there may be it is %s: %s", over.export.State, over.export.Why)
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
