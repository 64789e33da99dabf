// Command manage-tenant reads and changes an organisation and how its people sign in.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/tenants"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	own := app.Tenants()
	lambdahost.ServeHTTP(app.Private(), tenants.Get(own), tenants.Rename(own), tenants.GetPolicy(own), tenants.SetPolicy(own))
}
