// Command manage-imports announces files to import, commits and cancels.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/imports"
	"github.com/passportcraft/passportcraft/shared/runtime/importing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	s := importing.Service(app)
	lambdahost.ServeHTTP(app.Private(), imports.Create(s), imports.List(s), imports.Get(s), imports.Commit(s), imports.Cancel(s))
}
