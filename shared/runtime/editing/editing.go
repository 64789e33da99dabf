// Package editing builds the service that changes passports. It is apart from package tenancy because the schema validator
// costs five milliseconds of start-up as soon as it is linked, and only the functions that take content need it.
package editing

import (
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// Passports is what a tenant can do with its passports.
func Passports(app *tenancy.App) *passport.Service {
	return &passport.Service{Reader: *app.Reader(), Checker: schemacheck.New(app.ProductGroups()), IDs: app.IDs()}
}
