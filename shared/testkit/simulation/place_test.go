package simulation

import (
	"fmt"
	"testing"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit/ledgercontract"
)

// TestPlaces holds every place of the world to the contract that real stores keep. Messages cannot be picked out of queues
// there, which is why queues are left out: here they can, and expire as well.
func TestPlaces(t *testing.T) {
	calm := Calm()
	for _, name := range []string{placePublic, placeExports, placeUploads, placeRecords, placeDocuments, placeMembers, placeUsers, placeSuppression, placeSettings, placeKeys} {
		t.Run(name, func(t *testing.T) {
			ledgercontract.Place(t, func(*testing.T) ledgercontract.PlaceKit {
				w := newWorld(Config{Seed: 1, Years: 1, Mix: &calm})
				n := 0
				return ledgercontract.PlaceKit{
					Store: store{w.place(name)}, Passports: true,
					Found: func(*testing.T) id.Tenant {
						tenant := &tenant{id: id.New[id.Tenant](w.ids), closed: true} // nobody watches over what is removed
						w.byID[tenant.id] = tenant
						return tenant.id
					},
					Fill: func(_ *testing.T, tenant id.Tenant, p id.Passport, items int) {
						for range items {
							n++
							w.put(name, row{tenant: tenant, passport: p, key: fmt.Sprintf("%s#%03d", p, n), cause: ghost})
						}
					},
				}
			})
		})
	}
}
