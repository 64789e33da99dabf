package dynamo_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit"
	"github.com/passportcraft/passportcraft/shared/testkit/ledgercontract"
)

// TestLedgerContract runs the suites that the Ledger in memory passes, and with it the simulation, on the real one.
func TestLedgerContract(t *testing.T) {
	t.Run("lives", func(t *testing.T) {
		ledgercontract.Lives(t, func(t *testing.T) ledgercontract.LivesKit {
			k := testkit.Open(t, testkit.Options{})
			lives := dynamo.NewLives(k.App.Database())
			return ledgercontract.LivesKit{Store: lives, Certificates: lives, Found: founder(k)}
		})
	})
	t.Run("works", func(t *testing.T) {
		ledgercontract.Works(t, func(t *testing.T) ledgercontract.WorksKit {
			works := dynamo.NewWorks(testkit.Open(t, testkit.Options{}).App.Database())
			return ledgercontract.WorksKit{Works: works, Drops: works}
		})
	})
	t.Run("guards", func(t *testing.T) {
		ledgercontract.Guards(t, func(t *testing.T) retention.Guards {
			return dynamo.NewGuards(testkit.Open(t, testkit.Options{}).App.Database(), nil)
		})
	})
	t.Run("holds", func(t *testing.T) {
		ledgercontract.Holds(t, func(t *testing.T) ledgercontract.HoldsKit {
			k := testkit.Open(t, testkit.Options{})
			return ledgercontract.HoldsKit{Holds: k.App.Cases(), Found: founder(k)}
		})
	})
	t.Run("choices", func(t *testing.T) {
		k := testkit.Open(t, testkit.Options{})
		ledgercontract.Choices(t, func(t *testing.T) ledgercontract.ChoicesKit {
			return ledgercontract.ChoicesKit{Choices: k.App.Choices(), Found: founder(k)}
		})
		rows := strings.Join(k.Dump(t), "\n")
		if said := strings.Contains(rows, "SK=CHOICE"); !said || strings.Contains(rows, "c.example") {
			t.Error("what an organisation says about a passport can be read by whoever has the store, or is not there:", said)
		}
	})
	t.Run("journal", func(t *testing.T) {
		ledgercontract.Journal(t, func(t *testing.T) journal.Store {
			return dynamo.NewJournal(testkit.Open(t, testkit.Options{}).App.Database())
		})
	})
}

// founder founds one organisation after the other.
func founder(k *testkit.Kit) func(*testing.T) id.Tenant {
	n := 0
	return func(t *testing.T) id.Tenant {
		n++
		tenant, _ := k.Tenant(t, fmt.Sprint("Nordeiche ", n))
		return tenant
	}
}

// TestPlaceContract runs the suite of places that hold tenants' data on the table of passports.
func TestPlaceContract(t *testing.T) {
	ledgercontract.Place(t, func(t *testing.T) ledgercontract.PlaceKit {
		k := testkit.Open(t, testkit.Options{})
		return ledgercontract.PlaceKit{
			Store: dynamo.NewSweepRecords(k.App.Database(), k.Clock.Now), Passports: true, Found: founder(k),
			Fill: func(t *testing.T, of id.Tenant, p id.Passport, items int) {
				at := "T#" + string(of)
				k.Put(t, "RECORDS_TABLE", map[string]string{"PK": at + "#P#" + string(p), "SK": "META", "CPK": fmt.Sprintf("%s#C#%d", at, int(p[len(p)-1])%2), "CSK": string(p)})
				for i := range items - 1 {
					k.Put(t, "RECORDS_TABLE", map[string]string{"PK": at + "#P#" + string(p), "SK": fmt.Sprintf("V#%08d", i)})
				}
			},
		}
	})
}
