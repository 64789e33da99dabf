package archive_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"testing"

	"pgregory.net/rapid"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

// loose is a record with content, as exports have them.
type loose struct {
	Name    string         `json:"name"`
	Content map[string]any `json:"content"`
	After   *int           `json:"after,omitempty"`
}

func (l loose) Bare() (any, map[string]any) {
	content := l.Content
	l.Content = nil
	return l, content
}

// value draws anything that JSON can hold, and texts that are trouble.
func value(t *rapid.T, depth int) any {
	texts := rapid.OneOf(rapid.String(), rapid.StringMatching(`[ -~ä\n\x{2028}]{0,9}`), rapid.SampledFrom([]string{"", `"content":null`, "\xff", "a<b>&c", "\u2029", "\x7f"}))
	kinds := 7
	if depth > 3 {
		kinds = 5
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return nil
	case 1:
		return rapid.Bool().Draw(t, "bool")
	case 2:
		return json.Number(rapid.StringMatching(`(-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?)?`).Draw(t, "number"))
	case 3:
		return rapid.Float64().Draw(t, "float")
	case 4, 5:
		return texts.Draw(t, "text")
	case 6:
		var all []any
		for range rapid.IntRange(0, 4).Draw(t, "length") {
			all = append(all, value(t, depth+1))
		}
		return all
	}
	var all map[string]any
	for range rapid.IntRange(0, 9).Draw(t, "length") {
		if all == nil {
			all = map[string]any{}
		}
		all[texts.Draw(t, "key")] = value(t, depth+1)
	}
	return all
}

// TestLinesAreJSON holds that lines are byte for byte what encoding/json writes, and that chunks of any size come out as
// they went in.
func TestLinesAreJSON(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var want bytes.Buffer
		b := archive.NewBuilder("a")
		repeat := rapid.SampledFrom([]int{1, 1, 1, 400}).Draw(rt, "repeat")
		for range rapid.IntRange(0, 6).Draw(rt, "lines") {
			v := value(rt, 0)
			if content, ok := v.(map[string]any); ok {
				v = loose{Name: `"content":null`, Content: content}
			}
			line, err := json.Marshal(v)
			if err != nil {
				rt.Fatal(err)
			}
			for range repeat {
				want.Write(append(line, '\n'))
				if err := b.Line(v); err != nil {
					rt.Fatal(err)
				}
			}
		}
		if got := unpacked(rt, b); !bytes.Equal(got, want.Bytes()) {
			rt.Fatalf("got\n%q\nwant\n%q", got, want.Bytes())
		}
	})
}

// TestWrongNumbers holds that what is no JSON is refused, and leaves nothing in the member.
func TestWrongNumbers(t *testing.T) {
	for _, n := range []json.Number{"01", "-", "1.", ".5", "1.2.3", "--1", "00.5", "x"} {
		b := archive.NewBuilder("a")
		if err := b.Line(map[string]any{"a": []any{n}}); err == nil || !b.Empty() {
			t.Errorf("%s is taken for a number", n)
		}
		if err := b.Line(map[string]any{"a": "b"}); err != nil {
			t.Error(err)
		}
		if got := unpacked(t, b); string(got) != "{\"a\":\"b\"}\n" {
			t.Errorf("after %s: %q", n, got)
		}
	}
}

// TestSameSizesOnTheWay holds that how much is packed, on which the parts depend, follows from the lines alone.
func TestSameSizesOnTheWay(t *testing.T) {
	sizes := func(b *archive.Builder) (all []int) {
		for n := range 5000 {
			sum := sha256.Sum256([]byte{byte(n), byte(n >> 8)})
			if err := b.Line(map[string]any{"n": n, "digest": hex.EncodeToString(sum[:])}); err != nil {
				t.Fatal(err)
			}
			all = append(all, b.Packed())
		}
		return all
	}
	b := archive.NewBuilder("a")
	first := sizes(b)
	for n := range 5 {
		b.Reuse("a")
		for i, size := range sizes(b) {
			if size != first[i] {
				t.Fatalf("run %d, line %d: %d bytes, at first %d", n, i, size, first[i])
			}
		}
	}
	m, err := b.Finish(io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if said := int64(first[len(first)-1]); said < m.Packed*2/3 || said > m.Packed*3/2 {
		t.Errorf("it says %d bytes and has %d", said, m.Packed)
	}
}

// unpacked is what a member holds, read by archive/zip.
func unpacked(t interface{ Fatal(...any) }, b *archive.Builder) []byte {
	var out bytes.Buffer
	m, err := b.Finish(&out)
	if err == nil {
		err = archive.Directory(&out, []archive.Member{m})
	}
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(got)) != m.Size {
		t.Fatal("another size")
	}
	return got
}
