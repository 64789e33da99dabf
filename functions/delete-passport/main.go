// Command delete-passport deletes a passport that no law keeps, and takes that back.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/deletions"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/leaving"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	gone := leaving.Deletions(app)
	lambdahost.ServeHTTP(app.Private(), deletions.Delete(gone), deletions.Restore(gone), deletions.List(gone))
}
