package command

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/certificate"
)

// verifyCertificate checks the certificate of a deletion offline: first that it is what was signed, then that what it says
// keeps every promise.
func verifyCertificate(args []string, w World) error {
	f := flag.NewFlagSet("verify certificate", flag.ContinueOnError)
	keyFile, asJSON := f.String("key", "", ""), f.Bool("json", false, "")
	rest, err := parse(f, args)
	if err != nil {
		return err
	}
	if len(rest) != 1 || *keyFile == "" {
		return usage("verify certificate needs a file and -key with the public key")
	}
	key, err := publicKey(*keyFile)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(rest[0])
	if err != nil {
		return fmt.Errorf("the certificate cannot be read: %w", err)
	}
	document, signature, err := certificate.Open(text)
	var d certificate.Document
	if err == nil {
		d, err = certificate.Verify(document, signature, key)
	}
	if err != nil {
		return fmt.Errorf("this certificate is NOT what was signed: %w", err)
	}
	broken := d.Violations()
	if *asJSON {
		if err := json.NewEncoder(w.Out).Encode(map[string]any{"certificate": d.ID, "tenant": d.Tenant, "good": len(broken) == 0, "violations": append([]string{}, broken...)}); err != nil {
			return err
		}
	} else {
		summary(w, d)
	}
	if len(broken) > 0 {
		return fmt.Errorf("the certificate is what was signed, and says that not every promise was kept:\n  %s", strings.Join(broken, "\n  "))
	}
	return nil
}

// summary tells what a certificate says.
func summary(w World, d certificate.Document) {
	verdict, left := "good", int64(0)
	if len(d.Violations()) > 0 {
		verdict = "signed"
	}
	for _, s := range d.Stores {
		left += s.After
	}
	fmt.Fprintf(w.Out, "%s: certificate %s of %s\n", verdict, printable(d.ID), printable(d.Tenant))
	for _, line := range []struct {
		what string
		at   time.Time
	}{
		{"the contract ended", d.T0}, {"the window closed", d.SealedAt}, {"the deletion began", d.DeletingAt},
		{"verified", d.FirstVerified}, {"verified again", d.SecondVerified}, {"active systems clear", d.ActiveClearAt},
		{"keys destroyed", d.KeysDestroyedAt}, {"residual copies gone", d.ResidualClearAt}, {"counted last", d.LastVerified}, {"issued", d.IssuedAt},
	} {
		fmt.Fprintf(w.Out, "  %-22s %s\n", line.what, line.at.UTC().Format(time.RFC3339))
	}
	logged := func(what string, l *certificate.Log) {
		if l != nil {
			fmt.Fprintf(w.Out, "  %-22s %s, as entry %d with leaf %x\n", what, l.SignedAt.UTC().Format(time.RFC3339), l.Index, l.Leaf)
		}
	}
	logged("signed in the log", d.Log)
	if e := d.Expedited; e != nil {
		logged("consent in the log", e.Log)
	}
	fmt.Fprintf(w.Out, "  policy %s, law %s, template %s\n", printable(d.Policy.Version), printable(d.Law), printable(d.Template))
	fmt.Fprintf(w.Out, "  %d stores, %d items left; %d passports, %d of which something is kept by law; %d holds, %d exceptions\n",
		len(d.Stores), left, d.Passports.Count, int64(len(d.Passports.Listed))+d.Passports.More, len(d.Holds), len(d.Exceptions))
}
