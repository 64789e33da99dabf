// Package retaining builds the engine that ends contracts: the tick, the worker that empties stores and the auditor that
// counts what is left. It links the clients of every service that holds tenants' data, which no other function needs.
package retaining

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/adapters/kms"
	"github.com/passportcraft/passportcraft/shared/adapters/mail"
	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/adapters/userpool"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/keeping"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// patience is the timeout of the functions in the template.
const patience = 10 * time.Minute

// Worker empties stores.
func Worker(app *wire.App) *retention.Worker {
	db := app.Database()
	works := dynamo.NewWorks(db)
	return &retention.Worker{
		Time: clocks(app), Works: works, Drops: works, Stores: Stores(app, persons(app)), Lives: dynamo.NewLives(db), Holds: dynamo.NewHolds(db),
		Register: dynamo.NewRegister(db), Journal: &ledger{backing.Journal(app)},
	}
}

// Auditor counts what is left, with stores of its own that open no key.
func Auditor(app *wire.App) *retention.Auditor {
	db, now := app.Database(), app.Parts().Now
	stores := Stores(app, nil)
	census := []retention.Census{dynamo.NewSweepRecords(db, now), dynamo.NewSweepPublic(db, now), dynamo.NewSweepPeople(db, now), dynamo.NewSweepKeys(db, now)}
	for _, b := range buckets(app.Config()) {
		census = append(census, objects.OpenSweep(app.AWS(), app.Config().S3Endpoint, b, now, httpapi.Count))
	}
	return &retention.Auditor{
		Time: clocks(app), Works: dynamo.NewWorks(db), Lives: dynamo.NewLives(db), Stores: stores, Census: census,
		Register: dynamo.NewRegister(db), Journal: &ledger{backing.Journal(app)}, IDs: app.IDs(),
	}
}

// Tick takes the steps that are due.
func Tick(app *wire.App) *retention.Tick {
	db, signer := app.Database(), auditing.Signer(app)
	logs := dynamo.NewAuditLogs(db)
	book := backing.Journal(app)
	return &retention.Tick{
		Time: clocks(app), Lives: dynamo.NewLives(db), Holds: dynamo.NewHolds(db), Works: dynamo.NewWorks(db), Places: retention.Places(Stores(app, nil)),
		Exports: &exports{dynamo.NewExports(db)}, Prover: &retention.LogProver{Block: logs.Block, Verifier: verifier(signer)},
		Backups: &copies{backing.Rotator(app)}, Journal: &ledger{book}, Switch: dynamo.NewDataKeys(db), Herald: &herald{
			told: dynamo.NewTold(db, persons(app)), mailer: mailer(app), now: app.Parts().Now,
		},
		Secrets: &secrets{book.Secret}, Signer: signer, Law: law(), IDs: app.IDs(), Site: app.PublicBaseURL(), Policy: lifecycle.Current(),
		Template: templateHash(app.Config().TaskRoot),
	}
}

// templateHash is that of the template that a function was built with, which the build leaves beside it; "" when it is not
// there, as a certificate then says.
func templateHash(folder string) string {
	b, err := os.ReadFile(filepath.Join(folder, "template.sha256"))
	sum := strings.TrimSpace(string(b))
	if raw, bad := hex.DecodeString(sum); err != nil || bad != nil || len(raw) != sha256.Size {
		return ""
	}
	return "sha-256:" + sum
}

// Survey is the second way to find work.
func Survey(app *wire.App) *retention.Survey {
	db := app.Database()
	return &retention.Survey{Time: clocks(app), Lives: dynamo.NewLives(db), Holds: dynamo.NewHolds(db), Works: dynamo.NewWorks(db), Law: law()}
}

// Custodian decides what becomes of passports, and copies what the law keeps. It alone opens keys that are turned off.
func Custodian(app *wire.App) *retention.Custodian {
	c, db := app.Config(), app.Database()
	wrapper := kms.Open[id.Tenant](app.AWS(), c.KMSEndpoint, c.TenantKeyARN, kms.Tenants, httpapi.Count)
	ring := keyring.New[id.Tenant](dynamo.NewCustodyKeys(db), wrapper, app.Parts().Now)
	contents := objects.Open(app.AWS(), c.S3Endpoint, c.DocumentsBucket, httpapi.Count)
	return &retention.Custodian{
		Time: clocks(app), Works: dynamo.NewWorks(db), Lives: dynamo.NewLives(db), Law: law(),
		Keeper: keeper{dynamo.NewCases(db, ring, contents), keeping.Keeper(app, dynamo.NewPassports(db, ring, contents, app.Parts().Now))},
	}
}

// keeper implements retention.Keeper of its two halves: what there is to decide, and what is done about it.
type keeper struct {
	*dynamo.Cases
	*custody.Keeper
}

// Jobs are those of this package.
func Jobs(app *wire.App) []jobs.Job {
	return []jobs.Job{
		jobs.RetentionTick(Tick(app), Survey(app), pruner(app)), jobs.RetentionWork(Worker(app)), jobs.RetentionAudit(Auditor(app)), jobs.RetentionCustody(Custodian(app), keeping.Ender(app, clocks(app))),
	}
}

// Stores are all places that hold tenants' data. Without the persons' keys nobody's mail address is read: those who have
// left are then looked for by digest.
func Stores(app *wire.App, persons *keyring.Ring[id.Person]) []retention.Store {
	c, db, now := app.Config(), app.Database(), app.Parts().Now
	departed := dynamo.NewDeparted(db)
	var readable retention.Leavers
	if persons != nil {
		readable = dynamo.NewLeavers(db, persons, c.TokenIssuer)
	}
	all := []retention.Store{
		dynamo.NewSweepPublic(db, now), dynamo.NewSweepRecords(db, now), dynamo.NewSweepPeople(db, now), dynamo.NewSweepSettings(db, now), dynamo.NewSweepKeys(db, now),
		&userpool.Sweep{Pools: userpool.Open(app.AWS(), c.PoolEndpoint), Pool: c.UserPool, Leavers: dynamo.NewLeavers(db, nil, c.TokenIssuer), Departed: departed, Now: now},
		&mail.Sweep{Mailer: mailer(app), Leavers: readable, Departed: departed, Now: now},
		objects.OpenSweep(app.AWS(), c.S3Endpoint, evidence(c), now, httpapi.Count),
		retention.Elapsing{Store: "logs", Provider: "Amazon CloudWatch Logs and Amazon S3", Now: now,
			Method: fmt.Sprintf("Logs, and those of accesses to buckets, hold identifiers and no content, and are deleted by the services %d days after they were written, within 72 hours.", c.LogDays)},
		retention.Elapsing{Store: "queues", Provider: "AWS Lambda", Now: now,
			Method: "There are no queues but those of asynchronous calls, which hold identifiers alone and run out within 6 hours."},
	}
	for _, b := range buckets(c) {
		all = append(all, objects.OpenSweep(app.AWS(), c.S3Endpoint, b, now, httpapi.Count))
	}
	return all
}

func buckets(c wire.Config) []objects.Bucket {
	return []objects.Bucket{
		{Store: "documents", Phase: retention.Content, Bucket: c.DocumentsBucket, Folders: []string{"content"}, ByPassport: true},
		{Store: "exports", Phase: retention.Derived, Bucket: c.ExportsBucket, Folders: []string{"requests", "state", "packages"}},
		{Store: "uploads", Phase: retention.Derived, Bucket: c.UploadsBucket, Folders: []string{"uploads", "commits", "reports"}},
	}
}

// evidence cannot be deleted and names nobody.
func evidence(c wire.Config) objects.Bucket {
	return objects.Bucket{
		Store: "evidence", Phase: retention.Settings, Bucket: c.EvidenceBucket,
		Method: "Checkpoints of the audit log hold hashes alone, under a random name. What led from the organisation to that name was deleted with the organisation's log.",
	}
}

func mailer(app *wire.App) *mail.Mailer {
	return mail.Open(app.AWS(), app.Config().SESEndpoint, app.Config().MailFrom, httpapi.Count)
}

func persons(app *wire.App) *keyring.Ring[id.Person] {
	c := app.Config()
	wrapper := kms.Open[id.Person](app.AWS(), c.KMSEndpoint, c.TenantKeyARN, kms.Persons, httpapi.Count)
	return keyring.New[id.Person](dynamo.NewPersonKeys(app.Database()), wrapper, app.Parts().Now)
}

// law is the law of this build, which a test reads: it cannot be wrong at run time.
func law() lifecycle.Law {
	l, err := lifecycle.LoadLaw()
	if err != nil {
		panic(err)
	}
	return l
}
