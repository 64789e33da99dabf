// Command stamp-token writes into tokens how somebody signed in.
package main

import (
	"github.com/passportcraft/passportcraft/shared/adapters/userpool"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	pools := userpool.Open(app.AWS(), app.Config().PoolEndpoint)
	lambdahost.ServeStamp(lambdahost.NewStamp(pools.Authenticator, app.Parts().Log))
}
