// Command read-audit lists the audit trail.
package main

import (
	"github.com/passportcraft/passportcraft/shared/api/audits"
	"github.com/passportcraft/passportcraft/shared/runtime/lambdahost"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

func main() {
	app := tenancy.Open()
	lambdahost.ServeHTTP(app.Private(), audits.List(app.Trail()), audits.Download(app.AuditLogs(), app.Journal()))
}
