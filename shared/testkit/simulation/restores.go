package simulation

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/clearance"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// restoring is a table that is being restored: the rows of its copy that are gone since, and what those said then that say
// something else now. The model has one table for all with content, restored by the steps of the real drill.
type restoring struct {
	w     *World
	rows  []*row
	doors map[id.Tenant]access.Door
	lost  map[id.Passport]bool // at whose address the copy still has its operator's view
	inUse bool
}

var (
	_ drill.Tables = (*restoring)(nil)
	_ drill.Truth  = (*restoring)(nil)
	_ drill.Switch = (*restoring)(nil)
	_ drill.Memory = (*restoring)(nil)
)

// restore brings a table back after some rows of a customer were lost: to a point of the recovery or of the vault.
func (w *World) restore() {
	d := w.dice.backup
	lost := w.loseSome()
	point := w.now.Add(-d.between(5*time.Minute, w.now.Sub(w.backups.earliest())))
	if len(w.backups.points) > 0 && d.chance(0.5) {
		point = w.backups.points[d.IntN(len(w.backups.points))].made
	}
	var held []journal.Subject // of whole tenants; smaller holds are asked for row by row
	for _, t := range w.tenants {
		for _, h := range t.holds {
			if h.inForce() && h.scope.Kind == lifecycle.ScopeTenant {
				held = append(held, journal.Subject{Scope: journal.Tenant, ID: string(t.id)})
			}
		}
	}
	r := w.copied(point)
	found := len(r.rows)
	run := &drill.Drill{
		Tables: r, Truth: r, Switch: r, Memory: r, Journal: w.journals.store, Secret: w.journals.Secret, Mirror: w.journals.store, Held: held,
		Now: func() time.Time { return w.now }, Wait: func(context.Context) error { return nil }, Tell: func(string, string) {},
	}
	report, _, err := run.Run(context.Background(), drill.State{Order: drill.Order{
		ID: "simulated", Kind: drill.Records, Source: w.backups.inUse, Adopted: w.backups.inUse + " of " + point.String(), AdoptedAt: point,
	}})
	if err != nil {
		w.oracle.fail(6, nil, "a restore does not end: %v", err)
	}
	w.oracle.restored()
	w.stats.Restores++
	w.logf("a backup of %s is restored: %d rows were lost, %d came back, %d entries of the journal count", point.Format(time.RFC3339), lost, found-report.Deleted, report.Journal.Entries)
}

// loseSome loses rows of one customer by accident.
func (w *World) loseSome() (n int) {
	for _, t := range w.tenants {
		if t.closed || t.exit != nil || !w.dice.backup.chance(0.2) {
			continue
		}
		for _, r := range append([]*row(nil), w.place(placeRecords).rows(t.id)...) {
			if n < 5 && r.kind != "head" && w.dice.backup.chance(0.3) && r.place.remove(r, "accident") {
				n++
			}
		}
		return n
	}
	return 0
}

// copied is the table as it was at a point, as far as that was different.
func (w *World) copied(point time.Time) *restoring {
	r := &restoring{w: w, doors: map[id.Tenant]access.Door{}, lost: map[id.Passport]bool{}}
	for _, p := range w.places {
		if !p.backedUp {
			continue
		}
		for _, t := range p.order {
			s := p.shelf(t)
			for _, one := range s.dead {
				if _, live := s.find(one.key); !live && !one.at.After(point) && one.gone.After(point) {
					r.rows = append(r.rows, one)
				}
			}
		}
	}
	for _, t := range w.tenants {
		if was := w.doorAt(t.id, point); !t.closed && was != w.doorAt(t.id, w.now) && was.State != "" {
			r.doors[t.id] = was
		}
	}
	for _, p := range w.custodyOrder {
		if k := w.custody[p]; k != nil && k.at.After(point) {
			r.lost[p] = true
		}
	}
	return r
}

// Settle is one of drill.Tables.
func (r *restoring) Settle(context.Context, string, drill.Settings) error { return nil }

// Settings is one of drill.Tables.
func (r *restoring) Settings(context.Context, string) (drill.Settings, error) {
	return drill.Settings{}, nil
}

// named tells whether the journal has a row, and no hold keeps it.
func (r *restoring) named(one *row, deleted drill.Names) bool {
	names := []journal.Subject{{Scope: journal.Tenant, ID: string(one.tenant)}}
	if one.passport != "" {
		names = append(names, journal.Subject{Scope: journal.Passport, ID: string(one.passport)})
	}
	if one.person != "" {
		names = append(names, journal.Subject{Scope: journal.Person, ID: string(one.person)})
	}
	if !deleted(names...) {
		return false
	}
	holds, err := r.w.ledger.holds.Of(context.Background(), one.tenant)
	if err != nil {
		panic(err)
	}
	return lifecycle.Blocked(holds, lifecycle.Target{Tenant: one.tenant, Passport: one.passport, User: one.person}) == nil
}

// Sweep is one of drill.Tables.
func (r *restoring) Sweep(_ context.Context, _ drill.Kind, _ string, deleted drill.Names, _ time.Time) (rows, swept int, err error) {
	var left []*row
	for _, one := range r.rows {
		if !r.named(one, deleted) {
			left = append(left, one)
		}
	}
	swept, r.rows = len(r.rows)-len(left), left
	return len(left), swept, nil
}

// Visible is one of drill.Tables.
func (r *restoring) Visible(_ context.Context, _ drill.Kind, _ string, deleted drill.Names, _ time.Time) (rows, visible int, err error) {
	for _, one := range r.rows {
		if r.named(one, deleted) {
			visible++
		}
	}
	return len(r.rows), visible, nil
}

// Reconcile is drill.Truth: lives say what rows say, and custody what addresses say.
func (r *restoring) Reconcile(ctx context.Context, _ drill.Kind, _ string) (string, error) {
	err := r.w.ledger.lives.Each(ctx, func(l lifecycle.Life) error {
		if _, old := r.doors[l.Record.Tenant]; old {
			r.doors[l.Record.Tenant] = l.Record.Door()
		}
		return nil
	})
	for p := range r.lost {
		r.lost[p] = false
	}
	if r.inUse {
		r.write()
	}
	return "put right", err
}

// write has what is in the table be what is.
func (r *restoring) write() {
	for _, t := range r.w.tenants {
		if says, old := r.doors[t.id]; old {
			r.w.write(t.id, says)
		}
	}
	for p, lost := range r.lost {
		r.w.custody[p].lost = lost
	}
}

// Switch is drill.Switch: the rows of the copy are there again.
func (r *restoring) Switch(context.Context, drill.Kind, string) (manual int, err error) {
	r.inUse = true
	for _, one := range r.rows {
		again := *one
		if again.cause != ghost {
			again.cause = restored
		}
		again.gone = time.Time{}
		r.w.oracle.back(one)
		one.place.put(again)
	}
	for _, t := range r.w.tenants {
		if x := t.exit; x != nil && x.sealed.IsZero() && r.gave(t.id) {
			x.digest = r.w.digest(t.id) // something that an earlier accident took
		}
	}
	r.write()
	r.w.backups.replace()
	return 0, nil
}

func (r *restoring) gave(t id.Tenant) bool {
	for _, one := range r.rows {
		if one.tenant == t {
			return true
		}
	}
	return false
}

// Clear is one of drill.Tables.
func (r *restoring) Clear(_ context.Context, _ drill.Kind, table string, sequence int64, at time.Time) (clearance.Marker, error) {
	return clearance.Marker{Table: table, TableID: table, Sequence: sequence, At: at}, nil
}

// Discard is one of drill.Tables.
func (r *restoring) Discard(context.Context, string) error { return nil }

// Keep is drill.Memory.
func (r *restoring) Keep(context.Context, drill.State) error { return nil }
