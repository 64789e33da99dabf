package command_test

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// copyAll makes a day's copies.
func (d *disaster) copyAll(t *testing.T) {
	t.Helper()
	for rule := range d.Copies.Rules() {
		if err := d.Copies.Run(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
	}
	d.Clock.Advance(2 * time.Hour)
}

// step changes the life of an organisation and what its row says, as the engine does.
func (d *disaster) step(t *testing.T, tenant id.Tenant, change func(r *lifecycle.Record)) {
	t.Helper()
	lives := dynamo.NewLives(d.app.Database().Unguarded())
	l, err := lives.Life(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	was := l.Record
	change(&l.Record)
	l.Record.Revision, l.Record.Epoch = was.Revision+1, was.Epoch+1
	if err := lives.Step(t.Context(), lifecycle.Step{Before: was, After: l}); err != nil {
		t.Fatal(err)
	}
}

// depart has an organisation leave after the copies were made: of its passports M1 moved, C1 ceased, K3 is kept, and the
// others are hidden. It returns them.
func (d *disaster) depart(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, serial := range []string{"M1", "C1", "K3", "H1", "H2"} {
		all = append(all, d.Publish(t, d.leaves, d.Create(t, d.leaves, strings.ReplaceAll(chair, "SERIAL", serial))))
	}
	d.copyAll(t)
	for i, is := range []lifecycle.Disposition{
		{Kind: lifecycle.HandedOver, SuccessorURL: "https://successor.example/1"}, {Kind: lifecycle.Ceased, Why: "It was recycled."},
		{Kind: lifecycle.Custody, Until: d.Clock.Now().AddDate(20, 0, 0)}, {Kind: lifecycle.Deleted}, {Kind: lifecycle.Deleted},
	} {
		d.keep(t, all[i], is)
	}
	d.step(t, id.Tenant(d.left), func(r *lifecycle.Record) { r.State, r.T0, r.SealedAt = lifecycle.Sealed, d.Clock.Now(), d.Clock.Now() })
	if err := dynamo.NewWorks(d.app.Database().Unguarded()).Add(t.Context(), retention.Work{Tenant: id.Tenant(d.left), Kind: retention.Dispose, Done: d.Clock.Now()}); err != nil {
		t.Fatal(err)
	}
	return all
}

// switched is a platform on what was restored.
func (d *disaster) switched(t *testing.T, variable string) *testkit.Kit {
	t.Helper()
	env := maps.Clone(d.Env)
	env[variable] = d.report(t).Target
	k := testkit.Open(t, testkit.Options{Env: env, Routes: routes.All})
	k.Clock.Advance(d.Clock.Now().Sub(k.Clock.Now()))
	return k
}

// TestDrillDoors holds that after a restore the row of each organisation says what its life says: whoever has left since
// the copy stays shut out, whoever came back is let in, and the next step of either goes through.
func TestDrillDoors(t *testing.T) {
	d := newDisaster(t)
	gone, goneKey := d.Tenant(t, "Sealed")
	back, backKey := d.Tenant(t, "Reinstated")
	held, heldKey := d.Tenant(t, "Halted")
	window := func(r *lifecycle.Record) {
		r.State, r.T0, r.NoticedAt, r.EffectiveAt = lifecycle.Window, d.Clock.Now(), d.Clock.Now(), d.Clock.Now()
	}
	d.step(t, back, window)
	d.copyAll(t)
	d.step(t, gone, window)
	d.step(t, gone, func(r *lifecycle.Record) { r.State, r.SealedAt = lifecycle.Sealed, d.Clock.Now() })
	d.step(t, back, func(r *lifecycle.Record) { *r = lifecycle.New(back, lifecycle.Current()) })
	d.step(t, held, func(r *lifecycle.Record) { r.State, r.Suspended = lifecycle.Suspended, true })
	before := d.rows(t, d.Env["RECORDS_TABLE"])
	d.Tenant(t, "Newcomer")
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "records", "-switch"); code != command.Good || !strings.Contains(said, "3 organisations are as their lives say") {
		t.Fatalf("%d %s", code, said)
	}
	after := d.rows(t, d.report(t).Target)
	for _, tenant := range []id.Tenant{gone, back, held} {
		at := "T#" + string(tenant) + "|TENANT"
		for _, name := range []string{"st", "ef", "hlt", "lep"} {
			if !reflect.DeepEqual(before[at][name], after[at][name]) {
				t.Errorf("%s: %s is %v, was %v", tenant, name, after[at][name], before[at][name])
			}
		}
	}
	k := d.switched(t, "RECORDS_TABLE")
	for key, want := range map[string]int{d.key: http.StatusOK, goneKey: http.StatusForbidden, backKey: http.StatusOK, heldKey: http.StatusOK} {
		if w := k.Do(t, "GET", "/v1/passports", key, ""); w.Code != want {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	d.app = k.App.App
	d.step(t, gone, func(r *lifecycle.Record) { r.State = lifecycle.Deleting })
	d.step(t, back, func(r *lifecycle.Record) { r.State, r.EffectiveAt = lifecycle.Scheduled, d.Clock.Now().Add(time.Hour) })
}

// TestDrillAddresses holds that a restored table of addresses says of passports whose operator has left since the copy what
// the lost one said, that this outlives the deletion of the organisation, and that a restored table of custody knows it too.
func TestDrillAddresses(t *testing.T) {
	d := newDisaster(t)
	passports := d.depart(t)
	left := id.Tenant(d.left)
	rows := func(table string) map[string]map[string]string { // what is said of the passports of the organisation
		all := map[string]map[string]string{}
		for k, it := range d.restored(t, table) {
			for _, p := range passports {
				if strings.Contains(k, "Q#"+p) || textOf(it["id"]) == p {
					all[k] = map[string]string{"st": textOf(it["st"]), "su": textOf(it["su"]), "rs": textOf(it["rs"]), "tn": textOf(it["tn"]), "pd": textOf(it["pd"])}
				}
			}
		}
		return all
	}
	want := rows(d.Env["PUBLIC_TABLE"])
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "public", "-switch"); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	if got := rows(d.report(t).Target); len(want) != 10 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\nnot\n%v", got, want)
	}
	k := d.switched(t, "PUBLIC_TABLE")
	swept := dynamo.NewSweepPublic(k.App.Database().Unguarded(), d.Clock.Now)
	for cursor := ""; ; {
		page, err := swept.Sweep(t.Context(), retention.Order{Tenant: left}, cursor, 100)
		if err != nil {
			t.Fatal(err)
		}
		if cursor = page.Cursor; cursor == "" {
			break
		}
	}
	for serial, status := range map[string]int{"M1": http.StatusTemporaryRedirect, "C1": http.StatusGone, "K3": http.StatusOK, "H1": http.StatusNotFound, "H2": http.StatusNotFound} {
		if w := k.Do(t, "GET", "/01/09506000134376/21/"+serial, "", "", "Accept", "application/json"); w.Code != status {
			t.Errorf("%s: %d %s", serial, w.Code, w.Body)
		}
	}
	known := d.rows(t, d.Env["CUSTODY_TABLE"])
	code, said := d.drill(t, d.Clock.Now, "restore", "-table", "custody", "-switch")
	if code != command.Good || !strings.Contains(said, "2 addresses are known again; 1 copies have come since and are lost") {
		t.Fatalf("%d %s", code, said)
	}
	again := d.rows(t, d.report(t).Target)
	for _, serial := range []string{"M1", "C1"} {
		if at := "P#/01/09506000134376/21/" + serial; again[at] == nil || !reflect.DeepEqual(again[at], known[at]) {
			t.Errorf("%s: %v, was %v", serial, again[at], known[at])
		}
	}
}

// TestDrillTurnsKeysOff holds that restored keys of an organisation that was sealed since open nothing.
func TestDrillTurnsKeysOff(t *testing.T) {
	d := newDisaster(t)
	target := d.copied(t, d.Env["KEYS_TABLE"])
	left := id.Tenant(d.left)
	d.step(t, left, func(r *lifecycle.Record) { r.State, r.T0, r.SealedAt = lifecycle.Sealed, d.Clock.Now(), d.Clock.Now() })
	if err := dynamo.NewDataKeys(d.app.Database().Unguarded()).Disable(t.Context(), left); err != nil {
		t.Fatal(err)
	}
	if code, said := d.drill(t, d.Clock.Now, "restore", "-table", "keys", "-adopt", target, "-at", d.Clock.Now().Add(-time.Hour).Format(time.RFC3339)); code != command.Good {
		t.Fatalf("%d %s", code, said)
	}
	off := 0
	for k, it := range d.restored(t, target) {
		if closed := strings.HasPrefix(k, "T#"+d.left); closed != (it["off"] != nil) {
			t.Errorf("%s: off %v", k, it["off"] != nil)
		} else if closed {
			off++
		}
	}
	if off == 0 {
		t.Error("no key of it is there")
	}
}

func textOf(v types.AttributeValue) string {
	s, _ := v.(*types.AttributeValueMemberS)
	if s == nil {
		return ""
	}
	return s.Value
}
