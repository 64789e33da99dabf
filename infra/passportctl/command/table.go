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
	ID, State, Why, Code, ProductGroup, Granularity string
	Size                                            int64
	Suggestions                                     []struct {
		Column     json.RawMessage
		Confidence string
	}
	Check, Commit *progress
	Reports       map[string]string
}

// importTable waits for the dry run of an uploaded table, shows it and, unless it is to stay one, has it stored.
func importTable(ctx context.Context, address, apiKey string, dry bool, report string, w World) error {
	i, err := worked(ctx, address, apiKey, "checking", w)
	if err != nil {
		return err
	}
	if i.State == "uploaded" {
		return suggest(i, w)
	}
	if err := shown(ctx, i, "checked", i.Check, "check", report, w); err != nil {
		return err
	}
	if dry {
		fmt.Fprintf(w.Err, "nothing was stored; commit with POST %s/commit, or cancel with DELETE\n", address)
		return refusedRows(i.Check)
	}
	if err := call(ctx, http.MethodPost, address+"/commit", apiKey, nil, &i); err != nil {
		return err
	}
	if i, err = worked(ctx, address, apiKey, "storing ", w); err != nil {
		return err
	}
	if err := shown(ctx, i, "done", i.Commit, "commit", report, w); err != nil {
		return err
	}
	return refusedRows(i.Commit)
}

func refusedRows(p *progress) error {
	if p.Progress.Refused > 0 {
		return fmt.Errorf("%d of %d rows were refused", p.Progress.Refused, p.Progress.Rows)
	}
	return nil
}

// suggest prints the recipe that the headers suggest, to be changed and given with -recipe.
func suggest(i tabled, w World) error {
	var columns []json.RawMessage
	for _, s := range i.Suggestions {
		if s.Confidence != "none" {
			columns = append(columns, s.Column)
		}
	}
	recipe := map[string]any{"name": "Suggested", "productGroup": i.ProductGroup, "mapping": map[string]any{"columns": columns}}
	if i.Granularity != "" {
		recipe["granularity"] = i.Granularity
	}
	e := json.NewEncoder(w.Out)
	e.SetIndent("", "  ")
	if err := e.Encode(recipe); err != nil {
		return err
	}
	return errors.New("nothing was stored: look at the recipe above, change it, and come again with -recipe FILE")
}

// worked waits until nobody works on an import.
func worked(ctx context.Context, address, apiKey, what string, w World) (tabled, error) {
	draw := bar(w, what)
	for {
		var i tabled
		if err := call(ctx, http.MethodGet, address, apiKey, nil, &i); err != nil {
			return i, err
		}
		if i.State != "waiting" && i.State != "checking" && i.State != "committing" {
			return i, nil
		}
		p := i.Check
		if i.State == "committing" {
			p = i.Commit
		}
		if draw != nil && p != nil && i.Size > 0 {
			draw(min(p.Progress.Bytes, i.Size-1), i.Size)
		}
		select {
		case <-ctx.Done():
			return i, fmt.Errorf("given up looking; the import goes on: %s", address)
		case <-time.After(w.pause()):
		}
	}
}

// shown prints the account of a phase that has come to its end, and fetches the report of it.
func shown(ctx context.Context, i tabled, want string, p *progress, phase, report string, w World) error {
	if i.State != want || p == nil {
		return fmt.Errorf("the import is %s. %s (%s)", printable(i.State), printable(i.Why), printable(i.Code))
	}
	t := p.Totals
	fmt.Fprintf(w.Out, "%s: %d rows; %d created, %d updated, %d unchanged, %d refused, %d duplicates", want, p.Progress.Rows, t.Created, t.Updated, t.Unchanged, t.Refused, t.Duplicates)
	if t.Published+t.Unfinished > 0 {
		fmt.Fprintf(w.Out, "; %d published, %d not yet complete", t.Published, t.Unfinished)
	}
	fmt.Fprintln(w.Out)
	for _, r := range p.Refusals {
		for _, problem := range r.Problems {
			fmt.Fprintf(w.Out, "  row %d, %s: %s (%s)\n", r.Number, printable(problem.Column+" "+problem.Pointer), printable(problem.Detail), printable(problem.Code))
		}
	}
	if link := i.Reports[phase]; report != "" && link != "" {
		return fetchReport(ctx, link, report, w)
	}
	return nil
}

func fetchReport(ctx context.Context, link, file string, w World) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, http.NoBody)
	if err != nil {
		return errors.New("the link to the report is none")
	}
	resp, err := (&http.Client{Timeout: 10 * time.Minute}).Do(r)
	if err != nil {
		return fmt.Errorf("the report cannot be fetched: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the report cannot be fetched: the storage answers %d", resp.StatusCode)
	}
	out, err := os.OpenFile(file, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	_, err = io.Copy(out, resp.Body)
	if err := errors.Join(err, out.Close()); err != nil {
		return fmt.Errorf("the report cannot be written: %w", err)
	}
	fmt.Fprintf(w.Err, "what became of each row is in %s\n", file)
	return nil
}
