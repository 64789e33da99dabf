// Package posting builds what sends mail. It is apart from package tenancy because only the function that invites people
// links the mail client.
package posting

import (
	"github.com/passportcraft/passportcraft/shared/adapters/mail"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// Members is what the people in charge can do with members and invitations, mail included.
func Members(app *tenancy.App) *member.Service {
	c := app.Config()
	return app.Members(mail.Open(app.AWS(), c.SESEndpoint, c.MailFrom, httpapi.Count))
}
