package dynamo_test

import (
	"fmt"
	"testing"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
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
			lives, n := dynamo.NewLives(k.App.Database()), 0
			return ledgercontract.LivesKit{Store: lives, Certificates: lives, Found: func(t *testing.T) id.Tenant {
				n++
				tenant, _ := k.Tenant(t, fmt.Sprint("Nordeiche ", n))
				return tenant
			}}
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
}

// TestPlaceContract runs the suite of places that hold tenants' data on the table of passports.
func TestPlaceContract(t *testing.T) {
	ledgercontract.Place(t, func(t *testing.T) ledgercontract.PlaceKit {
		k := testkit.Open(t, testkit.Options{})
		n := 0
		return ledgercontract.PlaceKit{
			Store: dynamo.NewSweepRecords(k.App.Database(), k.Clock.Now), Passports: true,
			Found: func(t *testing.T) id.Tenant {
				n++
				tenant, _ := k.Tenant(t, fmt.Sprint("Nordeiche ", n))
				return tenant
			},
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
