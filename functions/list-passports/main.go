// Command list-passports lists the passports of a tenant.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), passports.List(app.Reader(), app.Links()))
}
