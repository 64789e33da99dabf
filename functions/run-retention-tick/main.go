// Command run-retention-tick takes every step of every contract that ends.
package main

import (
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeJob(app.Parts().Now, retaining.Jobs(app)[0])
}
