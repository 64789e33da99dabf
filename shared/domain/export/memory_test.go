package export_test

import (
	"bytes"
	"compress/flate"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

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
	return errors.Join(record(export.PassportRecord{ID: p, Content: content}), version(export.VersionRecord{Passport: p, Number: 1, Content: content}))
}

func (w *endless) Part(_ context.Context, _ export.Upload, _ int, _ []byte) (string, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	w.peak = max(w.peak, int(m.HeapAlloc))
	return "tag", nil
}

func (w *endless) Begin(context.Context, id.Tenant, id.Export) (string, error) { return "upload", nil }

func (w *endless) Finish(context.Context, export.Upload, []export.Part) error { return nil }

// TestMemoryIsFlat packs workspaces of different sizes: ten times as many passports take hardly more memory, and it stays
// below the 128 MB that a small function has.
func TestMemoryIsFlat(t *testing.T) {
	peak := func(size int) int {
		w := &endless{world: newWorld(t, 0, 0), size: size}
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
func BenchmarkPack(b *testing.B) {
	w := newWorld(b, 2000, 1500)
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
