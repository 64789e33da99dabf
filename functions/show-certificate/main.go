// Command show-certificate hands out the certificates of deletion.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/certificates"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

func main() {
	app := wire.Open()
	lambdahost.ServeHTTP(app.Public(), certificates.Routes(app.Certificates(), auditing.Signer(app))...)
}
