package wire

import (
	"io"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
)

// Stores are the adapters below the services, for contract tests and operator tools. No function uses them.
type Stores struct {
	Passports *dynamo.Passports
	Public    *dynamo.PublicViews
	Attempts  *dynamo.Attempts
	Audits    *dynamo.Audits
	APIKeys   *dynamo.APIKeys
	Ring      *keyring.Ring
	Random    io.Reader
}

// Stores builds all adapters.
func (a *App) Stores() Stores {
	ring := a.keyring()
	contents := objects.Open(*a.aws, a.config.S3Endpoint, a.config.DocumentsBucket, httpapi.Count)
	return Stores{
		Passports: dynamo.NewPassports(a.db, ring, contents, a.parts.Now), Public: dynamo.NewPublicViews(a.db),
		Attempts: dynamo.NewAttempts(a.db, ring), Audits: dynamo.NewAudits(a.db), APIKeys: dynamo.NewAPIKeys(a.db), Ring: ring, Random: a.parts.Random,
	}
}
