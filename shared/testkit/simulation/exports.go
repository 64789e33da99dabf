package simulation

import (
	"context"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// exporting is one export: asked for, under way, done or given up.
type exporting struct {
	asked, done time.Time
	row         *row
}

// fetchHours is how long a package can be fetched at least, when its export ran at the instant at which the window was to
// close.
const fetchHours = 6 * time.Hour

// longestExport is how long one may keep the window open.
const longestExport = 5 * day

// export takes everything away; it takes a while. What it reads at the end must be all there was.
func (w *World) export(t *tenant, takes time.Duration) {
	if !w.may(t, lifecycle.Export) {
		return
	}
	x := t.exit
	e := &exporting{asked: w.now}
	w.exports[t.id] = append(w.exports[t.id], e)
	w.after(takes, func() {
		e.done = w.now
		if t.closed || t.exit != x {
			return
		}
		end := time.Time{}
		if x != nil {
			end = x.notBefore()
		}
		if !end.IsZero() && (w.now.After(end.Add(longestExport)) || x.broken || x.corrupted) {
			return // it was cut off
		}
		t.serial++
		e.row = w.place(placeExports).put(row{tenant: t.id, key: fmt.Sprintf("export#%d", t.serial), kind: "package", value: w.dice.data.Uint64()})
		if x != nil && !w.now.Before(x.t0) {
			w.oracle.probe(t, x, "at the end of an export")
			if w.now.After(end) && w.now.Add(fetchHours).Before(end.Add(longestExport)) {
				w.after(fetchHours-time.Second, func() { w.oracle.fetch(t, x, e) })
			}
		}
	})
}

// Running is retention.Exports.
func (w *World) Running(_ context.Context, t id.Tenant, before time.Time) (running bool, doneAt time.Time, err error) {
	type answer struct {
		running bool
		doneAt  time.Time
	}
	a, err := call(w, "Running", func() (answer, error) {
		var a answer
		for _, e := range w.exports[t] {
			switch {
			case !e.asked.Before(before):
			case e.done.IsZero():
				a.running = true
			case e.done.After(a.doneAt):
				a.doneAt = e.done
			}
		}
		return a, nil
	})
	return a.running, a.doneAt, err
}

var _ retention.Exports = (*World)(nil)

// probe asks for an export and looks whether everything is there: invariant 2. Whether the tenant is in the window is for
// the caller to know.
func (o *oracle) probe(t *tenant, x *exit, when string) {
	if t.exit != x || x.broken || x.corrupted || !x.consent.IsZero() && !o.w.now.Before(x.notBefore()) {
		return
	}
	o.w.stats.Probes++
	if t.closed {
		o.fail(2, t, "%s there is nothing left to export", when)
		return
	}
	if err := o.w.life(t).Record.Can(lifecycle.Export, o.w.now); err != nil {
		o.fail(2, t, "%s an export is refused: %v", when, err)
		return
	}
	if o.w.digest(t.id) != x.digest {
		o.fail(2, t, "%s an export is not complete", when)
	}
	if len(o.w.keys.rows(t.id)) == 0 {
		o.fail(2, t, "%s the key is gone", when)
	}
}

// fetch wants a package that was ready late still to be there.
func (o *oracle) fetch(t *tenant, x *exit, e *exporting) {
	if t.exit != x || x.broken || x.corrupted || !x.consent.IsZero() {
		return
	}
	o.w.stats.Probes++
	if t.closed || !e.row.gone.IsZero() || !o.w.may(t, lifecycle.Export) {
		o.fail(2, t, "the package of an export that ended at %s cannot be fetched", e.done.Format(time.RFC3339))
	}
}
