package archive_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

// late lets through what comes once it is open.
type late struct {
	to   io.Writer
	open bool
}

func (l *late) Write(p []byte) (int, error) {
	if !l.open {
		return len(p), nil
	}
	return l.to.Write(p)
}

// raw is a member as archive/zip is told it.
func raw(m archive.Member) *zip.FileHeader {
	h := &zip.FileHeader{Name: m.Name, Method: zip.Deflate, CRC32: m.CRC, CompressedSize64: uint64(m.Packed), UncompressedSize64: uint64(m.Size), ModifiedDate: 20<<9 | 1<<5 | 1}
	if m.Stored {
		h.Method = zip.Store
	}
	return h
}

// theirs is the directory that archive/zip writes for the same members.
func theirs(t *rapid.T, members []archive.Member) []byte {
	var out bytes.Buffer
	gate := &late{to: &out}
	z, nothing := zip.NewWriter(gate), make([]byte, 16<<20)
	for _, m := range members {
		w, err := z.CreateRaw(raw(m))
		if err != nil {
			t.Fatal(err)
		}
		for left := m.Packed; left > 0; left -= int64(len(nothing)) {
			if _, err := w.Write(nothing[:min(left, int64(len(nothing)))]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := z.Flush(); err != nil {
		t.Fatal(err)
	}
	gate.open = true
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestHeadersAreTheirs holds headers and the directory, byte for byte, against those of archive/zip, on both sides of what
// needs ZIP64.
func TestHeadersAreTheirs(t *testing.T) {
	size := rapid.OneOf(rapid.Int64Range(0, 1000), rapid.Int64Range(1<<32-3, 1<<32+3))
	few := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) archive.Member {
		return archive.Member{
			Name: strings.Repeat("n", rapid.IntRange(1, 90).Draw(t, "name")), CRC: rapid.Uint32().Draw(t, "crc"), Size: size.Draw(t, "size"),
			Packed: size.Draw(t, "packed"), Stored: rapid.Bool().Draw(t, "stored"),
		}
	}), 0, 4)
	rapid.Check(t, func(rt *rapid.T) {
		members := few.Draw(rt, "members")
		for _, m := range members {
			var ours, local bytes.Buffer
			z := zip.NewWriter(&local)
			if _, err := z.CreateRaw(raw(m)); err != nil {
				rt.Fatal(err)
			}
			if err := errors.Join(z.Flush(), m.Begin(&ours)); err != nil || !bytes.Equal(ours.Bytes(), local.Bytes()) {
				rt.Fatalf("%+v: %v, or not the header that archive/zip writes", m, err)
			}
		}
		for n := range rapid.SampledFrom([]int{0, 0, 0, 65_530, 65_535, 65_540}).Draw(rt, "more") {
			members = append(members, archive.Member{Name: fmt.Sprint("files/", n), Size: 1, Packed: 1, Stored: true})
		}
		var out bytes.Buffer
		if err := archive.Directory(&out, members); err != nil || !bytes.Equal(out.Bytes(), theirs(rt, members)) {
			rt.Fatalf("%d members: %v, or not what archive/zip writes", len(members), err)
		}
	})
}
