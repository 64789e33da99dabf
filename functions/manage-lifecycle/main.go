// Command manage-lifecycle ends a contract, takes that back, and shows what happens when.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/contracts"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/leaving"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	end := leaving.Contract(app)
	lambdahost.ServeHTTP(app.Private(), contracts.Show(end), contracts.Terminate(end), contracts.TakeBack(end),
		contracts.Expedite(end), contracts.ConfirmExpedite(end), contracts.DropExpedite(end))
}
