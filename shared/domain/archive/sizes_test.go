package archive_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

const huge = 5 << 30 // bytes; beyond what a ZIP archive says without ZIP64

// holed is a file with nothing but zeros in it for a while, which takes no room anywhere.
type holed struct {
	before, after []byte
	hole          int64
}

func (h *holed) size() int64 { return int64(len(h.before)) + h.hole + int64(len(h.after)) }

func (h *holed) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, errors.New("a place before the file")
	}
	clear(p)
	copied := 0
	if off < int64(len(h.before)) {
		copied = copy(p, h.before[off:])
	}
	end := int64(len(h.before)) + h.hole
	if at := off + int64(len(p)); at > end {
		from := max(end-off, 0)
		copied = copy(p[from:], h.after[max(off-end, 0):])
		if int64(copied) < int64(len(p))-from {
			return int(from) + copied, io.EOF
		}
	}
	return len(p), nil
}

// signed ends an archive: a manifest that lists members as it is told to, its signature, and a directory that may say
// something else.
func signed(t *testing.T, key *ecdsa.PrivateKey, out *bytes.Buffer, listed, told []archive.Member) {
	t.Helper()
	manifest, err := json.Marshal(archive.Manifest{Format: archive.Format, Members: archive.List(listed)})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(archive.Message(manifest))
	signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	m, err := archive.Store(out, archive.ManifestName, manifest)
	if err != nil {
		t.Fatal(err)
	}
	s, err := archive.Store(out, archive.SignatureName, []byte(base64.StdEncoding.EncodeToString(signature)))
	if err == nil {
		err = archive.Directory(out, append(told, m, s))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// allocated is how many bytes were asked for while something was done, given back or not.
func allocated(do func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	do()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestSizesThatLie reads archives that are signed and say 5 GiB, in the manifest, in the directory or in both, of members
// that have a few bytes, and members that have more than is said: each is refused, and no memory is taken on trust.
func TestSizesThatLie(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		line         string
		listed, told func(m *archive.Member)
	}{
		"the manifest lies":               {"{}", func(m *archive.Member) { m.Size = huge }, func(*archive.Member) {}},
		"the directory lies":              {"{}", func(*archive.Member) {}, func(m *archive.Member) { m.Size = huge }},
		"both lie":                        {"{}", func(m *archive.Member) { m.Size = huge }, func(m *archive.Member) { m.Size = huge }},
		"the packed size lies":            {"{}", func(*archive.Member) {}, func(m *archive.Member) { m.Packed = huge }},
		"there is more than both say":     {strings.Repeat(" ", 64<<20) + "{}", func(m *archive.Member) { m.Size = 3 }, func(m *archive.Member) { m.Size = 3 }},
		"there is more than is listed":    {strings.Repeat(" ", 64<<20) + "{}", func(m *archive.Member) { m.Size = 3 }, func(*archive.Member) {}},
		"there is less than nothing":      {"{}", func(m *archive.Member) { m.Size = -1 }, func(*archive.Member) {}},
		"the line is longer than allowed": {strings.Repeat(" ", 33<<20) + "{}", func(*archive.Member) {}, func(*archive.Member) {}},
	} {
		b := archive.NewBuilder("passports/000001.ndjson")
		if err := b.Lines([]byte(c.line + "\n")); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		m, err := b.Finish(&out)
		if err != nil {
			t.Fatal(err)
		}
		listed, told := m, m
		c.listed(&listed)
		c.told(&told)
		signed(t, key, &out, []archive.Member{listed}, []archive.Member{told})
		file := bytes.NewReader(out.Bytes())
		most := uint64(1 << 20)
		if strings.Contains(name, "line") {
			most = 140 << 20 // of which half is in use at a time
		}
		if n := allocated(func() {
			var a *archive.Archive
			if a, err = archive.Open(file, file.Size(), &key.PublicKey); err == nil {
				err = errors.Join(a.Verify(nil), a.Lines("passports/", func([]byte) error { return nil }))
			}
		}); n > most {
			t.Errorf("%s: %d bytes of memory", name, n)
		}
		if _, ok := errors.AsType[*archive.Wrong](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestHolesAreStreamed reads a signed archive that has a great file of zeros, as a sparse file has on a disk: it is what it
// says, and is not in memory.
func TestHolesAreStreamed(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const size = 256 << 20
	sum, crc, zeros := sha256.New(), crc32.NewIEEE(), make([]byte, 1<<20)
	for range size / len(zeros) {
		sum.Write(zeros)
		crc.Write(zeros)
	}
	var head bytes.Buffer
	m, err := archive.Store(&head, "files/zeros.pdf", nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Size, m.Packed, m.SHA256, m.CRC = size, size, hex.EncodeToString(sum.Sum(nil)), crc.Sum32()
	at := head.Len()
	signed(t, key, &head, []archive.Member{m}, []archive.Member{m})
	file := &holed{before: head.Bytes()[:at], after: head.Bytes()[at:], hole: size}
	var a *archive.Archive
	if n := allocated(func() {
		if a, err = archive.Open(file, file.size(), &key.PublicKey); err == nil {
			err = a.Verify(nil)
		}
	}); err != nil || n > 1<<20 {
		t.Errorf("%d bytes of memory, %v", n, err)
	}
	file.hole--
	if a, err = archive.Open(file, file.size(), &key.PublicKey); err == nil {
		err = a.Verify(nil)
	}
	if err == nil {
		t.Error("an archive that lacks a byte is taken")
	}
}
