package export

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
)

// Limits of one table: what spreadsheet programs open with ease, and a bound for what is in memory of one.
const (
	tableRows  = 50_000
	tableBytes = 32 << 20 // of JSON
)

// LeftOutCells is the count, in the manifest, of texts that no cell of a table can hold. The lines under passports/ have
// them.
const LeftOutCells = "tables-cells-left-out"

// Tables writes tables in the formats of spreadsheet programs.
type Tables interface {
	Open(w io.Writer, f Format, headings []intake.Heading) (Table, error)
}

// Table is a table being written. Row leaves out what no cell can hold, and says how many there were.
type Table interface {
	Row(cells []intake.Cell) (left int, err error)
	Close() error
}

// stash keeps the passports of one product group until a table of them is written: which columns it has is known only
// then. It holds them compressed.
type stash struct {
	layout  *intake.Layout
	lines   bytes.Buffer
	deflate *flate.Writer
	rows    int
	size    int // bytes of the lines
}

// tabulate takes a passport into the tables of its group, if any were asked for.
func (r *run) tabulate(p PassportRecord) error {
	if len(r.export.Options.tables()) == 0 {
		return nil
	}
	s, err := r.stash(p.ProductGroup)
	if err != nil {
		return err
	}
	p.History = nil
	line, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if _, err := s.deflate.Write(append(line, '\n')); err != nil {
		return err
	}
	s.layout.See(p.Content)
	s.rows, s.size = s.rows+1, s.size+len(line)
	r.Counts["tables/"+p.ProductGroup]++
	if s.rows >= tableRows || s.size >= tableBytes {
		return r.tables(p.ProductGroup)
	}
	return nil
}

func (r *run) stash(group string) (*stash, error) {
	if s := r.stashes[group]; s != nil {
		return s, nil
	}
	g, err := r.Groups(group)
	if err != nil {
		return nil, err
	}
	if r.Shapes == nil {
		r.Shapes = map[string]intake.Shapes{}
	}
	if r.Shapes[group] == nil {
		r.Shapes[group] = intake.Shapes{}
	}
	s := &stash{}
	s.deflate, _ = flate.NewWriter(&s.lines, flate.BestSpeed) // the level is good, so there is no error
	s.layout, err = intake.NewLayout(g, r.Shapes[group])
	r.stashes[group], r.grouped = s, append(r.grouped, group)
	return s, err
}

// tables writes what is stashed of a group, one whole file in each format.
func (r *run) tables(group string) error {
	s := r.stashes[group]
	if s.rows == 0 {
		return nil
	}
	if err := s.deflate.Close(); err != nil {
		return err
	}
	headings := append(ownHeadings(), s.layout.Headings()...)
	for _, f := range r.export.Options.tables() {
		m, err := r.table(s, r.tableName(group, f), f, headings)
		if err != nil {
			return fmt.Errorf("export: table of %s: %w", group, err)
		}
		if err := r.add(m); err != nil {
			return err
		}
	}
	s.rows, s.size = 0, 0
	s.lines.Reset()
	s.deflate.Reset(&s.lines)
	return nil
}

func (r *run) tableName(group string, f Format) string {
	kind := "tables/" + group + "/" + string(f)
	r.Numbers[kind]++
	return fmt.Sprintf("tables/%s/%06d.%s", group, r.Numbers[kind], f)
}

// table writes one file. Workbooks are compressed in themselves.
func (r *run) table(s *stash, name string, f Format, headings []intake.Heading) (archive.Member, error) {
	if f == XLSX {
		var whole bytes.Buffer
		if err := r.fill(s, &whole, f, headings); err != nil {
			return archive.Member{}, err
		}
		return archive.Store(&r.pending, name, whole.Bytes())
	}
	b := archive.NewBuilder(name)
	if err := r.fill(s, raw{b}, f, headings); err != nil {
		return archive.Member{}, err
	}
	return b.Finish(&r.pending)
}

// raw is a member as a writer.
type raw struct{ *archive.Builder }

func (w raw) Write(p []byte) (int, error) { return len(p), w.Raw(p) }

func (r *run) fill(s *stash, w io.Writer, f Format, headings []intake.Heading) error {
	t, err := r.Tables.Open(w, f, headings)
	if err != nil {
		return err
	}
	d := json.NewDecoder(flate.NewReader(bytes.NewReader(s.lines.Bytes())))
	d.UseNumber()
	for range s.rows {
		var p PassportRecord
		if err := d.Decode(&p); err != nil {
			return err
		}
		left, err := t.Row(append(ownCells(p), s.layout.Cells(p.Content)...))
		if err != nil {
			return err
		}
		if left > 0 {
			r.Counts[LeftOutCells] += int64(left)
		}
	}
	return t.Close()
}

// ownHeadings are the columns beside the content. An import takes the identifier and the granularity from them; the others
// say how the passport was.
func ownHeadings() []intake.Heading {
	return []intake.Heading{
		{Pointer: "/id", Kind: intake.TextCell}, {Pointer: "/productIdentifier", Kind: intake.TextCell}, {Pointer: "/granularity", Kind: intake.TextCell},
		{Pointer: "/status", Kind: intake.TextCell}, {Pointer: "/reason", Kind: intake.TextCell}, {Pointer: "/version", Kind: intake.NumberCell},
		{Pointer: "/revision", Kind: intake.NumberCell}, {Pointer: "/createdAt", Kind: intake.InstantCell}, {Pointer: "/updatedAt", Kind: intake.InstantCell},
		{Pointer: "/changedSinceSnapshot", Kind: intake.BooleanCell},
	}
}

func ownCells(p PassportRecord) []intake.Cell {
	text := func(kind intake.CellKind, s string) intake.Cell { return intake.Cell{Kind: kind, Text: s} }
	return []intake.Cell{
		text(intake.TextCell, string(p.ID)), text(intake.TextCell, p.ProductIdentifier), text(intake.TextCell, p.Granularity),
		text(intake.TextCell, p.Status), text(intake.TextCell, p.Reason), text(intake.NumberCell, strconv.Itoa(p.Version)),
		text(intake.NumberCell, strconv.FormatInt(p.Revision, 10)), text(intake.InstantCell, p.CreatedAt.UTC().Format(time.RFC3339Nano)),
		text(intake.InstantCell, p.UpdatedAt.UTC().Format(time.RFC3339Nano)), text(intake.BooleanCell, strconv.FormatBool(p.ChangedSince)),
	}
}

// finishTables writes everything that is stashed.
func (r *run) finishTables() error {
	var failed error
	for _, group := range r.grouped {
		failed = errors.Join(failed, r.tables(group))
	}
	return failed
}
