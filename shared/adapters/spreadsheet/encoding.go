package spreadsheet

import (
	"bytes"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// The encodings of CSV that are read.
const (
	utf8Name    = "utf-8"
	utf16LEName = "utf-16le"
	utf16BEName = "utf-16be"
	windowsName = "windows-1252"
)

// encodedText is a file of characters: how it is encoded and where the characters begin.
type encodedText struct {
	encoding string
	mark     int64 // bytes of the byte order mark
}

// detect reads the whole file. UTF-16 is recognised by its byte order mark only; anything else is UTF-8, or if it is
// not valid UTF-8, Windows-1252. A file with the character U+0000, or in Windows-1252 with other control characters, is
// no text.
func detect(r io.Reader, head []byte) (encodedText, error) {
	for mark, name := range map[string]string{"\xFF\xFE": utf16LEName, "\xFE\xFF": utf16BEName} {
		if bytes.HasPrefix(head, []byte(mark)) {
			e := encodedText{name, 2}
			if _, err := io.CopyN(io.Discard, r, e.mark); err != nil {
				return e, err
			}
			_, err := io.Copy(io.Discard, e.decoder(r))
			return e, err
		}
	}
	e := encodedText{encoding: utf8Name}
	if bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")) {
		e.mark = 3
	}
	valid, control := true, false
	buf := make([]byte, 64<<10)
	kept := 0
	for {
		n, err := r.Read(buf[kept:])
		chunk := buf[:kept+n]
		if bytes.IndexByte(chunk[kept:], 0) >= 0 {
			return e, fault.New(fault.CodeFileUnreadable,
				"The file is not text: it holds the character U+0000. Save the table as .xlsx, or as CSV in UTF-8.")
		}
		control = control || bytes.ContainsFunc(chunk[kept:], binary)
		kept = 0
		if valid {
			whole := len(chunk)
			if err == nil {
				whole = wholeRunes(chunk)
			}
			valid = utf8.Valid(chunk[:whole])
			kept = copy(buf, chunk[whole:])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return e, err
		}
	}
	if valid {
		return e, nil
	}
	if e.mark > 0 {
		return e, fault.New(fault.CodeFileUnreadable, "The file begins with the mark of UTF-8 but is not valid UTF-8.")
	}
	if control {
		return e, fault.New(fault.CodeFileUnreadable, "The file is not text: it is not UTF-8 and holds control characters. Send CSV or .xlsx.")
	}
	e.encoding = windowsName
	return e, nil
}

// binary are the control characters that no text file holds, apart from U+001A, which ends some old ones.
func binary(r rune) bool {
	return r < ' ' && (r < '\t' || r > '\r') && r != 0x1A
}

// wholeRunes is the length of p without a character that is cut off at its end.
func wholeRunes(p []byte) int {
	for i := len(p) - 1; i >= 0 && i >= len(p)-utf8.UTFMax; i-- {
		if utf8.RuneStart(p[i]) {
			if utf8.FullRune(p[i:]) {
				return len(p)
			}
			return i
		}
	}
	return len(p)
}

// decoder gives the characters of r, which begins after the byte order mark, as UTF-8.
func (e encodedText) decoder(r io.Reader) io.Reader {
	switch e.encoding {
	case utf16LEName, utf16BEName:
		return &transcoder{r: r, in: make([]byte, 32<<10), step: utf16Step(e.encoding == utf16BEName)}
	case windowsName:
		return &transcoder{r: r, in: make([]byte, 32<<10), step: windowsStep}
	}
	return r
}

// transcoder turns an encoding into UTF-8. step appends the UTF-8 of whole characters of in to out and tells how many
// bytes it took; at the end of the file, final is set and nothing may remain.
type transcoder struct {
	r      io.Reader
	in     []byte
	kept   int
	out    []byte
	unread []byte
	step   func(out, in []byte, final bool) ([]byte, int, error)
	err    error
}

func (t *transcoder) Read(p []byte) (int, error) {
	for len(t.unread) == 0 {
		if t.err != nil {
			return 0, t.err
		}
		n, err := t.r.Read(t.in[t.kept:])
		if err != nil && !errors.Is(err, io.EOF) {
			t.err = err
			continue
		}
		var used int
		chunk := t.in[:t.kept+n]
		t.out, used, t.err = t.step(t.out[:0], chunk, err != nil)
		t.kept = copy(t.in, chunk[used:])
		t.unread = t.out
		if t.err == nil {
			t.err = err
		}
	}
	n := copy(p, t.unread)
	t.unread = t.unread[n:]
	return n, nil
}

func utf16Step(big bool) func(out, in []byte, final bool) ([]byte, int, error) {
	unit := func(p []byte) rune {
		if big {
			return rune(p[0])<<8 | rune(p[1])
		}
		return rune(p[1])<<8 | rune(p[0])
	}
	bad := fault.New(fault.CodeFileUnreadable, "The file begins with the mark of UTF-16 but is not valid UTF-16 text. Save it as CSV in UTF-8.")
	return func(out, in []byte, final bool) ([]byte, int, error) {
		i := 0
		for len(in)-i >= 2 {
			r, n := unit(in[i:]), 2
			if utf16.IsSurrogate(r) {
				if len(in)-i < 4 && !final {
					return out, i, nil
				}
				if len(in)-i < 4 {
					return out, i, bad
				}
				r, n = utf16.DecodeRune(r, unit(in[i+2:])), 4
				if r == utf8.RuneError {
					return out, i, bad
				}
			}
			if r == 0 {
				return out, i, bad
			}
			out = utf8.AppendRune(out, r)
			i += n
		}
		if final && i < len(in) {
			return out, i, bad
		}
		return out, i, nil
	}
}

// windowsStep follows the index windows-1252 of the WHATWG Encoding Standard; the five bytes without a character there
// are the C1 control of the same number.
func windowsStep(out, in []byte, _ bool) ([]byte, int, error) {
	const high = "€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008DŽ\u008F\u0090‘’“”•–—˜™š›œ\u009DžŸ"
	table := [32]rune{}
	i := 0
	for _, r := range high {
		table[i] = r
		i++
	}
	for _, c := range in {
		r := rune(c)
		if c >= 0x80 && c < 0xA0 {
			r = table[c-0x80]
		}
		out = utf8.AppendRune(out, r)
	}
	return out, len(in), nil
}
