// Command create-tenant makes an organisation with its first owner.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/accounts"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), accounts.Found(app.Accounts()))
}
