// Command list-notices lists what the people in charge are told.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/notices"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), notices.List(app.Notices()))
}
