// Command manage-dispositions shows what becomes of passports when their organisation leaves, and takes what it says.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/dispositions"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/leaving"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	becomes := leaving.Dispositions(app)
	lambdahost.ServeHTTP(app.Private(), dispositions.Get(becomes), dispositions.Set(becomes), dispositions.List(becomes), dispositions.SetMany(becomes))
}
