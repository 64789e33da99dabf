// Command run-retention-auditor counts what is left of what was deleted, and looks for what came back.
package main

import (
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/retaining"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeJob(app.Parts().Now, retaining.Jobs(app)[2])
}
