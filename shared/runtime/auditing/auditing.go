// Package auditing builds what signs and shows audit logs. It is apart from package tenancy because it links signing and
// the evidence store, which few functions need.
package auditing

import (
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/observe"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// Signer signs checkpoints.
func Signer(app *wire.App) *kms.Signer {
	return kms.OpenSigner(app.AWS(), app.Config().KMSEndpoint, app.Config().AuditKeyARN, httpapi.Count)
}

// Jobs are all jobs of the platform.
func Jobs(app *wire.App) []jobs.Job {
	c := app.Config()
	logs := dynamo.NewAuditLogs(app.Database())
	sequencer := &auditlog.Sequencer{
		Store: logs, Watch: logs, Signer: Signer(app),
		Evidence: objects.OpenEvidence(app.AWS(), c.S3Endpoint, c.EvidenceBucket, httpapi.Count), IDs: app.IDs(),
		Doors: dynamo.NewTenants(app.Database(), nil).Door,
		Alarm: func(rule string) { observe.Count(app.Parts().Log, app.Parts().Now(), "incidents", rule) },
	}
	return []jobs.Job{jobs.SequenceAudit(sequencer)}
}
