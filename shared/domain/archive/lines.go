package archive

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// Place is where a line is among those of a folder: how many members come before its own, and how many lines in that.
type Place struct {
	Member int   `json:"member"`
	Line   int64 `json:"line"`
}

// Lines calls do with every line of the members under a folder, in the order of the manifest.
func (a *Archive) Lines(folder string, do func(line []byte) error) error {
	return a.LinesFrom(folder, Place{}, func(line []byte, _ Place) error { return do(line) })
}

// LinesFrom calls do with every line from a place on, and with the place after it. Members that are wholly before the place
// are not opened.
func (a *Archive) LinesFrom(folder string, from Place, do func(line []byte, next Place) error) error {
	member := -1
	for _, m := range a.Manifest.Members {
		if !strings.HasPrefix(m.Name, folder) || !strings.HasSuffix(m.Name, ".ndjson") {
			continue
		}
		if member++; member < from.Member {
			continue
		}
		before := int64(0)
		if member == from.Member {
			before = from.Line
		}
		if before > 0 && before >= m.Lines {
			continue
		}
		number := int64(0)
		err := a.lines(m, func(line []byte) error {
			if number++; number <= before {
				return nil
			}
			return do(line, Place{member, number})
		})
		if err != nil {
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
