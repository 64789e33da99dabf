// Package bringing builds what carries imports out: exports that come back, tables and documents.
package bringing

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/adapters/reports"
	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup/schemacheck"
	"github.com/passportcraft/passportcraft/shared/domain/restore"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/editing"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
)

const (
	patience = 13 * time.Minute // leaves two of the fifteen minutes that a function has
	parallel = 8                // rows in hand: a row is mostly waiting for the storage
)

// Runner carries on with the imports whose files lie in a bucket.
type Runner struct {
	archives *restore.Runner
	tables   *intake.Runner
	files    *objects.Uploads
}

// New makes a runner.
func New(app *tenancy.App, bucket string) *Runner {
	c := app.Config()
	files := objects.OpenUploads(app.AWS(), c.S3Endpoint, c.S3Public, bucket, httpapi.Count)
	return &Runner{
		files: files,
		archives: &restore.Runner{
			Store: dynamo.NewImports(app.Database()), Files: files, Target: app.Dump().Records, Recipes: app.Recipes(), Tenants: app.Tenants(),
			Groups: app.ProductGroups().Find, IDs: app.IDs(), Now: app.Parts().Now, Patience: patience, Parallel: parallel,
			Key: func(ctx context.Context) (*ecdsa.PublicKey, error) { return key(ctx, app) },
		},
		tables: &intake.Runner{
			Store: app.Runs(), Target: target{editing.Passports(app)}, Report: &reports.Reports{Objects: files}, Checker: schemacheck.New(app.ProductGroups()),
			Groups: app.ProductGroups().Find, IDs: app.IDs(), Now: app.Parts().Now, Patience: patience, Parallel: parallel,
			Open:    func(ctx context.Context, r intake.Run) (intake.Source, error) { return open(ctx, files, r) },
			Arrived: func(ctx context.Context, r intake.Run) (bool, error) { return files.Arrived(ctx, r.Tenant, r.ID) },
		},
	}
}

// Within returns a runner that pauses after so long.
func (r *Runner) Within(d time.Duration) *Runner {
	archives, tables := *r.archives, *r.tables
	archives.Patience, tables.Patience = d, d
	return &Runner{archives: &archives, tables: &tables, files: r.files}
}

// key is the one that exports are signed with.
func key(ctx context.Context, app *tenancy.App) (*ecdsa.PublicKey, error) {
	der, err := auditing.Signer(app.App).PublicKey(ctx)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKIXPublicKey(der)
	key, ok := parsed.(*ecdsa.PublicKey)
	if err != nil || !ok {
		return nil, errors.Join(err, errors.New("bringing: the platform's key is of another kind"))
	}
	return key, nil
}

// Run goes on with an import, whichever kind it is of.
func (r *Runner) Run(ctx context.Context, t id.Tenant, which id.Import) error {
	ctx = access.As(ctx, t)
	more, err := r.tables.Run(ctx, t, which)
	switch {
	case errors.Is(err, fault.NotFound):
		return r.archives.Run(ctx, t, which)
	case errors.Is(err, intake.ErrTaken):
		return nil
	case err != nil || !more:
		return err
	}
	run, err := r.tables.Store.Load(ctx, t, which)
	if err != nil {
		return err
	}
	return r.files.Ask(ctx, t, which, int(run.Revision))
}

func open(ctx context.Context, files *objects.Uploads, r intake.Run) (intake.Source, error) {
	file, size, err := files.Open(ctx, r.Tenant, r.ID)
	if err != nil {
		return nil, err
	}
	if r.Format == intake.Documents {
		return intake.OpenLines(file, size), nil
	}
	return spreadsheet.OpenItems(file, size, spreadsheet.Format(r.Format), spreadsheet.Limits{Bytes: intake.MaxSize, Columns: intake.MaxColumns, Sheet: r.Sheet})
}

// target gives intake the passports of a tenant.
type target struct{ *passport.Service }

// Find implements intake.Target.
func (t target) Find(ctx context.Context, who id.Tenant, product identifier.Product) (passport.Passport, error) {
	return t.Store.Find(ctx, who, product)
}
