// Command authorise-request judges credentials before the gateway passes a request on.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	lambdahost.ServeAuthoriser(httpapi.NewDoorkeeper(tenancy.Open().Private(), "authorise-request"))
}
