// Package backing builds what keeps copies within their bounds, and the deletion journal that is replayed into restored
// ones. It is apart from the other packages because it links the backup service, which few functions need.
package backing

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/backups"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/observe"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

const days = 28

// Sources are all tables, with what must be true of their copies.
func Sources(c wire.Config) []backup.Source {
	return []backup.Source{
		{Table: c.Tables.Records, Keep: backup.Most, Days: days, Vault: c.BackupVault, Content: true},
		{Table: c.Tables.People, Keep: backup.Most, Days: days, Vault: c.BackupVault, Content: true},
		{Table: c.Tables.Public, Keep: backup.Most, Days: days, Vault: c.BackupVault, Content: true},
		// What is in custody is kept because the law demands it: its copies stand against no deletion.
		{Table: c.Tables.Custody, Keep: backup.Most, Days: days, Vault: c.BackupVault},
		{Table: c.Tables.Ledger, Keep: backup.MostLedger, Days: days, Vault: c.LedgerVault},
		{Table: c.Tables.Keys, Keep: backup.MostKeys, Days: int(backup.MostKeys / (24 * time.Hour))},
	}
}

// Rotator takes stock of copies; its Oldest answers which deletions no copy can undo.
func Rotator(app *wire.App) *backup.Rotator {
	c := app.Config()
	return &backup.Rotator{
		Sources: Sources(c), Vaults: backups.Open(app.AWS(), c.BackupEndpoint, "", httpapi.Count), Tables: dynamo.NewTableBackups(app.Database()),
		Versions: objects.OpenVersions(app.AWS(), c.S3Endpoint, httpapi.Count), Buckets: []string{c.DocumentsBucket}, Now: app.Parts().Now, Time: Clocks(app).Present,
		Publish: func(f backup.Figures) {
			observe.Gauge(app.Parts().Log, app.Parts().Now(), "backups",
				map[string]float64{"OldestBackupAge": f.Oldest.Seconds(), "NewestBackupAge": f.Newest.Seconds()}, map[string]int{"ExpiredRecoveryPoints": f.Expired, "backups": f.Copies})
		},
	}
}

// Journal is the deletion journal: Append before a deletion begins, Close when it is proven.
func Journal(app *wire.App) *journal.Journal {
	c, store := app.Config(), dynamo.NewJournal(app.Database())
	return &journal.Journal{
		Store: store, Evidence: objects.OpenEvidence(app.AWS(), c.S3Endpoint, c.EvidenceBucket, httpapi.Count),
		Secret: &journal.Sealed{Store: store, Wrap: kms.Open[journal.Name](app.AWS(), c.KMSEndpoint, c.LedgerKeyARN, kms.Journal, httpapi.Count)},
	}
}

// Jobs are those of this package.
func Jobs(app *wire.App) []jobs.Job {
	return []jobs.Job{jobs.RotateBackups(Rotator(app), drilled(app))}
}

// drilled publishes how long ago a restore last met its targets. Without any it publishes nothing, which is an alarm too.
func drilled(app *wire.App) func(context.Context, time.Time) error {
	c := app.Config()
	kept := objects.OpenEvidence(app.AWS(), c.S3Endpoint, c.EvidenceBucket, httpapi.Count)
	return func(ctx context.Context, now time.Time) error {
		names, err := kept.List(ctx, drill.Reports)
		if err != nil {
			return err
		}
		if last := drill.Latest(names); !last.IsZero() {
			observe.Gauge(app.Parts().Log, now, "drills", map[string]float64{"DrillAge": now.Sub(last).Seconds()}, nil)
		}
		return nil
	}
}
