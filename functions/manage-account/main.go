// Command manage-account reads and describes the account of whoever has signed in.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/accounts"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	self, tokens, service := app.Accounts(), app.Tokens(), app.Authenticators()
	lambdahost.ServeHTTP(app.Private(), accounts.Get(self), accounts.Register(self, tokens), accounts.Erase(self), accounts.Link(self, tokens),
		accounts.StartAuthenticator(self, service), accounts.ConfirmAuthenticator(self, service), accounts.Leave(self))
}
