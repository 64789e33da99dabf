// Command run-import checks a file when it has been uploaded, and stores it when that has been committed.
package main

import (
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/bringing"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeObjects(jobs.RunImport(func(bucket string) jobs.Importer { return bringing.New(app, bucket) }))
}
