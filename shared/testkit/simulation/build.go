package simulation

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/testkit/ledger"
)

// ledger is everything in the table that outlives tenants.
type ledgers struct {
	lives   *ledger.Lives
	holds   *ledger.Holds
	choices *ledger.Choices
	works   *ledger.Works
	guards  *ledger.Guards
	trail   *trail
}

// newWorld makes a platform without customers.
func newWorld(cfg Config) *World {
	w := &World{cfg: cfg, now: epoch(), byID: map[id.Tenant]*tenant{}}
	w.end = w.now.AddDate(cfg.Years, 0, 0)
	w.mix = drawMix(cfg.Seed)
	if cfg.Mix != nil {
		w.mix = *cfg.Mix
	}
	s := cfg.Seed
	w.dice = dices{
		faults: newDice(s, "faults"), clocks: newDice(s, "clocks"), schedule: newDice(s, "schedule"), people: newDice(s, "people"),
		data: newDice(s, "data"), script: newDice(s, "script"), backup: newDice(s, "backup"), entropy: newDice(s, "entropy"),
	}
	w.ids = id.NewSource(func() time.Time { return w.now }, w.dice.entropy)
	w.faults.byKind = map[string]int64{}
	w.stats.Jobs, w.stats.JobErrors, w.stats.Alarms = map[string]int64{}, map[string]int64{}, map[string]int64{}
	w.exports, w.moments = map[id.Tenant][]*exporting{}, map[id.Tenant]int{}
	w.disabled, w.custody = map[id.Tenant]bool{}, map[id.Passport]*kept{}
	w.policy = lifecycle.Current()
	w.oracle = newOracle(w)
	w.ledger = &ledgers{
		lives: ledger.NewLives(), holds: ledger.NewHolds(), choices: ledger.NewChoices(),
		works: ledger.NewWorks(), guards: ledger.NewGuards(), trail: newTrail(w),
	}
	w.doors = map[id.Tenant][]door{}
	w.ledger.lives.Door = w.expected
	w.ledger.lives.Written = func(s lifecycle.Step) {
		w.says(s.After.Record)
		w.ledger.trail.write(s.Entries...)
		w.oracle.stepped(s)
	}
	w.ledger.lives.Gone = w.oracle.retired
	w.backups = newBackups(w)
	w.furnish()
	return w
}

// furnish makes the places. What is deleted from a table stays in its copies for 28 days; a key in those of the key store
// for 7. An object's version that is removed by its name is gone.
func (w *World) furnish() {
	add := func(p place) *place {
		p.w, p.shelves = w, map[id.Tenant]*shelf{}
		w.places = append(w.places, &p)
		return &p
	}
	const (
		dynamo = "Amazon DynamoDB"
		s3     = "Amazon S3"
	)
	add(place{name: placePublic, phase: retention.Derived, provider: dynamo, content: true, backedUp: true})
	add(place{name: placeExports, phase: retention.Derived, provider: s3})
	add(place{name: placeUploads, phase: retention.Derived, provider: s3})
	add(place{name: placeQueues, phase: retention.Derived, provider: "Amazon SQS", expires: 4 * day})
	add(place{name: placeRecords, phase: retention.Content, provider: dynamo, content: true, backedUp: true})
	add(place{name: placeDocuments, phase: retention.Content, provider: s3, content: true})
	add(place{name: placeMembers, phase: retention.People, provider: dynamo, content: true, backedUp: true})
	add(place{name: placeUsers, phase: retention.People, provider: "Amazon Cognito", outside: true})
	add(place{name: placeSuppression, phase: retention.People, provider: "Amazon SES", outside: true})
	add(place{name: placeSettings, phase: retention.Settings, provider: dynamo, content: true, backedUp: true})
	w.keys = add(place{name: placeKeys, phase: retention.Keys, provider: dynamo, keepsFor: 7 * day})
}
