package retaining_test

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/certificate"
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
	state, named := lifecycle.State(""), ""
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
		named = l.CertificateID
		if l.Record.State != state {
			state = l.Record.State
			t.Logf("day %d: %s", day, state)
		}
	}
	left := slices.DeleteFunc(k.Dump(t), func(row string) bool { return !strings.Contains(row, string(tenant)) })
	if len(left) > 0 {
		t.Errorf("%s: still there: %q", state, left)
	}
	certified(t, k, named)
	if about, err := k.App.Tenants().Store.Tenant(t.Context(), other); err != nil || about.Name != "Other" {
		t.Error("the other tenant:", about, err)
	}
}

// certified holds that the certificate is good and keeps every promise, names the template of this repository, and proves
// that the end of the contract stood in the audit log.
func certified(t *testing.T, k *testkit.Kit, named string) {
	t.Helper()
	row, err := dynamo.NewLives(k.App.Database()).Certificate(t.Context(), named)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := auditing.Signer(k.App.App).PublicKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	d, err := certificate.Verify(row.Document, row.Signature, key.(*ecdsa.PublicKey))
	if err != nil || d.Violations() != nil {
		t.Fatalf("%v, %q", err, d.Violations())
	}
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("sha-256:%x", sha256.Sum256(b)); d.Template != want || d.Policy.Version != lifecycle.Current().Version {
		t.Errorf("template %s, want %s; policy %s", d.Template, want, d.Policy.Version)
	}
	if d.Log == nil || d.Log.SignedAt.Before(d.T0) || d.Log.SignedAt.After(d.T0.Add(lifecycle.Day)) {
		t.Errorf("proof from the audit log: %+v", d.Log)
	}
}
