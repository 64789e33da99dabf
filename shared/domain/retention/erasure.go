package retention

import (
	"encoding/json"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// EraseWithin is how long the deletion of one passport or one person takes at the longest, once it may begin.
const EraseWithin = 24 * time.Hour

// ErasePassport is the work of deleting one passport out of every store. It was asked for at an instant, and can be taken
// back until notBefore.
func ErasePassport(t id.Tenant, p id.Passport, asked, notBefore time.Time) Work {
	return Work{Tenant: t, Kind: Erase, Passport: p, NotBefore: notBefore, By: notBefore.Add(EraseWithin), State: erasure(asked, notBefore)}
}

// ErasePerson is the work of deleting one person who belongs to no organisation any more.
func ErasePerson(p id.Person, asked time.Time) Work {
	return Work{Kind: Erase, Person: p, NotBefore: asked, By: asked.Add(EraseWithin), State: erasure(asked, asked)}
}

func erasure(asked, notBefore time.Time) []byte {
	b, err := json.Marshal(map[string]time.Time{"asked": asked.UTC(), "notBefore": notBefore.UTC()})
	if err != nil {
		return nil // instants of our own clock have a text
	}
	return b
}
