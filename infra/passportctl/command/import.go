package command

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// brought is what is read of an import.
type brought struct {
	ID, State, Format, Why, Code string
	Size                         int64

	Passports, Read, Restored, Present, Failed, Recipes int64

	tabled
	Problems []struct{ ProductIdentifier, Recipe, Code, Detail string }
	Upload   *struct {
		URL, Method string
		Headers     map[string]string
	}
}

// importAll uploads a file, or takes an import that was begun before, has it checked and, unless it is a dry run, stored.
func importAll(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("import", flag.ContinueOnError)
	base, dry, which := f.String("url", "", ""), f.Bool("dry-run", false, ""), f.String("id", "", "")
	var o tableOptions
	o.flags(f)
	rest, err := parse(f, args)
	if err != nil || (len(rest) == 1) == (*which != "") || len(rest) > 1 || *base == "" {
		return errors.Join(err, usage("import needs -url and a file, or -id in place of the file"))
	}
	if *which != "" && (!id.Valid(id.Import(*which)) || o.says()) {
		return usage("-id takes the identifier of an import, and what it is to become was said when it began: only -dry-run and -report go with it")
	}
	p := pending{dry: *dry, report: o.report}
	if *which == "" {
		if p.announcement, err = o.announcement(rest[0]); err != nil {
			return err
		}
	}
	if p.api, err = w.api(*base, "passports:write"); err != nil {
		return err
	}
	if *which == "" {
		if *which, err = p.begin(ctx, rest[0]); err != nil {
			return err
		}
	}
	p.id, p.path = *which, "/v1/imports/"+*which
	return p.goOn(ctx)
}

// pending is an import on its way.
type pending struct {
	api
	announcement map[string]any
	id, path     string
	dry          bool
	report       string // file for what became of each row
}

// begin announces and uploads a file.
func (p pending) begin(ctx context.Context, file string) (string, error) {
	in, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	defer in.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, in)
	if err == nil {
		_, err = in.Seek(0, io.SeekStart)
	}
	if err != nil {
		return "", fmt.Errorf("the file cannot be read: %w", err)
	}
	p.announcement["size"], p.announcement["sha256"] = size, hex.EncodeToString(sum.Sum(nil))
	body, err := json.Marshal(p.announcement)
	if err != nil {
		return "", err
	}
	var i brought
	if err := p.call(ctx, http.MethodPost, "/v1/imports", body, &i); err != nil {
		return "", err
	}
	if !id.Valid(id.Import(i.ID)) {
		return "", fmt.Errorf("%s answers something else than expected", p.base)
	}
	return i.ID, p.upload(ctx, i, in, size)
}

// goOn leads an import to its end, from wherever it is.
func (p pending) goOn(ctx context.Context) error {
	i, err := p.settled(ctx, "checking")
	if err != nil {
		return err
	}
	if i.Format != "archive" {
		return p.table(ctx, i)
	}
	if i.State == "checked" {
		fmt.Fprintf(p.Out, "checked: %d passports\n", i.Passports)
		if p.dry {
			fmt.Fprintln(p.Err, p.nothingStored())
			return nil
		}
		if i, err = p.commit(ctx); err != nil {
			return err
		}
	}
	if i.State != "done" && i.Restored+i.Present+i.Failed == 0 {
		return fmt.Errorf("the import is %s. %s", printable(i.State), printable(i.Why))
	}
	return p.restored(ctx, i)
}

// commit has stored what is checked.
func (p pending) commit(ctx context.Context) (brought, error) {
	var i brought
	if err := p.call(ctx, http.MethodPost, p.path+"/commit", nil, &i); err != nil {
		return i, err
	}
	return p.settled(ctx, "storing ")
}

func (p pending) again() string {
	return fmt.Sprintf("passportctl import -id %s -url %s", p.id, p.base)
}

func (p pending) nothingStored() string {
	return fmt.Sprintf("nothing was stored; `%s` stores it, DELETE %s ends it", p.again(), p.base+p.path)
}

// restored prints what became of an archive, and what is left to do.
func (p pending) restored(ctx context.Context, i brought) error {
	fmt.Fprintf(p.Out, "%s: %d restored, %d there already, %d not restored; %d recipes\n", printable(i.State), i.Restored, i.Present, i.Failed, i.Recipes)
	for _, one := range i.Problems {
		fmt.Fprintf(p.Out, "  %s%s: %s (%s)\n", printable(one.ProductIdentifier), printable(one.Recipe), printable(one.Detail), printable(one.Code))
	}
	if i.Restored > 0 {
		if err := p.suspended(ctx); err != nil {
			return err
		}
	}
	if i.State != "done" {
		return fmt.Errorf("the import is %s. %s", i.State, printable(i.Why))
	}
	if len(i.Problems) > 0 {
		return fmt.Errorf("not everything was restored")
	}
	return nil
}

// suspended tells how many passports wait for somebody to publish them again, which nothing does by itself.
func (p pending) suspended(ctx context.Context) error {
	var page struct {
		Items []struct{}
		Next  string
	}
	if err := p.look(ctx, "/v1/passports?status=suspended&limit=100", &page); err != nil || len(page.Items) == 0 {
		return err
	}
	n, are := count(int64(len(page.Items)), "passport"), "are"
	switch {
	case page.Next != "":
		n = "more than " + n
	case len(page.Items) == 1:
		are = "is"
	}
	fmt.Fprintf(p.Out, "%s %s suspended, since what was published comes back suspended: nobody sees it until it is published again.\n", n, are)
	fmt.Fprintf(p.Out, "  GET %[1]s/v1/passports?status=suspended lists them, POST %[1]s/v1/passports/{id}/publication publishes one (scope passports:publish)\n", p.base)
	return nil
}

// count is a number of things.
func count(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// settled waits until an import needs somebody.
func (p pending) settled(ctx context.Context, what string) (brought, error) {
	draw, last := bar(p.World, what), ""
	for {
		var i brought
		err := p.look(ctx, p.path, &i)
		if err == nil && i.State != "waiting" && i.State != "checking" && i.State != "committing" {
			return i, nil
		}
		if err == nil {
			last = i.State
			if done, total := i.far(); draw != nil && total > 0 {
				draw(min(done, total-1), total)
			}
			err = p.sleep(ctx, p.pause())
		}
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			err = errors.New("given up")
		}
		if last == "committing" || what == "storing " {
			return i, fmt.Errorf("%w\nWhat was checked goes on being stored. `%s` tells what comes of it", err, p.again())
		}
		return i, fmt.Errorf("%w\nThe file goes on being checked, and nothing of it will be stored by that. `%s` goes on", err, p.again())
	}
}

// far is how much of the work is done.
func (i brought) far() (done, total int64) {
	p := i.Check
	if i.State == "committing" {
		p = i.Commit
	}
	if p != nil {
		return p.Progress.Bytes, i.Size
	}
	return i.Read, i.Passports
}

func (p pending) upload(ctx context.Context, i brought, file io.Reader, size int64) error {
	if i.Upload == nil {
		return fmt.Errorf("the server does not say how to upload")
	}
	r, err := http.NewRequestWithContext(ctx, i.Upload.Method, i.Upload.URL, &watched{r: file, total: size, draw: bar(p.World, "sending ")})
	if err != nil {
		return fmt.Errorf("the server does not say how to upload")
	}
	r.ContentLength = size
	for name, value := range i.Upload.Headers {
		r.Header.Set(name, value)
	}
	resp, err := p.send(r, 0)
	if err != nil {
		return fmt.Errorf("the file cannot be uploaded, and nothing was stored: %w", err)
	}
	return resp.Body.Close()
}
