// Package bringing builds what carries imports out: exports that come back, tables and documents.
package bringing

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/adapters/reports"
	"github.com/passportcraft/passportcraft/shared/adapters/spreadsheet"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
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
	stage    func(ctx context.Context, t id.Tenant) error // refuses to look at an organisation whose window has closed
	archives *restore.Runner
	tables   *intake.Runner
	files    *objects.Uploads
}

// New makes a runner.
func New(app *tenancy.App, bucket string) *Runner {
	c := app.Config()
	files := objects.OpenUploads(app.AWS(), c.S3Endpoint, c.S3Public, bucket, httpapi.Count)
	return &Runner{
		files: files, stage: app.Stage(lifecycle.Read),
		archives: &restore.Runner{
			Stage: app.Stage(lifecycle.Write),
			Store: app.Imports(), Files: files, Target: app.Dump().Records, Recipes: app.Recipes(), Tenants: app.Tenants(),
			Groups: app.ProductGroups().Find, IDs: app.IDs(), Now: app.Parts().Now, Patience: patience, Parallel: parallel,
			Key: func(ctx context.Context) (*ecdsa.PublicKey, error) { return key(ctx, app) },
		},
		tables: &intake.Runner{
			Stage: app.Stage(lifecycle.Write),
			Store: app.Runs(), Target: target{editing.Passports(app)}, Report: &reports.Reports{Objects: files}, Checker: schemacheck.New(app.ProductGroups()),
			Groups: app.ProductGroups().Find, IDs: app.IDs(), Now: app.Parts().Now, Patience: patience, Parallel: parallel,
			Open:    func(ctx context.Context, r intake.Run) (intake.Source, error) { return open(ctx, files, r) },
			Arrived: func(ctx context.Context, r intake.Run) (bool, error) { return files.Arrived(ctx, r.Tenant, r.ID) },
			Remove:  func(ctx context.Context, r intake.Run) error { return files.Remove(ctx, r.Tenant, r.ID) },
		},
	}
}

// Within returns a runner that pauses after so long.
func (r *Runner) Within(d time.Duration) *Runner {
	archives, tables := *r.archives, *r.tables
	archives.Patience, tables.Patience = d, d
	return &Runner{archives: &archives, tables: &tables, files: r.files, stage: r.stage}
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
	if err := r.stage(ctx, t); err != nil {
		if fault.Of(err).Kind == fault.Forbidden {
			return nil // it goes with the organisation, and nothing more is written for that
		}
		return err
	}
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
	p, err := t.Store.Find(ctx, who, product)
	if err == nil && p.Status == passport.Deleted {
		return passport.Passport{}, passport.NotFound()
	}
	return p, err
}
