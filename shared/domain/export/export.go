// Package export lets a tenant take its data and go: it keeps what was asked for, and packs it into one signed archive
// (package archive) that a stranger can check. Packing is a job that may be killed at any moment, called twice or called
// late; it goes on from its last checkpoint and makes one package.
//
// It knows neither HTTP nor where packages lie.
package export

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/member"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// State is where an export is in its life.
type State string

// The states of an export.
const (
	Queued  State = "queued"
	Running State = "running"
	Ready   State = "ready"
	Failed  State = "failed"  // given up; nothing is left of it
	Deleted State = "deleted" // by somebody
	Expired State = "expired" // after KeptFor
)

// Limits of exports.
const (
	KeptFor = 7 * 24 * time.Hour // from when a package is ready until it is gone
	LinkFor = 15 * time.Minute   // how long a link leads to a package
	PerDay  = 5                  // exports of one tenant in 24 hours
	Policy  = "exports/1"        // version of these rules, in each manifest
)

// Scope is what an export covers.
type Scope string

// The scopes.
const (
	Workspace Scope = "workspace" // passports and account
	Passports Scope = "passports" // passports, all or by filter
	Account   Scope = "account"   // people, keys, settings, notices and the audit trail
)

// Options say what is asked for.
type Options struct {
	Scope        Scope  `json:"scope"`
	ProductGroup string `json:"productGroup,omitempty"` // of passports; empty: all
	Status       string `json:"status,omitempty"`       // of passports at the snapshot; empty: all

	// Formats are those beside our own lines, which hold everything and always come. Not said, it is EN18223 where there
	// are passports; said and empty, it is none.
	Formats []Format `json:"formats,omitempty"`

	Include Include `json:"include,omitzero"`
}

// Include says what is left out. What is not said comes along.
type Include struct {
	Versions  *bool `json:"versions,omitempty"`  // of passports
	Audit     *bool `json:"audit,omitempty"`     // the trail, signed and not yet signed
	Documents *bool `json:"documents,omitempty"` // of passports, with their bytes
}

// What can be left out, as manifests name it.
const (
	partVersions  = "versions"
	partAudit     = "audit"
	partDocuments = "documents"
)

// leftOut names what does not come along though the scope has it.
func (o Options) leftOut() []string {
	var out []string
	for name, wanted := range map[string]*bool{partVersions: o.Include.Versions, partAudit: o.Include.Audit, partDocuments: o.Include.Documents} {
		if wanted != nil && !*wanted {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// without reports whether something is left out.
func (o Options) without(part string) bool { return slices.Contains(o.leftOut(), part) }

// Format is another form of the passports.
type Format string

// The formats. Tables hold the passports' own content, one table for each product group, and can be imported again.
const (
	EN18223       Format = "en18223"        // passports in force, in the full form of EN 18223:2026 as JSON
	EN18223JSONLD Format = "en18223-jsonld" // the same in the compressed form, as JSON-LD
	CSV           Format = "csv"
	XLSX          Format = "xlsx"
)

// orDefault are the options with what is meant where no formats are said.
func (o Options) orDefault() Options {
	if o.Formats == nil && o.Scope != Account {
		o.Formats = []Format{EN18223}
	}
	return o
}

// tables are the formats of tables that were asked for, each once.
func (o Options) tables() []Format {
	var out []Format
	for _, f := range []Format{CSV, XLSX} {
		if slices.Contains(o.Formats, f) {
			out = append(out, f)
		}
	}
	return out
}

// Check refuses options that mean nothing.
func (o Options) Check() error {
	var fields []fault.Field
	bad := func(pointer, detail string) {
		fields = append(fields, fault.Field{Pointer: pointer, Code: fault.CodeValueInvalid, Detail: detail})
	}
	if !slices.Contains([]Scope{Workspace, Passports, Account}, o.Scope) {
		bad("/scope", "one of workspace, passports, account")
	}
	if (o.ProductGroup != "" || o.Status != "") && o.Scope != Passports {
		bad("/scope", "filters go with the scope passports")
	}
	if o.Status != "" && !slices.Contains([]string{"draft", "published", "suspended", "archived"}, o.Status) {
		bad("/status", "one of draft, published, suspended, archived")
	}
	for i, f := range o.Formats {
		if !slices.Contains([]Format{EN18223, EN18223JSONLD, CSV, XLSX}, f) || o.Scope == Account {
			bad(fmt.Sprintf("/formats/%d", i), "en18223, en18223-jsonld, csv or xlsx, of passports")
		}
	}
	if o.Include.Versions != nil && o.Scope == Account {
		bad("/include/versions", "the scope account has no passports")
	}
	if o.Include.Documents != nil && o.Scope == Account {
		bad("/include/documents", "the scope account has no passports")
	}
	if o.Include.Audit != nil && o.Scope == Passports {
		bad("/include/audit", "the scope passports has no audit trail")
	}
	if fields == nil {
		return nil
	}
	return fault.New(fault.CodeValueInvalid, "The export cannot be made as asked.").With(fields...)
}

// Export is one export.
type Export struct {
	ID          id.Export
	Tenant      id.Tenant
	State       State
	Options     Options
	RequestedAt time.Time
	RequestedBy string // actor
	Snapshot    time.Time
	Items       int64 // passports gone through so far
	Total       int64 // passports to go through; 0 until counted
	Bytes       int64 // of the package so far
	Parts       int   // of the package that are uploaded
	ReadyAt     time.Time
	ExpiresAt   time.Time
	Why         string // it failed

	Fence      int64 // counts who packs it: what an earlier one still does is refused
	LeaseUntil time.Time
	Step       int   // number of the last checkpoint
	Marked     int64 // fence of whoever made it
	Tidy       bool  // it has ended, and nothing of it lies about
}

// Slack is how long after a lease somebody looks whether the work goes on.
const Slack = 2 * time.Minute

// Due is when somebody has to look at the export though nobody asks for it: to go on where nobody does, to end it when it
// expires, to clear away what is left of it. It is zero when nothing is to be done any more.
func (e Export) Due() time.Time {
	last := e.RequestedAt
	if e.LeaseUntil.After(last) {
		last = e.LeaseUntil
	}
	switch {
	case e.State == Ready:
		return e.ExpiresAt
	case e.Tidy:
		return time.Time{}
	}
	return last.Add(Slack)
}

// Live reports whether a package is there or will be.
func (e Export) Live() bool { return e.State == Queued || e.State == Running || e.State == Ready }

// Store keeps exports. Claim and Save return ErrTaken when somebody else packs the export or it has ended.
type Store interface {
	Create(ctx context.Context, e Export, entry audit.Entry) error
	Export(ctx context.Context, t id.Tenant, e id.Export) (Export, error)
	Exports(ctx context.Context, t id.Tenant) ([]Export, error) // latest first
	Claim(ctx context.Context, t id.Tenant, e id.Export, now, until time.Time) (Export, error)
	Save(ctx context.Context, e Export) error
	End(ctx context.Context, e Export, entry audit.Entry, n audit.Notice) error
}

// Requests tells the packager that there is something to pack. n tells repetitions of one request apart.
type Requests interface {
	Ask(ctx context.Context, t id.Tenant, e id.Export, n int) error
}

// Shelf is where finished packages lie.
type Shelf interface {
	Link(ctx context.Context, t id.Tenant, e id.Export, name string, life time.Duration) (address string, err error)
	Delete(ctx context.Context, t id.Tenant, e id.Export) error
}

// Service is what people can do with exports.
type Service struct {
	Store    Store
	Requests Requests
	Shelf    Shelf
	Journal  audit.Journal
	IDs      *id.Source
}

// NotFound is the fault for an export that is not there.
func NotFound() error {
	return fault.New(fault.CodeExportNotFound, "Your organisation has no such export.")
}

// Request asks for an export of the present state.
func (s *Service) Request(ctx context.Context, by access.Caller, o Options) (Export, error) {
	if err := o.Check(); err != nil {
		return Export{}, err
	}
	all, err := s.Store.Exports(ctx, by.Tenant)
	if err != nil {
		return Export{}, err
	}
	recent := slices.DeleteFunc(slices.Clone(all), func(e Export) bool { return by.At.Sub(e.RequestedAt) >= 24*time.Hour })
	if len(recent) >= PerDay {
		return Export{}, fault.New(fault.CodeRateLimited, "An organisation can ask for %d exports in 24 hours.", PerDay).After(recent[len(recent)-1].RequestedAt.Add(24 * time.Hour).Sub(by.At))
	}
	e := Export{
		ID: id.New[id.Export](s.IDs), Tenant: by.Tenant, State: Queued, Options: o.orDefault(), RequestedAt: by.At, RequestedBy: by.Actor, Snapshot: by.At,
	}
	entry := audit.New(s.IDs, by, audit.ExportRequested, "export:"+string(e.ID), "", "").With("scope", string(o.Scope))
	if err := s.Store.Create(ctx, e, entry); err != nil {
		return Export{}, err
	}
	return e, s.Requests.Ask(ctx, e.Tenant, e.ID, 0)
}

// Get returns one export. One that has not been packed though nobody is at it is asked for once more.
func (s *Service) Get(ctx context.Context, by access.Caller, which id.Export) (Export, error) {
	e, err := s.Store.Export(ctx, by.Tenant, which)
	if err != nil {
		return Export{}, err
	}
	if (e.State == Queued || e.State == Running) && by.At.Sub(e.LeaseUntil) > time.Minute && by.At.Sub(e.RequestedAt) > time.Minute {
		if err := s.Requests.Ask(ctx, e.Tenant, e.ID, e.Step+1); err != nil {
			return e, err
		}
	}
	return seen(e, by.At), nil
}

// List returns all exports that are remembered, latest first.
func (s *Service) List(ctx context.Context, by access.Caller) ([]Export, error) {
	all, err := s.Store.Exports(ctx, by.Tenant)
	for i := range all {
		all[i] = seen(all[i], by.At)
	}
	return all, err
}

// seen is an export as it is at an instant: packages end by the clock, whatever the storage has done about it.
func seen(e Export, at time.Time) Export {
	if e.State == Ready && !at.Before(e.ExpiresAt) {
		e.State = Expired
	}
	return e
}

// Link gives an address from which a package can be fetched for a while, and writes down that it was given.
func (s *Service) Link(ctx context.Context, by access.Caller, e Export) (address string, until time.Time, err error) {
	if seen(e, by.At).State != Ready {
		return "", time.Time{}, nil
	}
	entry := audit.New(s.IDs, by, audit.ExportFetched, "export:"+string(e.ID), "", "")
	if err := s.Journal.Append(ctx, entry); err != nil {
		return "", time.Time{}, err
	}
	life := min(LinkFor, e.ExpiresAt.Sub(by.At))
	address, err = s.Shelf.Link(ctx, e.Tenant, e.ID, "passportcraft-"+e.Snapshot.UTC().Format("2006-01-02")+".zip", life)
	return address, by.At.Add(life), err
}

// Delete ends an export and removes its package.
func (s *Service) Delete(ctx context.Context, by access.Caller, which id.Export) error {
	e, err := s.Store.Export(ctx, by.Tenant, which)
	if err != nil {
		return err
	}
	if e.Live() {
		e.State, e.Fence = Deleted, e.Fence+1
		entry := audit.New(s.IDs, by, audit.ExportDeleted, "export:"+string(e.ID), "", "")
		if err := s.Store.End(ctx, e, entry, audit.NoticeOf(s.IDs, entry)); err != nil {
			return err
		}
	}
	if err := s.Shelf.Delete(ctx, e.Tenant, e.ID); err != nil || e.Step == 0 {
		return err
	}
	return s.Requests.Ask(ctx, e.Tenant, e.ID, e.Step+1) // for the packager to remove the parts
}

// Uploads builds a package out of parts (S3 multipart upload: parts of at least 5 MiB, but for the last).
type Uploads interface {
	Begin(ctx context.Context, t id.Tenant, e id.Export) (upload string, err error)
	Part(ctx context.Context, u Upload, number int, data []byte) (tag string, err error)
	// Finish makes the package of the parts. Finishing an upload again that has been finished is no error.
	Finish(ctx context.Context, u Upload, parts []Part) error
	Abort(ctx context.Context, u Upload) error
	// Discard removes what there is of a package: its parts, or itself.
	Discard(ctx context.Context, u Upload) error
}

// Upload is a package being built.
type Upload struct {
	Tenant id.Tenant
	Export id.Export
	ID     string
}

// Part is an uploaded part.
type Part struct {
	Number int    `json:"n"`
	Tag    string `json:"tag"`
	Size   int64  `json:"size"`
}

// Mark names a checkpoint: its number, and the fence of whoever made it. What a process writes that has lost the export
// without knowing is under a name of its own, and nobody reads it.
type Mark struct {
	Step  int
	Fence int64
}

// Checkpoints keeps what a packager must remember: names, counts, digests, and packed content that is too little for a part.
// A list of members has a number of its own.
type Checkpoints interface {
	Save(ctx context.Context, t id.Tenant, e id.Export, at Mark, state []byte) error
	Load(ctx context.Context, t id.Tenant, e id.Export, at Mark) ([]byte, error)
	Forget(ctx context.Context, t id.Tenant, e id.Export, at Mark) error
}

// Source is the tenant's data as it was at an instant.
type Source interface {
	// Count is the number of passports that existed, with those that were deleted but not for good.
	Count(ctx context.Context, t id.Tenant, at time.Time) (int64, error)
	// Passports lists passports that existed, in an order that does not change, after a place; none at the end.
	Passports(ctx context.Context, t id.Tenant, at time.Time, after string, limit int) ([]Placed, error)
	// Passport gives the passport with its history, then its versions, then its documents in the order of their identifiers,
	// each with a way to its bytes; nothing of one that is gone for good. One that was deleted by then has that status. An
	// error of who takes them comes back as it is.
	Passport(ctx context.Context, t id.Tenant, p id.Passport, at time.Time, to Takers) error
	// Account gives everything else, by the name of its member.
	Account(ctx context.Context, t id.Tenant, at time.Time, record func(member string, v any) error) error
	// Unsigned gives some of the entries that the audit log did not have at the first call, up to an instant, in order, after a
	// place; next is empty at the end.
	Unsigned(ctx context.Context, t id.Tenant, at time.Time, after string, record func(v any) error) (next string, err error)
	// Trail gives a block of the audit log as a download has it, from a number on; next is -1 at the end.
	Trail(ctx context.Context, t id.Tenant, from int64, w io.Writer) (next int64, err error)
}

// Takers take what there is of one passport.
type Takers struct {
	Passport func(PassportRecord) error
	Version  func(VersionRecord) error
	Document func(d DocumentRecord, content func() ([]byte, error)) error
}

// Signer signs manifests.
type Signer interface {
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Placed is a passport and its place among all.
type Placed struct {
	Passport id.Passport
	Place    string
}

// Row is one line of a member under account/; its schema says what is in it.
type Row map[string]any

// What rows are made of.
type (
	MemberOf     = member.Member
	InvitationOf = member.Invitation
	NoticeOf     = audit.Notice
)

// PassportRecord is one line of passports/.
type PassportRecord struct {
	ID                id.Passport    `json:"id"`
	ProductGroup      string         `json:"productGroup"`
	Granularity       string         `json:"granularity"`
	ProductIdentifier string         `json:"productIdentifier"`
	Status            string         `json:"status"` // at the snapshot
	Revision          int64          `json:"revision"`
	Version           int            `json:"version"` // latest at the snapshot; 0 for none
	CreatedAt         time.Time      `json:"createdAt"`
	UpdatedAt         time.Time      `json:"updatedAt"`
	Reason            string         `json:"reason,omitempty"`
	Content           map[string]any `json:"content"` // its own, without what it inherits
	History           []MomentRecord `json:"history"`
	ChangedSince      bool           `json:"changedSinceSnapshot,omitempty"` // content and revision are later than the snapshot
	Said              *SaidRecord    `json:"said,omitempty"`
}

// Bare is the record without its content (archive.Record).
func (p PassportRecord) Bare() (any, map[string]any) {
	content := p.Content
	p.Content = nil
	return p, content
}

// SaidRecord is what the organisation has said about what becomes of a passport when it leaves.
type SaidRecord struct {
	SuccessorURL string    `json:"successorUrl,omitempty"`
	DeclaredBy   string    `json:"declaredBy,omitempty"`
	DeclaredAt   time.Time `json:"declaredAt,omitzero"`
	RecycledAt   time.Time `json:"recycledAt,omitzero"`
}

// MomentRecord is one change of what was in force.
type MomentRecord struct {
	At      time.Time `json:"at"`
	Status  string    `json:"status"`
	Version int       `json:"version"`
}

// VersionRecord is one line of versions/.
type VersionRecord struct {
	Passport          id.Passport    `json:"passport"`
	Number            int            `json:"number"`
	ProductGroup      string         `json:"productGroup"`
	SchemaVersion     string         `json:"schemaVersion"`
	Granularity       string         `json:"granularity"`
	ProductIdentifier string         `json:"productIdentifier"`
	Model             string         `json:"model,omitempty"`
	Batch             string         `json:"batch,omitempty"`
	ContentHash       string         `json:"contentHash"`
	PublishedAt       time.Time      `json:"publishedAt"`
	PublishedBy       string         `json:"publishedBy"`
	Content           map[string]any `json:"content"` // effective
}

// Bare is the record without its content (archive.Record).
func (v VersionRecord) Bare() (any, map[string]any) {
	content := v.Content
	v.Content = nil
	return v, content
}

// DocumentRecord is one line of documents/.
type DocumentRecord struct {
	ID        id.Document         `json:"id"`
	Passport  id.Passport         `json:"passport"`
	Name      string              `json:"name"`
	Kind      document.Kind       `json:"kind"`
	Language  string              `json:"language,omitempty"`
	Audience  []audience.Audience `json:"audience"`
	MediaType string              `json:"mediaType"`
	Size      int64               `json:"size"`
	SHA256    string              `json:"sha256"` // of the bytes, in hex
	AddedAt   time.Time           `json:"addedAt"`
	AddedBy   string              `json:"addedBy"`
	File      string              `json:"file"` // the member that has the bytes; documents of the same bytes share one
}
