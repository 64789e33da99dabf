// Command rotate-backups takes stock of all copies and removes what is older than they may be.
package main

import (
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeJob(app.Parts().Now, backing.Jobs(app)[0])
}
