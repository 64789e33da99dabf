// Command manage-imports announces files to import, checks, commits and cancels, and keeps recipes.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/imports"
	"github.com/passportcraft/passportcraft/shared/runtime/importing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	d := importing.Desk(app)
	lambdahost.ServeHTTP(app.Private(),
		imports.Create(d), imports.List(d), imports.Get(d), imports.Check(d), imports.Commit(d), imports.Cancel(d),
		imports.Recipes(d), imports.KeepRecipe(d), imports.GetRecipe(d), imports.ChangeRecipe(d), imports.ForgetRecipe(d))
}
