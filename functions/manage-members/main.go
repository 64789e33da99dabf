// Command manage-members lists members, changes their roles and removes them.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/members"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	people := app.Members(nil)
	lambdahost.ServeHTTP(app.Private(), members.List(people), members.Change(people), members.Remove(people))
}
