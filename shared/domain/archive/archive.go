// Package archive is the form in which a workspace leaves the platform: a ZIP file (APPNOTE 6.3.10, with ZIP64 where it is
// needed) of NDJSON members, a manifest with the SHA-256 of each, and a signature of the manifest. It can be written piece
// by piece by processes that know nothing of one another, and checked by anybody who has the platform's public key.
//
// It knows no storage and nothing of what the members mean.
package archive

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
	"time"
)

// Names of the members that every archive has; they are the last two.
const (
	ManifestName  = "manifest.json"
	SignatureName = "manifest.sig"
)

// Format is the version of the archive's form.
const Format = "passportcraft-export/1"

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
		out = append(out, Listed{m.Name, m.Lines, m.Size, m.SHA256})
	}
	return out
}

// Message is what is signed for a manifest: its digest under a line that no other signed thing of the platform begins
// with.
func Message(manifest []byte) []byte {
	sum := sha256.Sum256(manifest)
	return []byte("passportcraft-export-manifest-v1\n" + hex.EncodeToString(sum[:]) + "\n")
}

// Store writes a member that is not compressed.
func Store(w io.Writer, name string, data []byte) (Member, error) {
	sum := sha256.Sum256(data)
	m := Member{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:]), Packed: int64(len(data)), CRC: crc32.ChecksumIEEE(data), Stored: true}
	return m, m.write(w, data)
}

// header is the member as ZIP describes it. Its time is fixed, so that the same content gives the same bytes.
func (m Member) header() *zip.FileHeader {
	h := &zip.FileHeader{
		Name: m.Name, Method: zip.Deflate, CRC32: m.CRC, CompressedSize64: uint64(m.Packed), UncompressedSize64: uint64(m.Size),
	}
	h.ModifiedDate = 20<<9 | 1<<5 | 1 // of MS-DOS: 1 January 2000. A raw header is written as it is, and 0 is no date
	if m.Stored {
		h.Method = zip.Store
	}
	return h
}

func (m Member) write(w io.Writer, data []byte) error {
	z := zip.NewWriter(w)
	raw, err := z.CreateRaw(m.header())
	if err != nil {
		return fmt.Errorf("archive: %s: %w", m.Name, err)
	}
	if _, err := raw.Write(data); err != nil {
		return err
	}
	return z.Flush() // and no Close: the directory comes once, at the end of all
}

// Directory writes what follows the members in the file: the central directory. The members are told to it once more
// with nothing in them, so that it counts their places without having them.
func Directory(w io.Writer, members []Member) error {
	gate := &sluice{to: w}
	z := zip.NewWriter(gate)
	nothing := make([]byte, 1<<20)
	for _, m := range members {
		raw, err := z.CreateRaw(m.header())
		if err != nil {
			return fmt.Errorf("archive: %s: %w", m.Name, err)
		}
		for left := m.Packed; left > 0; left -= int64(len(nothing)) {
			if _, err := raw.Write(nothing[:min(left, int64(len(nothing)))]); err != nil {
				return err
			}
		}
	}
	if err := z.Flush(); err != nil {
		return err
	}
	gate.open = true
	return z.Close()
}

// sluice swallows what is written until it is opened.
type sluice struct {
	to   io.Writer
	open bool
}

func (s *sluice) Write(p []byte) (int, error) {
	if !s.open {
		return len(p), nil
	}
	return s.to.Write(p)
}
