// Package routes lists every route of the platform, in the order of the API reference.
package routes

import (
	"github.com/passportcraft/passportcraft/shared/api/carriers"
	"github.com/passportcraft/passportcraft/shared/api/health"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/api/passports"
	"github.com/passportcraft/passportcraft/shared/api/productgroups"
	"github.com/passportcraft/passportcraft/shared/api/reference"
	"github.com/passportcraft/passportcraft/shared/api/resolver"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// All is every route. It is a function, so that a binary that names single constructors links only those.
func All(app *wire.App) []httpapi.Route {
	all := []httpapi.Route{
		passports.Create(app.Passports(), app.Links()),
		passports.List(app.Passports(), app.Links()),
		passports.Get(app.Passports(), app.Links()),
		passports.Update(app.Passports(), app.Links()),
		passports.Publish(app.Passports(), app.Links()),
		passports.Suspend(app.Passports(), app.Links()),
		passports.Archive(app.Passports(), app.Links()),
		passports.ListVersions(app.Passports()),
		passports.GetVersion(app.Passports(), app.Links()),
		productgroups.List(app.ProductGroups()),
		productgroups.Get(app.ProductGroups()),
		carriers.Draw(app.Resolver(), app.PublicBaseURL()),
		health.Check(),
	}
	all = append(all, resolver.Routes(app.Resolver(), app.ProductGroups(), app.PublicBaseURL())...)
	return append(all, reference.Routes()...)
}
