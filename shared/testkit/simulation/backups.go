package simulation

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
)

// backups are the copies of the tables: point-in-time recovery, which reaches back 28 days, and one recovery point a day
// in a vault, which its lifecycle removes, and backups that somebody made by order, which only the rotation removes.
//
// AWS Backup: a deletion with insufficient permissions "returns a successful response" and leaves the point, which goes to
// EXPIRED; a point that has expired is removed within hours. DynamoDB: "LatestRestorableDateTime is typically 5 minutes
// before the current time"; the earliest one is RecoveryPeriodInDays ago, or when recovery was enabled.
type backups struct {
	w       *World
	points  []*point // by creation
	serial  int
	shrugs  time.Time // until then removals answer 200 and do nothing
	inUse   string    // the table, which after a restore has another name
	since   time.Time // from when on there is recovery of it
	lost    []lost
	rotator *backup.Rotator
	figures backup.Figures
}

// lost is a table that a restored one has replaced, until somebody removes it. Its rows are what they were, and it can be
// brought back to any instant of its own recovery.
type lost struct {
	name      string
	at, since time.Time
}

type point struct {
	id      string
	of      string
	kind    backup.Kind
	made    time.Time
	expires time.Time // zero: never by itself
	removed time.Time // when the lifecycle gets to it
}

const (
	recoveryDays = 28
	table        = "Records" // one for all tables with content, whose copies are made at the same instants
	vaultName    = "daily"
)

var (
	_ backup.Vaults = (*backups)(nil)
	_ backup.Tables = (*backups)(nil)
)

func newBackups(w *World) *backups {
	b := &backups{w: w, inUse: table, since: epoch()}
	b.rotator = &backup.Rotator{
		Sources: []backup.Source{{Table: table, Keep: backup.Most, Days: recoveryDays, Vault: vaultName, Content: true}},
		Vaults:  b, Tables: b, Now: func() time.Time { return w.now }, Publish: func(f backup.Figures) { b.figures = f },
	}
	w.every(2*time.Hour, func() time.Duration {
		b.make(backup.Vault)
		return day
	})
	return b
}

// make makes a copy; what is in it follows from when it was made.
func (b *backups) make(k backup.Kind) {
	b.clean()
	b.serial++
	p := &point{id: fmt.Sprintf("arn:copy:%d", b.serial), of: b.inUse, kind: k, made: b.w.now}
	if k == backup.Vault {
		p.expires = p.made.Add(recoveryDays * day)
		p.removed = p.expires.Add(b.w.dice.backup.between(0, backup.Lag-time.Minute))
	}
	b.points = append(b.points, p)
	b.w.stats.Copies++
}

// clean lets the lifecycle of the vault remove what has expired.
func (b *backups) clean() {
	b.points = slices.DeleteFunc(b.points, func(p *point) bool { return !p.removed.IsZero() && !p.removed.After(b.w.now) })
}

// earliest is how far back the recovery reaches.
func (b *backups) earliest() time.Time {
	return later(b.w.now.Add(-recoveryDays*day), b.since)
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// replace puts a restored table in the place of the one in use. Somebody removes that within a day.
func (b *backups) replace() {
	was := lost{b.inUse, b.w.now, b.since}
	b.lost = append(b.lost, was)
	b.serial++
	b.inUse, b.since = fmt.Sprintf("%s%s%d", table, backup.Restored, b.serial), b.w.now
	b.rotator.Sources[0].Table = b.inUse
	b.w.after(b.w.dice.backup.between(time.Hour, 20*time.Hour), func() {
		b.lost = slices.DeleteFunc(b.lost, func(l lost) bool { return l.name == was.name })
	})
}

// holds tells whether any copy has what was there from at until gone.
func (b *backups) holds(at, gone time.Time) bool {
	if gone.After(b.earliest()) {
		return true
	}
	for _, l := range b.lost {
		if !at.After(l.at) && gone.After(later(b.w.now.Add(-recoveryDays*day), l.since)) {
			return true
		}
	}
	i := sort.Search(len(b.points), func(i int) bool { return !b.points[i].made.Before(at) })
	for ; i < len(b.points) && b.points[i].made.Before(gone); i++ {
		if p := b.points[i]; p.removed.IsZero() || p.removed.After(b.w.now) {
			return true
		}
	}
	return false
}

func (b *backups) copies(k backup.Kind) []backup.Copy {
	b.clean()
	var out []backup.Copy
	for _, p := range b.points {
		if p.kind == k {
			c := backup.Copy{Kind: k, ID: p.id, Of: p.of, CreatedAt: p.made, ExpiresAt: p.expires, Status: backup.Good}
			if k == backup.Vault {
				c.Vault = vaultName
			}
			out = append(out, c)
		}
	}
	return out
}

// Points is one of backup.Vaults.
func (b *backups) Points(context.Context, string) ([]backup.Copy, error) {
	return call(b.w, "Points", func() ([]backup.Copy, error) { return b.copies(backup.Vault), nil })
}

// Backups is one of backup.Tables.
func (b *backups) Backups(context.Context) ([]backup.Copy, error) {
	return call(b.w, "Backups", func() ([]backup.Copy, error) { return b.copies(backup.Native), nil })
}

// Remove is one of backup.Tables.
func (b *backups) Remove(_ context.Context, c backup.Copy) error {
	return send(b.w, "RemoveBackup", func() error {
		if b.w.now.Before(b.shrugs) {
			b.w.injected("backup: 200 without effect")
			return nil
		}
		b.points = slices.DeleteFunc(b.points, func(p *point) bool {
			if age := b.w.now.Sub(p.made); p.id == c.ID && age < recoveryDays*day {
				b.w.oracle.fail(12, nil, "backup %s is removed when it is %s old", p.id, age.Round(time.Hour))
			}
			return p.id == c.ID
		})
		return nil
	})
}

// Names is one of backup.Tables.
func (b *backups) Names(context.Context) ([]string, error) {
	return call(b.w, "TableNames", func() ([]string, error) {
		all := []string{b.inUse}
		for _, l := range b.lost {
			all = append(all, l.name)
		}
		return all, nil
	})
}

// Continuous is one of backup.Tables.
func (b *backups) Continuous(_ context.Context, name string) (backup.Continuous, error) {
	return call(b.w, "Continuous", func() (backup.Continuous, error) {
		since := b.since
		for _, l := range b.lost {
			if l.name == name {
				since = l.since
			}
		}
		return backup.Continuous{
			Table: name, Enabled: true, Days: recoveryDays, Earliest: later(b.w.now.Add(-recoveryDays*day), since), Latest: b.w.now.Add(-5 * time.Minute),
		}, nil
	})
}

// Oldest is retention.Backups.
func (b *backups) Oldest(ctx context.Context) (time.Time, bool, error) { return b.rotator.Oldest(ctx) }
