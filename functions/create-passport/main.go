// Command create-passport stores a new passport as a draft.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), passports.Create(editing.Passports(app), app.Links()))
}
