package signinpage

import (
	"strings"
	"unicode/utf8"
)

// clean makes a text printable: broken UTF-8 and control characters become U+FFFD, line breaks spaces; characters that
// turn the direction of what follows (Unicode Standard Annex 9, clause 2) are taken out.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case r < ' ', r >= 0x7f && r < 0xa0, r&0xfffe == 0xfffe:
			return utf8.RuneError
		case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}
