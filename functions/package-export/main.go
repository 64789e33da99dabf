// Command package-export packs an export when its request is stored.
package main

import (
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/exporting"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeObjects(jobs.PackExport(func(bucket string) jobs.Packer { return exporting.Packager(app, bucket) }))
}
