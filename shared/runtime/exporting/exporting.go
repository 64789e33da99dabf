// Package exporting builds what takes a tenant's data out. It is apart from package tenancy because it links the packing
// and the storage of packages.
package exporting

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// patience leaves two of the fifteen minutes that a function has.
const patience = 13 * time.Minute

// Service is what people can do with exports.
func Service(app *tenancy.App) *export.Service {
	packages := shelf(app, app.Config().ExportsBucket)
	return &export.Service{
		Store: dynamo.NewExports(app.Database()), Requests: packages, Shelf: packages, Journal: dynamo.NewAudits(app.Database()), IDs: app.IDs(),
	}
}

// Packager packs exports that lie in a bucket.
func Packager(app *tenancy.App, bucket string) *export.Packager {
	packages := shelf(app, bucket)
	return &export.Packager{
		Store: dynamo.NewExports(app.Database()), Requests: packages, Source: app.Dump(), Uploads: packages, Shelf: packages, Checkpoints: packages,
		Signer: auditing.Signer(app.App), Groups: app.ProductGroups().Find, Tables: spreadsheet.Tables{}, IDs: app.IDs(), Now: app.Parts().Now, Patience: patience,
		Stage: app.Stage(lifecycle.Export),
	}
}

func shelf(app *tenancy.App, bucket string) *objects.Packages {
	c := app.Config()
	return objects.OpenPackages(app.AWS(), c.S3Endpoint, c.S3Public, bucket, httpapi.Count)
}
