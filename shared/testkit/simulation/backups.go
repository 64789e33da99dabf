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
	rotator *backup.Rotator
	figures backup.Figures
}

type point struct {
	id      string
	kind    backup.Kind
	made    time.Time
	expires time.Time // zero: never by itself
	removed time.Time // when the lifecycle gets to it
}

const (
	recoveryDays = 28
	table        = "Records" // one name for all tables with content, whose copies are made at the same instants
	vaultName    = "daily"
)

var (
	_ backup.Vaults = (*backups)(nil)
	_ backup.Tables = (*backups)(nil)
)

func newBackups(w *World) *backups {
	b := &backups{w: w}
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
	p := &point{id: fmt.Sprintf("arn:copy:%d", b.serial), kind: k, made: b.w.now}
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
	e := b.w.now.Add(-recoveryDays * day)
	if e.Before(epoch()) {
		return epoch()
	}
	return e
}

// holds tells whether any copy has what was there from at until gone.
func (b *backups) holds(at, gone time.Time) bool {
	if gone.After(b.earliest()) {
		return true
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
			c := backup.Copy{Kind: k, ID: p.id, Of: table, CreatedAt: p.made, ExpiresAt: p.expires, Status: backup.Good}
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

// Continuous is one of backup.Tables.
func (b *backups) Continuous(context.Context, string) (backup.Continuous, error) {
	return call(b.w, "Continuous", func() (backup.Continuous, error) {
		return backup.Continuous{Table: table, Enabled: true, Days: recoveryDays, Earliest: b.earliest(), Latest: b.w.now.Add(-5 * time.Minute)}, nil
	})
}

// Oldest is retention.Backups.
func (b *backups) Oldest(ctx context.Context) (time.Time, bool, error) { return b.rotator.Oldest(ctx) }
