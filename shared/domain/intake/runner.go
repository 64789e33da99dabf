package intake

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// How a run proceeds.
const (
	blockRows = 100              // rows between two checkpoints
	leaseFor  = 90 * time.Second // how long a worker has a run without saying that it still works
)

// Runner goes through files.
type Runner struct {
	Store   Store
	Target  Target
	Report  Report
	Checker passport.ContentChecker
	Groups  passport.Groups
	IDs     *id.Source
	Now     clock.Clock
	// Open reads the file of a run from its beginning. A fault other than unavailable and internal says that it is no such
	// file as was announced.
	Open    func(ctx context.Context, r Run) (Source, error)
	Arrived func(ctx context.Context, r Run) (bool, error) // tells whether the file is there
	Remove  func(ctx context.Context, r Run) error         // deletes the file; one that is not there is no error
	// Stage refuses what the contract of the organisation no longer allows; it is asked before each block of rows.
	Stage    func(ctx context.Context, t id.Tenant) error
	Patience time.Duration // after which it pauses
	Parallel int           // rows that are compared or stored at the same time; at least 1
}

// work is one attempt at a phase of a run.
type work struct {
	*Runner
	run       Run
	source    Source
	converter *Converter
	table     bool
	seen      map[[16]byte]int // first row of each product; 16 bytes of a SHA-256 are enough to tell products apart
	plan      map[int]Planned
	poison    int // number of the first row after the checkpoint
}

// Run goes on with a run whose file is there until its phase ends or patience does; in that case more is true, and it wants
// to be called again. ErrTaken says that somebody else works on it; any other error that it can be tried again. A run that
// has nothing to do is left alone.
func (r *Runner) Run(ctx context.Context, t id.Tenant, which id.Import) (more bool, err error) {
	until := r.Now().Add(r.Patience)
	w, err := r.takeOver(ctx, t, which)
	if err != nil || w == nil {
		return false, err
	}
	if err := w.open(ctx); err != nil {
		return false, w.unreadable(ctx, err)
	}
	defer w.source.Close()
	if w.run.State == Uploaded {
		return false, w.save(ctx, w.entry(audit.ImportChecked))
	}
	more, err = w.loop(ctx, until)
	if err != nil && final(err) {
		f := fault.Of(err)
		return false, w.fail(ctx, f.Code, f.Detail)
	}
	return more, err
}

// takeOver claims a run. It returns nil when there is nothing to do.
func (r *Runner) takeOver(ctx context.Context, t id.Tenant, which id.Import) (*work, error) {
	run, err := r.Store.Load(ctx, t, which)
	if err != nil {
		return nil, err
	}
	now := r.Now()
	if done, err := r.expire(ctx, run, now); err != nil || done {
		return nil, err
	}
	if run.State != Waiting && run.phase() == "" {
		return nil, nil
	}
	if now.Before(run.LeaseUntil) {
		return nil, ErrTaken
	}
	w := &work{Runner: r, run: run, seen: map[[16]byte]int{}, plan: map[int]Planned{}}
	w.run.Fence, w.run.LeaseUntil, w.run.Strikes = run.Fence+1, now.Add(leaseFor), run.Strikes+1
	for _, p := range run.Plan {
		w.plan[p.Number] = p
	}
	switch {
	case run.Cancelling:
		return nil, w.cancel(ctx)
	case run.Strikes >= maxStrikes:
		return nil, w.fail(ctx, fault.CodeUnavailable, fmt.Sprintf("The import was given up after %d attempts that got no further than row %d.", run.Strikes, w.run.tally().Progress.Cursor))
	}
	return w, w.save(ctx)
}

// expire ends a run whose file did not come, or that nobody went on with as long as the file was there. It tells whether
// there is nothing else to do.
func (r *Runner) expire(ctx context.Context, run Run, now time.Time) (bool, error) {
	due := run.Due()
	if due.IsZero() || now.Before(due) || run.phase() != "" {
		return false, nil
	}
	why := "Nobody went on with it within seven days."
	if run.State == Waiting {
		if there, err := r.Arrived(ctx, run); there || err != nil {
			return false, err
		}
		if now.Sub(run.RequestedAt) < upload.Patience {
			return true, nil
		}
		why = "The file did not come."
	}
	w := &work{Runner: r, run: run}
	w.run.State, w.run.Reason = Cancelled, why
	return true, w.save(ctx, w.entry(audit.ImportCancelled))
}

// open starts reading. A file that has just come is checked at once when it is known what its rows mean.
func (w *work) open(ctx context.Context) (err error) {
	if w.source, err = w.Open(ctx, w.run); err != nil {
		return err
	}
	if err := w.prepare(ctx); err != nil {
		return errors.Join(err, w.source.Close())
	}
	return nil
}

func (w *work) prepare(ctx context.Context) error {
	headers, err := w.source.Headers(ctx)
	if err != nil {
		return err
	}
	if w.run.State == Waiting {
		if err := w.arrive(ctx, headers); err != nil {
			return err
		}
	}
	if w.run.State == Uploaded {
		return nil
	}
	if w.run.Recipe == nil {
		w.converter = NewDocuments(w.run.Group, w.run.Granularity)
		return nil
	}
	w.table = true
	group, err := w.Groups(w.run.Recipe.ProductGroup)
	if err != nil {
		return err
	}
	w.converter, err = NewConverter(*w.run.Recipe, group, headers)
	return err
}

// arrive notes what the file has to offer.
func (w *work) arrive(ctx context.Context, headers []string) error {
	w.run.State = Checking
	if w.run.Format == Documents {
		return nil
	}
	group, err := w.Groups(w.run.Group)
	if err != nil {
		return err
	}
	if len(headers) > MaxColumns {
		return fault.New(fault.CodeColumnsTooMany, "The table has %d columns; at most %d are read.", len(headers), MaxColumns)
	}
	var first []Item
	if w.run.Recipe == nil { // with one, the rows are gone through
		if first, err = samples(ctx, w.source); err != nil {
			return err
		}
	}
	if w.run.Suggested, err = Suggest(headers, first, group); err != nil {
		return err
	}
	w.run.Headers = headers
	if w.run.Recipe == nil {
		w.run.State, w.run.LeaseUntil, w.run.Strikes = Uploaded, time.Time{}, 0
	}
	return nil
}

// unreadable ends a run whose file is not what it must be.
func (w *work) unreadable(ctx context.Context, err error) error {
	if !final(err) {
		return err
	}
	f := fault.Of(err)
	reason := f.Detail
	for n, field := range f.Fields {
		if n == 5 {
			reason += fmt.Sprintf(" And %d more.", len(f.Fields)-n)
			break
		}
		reason += " " + field.Detail
	}
	return w.fail(ctx, f.Code, short(reason))
}

// final tells whether an error is about the file rather than about the platform.
func final(err error) bool {
	if errors.Is(err, ErrTaken) || errors.Is(err, ErrStale) {
		return false
	}
	switch fault.Of(err).Kind {
	case fault.Unavailable, fault.RateLimited, fault.Internal:
		return false
	}
	return true
}

func (w *work) fail(ctx context.Context, code fault.Code, reason string) error {
	phase := w.run.phase()
	w.run.State, w.run.Code, w.run.Reason, w.run.Plan, w.run.LeaseUntil = Failed, code, reason, nil, time.Time{}
	return w.end(ctx, phase, audit.ImportRefused)
}

func (w *work) cancel(ctx context.Context) error {
	phase := w.run.phase()
	w.run.State, w.run.Plan, w.run.LeaseUntil = Cancelled, nil, time.Time{}
	if err := w.end(ctx, phase, audit.ImportCancelled); err != nil {
		return err
	}
	return w.Remove(ctx, w.run)
}

// finish ends a phase at the end of the file.
func (w *work) finish(ctx context.Context) error {
	phase, event := w.run.phase(), audit.ImportChecked
	w.run.State, w.run.LeaseUntil, w.run.Strikes, w.run.Plan = Checked, time.Time{}, 0, nil
	if phase == Commit {
		w.run.State, event = Done, audit.ImportDone
	}
	return w.end(ctx, phase, event)
}

func (w *work) end(ctx context.Context, phase Phase, event audit.Event) error {
	if phase != "" {
		t := w.run.Check
		if phase == Commit {
			t = w.run.Committed
		}
		if err := w.Report.Finish(ctx, w.run.Tenant, w.run.ID, phase, t.Last); err != nil {
			return err
		}
	}
	return w.save(ctx, w.entry(event))
}

func (w *work) entry(event audit.Event) audit.Entry {
	by := w.caller()
	by.Actor = "system:import"
	e := audit.New(w.IDs, by, event, "import:"+string(w.run.ID), "", "")
	if event == audit.ImportDone {
		e = e.With("created", fmt.Sprint(w.run.Committed.Totals.Created)).With("updated", fmt.Sprint(w.run.Committed.Totals.Updated))
	}
	return e
}

// save stores the run as its next revision. When somebody asked meanwhile for it to stop, it stops; when somebody took it
// over, ErrTaken is returned.
func (w *work) save(ctx context.Context, entries ...audit.Entry) error {
	next := w.run
	next.Revision++
	err := w.Store.Save(ctx, next, entries...)
	if err == nil {
		w.run = next
		return nil
	}
	if !errors.Is(err, ErrStale) {
		return err
	}
	stored, err := w.Store.Load(ctx, w.run.Tenant, w.run.ID)
	if err != nil {
		return err
	}
	if stored.Fence != w.run.Fence || !stored.Cancelling || w.run.Cancelling {
		return ErrTaken
	}
	w.run.Revision, w.run.Cancelling = stored.Revision, true
	if w.run.State != Checking && w.run.State != Committing { // it ends anyway
		w.run.State = stored.State
	}
	return w.cancel(ctx)
}

// loop goes through the rest of the file, block by block.
func (w *work) loop(ctx context.Context, until time.Time) (more bool, err error) {
	cursor := w.run.tally().Progress.Cursor
	for {
		if err := w.Stage(ctx, w.run.Tenant); err != nil {
			return false, err
		}
		block, last, err := w.next(ctx, cursor)
		if err != nil {
			return false, err
		}
		if len(block) > 0 {
			if err := w.block(ctx, block); err != nil || w.run.phase() == "" {
				return false, err
			}
		}
		if last {
			return false, w.finish(ctx)
		}
		if !w.Now().Before(until) {
			w.run.LeaseUntil = time.Time{}
			return true, w.save(ctx)
		}
	}
}

// next reads a block of rows, passing over those that earlier attempts have dealt with.
func (w *work) next(ctx context.Context, cursor int) (block []step, last bool, err error) {
	for len(block) < blockRows {
		it, err := w.source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return block, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		if it.Number <= cursor {
			if product := w.converter.Product(it); !product.IsZero() {
				w.claim(product, it.Number)
			}
			continue
		}
		if w.poison == 0 {
			w.poison = it.Number
		}
		if w.run.tally().Progress.Rows+len(block) >= MaxRows {
			return nil, false, fault.New(fault.CodeRowsTooMany, "The file has more than %d rows. Divide it.", MaxRows)
		}
		s, settled := w.begin(it)
		s.settled = settled
		block = append(block, s)
	}
	return block, false, nil
}

// claim returns the row that is the first one of the file about a product.
func (w *work) claim(product identifier.Product, number int) int {
	sum := sha256.Sum256([]byte(product.Canonical()))
	k := [16]byte(sum[:16])
	if first, ok := w.seen[k]; ok {
		return first
	}
	w.seen[k] = number
	return number
}
