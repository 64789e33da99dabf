package main

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// lines records the writes it gets.
type lines []string

func (l *lines) Write(b []byte) (int, error) {
	*l = append(*l, string(b))
	return len(b), nil
}

// However an engine's output is cut into writes, nothing of it is lost and only whole lines are passed on.
func TestForwardPassesWholeLines(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var got lines
		f := &forward{to: &got}
		var said strings.Builder
		for _, piece := range rapid.SliceOf(rapid.StringMatching(`[a\n]{0,5}`)).Draw(r, "pieces") {
			said.WriteString(piece)
			if n, err := f.Write([]byte(piece)); n != len(piece) || err != nil {
				r.Fatalf("Write: %d, %v", n, err)
			}
		}
		f.end()
		want := said.String()
		if want != "" && !strings.HasSuffix(want, "\n") {
			want += "\n"
		}
		if all := strings.Join(got, ""); all != want {
			r.Fatalf("passed on %q, want %q", all, want)
		}
		for _, w := range got {
			if !strings.HasSuffix(w, "\n") {
				r.Fatalf("part of a line: %q", w)
			}
		}
	})
	var got lines
	f := &forward{to: &got}
	_, _ = f.Write(make([]byte, longestLine+1))
	if len(got) != 1 || len(f.rest) != 0 {
		t.Errorf("a line without end is held back: %d writes, %d bytes kept", len(got), len(f.rest))
	}
}
