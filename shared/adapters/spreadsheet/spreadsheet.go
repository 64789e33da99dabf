// Package spreadsheet reads and writes tables as CSV (RFC 4180) and as Excel workbooks (XLSX: SpreadsheetML of
// ECMA-376 part 1, in the packaging of part 2).
//
// Rows in, rows out, one at a time: memory stays flat whatever the number of rows. Writers keep the value and the
// precision of numbers, dates, instants and language-tagged text, and write no cell that a spreadsheet program would
// run as a formula. The reader tells the format by content, trusts no size that a file declares, and refuses macros,
// formulas, links to other workbooks, encryption and files that unpack beyond measure, each with its own code.
//
// It knows nothing of passports, guesses no types in CSV (every cell is text there), computes no formula and renders
// no number format apart from telling dates from numbers.
package spreadsheet

import (
	"strconv"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Kind says what a cell holds.
type Kind string

// The kinds. A Column has one of Text to Language; the reader never returns Language, because the language tag is part
// of the cell's text (see ParseLanguageText).
const (
	Empty    Kind = ""         // nothing, or text of no characters
	Text     Kind = "text"     // UTF-8 text
	Number   Kind = "number"   // a JSON number (RFC 8259 clause 6), as decimal text
	Date     Kind = "date"     // a calendar day, 2026-02-18 (RFC 3339 full-date)
	Instant  Kind = "instant"  // a point in time in UTC, 2026-02-18T09:30:00Z (RFC 3339)
	Bool     Kind = "bool"     // true or false
	Language Kind = "language" // text in a named language, see LanguageText

	DateTime Kind = "datetime" // read only: day and time of day without a zone, 2026-02-18T09:30:00
	Time     Kind = "time"     // read only: time of day, 09:30:00
	Formula  Kind = "formula"  // read only: the value that the program which saved the file computed last
	Error    Kind = "error"    // read only: an error value such as #N/A
)

// Column describes one column to be written. Title is the header; when it is empty, Name is.
type Column struct {
	Name  string
	Title string
	Kind  Kind
}

func (c Column) header() string {
	if c.Title != "" {
		return c.Title
	}
	return c.Name
}

// Cell is one value that was read. Text is in the form that Kind documents.
type Cell struct {
	Text string
	Kind Kind
}

// Row is one row that was read. Number is the row's number as a spreadsheet program shows it, so the header is usually
// 1. Cells has exactly one cell for each column.
type Row struct {
	Number int
	Cells  []Cell
}

// The largest sheet and cell that spreadsheet programs open.
const (
	sheetRows    = 1_048_576
	sheetColumns = 16_384
	cellUnits    = 32_767 // UTF-16 code units
)

// letters is the name of a column, counted from 0: A, B, … Z, AA.
func letters(column int) string {
	var b [8]byte
	i := len(b)
	for column++; column > 0 && i > 0; column = (column - 1) / 26 {
		i--
		b[i] = byte('A' + (column-1)%26)
	}
	return string(b[i:])
}

// pointer names a cell for the caller. A row of 0 stands for the header.
func pointer(row, column int) string {
	if row == 0 {
		return "/columns/" + letters(column)
	}
	return "/rows/" + strconv.Itoa(row) + "/columns/" + letters(column)
}

// cellFault is a fault that names one cell.
func cellFault(row, column int, code fault.Code, format string, args ...any) *fault.Error {
	e := fault.New(code, format, args...)
	return e.With(fault.Field{Pointer: pointer(row, column), Code: code, Detail: e.Detail})
}

// LanguageText is text with the language it is in, a BCP 47 tag such as de or pt-BR.
type LanguageText struct {
	Language string
	Text     string
}

// String is the form in a cell: the text, an at sign, the tag. ParseLanguageText takes it apart again, exactly, because
// no tag holds an at sign. Text without a language is the text alone.
func (l LanguageText) String() string {
	if l.Language == "" {
		return l.Text
	}
	return l.Text + "@" + l.Language
}

// ParseLanguageText takes the text of a cell of kind Language apart. When it does not end with an at sign and something
// of the shape of a language tag (RFC 5646 clause 2.1), false is returned and the whole is the text.
func ParseLanguageText(s string) (LanguageText, bool) {
	at := strings.LastIndexByte(s, '@')
	if at < 0 || !languageTag(s[at+1:]) {
		return LanguageText{Text: s}, false
	}
	return LanguageText{Language: s[at+1:], Text: s[:at]}, true
}

func languageTag(s string) bool {
	for i, part := range strings.Split(s, "-") {
		if len(part) < 1 || len(part) > 8 || (i == 0 && len(part) < 2) {
			return false
		}
		for _, c := range []byte(part) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			digit := c >= '0' && c <= '9'
			if !letter && (i == 0 || !digit) {
				return false
			}
		}
	}
	return true
}
