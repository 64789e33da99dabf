// Package browsing builds what signs people in with a browser.
package browsing

import (
	"strings"

	"github.com/passportcraft/passportcraft/shared/adapters/identity"
	"github.com/passportcraft/passportcraft/shared/api/browser"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// Desk is what signing in needs; it has no provider when none is configured.
func Desk(app *tenancy.App) browser.Desk {
	c := app.Config()
	d := browser.Desk{Tokens: app.Tokens(), Accounts: app.Accounts(), Base: app.PublicBaseURL(), Random: app.Parts().Random}
	if c.SignInURL == "" || c.TokenIssuer == "" {
		return d
	}
	d.Provider = identity.NewClient(identity.Provider{
		AuthorizeURL: c.SignInURL + "/oauth2/authorize", TokenURL: c.SignInURL + "/oauth2/token", RevokeURL: c.SignInURL + "/oauth2/revoke",
		LogoutURL: c.SignInURL + "/logout", ClientID: c.TokenClient,
	}, app.Parts().Web)
	for name := range strings.SplitSeq(c.SignInWith, ",") {
		if name != "" {
			d.With = append(d.With, name)
		}
	}
	return d
}
