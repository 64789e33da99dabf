package restore

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

const (
	leaseFor    = 90 * time.Second
	giveUpAfter = 50 // runs that took the import over and came no further
)

const errPause = signal("out of time")

// Runner checks and stores what has been uploaded.
type Runner struct {
	Store    Store
	Files    Files
	Target   Target
	Recipes  Recipes
	Tenants  *tenant.Service
	Groups   passport.Groups
	Key      func(ctx context.Context) (*ecdsa.PublicKey, error)
	Stage    func(ctx context.Context, t id.Tenant) error // refuses what the contract of the organisation no longer allows
	IDs      *id.Source
	Now      clock.Clock
	Patience time.Duration
	Parallel int // calls of the target at the same time; at least 1
}

// Run goes on with an import. One that has ended, waits for somebody or is in other hands is left alone, also when it came
// into them, or was cancelled and lost its file, while this was at it: what went wrong then is no news.
func (r *Runner) Run(ctx context.Context, t id.Tenant, which id.Import) error {
	err := r.run(access.As(ctx, t), t, which)
	if errors.Is(err, export.ErrTaken) {
		return nil
	}
	return err
}

func (r *Runner) run(ctx context.Context, t id.Tenant, which id.Import) error {
	now := r.Now()
	if done, err := r.expire(ctx, t, which, now); err != nil || done {
		return err
	}
	i, err := r.Store.Claim(ctx, t, which, now, now.Add(leaseFor))
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if tries := i.Fence - i.Marked - 1; tries >= giveUpAfter {
		return r.end(ctx, i, fmt.Sprintf("It was given up after %d attempts that came no further than passport %d. We have been told; upload it again, or ask us.", tries, i.Read))
	}
	err = r.work(ctx, &i, now.Add(r.Patience))
	switch why := final(err); {
	case err == nil || errors.Is(err, export.ErrTaken):
		return err
	case errors.Is(err, errPause):
		return r.pause(ctx, i)
	case why != "":
		return r.end(ctx, i, why)
	}
	i.LeaseUntil = r.Now() // whoever comes next need not wait, and has not to do again what is done
	return errors.Join(err, r.Store.Save(ctx, i))
}

// pause gives an import back and asks for another run.
func (r *Runner) pause(ctx context.Context, i Import) error {
	i.LeaseUntil, i.Asked = r.Now(), i.Asked+1
	if err := r.Store.Save(ctx, i); err != nil {
		return err
	}
	return r.Files.Ask(ctx, i.Tenant, i.ID, i.Asked)
}

// final is why an import cannot go on, however often that is tried: its file is not what it must be or is gone, or the
// contract does not allow it. It is empty for all that may pass.
func final(err error) string {
	if err == nil {
		return ""
	}
	if w, ok := errors.AsType[*archive.Wrong](err); ok {
		return "The file is not an export as it was signed: " + w.Error() + "."
	}
	if f := fault.Of(err); f.Kind == fault.Forbidden || f.Code == fault.CodeFileUnreadable {
		return f.Detail
	}
	return ""
}

// end stops an import for good. What it has restored stays.
func (r *Runner) end(ctx context.Context, i Import, why string) error {
	event := audit.ImportRefused
	if i.Why = why; i.State == Committing {
		i.State, event = Failed, audit.ImportFailed
	} else {
		i.State = Refused
	}
	return r.Store.Step(ctx, i, audit.New(r.IDs, r.caller(i), event, "import:"+string(i.ID), "", ""))
}

func (r *Runner) caller(i Import) access.Caller {
	return access.Caller{Tenant: i.Tenant, Actor: "system:import", Request: id.New[id.Request](r.IDs), At: r.Now()}
}

// work reads the manifest of the file, verifies its signature, since nothing of a file that we have not signed is believed,
// and goes on with what the import is in.
func (r *Runner) work(ctx context.Context, i *Import, until time.Time) error {
	if err := r.Stage(ctx, i.Tenant); err != nil {
		return err
	}
	file, size, err := r.Files.Open(ctx, i.Tenant, i.ID)
	if err != nil {
		return err
	}
	key, err := r.Key(ctx)
	if err != nil {
		return err
	}
	held := &held{ReaderAt: file, hold: func() error { return r.hold(ctx, i) }}
	a, err := archive.Open(held, size, key)
	switch {
	case err != nil:
	case i.State == Checking:
		err = r.check(ctx, i, a, until)
	default:
		err = r.commit(ctx, i, a, until)
	}
	if held.lost != nil {
		err = held.lost
	}
	return err
}

// hold renews the lease when a third of it is gone, and keeps how far the import has come.
func (r *Runner) hold(ctx context.Context, i *Import) error {
	now := r.Now()
	if i.LeaseUntil.Sub(now) > leaseFor*2/3 {
		return nil
	}
	i.LeaseUntil = now.Add(leaseFor)
	return r.Store.Save(ctx, *i)
}

// held is the file of an import that somebody is at. All that takes long reads it, so reading holds the lease; it is not
// safe for concurrent use.
type held struct {
	io.ReaderAt
	hold func() error
	lost error // why the lease could not be held; nothing is read after that
}

func (h *held) ReadAt(p []byte, off int64) (int, error) {
	if h.lost == nil {
		h.lost = h.hold()
	}
	if h.lost != nil {
		return 0, h.lost
	}
	return h.ReaderAt.ReadAt(p, off)
}

// late tells that a runner's time is up.
func (r *Runner) late(until time.Time) error {
	if r.Now().Before(until) {
		return nil
	}
	return errPause
}

// check reads all of the file from where an earlier call has come to: first each member, as it is, and then whether the
// lines belong together. What is stored later is all that was counted.
func (r *Runner) check(ctx context.Context, i *Import, a *archive.Archive, until time.Time) error {
	if err := counted(a); err != nil {
		return err
	}
	err := a.VerifyFrom(i.Verified, func(verified int) error {
		i.Verified, i.Marked = verified, i.Fence
		return r.late(until)
	})
	if err == nil {
		err = merge(a, i.At, func(l lines) error {
			i.At, i.Marked = l.after, i.Fence
			return r.late(until)
		})
	}
	if err != nil {
		return err
	}
	m := a.Manifest
	i.State, i.Origin, i.Snapshot, i.At = Checked, m.Tenant, m.Snapshot, Place{}
	i.Passports, i.Versions, i.Documents = m.Counts["passports"], m.Counts["versions"], m.Counts["documents"]
	return r.Store.Step(ctx, *i, audit.New(r.IDs, r.caller(*i), audit.ImportChecked, "import:"+string(i.ID), "", ""))
}

// decode keeps numbers as they are written: their hash depends on it.
func decode(line []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	return d.Decode(into)
}
