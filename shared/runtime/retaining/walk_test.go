package retaining_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// apart are the jobs of retention, each in a process of its own.
func apart(k *testkit.Kit) []jobs.Job {
	all := retaining.Jobs(k.App.App)
	for i := range all {
		all[i] = retaining.Jobs(k.Process().App)[i]
	}
	return all
}

// leave ends the contract of a tenant now.
func leave(t *testing.T, k *testkit.Kit, tenant id.Tenant, name string) {
	t.Helper()
	lives, ids, begun := dynamo.NewLives(k.App.Database()), id.NewSource(k.Clock.Now, k.App.Stores().Random), k.Clock.Now()
	life, err := lives.Life(t.Context(), tenant)
	if err != nil {
		t.Fatal(err)
	}
	by := access.Caller{Tenant: tenant, Actor: "person:" + string(id.New[id.Person](ids)), Role: access.Owner, Request: id.New[id.Request](ids), At: begun}
	r, event, err := lifecycle.Terminate(life.Record, by, lifecycle.Termination{Confirmation: name, Name: name, Policy: lifecycle.Current()}, begun)
	if err != nil {
		t.Fatal(err)
	}
	entry := audit.New(ids, by, event, "tenant:"+string(tenant), "", "").With("effectiveAt", r.EffectiveAt.Format(time.RFC3339Nano))
	before := life.Record
	life.Record, life.DueAt = r, begun
	life.History = append(life.History, lifecycle.Moment{Event: event, At: begun, Actor: by.Actor})
	if err := lives.Step(t.Context(), lifecycle.Step{Before: before, After: life, Entries: []audit.Entry{entry}}); err != nil {
		t.Fatal(err)
	}
}

// TestWalk ends a contract on the real engines, each job with the role that the template gives it, and walks the days: at
// the end no store names the tenant, and another tenant has all of its rows.
func TestWalk(t *testing.T) {
	k := testkit.Open(t, testkit.Options{})
	tenant, _ := k.Tenant(t, "Nordeiche")
	other, _ := k.Tenant(t, "Other")
	lives := dynamo.NewLives(k.App.Database())
	leave(t, k, tenant, "Nordeiche")
	all := append([]jobs.Job{auditing.Jobs(k.App.App)[0]}, apart(k)...)
	state := lifecycle.State("")
	for day := 0; day < 95; day++ {
		for range 2 {
			k.Clock.Advance(12 * time.Hour)
			for _, j := range all {
				if err := j.Run(k.AsFunction(j.Function), k.Clock.Now()); err != nil {
					t.Fatalf("day %d, %s: %v\nstate %s, denied: %v", day, j.Function, err, state, k.Gate().Denials())
				}
			}
		}
		l, err := lives.Life(t.Context(), tenant)
		if err != nil {
			break
		}
		if l.Record.State != state {
			state = l.Record.State
			t.Logf("day %d: %s", day, state)
		}
	}
	left := slices.DeleteFunc(k.Dump(t), func(row string) bool { return !strings.Contains(row, string(tenant)) })
	if len(left) > 0 {
		t.Errorf("%s: still there: %q", state, left)
	}
	if about, err := k.App.Tenants().Store.Tenant(t.Context(), other); err != nil || about.Name != "Other" {
		t.Error("the other tenant:", about, err)
	}
}
