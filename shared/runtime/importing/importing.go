// Package importing builds what people can do with imports. What carries them out is apart, in package bringing: it links
// the schema validator and readers of spreadsheets.
package importing

import (
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/api/imports"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// Desk is what people can do with imports.
func Desk(app *tenancy.App) imports.Desk {
	uploads := files(app, app.Config().UploadsBucket)
	return imports.Desk{
		Archives: &restore.Service{Store: app.Imports(), Files: uploads, IDs: app.IDs()},
		Tables:   &intake.Service{Book: app.Runs(), Recipes: app.Recipes(), Files: uploads, Groups: app.ProductGroups().Find, IDs: app.IDs()},
	}
}

func files(app *tenancy.App, bucket string) *objects.Uploads {
	c := app.Config()
	return objects.OpenUploads(app.AWS(), c.S3Endpoint, c.S3Public, bucket, httpapi.Count)
}
