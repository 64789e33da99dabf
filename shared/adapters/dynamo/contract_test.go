package dynamo_test

import (
	"context"
	"os"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
	"github.com/passportcraft/passportcraft/shared/testkit/storecontract"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// TestContract runs the store contract on the local engine.
func TestContract(t *testing.T) { contract(t) }

// TestContractOnSecondEngine runs it on the engine that DYNAMODB_ENDPOINT names (which then serves TestContract too).
func TestContractOnSecondEngine(t *testing.T) {
	if os.Getenv("DYNAMODB_ENDPOINT") == "" {
		t.Skip("no second DynamoDB engine: set DYNAMODB_ENDPOINT to the address of one")
	}
	contract(t)
}

func contract(t *testing.T) {
	storecontract.Run(t, func(t *testing.T) storecontract.Store {
		k := testkit.Open(t, testkit.Options{})
		stores := k.App.Stores()
		return storecontract.Store{
			Passports: stores.Passports, History: stores.Passports, Public: stores.Public, Attempts: stores.Attempts,
			AuditDay: stores.Audits.Day, Clock: k.Clock, IDs: id.NewSource(k.Clock.Now, stores.Random),
			NewTenant: func(t *testing.T) id.Tenant {
				tenant := id.New[id.Tenant](id.NewSource(k.Clock.Now, stores.Random))
				if err := stores.Ring.Create(context.Background(), tenant); err != nil {
					t.Fatal(err)
				}
				return tenant
			},
		}
	})
}

// BenchmarkFirstUse measures what it costs to find out that a table is cleared, which the first use of each table in a
// process waits for: two calls side by side.
func BenchmarkFirstUse(b *testing.B) {
	k := testkit.Open(b, testkit.Options{})
	store := dynamo.NewClearances(k.App.Database().Unguarded())
	for b.Loop() {
		if err := store.Cleared(b.Context(), k.Env["RECORDS_TABLE"], k.App.MarkerKey()); err != nil {
			b.Fatal(err)
		}
	}
}
