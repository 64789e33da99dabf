package runtimeapi

import (
	"bytes"
	"io"
	"sync"
)

// output lets processes share a writer without mixing their lines.
type output struct {
	mu sync.Mutex
	to io.Writer
}

func (o *output) lines() *lines { return &lines{output: o} }

// lines collects what one process writes until a line is whole.
type lines struct {
	output *output
	rest   []byte
}

const longestLine = 1 << 20

// Write never fails: a process must not stop because nobody can read its log.
func (l *lines) Write(b []byte) (int, error) {
	end := bytes.LastIndexByte(b, '\n')
	if end < 0 && len(l.rest)+len(b) < longestLine {
		l.rest = append(l.rest, b...)
		return len(b), nil
	}
	if end < 0 {
		end = len(b) - 1
	}
	l.output.mu.Lock()
	defer l.output.mu.Unlock()
	_, _ = l.output.to.Write(append(l.rest, b[:end+1]...))
	l.rest = append([]byte(nil), b[end+1:]...)
	return len(b), nil
}

// end writes what the process left without a line end.
func (l *lines) end() {
	if len(l.rest) > 0 {
		_, _ = l.Write([]byte("\n"))
	}
}
