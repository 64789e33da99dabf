// Command show-docs shows the API reference to people and machines.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/reference"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeHTTP(app.Public(), reference.Routes()...)
}
