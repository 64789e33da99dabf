// Command show-trust shows the evidence for what the platform promises.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/trust"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeHTTP(app.Public(), trust.Routes(auditing.Signer(app))...)
}
