// Command draw-carrier draws the data carrier of a published passport.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/carriers"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeHTTP(app.Public(), carriers.Draw(app.Resolver(), app.PublicBaseURL()))
}
