// Command update-passport changes the working content of a passport.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), passports.Update(editing.Passports(app), app.Links()))
}
