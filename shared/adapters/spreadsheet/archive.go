package spreadsheet

import (
	"archive/zip"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

const (
	// directoryBytes bounds what may be read of the archive's directory, and with it the memory that it takes.
	directoryBytes = 1 << 20
	// ratioFree is how much a part may unpack to before its ratio counts: small parts compress well by nature.
	ratioFree = 10 << 20
	// xmlDepth bounds the nesting of elements. Sheets need nine.
	xmlDepth = 64
)

// archive is the package of a workbook. Names of parts compare without regard to case (ECMA-376 part 2 clause 6.2.2.3).
type archive struct {
	parts    map[string]*zip.File
	limits   Limits
	size     int64 // of the file
	unpacked int64 // of all parts read so far
}

func openArchive(src io.ReaderAt, size int64, l Limits) (*archive, error) {
	// The reader of archive/zip keeps every entry of the directory, whatever number is declared.
	budget := &budgetAt{r: src, left: directoryBytes + 128<<10}
	zr, err := zip.NewReader(budget, size)
	switch {
	case budget.left < 0 || err == nil && len(zr.File) > l.Parts:
		return nil, fault.New(fault.CodeFilePacking, "The workbook has more than %d parts.", l.Parts)
	case errors.Is(err, zip.ErrInsecurePath):
		return nil, fault.New(fault.CodeFilePacking, "The workbook names a part with a path that leads elsewhere.")
	case err != nil:
		return nil, unreadable(err, "The file is a damaged or cut-off workbook: its directory cannot be read.")
	}
	budget.free = true
	a := &archive{parts: map[string]*zip.File{}, limits: l, size: size}
	for _, f := range zr.File {
		if err := a.admit(f); err != nil {
			return nil, err
		}
	}
	return a, apart(zr.File)
}

// apart refuses parts that share bytes of the file: a few of them could unpack to any size.
func apart(files []*zip.File) error {
	type span struct{ from, to int64 }
	spans := make([]span, 0, len(files))
	for _, f := range files {
		from, err := f.DataOffset()
		if err != nil {
			return unreadable(err, "The part %.80q of the workbook cannot be found.", f.Name)
		}
		spans = append(spans, span{from, from + int64(min(f.CompressedSize64, 1<<50))})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to || spans[i].from == spans[i-1].from {
			return fault.New(fault.CodeFilePacking, "Parts of the workbook lie over one another.")
		}
	}
	return nil
}

func (a *archive) admit(f *zip.File) error {
	name := strings.ToLower(f.Name)
	switch {
	case strings.HasPrefix(name, "/") || strings.ContainsAny(name, "\\\x00") || path.Clean(name) != strings.TrimSuffix(name, "/"):
		return fault.New(fault.CodeFilePacking, "The workbook names the part %.80q, whose path leads elsewhere.", f.Name)
	case a.parts[name] != nil:
		return fault.New(fault.CodeFilePacking, "The workbook holds the part %.80q twice.", f.Name)
	case f.Flags&1 != 0:
		return fault.New(fault.CodeFileEncrypted, "The archive is protected by a password. Save the workbook without one.")
	case f.UncompressedSize64 > uint64(a.limits.PartBytes):
		return a.partTooLarge(f.Name)
	case strings.HasSuffix(name, "vbaproject.bin") || strings.HasPrefix(name, "xl/macrosheets/"):
		return fault.New(fault.CodeMacroRefused, "The workbook holds macros (%.80s). Save it as .xlsx.", f.Name)
	case strings.HasPrefix(name, "xl/externallinks/"):
		return externalLinks()
	}
	a.parts[name] = f
	return nil
}

func externalLinks() error {
	return fault.New(fault.CodeLinksRefused,
		"The workbook takes values from other workbooks. Break the links, so that the values are in the file itself.")
}

func (a *archive) partTooLarge(name string) error {
	return fault.New(fault.CodeFileTooLarge, "The part %.80q of the workbook unpacks to more than %d bytes.", name, a.limits.PartBytes)
}

func (a *archive) has(name string) bool { return a.parts[strings.ToLower(name)] != nil }

// open unpacks a part. Reading stops with a fault as soon as the part, or all parts together, exceed a limit. A part that
// is read a second time is counted again.
func (a *archive) open(name string) (io.Reader, error) {
	f := a.parts[strings.ToLower(name)]
	if f == nil {
		return nil, fault.New(fault.CodeFileUnreadable, "The workbook lacks its part %.80q.", name)
	}
	r, err := f.Open()
	if err != nil {
		return nil, unreadable(err, "The part %.80q of the workbook cannot be unpacked.", name)
	}
	packed := int64(min(f.CompressedSize64, uint64(a.size)))
	return &unpacker{archive: a, name: name, r: r, most: max(ratioFree, packed*int64(a.limits.Ratio))}, nil
}

type unpacker struct {
	archive *archive
	name    string
	r       io.Reader
	read    int64
	most    int64 // bytes that the ratio allows
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	u.read += int64(n)
	u.archive.unpacked += int64(n)
	switch a := u.archive; {
	case u.read > a.limits.PartBytes:
		return 0, a.partTooLarge(u.name)
	case a.unpacked > a.limits.TotalBytes:
		return 0, fault.New(fault.CodeFileTooLarge, "The workbook unpacks to more than %d bytes.", a.limits.TotalBytes)
	case u.read > u.most:
		return 0, fault.New(fault.CodeFilePacking, "The part %.80q of the workbook unpacks to more than %d times its size.", u.name, a.limits.Ratio)
	}
	switch {
	case errors.Is(err, zip.ErrFormat): // archive/zip stops at the declared size
		err = fault.From(err, fault.CodeFilePacking, "The part %.80q of the workbook unpacks to more than it declares.", u.name)
	case err != nil && !errors.Is(err, io.EOF):
		err = unreadable(err, "The part %.80q of the workbook is damaged.", u.name)
	}
	return n, err
}

// budgetAt refuses to read more than a number of bytes, until it is set free.
type budgetAt struct {
	r    io.ReaderAt
	left int64
	free bool
}

func (b *budgetAt) ReadAt(p []byte, off int64) (int, error) {
	if !b.free {
		if b.left -= int64(len(p)); b.left < 0 {
			return 0, fmt.Errorf("spreadsheet: directory of over %d bytes", directoryBytes)
		}
	}
	return b.r.ReadAt(p, off)
}

// elements reads XML as a stream. Document type declarations are refused, and with them every entity that a file could
// define itself; nesting is bounded, and so is the size of one tag or one run of text.
type elements struct {
	name    string
	decoder *xml.Decoder
	budget  *budgetReader
	depth   int
}

// budgetReader refuses to read on when one token takes more than its share.
type budgetReader struct {
	r    io.Reader
	left int
}

func (b *budgetReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fault.New(fault.CodeCellTooLarge, "The workbook holds a text or a tag of over a million bytes.")
	}
	n, err := b.r.Read(p[:min(len(p), 16<<10)])
	b.left -= n
	return n, err
}

func (a *archive) elements(name string) (*elements, error) {
	r, err := a.open(name)
	if err != nil {
		return nil, err
	}
	e := &elements{name: name, budget: &budgetReader{r: r}}
	e.decoder = xml.NewDecoder(e.budget)
	return e, nil
}

// next is the next token, or io.EOF. What it returns is valid until the call after.
func (e *elements) next() (xml.Token, error) {
	e.budget.left = 1 << 20
	token, err := e.decoder.Token()
	if errors.Is(err, io.EOF) && token == nil {
		return nil, io.EOF
	}
	if err != nil {
		return nil, unreadable(err, "The part %.80q of the workbook is not well-formed XML.", e.name)
	}
	switch token.(type) {
	case xml.Directive:
		return nil, fault.New(fault.CodeFileUnreadable, "The part %.80q of the workbook declares a document type, which no workbook needs.", e.name)
	case xml.StartElement:
		if e.depth++; e.depth > xmlDepth {
			return nil, fault.New(fault.CodeFileUnreadable, "The part %.80q of the workbook nests more than %d elements.", e.name, xmlDepth)
		}
	case xml.EndElement:
		e.depth--
	}
	return token, nil
}

// each calls f for every element of a part, until it returns an error.
func (a *archive) each(name string, f func(e xml.StartElement) error) error {
	e, err := a.elements(name)
	if err != nil {
		return err
	}
	for {
		token, err := e.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); ok {
			if err := f(start); err != nil {
				return err
			}
		}
	}
}

// attribute is the value of an attribute by its local name, whatever its namespace: strict and transitional workbooks
// differ in namespaces alone.
func attribute(e xml.StartElement, name string) string {
	for i := range e.Attr {
		if e.Attr[i].Name.Local == name {
			return e.Attr[i].Value
		}
	}
	return ""
}
