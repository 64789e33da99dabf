// Command manage-exports asks for exports, lists them, gives out links and deletes.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/exports"
	"github.com/passportcraft/passportcraft/shared/runtime/exporting"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	s := exporting.Service(app)
	lambdahost.ServeHTTP(app.Private(), exports.Create(s), exports.List(s), exports.Get(s), exports.Delete(s))
}
