package spreadsheet

import (
	"encoding/xml"
	"errors"
	"io"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// stringTable holds the shared strings end to end in blocks, which costs eight bytes a string besides its text and
// nothing to the garbage collector.
type stringTable struct {
	blocks [][]byte
	refs   []stringRef
	size   int
}

type stringRef struct {
	start  uint32 // block times stringBlock, plus the offset in it
	length int32  // -1: over the limit of a cell, not kept
}

const stringBlock = 1 << 20

func (s *stringTable) add(p []byte) {
	if len(p) == 0 {
		s.refs = append(s.refs, stringRef{})
		return
	}
	last := len(s.blocks) - 1
	if last < 0 || len(s.blocks[last])+len(p) > stringBlock {
		s.blocks = append(s.blocks, make([]byte, 0, stringBlock))
		last++
	}
	start := last*stringBlock + len(s.blocks[last])
	s.blocks[last] = append(s.blocks[last], p...)
	s.refs = append(s.refs, stringRef{uint32(start), int32(len(p))})
}

// get is string i. over tells that it was too large to keep, ok that there is one.
func (s *stringTable) get(i int) (text []byte, over, ok bool) {
	if i < 0 || i >= len(s.refs) {
		return nil, false, false
	}
	r := s.refs[i]
	if r.length <= 0 {
		return nil, r.length < 0, true
	}
	block, at := r.start/stringBlock, r.start%stringBlock
	return s.blocks[block][at : at+uint32(r.length)], false, true
}

// loadStrings reads the table of shared strings, if there is one. Formatting of parts of a text is dropped, phonetic
// guides are left out.
func (w *workbook) loadStrings() error {
	part := w.part("/sharedStrings")
	if part == "" {
		return nil
	}
	e, err := w.archive.elements(part)
	if err != nil {
		return err
	}
	limit := min(w.archive.limits.CellBytes, stringBlock)
	buf := make([]byte, 0, 4096)
	for {
		token, err := e.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if start, ok := token.(xml.StartElement); !ok || start.Name.Local != "si" {
			continue
		}
		text, over, err := e.richText(buf[:0], limit)
		if err != nil {
			return err
		}
		if over {
			w.strings.refs = append(w.strings.refs, stringRef{length: -1})
			text = nil
		} else {
			w.strings.add(text)
		}
		w.strings.size += len(text) + 8
		if w.strings.size > w.archive.limits.StringBytes {
			return fault.New(fault.CodeFileTooLarge,
				"The workbook holds more than %d bytes of different texts. Split it, or send it as CSV.", w.archive.limits.StringBytes)
		}
	}
}

// richText reads to the end of the element that was just opened and appends the text of its t elements, at most limit
// bytes; over tells that there were more.
func (e *elements) richText(dst []byte, limit int) (text []byte, over bool, err error) {
	outside := e.depth - 1
	inText, phonetic := 0, 0 // depth of the element, 0 when outside
	for {
		token, err := e.next()
		if err != nil {
			return nil, false, unreadable(err, "The part %.80q of the workbook ends too early.", e.name)
		}
		switch x := token.(type) {
		case xml.StartElement:
			if x.Name.Local == "t" && inText == 0 {
				inText = e.depth
			}
			if x.Name.Local == "rPh" && phonetic == 0 {
				phonetic = e.depth
			}
		case xml.CharData:
			if inText > 0 && phonetic == 0 {
				over = over || len(dst)+len(x) > limit
				if !over {
					dst = append(dst, x...)
				}
			}
		case xml.EndElement:
			if e.depth < inText {
				inText = 0
			}
			if e.depth < phonetic {
				phonetic = 0
			}
			if e.depth == outside {
				return dst, over, nil
			}
		}
	}
}
