package spreadsheet

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// appendXML appends text as XML character data in the ST_Xstring form of SpreadsheetML (ECMA-376 part 1 clause
// 22.9.2.19): a character that XML cannot hold, or would change, becomes _xHHHH_, and an underscore that begins such a
// sequence by accident becomes _x005F_. unescape undoes it exactly.
func appendXML(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '&':
			dst = append(dst, "&amp;"...)
		case c == '<':
			dst = append(dst, "&lt;"...)
		case c == '>':
			dst = append(dst, "&gt;"...)
		case c == '_' && misread(s[i:]):
			dst = append(dst, "_x005F_"...)
		case c < utf8.RuneSelf && unspeakable(rune(c)):
			dst = appendEscape(dst, rune(c))
		case c < utf8.RuneSelf:
			dst = append(dst, c)
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			if unspeakable(r) {
				dst = appendEscape(dst, r)
			} else {
				dst = utf8.AppendRune(dst, r)
			}
			i += n
			continue
		}
		i++
	}
	return dst
}

// unspeakable characters are outside the Char production of XML 1.0, or are normalised away (a carriage return).
func unspeakable(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' || r == 0xFFFE || r == 0xFFFF
}

func appendEscape(dst []byte, r rune) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '_', 'x', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15], '_')
}

// misread tells whether the underscore that s begins with would start an escape once the rest is written. What closes
// it may be an underscore, or a character whose own escape begins with one.
func misread(s string) bool {
	if !opens(s) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(s[6:])
	return len(s) > 6 && (r == '_' || unspeakable(r))
}

// opens tells whether s begins with an underscore, an x and four hexadecimal digits.
func opens(s string) bool {
	if len(s) < 6 || s[0] != '_' || s[1] != 'x' {
		return false
	}
	for _, c := range []byte(s[2:6]) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// unescape replaces the _xHHHH_ sequences of ST_Xstring. Two that form a surrogate pair are one character; a lone
// surrogate is left as it is written, because UTF-8 has no form for it.
func unescape(s []byte) string {
	at := func(i int) (rune, bool) {
		if i+7 > len(s) || s[i] != '_' || s[i+6] != '_' || !opens(string(s[i:i+6])) {
			return 0, false
		}
		n, err := strconv.ParseUint(string(s[i+2:i+6]), 16, 16)
		return rune(n), err == nil
	}
	var out []byte // nil as long as nothing was replaced
	done := 0
	for i := 0; i < len(s); {
		r, ok := at(i)
		n := 7
		if ok && utf16.IsSurrogate(r) {
			low, _ := at(i + 7)
			r, n = utf16.DecodeRune(r, low), 14
			ok = r != utf8.RuneError
		}
		if !ok {
			i++
			continue
		}
		out = utf8.AppendRune(append(out, s[done:i]...), r)
		i += n
		done = i
	}
	if done == 0 {
		return string(s)
	}
	return string(append(out, s[done:]...))
}
