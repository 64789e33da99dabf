package backup

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Vaults lists recovery points. It has no way to remove one: a locked vault refuses that to everybody.
type Vaults interface {
	Points(ctx context.Context, vault string) ([]Copy, error)
}

// Tables is what DynamoDB itself keeps of tables.
type Tables interface {
	Names(ctx context.Context) ([]string, error) // of all tables of the account
	Backups(ctx context.Context) ([]Copy, error) // of all tables of the account
	Remove(ctx context.Context, c Copy) error
	Continuous(ctx context.Context, table string) (Continuous, error)
}

// Version is an object's content that another has replaced, or a delete marker that has.
type Version struct {
	Key, ID string
	Since   time.Time // when it was replaced
}

// Versions is what a bucket keeps of replaced and deleted objects.
type Versions interface {
	// Replaced calls do for every version that is not the current one.
	Replaced(ctx context.Context, bucket string, do func(Version) error) error
	RemoveVersion(ctx context.Context, bucket string, v Version) error
}

// Rotator takes stock of all copies, removes what is too old and says what is wrong.
type Rotator struct {
	Sources  []Source
	Vaults   Vaults
	Tables   Tables
	Versions Versions
	Buckets  []string // with versions
	Now      clock.Clock
	Publish  func(Figures)
	// Time tells the present, and says lifecycle.ErrClock when it is not known well enough to destroy anything.
	Time func(ctx context.Context, now time.Time) (lifecycle.Instants, error)
}

// mostVersions is how many versions one run removes: the bucket's lifecycle does the bulk, this is for what it missed.
const mostVersions = 10_000

// Take takes stock of the copies of tables.
func (r *Rotator) Take(ctx context.Context) (Inventory, error) {
	var have Inventory
	seen := map[string]bool{}
	for _, s := range r.Sources {
		if s.Vault != "" && !seen[s.Vault] {
			seen[s.Vault] = true
			points, err := r.Vaults.Points(ctx, s.Vault)
			if err != nil {
				return have, err
			}
			have.Copies = append(have.Copies, points...)
		}
		c, err := r.Tables.Continuous(ctx, s.Table)
		if err != nil {
			return have, err
		}
		have.Continuous = append(have.Continuous, c)
	}
	native, err := r.Tables.Backups(ctx)
	have.Copies = append(have.Copies, native...)
	if err != nil {
		return have, err
	}
	return have, r.leftOver(ctx, &have)
}

// leftOver adds the tables that belong to a source and are none.
func (r *Rotator) leftOver(ctx context.Context, have *Inventory) error {
	names, err := r.Tables.Names(ctx)
	if err != nil {
		return err
	}
	for _, table := range names {
		used := slices.ContainsFunc(r.Sources, func(s Source) bool { return s.Table == table })
		if used || !slices.ContainsFunc(r.Sources, func(s Source) bool { return s.Belongs(table) }) {
			continue
		}
		c, err := r.Tables.Continuous(ctx, table)
		if err != nil {
			return err
		}
		have.Left, have.Continuous = append(have.Left, table), append(have.Continuous, c)
	}
	return nil
}

// Run is one day's work. Whatever is wrong is an error that names all of it; the figures are published in any case that
// an inventory could be taken. While the time is not known nothing is done. Running it twice, late or beside itself does
// no harm.
func (r *Rotator) Run(ctx context.Context, now time.Time) error {
	at, err := r.Time(ctx, now)
	if err != nil {
		return err
	}
	have, err := r.Take(ctx)
	if err != nil {
		return err
	}
	remove, _ := Decide(r.Sources, have, at.NotBefore)
	var failed []error
	for _, c := range remove {
		if err := r.Tables.Remove(ctx, c); err != nil {
			failed = append(failed, fmt.Errorf("backup %s is not removed: %w", c.ID, err))
		}
	}
	if have, err = r.Take(ctx); err != nil {
		return errors.Join(append(failed, err)...)
	}
	r.Publish(Measure(r.Sources, have, at.NotAfter))
	still, _ := Decide(r.Sources, have, at.NotBefore)
	_, wrong := Decide(r.Sources, have, at.NotAfter)
	for _, c := range still {
		wrong = append(wrong, Finding{"not-removed", c.ID, "it was removed, as the service says, and is there"})
	}
	for _, bucket := range r.Buckets {
		some, err := r.versions(ctx, bucket, at.NotBefore)
		wrong = append(wrong, some...)
		if err != nil {
			failed = append(failed, err)
		}
	}
	for _, f := range wrong {
		failed = append(failed, errors.New(f.String()))
	}
	return errors.Join(failed...)
}

// versions removes replaced versions that are too old, and looks again.
func (r *Rotator) versions(ctx context.Context, bucket string, now time.Time) ([]Finding, error) {
	old := func(do func(Version) error) error {
		return r.Versions.Replaced(ctx, bucket, func(v Version) error {
			// S3 counts days from the next midnight and works through its lists after that.
			if now.Sub(v.Since) <= Most+2*day {
				return nil
			}
			return do(v)
		})
	}
	enough, removed := errors.New("enough"), 0
	err := old(func(v Version) error {
		if removed++; removed > mostVersions {
			return enough
		}
		return r.Versions.RemoveVersion(ctx, bucket, v)
	})
	if err != nil && !errors.Is(err, enough) {
		return nil, err
	}
	left := 0
	if removed > 0 {
		if err := old(func(Version) error { left++; return nil }); err != nil {
			return nil, err
		}
	}
	if left > 0 {
		return []Finding{{"old-versions", bucket, fmt.Sprintf("%d versions are older than %d days", left, int(Most/day))}}, nil
	}
	return nil, nil
}

// Oldest is the earliest instant to which content can be brought back from any copy; complete says that nothing was left
// out. What was deleted before it is in no copy. A list of each vault, of DynamoDB's backups and of its
// tables, and a call for each of ours.
func (r *Rotator) Oldest(ctx context.Context) (oldest time.Time, complete bool, err error) {
	return r.oldest(ctx, func(s Source) bool { return s.Content })
}

// OldestKeys is the same for the table named: a key destroyed before it is final.
func (r *Rotator) OldestKeys(ctx context.Context, table string) (oldest time.Time, complete bool, err error) {
	return r.oldest(ctx, func(s Source) bool { return s.Table == table })
}

func (r *Rotator) oldest(ctx context.Context, wanted func(Source) bool) (time.Time, bool, error) {
	have, err := r.Take(ctx)
	if err != nil {
		return time.Time{}, false, err
	}
	oldest, complete := OldestOf(r.Sources, have, r.Now(), wanted)
	return oldest, complete, nil
}
