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
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
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
		return fmt.Errorf("this export is NOT what was signed: %w%s", err, orAnotherKey(err, *keyFile))
	}
	if *asJSON {
		return json.NewEncoder(w.Out).Encode(map[string]any{"tenant": a.Manifest.Tenant, "snapshot": a.Manifest.Snapshot, "counts": a.Manifest.Counts, "members": len(a.Manifest.Members)})
	}
	fmt.Fprintf(w.Out, "good: %d members of tenant %s as of %s; %d passports, %d versions\n",
		len(a.Manifest.Members), a.Manifest.Tenant, a.Manifest.Snapshot.Format(time.RFC3339), a.Manifest.Counts["passports"], a.Manifest.Counts["versions"])
	return nil
}

// orAnotherKey says what else it may mean that a signature does not fit.
func orAnotherKey(err error, file string) string {
	w := new(archive.Wrong)
	if !errors.As(err, &w) || w.Member != archive.SignatureName {
		return ""
	}
	return fmt.Sprintf(".\nOr %s is not the key of the platform that made it; `passportctl audit key` fetches that", file)
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
	ID, State, Why, Scope string
	Items, Total, Bytes   int64
	Snapshot              time.Time
	Download              *struct{ URL string }
}

func (e status) working() bool { return e.State == "queued" || e.State == "running" }

// exportAll asks for an export, or takes one that was asked for before, waits until it is packed and fetches it.
func exportAll(ctx context.Context, args []string, w World) error {
	f, o := flag.NewFlagSet("export", flag.ContinueOnError), order{include: map[string]*bool{}}
	base, out, which := f.String("url", "", ""), f.String("o", "", ""), f.String("id", "", "")
	for name, into := range map[string]*string{"scope": &o.scope, "formats": &o.formats, "group": &o.group, "status": &o.status} {
		f.StringVar(into, name, "", "")
	}
	for _, part := range []string{"versions", "audit", "documents"} {
		o.include[part] = f.Bool("no-"+part, false, "")
	}
	if rest, err := parse(f, args); err != nil || len(rest) > 0 || *base == "" || *out == "" {
		return errors.Join(err, usage("export needs -url and -o"))
	}
	body, err := json.Marshal(o.body())
	if err != nil {
		return err
	}
	if *which != "" && (f.NFlag() != 3 || !id.Valid(id.Export(*which))) {
		return usage("-id takes the identifier of an export, and that comes as it was asked for: say -url and -o beside it, and nothing else")
	}
	a, err := w.api(*base, "data:export")
	if err != nil {
		return err
	}
	if err := writable(*out); err != nil { // before it is asked for, since there are only some a day
		return err
	}
	e := status{ID: *which}
	if e.ID == "" {
		if err := a.call(ctx, http.MethodPost, "/v1/exports", body, &e); err != nil {
			return a.instead(ctx, err)
		}
		if !id.Valid(id.Export(e.ID)) {
			return fmt.Errorf("%s answers something else than expected", a.base)
		}
	}
	if e, err = a.packed(ctx, e.ID); err == nil && e.State != "ready" {
		return fmt.Errorf("the export is %s. %s", printable(e.State), printable(e.Why))
	}
	if err == nil {
		err = a.fetch(ctx, e, *out)
	}
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("given up")
		}
		return fmt.Errorf("%w\nThe export is not lost. It is fetched with `passportctl export -url %s -id %s -o %s`", err, a.base, e.ID, *out)
	}
	fmt.Fprintf(w.Err, "the export is in %s; check it with `passportctl verify export %s -key audit-key.pem`\n", *out, *out)
	return nil
}

// order is what is asked for.
type order struct {
	scope, formats, group, status string
	include                       map[string]*bool // what is left out
}

// body says what is to be left out, and nothing about the rest.
func (o order) body() map[string]any {
	b := map[string]any{"scope": "workspace"}
	for name, value := range map[string]string{"scope": o.scope, "productGroup": o.group, "status": o.status} {
		if value != "" {
			b[name] = value
		}
	}
	switch o.formats {
	case "":
	case "none":
		b["formats"] = []string{}
	default:
		b["formats"] = strings.Split(o.formats, ",")
	}
	include := map[string]bool{}
	for part, left := range o.include {
		if *left {
			include[part] = false
		}
	}
	if len(include) > 0 {
		b["include"] = include
	}
	return b
}

// instead adds to a refusal because of too many exports those that are there.
func (a api) instead(ctx context.Context, err error) error {
	r := new(refusal)
	if !errors.As(err, &r) || r.status != http.StatusTooManyRequests {
		return err
	}
	var all struct{ Items []status }
	if failed := a.call(ctx, http.MethodGet, "/v1/exports", nil, &all); failed != nil {
		return err
	}
	there := ""
	for _, e := range all.Items {
		if e.State == "ready" || e.working() {
			there += fmt.Sprintf("\n  -id %s: %s, of %s, %s", printable(e.ID), printable(e.Scope), e.Snapshot.UTC().Format(time.RFC3339), printable(e.State))
		}
	}
	if there != "" {
		there = "\nThese are there, and can be fetched:" + there
	}
	return fmt.Errorf("%w%s", err, there)
}

// packed waits until nobody packs an export any more. One that is ready comes with a link to its package.
func (a api) packed(ctx context.Context, which string) (status, error) {
	draw := bar(a.World, "packing ")
	for {
		var e status
		if err := a.look(ctx, "/v1/exports/"+which+"?link=true", &e); err != nil {
			return status{ID: which}, err
		}
		if e.ID != which || e.State == "ready" && e.Download == nil {
			return status{ID: which}, fmt.Errorf("%s answers something else than expected", a.base)
		}
		if !e.working() {
			return e, nil
		}
		if draw != nil && e.Total > 0 {
			draw(min(e.Items, e.Total-1), e.Total)
		}
		if err := a.sleep(ctx, a.pause()); err != nil {
			return e, err
		}
	}
}
