// Command manage-api-keys lists, creates and revokes API keys.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/apikeys"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	keys := app.APIKeys()
	lambdahost.ServeHTTP(app.Private(), apikeys.List(keys), apikeys.Create(keys), apikeys.Revoke(keys))
}
