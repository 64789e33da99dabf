// Package tending builds what takes up exports and imports that nobody is at. It works for all tenants, so it is built
// without sessions of theirs, and without anything that could open what is sealed.
package tending

import (
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// Job is the job of tend-transfers.
func Job(app *wire.App) jobs.Job {
	c := app.Config()
	packages := objects.OpenPackages(app.AWS(), c.S3Endpoint, "", c.ExportsBucket, httpapi.Count)
	uploads := objects.OpenUploads(app.AWS(), c.S3Endpoint, "", c.UploadsBucket, httpapi.Count)
	return jobs.TendTransfers(dynamo.NewTransfers(app.Database()), packages, uploads)
}
