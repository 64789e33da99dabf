package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/keeping"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// keep carries out a decision about a published passport of the organisation that leaves.
func (d *disaster) keep(t *testing.T, passport string, is lifecycle.Disposition) {
	t.Helper()
	is.Passport, is.Basis, is.Keeps = id.Passport(passport), lifecycle.Basis{Act: "Regulation (EU) 2023/1542", Article: "77(8)"}, audience.All()
	tenant := id.Tenant(d.left)
	if err := keeping.Keeper(d.App.App, d.App.Dump().Records).Keep(access.As(context.Background(), tenant), tenant, is); err != nil {
		t.Fatal(err)
	}
}

// wholes counts the rows with content, and those that only say that there was some.
func wholes(rows map[string]map[string]types.AttributeValue) (whole, stub int) {
	for k, it := range rows {
		switch {
		case strings.HasPrefix(k, "RESTORE"):
		case it["doc"] != nil:
			whole++
		default:
			stub++
		}
	}
	return whole, stub
}

// TestDrillCustody holds that a restored table of custody has what is kept, byte for byte, and of what has ended what its
// address answers, whether that was written at the address or not; and that restored keys have none of a copy that ended.
func TestDrillCustody(t *testing.T) {
	d := newDisaster(t)
	before := d.rows(t, d.Env["CUSTODY_TABLE"])
	keys := d.copied(t, d.Env["KEYS_TABLE"]) // with the key of the copy that ends
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "custody", "-switch"); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	r := d.report(t)
	after := d.restored(t, r.Target)
	if whole, stub := wholes(after); whole != 1 || stub != 1 || r.Deleted != 1 || r.Rows != 2 {
		t.Errorf("%d copies and %d ends: %+v", whole, stub, r)
	}
	for k, row := range after {
		if row["doc"] != nil && !reflect.DeepEqual(row, before[k]) {
			t.Errorf("%s is not what it was", k)
		}
	}
	env := maps.Clone(d.Env)
	env["CUSTODY_TABLE"] = r.Target
	k := testkit.Open(t, testkit.Options{Env: env, Routes: routes.All})
	k.Clock.Advance(d.Clock.Now().Sub(k.Clock.Now()))
	for serial, want := range map[string]int{"K1": http.StatusGone, "K2": http.StatusOK} {
		if w := k.Do(t, "GET", "/01/09506000134376/21/"+serial, "", "", "Accept", "application/json"); w.Code != want {
			t.Errorf("%s: %d %s", serial, w.Code, w.Body)
		}
	}
	for _, app := range []*testkit.Kit{k, d.Kit} { // on the restored table there is nothing to end; on the other there is
		if err := keeping.Ender(app.App.App, backing.Clocks(app.App.App)).Run(t.Context(), d.Clock.Now()); err != nil {
			t.Fatal(err)
		}
	}
	if whole, stub := wholes(d.rows(t, d.Env["CUSTODY_TABLE"])); whole != 1 || stub != 1 {
		t.Fatalf("%d copies and %d ends", whole, stub)
	}
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "keys", "-adopt", keys, "-at", d.Clock.Now().Add(-time.Hour).Format(time.RFC3339)); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	n, had := 0, d.rows(t, d.Env["KEYS_TABLE"])
	for at, row := range d.restored(t, keys) {
		if !strings.HasPrefix(at, "C#") {
			continue
		}
		if n++; !reflect.DeepEqual(row, had[at]) {
			t.Errorf("the key %s is back", at)
		}
	}
	if n != 1 {
		t.Errorf("%d keys of copies", n)
	}
}

// TestDrillDiscard holds that a lost table stands against every deletion until it is removed, that its copies do after
// that, that the restored one can be restored again, and that no table in use is removed, nor one that is not ours.
func TestDrillDiscard(t *testing.T) {
	d := newDisaster(t)
	copied, lost := d.Clock.Now().Add(-2*time.Hour), d.Env["PEOPLE_TABLE"]
	d.Clock.Advance(20 * time.Hour)
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "people", "-switch"); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	d.Env["PEOPLE_TABLE"] = d.report(t).Target
	b, err := json.Marshal(d.Env)
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(d.dir, "operator.json"), string(b))
	config, err := wire.ReadConfig(func(name string) string { return d.Env[name] })
	if err != nil {
		t.Fatal(err)
	}
	rotator := backing.Rotator(wire.New(config, wire.Parts{Now: d.Clock.Now, Log: &bytes.Buffer{}, HTTP: d.Gate(), Identity: d.Gate().Identity}))
	ctx := d.AsFunction("rotate-backups")
	if _, complete, err := rotator.Oldest(ctx); err != nil || complete {
		t.Errorf("with the lost table: complete %v, %v", complete, err)
	}
	if err := rotator.Run(ctx, d.Clock.Now()); err == nil || !strings.Contains(err.Error(), "left-over: "+lost+":") {
		t.Errorf("the lost table is not named: %v", err)
	}
	for table, want := range map[string]int{d.Env["PEOPLE_TABLE"]: command.Bad, d.Env["RECORDS_TABLE"]: command.Bad, "orders": command.Bad, "": command.Usage, lost: command.Good} {
		args := []string{"discard"}
		if table != "" {
			args = append(args, table)
		}
		if code, said := d.drill(t, d.Clock.Now, args...); code != want {
			t.Errorf("%s: %d %s", table, code, said)
		}
	}
	if oldest, complete, err := rotator.Oldest(ctx); err != nil || !complete || !oldest.Equal(copied) {
		t.Errorf("without it: %s, complete %v, %v", oldest, complete, err)
	}
	if err := rotator.Run(ctx, d.Clock.Now()); err != nil {
		t.Error(err)
	}
	d.Clock.Advance(time.Minute)
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "people", "-discard"); code != command.Good {
		t.Fatalf("the restored table is lost too: %d %s", code, said)
	}
	if r := d.report(t); r.Source != d.Env["PEOPLE_TABLE"] || strings.Count(r.Target, backup.Restored) != 1 {
		t.Errorf("%+v", r)
	}
}
