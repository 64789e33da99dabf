package spreadsheet

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// area is a merged range of cells, counted from row 1 and column 0, both ends included.
type area struct {
	top, bottom, left, right int
}

// mergedAreas bounds the merged ranges of a sheet, which are kept in memory.
const mergedAreas = 65_536

// scanMerged finds the merged ranges of a sheet. They stand behind the rows, so the whole part has to be unpacked once
// before its rows are read; searching for the tag costs a fraction of parsing, and the pass also shows whether the part
// is damaged or larger than allowed. Character data cannot hold the tag, since it cannot hold its first character.
func scanMerged(r io.Reader) ([]area, error) {
	const tag, most = "mergeCell", 512 // most bytes of one tag
	var out []area
	buf := make([]byte, 0, 64<<10)
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		ended := errors.Is(err, io.EOF)
		if err != nil && !ended {
			return nil, err
		}
		done := 0
		for {
			i := bytes.Index(buf[done:], []byte(tag))
			if i < 0 {
				done = max(done, len(buf)-32) // the beginning of a tag, with its prefix
				break
			}
			i += done
			end := bytes.IndexByte(buf[i:], '>')
			if end < 0 && len(buf)-i < most && !ended {
				done = max(done, i-16)
				break
			}
			if end >= 0 && end < most && opensTag(buf[:i]) {
				if a, ok := mergedArea(buf[i+len(tag) : i+end]); ok {
					if len(out) == mergedAreas {
						return nil, fault.New(fault.CodeFileUnreadable, "The sheet has more than %d merged cells.", mergedAreas)
					}
					out = append(out, a)
				}
			}
			done = i + len(tag)
		}
		buf = buf[:copy(buf, buf[done:])]
		if ended {
			slices.SortFunc(out, func(a, b area) int { return a.top - b.top })
			return out, nil
		}
	}
}

// opensTag tells whether before ends with the beginning of a tag: < and perhaps a prefix with a colon.
func opensTag(before []byte) bool {
	before = before[max(0, len(before)-16):]
	i := bytes.LastIndexByte(before, '<')
	if i < 0 {
		return false
	}
	prefix := before[i+1:]
	return len(prefix) == 0 || prefix[len(prefix)-1] == ':' && bytes.IndexAny(prefix, " \t\r\n\"'>/") < 0
}

// mergedArea reads the ref attribute of a mergeCell tag, such as A1:B3. A single cell is no area.
func mergedArea(attributes []byte) (area, bool) {
	_, rest, found := strings.Cut(string(attributes), "ref=")
	if !found || len(rest) < 2 {
		return area{}, false
	}
	ref, _, closed := strings.Cut(rest[1:], rest[:1])
	from, to, ranged := strings.Cut(ref, ":")
	if !closed || !ranged {
		return area{}, false
	}
	left, top, ok := parseRef(from)
	right, bottom, ok2 := parseRef(to)
	return area{top: top, bottom: bottom, left: left, right: right}, ok && ok2 && top <= bottom && left <= right
}

// parseRef reads a cell's address such as AB12: the column counted from 0 and the row from 1.
func parseRef(s string) (column, row int, ok bool) {
	i := 0
	for ; i < len(s) && s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z'; i++ {
		column = column*26 + int(s[i]|0x20-'a') + 1
		if column > sheetColumns {
			return 0, 0, false
		}
	}
	for j := i; j < len(s); j++ {
		if s[j] < '0' || s[j] > '9' {
			return 0, 0, false
		}
		if row = row*10 + int(s[j]-'0'); row > sheetRows {
			return 0, 0, false
		}
	}
	return column - 1, row, column > 0 && row > 0
}

// covering keeps the merged ranges that touch the present row.
type covering struct {
	areas  []area // sorted by top; those not reached yet
	active []area
	most   int // ranges in one row
}

// reach moves on to a row, which must not be before the last one. Ranges that do not overlap, as the format demands
// (ECMA-376 part 1 clause 18.3.1.55), are at most as many in a row as there are columns; false tells that there are more.
// Without that bound, a small file could make every cell cost thousands of comparisons.
func (c *covering) reach(row int) bool {
	for len(c.areas) > 0 && c.areas[0].top <= row {
		c.active = append(c.active, c.areas[0])
		c.areas = c.areas[1:]
	}
	c.active = slices.DeleteFunc(c.active, func(a area) bool { return a.bottom < row })
	return len(c.active) <= c.most
}

// hides tells whether the cell is merged into another one.
func (c *covering) hides(row, column int) bool {
	for _, a := range c.active {
		if column >= a.left && column <= a.right && (column != a.left || row != a.top) {
			return true
		}
	}
	return false
}
