// Command check-health answers that requests arrive.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/health"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeHTTP(app.Public(), health.Check())
}
