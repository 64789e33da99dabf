package command

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// brought is what is read of an import.
type brought struct {
	ID, State, Why, Code               string
	Passports, Read, Restored, Present int64
	Failed, Recipes                    int64
	Problems                           []struct{ ProductIdentifier, Recipe, Code, Detail string }
	Upload                             *struct {
		URL, Method string
		Headers     map[string]string
	}
}

// importAll uploads an export, has it checked and, unless it is a dry run, stored.
func importAll(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("import", flag.ContinueOnError)
	base, dry := f.String("url", "", ""), f.Bool("dry-run", false, "")
	var o tableOptions
	o.flags(f)
	rest, err := parse(f, args)
	if err != nil || len(rest) != 1 || *base == "" {
		return errors.Join(err, usage("import needs a file and -url"))
	}
	announcement, err := o.announcement(rest[0])
	if err != nil {
		return err
	}
	apiKey := w.Getenv("PASSPORTCRAFT_API_KEY")
	if apiKey == "" {
		return usage("set PASSPORTCRAFT_API_KEY to a key with the scope passports:write")
	}
	in, err := os.Open(rest[0])
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	defer in.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, in)
	if err == nil {
		_, err = in.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	address := strings.TrimSuffix(*base, "/") + "/v1/imports"
	announcement["size"], announcement["sha256"] = size, hex.EncodeToString(sum.Sum(nil))
	body, err := json.Marshal(announcement)
	if err != nil {
		return err
	}
	var i brought
	if err := call(ctx, http.MethodPost, address, apiKey, body, &i); err != nil {
		return err
	}
	if err := upload(ctx, i, in, size, w); err != nil {
		return err
	}
	address += "/" + url.PathEscape(i.ID)
	if announcement["format"] != "archive" {
		return importTable(ctx, address, apiKey, *dry, o.report, w)
	}
	if i, err = settled(ctx, address, apiKey, "checking", w); err != nil {
		return err
	}
	if i.State != "checked" {
		return fmt.Errorf("the import is %s. %s", i.State, i.Why)
	}
	fmt.Fprintf(w.Out, "checked: %d passports\n", i.Passports)
	if *dry {
		fmt.Fprintf(w.Err, "nothing was stored; commit with POST %s/commit, or cancel with DELETE\n", address)
		return nil
	}
	if err := call(ctx, http.MethodPost, address+"/commit", apiKey, nil, &i); err != nil {
		return err
	}
	if i, err = settled(ctx, address, apiKey, "storing ", w); err != nil {
		return err
	}
	return restored(i, w)
}

// restored prints what became of an archive.
func restored(i brought, w World) error {
	fmt.Fprintf(w.Out, "%s: %d restored, %d there already, %d not restored; %d recipes\n", i.State, i.Restored, i.Present, i.Failed, i.Recipes)
	for _, p := range i.Problems {
		fmt.Fprintf(w.Out, "  %s%s: %s (%s)\n", printable(p.ProductIdentifier), printable(p.Recipe), printable(p.Detail), printable(p.Code))
	}
	if i.State != "done" {
		return fmt.Errorf("the import is %s. %s", i.State, printable(i.Why))
	}
	if len(i.Problems) > 0 {
		return fmt.Errorf("not everything was restored")
	}
	return nil
}

// settled waits until an import needs somebody.
func settled(ctx context.Context, address, apiKey, what string, w World) (brought, error) {
	draw := bar(w, what)
	for {
		var i brought
		if err := call(ctx, http.MethodGet, address, apiKey, nil, &i); err != nil {
			return i, err
		}
		if i.State != "waiting" && i.State != "checking" && i.State != "committing" {
			return i, nil
		}
		if draw != nil && i.Passports > 0 {
			draw(min(i.Read, i.Passports-1), i.Passports)
		}
		select {
		case <-ctx.Done():
			return i, fmt.Errorf("given up looking; the import goes on: %s", address)
		case <-time.After(w.pause()):
		}
	}
}

func upload(ctx context.Context, i brought, file io.Reader, size int64, w World) error {
	if i.Upload == nil {
		return fmt.Errorf("the server does not say how to upload")
	}
	r, err := http.NewRequestWithContext(ctx, i.Upload.Method, i.Upload.URL, &watched{r: file, total: size, draw: bar(w, "sending ")})
	if err != nil {
		return fmt.Errorf("the server does not say how to upload")
	}
	r.ContentLength = size
	for name, value := range i.Upload.Headers {
		r.Header.Set(name, value)
	}
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		return fmt.Errorf("the upload broke off: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the storage refuses the file with %d", resp.StatusCode)
	}
	return nil
}

// call sends a request with the key and reads the answer.
func call(ctx context.Context, method, address, apiKey string, body []byte, into any) error {
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return usage("the address %q is not one", address)
	}
	if host := r.URL.Hostname(); r.URL.Scheme != "https" && host != "localhost" && !net.ParseIP(host).IsLoopback() {
		return usage("%s would send your API key in the clear; use https", address)
	}
	r.Header.Set("Authorization", "Bearer "+apiKey)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := answered(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(into); err != nil {
		return fmt.Errorf("%s answers something else than expected", address)
	}
	return nil
}
