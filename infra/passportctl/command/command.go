// Package command is passportctl without the process around it: arguments in, text and an exit code out.
package command

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// World is what a command sees of its process.
type World struct {
	Out, Err io.Writer
	Getenv   func(string) string
	Pause    time.Duration                                    // between two looks at something that takes long; 0: two seconds
	Now      clock.Clock                                      // of drills; nil: the machine's, or that of the local platform
	HTTP     aws.HTTPClient                                   // nil: clients of its own
	Sleep    func(ctx context.Context, d time.Duration) error // between looks and tries; nil: for as long as that, or until the end
}

// Exit codes.
const (
	Good  = 0
	Bad   = 1 // what was checked is not good, or could not be fetched
	Usage = 2
)

const help = `passportctl checks what PassportCraft signs, without PassportCraft, and fetches what can be checked.

  passportctl verify audit FILE -key audit-key.pem [-earlier checkpoint.txt] [-json]
      checks a downloaded audit trail offline: nothing in it was edited, removed, moved or cut off since it was signed.
      -earlier is a checkpoint that you kept from before: the trail must still contain it.
  passportctl audit download -url https://passports.example -o FILE
      downloads the audit trail of your organisation. The API key (scope audit:read) is read from PASSPORTCRAFT_API_KEY.
  passportctl audit key -url https://passports.example -o audit-key.pem
      downloads the public key. Fetch it once and keep it: a key fetched together with the trail proves little.
  passportctl export -url https://passports.example -o FILE [-scope workspace|passports|account]
      [-group general] [-status draft|published|suspended|archived]
      [-formats en18223,en18223-jsonld,csv,xlsx|none] [-no-versions] [-no-audit] [-no-documents]
      asks for an export, waits for it and fetches it; with other formats of the passports than EN 18223 in the full form
      as JSON (en18223), with none, or without some of it. -group and -status go with -scope passports. The API key (scope
      data:export) is read from PASSPORTCRAFT_API_KEY. An organisation has 5 exports a day.
  passportctl export -url https://passports.example -o FILE -id ID
      fetches an export that was asked for before, or what is missing of it, and waits for it if need be.
  passportctl import FILE.zip -url https://passports.example [-dry-run]
      brings an export back: uploads it, has it checked and stores it. The API key (scope passports:write) is read from
      PASSPORTCRAFT_API_KEY. What was published comes back suspended; what is there already stays as it is.
  passportctl import FILE.csv|FILE.xlsx|FILE.ndjson -url https://passports.example [-dry-run] [-group general]
      [-granularity item] [-recipe recipe.json | -recipe-id ID] [-sheet NAME] [-existing merge|replace] [-publish]
      [-format csv|xlsx|ndjson|archive] [-report report.csv]
      brings passports from a table or from documents, a JSON object a line. The recipe says what the columns become;
      without one it prints a recipe as the headers suggest it, for you to change, and says which columns it leaves out or
      guesses. In "mapping", or for one column, "decimal": "," reads 4,5 and "dates": "dmy" reads 18.02.2027 ("mdy":
      02/18/2027); a column may say its "unit". Every row is checked before any is stored; -report writes what became of
      each row. -format is for names that do not tell it. Publishing takes a key with the scope passports:publish.
  passportctl import -id ID -url https://passports.example [-dry-run] [-report report.csv]
      goes on with an import that was begun before: waits, stores what is checked, and tells what became of it.
  passportctl verify export FILE -key audit-key.pem [-json]
      checks an export offline: it is what the platform signed, and every member in it. Names the first that is not.
  passportctl verify certificate FILE -key audit-key.pem [-json]
      checks the certificate of a deletion offline: it is what the platform signed, and by its own instants and counts every
      promise was kept. Names each one that was not.
  passportctl drill mark [-environment FILE]
      clears the tables of a new deployment for use, which must be empty, and prints the parameter MarkerKey of the stack.
  passportctl drill restore -table records|people|public|custody|keys [-point ARN | -before INSTANT | -adopt TABLE -at INSTANT]
          [-held tenant:ID,…] [-discard | -switch] [-environment FILE] [-template template.yaml] [-state FILE] [-report drill-report.json]
      restores a table from a copy into a new one, deletes from it what was deleted since, looks whether all of that is
      gone, and clears it for use. -adopt takes a table that was restored from point-in-time recovery. -discard removes it at the end (a rehearsal), -switch puts it in the place of the lost
      one. Goes on where it stopped. The environment is that of the functions; see infra/runbooks/restore-table.md.
  passportctl drill discard TABLE [-environment FILE]
      removes a table that was lost or restored and is not in use, its recovery first, so that no copy of it stays.
  passportctl drill resume -up-to INSTANT -by NAME [-environment FILE]
      lets the deletion go on that has stood still since an outage of more than five days, once, with clocks up to the
      instant: an operator's word, signed with the platform's key. See infra/runbooks/resume-after-outage.md.
  passportctl help
      says all this; passportctl COMMAND -h says what concerns a command.
`

// helpOf is the command, or the group of them, that arguments begin with, and what help says of it; "" for none.
func helpOf(args []string) (name, said string) {
	for words := min(2, len(args)); words > 0; words-- {
		name = strings.Join(args[:words], " ")
		for _, one := range strings.Split(help, "\n  passportctl ")[1:] {
			if strings.HasPrefix(one, name+" ") {
				said += "  passportctl " + strings.TrimSuffix(one, "\n") + "\n"
			}
		}
		if said != "" {
			return name, said
		}
	}
	return "", ""
}

// Run runs one command and returns the exit code.
func Run(ctx context.Context, args []string, w World) int {
	which, rest := strings.Join(args[:min(2, len(args))], " "), args[min(2, len(args)):]
	var err error
	switch {
	case which == "verify audit":
		err = verifyAudit(rest, w)
	case which == "verify export":
		err = verifyExport(rest, w)
	case which == "verify certificate":
		err = verifyCertificate(rest, w)
	case len(args) > 0 && args[0] == "import":
		err = importAll(ctx, args[1:], w)
	case len(args) > 0 && args[0] == "export":
		err = exportAll(ctx, args[1:], w)
	case which == "drill mark":
		err = drillMark(ctx, rest, w)
	case which == "drill restore":
		err = drillRestore(ctx, rest, w)
	case which == "drill discard":
		err = drillDiscard(ctx, rest, w)
	case which == "drill resume":
		err = drillResume(ctx, rest, w)
	case which == "audit download":
		err = download(ctx, rest, w)
	case which == "audit key":
		err = key(ctx, rest, w)
	case len(args) == 0 || args[0] == "help" || asks(args[0]):
		fmt.Fprint(w.Out, help)
		return Good
	default:
		if _, said := helpOf(args); said != "" && len(args) > 1 && asks(args[1]) {
			err = flag.ErrHelp
		} else if said != "" {
			err = usage("say what of this is meant:\n%s", said)
		} else {
			err = usage("there is no command %q", strings.Join(args, " "))
		}
	}
	if err == nil {
		return Good
	}
	name, said := helpOf(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(w.Out, said)
		return Good
	}
	fmt.Fprintln(w.Err, "passportctl: "+strings.TrimSuffix(err.Error(), "\n"))
	if u := new(usageError); errors.As(err, &u) {
		if name == "" {
			name = "help"
		} else {
			name += " -h"
		}
		fmt.Fprintf(w.Err, "`passportctl %s` shows how it is used.\n", name)
		return Usage
	}
	return Bad
}

func asks(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

type usageError struct{ text string }

func (u *usageError) Error() string { return u.text }

func usage(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// parse reads flags that may stand before or after the other arguments.
func parse(f *flag.FlagSet, args []string) (rest []string, err error) {
	f.SetOutput(io.Discard)
	for len(args) > 0 {
		if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
			return nil, err
		} else if err != nil {
			return nil, usage("%s", err)
		}
		if args = f.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

func verifyAudit(args []string, w World) error {
	f := flag.NewFlagSet("verify audit", flag.ContinueOnError)
	keyFile, earlierFile, asJSON := f.String("key", "", ""), f.String("earlier", "", ""), f.Bool("json", false, "")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || *keyFile == "" {
		return usage("verify audit needs a file and -key with the public key")
	}
	text, err := os.ReadFile(*keyFile)
	if err != nil {
		return fmt.Errorf("the public key cannot be read: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return fmt.Errorf("%s holds no public key in PEM form", *keyFile)
	}
	v, err := auditlog.NewVerifier(block.Bytes)
	if err != nil {
		return err
	}
	earlier := []byte{}
	if *earlierFile != "" {
		if earlier, err = os.ReadFile(*earlierFile); err != nil {
			return fmt.Errorf("the earlier checkpoint cannot be read: %w", err)
		}
		if len(bytes.TrimSpace(earlier)) == 0 { // an empty file must not count as none
			return fmt.Errorf("%s is empty: it holds no checkpoint", *earlierFile)
		}
	}
	in, err := os.Open(rest[0])
	if err != nil {
		return fmt.Errorf("the audit trail cannot be read: %w", err)
	}
	defer in.Close()
	report, err := auditlog.Verify(in, v, string(earlier))
	if err != nil {
		return fmt.Errorf("this audit trail is NOT what was signed: %w", err)
	}
	if *asJSON {
		return json.NewEncoder(w.Out).Encode(report)
	}
	fmt.Fprintf(w.Out, "good: %d entries of tenant %s, %d of them signed, last at %s, %d checkpoints\n",
		report.Entries, report.Tenant, report.Covered, report.SignedAt.Format(time.RFC3339), report.Checkpoints)
	return nil
}

// terminal tells whether somebody looks on while it is written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	about, err := f.Stat()
	return err == nil && about.Mode()&os.ModeCharDevice != 0
}

func key(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("audit key", flag.ContinueOnError)
	base, out := f.String("url", "", ""), f.String("o", "", "")
	if rest, err := parse(f, args); err != nil || len(rest) > 0 || *base == "" || *out == "" {
		return errors.Join(err, usage("audit key needs -url and -o"))
	}
	resp, err := api{World: w, base: strings.TrimSuffix(*base, "/")}.get(ctx, "/trust/audit-key")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if err != nil {
		return err
	}
	if err := os.WriteFile(*out, b, 0o644); err != nil {
		return fmt.Errorf("the key cannot be written: %w", err)
	}
	fmt.Fprintf(w.Err, "the public key is in %s\n", *out)
	return nil
}

// download writes the trail beside its name first, so that a file of that name is always a whole one.
func download(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("audit download", flag.ContinueOnError)
	base, out := f.String("url", "", ""), f.String("o", "", "")
	if rest, err := parse(f, args); err != nil || len(rest) > 0 || *base == "" || *out == "" {
		return errors.Join(err, usage("audit download needs -url and -o"))
	}
	a, err := w.api(*base, "audit:read")
	if err != nil {
		return err
	}
	part, err := os.OpenFile(*out+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the audit trail cannot be written: %w", err)
	}
	defer part.Close()
	last := int64(0)
	for from, pages := "0", 1; from != ""; pages++ {
		resp, err := a.get(ctx, "/v1/audit/log?from="+from)
		if err != nil {
			return err
		}
		_, err = io.Copy(part, resp.Body)
		resp.Body.Close()
		if err != nil {
			return fmt.Errorf("the download broke off: %w", err)
		}
		next := resp.Header.Get("Next-Sequence")
		at, err := strconv.ParseInt(next, 10, 64)
		if next != "" && (err != nil || at <= last) {
			return fmt.Errorf("the server names %q as the part after %d: the download would never end", next, last)
		}
		from, last = next, at
		if terminal(w.Err) {
			fmt.Fprintf(w.Err, "\r%d parts", pages)
		}
	}
	if terminal(w.Err) {
		fmt.Fprintln(w.Err)
	}
	if err := errors.Join(part.Sync(), part.Close(), os.Rename(*out+".part", *out)); err != nil {
		return fmt.Errorf("the audit trail cannot be written: %w", err)
	}
	fmt.Fprintf(w.Err, "the audit trail is in %s\n", *out)
	return nil
}
