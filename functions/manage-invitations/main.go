// Command manage-invitations invites people by mail and withdraws invitations.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/members"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/posting"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	people := posting.Members(app)
	lambdahost.ServeHTTP(app.Private(), members.Invitations(people), members.Invite(people, app.Tenants()), members.Withdraw(people))
}
