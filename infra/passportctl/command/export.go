package command

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
)

// verifyExport checks a package offline and names the first member that is wrong.
func verifyExport(args []string, w World) error {
	f := flag.NewFlagSet("verify export", flag.ContinueOnError)
	keyFile, asJSON := f.String("key", "", ""), f.Bool("json", false, "")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || *keyFile == "" {
		return usage("verify export needs a file and -key with the public key")
	}
	key, err := publicKey(*keyFile)
	if err != nil {
		return err
	}
	in, err := os.Open(rest[0])
	if err != nil {
		return fmt.Errorf("the export cannot be read: %w", err)
	}
	defer in.Close()
	about, err := in.Stat()
	if err != nil {
		return fmt.Errorf("the export cannot be read: %w", err)
	}
	a, err := archive.Open(in, about.Size(), key)
	if err == nil {
		err = a.Verify(bar(w, "checking"))
	}
	if err != nil {
		return fmt.Errorf("this export is NOT what was signed: %w", err)
	}
	if *asJSON {
		return json.NewEncoder(w.Out).Encode(map[string]any{"tenant": a.Manifest.Tenant, "snapshot": a.Manifest.Snapshot, "counts": a.Manifest.Counts, "members": len(a.Manifest.Members)})
	}
	fmt.Fprintf(w.Out, "good: %d members of tenant %s as of %s; %d passports, %d versions\n",
		len(a.Manifest.Members), a.Manifest.Tenant, a.Manifest.Snapshot.Format(time.RFC3339), a.Manifest.Counts["passports"], a.Manifest.Counts["versions"])
	return nil
}

func publicKey(file string) (*ecdsa.PublicKey, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("the public key cannot be read: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, fmt.Errorf("%s holds no public key in PEM form", file)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("%s holds no ECDSA key", file)
	}
	return key, nil
}

// bar draws how far something is, if somebody looks on.
func bar(w World, what string) func(done, total int64) {
	if !terminal(w.Err) {
		return nil
	}
	return func(done, total int64) {
		const width = 30
		full := width
		if total > 0 {
			full = int(done * width / total)
		}
		fmt.Fprintf(w.Err, "\r%s [%s%s] %3d %%", what, strings.Repeat("#", full), strings.Repeat("-", width-full), full*100/width)
		if done >= total {
			fmt.Fprintln(w.Err)
		}
	}
}

// status is what is read of an export.
type status struct {
	ID, State, Why      string
	Items, Total, Bytes int64
	SecondsLeft         int64
	Download            *struct{ URL string }
}

// exportAll asks for an export, waits until it is packed and fetches it.
func exportAll(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("export", flag.ContinueOnError)
	base, out, scope := f.String("url", "", ""), f.String("o", "", ""), f.String("scope", "workspace", "")
	formats, without := f.String("formats", "", ""), map[string]*bool{}
	for _, part := range []string{"versions", "audit", "documents"} {
		without[part] = f.Bool("no-"+part, false, "")
	}
	if rest, err := parse(f, args); err != nil || len(rest) > 0 || *base == "" || *out == "" {
		return errors.Join(err, usage("export needs -url and -o"))
	}
	apiKey := w.Getenv("PASSPORTCRAFT_API_KEY")
	if apiKey == "" {
		return usage("set PASSPORTCRAFT_API_KEY to a key with the scope data:export")
	}
	address := strings.TrimSuffix(*base, "/") + "/v1/exports"
	body, err := json.Marshal(order(*scope, *formats, without))
	if err != nil {
		return err
	}
	var e status
	if err := call(ctx, http.MethodPost, address, apiKey, body, &e); err != nil {
		return err
	}
	address += "/" + url.PathEscape(e.ID) + "?link=true"
	draw := bar(w, "packing ")
	for e.State == "queued" || e.State == "running" {
		if draw != nil && e.Total > 0 {
			draw(min(e.Items, e.Total-1), e.Total)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("given up; the export goes on and can be fetched later: %s", e.ID)
		case <-time.After(w.pause()):
		}
		e = status{}
		if err := call(ctx, http.MethodGet, address, apiKey, nil, &e); err != nil {
			return err
		}
	}
	if e.State != "ready" || e.Download == nil {
		return fmt.Errorf("the export is %s. %s", e.State, e.Why)
	}
	return fetch(ctx, e, *out, w)
}

// order is what is asked for. What is to be left out is said, and nothing about the rest.
func order(scope, formats string, without map[string]*bool) map[string]any {
	o := map[string]any{"scope": scope}
	switch formats {
	case "":
	case "none":
		o["formats"] = []string{}
	default:
		o["formats"] = strings.Split(formats, ",")
	}
	include := map[string]bool{}
	for part, left := range without {
		if *left {
			include[part] = false
		}
	}
	if len(include) > 0 {
		o["include"] = include
	}
	return o
}

func (w World) pause() time.Duration {
	if w.Pause > 0 {
		return w.Pause
	}
	return 2 * time.Second
}

// fetch writes the package beside its name first, so that a file of that name is always a whole one.
func fetch(ctx context.Context, e status, out string, w World) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.Download.URL, http.NoBody)
	if err != nil {
		return fmt.Errorf("the link to the package is none")
	}
	resp, err := (&http.Client{}).Do(r)
	if err != nil {
		return fmt.Errorf("the package cannot be fetched: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the package cannot be fetched: the storage answers %d", resp.StatusCode)
	}
	part, err := os.OpenFile(out+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the package cannot be written: %w", err)
	}
	defer part.Close()
	n, err := io.Copy(part, &watched{r: resp.Body, total: e.Bytes, draw: bar(w, "fetching")})
	if err == nil && n != e.Bytes {
		err = fmt.Errorf("%d of %d bytes came", n, e.Bytes)
	}
	if err != nil {
		return fmt.Errorf("the download broke off: %w", err)
	}
	if err := errors.Join(part.Sync(), part.Close(), os.Rename(out+".part", out)); err != nil {
		return fmt.Errorf("the package cannot be written: %w", err)
	}
	fmt.Fprintf(w.Err, "the export is in %s; check it with `passportctl verify export %s -key audit-key.pem`\n", out, out)
	return nil
}

type watched struct {
	r           io.Reader
	done, total int64
	draw        func(done, total int64)
}

func (p *watched) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.done += int64(n)
	if p.draw != nil && n > 0 {
		p.draw(p.done, p.total)
	}
	return n, err
}
