package export

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/archive"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/interop"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ErrTaken is returned by a store when somebody else packs an export, or it has ended.
var ErrTaken = errors.New("export: somebody else is at it, or it has ended")

// Sizes and times of packing.
const (
	partSize    = 8 << 20 // bytes of a part; S3 takes at least 5 MiB and at most 10,000 parts
	blockSize   = 1000
	pageSize    = 100
	giveUpAfter = 50               // calls that took the export over and made no checkpoint
	leaseFor    = 90 * time.Second // a part takes seconds; whoever comes after a killed process need not wait long
)

// Packager packs exports.
type Packager struct {
	Store       Store
	Requests    Requests
	Source      Source
	Uploads     Uploads
	Shelf       Shelf
	Checkpoints Checkpoints
	Signer      Signer
	Groups      func(name string) (*productgroup.Group, error)
	Tables      Tables
	IDs         *id.Source
	Now         clock.Clock
	Stage       func(ctx context.Context, t id.Tenant) error // refuses when nobody can fetch the package any more
	Patience    time.Duration                                // after which it stops and asks to be called again; the function's time less a reserve
	PartSize    int                                          // 0: 8 MiB
	BlockSize   int                                          // members that a checkpoint lists itself; 0: 1,000
}

// phase is what is packed at present.
type phase int

const (
	packPassports phase = iota
	packAccount
	packUnsigned
	packTrail
	packSeal
	complete // the package is uploaded and must be put together
)

// progress is what a packager that goes on must know; it is kept at each checkpoint.
type progress struct {
	Upload  string           `json:"upload"`
	Parts   []Part           `json:"parts"`
	Blocks  []Mark           `json:"blocks"`  // where members are listed
	Members []archive.Member `json:"members"` // those after them
	Listed  int              `json:"listed"`  // how many there are in all
	Numbers map[string]int   `json:"numbers"` // how many there are of each kind
	Counts  map[string]int64 `json:"counts"`
	Phase   phase            `json:"phase"`
	After   string           `json:"after,omitempty"` // place among the passports
	Begun   id.Passport      `json:"begun,omitempty"` // the passport that was packed last, or is being packed
	Paper   id.Document      `json:"paper,omitempty"` // last document packed of that one
	Entry   string           `json:"entry,omitempty"` // place among the entries that are not signed yet
	From    int64            `json:"from,omitempty"`  // place in the trail
	Items   int64            `json:"items"`
	Total   int64            `json:"total"`
	Bytes   int64            `json:"bytes"`
	Parked  []byte           `json:"parked,omitempty"` // what is too small for a part

	Shapes map[string]intake.Shapes `json:"shapes,omitempty"` // of tables by product group
}

// run is one call of the packager.
type run struct {
	*Packager
	progress
	export  Export
	until   time.Time       // when its patience ends
	parked  Mark            // checkpoint that holds content and is to be removed when it is not the last one any more
	files   map[digest]bool // names of the members under files/ that are packed
	open    map[string]*archive.Builder
	order   []string // kinds that are open, in the order of their opening
	pending bytes.Buffer
	stashes map[string]*stash // of tables by product group
	grouped []string          // the groups, in the order in which they came
}

// Pack packs an export, or goes on with it. An export that is ready, has ended or is being packed by somebody else is left
// alone: a request that comes twice, late or out of order changes nothing. One that has expired is ended, and what is left
// of one that has ended is cleared away.
func (p *Packager) Pack(ctx context.Context, t id.Tenant, which id.Export) error {
	ctx = access.As(ctx, t)
	if err := p.Stage(ctx, t); err != nil {
		if fault.Of(err).Kind == fault.Forbidden {
			return nil // it goes with the organisation, and nothing more is written for that
		}
		return err
	}
	now := p.Now()
	e, err := p.Store.Claim(ctx, t, which, now, now.Add(leaseFor))
	if errors.Is(err, ErrTaken) {
		return p.tidy(ctx, t, which)
	}
	if errors.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	r := &run{Packager: p.sized(), export: e, until: now.Add(p.Patience), open: map[string]*archive.Builder{}, files: map[digest]bool{}, stashes: map[string]*stash{}}
	if e.Fence-e.Marked > giveUpAfter {
		return r.fail(ctx, "It could not be packed. We have been told; ask for another one.")
	}
	err = r.restore(ctx)
	if err == nil {
		err = r.pack(ctx)
	}
	if errors.Is(err, ErrTaken) {
		return p.tidy(ctx, t, which)
	}
	if errors.Is(err, errTooMany) {
		return r.fail(ctx, fmt.Sprintf("It has more than %d files, which is the most that one package holds. Ask for the passports of one product group or status at a time, or leave documents out.", mostMembers))
	}
	if err != nil { // whoever is called next need not wait
		r.export.LeaseUntil = r.Now()
		if saved := r.Store.Save(ctx, r.export); !errors.Is(saved, ErrTaken) {
			err = errors.Join(err, saved)
		}
	}
	return err
}

// sized is a packager with the sizes that are not said.
func (p *Packager) sized() *Packager {
	whole := *p
	whole.PartSize, whole.BlockSize = cmp.Or(p.PartSize, partSize), cmp.Or(p.BlockSize, blockSize)
	return &whole
}

// fail ends an export that cannot be packed, so that it does not stay unfinished for ever.
func (r *run) fail(ctx context.Context, why string) error {
	e := r.export
	e.State, e.Why = Failed, why
	by := access.Caller{Tenant: e.Tenant, Actor: "system:packager", Request: id.New[id.Request](r.IDs), At: r.Now()}
	entry := audit.New(r.IDs, by, audit.ExportFailed, "export:"+string(e.ID), "", "")
	if err := r.Store.End(ctx, e, entry, audit.NoticeOf(r.IDs, entry)); err != nil {
		return err
	}
	return r.clear(ctx, e)
}

func (r *run) restore(ctx context.Context) error {
	if r.export.Step > 0 {
		if err := r.load(ctx); err != nil {
			return err
		}
		return r.recall(ctx)
	}
	r.Counts, r.Numbers = map[string]int64{}, map[string]int{}
	if r.export.Options.Scope != Account {
		var err error
		if r.Total, err = r.Source.Count(ctx, r.export.Tenant, r.export.Snapshot); err != nil {
			return err
		}
	}
	var err error
	r.Upload, err = r.Uploads.Begin(ctx, r.export.Tenant, r.export.ID)
	if err != nil {
		return err
	}
	err = r.checkpoint(ctx)
	if errors.Is(err, ErrTaken) { // whoever has it now began an upload of their own
		err = errors.Join(err, r.Uploads.Abort(ctx, r.upload()))
	}
	return err
}

func (r *run) pack(ctx context.Context) error {
	steps := map[phase]func(context.Context) (again bool, err error){packPassports: r.passports, packAccount: r.account, packUnsigned: r.unsigned, packTrail: r.trail}
	for r.Phase < packSeal {
		again, err := steps[r.Phase](ctx)
		if err != nil {
			return err
		}
		if again { // out of time: the next call goes on from the last checkpoint
			r.export.LeaseUntil = r.Now()
			if err := r.Store.Save(ctx, r.export); err != nil {
				return err
			}
			return r.Requests.Ask(ctx, r.export.Tenant, r.export.ID, r.export.Step)
		}
		r.Phase++
	}
	if r.Phase == packSeal {
		if err := r.seal(ctx); err != nil {
			return err
		}
	}
	return r.finish(ctx)
}

// unsignedKind is where entries are that the signed log does not have yet.
const unsignedKind = "account/audit-not-yet-signed"

// line adds a record to the member of its kind that is open.
func (r *run) line(kind string, v any) error {
	b := r.builder(kind)
	r.Counts[kind]++
	return b.Line(v)
}

func (r *run) builder(kind string) *archive.Builder {
	if b := r.open[kind]; b != nil && slices.Contains(r.order, kind) {
		return b
	}
	name := kind
	if !slices.Contains([]string{"passports", "versions", "documents", string(EN18223), string(EN18223JSONLD), unsignedKind, "audit"}, kind) {
		name = kind + ".ndjson"
	} else {
		r.Numbers[kind]++
		name = fmt.Sprintf("%s/%06d.ndjson", kind, r.Numbers[kind])
	}
	if r.open[kind] == nil {
		r.open[kind] = archive.NewBuilder(name)
	} else {
		r.open[kind].Reuse(name)
	}
	r.order = append(r.order, kind)
	return r.open[kind]
}

// due reports whether enough is in memory for a part.
func (r *run) due() bool {
	n := r.pending.Len()
	for _, kind := range r.order {
		n += r.open[kind].Packed()
	}
	for _, s := range r.stashes {
		n += s.lines.Len() * len(r.export.Options.tables())
	}
	return n >= r.full()
}

// full is how large a part becomes: 10,000 of them hold 400 GB.
func (r *run) full() int { return r.PartSize + len(r.Parts)/1000*r.PartSize }

// close ends the open members into the pending part.
func (r *run) close() error {
	if err := r.finishTables(); err != nil {
		return err
	}
	for _, kind := range r.order {
		m, err := r.open[kind].Finish(&r.pending)
		if err != nil {
			return err
		}
		if err := r.add(m); err != nil {
			return err
		}
	}
	r.order = r.order[:0]
	return nil
}

// part uploads what is in memory. Only who has the export at this moment may, and only for as long as they have it: nobody
// exchanges a part that somebody else has counted.
func (r *run) part(ctx context.Context) error {
	if err := r.renew(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, leaseFor)
	defer cancel()
	number := len(r.Parts) + 1
	tag, err := r.Uploads.Part(ctx, r.upload(), number, r.pending.Bytes())
	if err != nil {
		return err
	}
	size := int64(r.pending.Len())
	r.Parts = append(r.Parts, Part{number, tag, size})
	r.Bytes += size
	r.pending.Reset()
	return nil
}

func (r *run) upload() Upload { return Upload{r.export.Tenant, r.export.ID, r.Upload} }

func (r *run) late() bool { return !r.Now().Before(r.until) }

func (r *run) passports(ctx context.Context) (again bool, err error) {
	o := r.export.Options
	if o.Scope == Account {
		return false, nil
	}
	for {
		all, err := r.Source.Passports(ctx, r.export.Tenant, r.export.Snapshot, r.After, pageSize)
		if err != nil {
			return false, err
		}
		for _, p := range all {
			if err := r.passport(ctx, p.Passport); err != nil {
				return errors.Is(err, errLate), unless(err, errLate)
			}
			r.After = p.Place
			if again, err := r.breathe(ctx); again || err != nil {
				return again, err
			}
		}
		if len(all) == 0 {
			return false, r.missing(ctx)
		}
	}
}

// represent adds the version in force in the forms of EN 18223 that were asked for.
func (r *run) represent(p PassportRecord, v VersionRecord) error {
	for _, f := range []struct {
		format Format
		write  func(interop.Passport, *productgroup.Group) map[string]any
	}{{EN18223, interop.Full}, {EN18223JSONLD, interop.Compressed}} {
		if !slices.Contains(r.export.Options.Formats, f.format) {
			continue
		}
		group, err := r.Groups(v.ProductGroup)
		if err != nil {
			return err
		}
		err = r.line(string(f.format), f.write(interop.Passport{
			ID: string(p.ID), ProductIdentifier: v.ProductIdentifier, Granularity: v.Granularity, Status: p.Status, UpdatedAt: v.PublishedAt,
			Owner: string(r.export.Tenant), Content: v.Content,
		}, group))
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) account(ctx context.Context) (again bool, err error) {
	if r.export.Options.Scope == Passports {
		return false, nil
	}
	return false, r.Source.Account(ctx, r.export.Tenant, r.export.Snapshot, func(member string, v any) error {
		return errors.Join(r.line("account/"+member, v), r.alive(ctx))
	})
}

// trailed reports whether the trail comes along.
func (r *run) trailed() bool {
	return r.export.Options.Scope != Passports && !r.export.Options.without(partAudit)
}

// unsigned packs what is not in the signed log yet. It comes before that: what is signed meanwhile is in both.
func (r *run) unsigned(ctx context.Context) (again bool, err error) {
	for r.trailed() {
		next, err := r.Source.Unsigned(ctx, r.export.Tenant, r.export.Snapshot, r.Entry, func(v any) error { return r.line(unsignedKind, v) })
		if err != nil || next == "" {
			return false, err
		}
		r.Entry = next
		if again, err := r.breathe(ctx); again || err != nil {
			return again, err
		}
	}
	return false, nil
}

func (r *run) trail(ctx context.Context) (again bool, err error) {
	if !r.trailed() {
		return false, nil
	}
	for r.From >= 0 {
		var block bytes.Buffer
		next, err := r.Source.Trail(ctx, r.export.Tenant, r.From, &block)
		if err != nil {
			return false, err
		}
		if block.Len() > 0 {
			r.Counts["audit"] += int64(bytes.Count(block.Bytes(), []byte{'\n'}))
			if err := r.builder("audit").Lines(block.Bytes()); err != nil {
				return false, err
			}
		}
		r.From = next
		if next < 0 {
			break
		}
		if again, err := r.breathe(ctx); again || err != nil {
			return again, err
		}
	}
	return false, nil
}

// finish puts the package together and tells whoever asked.
func (r *run) finish(ctx context.Context) error {
	if err := r.Uploads.Finish(ctx, r.upload(), r.Parts); err != nil {
		return err
	}
	now := r.Now()
	e := r.export
	e.State, e.ReadyAt, e.ExpiresAt, e.LeaseUntil = Ready, now, now.Add(KeptFor), now
	by := access.Caller{Tenant: e.Tenant, Actor: "system:packager", Request: id.New[id.Request](r.IDs), At: now}
	entry := audit.New(r.IDs, by, audit.ExportReady, "export:"+string(e.ID), "", "").With("bytes", fmt.Sprint(r.Bytes))
	return r.Store.End(ctx, e, entry, audit.NoticeOf(r.IDs, entry))
}
