package lifecycle

import (
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Day is 24 hours: leap days, time zones and daylight saving do not enter.
const Day = 24 * time.Hour

// Policy is the durations of the promise as data.
type Policy struct {
	Version string // such as "2026-10"; joined with "+" where several were combined

	Window    time.Duration // after T0: export is possible for at least so long
	Grace     time.Duration // after the end of the UTC day in which Window ends: that day has ended everywhere on Earth
	Extension time.Duration // a running export keeps the window open for at most so long
	Fetch     time.Duration // after such an export has ended, its package can be fetched for at least so long
	Drain     time.Duration // between sealing and the first destructive step: the longest retry that can still write
	Between   time.Duration // at least, between the two verifications
	Proof     time.Duration // the checkpoint that holds the termination was signed at least so long ago

	CoolingOff time.Duration // between the second owner's consent to an early end and the seal
	Goal       time.Duration // after T0: our own aim for leaving the active systems
	Active     time.Duration // after T0: nothing left in active systems and at sub-processors
	Residual   time.Duration // after T0: no residual copy left

	Backup    time.Duration // no copy in a backup gets older than this
	BackupLag time.Duration // a backup service removes an expired copy within this
	Keys      time.Duration // copies of the key store live so long after a key was destroyed
	Logs      time.Duration // age of operational logs, which hold no content
	LogLag    time.Duration // a log service removes expired lines within this

	Release time.Duration // after the release of a hold: what it kept has left the active systems
	Review  time.Duration // a hold is reviewed at least so often
}

// Current is the policy of this build. The drain covers the longest retry of a scheduler and of a stream, 24 hours each,
// with an hour to spare.
func Current() Policy {
	return Policy{
		Version: "2026-10",
		Window:  30 * Day, Grace: 12 * time.Hour, Extension: 5 * Day, Fetch: 6 * time.Hour,
		Drain: 25 * time.Hour, Between: Day, Proof: 30 * Day, CoolingOff: 72 * time.Hour,
		Goal: 37 * Day, Active: 60 * Day, Residual: 90 * Day,
		Backup: 28 * Day, BackupLag: 8 * time.Hour, Keys: 7 * Day, Logs: 14 * Day, LogLag: 72 * time.Hour,
		Release: 30 * Day, Review: 90 * Day,
	}
}

// Strictest combines two policies: the longer of what protects against early deletion, the shorter of what protects
// against late deletion. Apart from the version it is commutative, associative and idempotent.
func Strictest(old, new Policy) Policy {
	return Policy{
		Version: join(old.Version, new.Version),
		Window:  max(old.Window, new.Window), Grace: max(old.Grace, new.Grace),
		Extension: max(old.Extension, new.Extension), Fetch: max(old.Fetch, new.Fetch),
		Drain: max(old.Drain, new.Drain), Between: max(old.Between, new.Between), Proof: max(old.Proof, new.Proof),
		CoolingOff: max(old.CoolingOff, new.CoolingOff),
		Goal:       min(old.Goal, new.Goal), Active: min(old.Active, new.Active), Residual: min(old.Residual, new.Residual),
		Backup: min(old.Backup, new.Backup), BackupLag: min(old.BackupLag, new.BackupLag), Keys: min(old.Keys, new.Keys),
		Logs: min(old.Logs, new.Logs), LogLag: min(old.LogLag, new.LogLag),
		Release: min(old.Release, new.Release), Review: min(old.Review, new.Review),
	}
}

// join lists the versions that went into a combination, each once, in the order in which they came.
func join(old, new string) string {
	var all []string
	for v := range strings.SplitSeq(old+"+"+new, "+") {
		if v != "" && !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return strings.Join(all, "+")
}

// Check refuses a policy that breaks the promise or cannot be kept: even when every step takes as long as it may, each
// deadline has to come after the last step that it waits for.
func (p Policy) Check() error {
	sealed := p.Window + Day + p.Grace + p.Extension // at the latest after T0
	for _, rule := range []struct {
		ok  bool
		say string
	}{
		{p.Version != "", "the policy has no version"},
		{p.Window >= 30*Day, "the window is shorter than 30 days"},
		{p.Grace >= 12*time.Hour, "the last day of the window does not end everywhere on Earth"},
		{p.Drain >= 25*time.Hour, "the drain is shorter than the longest retry"},
		{p.Between >= Day, "the verifications are less than a day apart"},
		{p.Proof > 0 && p.Proof <= p.Window, "the age of the proof must be positive and at most the window"},
		{p.CoolingOff >= 72*time.Hour, "the cooling-off is shorter than 72 hours"},
		{p.Extension >= 0 && p.Fetch >= 0 && p.Fetch <= p.Extension, "the time for fetching an export does not fit into the extension"},
		{p.Active <= 60*Day, "active systems are left later than 60 days after termination"},
		{p.Residual <= 90*Day, "residual copies are left later than 90 days after termination"},
		{p.Goal > 0 && p.Goal <= p.Active, "our own aim comes after the deadline"},
		{sealed+p.Drain+p.Between < p.Active, "the window, the drain and the verifications do not fit before the deadline of the active systems"},
		{p.Active+p.Backup+p.BackupLag <= p.Residual, "backups outlive the deadline of residual copies"},
		{p.Active+p.Keys <= p.Residual, "copies of keys outlive the deadline of residual copies"},
		{p.Active+p.Logs+p.LogLag <= p.Residual, "logs outlive the deadline of residual copies"},
		{min(p.Backup, p.BackupLag, p.Keys, p.Logs, p.LogLag) >= 0, "a duration is negative"},
		{p.Release > 0 && p.Review > 0 && p.Review <= 90*Day, "holds are reviewed less often than every 90 days"},
	} {
		if !rule.ok {
			return fault.New(fault.CodeRetentionPolicy, "Retention policy %q cannot be used: %s.", p.Version, rule.say)
		}
	}
	return nil
}

// Deadlines are the instants that follow from a termination.
type Deadlines struct {
	NotBefore  time.Time // no destructive step and no seal earlier
	DrainUntil time.Time // end of the drain; zero until the record is sealed
	Goal       time.Time // our own aim for leaving the active systems
	ActiveBy   time.Time // active systems and sub-processors are clear at the latest
	ResidualBy time.Time // backups, keys and logs are clear at the latest
	BackupsBy  time.Time // projected from ActiveBy, the last backup is gone; never after ResidualBy
	KeysBy     time.Time // projected from ActiveBy, the last copy of a key is gone
	LogsBy     time.Time // projected from ActiveBy, the last log line is gone
}

// Deadlines computes what follows from a termination at t0. The window takes the longest reading of "30 days", the
// deletion the shortest.
func (p Policy) Deadlines(t0 time.Time) Deadlines {
	t0 = t0.UTC().Round(0)
	active := t0.Add(p.Active)
	return Deadlines{
		NotBefore: ceilDay(t0.Add(p.Window)).Add(p.Grace),
		Goal:      t0.Add(p.Goal), ActiveBy: active, ResidualBy: t0.Add(p.Residual),
		BackupsBy: active.Add(p.Backup + p.BackupLag), KeysBy: active.Add(p.Keys), LogsBy: active.Add(p.Logs + p.LogLag),
	}
}

// ceilDay is the next midnight UTC, or t itself when it is one.
func ceilDay(t time.Time) time.Time {
	midnight := t.Truncate(Day) // of the absolute time, whose zero is a midnight UTC
	if midnight.Equal(t) {
		return midnight
	}
	return midnight.Add(Day)
}

// Adopt makes another policy count for this record where it is stricter. A running NotBefore never moves earlier and no
// other deadline later. Once sealed, the waits have been given or have begun, and only the deadlines can change.
//
// A policy that together with the running ones cannot be kept is refused, and the running ones stay.
func Adopt(r Record, p Policy) (Record, error) {
	if err := p.Check(); err != nil {
		return r, err
	}
	running := r.Policy()
	if r.State.Closed() {
		p.Window, p.Grace, p.Extension, p.Fetch = running.Window, running.Grace, running.Extension, running.Fetch
		p.Drain, p.Between, p.CoolingOff, p.Proof = running.Drain, running.Between, running.CoolingOff, running.Proof
	}
	combined := Strictest(running, p)
	if err := combined.Check(); err != nil {
		return r, err
	}
	combined.Version = running.Version
	if combined == running {
		return r, nil
	}
	r.Later = append(slices.Clip(r.Later), p)
	r.Revision++
	return r, nil
}
