// Package importing builds what brings a tenant's data back.
package importing

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

// patience leaves two of the fifteen minutes that a function has.
const patience = 13 * time.Minute

// Service is what people can do with imports.
func Service(app *tenancy.App) *restore.Service {
	return &restore.Service{Store: dynamo.NewImports(app.Database()), Files: files(app, app.Config().UploadsBucket), IDs: app.IDs()}
}

// Runner checks and stores files that lie in a bucket.
func Runner(app *tenancy.App, bucket string) *restore.Runner {
	return &restore.Runner{
		Store: dynamo.NewImports(app.Database()), Files: files(app, bucket), Target: app.Dump().Records, IDs: app.IDs(), Now: app.Parts().Now, Patience: patience,
		Key: func(ctx context.Context) (*ecdsa.PublicKey, error) {
			der, err := auditing.Signer(app.App).PublicKey(ctx)
			if err != nil {
				return nil, err
			}
			parsed, err := x509.ParsePKIXPublicKey(der)
			key, ok := parsed.(*ecdsa.PublicKey)
			if err != nil || !ok {
				return nil, errors.Join(err, errors.New("importing: the platform's key is of another kind"))
			}
			return key, nil
		},
	}
}

func files(app *tenancy.App, bucket string) *objects.Uploads {
	c := app.Config()
	return objects.OpenUploads(app.AWS(), c.S3Endpoint, c.S3Public, bucket, httpapi.Count)
}
