package archive

import (
	"archive/zip"
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Limits of what is read, so that a file that claims to be an archive cannot fill memory or time.
const (
	maxManifest  = MaxMembers * 320 // bytes; a file has 180 of them, and had 220
	maxDirectory = MaxMembers * 192 // bytes of the central directory, of which a file has 150; archive/zip keeps all of it in memory
	maxLine      = 32 << 20
)

// Wrong says which member is not what the manifest says, or what is wrong with the manifest.
type Wrong struct{ Member, Problem string }

func (w *Wrong) Error() string { return w.Member + ": " + w.Problem }

func wrong(member, format string, args ...any) error {
	return &Wrong{member, fmt.Sprintf(format, args...)}
}

// broken is what is wrong with a member that cannot be read, unless it is the storage that does not answer.
func broken(member, problem string, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	return &Wrong{member, problem}
}

// Archive is an archive being read. Open has checked its manifest and nothing else.
type Archive struct {
	Manifest Manifest
	files    map[string]*zip.File
	listed   map[string]Listed
}

// Open reads the manifest of an archive and verifies its signature; with a nil key the signature is not looked at, which
// is for archives that are about to be imported by whoever trusts them.
func Open(r io.ReaderAt, size int64, key *ecdsa.PublicKey) (*Archive, error) {
	frugal := &frugalAt{r: r, left: maxDirectory}
	z, err := zip.NewReader(frugal, size)
	if frugal.left < 0 {
		return nil, wrong("the file", "its directory is longer than %d bytes", maxDirectory)
	}
	frugal.free = true
	if err != nil {
		return nil, broken("the file", "it is no ZIP archive, or it is cut off", err)
	}
	if len(z.File) > MaxMembers {
		return nil, wrong("the file", "it has %d members", len(z.File))
	}
	a := &Archive{files: make(map[string]*zip.File, len(z.File)), listed: map[string]Listed{}}
	for _, f := range z.File {
		if a.files[f.Name] != nil {
			return nil, wrong(f.Name, "the archive has it twice")
		}
		a.files[f.Name] = f
	}
	manifest, err := a.whole(ManifestName)
	if err != nil {
		return nil, err
	}
	if key != nil {
		if err := a.signed(manifest, key); err != nil {
			return nil, err
		}
	}
	d := json.NewDecoder(bytes.NewReader(manifest))
	d.DisallowUnknownFields()
	if err := d.Decode(&a.Manifest); err != nil {
		return nil, wrong(ManifestName, "it cannot be read")
	}
	if a.Manifest.Format != Format {
		return nil, wrong(ManifestName, "its format is %.40q, this program reads %q", a.Manifest.Format, Format)
	}
	for _, m := range a.Manifest.Members {
		a.listed[m.Name] = m
	}
	return a, nil
}

// frugalAt reads no more than a number of bytes until it is set free.
type frugalAt struct {
	r    io.ReaderAt
	left int64
	free bool
}

func (f *frugalAt) ReadAt(p []byte, off int64) (int, error) {
	if !f.free {
		if f.left -= int64(len(p)); f.left < 0 {
			return 0, errors.New("archive: the directory is too long")
		}
	}
	return f.r.ReadAt(p, off)
}

func (a *Archive) signed(manifest []byte, key *ecdsa.PublicKey) error {
	text, err := a.whole(SignatureName)
	if err != nil {
		return err
	}
	signature, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	sum := sha256.Sum256(Message(manifest))
	if err != nil || !ecdsa.VerifyASN1(key, sum[:], signature) {
		return wrong(SignatureName, "it is not the platform's signature of this manifest")
	}
	return nil
}

// whole reads a small member.
func (a *Archive) whole(name string) ([]byte, error) {
	f := a.files[name]
	if f == nil {
		return nil, wrong(name, "the archive lacks it")
	}
	r, err := f.Open()
	if err != nil {
		return nil, broken(name, "it cannot be unpacked", err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxManifest+1))
	if err != nil {
		return nil, broken(name, "it cannot be unpacked", err)
	}
	if len(b) > maxManifest {
		return nil, wrong(name, "it is larger than %d bytes", maxManifest)
	}
	return b, nil
}

// Verify reads every member and compares it with the manifest. It returns the first that is wrong; progress is told the
// bytes read so far and may be nil.
func (a *Archive) Verify(progress func(done, total int64)) error {
	var done, total int64
	listed := map[string]bool{ManifestName: true, SignatureName: true}
	for _, m := range a.Manifest.Members {
		if listed[m.Name] {
			return wrong(m.Name, "the manifest lists it twice")
		}
		listed[m.Name] = true
		total += m.Size
	}
	for _, m := range a.Manifest.Members {
		if err := a.member(m); err != nil {
			return err
		}
		done += m.Size
		if progress != nil {
			progress(done, total)
		}
	}
	for name := range a.files {
		if !listed[name] {
			return wrong(name, "the manifest does not list it")
		}
	}
	return nil
}

func (a *Archive) member(m Listed) error {
	f := a.files[m.Name]
	if f == nil {
		return wrong(m.Name, "the archive lacks it")
	}
	r, err := f.Open()
	if err != nil {
		return broken(m.Name, "it cannot be unpacked", err)
	}
	defer r.Close()
	sum, lines := sha256.New(), &counter{}
	n, err := io.Copy(io.MultiWriter(sum, lines), io.LimitReader(r, m.Size+1))
	switch {
	case err != nil:
		return broken(m.Name, "it cannot be unpacked", err)
	case n != m.Size:
		return wrong(m.Name, "it has not the %d bytes that the manifest says", m.Size)
	case hex.EncodeToString(sum.Sum(nil)) != m.SHA256:
		return wrong(m.Name, "its SHA-256 is not the one in the manifest")
	case m.Lines > 0 && lines.n != m.Lines:
		return wrong(m.Name, "it has %d lines, the manifest says %d", lines.n, m.Lines)
	}
	return nil
}

type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// File reads one member whole. One that the manifest does not list, or of another size or digest than it says, is wrong,
// and so is one of another size than is expected.
func (a *Archive) File(name string, size int64) ([]byte, error) {
	m, listed := a.listed[name]
	f := a.files[name]
	if !listed || f == nil {
		return nil, wrong(name, "the archive lacks it")
	}
	if m.Size != size {
		return nil, wrong(name, "it has not the %d bytes that are expected", size)
	}
	r, err := f.Open()
	if err != nil {
		return nil, broken(name, "it cannot be unpacked", err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, size+1))
	if err != nil {
		return nil, broken(name, "it cannot be unpacked", err)
	}
	if sum := sha256.Sum256(b); hex.EncodeToString(sum[:]) != m.SHA256 {
		return nil, wrong(name, "its SHA-256 is not the one in the manifest")
	}
	return b, nil
}

// Lines calls do with every line of the members under a folder, in the order of the manifest.
func (a *Archive) Lines(folder string, do func(line []byte) error) error {
	for _, m := range a.Manifest.Members {
		if !strings.HasPrefix(m.Name, folder) || !strings.HasSuffix(m.Name, ".ndjson") {
			continue
		}
		if err := a.lines(m, do); err != nil {
			return err
		}
	}
	return nil
}

func (a *Archive) lines(m Listed, do func([]byte) error) error {
	f := a.files[m.Name]
	if f == nil {
		return wrong(m.Name, "the archive lacks it")
	}
	r, err := f.Open()
	if err != nil {
		return broken(m.Name, "it cannot be unpacked", err)
	}
	defer r.Close()
	s := bufio.NewScanner(io.LimitReader(r, m.Size+1))
	s.Buffer(make([]byte, 64<<10), maxLine)
	for s.Scan() {
		if err := do(s.Bytes()); err != nil {
			return err
		}
	}
	if err := s.Err(); err != nil {
		if errors.Is(err, bufio.ErrTooLong) {
			return wrong(m.Name, "a line is longer than %d bytes", maxLine)
		}
		return broken(m.Name, "it cannot be unpacked", err)
	}
	return nil
}
