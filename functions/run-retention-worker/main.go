// Command run-retention-worker empties stores of what has to be deleted.
package main

import (
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeJob(app.Parts().Now, retaining.Jobs(app)[1])
}
