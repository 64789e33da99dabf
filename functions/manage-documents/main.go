// Command manage-documents adds documents to passports, lists them, gives them out and deletes them.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/documents"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	s := app.Documents()
	lambdahost.ServeHTTP(app.Private(), documents.Add(s), documents.List(s), documents.Get(s), documents.Fetch(s), documents.Delete(s))
}
