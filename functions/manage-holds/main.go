// Command manage-holds keeps legal holds: asked for by one person, approved and reviewed by another, released.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/holds"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/leaving"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	held := leaving.Holds(app)
	lambdahost.ServeHTTP(app.Private(), holds.List(held), holds.Ask(held), holds.Get(held), holds.Release(held), holds.Approve(held), holds.Review(held))
}
