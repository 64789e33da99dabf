// Package archive is the form in which a workspace leaves the platform: a ZIP file (APPNOTE 6.3.10, with ZIP64 where it is
// needed) of NDJSON members, a manifest with the SHA-256 of each, and a signature of the manifest. It can be written piece
// by piece by processes that know nothing of one another, and checked by anybody who has the platform's public key.
//
// It knows no storage and nothing of what the members mean.
package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"time"
)

// Names of the members that every archive has; they are the last two.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.sig"
)

// Format is the version of the archive's form.
const Format = "passportcraft-export/1"

// MaxMembers is how many members an archive may have. Whoever reads one has all of them in memory, some 800 bytes each: that
// of archive/zip, and the one that the manifest lists. What writes more writes what nobody can read.
const MaxMembers = 200_000

// Member is one finished member.
type Member struct {
	Name   string `json:"name"`
	Lines  int64  `json:"lines,omitempty"`  // of NDJSON
	Size   int64  `json:"size"`             // bytes, uncompressed
	SHA256 string `json:"sha256"`           // of those bytes, in hex
	Packed int64  `json:"packed"`           // bytes, compressed
	CRC    uint32 `json:"crc"`              // CRC-32 of the uncompressed bytes, as ZIP wants it
	Stored bool   `json:"stored,omitempty"` // not compressed
}

// Manifest says what an archive holds.
type Manifest struct {
	Format   string            `json:"format"`
	Export   string            `json:"export"`
	Tenant   string            `json:"tenant"`
	Name     string            `json:"organisation"`
	Snapshot time.Time         `json:"snapshot"`          // instant to which the content is true
	Policy   string            `json:"policy"`            // version of the rules by which it was made
	Counts   map[string]int64  `json:"counts"`            // records by kind
	LeftOut  []string          `json:"leftOut,omitempty"` // parts that whoever asked for it did not want
	Schemas  map[string]string `json:"schemas"`           // JSON Schema member by folder or member
	Members  []Listed          `json:"members"`
}

// Listed is a member in the manifest.
type Listed struct {
	Name   string `json:"name"`
	Lines  int64  `json:"lines,omitempty"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// List is the members as the manifest lists them.
func List(members []Member) []Listed {
	out := make([]Listed, 0, len(members))
	for _, m := range members {
		out = append(out, listed(m))
	}
	return out
}

func listed(m Member) Listed { return Listed{m.Name, m.Lines, m.Size, m.SHA256} }

// Write writes the manifest with members that are read one after the other.
func (m Manifest) Write(w io.Writer, members iter.Seq2[Member, error]) error {
	m.Members = []Listed{}
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return fmt.Errorf("archive: manifest: %w", err)
	}
	const end = "]\n}"
	if _, err := w.Write(bytes.TrimSuffix(b, []byte(end))); err != nil {
		return err
	}
	before := "\n    "
	for one, err := range members {
		var line []byte
		if err == nil {
			line, err = json.Marshal(listed(one))
		}
		if err == nil {
			_, err = w.Write(append([]byte(before), line...))
		}
		if err != nil {
			return err
		}
		before = ",\n    "
	}
	_, err = io.WriteString(w, "\n  "+end+"\n")
	return err
}

// Message is what is signed for a manifest: its digest under a line that no other signed thing of the platform begins
// with.
func Message(manifest []byte) []byte {
	sum := sha256.Sum256(manifest)
	return MessageOf(hex.EncodeToString(sum[:]))
}

// MessageOf is the same of a manifest whose SHA-256 in hex is known.
func MessageOf(sum string) []byte { return []byte("passportcraft-export-manifest-v1\n" + sum + "\n") }

// Measure is what a member will be that is not compressed and that somebody writes: the local header comes first, and says
// it. Whoever writes does it once more then, the same.
func Measure(name string, write func(io.Writer) error) (Member, error) {
	sum, crc, size := sha256.New(), crc32.NewIEEE(), &length{}
	err := write(io.MultiWriter(sum, crc, size))
	return Member{Name: name, Size: size.n, SHA256: hex.EncodeToString(sum.Sum(nil)), Packed: size.n, CRC: crc.Sum32(), Stored: true}, err
}

type length struct{ n int64 }

func (l *length) Write(p []byte) (int, error) {
	l.n += int64(len(p))
	return len(p), nil
}

// Store writes a member that is not compressed.
func Store(w io.Writer, name string, data []byte) (Member, error) {
	sum := sha256.Sum256(data)
	m := Member{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Packed: int64(len(data)), CRC: crc32.ChecksumIEEE(data), Stored: true}
	return m, m.write(w, data)
}

// Begin writes what comes before the bytes of a member.
func (m Member) Begin(w io.Writer) error {
	_, err := w.Write(m.local())
	return err
}

func (m Member) write(w io.Writer, data []byte) error {
	if err := m.Begin(w); err != nil {
		return err
	}
	_, err := w.Write(data)
	return err
}

// Directory writes what follows the members in the file: the central directory.
func Directory(w io.Writer, members []Member) error {
	return DirectoryOf(w, func(yield func(Member, error) bool) {
		for _, m := range members {
			if !yield(m, nil) {
				return
			}
		}
	})
}

// DirectoryOf is the same for members that are read one after the other.
func DirectoryOf(w io.Writer, members iter.Seq2[Member, error]) error {
	d := directory{to: w}
	for m, err := range members {
		if err == nil {
			err = d.add(m)
		}
		if err != nil {
			return err
		}
	}
	return d.close()
}
