// Command manage-account reads and describes the account of whoever has signed in.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/accounts"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	self, tokens := app.Accounts(), app.Tokens()
	lambdahost.ServeHTTP(app.Private(), accounts.Get(self), accounts.Register(self, tokens), accounts.Link(self, tokens))
}
