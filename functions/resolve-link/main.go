// Command resolve-link shows the public passport of a product to whoever scans its code.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/resolver"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeHTTP(app.Public(), resolver.Routes(app.Resolver(), app.ProductGroups(), app.PublicBaseURL())...)
}
