// Command accept-invitation makes a member of whoever was invited.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/accounts"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), accounts.Accept(app.Accounts()))
}
