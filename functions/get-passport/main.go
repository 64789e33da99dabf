// Command get-passport reads one passport, now or as of a date.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), passports.Get(app.Reader(), app.Links()))
}
