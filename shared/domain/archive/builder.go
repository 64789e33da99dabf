package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
)

// chunk is how many bytes are collected before they are compressed, while the next ones are collected.
const chunk = 256 << 10

// Builder builds one member in memory. What it is given is compressed by a goroutine of its own, one chunk behind: that
// ends with its chunk, whether anybody waits for it or not. The same lines give the same bytes and the same sizes on the
// way, however fast it is. It is not safe for concurrent use.
type Builder struct {
	name    string
	encode  encoder
	filling []byte // not handed over yet
	size    int64
	lines   int64

	handed chan error // nil: nothing is being compressed. What follows belongs to the goroutine until it answers
	taken  []byte
	packed bytes.Buffer

	deflate *flate.Writer
	sum     hash.Hash
	crc     hash.Hash32

	known struct{ size, packed int64 } // of what was compressed when the last chunk was handed over
}

// NewBuilder begins a member.
func NewBuilder(name string) *Builder {
	b := &Builder{name: name, sum: sha256.New(), crc: crc32.NewIEEE()}
	b.deflate, _ = flate.NewWriter(&b.packed, flate.DefaultCompression) // the level is good, so there is no error
	return b
}

// Reuse begins another member with the memory of a finished one.
func (b *Builder) Reuse(name string) {
	_ = b.wait() // there is nothing to wait for, unless the member was not finished
	b.name, b.size, b.lines = name, 0, 0
	b.filling, b.known.size, b.known.packed = b.filling[:0], 0, 0
	b.packed.Reset()
	b.deflate.Reset(&b.packed)
	b.sum.Reset()
	b.crc.Reset()
}

// Line adds a value as a line of JSON.
func (b *Builder) Line(v any) error {
	before := len(b.filling)
	line, err := b.encode.line(b.filling, v)
	if err != nil {
		return fmt.Errorf("archive: %s: %w", b.name, err)
	}
	b.filling, b.lines, b.size = line, b.lines+1, b.size+int64(len(line)-before)
	return b.hand()
}

// Raw adds bytes as they are.
func (b *Builder) Raw(p []byte) error {
	b.filling, b.size = append(b.filling, p...), b.size+int64(len(p))
	return b.hand()
}

// Lines adds finished lines.
func (b *Builder) Lines(p []byte) error {
	b.lines += int64(bytes.Count(p, []byte{'\n'}))
	return b.Raw(p)
}

// hand gives what was collected to be compressed, if it is enough.
func (b *Builder) hand() error {
	if len(b.filling) < chunk {
		return nil
	}
	if err := b.wait(); err != nil {
		return err
	}
	b.known.packed, b.known.size = int64(b.packed.Len()), b.size-int64(len(b.filling))
	b.filling, b.taken = b.taken[:0], b.filling
	b.handed = make(chan error, 1)
	go func() { b.handed <- b.compress(b.taken) }()
	return nil
}

// wait waits until what was handed over is compressed.
func (b *Builder) wait() error {
	if b.handed == nil {
		return nil
	}
	err := <-b.handed
	b.handed = nil
	return err
}

func (b *Builder) compress(p []byte) error {
	b.sum.Write(p)
	b.crc.Write(p)
	_, err := b.deflate.Write(p)
	return err
}

// Packed is how many compressed bytes there are so far, about: what is not compressed yet is taken for as dense as the
// rest.
func (b *Builder) Packed() int {
	behind := b.size - b.known.size
	if b.known.packed == 0 {
		return int(behind / 2)
	}
	return int(b.known.packed + behind*b.known.packed/b.known.size)
}

// Empty reports whether nothing has been added.
func (b *Builder) Empty() bool { return b.size == 0 }

// Finish ends the member and writes its local header and its data.
func (b *Builder) Finish(w io.Writer) (Member, error) {
	err := b.wait()
	if err == nil {
		err = b.compress(b.filling)
	}
	if err == nil {
		err = b.deflate.Close()
	}
	if err != nil {
		return Member{}, err
	}
	m := Member{
		Name: b.name, Lines: b.lines, Size: b.size, SHA256: hex.EncodeToString(b.sum.Sum(nil)), Packed: int64(b.packed.Len()), CRC: b.crc.Sum32(),
	}
	return m, m.write(w, b.packed.Bytes())
}
