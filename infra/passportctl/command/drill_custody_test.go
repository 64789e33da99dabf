package command_test

import (
	"context"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/keeping"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
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
		if err := keeping.Ender(app.App.App).Run(t.Context(), d.Clock.Now()); err != nil {
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
