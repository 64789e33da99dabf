package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// disaster is a platform with copies, after which things were deleted.
type disaster struct {
	*testkit.Kit
	dir      string
	app      *wire.App // with the rights of whoever restores
	db       *dynamodb.Client
	key      string // of the organisation that lives on
	gone     string // of the one that has ended
	living   string // path of a passport
	deleted  string // path of a passport that was deleted
	leaving  string // path of one that will be deleted later
	ended    string // tenant
	person   string // who was erased
	left     string // tenant whose passports are in custody
	leaves   string // its key
	template string
}

const chair = `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/SERIAL","content":{"serialNumber":"SERIAL","name":{"en":"Oak chair","de":"Eichenstuhl"},"manufacturer":{"name":"Nordeiche"},"disassembly":"Eight screws."}}`

func newDisaster(t *testing.T) *disaster {
	t.Helper()
	d := &disaster{Kit: testkit.Open(t, testkit.Options{Routes: routes.All}), dir: t.TempDir()}
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	d.template = filepath.Join(root, "template.yaml")
	_, d.key = d.Tenant(t, "Alive")
	ended, gone := d.Tenant(t, "Ended")
	d.ended, d.gone = string(ended), gone
	passport := func(key, serial string) string {
		return "/v1/passports/" + d.Publish(t, key, d.Create(t, key, strings.ReplaceAll(chair, "SERIAL", serial)))
	}
	d.living, d.deleted, d.leaving = passport(d.key, "L1"), passport(d.key, "D1"), passport(d.key, "F1")
	for _, serial := range []string{"E1", "E2", "E3"} {
		passport(d.gone, serial)
	}
	left, leaves := d.Tenant(t, "Left")
	d.left, d.leaves = string(left), leaves
	for serial, until := range map[string]time.Duration{"K1": time.Hour, "K2": 20 * 365 * 24 * time.Hour} {
		kept := strings.TrimPrefix(passport(d.leaves, serial), "/v1/passports/")
		d.keep(t, kept, lifecycle.Disposition{Kind: lifecycle.Custody, Until: d.Clock.Now().Add(until)})
	}
	_, owner := d.Organisation(t, "eva", "Erased")
	var me struct{ Person struct{ ID string } }
	if err := json.Unmarshal(d.Do(t, "GET", "/v1/me", owner, "").Body.Bytes(), &me); err != nil || me.Person.ID == "" {
		t.Fatalf("no person: %v", err)
	}
	d.person = me.Person.ID
	for rule := range d.Copies.Rules() {
		if err := d.Copies.Run(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
	}
	d.Clock.Advance(2 * time.Hour)
	config, err := wire.ReadConfig(func(name string) string { return d.Env[name] })
	if err != nil {
		t.Fatal(err)
	}
	d.app = wire.New(config, wire.Parts{Now: d.Clock.Now, Log: &bytes.Buffer{}})
	d.db = dynamodb.NewFromConfig(d.app.AWS(), func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(d.Env["DYNAMODB_ENDPOINT"]) })
	j, now := backing.Journal(d.app), d.Clock.Now()
	id := func(path string) string { return strings.TrimPrefix(path, "/v1/passports/") }
	for _, of := range []struct {
		journal.Subject
		notBefore time.Time
		done      bool
	}{
		{journal.Subject{Scope: journal.Tenant, ID: d.ended}, now, true},
		{journal.Subject{Scope: journal.Passport, ID: id(d.deleted)}, now, false}, // begun and not finished
		{journal.Subject{Scope: journal.Passport, ID: id(d.leaving)}, now.Add(7 * 24 * time.Hour), false},
		{journal.Subject{Scope: journal.Person, ID: d.person}, now, true},
	} {
		if _, err := j.Append(t.Context(), of.Subject, now, of.notBefore); err != nil {
			t.Fatal(err)
		}
		if of.done {
			if _, err := j.Close(t.Context(), of.Subject, now, now.Add(time.Minute), "sha-256:0"); err != nil {
				t.Fatal(err)
			}
		}
	}
	b, err := json.Marshal(d.Env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.dir, "operator.json"), string(b))
	return d
}

// drill runs passportctl drill.
func (d *disaster) drill(t *testing.T, now clock.Clock, args ...string) (int, string) {
	t.Helper()
	return d.drills(t.Context(), command.World{Now: now}, args...)
}

func (d *disaster) drills(ctx context.Context, w command.World, args ...string) (int, string) {
	var said bytes.Buffer
	w.Out, w.Err, w.Getenv, w.Pause = &said, &said, os.Getenv, time.Millisecond
	all := append([]string{"drill"}, append(args, "-environment", filepath.Join(d.dir, "operator.json"))...)
	if args[0] == "restore" {
		all = append(all, "-template", d.template, "-state", filepath.Join(d.dir, "state.json"), "-report", filepath.Join(d.dir, "report.json"))
	}
	return command.Run(ctx, all, w), said.String()
}

func (d *disaster) rows(t *testing.T, table string) map[string]map[string]types.AttributeValue {
	t.Helper()
	all := map[string]map[string]types.AttributeValue{}
	pages := dynamodb.NewScanPaginator(d.db, &dynamodb.ScanInput{TableName: &table, ConsistentRead: aws.Bool(true)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, it := range out.Items {
			k := it["PK"].(*types.AttributeValueMemberS).Value
			if s, ok := it["SK"].(*types.AttributeValueMemberS); ok {
				k += "|" + s.Value
			}
			all[k] = it
		}
	}
	return all
}

// report reads and validates what a drill has left.
func (d *disaster) report(t *testing.T) drill.Report {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(d.dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(drill.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err == nil {
		err = compiled.Validate(doc)
	}
	var r drill.Report
	if err := errors.Join(err, json.Unmarshal(b, &r)); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return r
}

// belongs tells whether a row belongs to what was deleted, as somebody who reads keys would say.
func (d *disaster) belongs(k string) bool {
	p := strings.TrimPrefix(d.deleted, "/v1/passports/")
	return strings.Contains(k, "T#"+d.ended) || strings.HasSuffix(k, "#M|"+d.person) || strings.Contains(k, "#P#"+p) || strings.Contains(k, "Q#"+p)
}

// TestDrillRestore restores the three tables with content after a disaster: what was deleted since the copy is not there,
// all else is as it was, byte for byte, what will only be deleted later too; a process on the new tables refuses before
// and works after; the settings are those of the template.
func TestDrillRestore(t *testing.T) {
	d := newDisaster(t)
	env := maps.Clone(d.Env)
	for table, variable := range map[string]string{"records": "RECORDS_TABLE", "public": "PUBLIC_TABLE", "people": "PEOPLE_TABLE"} {
		before := d.rows(t, d.Env[variable])
		code, said := d.drill(t, d.Clock.Now, "restore", "-table", table, "-switch")
		if code != command.Good {
			t.Fatalf("%s: %d %s", table, code, said)
		}
		r := d.report(t)
		if !r.Passed || r.Journal.Through != 4 || r.Journal.Entries != 3 || r.Deleted == 0 || r.Source != d.Env[variable] || len(r.Steps) != 11 {
			t.Errorf("%s: %+v", table, r)
		}
		env[variable] = r.Target
		after := d.rows(t, r.Target)
		for k, row := range before {
			switch {
			case strings.HasPrefix(k, "RESTORE"):
			case table == "records" && d.belongs(k):
				if after[k] != nil {
					t.Errorf("%s is back", k)
				}
			case after[k] == nil:
				if table == "records" && !strings.Contains(k, "#ID#") {
					t.Errorf("%s is lost", k)
				}
			case !reflect.DeepEqual(row, after[k]):
				t.Errorf("%s is not what it was", k)
			}
		}
		if lost := len(before) - len(after); lost != r.Deleted || len(after)-1 != r.Rows {
			t.Errorf("%s: %d rows of %d are there, %d deleted, %d rows", table, len(after), len(before), r.Deleted, r.Rows)
		}
		d.settings(t, table, r)
	}
	var switched map[string]string
	b, err := os.ReadFile(filepath.Join(d.dir, command.TablesFile))
	if err == nil {
		err = json.Unmarshal(b, &switched)
	}
	if want := map[string]string{"RecordsTable": env["RECORDS_TABLE"], "PublicTable": env["PUBLIC_TABLE"], "PeopleTable": env["PEOPLE_TABLE"]}; err != nil || !maps.Equal(switched, want) {
		t.Errorf("switched to %v, %v", switched, err)
	}
	k := testkit.Open(t, testkit.Options{Env: env, Routes: routes.All})
	for target, want := range map[string]int{d.living: 200, d.leaving: 200, d.deleted: 404, "/01/09506000134376/21/L1": 200, "/01/09506000134376/21/F1": 200, "/01/09506000134376/21/D1": 404, "/01/09506000134376/21/E1": 404} {
		if w := k.Do(t, "GET", target, d.key, ""); w.Code != want {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	if w := k.Do(t, "GET", "/v1/passports", d.gone, ""); w.Code != http.StatusUnauthorized {
		t.Errorf("a key of the ended organisation: %d", w.Code)
	}
}

// settings holds that a restored table has those of the template.
func (d *disaster) settings(t *testing.T, table string, r drill.Report) {
	t.Helper()
	ttl, err := d.db.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: &r.Target})
	if err != nil {
		t.Fatal(err)
	}
	about, err := d.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &r.Target})
	if err != nil {
		t.Fatal(err)
	}
	if (ttl.TimeToLiveDescription.TimeToLiveStatus == types.TimeToLiveStatusEnabled) != (table == "records") || !aws.ToBool(about.Table.DeletionProtectionEnabled) || aws.ToString(about.Table.TableId) != r.TargetID {
		t.Errorf("%s: %+v, protected %v, %s", table, ttl.TimeToLiveDescription, aws.ToBool(about.Table.DeletionProtectionEnabled), aws.ToString(about.Table.TableId))
	}
	if indexes := len(about.Table.GlobalSecondaryIndexes); (indexes == 3) != (table == "records") {
		t.Errorf("%s has %d indexes", table, indexes)
	}
}

// TestDrillRehearsal holds that a rehearsal leaves nothing behind, and what it is told wrongly.
func TestDrillRehearsal(t *testing.T) {
	d := newDisaster(t)
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "public", "-discard", "-held", "tenant:"+d.ended); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	r := d.report(t)
	_, err := d.db.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &r.Target})
	c := d.app.Config()
	kept, failed := objects.OpenEvidence(d.app.AWS(), c.S3Endpoint, c.EvidenceBucket, func(context.Context, string, float64) {}).List(t.Context(), drill.Reports)
	if failed != nil || len(kept) != 1 || !drill.Latest(kept).Equal(r.FinishedAt.Truncate(time.Second)) {
		t.Errorf("kept for good: %q, %v", kept, failed)
	}
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); !gone || !r.Passed {
		t.Errorf("%+v, %v", r, err)
	}
	for _, args := range [][]string{{"restore"}, {"restore", "-table", "ledger"}, {"restore", "-table", "public", "-switch", "-discard"}, {"restore", "-table", "public", "-held", "x"}, {"restore", "-table", "public", "-before", "yesterday"}, {"mark", "x"}} {
		if code, said := d.drill(t, d.Clock.Now, args...); code != command.Usage {
			t.Errorf("%v: %d %s", args, code, said)
		}
	}
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "keys"); code != command.Bad || !strings.Contains(said, "no good copy") || !strings.Contains(said, "Nothing has been restored") {
		t.Errorf("keys have no copies: %d %s", code, said)
	}
}

// TestDrillAdopts holds that a table of keys, restored by somebody else, is cleared without the keys of those who were
// deleted and of what is no longer in custody, and that the living are still read with it.
func TestDrillAdopts(t *testing.T) {
	d := newDisaster(t)
	at := d.Clock.Now().Add(-time.Hour)
	target := d.copied(t, d.Env["KEYS_TABLE"])
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "keys", "-adopt", target, "-at", at.Format(time.RFC3339)); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	rows := d.rows(t, target)
	for k := range rows {
		if strings.HasPrefix(k, "T#"+d.ended) || strings.HasPrefix(k, "U#"+d.person) {
			t.Errorf("the key %s is back", k)
		}
	}
	if r := d.report(t); r.Deleted != 3 || r.Rows != len(rows)-1 || len(rows) < 3 || r.Target != target {
		t.Errorf("%+v, %d rows", r, len(rows))
	}
	env := maps.Clone(d.Env)
	env["KEYS_TABLE"] = target
	k := testkit.Open(t, testkit.Options{Env: env, Routes: routes.All})
	if w := k.Do(t, "GET", d.living, d.key, ""); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "keys", "-adopt", d.Env["KEYS_TABLE"], "-at", at.Format(time.RFC3339)); code != command.Bad || !strings.Contains(said, "onto itself") {
		t.Errorf("the table in use is adopted: %d %s", code, said)
	}
}

// TestDrillMark holds that only a table in which nothing is counts as new.
func TestDrillMark(t *testing.T) {
	d := newDisaster(t)
	remove := func(table string, single bool) {
		k := map[string]types.AttributeValue{"PK": &types.AttributeValueMemberS{Value: "RESTORE#CLEARED"}}
		if !single {
			k["SK"] = &types.AttributeValueMemberS{Value: "CLEARED"}
		}
		if _, err := d.db.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: k}); err != nil {
			t.Fatal(err)
		}
	}
	if code, said := d.drill(t, d.Clock.Now, "mark"); code != command.Good || !strings.Contains(said, "MarkerKey="+d.Env["MARKER_KEY"]) {
		t.Errorf("%d %s", code, said)
	}
	remove(d.Env["RECORDS_TABLE"], false)
	if code, said := d.drill(t, d.Clock.Now, "mark"); code != command.Bad || !strings.Contains(said, "not empty") {
		t.Errorf("a table with something in it: %d %s", code, said)
	}
	d.Env = testkit.Environment(t)
	for _, at := range drill.Places() {
		remove(d.Env[at.Variable], !at.Sorted)
	}
	b, err := json.Marshal(d.Env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.dir, "operator.json"), string(b))
	code, said := d.drill(t, d.Clock.Now, "mark")
	for _, table := range testkit.Template(t).Tables {
		name := d.Env[strings.ToUpper(strings.TrimSuffix(table.ID, "Table"))+"_TABLE"]
		if code != command.Good || !strings.Contains(said, name+" is cleared") || len(d.rows(t, name)) != 1 {
			t.Errorf("the new table %s: %d %s", name, code, said)
		}
	}
}

// TestDrillRecovers breaks the restore of each table before and after each call of AWS, one after another, and holds that
// the same command goes on to the same end: the rows that a restore without a crash leaves, and a report that says so.
func TestDrillRecovers(t *testing.T) {
	d := newDisaster(t)
	d.depart(t)
	for _, table := range []struct {
		name, variable string
		most           int // calls
	}{{"public", "PUBLIC_TABLE", 120}, {"people", "PEOPLE_TABLE", 120}, {"records", "RECORDS_TABLE", 160}, {"custody", "CUSTODY_TABLE", 120}, {"keys", "KEYS_TABLE", 120}} {
		t.Run(table.name, func(t *testing.T) {
			name := d.Env[table.variable]
			args := func() []string {
				d.Clock.Advance(10 * time.Second) // each has a table of its own, named by the instant
				out := []string{"restore", "-table", table.name, "-switch"}
				if table.name == "keys" {
					out = append(out, "-adopt", d.copied(t, name), "-at", d.Clock.Now().Add(-time.Hour).Format(time.RFC3339))
				}
				return out
			}
			if code, said := d.drill(t, d.Clock.Now, args()...); code != command.Good {
				t.Fatalf("without a crash: %d %s", code, said)
			}
			want := d.report(t)
			rows := d.restored(t, want.Target)
			if !want.Passed || want.Rows != len(rows) || want.Deleted == 0 {
				t.Fatalf("without a crash: %d rows, %+v", len(rows), want)
			}
			for n := 2; ; n++ { // each call twice
				if n/2 > table.most {
					t.Fatal("the drill never gets through")
				}
				these := args()
				calls, done := d.broken(t, n/2, n%2 == 1, these...)
				if done {
					t.Logf("%d calls", calls)
					return
				}
				if code, said := d.drill(t, d.Clock.Now, these...); code != command.Good {
					t.Fatalf("after a crash at call %d: %d %s", n/2, code, said)
				}
				r := d.report(t)
				if !r.Passed || r.Rows != want.Rows || len(r.Steps) != len(want.Steps) {
					t.Fatalf("after a crash at call %d: %+v", n/2, r)
				}
				if got := d.restored(t, r.Target); !reflect.DeepEqual(rows, got) {
					t.Fatalf("after a crash at call %d there are %d rows, and not the %d of a restore without one", n/2, len(got), len(rows))
				}
			}
		})
	}
}

// copied restores a table to now as AWS does it from point-in-time recovery, and returns the name of the new one.
func (d *disaster) copied(t *testing.T, table string) string {
	t.Helper()
	api := dynamodb.NewFromConfig(d.app.AWS(), func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(d.Env["BACKUP_ENDPOINT"]) })
	if _, err := api.CreateBackup(t.Context(), &dynamodb.CreateBackupInput{TableName: &table, BackupName: aws.String("x")}); err != nil {
		t.Fatal(err)
	}
	target := table + backup.Restored + d.Clock.Now().UTC().Format("20060102t150405")
	if err := d.Copies.RestoreNewest(t.Context(), table, target); err != nil {
		t.Fatal(err)
	}
	return target
}

// restored are the rows of a restored table without its marker.
func (d *disaster) restored(t *testing.T, table string) map[string]map[string]types.AttributeValue {
	t.Helper()
	all := d.rows(t, table)
	maps.DeleteFunc(all, func(k string, _ map[string]types.AttributeValue) bool { return strings.HasPrefix(k, "RESTORE") })
	return all
}

// broken runs a drill that loses its connection at one call; done tells that it did not get that far.
func (d *disaster) broken(t *testing.T, at int, after bool, args ...string) (calls int, done bool) {
	t.Helper()
	transport := &losing{at: at, after: after}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	transport.lost = cancel
	code, said := d.drills(ctx, command.World{Now: d.Clock.Now, HTTP: transport}, args...)
	if code == command.Good != (transport.n < at) {
		t.Fatalf("at call %d of %d: %d %s", at, transport.n, code, said)
	}
	return transport.n, code == command.Good
}

// losing is a connection that breaks at one call for good, before or after it has been answered.
type losing struct {
	n, at int
	after bool
	lost  func()
}

func (l *losing) Do(r *http.Request) (*http.Response, error) {
	if l.n++; l.n < l.at {
		return http.DefaultClient.Do(r)
	}
	if l.n == l.at && l.after {
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	l.lost()
	return nil, errors.New("the connection is lost")
}
