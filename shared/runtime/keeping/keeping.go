// Package keeping builds what keeps passports whose operator is gone.
package keeping

import (
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// Copies is the table of custody.
func Copies(app *wire.App) *dynamo.Custodies {
	c, db := app.Config(), app.Database()
	wrapper := kms.Open[id.Custody](app.AWS(), c.KMSEndpoint, c.CustodyKeyARN, kms.Custody, httpapi.Count)
	return dynamo.NewCustodies(db, keyring.New[id.Custody](dynamo.NewCopyKeys(db), wrapper, app.Parts().Now))
}

// Keeper carries out what was decided about the passports of a sealed tenant, which it reads from a source that may.
func Keeper(app *wire.App, source custody.Source) *custody.Keeper {
	return &custody.Keeper{
		Source: source, Groups: app.ProductGroups().Find, Copies: Copies(app), Estate: dynamo.NewPublicViews(app.Database()),
		IDs: app.IDs(), Now: app.Parts().Now,
	}
}

// Ender ends custody on its date.
func Ender(app *wire.App, at retention.Time) *custody.Ender {
	return &custody.Ender{Time: at.Present, Store: Copies(app)}
}
