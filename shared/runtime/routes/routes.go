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
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// All is every route. It is a function, so that a binary that names single constructors links only those.
func All(app *tenancy.App) []httpapi.Route {
	edit, read, links := editing.Passports(app), app.Reader(), app.Links()
	all := []httpapi.Route{
		passports.Create(edit, links),
		passports.List(read, links),
		passports.Get(read, links),
		passports.Update(edit, links),
		passports.Publish(edit, links),
		passports.Suspend(edit, links),
		passports.Archive(edit, links),
		passports.ListVersions(read),
		passports.GetVersion(read, links),
		productgroups.List(app.ProductGroups()),
		productgroups.Get(app.ProductGroups()),
		carriers.Draw(app.Resolver(), app.PublicBaseURL()),
		health.Check(),
	}
	all = append(all, resolver.Routes(app.Resolver(), app.ProductGroups(), app.PublicBaseURL())...)
	return append(all, reference.Routes()...)
}
