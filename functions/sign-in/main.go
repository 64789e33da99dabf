// Command sign-in lets people sign in and out with a browser.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/browser"
	"github.com/passportcraft/passportcraft/shared/runtime/browsing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Public(), browser.Routes(browsing.Desk(app))...)
}
