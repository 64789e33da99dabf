// Package reports writes what became of the rows of an import, as a table that people fetch.
package reports

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Reports implements intake.Report. They lie beside the uploads: reports/<tenant>/<import>/<phase>.csv is what people fetch,
// reports/<tenant>/<import>/<phase>/<after>-<fence>.ndjson are the blocks it is made of. The first line of a block says
// which one comes before it.
type Reports struct{ Objects *objects.Uploads }

func blockName(t id.Tenant, run id.Import, phase intake.Phase, p intake.Place) string {
	return fmt.Sprintf("reports/%s/%s/%s/%08d-%08d.ndjson", t, run, phase, p.After, p.Fence)
}

// blockHead is the first line of a block.
type blockHead struct {
	Before *intake.Place `json:"before"`
}

// headBytes is enough of a block to know its first line.
const headBytes = 128

// Append implements intake.Report. One write.
func (r *Reports) Append(ctx context.Context, b intake.Block) error {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	err := e.Encode(blockHead{b.Before})
	for _, v := range b.Verdicts {
		err = errors.Join(err, e.Encode(v))
	}
	if err != nil {
		return fmt.Errorf("objects: encode verdicts: %w", err)
	}
	return r.Objects.Put(ctx, blockName(b.Tenant, b.Run, b.Phase, b.Place), out.Bytes())
}

// Finish implements intake.Report: it follows the blocks from the last one back to the first, and writes them as a table
// in the order of the rows, one line for each problem and one for each row without any.
func (r *Reports) Finish(ctx context.Context, t id.Tenant, run id.Import, phase intake.Phase, last *intake.Place) error {
	var chain []string
	for p := last; p != nil; {
		name := blockName(t, run, phase, *p)
		head, err := r.head(ctx, name)
		if err != nil {
			return err
		}
		chain = append(chain, name)
		if head.Before != nil && head.Before.After >= p.After {
			return fmt.Errorf("objects: %s names a block that does not come before it", name)
		}
		p = head.Before
	}
	slices.Reverse(chain)
	w := r.Objects.Write(ctx, objects.ReportName(t, run, phase), "text/csv; charset=utf-8")
	table := spreadsheet.NewCSV(w, reportColumns(), spreadsheet.CSVOptions{BOM: true})
	for _, name := range chain {
		if err := r.copyBlock(ctx, name, table); err != nil {
			return errors.Join(err, w.Abort())
		}
	}
	if err := table.Close(); err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

func reportColumns() []spreadsheet.Column {
	out := []spreadsheet.Column{{Name: "row", Kind: spreadsheet.Number}}
	for _, name := range []string{"outcome", "productIdentifier", "passport", "published", "column", "pointer", "code", "detail"} {
		out = append(out, spreadsheet.Column{Name: name, Kind: spreadsheet.Text})
	}
	return out
}

func (r *Reports) head(ctx context.Context, name string) (h blockHead, err error) {
	body, err := r.Objects.Get(ctx, name, headBytes)
	if err != nil {
		return h, err
	}
	defer body.Close()
	line, err := bufio.NewReader(io.LimitReader(body, headBytes)).ReadBytes('\n')
	if err != nil {
		return h, failed(err)
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return h, fmt.Errorf("objects: head of %s: %w", name, err)
	}
	return h, nil
}

func (r *Reports) copyBlock(ctx context.Context, name string, table *spreadsheet.CSVWriter) error {
	body, err := r.Objects.Get(ctx, name, 0)
	if err != nil {
		return err
	}
	defer body.Close()
	d := json.NewDecoder(bufio.NewReader(body))
	var h blockHead
	if err := d.Decode(&h); err != nil {
		return failed(err)
	}
	for {
		var v intake.Verdict
		if err := d.Decode(&v); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return failed(err)
		}
		if err := writeVerdict(table, v); err != nil {
			return err
		}
	}
}

func writeVerdict(table *spreadsheet.CSVWriter, v intake.Verdict) error {
	published := ""
	if v.Published {
		published = "yes"
	}
	problems := v.Problems
	if len(problems) == 0 {
		problems = []intake.Problem{{}}
	}
	for _, p := range problems {
		// A value of the file can hold anything; U+0000 cannot stand in CSV.
		detail := strings.ReplaceAll(p.Detail, "\x00", "\\u0000")
		if err := table.Row(v.Number, string(v.Outcome), v.ProductIdentifier, string(v.Passport), published, strings.ReplaceAll(p.Column, "\x00", "\\u0000"), strings.ReplaceAll(p.Pointer, "\x00", "\\u0000"), string(p.Code), detail); err != nil {
			return err
		}
	}
	return nil
}

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The storage did not answer. Repeat later.").After(2 * time.Second)
}
