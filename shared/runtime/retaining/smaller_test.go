package retaining_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestSmallerDeletions deletes one passport and one person, each job in a process of its own, with the role that the
// template gives it: both are gone, the journal says so, and what stays stays.
func TestSmallerDeletions(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	tenant, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Issuer.AddUser("anna", "user-anna")
	k.Issuer.AddUser("vera", "user-vera")
	k.Join(t, anna, "vera", "editor")
	const chair = `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/A%","content":{"serialNumber":"A%","name":{"en":"Chair"},"manufacturer":{"name":"Nordeiche"}}}`
	stays, goes := k.Create(t, anna, strings.ReplaceAll(chair, "%", "1")), k.Create(t, anna, strings.ReplaceAll(chair, "%", "2"))
	do := func(method, target, key string, headers ...string) {
		t.Helper()
		if w := k.Do(t, method, target, key, "", headers...); w.Code >= http.StatusMultipleChoices {
			t.Fatalf("%s %s: %d %.300s", method, target, w.Code, w.Body)
		}
	}
	do("DELETE", "/v1/passports/"+goes, anna, "If-Match", `"1"`)
	do("DELETE", "/v1/me", k.SignIn(t, "vera"))
	all := apart(k)
	for range 20 {
		for _, j := range all {
			if err := j.Run(k.AsFunction(j.Function), k.Clock.Now()); err != nil {
				t.Fatalf("%s: %v\ndenied: %v", j.Function, err, k.Gate().Denials())
			}
		}
		k.Clock.Advance(12 * time.Hour)
	}
	kept := 0
	for _, row := range k.Dump(t) {
		if strings.Contains(row, goes) && !strings.Contains(row, "SK=A#") && !strings.Contains(row, "#A#") {
			t.Errorf("left of the passport: %.300s", row)
		}
		if strings.Contains(row, stays) {
			kept++
		}
	}
	if kept == 0 {
		t.Error("the other passport is gone")
	}
	if users := k.Issuer.Users(); len(users) != 1 || users["anna"] == "" {
		t.Errorf("the pool has %v", users)
	}
	open, done := 0, 0
	if err := journal.Walk(t.Context(), dynamo.NewJournal(k.App.Database()), 0, func(e journal.Entry) error {
		if e.Done() {
			done++
		} else {
			open++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if open != 0 || done != 2 {
		t.Errorf("%d deletions are open, %d proven, of %s", open, done, tenant)
	}
}
