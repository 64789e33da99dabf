package command

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/adapters/backups"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// operator is what a drill works on: the environment of the functions, with the rights of whoever restores.
type operator struct {
	app  *wire.App
	get  func(string) string
	dir  string // of the environment file; "" without one
	tool *dynamo.Restored
	sign *kms.Signer
}

func silent(context.Context, string, float64) {}

// newOperator reads the environment of this process or, if a file is named, the one in it (`make run` leaves one in its
// data folder).
func newOperator(w World, file string) (*operator, error) {
	o, now := &operator{get: w.Getenv}, clock.Clock(clock.System)
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("the environment cannot be read: %w", err)
		}
		all := map[string]string{}
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, fmt.Errorf("%s holds no environment: %w", file, err)
		}
		o.get, o.dir = func(name string) string { return all[name] }, filepath.Dir(file)
		if now, err = movedClock(filepath.Join(o.dir, "clock.json")); err != nil {
			return nil, err
		}
	}
	if w.Now != nil {
		now = w.Now
	}
	if o.get("APP_ENV") == "" {
		return nil, usage("no environment: set that of the functions, or name a file with it, on one machine -environment .local/operator.json")
	}
	c, err := wire.ReadConfig(o.get)
	if err != nil {
		return nil, err
	}
	o.app = wire.New(c, wire.Parts{Now: now, Log: io.Discard, HTTP: w.HTTP})
	o.sign = kms.OpenSigner(o.app.AWS(), c.KMSEndpoint, c.AuditKeyARN, silent)
	copies := c.DynamoDBEndpoint
	if c.BackupEndpoint != "" {
		copies = c.BackupEndpoint // on one machine, the stand-in for AWS Backup answers for the engine
	}
	o.tool = dynamo.NewRestored(o.app.Database(), dynamo.Open(o.app.AWS(), copies, c.Tables, silent), o.sign)
	return o, nil
}

// movedClock is the clock of a local platform, which may have been moved.
func movedClock(file string) (clock.Clock, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return clock.System, nil
	}
	var kept struct{ Offset string }
	if err == nil {
		err = json.Unmarshal(b, &kept)
	}
	d, derr := time.ParseDuration(kept.Offset)
	if err = errors.Join(err, derr); err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", file, err)
	}
	c := clock.NewMovable(clock.System)
	c.Advance(d)
	return c.Now, nil
}

// table is what the template says of a kind, and its name here.
func (o *operator) table(k drill.Kind, file string) (name string, want drill.Settings, err error) {
	at := k.Place()
	if !k.Known() {
		return "", want, usage("%q is no table that is restored: say records, people, public, custody or keys", k)
	}
	if name = o.get(at.Variable); name == "" {
		return "", want, usage("the environment does not say %s", at.Variable)
	}
	tpl, err := template.Read(file)
	if err != nil {
		return "", want, err
	}
	key := o.get("STORAGE_KEY_ARN")
	if key != "" && k == drill.Custody { // without one, nothing is known of keys at rest: on one machine
		key = o.get("CUSTODY_KEY_ARN")
	}
	for _, t := range tpl.Tables {
		if t.ID == at.Table {
			want = drill.Settings{TTL: t.TTL, Days: t.Recovery, Protected: t.Protected, Key: key, Tags: map[string]string{"restored-from": name}}
		}
	}
	return name, want, nil
}

// flags of drill restore.
type drillFlags struct {
	table, environment, template, state, report, point, before, held, adopt, at string
	discard, switches                                                           bool
}

func drillRestore(ctx context.Context, args []string, w World) error {
	f, v := flag.NewFlagSet("drill restore", flag.ContinueOnError), drillFlags{}
	f.StringVar(&v.table, "table", "", "")
	f.StringVar(&v.environment, "environment", "", "")
	f.StringVar(&v.template, "template", "template.yaml", "")
	f.StringVar(&v.state, "state", "drill-state.json", "")
	f.StringVar(&v.report, "report", "drill-report.json", "")
	f.StringVar(&v.point, "point", "", "")
	f.StringVar(&v.before, "before", "", "")
	f.StringVar(&v.held, "held", "", "")
	f.StringVar(&v.adopt, "adopt", "", "")
	f.StringVar(&v.at, "at", "", "")
	f.BoolVar(&v.discard, "discard", false, "")
	f.BoolVar(&v.switches, "switch", false, "")
	if rest, err := parse(f, args); err != nil || len(rest) > 0 || v.table == "" || v.discard && v.switches || (v.adopt == "") != (v.at == "") || v.adopt != "" && v.point+v.before != "" {
		return errors.Join(err, usage("drill restore needs -table, and takes one of -switch and -discard; -adopt and -at go together, and without -point and -before"))
	}
	o, err := newOperator(w, v.environment)
	if err != nil {
		return err
	}
	s, err := o.order(v)
	if err != nil {
		return err
	}
	d, err := o.drill(v, w)
	if err != nil {
		return err
	}
	report, after, err := d.Run(ctx, s)
	if errors.Is(err, drill.ErrByHand) {
		return fmt.Errorf("%w\nDo what infra/runbooks/restore-table.md says in step 8, then give the same command again: what happens until then is made up for", err)
	}
	if err != nil && len(after.Done) == 0 {
		return fmt.Errorf("%w\nNothing has been restored", err)
	}
	if err != nil {
		return fmt.Errorf("%w\nThe table stays in quarantine. The same command goes on where this one stopped", err)
	}
	if err := writeJSON(v.report, report); err != nil {
		return err
	}
	text, err := json.Marshal(report)
	if err != nil {
		return err
	}
	c := o.app.Config()
	if err := report.Keep(ctx, objects.OpenEvidence(o.app.AWS(), c.S3Endpoint, c.EvidenceBucket, silent), string(text)); err != nil {
		return fmt.Errorf("%w\nThe restore is done, and its report is not kept yet. The same command does that", err)
	}
	if err := os.Remove(v.state); err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "%s%s holds the report\n", report, v.report)
	if !report.Passed {
		return errors.New("the restore has not met its targets")
	}
	return nil
}

// order reads how far an earlier run got, or begins anew.
func (o *operator) order(v drillFlags) (drill.State, error) {
	var s drill.State
	b, err := os.ReadFile(v.state)
	if err == nil {
		if err = json.Unmarshal(b, &s); err != nil {
			return s, fmt.Errorf("%s cannot be read: %w", v.state, err)
		}
		if string(s.Order.Kind) != v.table {
			return s, usage("%s is of a restore of %s; finish that, or name another file with -state", v.state, s.Order.Kind)
		}
		return s, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return s, err
	}
	c := o.app.Config()
	name, want, err := o.table(drill.Kind(v.table), v.template)
	if err != nil {
		return s, err
	}
	s.Order = drill.Order{ID: rand.Text(), Kind: drill.Kind(v.table), Source: name, Vault: c.BackupVault, Point: v.point, Want: want}
	if v.before != "" {
		if s.Order.Before, err = time.Parse(time.RFC3339, v.before); err != nil {
			return s, usage("-before takes an instant such as 2027-02-18T03:00:00Z")
		}
	}
	if v.adopt != "" {
		if s.Order.AdoptedAt, err = time.Parse(time.RFC3339, v.at); err != nil {
			return s, usage("-at takes the instant to which the table was restored, such as 2027-02-18T03:00:00Z")
		}
		s.Order.Adopted = v.adopt
	}
	return s, nil
}

func (o *operator) drill(v drillFlags, w World) (*drill.Drill, error) {
	c, j := o.app.Config(), backing.Journal(o.app)
	d := &drill.Drill{
		Copies: backups.Open(o.app.AWS(), c.BackupEndpoint, o.get("RESTORE_ROLE_ARN"), silent), Tables: o.tool, Truth: o.tool,
		Journal: dynamo.NewJournal(o.app.Database().Unguarded()), Secret: j.Secret, Mirror: objects.OpenEvidence(o.app.AWS(), c.S3Endpoint, c.EvidenceBucket, silent),
		Memory: stateFile(v.state), Now: o.app.Parts().Now, Discard: v.discard,
		Tell: func(step, what string) { fmt.Fprintf(w.Err, "%-15s %s\n", step, what) },
		Wait: func(ctx context.Context) error { return w.wait(ctx) },
	}
	if v.switches {
		d.Switch = &switcher{o, w}
	}
	for _, one := range strings.FieldsFunc(v.held, func(r rune) bool { return r == ',' }) {
		scope, id, ok := strings.Cut(one, ":")
		if !ok || !journal.Scope(scope).Known() {
			return nil, usage("-held takes what is under a legal hold, such as tenant:0199…,passport:0199…")
		}
		d.Held = append(d.Held, journal.Subject{Scope: journal.Scope(scope), ID: id})
	}
	return d, nil
}

func (w World) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(w.pause()):
		return nil
	}
}

// stateFile keeps the state beside its name first, so that a file of that name is always a whole one.
type stateFile string

func (f stateFile) Keep(_ context.Context, s drill.State) error { return writeJSON(string(f), s) }

func writeJSON(file string, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	err := e.Encode(v)
	if err == nil {
		err = os.WriteFile(file+".part", b.Bytes(), 0o600)
	}
	if err == nil {
		err = os.Rename(file+".part", file)
	}
	if err != nil {
		return fmt.Errorf("%s cannot be written: %w", file, err)
	}
	return nil
}

// switcher puts the restored table in the place of the lost one.
type switcher struct {
	o *operator
	w World
}

// TablesFile names, beside the environment file of a local platform, the tables that stand in for those of the template.
const TablesFile = "tables.json"

// Switch implements drill.Switch. A local platform reads the file when it starts; on AWS the stack takes the table over by
// an import, for which the file is made here and two commands are left.
func (s *switcher) Switch(_ context.Context, k drill.Kind, table string) (manual int, err error) {
	id := k.Place().Table
	if s.o.dir != "" && s.o.app.Config().Env == "local" {
		file, all := filepath.Join(s.o.dir, TablesFile), map[string]string{}
		if b, err := os.ReadFile(file); err == nil {
			if err := json.Unmarshal(b, &all); err != nil {
				return 0, fmt.Errorf("%s cannot be read: %w", file, err)
			}
		}
		all[id] = table
		return 0, writeJSON(file, all)
	}
	resource := []map[string]any{{"ResourceType": "AWS::DynamoDB::Table", "LogicalResourceId": id, "ResourceIdentifier": map[string]string{"TableName": table}}}
	fmt.Fprintln(s.w.Err, "resources-to-import.json is for a change set of the type IMPORT (infra/runbooks/restore-table.md, step 8)")
	return 2, writeJSON("resources-to-import.json", resource)
}

// drillMark clears the tables of a new deployment, which are empty, and prints the key under which they are.
func drillMark(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("drill mark", flag.ContinueOnError)
	environment := f.String("environment", "", "")
	if rest, err := parse(f, args); err != nil || len(rest) > 0 {
		return errors.Join(err, usage("drill mark takes -environment only"))
	}
	o, err := newOperator(w, *environment)
	if err != nil {
		return err
	}
	public, err := o.sign.PublicKey(ctx)
	if err != nil {
		return err
	}
	for _, at := range drill.Places() {
		name := o.get(at.Variable)
		if name == "" {
			return usage("%s is not set", at.Variable)
		}
		said, err := o.tool.MarkNew(ctx, name, at.Sorted, o.app.Parts().Now())
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(w.Err, "%s %s\n", name, said)
	}
	fmt.Fprintf(w.Out, "MarkerKey=%s\n", base64.StdEncoding.EncodeToString(public))
	return nil
}

// drillDiscard removes a table that is not in use. What is in it stands against what we promise of copies.
func drillDiscard(ctx context.Context, args []string, w World) error {
	f := flag.NewFlagSet("drill discard", flag.ContinueOnError)
	environment := f.String("environment", "", "")
	rest, err := parse(f, args)
	if err != nil || len(rest) != 1 {
		return errors.Join(err, usage("drill discard takes the name of a table, and -environment"))
	}
	o, err := newOperator(w, *environment)
	if err != nil {
		return err
	}
	if err := o.tool.Discard(ctx, rest[0]); err != nil {
		return err
	}
	fmt.Fprintf(w.Out, "%s is removed\n", rest[0])
	return nil
}
