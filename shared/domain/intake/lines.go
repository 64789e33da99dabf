package intake

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// maxLine is how long a line may be, in bytes: a passport with all its content.
const maxLine = 4 << 20

// Lines reads documents that stand in a file one a line (NDJSON, UTF-8, a byte order mark is passed over). Empty lines
// count but are passed over. Whether a line is JSON at all is for the Converter to say, so that one bad line does not keep
// the others out; a line that is too long ends the file, since nobody can tell where the next one begins.
type Lines struct {
	in     *bufio.Reader
	number int
	bytes  int64
}

// OpenLines reads a file of a size from its beginning.
func OpenLines(r io.ReaderAt, size int64) *Lines {
	return &Lines{in: bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 1<<16)}
}

// Headers implements Source: there are none.
func (l *Lines) Headers(context.Context) ([]string, error) { return nil, nil }

// Close implements Source.
func (l *Lines) Close() error { return nil }

// Next implements Source.
func (l *Lines) Next(context.Context) (Item, error) {
	for {
		line, err := l.line()
		if err != nil {
			return Item{}, err
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			return Item{Number: l.number, Document: line, Ref: fmt.Sprintf("line %d", l.number), Bytes: l.bytes}, nil
		}
	}
}

func (l *Lines) line() ([]byte, error) {
	var line []byte
	for {
		part, err := l.in.ReadSlice('\n')
		l.bytes += int64(len(part))
		if len(line)+len(part) > maxLine {
			return nil, fault.New(fault.CodeFileUnreadable, "Line %d is longer than %d bytes. Each line has to be one JSON object.", l.number+1, maxLine)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			if l.number++; l.number == 1 {
				line = bytes.TrimPrefix(line, []byte("\ufeff"))
			}
			return line, nil
		}
		return nil, err
	}
}
