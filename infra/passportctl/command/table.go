package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tableOptions are the flags of imports of tables and documents.
type tableOptions struct {
	format, group, granularity, recipe, recipeID, sheet, existing, report string
	publish                                                               bool
}

func (o *tableOptions) flags(f *flag.FlagSet) {
	for name, into := range map[string]*string{
		"format": &o.format, "group": &o.group, "granularity": &o.granularity, "recipe": &o.recipe, "recipe-id": &o.recipeID, "sheet": &o.sheet, "existing": &o.existing, "report": &o.report,
	} {
		f.StringVar(into, name, "", "")
	}
	f.BoolVar(&o.publish, "publish", false, "")
}

// says tells whether anything is said about what a file is to become.
func (o *tableOptions) says() bool {
	rest := *o
	rest.report = ""
	return rest != tableOptions{}
}

// announcement is the body that announces a file, but for its size and digest. The name tells the format unless -format does.
func (o tableOptions) announcement(file string) (map[string]any, error) {
	if o.format == "" {
		ending := strings.ToLower(filepath.Ext(file))
		o.format = map[string]string{".csv": "csv", ".tsv": "csv", ".txt": "csv", ".xlsx": "xlsx", ".ndjson": "ndjson", ".jsonl": "ndjson", ".zip": "archive"}[ending]
		if ending == "" {
			o.format = "archive"
		}
		if o.format == "" {
			return nil, usage("the name %q does not tell the format; say -format csv, xlsx, ndjson or archive", filepath.Base(file))
		}
	}
	a := map[string]any{"format": o.format}
	for name, value := range map[string]string{"productGroup": o.group, "granularity": o.granularity, "recipeId": o.recipeID, "sheet": o.sheet, "existing": o.existing} {
		if value != "" {
			a[name] = value
		}
	}
	if o.publish {
		a["publish"] = true
	}
	if o.recipe != "" {
		b, err := os.ReadFile(o.recipe)
		if err != nil {
			return nil, fmt.Errorf("the recipe cannot be read: %w", err)
		}
		var recipe struct {
			ProductGroup string
			Granularity  string
		}
		if err := json.Unmarshal(b, &recipe); err != nil {
			return nil, fmt.Errorf("%s is no recipe: %w", o.recipe, err)
		}
		a["recipe"] = json.RawMessage(b)
		if o.group == "" && recipe.ProductGroup != "" {
			a["productGroup"] = recipe.ProductGroup
		}
		if o.granularity == "" && recipe.Granularity != "" {
			a["granularity"] = recipe.Granularity
		}
	}
	if a["format"] != "archive" && a["format"] != "ndjson" && a["productGroup"] == nil {
		return nil, usage("say which product group the passports are of: -group general, or -recipe with one that says it")
	}
	return a, nil
}

// progress of one phase of an import of a table.
type progress struct {
	Progress struct{ Rows, Accepted, Refused, Bytes int64 }
	Totals   struct{ Created, Updated, Unchanged, Refused, Duplicates, Published, Unfinished int64 }
	Refusals []struct {
		Number   int64
		Problems []struct{ Pointer, Column, Code, Detail string }
	}
}

// tabled is what is read of an import of a table.
type tabled struct {
	ProductGroup, Granularity string
	Headers                   []string
	Suggestions               []struct {
		Column     json.RawMessage
		Confidence string
		Note       string
	}
	Recipe *struct {
		Mapping struct{ Columns []struct{ Header string } }
	}
	Check, Commit *progress
	Reports       map[string]string
}

// table shows the dry run of an uploaded table and, unless it is to stay one, has it stored.
func (p pending) table(ctx context.Context, i brought) (err error) {
	switch i.State {
	case "uploaded":
		return i.suggest(p.World)
	case "checked":
		if err := p.shown(ctx, i, i.Check, "check"); err != nil {
			return err
		}
		if p.dry {
			fmt.Fprintln(p.Err, p.nothingStored())
			return refusedRows(i.Check)
		}
		if i, err = p.commit(ctx); err != nil {
			return err
		}
	}
	if i.State != "done" {
		return fmt.Errorf("the import is %s. %s (%s)", printable(i.State), printable(i.Why), printable(i.Code))
	}
	if err := p.shown(ctx, i, i.Commit, "commit"); err != nil {
		return err
	}
	return refusedRows(i.Commit)
}

func refusedRows(p *progress) error {
	if p.Progress.Refused > 0 {
		return fmt.Errorf("%d of %s were not taken: %d refused, %s", p.Progress.Refused, count(p.Progress.Rows, "row"), p.Totals.Refused, count(p.Totals.Duplicates, "duplicate"))
	}
	return nil
}

// suggest prints the recipe that the headers suggest, to be changed and given with -recipe, and what of it is a guess.
func (t tabled) suggest(w World) error {
	columns := []json.RawMessage{}
	for n, s := range t.Suggestions {
		var c struct{ Header, Pointer string }
		if err := json.Unmarshal(s.Column, &c); err != nil {
			return fmt.Errorf("the server suggests something else than columns: %w", err)
		}
		if s.Confidence != "none" {
			columns = append(columns, s.Column)
		}
		about := fmt.Sprintf("column %s %q", letters(n), printable(c.Header))
		switch s.Confidence {
		case "none":
			about = "not imported: " + about
		case "exact":
			about = "to check: " + about + " -> " + printable(c.Pointer)
		default:
			about = "guessed: " + about + " -> " + printable(c.Pointer)
		}
		if s.Confidence != "exact" || s.Note != "" {
			fmt.Fprintln(w.Err, strings.TrimSuffix(about+". "+printable(s.Note), ". "))
		}
	}
	recipe := map[string]any{"name": "Suggested", "productGroup": t.ProductGroup, "mapping": map[string]any{"columns": columns}}
	if t.Granularity != "" {
		recipe["granularity"] = t.Granularity
	}
	e := json.NewEncoder(w.Out)
	e.SetIndent("", "  ")
	if err := e.Encode(recipe); err != nil {
		return err
	}
	return errors.New("nothing was stored: look at the recipe above, change it, and come again with -recipe FILE")
}

// letters name a column as spreadsheet programs do: A, B, … Z, AA.
func letters(n int) string {
	name := ""
	for n++; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}

// unmapped names the columns of which the recipe says nothing.
func (t tabled) unmapped(w World) {
	mapped := map[string]bool{}
	if t.Recipe != nil {
		for _, c := range t.Recipe.Mapping.Columns {
			mapped[strings.TrimSpace(c.Header)] = true
		}
	}
	for n, header := range t.Headers {
		if !mapped[strings.TrimSpace(header)] {
			fmt.Fprintf(w.Out, "  not imported: column %s %q, of which the recipe says nothing\n", letters(n), printable(header))
		}
	}
}

// shown prints the account of a phase that has come to its end, and fetches the report of it.
func (p pending) shown(ctx context.Context, i brought, of *progress, phase string) error {
	if of == nil {
		return fmt.Errorf("%s answers something else than expected", p.base)
	}
	t, created := of.Totals, "created"
	if phase == "check" {
		created = "would be created"
	}
	fmt.Fprintf(p.Out, "%s: %s; %d %s, %d updated, %d unchanged, %d refused, %s", i.State, count(of.Progress.Rows, "row"), t.Created, created, t.Updated, t.Unchanged, t.Refused, count(t.Duplicates, "duplicate"))
	if t.Published+t.Unfinished > 0 {
		fmt.Fprintf(p.Out, "; %d published, %d not yet complete", t.Published, t.Unfinished)
	}
	fmt.Fprintln(p.Out)
	if phase == "check" {
		i.unmapped(p.World)
	}
	for _, r := range of.Refusals {
		for _, problem := range r.Problems {
			where := strings.TrimSpace(printable(problem.Column) + " " + printable(problem.Pointer))
			if where != "" {
				where = ", " + where
			}
			fmt.Fprintf(p.Out, "  row %d%s: %s (%s)\n", r.Number, where, printable(problem.Detail), printable(problem.Code))
		}
	}
	if link := i.Reports[phase]; p.report != "" && link != "" {
		return p.fetchReport(ctx, link)
	}
	return nil
}

// fetchReport fetches what became of each row.
func (p pending) fetchReport(ctx context.Context, link string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return errors.New("the link to the report is none")
	}
	resp, err := p.send(r, 10*time.Minute)
	if err != nil {
		return fmt.Errorf("the report cannot be fetched: %w", err)
	}
	defer resp.Body.Close()
	out, err := os.OpenFile(p.report, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	_, err = io.Copy(out, resp.Body)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	fmt.Fprintf(p.Err, "what became of each row is in %s\n", p.report)
	return nil
}
