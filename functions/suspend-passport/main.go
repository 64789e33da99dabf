// Command suspend-passport takes a published passport out of force for now.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), passports.Suspend(editing.Passports(app), app.Links()))
}
