// Package drill restores a table from a copy as the runbook says (infra/runbooks/restore-table.md), step by step: it
// remembers what is done, so that it goes on after a crash where it was, measures, and ends with a report. A restore in
// earnest and a rehearsal are the same steps.
package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/domain/clearance"
	"github.com/passportcraft/passportcraft/shared/domain/journal"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// Settings are those of a table that a restore loses.
type Settings struct {
	TTL       string // attribute; "" for none
	Days      int    // of point-in-time recovery; 0: off
	Protected bool   // against deletion
	Key       string // ARN of the KMS key at rest; "" leaves what is
	Tags      map[string]string
}

// Copies are where a table is restored from.
type Copies interface {
	Points(ctx context.Context, vault string) ([]backup.Copy, error)
	// Restore starts a job; the same token is the same job.
	Restore(ctx context.Context, point, table, token string) (job string, err error)
	Restored(ctx context.Context, job string) (done bool, err error)
}

// Names tells whether any of these was deleted.
type Names func(of ...journal.Subject) bool

// Tables is what is done to a restored table.
type Tables interface {
	Settle(ctx context.Context, table string, s Settings) error
	Settings(ctx context.Context, table string) (Settings, error)
	// Sweep empties every row that belongs to what was deleted, or to a custody that had ended at an instant. Doing it again
	// finds nothing more.
	Sweep(ctx context.Context, k Kind, table string, deleted Names, at time.Time) (rows, swept int, err error)
	// Visible counts such rows by looking in another way than Sweep.
	Visible(ctx context.Context, k Kind, table string, deleted Names, at time.Time) (rows, visible int, err error)
	Clear(ctx context.Context, k Kind, table string, sequence int64, at time.Time) (clearance.Marker, error)
	Discard(ctx context.Context, table string) error
}

// Truth is what the tables say that were not lost, and that a restored one must not contradict: its copy is from before it.
type Truth interface {
	// Reconcile puts right in a restored table what others know better, and says how much that was. Doing it again changes
	// nothing more.
	Reconcile(ctx context.Context, k Kind, table string) (said string, err error)
}

// Switch puts a restored table in the place of the lost one. manual tells how many steps are left to people.
type Switch interface {
	Switch(ctx context.Context, k Kind, table string) (manual int, err error)
}

// Memory keeps how far a drill is.
type Memory interface {
	Keep(ctx context.Context, s State) error
}

// Drill has what the steps need.
type Drill struct {
	Copies  Copies
	Tables  Tables
	Truth   Truth
	Journal journal.Store
	Secret  journal.Secret
	Mirror  journal.Mirror
	Switch  Switch // nil for a rehearsal: nothing is switched
	Memory  Memory
	Now     clock.Clock
	Wait    func(ctx context.Context) error // between two questions about a job
	Tell    func(step, what string)

	Held    []journal.Subject // under a legal hold
	Discard bool              // remove the restored table at the end
}

// Order is what is asked for.
type Order struct {
	ID     string // of this drill; also the token of its job
	Kind   Kind
	Source string // table
	Vault  string
	Point  string    // recovery point; "" takes the newest good one
	Before time.Time // newest good one not after this; zero: now
	Want   Settings

	// Adopted is a table that somebody else has restored to an instant (from point-in-time recovery), which the drill takes
	// over: it is settled, replayed, checked and cleared like any other.
	Adopted   string
	AdoptedAt time.Time // that instant
}

// State is how far a drill is.
type State struct {
	Order     Order
	StartedAt time.Time
	Point     backup.Copy
	Newest    time.Time // of the newest good copy at the start
	Target    string
	Job       string
	Through   int64 // entries of the journal that were replayed
	Entries   int
	Held      int
	Swept     int
	Rows      int
	Visible   int
	Checked   bool
	Manual    int
	Marker    *clearance.Marker
	Done      []Done
}

// Done is one step that is over.
type Done struct {
	Name   string    `json:"name"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail"`
}

// step is one step of the runbook. Each can be repeated from its beginning at any time.
type step struct {
	name string
	do   func(ctx context.Context, s *State) (detail string, err error)
}

func (d *Drill) steps() []step {
	all := []step{
		{"choose", d.choose}, {"restore", d.restore}, {"settle", d.settle}, {"replay", d.replay}, {"check", d.check},
		{"reconcile", d.reconcile}, {"clear", d.clear},
	}
	if d.Switch != nil {
		// What was deleted, and what happened, between the replay and the switch is made up for in the new table, now that it
		// is the one in use.
		all = append(all, step{switching, d.switchOver}, step{"replay again", d.replay}, step{"check again", d.check}, step{"reconcile again", d.reconcile})
	}
	if d.Discard {
		all = append(all, step{"discard", func(ctx context.Context, s *State) (string, error) {
			return s.Target + " is removed", d.Tables.Discard(ctx, s.Target)
		}})
	}
	return all
}

// Run goes through the steps that are left and returns the report. An error leaves the state as it is: running again goes
// on there.
func (d *Drill) Run(ctx context.Context, s State) (Report, State, error) {
	if s.StartedAt.IsZero() {
		if !s.Order.Kind.Known() {
			return Report{}, s, fmt.Errorf("drill: there is no table %q", s.Order.Kind)
		}
		s.StartedAt = d.Now()
		s.Target = backup.Base(s.Order.Source) + backup.Restored + s.StartedAt.UTC().Format("20060102t150405")
		if s.Order.Adopted != "" {
			s.Target = s.Order.Adopted
		}
		if s.Target == s.Order.Source {
			return Report{}, s, errors.New("drill: a table is not restored onto itself")
		}
		if err := d.Memory.Keep(ctx, s); err != nil {
			return Report{}, s, err
		}
	}
	for i, one := range d.steps() {
		if i < len(s.Done) {
			continue
		}
		d.Tell(one.name, "…")
		detail, err := one.do(ctx, &s)
		if err != nil {
			return Report{}, s, fmt.Errorf("%s: %w", one.name, err)
		}
		s.Done = append(s.Done, Done{one.name, d.Now(), detail})
		if err := d.Memory.Keep(ctx, s); err != nil {
			return Report{}, s, err
		}
		d.Tell(one.name, detail)
		if one.name == switching && s.Manual > 0 {
			return Report{}, s, ErrByHand
		}
	}
	return s.report(d.Now()), s, nil
}

// ErrByHand says that people have to put the restored table in use now. Running again, when it is, makes up for what
// happened until then.
var ErrByHand = errors.New("the table is cleared and has to be put in use by hand")

const switching = "switch"

// choose holds the journal against its mirror, for without a whole journal nothing may be restored, and finds the copy.
func (d *Drill) choose(ctx context.Context, s *State) (string, error) {
	through, err := journal.Complete(ctx, d.Journal, d.Mirror)
	if err != nil {
		return "", err
	}
	if s.Order.Adopted != "" {
		s.Point, s.Newest = backup.Copy{ID: s.Order.Adopted, Of: s.Order.Source, CreatedAt: s.Order.AdoptedAt}, s.Order.AdoptedAt
		return fmt.Sprintf("%s, restored to %s; the journal is whole, %d entries", s.Target, s.Order.AdoptedAt.Format(time.RFC3339), through), nil
	}
	points, err := d.Copies.Points(ctx, s.Order.Vault)
	if err != nil {
		return "", err
	}
	s.Point, s.Newest = backup.Copy{}, time.Time{}
	for _, p := range points {
		if backup.Base(p.Of) != backup.Base(s.Order.Source) || p.Status != backup.Good {
			continue // copies of the table that the source was restored from are copies of it too
		}
		if p.CreatedAt.After(s.Newest) {
			s.Newest = p.CreatedAt
		}
		wanted := s.Order.Point == p.ID || s.Order.Point == "" && (s.Order.Before.IsZero() || !p.CreatedAt.After(s.Order.Before))
		if wanted && p.CreatedAt.After(s.Point.CreatedAt) {
			s.Point = p
		}
	}
	if s.Point.ID == "" {
		return "", fmt.Errorf("there is no good copy of %s in %s that fits", s.Order.Source, s.Order.Vault)
	}
	return fmt.Sprintf("copy of %s; the journal is whole, %d entries", s.Point.CreatedAt.Format(time.RFC3339), through), nil
}

func (d *Drill) restore(ctx context.Context, s *State) (string, error) {
	if s.Order.Adopted != "" {
		return s.Target + " is there", nil
	}
	if s.Job == "" {
		job, err := d.Copies.Restore(ctx, s.Point.ID, s.Target, s.Order.ID)
		if err != nil {
			return "", err
		}
		s.Job = job
		if err := d.Memory.Keep(ctx, *s); err != nil {
			return "", err
		}
	}
	for {
		done, err := d.Copies.Restored(ctx, s.Job)
		if err != nil || done {
			return "into " + s.Target, err
		}
		if err := d.Wait(ctx); err != nil {
			return "", err
		}
	}
}

// ErrNotYet says that a table is still taking on a setting; the others have to wait.
var ErrNotYet = errors.New("the table is still taking on a setting")

// settle gives the table what a restore loses, and looks whether it has it.
func (d *Drill) settle(ctx context.Context, s *State) (string, error) {
	var have Settings
	for {
		err := d.Tables.Settle(ctx, s.Target, s.Order.Want)
		if err == nil {
			have, err = d.Tables.Settings(ctx, s.Target)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, ErrNotYet) {
			return "", err
		}
		if err := d.Wait(ctx); err != nil {
			return "", err
		}
	}
	want := s.Order.Want
	for name, v := range want.Tags {
		if have.Tags[name] != v {
			return "", fmt.Errorf("the tag %s is %q, not %q", name, have.Tags[name], v)
		}
	}
	if have.TTL != want.TTL || have.Days != want.Days || have.Protected != want.Protected || want.Key != "" && have.Key != want.Key {
		return "", fmt.Errorf("the table has %+v, and must have %+v", have, want)
	}
	return fmt.Sprintf("recovery of %d days, time to live %q, protection %v, %d tags", have.Days, have.TTL, have.Protected, len(want.Tags)), nil
}

func (d *Drill) plan(ctx context.Context, s *State) (*journal.Replay, error) {
	return journal.Plan(ctx, d.Journal, d.Secret, s.Point.CreatedAt, d.Now(), d.Held...)
}

// replay deletes what the journal names until a pass finds nothing more.
func (d *Drill) replay(ctx context.Context, s *State) (string, error) {
	plan, err := d.plan(ctx, s)
	if err != nil {
		return "", err
	}
	for {
		rows, swept, err := d.Tables.Sweep(ctx, s.Order.Kind, s.Target, plan.Names, d.Now())
		s.Swept += swept
		if err != nil {
			return "", err
		}
		if s.Rows = rows; swept == 0 {
			break
		}
		d.Tell("replay", fmt.Sprintf("%d rows deleted", s.Swept))
	}
	s.Through, s.Entries, s.Held = plan.Through, plan.Entries, plan.Held
	return fmt.Sprintf("%d entries up to %d, %d rows deleted, %d held", s.Entries, s.Through, s.Swept, s.Held), nil
}

// ErrVisible says that something that was deleted is in the restored table.
var ErrVisible = errors.New("rows of what was deleted are visible")

// check looks for what must not be there, in another way.
func (d *Drill) check(ctx context.Context, s *State) (string, error) {
	plan, err := d.plan(ctx, s)
	if err != nil {
		return "", err
	}
	if s.Rows, s.Visible, err = d.Tables.Visible(ctx, s.Order.Kind, s.Target, plan.Names, d.Now()); err != nil {
		return "", err
	}
	s.Checked = true
	if s.Visible > 0 {
		// The replay may be older than what was found: it is done again when the drill goes on.
		s.Done = s.Done[:max(0, slices.IndexFunc(s.Done, func(x Done) bool { return x.Name == "replay" }))]
		return "", errors.Join(ErrVisible, d.Memory.Keep(ctx, *s))
	}
	return fmt.Sprintf("%d rows, none of what was deleted", s.Rows), nil
}

func (d *Drill) reconcile(ctx context.Context, s *State) (string, error) {
	return d.Truth.Reconcile(ctx, s.Order.Kind, s.Target)
}

// clear ends the quarantine. What was written down, or has begun, since the replay is replayed first.
func (d *Drill) clear(ctx context.Context, s *State) (string, error) {
	plan, err := d.plan(ctx, s)
	if err != nil {
		return "", err
	}
	if plan.Through != s.Through || plan.Entries != s.Entries {
		if _, err := d.replay(ctx, s); err != nil {
			return "", err
		}
		if _, err := d.check(ctx, s); err != nil {
			return "", err
		}
	}
	m, err := d.Tables.Clear(ctx, s.Order.Kind, s.Target, s.Through, d.Now())
	if err != nil {
		return "", err
	}
	s.Marker = &m
	return fmt.Sprintf("marker for %s up to entry %d", m.TableID, m.Sequence), nil
}

func (d *Drill) switchOver(ctx context.Context, s *State) (string, error) {
	manual, err := d.Switch.Switch(ctx, s.Order.Kind, s.Target)
	s.Manual = manual
	return fmt.Sprintf("%s is in use, %d steps are left to people", s.Target, manual), err
}
