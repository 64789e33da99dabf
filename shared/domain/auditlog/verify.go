package auditlog

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Format is the name of the download format.
const Format = "passportcraft-audit/1"

const maxLine = 1 << 20

// Report is what a good log holds.
type Report struct {
	Tenant      string    `json:"tenant"`
	Entries     int64     `json:"entries"`
	Checkpoints int       `json:"checkpoints"`
	Covered     int64     `json:"covered"` // entries under the newest checkpoint; those after it are not yet signed
	SignedAt    time.Time `json:"signedAt"`
}

// Bad is a log that is not what was signed. Sequence is the first entry that can be told to be wrong, or -1.
type Bad struct {
	Line     int
	Sequence int64
	Reason   string
}

func (b *Bad) Error() string {
	if b.Sequence >= 0 {
		return fmt.Sprintf("line %d, entry %d: %s", b.Line, b.Sequence, b.Reason)
	}
	return fmt.Sprintf("line %d: %s", b.Line, b.Reason)
}

// line is one line of the download format.
type line struct {
	Format     string          `json:"format"`
	Tenant     string          `json:"tenant"`
	Sequence   *int64          `json:"seq"`
	Chain      []byte          `json:"chain"`
	Entry      json.RawMessage `json:"entry"`
	Checkpoint string          `json:"checkpoint"`
}

// Block is part of a log: records in order, and the checkpoint that was signed after the last of them.
type Block struct {
	Records []Record
	Note    string
	Next    int64 // number of the first record of the following block; -1 when this is the last
}

// WriteLines writes a block in the download format, with the first line of the whole when it is the first.
func WriteLines(w io.Writer, tenant string, first bool, b Block) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	var errs []error
	if first {
		errs = append(errs, e.Encode(map[string]string{"format": Format, "tenant": tenant}))
	}
	for _, r := range b.Records {
		errs = append(errs, e.Encode(r))
	}
	if b.Note != "" {
		errs = append(errs, e.Encode(map[string]string{"checkpoint": b.Note}))
	}
	return errors.Join(errs...)
}

// check walks a log.
type check struct {
	report  Report
	head    Head
	covered Head // at the newest checkpoint
	last    string
	number  int
	earlier *Tree
	met     bool
	origin  string // of every checkpoint
	v       note.Verifier
}

// Verify reads a whole log and refuses it with a *Bad error when anything in it was edited, removed, put in another
// order, put in twice or cut off after it was signed. earlier are signed checkpoints that the customer has kept: the log
// must still contain what they say. Memory does not grow with the log.
func Verify(r io.Reader, v note.Verifier, earlier string) (Report, error) {
	c := &check{v: v}
	if earlier != "" {
		t, err := OpenCheckpoint(earlier, v)
		if err != nil {
			return Report{}, &Bad{Line: 0, Sequence: -1, Reason: "the checkpoint that you kept: " + err.Error()}
		}
		c.earlier = &t
	}
	in := bufio.NewReaderSize(r, maxLine)
	for {
		text, err := in.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			return c.end()
		}
		c.number++
		if err != nil && !errors.Is(err, io.EOF) {
			return Report{}, c.bad(-1, "it is longer than any line of a log: "+err.Error())
		}
		if err := c.line(text); err != nil {
			return Report{}, err
		}
	}
}

func (c *check) bad(sequence int64, reason string) error { return &Bad{c.number, sequence, reason} }

func (c *check) line(text []byte) error {
	var l line
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&l); err != nil {
		return c.bad(-1, "it is not a line of a log: "+err.Error())
	}
	if !l.exact(text) {
		return c.bad(c.place(l), "it is not written as a log is written: something stands in it beside what is signed")
	}
	switch {
	case c.number == 1:
		if l.Format != Format || l.Tenant == "" {
			return c.bad(-1, "the first line must name the format "+Format+" and the tenant")
		}
		c.report.Tenant = l.Tenant
		return c.kept()
	case l.Checkpoint != "":
		return c.checkpoint(l.Checkpoint)
	case l.Sequence != nil:
		return c.entry(l)
	}
	return c.bad(-1, "it is neither an entry nor a checkpoint")
}

// place is the entry that a line stands for, or -1.
func (c *check) place(l line) int64 {
	if l.Sequence == nil {
		return -1
	}
	return c.head.Size
}

// exact tells whether a line is, byte for byte, what WriteLines makes of what was read from it. Otherwise a second member
// of a name, one in other letters, or one that belongs to another kind of line would show readers what nobody signed.
func (l line) exact(text []byte) bool {
	b := Block{Note: l.Checkpoint}
	if l.Sequence != nil {
		b.Records = []Record{{Sequence: *l.Sequence, Chain: l.Chain, Entry: l.Entry}}
	}
	var want bytes.Buffer
	err := WriteLines(&want, l.Tenant, l.Format != "", b)
	return err == nil && bytes.Equal(bytes.TrimRight(text, "\r\n"), bytes.TrimRight(want.Bytes(), "\n"))
}

func (c *check) entry(l line) error {
	n := c.head.Size
	if *l.Sequence != n {
		return c.bad(n, fmt.Sprintf("entry %d is missing or out of order: the line holds number %d", n, *l.Sequence))
	}
	var e struct {
		At     string `json:"at"`
		ID     string `json:"id"`
		Tenant string `json:"tenant"`
	}
	if err := json.Unmarshal(l.Entry, &e); err != nil {
		return c.bad(n, "the entry cannot be read")
	}
	if e.Tenant != c.report.Tenant {
		return c.bad(n, "the entry belongs to another tenant")
	}
	if position := e.At + "#" + e.ID; position <= c.last {
		return c.bad(n, "the entry is not later than the one before it")
	} else {
		c.last = position
	}
	next, records := c.head.Append(l.Entry)
	if !bytes.Equal(records[0].Chain, l.Chain) {
		return c.bad(n, "the chain breaks here: this entry, or the one before it, is not the one that was chained")
	}
	c.head = next
	return c.kept()
}

func (c *check) checkpoint(signed string) error {
	t, err := OpenCheckpoint(signed, c.v)
	switch {
	case err != nil:
		return c.bad(-1, "the checkpoint is not ours: "+err.Error())
	case c.origin != "" && t.Origin != c.origin, !strings.HasPrefix(t.Origin, Origin("")):
		return c.bad(-1, "the checkpoint belongs to another log")
	case t.Size != c.head.Size:
		return c.bad(min(t.Size, c.head.Size), fmt.Sprintf("the checkpoint covers %d entries, but %d stand before it", t.Size, c.head.Size))
	case t.Root != c.head.Root() || t.Chain != c.head.Chain:
		return c.bad(c.covered.Size, fmt.Sprintf("the entries from %d to %d are not those that were signed", c.covered.Size, t.Size-1))
	case t.At.Before(c.report.SignedAt), t.Size <= c.covered.Size:
		return c.bad(c.covered.Size, "the checkpoint is not newer than the one before it")
	}
	c.covered, c.origin = c.head, t.Origin
	c.report.Checkpoints, c.report.Covered, c.report.SignedAt = c.report.Checkpoints+1, t.Size, t.At
	return nil
}

// kept compares the log with the checkpoint that the customer kept, when it has come to that size.
func (c *check) kept() error {
	if c.earlier == nil || c.met || c.head.Size != c.earlier.Size {
		return nil
	}
	c.met = true
	if c.earlier.Root != c.head.Root() {
		return c.bad(c.head.Size-1, fmt.Sprintf("the first %d entries are not those of the checkpoint that you kept", c.earlier.Size))
	}
	return nil
}

func (c *check) end() (Report, error) {
	c.report.Entries = c.head.Size
	switch {
	case c.number == 0:
		return Report{}, c.bad(-1, "the log is empty")
	case c.earlier != nil && !c.met:
		return Report{}, c.bad(c.head.Size, fmt.Sprintf("the log has %d entries, the checkpoint that you kept covers %d: it was cut off", c.head.Size, c.earlier.Size))
	case c.earlier != nil && c.origin != "" && c.earlier.Origin != c.origin:
		return Report{}, c.bad(-1, "the checkpoint that you kept belongs to another log")
	case c.report.Checkpoints == 0 && c.head.Size > 0:
		return Report{}, c.bad(-1, "no checkpoint is in the log, so nothing in it is signed")
	}
	return c.report, nil
}
