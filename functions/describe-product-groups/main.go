// Command describe-product-groups says what each product group asks of a passport.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/productgroups"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	groups := app.ProductGroups()
	lambdahost.ServeHTTP(app.Private(), productgroups.List(groups), productgroups.Get(groups))
}
