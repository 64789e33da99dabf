package dynamo_test

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestImportsAreSealed holds that what an import tells of the tenant's content is in no row of any table in plain text, at no
// step, and that the store gives it back.
func TestImportsAreSealed(t *testing.T) {
	k := testkit.Open(t, testkit.Options{})
	tenant, _ := k.Tenant(t, "Nordeiche")
	ids := id.NewSource(k.Clock.Now, k.App.Stores().Random)
	by := access.Caller{Tenant: tenant, Actor: "person:owner", Request: id.New[id.Request](ids), At: k.Clock.Now()}
	store := dynamo.NewImports(k.App.Database(), k.App.Stores().Ring)
	i := restore.Import{ID: id.New[id.Import](ids), Tenant: tenant, State: restore.Waiting, RequestedAt: k.Clock.Now(), Problems: []restore.Problem{
		{Passport: "CANARY-1", ProductIdentifier: "CANARY-2", Code: "product-identifier-taken", Detail: "CANARY-3"}, {Recipe: "CANARY-4"},
	}}
	holds := func(step string) {
		t.Helper()
		got, err := store.Import(t.Context(), tenant, i.ID)
		if d := cmp.Diff(i, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", step, err, d)
		}
		if n := slices.IndexFunc(k.Dump(t), func(row string) bool { return strings.Contains(row, "CANARY") }); n >= 0 {
			t.Errorf("%s: a row says it: %.300s", step, k.Dump(t)[n])
		}
	}
	entry := func() audit.Entry { return audit.New(ids, by, audit.ImportBegun, "import:"+string(i.ID), "", "") }
	if err := store.Create(t.Context(), i, entry()); err != nil {
		t.Fatal(err)
	}
	holds("created")
	i, err := store.Claim(t.Context(), tenant, i.ID, k.Clock.Now(), k.Clock.Now())
	if err != nil || i.Fence != 1 {
		t.Fatal(err, i)
	}
	i.Problems[0].Detail = "CANARY-5"
	if err := store.Save(t.Context(), i); err != nil {
		t.Fatal(err)
	}
	holds("saved")
	old := i
	old.Fence--
	if err := store.Save(t.Context(), old); !errors.Is(err, export.ErrTaken) {
		t.Errorf("somebody else saves: %v", err)
	}
	i.State = restore.Done
	if err := store.Step(t.Context(), i, entry()); err != nil {
		t.Fatal(err)
	}
	holds("done")
}

// TestLatestImports makes more imports of both kinds than are listed, of more bytes than a page of the store has: the latest
// hundred come, latest first, and older rows are not read for it.
func TestLatestImports(t *testing.T) {
	m := &testkit.Saboteur{}
	k := testkit.Open(t, testkit.Options{HTTP: m})
	tenant, _ := k.Tenant(t, "Nordeiche")
	ids, random := id.NewSource(k.Clock.Now, k.App.Stores().Random), make([]byte, 10_000)
	by := access.Caller{Tenant: tenant, Actor: "person:owner", Request: id.New[id.Request](ids), At: k.Clock.Now()}
	archives, tables := dynamo.NewImports(k.App.Database(), k.App.Stores().Ring), k.App.Runs()
	var all []id.Import
	for range 230 {
		k.Clock.Advance(1_000_000)
		_, _ = rand.Read(random)
		which, noise := id.New[id.Import](ids), hex.EncodeToString(random)
		all = append(all, which)
		entry := func() audit.Entry { return audit.New(ids, by, audit.ImportBegun, "import:"+string(which), "", "") }
		err := archives.Create(t.Context(), restore.Import{ID: which, Tenant: tenant, Problems: []restore.Problem{{Detail: noise}}}, entry())
		if err := errors.Join(err, tables.Create(t.Context(), intake.Run{ID: which, Tenant: tenant, Sheet: noise}, entry())); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(all)
	for kind, list := range map[string]func() ([]id.Import, error){
		"archives": func() (out []id.Import, err error) {
			listed, err := archives.Imports(t.Context(), tenant)
			for _, i := range listed {
				out = append(out, i.ID)
			}
			return out, err
		},
		"tables": func() (out []id.Import, err error) {
			listed, err := tables.List(t.Context(), tenant)
			for _, r := range listed {
				out = append(out, r.ID)
			}
			return out, err
		},
	} {
		if _, err := list(); err != nil { // keys and guards are read once
			t.Fatal(err)
		}
		m.Arm(0, false)
		got, err := list()
		if err != nil || !slices.Equal(got, all[:100]) {
			t.Errorf("%s: %d are listed, %v", kind, len(got), err)
		}
		if calls := m.Calls(); calls != 2 { // a hundred rows of 11 KB, a megabyte at a time
			t.Errorf("%s: %d calls", kind, calls)
		}
	}
}
