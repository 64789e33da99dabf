// Command tend-transfers takes up exports and imports that nobody is at, and those that have expired.
package main

import (
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tending"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeJob(app.Parts().Now, tending.Job(app))
}
