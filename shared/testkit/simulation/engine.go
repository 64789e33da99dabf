package simulation

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// budget is how many items one run of a worker may write.
const budget = 400

// engine is the real one, with its ports in this world.
type engine struct {
	w         *World
	tick      *retention.Tick
	worker    *retention.Worker
	auditor   *retention.Auditor
	custodian *retention.Custodian
	survey    *retention.Survey
	erasures  *retention.Erasures
	outage    time.Time // nothing runs until then
}

func newEngine(w *World) *engine {
	law, err := lifecycle.LoadLaw()
	if err != nil {
		panic(err)
	}
	l, h := lives{w, w.ledger.lives}, holds{w, w.ledger.holds}
	k, g := works{w, w.ledger.works}, guards{w, w.ledger.guards}
	at := retention.Time{Sources: w.clocks, Guards: g, Meter: w, Clock: w.clocks.lambda, Patience: 14 * time.Minute}
	var stores []retention.Store
	var counts []retention.Census
	for _, p := range w.places {
		stores, counts = append(stores, store{p}), append(counts, census{p})
	}
	return &engine{
		w: w,
		tick: &retention.Tick{
			Time: at, Lives: l, Holds: h, Works: k, Places: retention.Places(stores), Exports: w, Prover: w.ledger.trail,
			Backups: w.backups, Journal: w.journals, Switch: w, Herald: w, Secrets: w, Signer: w, Law: law, IDs: w.ids, Template: "sha-256:simulation",
		},
		worker: &retention.Worker{
			Time: at, Works: k, Drops: k, Stores: stores, Lives: l, Holds: h, Register: w, Journal: w.journals, Budget: budget, Page: 25,
		},
		auditor: &retention.Auditor{
			Time: at, Works: k, Lives: l, Stores: stores, Census: counts, Register: w, Journal: w.journals, IDs: w.ids,
		},
		custodian: &retention.Custodian{Time: at, Works: k, Lives: l, Keeper: keeper{w}, Law: law, Page: 3},
		survey:    &retention.Survey{Time: at, Lives: l, Holds: h, Works: k, Law: law},
		erasures:  &retention.Erasures{Works: w.ledger.works, Drops: w.ledger.works, Lives: w.ledger.lives, Holds: w.ledger.holds},
	}
}

// run runs one job as the schedule does, with what can go wrong with it.
func (e *engine) run(name string, do func(context.Context, time.Time) error) {
	w := e.w
	d := w.dice.schedule
	if w.now.Before(e.outage) {
		w.injected("outage")
		return
	}
	if d.chance(w.mix.Missed) {
		w.injected("run missed")
		return
	}
	once := func() {
		w.clocks.drift()
		before := w.stats.Removed
		err, crashed := w.job(name, func() error { return do(context.Background(), w.clocks.lambda()) })
		if n := w.stats.Removed - before; n > budget {
			w.oracle.fail(14, nil, "%s removed %d items in one run; %d are allowed", name, n, budget)
		}
		if err != nil && !crashed {
			w.stats.JobErrors[name]++
			w.logf("%s: %v", name, err)
		}
	}
	if d.chance(w.mix.Late) {
		w.injected("run late")
		w.after(d.between(time.Minute, 20*time.Hour), once)
		return
	}
	once()
	if d.chance(w.mix.Duplicate) {
		w.injected("run twice")
		once()
	}
}

// schedule has every job run as the template says, or less often where nothing is urgent: a run left out is a missed run.
func (e *engine) schedule() {
	w, step := e.w, e.w.mix.Step
	w.every(time.Minute, func() time.Duration {
		e.run("tick", e.tick.Run)
		return step
	})
	w.every(2*time.Minute, func() time.Duration {
		e.run("custodian", e.custodian.Run)
		return step
	})
	w.every(3*time.Minute, func() time.Duration {
		e.run("worker", e.worker.Run)
		return step
	})
	w.every(4*time.Minute, func() time.Duration {
		e.run("auditor", e.auditor.Run)
		return step
	})
	w.every(5*time.Hour, func() time.Duration {
		e.run("detector", e.auditor.Detect)
		return 7 * day
	})
	w.every(7*time.Hour, func() time.Duration {
		e.run("survey", e.survey.Run)
		return day
	})
	w.every(6*time.Hour, func() time.Duration {
		e.run("rotation", w.backups.rotator.Run)
		return day
	})
	w.faults.overlap = func() {
		_, _ = w.job("worker", func() error { return e.worker.Run(context.Background(), w.clocks.lambda()) })
	}
}
