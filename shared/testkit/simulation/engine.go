package simulation

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/jobs"
)

// budget is how many items one run of a worker may write.
const budget = 400

// engine is the real one, with its ports in this world.
type engine struct {
	w         *World
	tick      *retention.Tick
	worker    *retention.Worker
	auditor   jobs.Job
	custodian jobs.Job
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
	w.backups.rotator.Time = at.Present
	return &engine{
		w: w,
		tick: &retention.Tick{
			Time: at, Lives: l, Holds: h, Works: k, Places: retention.Places(stores), Exports: w, Prover: w.ledger.trail,
			Backups: w.backups, Journal: w.journals, Switch: w, Herald: w, Secrets: w, Signer: w, Law: law, IDs: w.ids, Template: "sha-256:simulation", Policy: w.policy,
		},
		worker: &retention.Worker{
			Time: at, Works: k, Drops: k, Stores: stores, Lives: l, Holds: h, Register: w, Journal: w.journals, Budget: budget, Page: 25,
		},
		auditor: jobs.RetentionAudit(&retention.Auditor{
			Time: at, Works: k, Lives: l, Stores: stores, Census: counts, Register: w, Journal: w.journals, IDs: w.ids,
		}),
		custodian: jobs.RetentionCustody(&retention.Custodian{Time: at, Works: k, Lives: l, Keeper: keeper{w}, Law: law, Page: 3},
			&custody.Ender{Time: at.Present, Store: copies{w: w}}),
		survey:   &retention.Survey{Time: at, Lives: l, Holds: h, Works: k, Law: law},
		erasures: &retention.Erasures{Works: w.ledger.works, Drops: w.ledger.works, Lives: w.ledger.lives, Holds: w.ledger.holds},
	}
}

// run runs one job as the schedule does, with what can go wrong with it. A run that is missed is only missed where the next
// one comes soon; a daily or weekly one comes late, since schedules repeat what failed for 24 hours.
func (e *engine) run(name string, often bool, do func(context.Context, time.Time) error) {
	w := e.w
	d := w.dice.schedule
	if w.now.Before(e.outage) {
		w.injected("outage")
		if !often {
			w.at(e.outage.Add(time.Hour), func() { e.run(name, often, do) })
		}
		return
	}
	late := d.chance(w.mix.Late)
	if d.chance(w.mix.Missed) {
		w.injected("run missed")
		if often {
			return
		}
		late = true
	}
	if late {
		w.injected("run late")
		w.after(d.between(time.Minute, 20*time.Hour), func() { e.once(name, often, do) })
		return
	}
	e.once(name, often, do)
	if d.chance(w.mix.Duplicate) {
		w.injected("run twice")
		e.once(name, often, do)
	}
}

// once runs a job; one that comes rarely is tried twice more when it fails, as asynchronous invocations are.
func (e *engine) once(name string, often bool, do func(context.Context, time.Time) error) {
	w := e.w
	for try := range 3 {
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
		if often || try == 2 || err == nil && !crashed {
			return
		}
		w.now = w.now.Add(time.Duration(try+1) * time.Minute)
	}
}

// schedule has every job run as the template says, or less often where nothing is urgent: a run left out is a missed run.
func (e *engine) schedule() {
	w := e.w
	for i, job := range []struct {
		name  string
		every time.Duration
		do    func(context.Context, time.Time) error
	}{
		{"tick", w.mix.Step, e.tick.Run}, {"custodian", w.mix.Step, e.custodian.Run}, {"worker", w.mix.Step, e.worker.Run},
		{"auditor", w.mix.Step, e.auditor.Run}, {"survey", day, e.survey.Run},
	} {
		w.every(time.Duration(i+1)*time.Minute, func() time.Duration {
			e.run(job.name, job.every < day, job.do)
			return job.every
		})
	}
	w.every(6*time.Hour, func() time.Duration {
		e.run("rotation", false, w.backups.rotator.Run)
		return day
	})
	w.faults.overlap = func() {
		_, _ = w.job("worker", func() error { return e.worker.Run(context.Background(), w.clocks.lambda()) })
	}
}
