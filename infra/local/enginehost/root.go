package enginehost

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// module is the line by which the repository's own go.mod is known; the engines have another.
const module = "module github.com/passportcraft/passportcraft\n"

// Root finds the repository: the nearest folder, from the working directory upwards, that holds template.yaml or the
// main module's go.mod.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "template.yaml")); err == nil {
			return dir, nil
		}
		if b, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && bytes.HasPrefix(b, []byte(module)) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside the repository: neither this folder nor one above it holds template.yaml")
		}
		dir = parent
	}
}

// lastWords passes on what the engines say and keeps the last line of it, which says why they ended.
type lastWords struct {
	to io.Writer

	mu   sync.Mutex
	tail []byte
}

// tailSize bounds what is kept, in bytes; the last line is far shorter.
const tailSize = 4096

// Write never fails: the engines must not end because nobody reads their log.
func (l *lastWords) Write(b []byte) (int, error) {
	if l.to != nil {
		_, _ = l.to.Write(b)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tail = append(l.tail, b...)
	if over := len(l.tail) - tailSize; over > 0 {
		l.tail = append([]byte(nil), l.tail[over:]...)
	}
	return len(b), nil
}

// sentence is the engines' own last line, or else the last line there is.
func (l *lastWords) sentence() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(l.tail)), "\n")
	for i := len(lines) - 1; i >= 0; i-- {
		if words, ok := strings.CutPrefix(lines[i], "engines: "); ok {
			return words
		}
	}
	if last := lines[len(lines)-1]; last != "" {
		return last
	}
	return "they said nothing"
}
