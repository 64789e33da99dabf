package keyring

import (
	"bytes"
	"compress/flate"
	"io"
	"sync"
)

// maxOpened bounds what a sealed blob may inflate to, in bytes.
const maxOpened = 16 << 20

// Squeezer compresses with writers and readers that are used again: making one costs more than a passport's content.
type Squeezer struct {
	writers sync.Pool
	readers sync.Pool
}

// NewSqueezer makes a squeezer, safe for concurrent use.
func NewSqueezer() *Squeezer { return &Squeezer{} }

// Deflate returns the compressed form, or plain itself when compression fails.
func (q *Squeezer) Deflate(plain []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(plain) / 2)
	w, ok := q.writers.Get().(*flate.Writer)
	if ok {
		w.Reset(&b)
	} else {
		made, err := flate.NewWriter(&b, flate.BestSpeed)
		if err != nil {
			return plain
		}
		w = made
	}
	if _, err := w.Write(plain); err != nil || w.Close() != nil {
		return plain
	}
	q.writers.Put(w)
	return b.Bytes()
}

// Inflate is the inverse of Deflate; ErrSealed when the input is not one or grows over the bound.
func (q *Squeezer) Inflate(small []byte) ([]byte, error) {
	src := bytes.NewReader(small)
	r, ok := q.readers.Get().(io.ReadCloser)
	if !ok {
		r = flate.NewReader(src)
	} else if err := r.(flate.Resetter).Reset(src, nil); err != nil {
		return nil, ErrSealed
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxOpened+1))
	if err != nil || len(plain) > maxOpened {
		return nil, ErrSealed
	}
	q.readers.Put(r)
	return plain, nil
}
