package archive_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

// TestGoingOn ends reading and verifying at every line and member, and goes on from there: what comes is what is left, and no
// more of the file is read than for that.
func TestGoingOn(t *testing.T) {
	file := &counted{Reader: bytes.NewReader(packed(t, nil))}
	a, err := archive.Open(file, file.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	errEnough := errors.New("enough")
	type step struct {
		line string
		next archive.Place
	}
	read := func(from archive.Place, most int) (all []step, err error) {
		err = a.LinesFrom("", from, func(line []byte, next archive.Place) error {
			if all = append(all, step{string(line), next}); len(all) == most {
				return errEnough
			}
			return nil
		})
		return all, err
	}
	whole, err := read(archive.Place{}, 0)
	if err != nil || len(whole) != 40 {
		t.Fatalf("%d lines, %v", len(whole), err)
	}
	for n := range whole {
		first, err := read(archive.Place{}, n+1)
		if !errors.Is(err, errEnough) {
			t.Fatal(err)
		}
		file.members = map[int64]bool{}
		rest, err := read(first[n].next, 0)
		if err != nil || !slices.Equal(append(first, rest...), whole) {
			t.Errorf("after line %d: %v, %v", n, rest, err)
		}
		if want := (len(whole) - n - 1 + 19) / 20; len(file.members) != want {
			t.Errorf("after line %d %d places are read, of %d members", n, len(file.members), want)
		}
	}
	for n := range len(a.Manifest.Members) + 1 {
		var told []int
		if err := a.VerifyFrom(n, func(verified int) error { told = append(told, verified); return nil }); err != nil || len(told) != len(a.Manifest.Members)-n {
			t.Errorf("after %d members: %v, %v", n, told, err)
		}
		if err := a.VerifyFrom(n, func(int) error { return errEnough }); n < len(a.Manifest.Members) && !errors.Is(err, errEnough) {
			t.Errorf("after %d members: %v", n, err)
		}
	}
}

// counted tells at which local headers of members it is read.
type counted struct {
	*bytes.Reader
	members map[int64]bool
}

func (c *counted) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	if c.members != nil && bytes.HasPrefix(p[:n], []byte("PK\x03\x04")) {
		c.members[off] = true
	}
	return n, err
}
