package spreadsheet

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// runs tells whether a spreadsheet program that opens s as a cell of CSV might take it for a formula (CWE-1236; the
// OWASP page on CSV injection lists the characters). What stands before the first meaningful character is passed over,
// because programs trim it: white space, invisible characters, quotation marks. A tab or a line end among them is
// enough, because some programs start a new cell there.
//
// An apostrophe is passed over too, so runs("'"+s) == runs(s). The law makes neutralise reversible.
func runs(s string) bool {
	for _, c := range s {
		switch c {
		case '\t', '\r', '\n':
			return true
		case '=', '+', '-', '@',
			'\uFF1D', '\uFF0B', '\uFF0D', '\uFF20', // full-width forms
			'\uFE66', '\uFE62', '\uFE63', '\uFE6B', // small forms
			'\u2212', '\u207A', '\u207B', '\u207C': // the minus sign proper, and superscripts
			return true
		case '\'', '"', '`', '\u00B4', '\uFF07', '\uFF02', '\uFF40':
			continue
		}
		if c < utf8.RuneSelf {
			if c > ' ' && c != 0x7F {
				return false
			}
			continue
		}
		if !unicode.In(c, unicode.White_Space, unicode.Cc, unicode.Cf, unicode.Pi, unicode.Pf, unicode.Ps) && c != utf8.RuneError {
			return false
		}
	}
	return false
}

// neutralise puts an apostrophe before text that runs; spreadsheet programs then take it as text.
func neutralise(s string) string {
	if runs(s) {
		return "'" + s
	}
	return s
}

// restore undoes neutralise, exactly: restore(neutralise(s)) == s for every s. Text that runs always has an apostrophe
// more after neutralise, and text that does not run never looks as if it had one.
func restore(s string) string {
	if rest, found := strings.CutPrefix(s, "'"); found && runs(rest) {
		return rest
	}
	return s
}
