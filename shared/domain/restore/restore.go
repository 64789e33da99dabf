// Package restore brings an export back: it reads an archive of this platform (package archive), checks it whole before
// anything is stored, and stores its passports with all their versions in an organisation. What is there already stays as
// it is. It may be killed at any moment and goes on from where it was.
//
// It does not publish: what was published comes back suspended, with its history, and is published again by people. Recipes
// come along; the organisation's name and sign-in policy only where somebody asks for it whom the policy lets in.
package restore

import (
	"context"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/intake"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/upload"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// State is where an import is in its life.
type State string

// The states of an import.
const (
	Waiting    State = "waiting"    // for the file
	Checking   State = "checking"   // the file is there and being read
	Checked    State = "checked"    // nothing is stored yet; somebody must say so
	Committing State = "committing" // being stored
	Done       State = "done"
	Refused    State = "refused" // the file is not what it must be; nothing was stored
	Failed     State = "failed"  // given up while it was stored; what was restored stays
	Cancelled  State = "cancelled"
)

// Limits of imports.
const (
	blockSize  = 50      // passports between two checkpoints
	blockBytes = 8 << 20 // of their lines, after which a block ends early; one passport may be larger
	together   = 10      // passports that are given to the target in one call; with documents, one
	maxShown   = 100     // refusals that are told one by one
)

// Import is one import.
type Import struct {
	ID          id.Import
	Tenant      id.Tenant
	State       State
	Size        int64  // bytes of the file, as announced
	SHA256      string // of the file in hex, as announced
	RequestedAt time.Time
	RequestedBy string
	Why         string // it was refused, cancelled or given up

	Origin    string    // organisation of which the archive is
	Snapshot  time.Time // of the archive
	Passports int64     // in the archive
	Versions  int64
	Documents int64
	Read      int64 // passports gone through so far
	Restored  int64
	Present   int64 // were there already, the same
	Failed    int64 // could not be restored
	Recipes   int64 // of the archive that are here now
	Problems  []Problem

	Fence      int64
	LeaseUntil time.Time
	Asked      int   // how often the runner was asked
	Marked     int64 // fence of whoever last came further
	Verified   int   // members of the file that are checked
	At         Place // in the file, up to which its lines are checked or stored

	SettingsBy string // who wants the organisation's name and sign-in policy to come along; empty: nobody
}

// Problem is why one passport or recipe was not restored.
type Problem struct {
	Passport          string     `json:"passport,omitempty"`
	ProductIdentifier string     `json:"productIdentifier,omitempty"`
	Recipe            string     `json:"recipe,omitempty"` // its name
	Code              fault.Code `json:"code"`
	Detail            string     `json:"detail"`
}

// Store keeps imports. Claim and Save return export.ErrTaken when somebody else is at it, or it is not to be run.
type Store interface {
	Create(ctx context.Context, i Import, entry audit.Entry) error
	Import(ctx context.Context, t id.Tenant, i id.Import) (Import, error)
	Imports(ctx context.Context, t id.Tenant) ([]Import, error)
	Claim(ctx context.Context, t id.Tenant, i id.Import, now, until time.Time) (Import, error)
	Save(ctx context.Context, i Import) error
	Step(ctx context.Context, i Import, entry audit.Entry) error
}

// Files is where files are uploaded and read.
type Files interface {
	Upload(ctx context.Context, a upload.Announcement, life time.Duration) (upload.Form, error)
	// Open reads the file at any place; the fault for one that is not there is upload.Gone.
	Open(ctx context.Context, t id.Tenant, i id.Import) (r io.ReaderAt, size int64, err error)
	// Arrived tells whether the file is there.
	Arrived(ctx context.Context, t id.Tenant, i id.Import) (bool, error)
	Ask(ctx context.Context, t id.Tenant, i id.Import, n int) error
	Remove(ctx context.Context, t id.Tenant, i id.Import) error
}

// Target stores passports whole, each with its versions, its history, its documents and its entry in the trail, or not at
// all. Its verdicts are in the order of the passports. It is safe for concurrent use.
type Target interface {
	Restore(ctx context.Context, all []Whole) []Verdict
}

// Whole is a passport with all that belongs to it.
type Whole struct {
	By        id.Import // that brings it
	Passport  passport.Passport
	Versions  []passport.Version // by number
	History   []passport.Moment  // by time
	Documents []Paper
	Entry     audit.Entry
}

// Verdict is what became of a passport. Err is a conflict when the product belongs to another passport.
type Verdict struct {
	Present bool // the same one is there already, and this very import has not stored it
	Err     error
}

// Paper is a document and a way to its bytes.
type Paper struct {
	Document document.Document
	Content  func() ([]byte, error)
}

// Recipes keeps recipes for imports of tables; intake.Recipes has more.
type Recipes interface {
	Recipes(ctx context.Context, t id.Tenant) ([]intake.Recipe, error)
	Save(ctx context.Context, t id.Tenant, r intake.Recipe, entry audit.Entry) error
}

// Service is what people can do with imports.
type Service struct {
	Store Store
	Files Files
	IDs   *id.Source
}

// NotFound is the fault for an import that is not there.
func NotFound() error {
	return fault.New(fault.CodeImportNotFound, "Your organisation has no such import.")
}

// Begin announces a file and returns how to upload it.
func (s *Service) Begin(ctx context.Context, by access.Caller, size int64, sha256 string) (Import, upload.Form, error) {
	i := Import{ID: id.New[id.Import](s.IDs), Tenant: by.Tenant, State: Waiting, Size: size, SHA256: sha256, RequestedAt: by.At, RequestedBy: by.Actor}
	entry := audit.New(s.IDs, by, audit.ImportBegun, "import:"+string(i.ID), "", "")
	if err := s.Store.Create(ctx, i, entry); err != nil {
		return i, upload.Form{}, err
	}
	form, err := s.Files.Upload(ctx, upload.Announcement{Tenant: i.Tenant, Import: i.ID, Size: size, SHA256: sha256, Type: "application/zip"}, upload.Life)
	return i, form, err
}

// Get returns one import.
func (s *Service) Get(ctx context.Context, by access.Caller, which id.Import) (Import, error) {
	i, err := s.Store.Import(ctx, by.Tenant, which)
	if err != nil {
		return i, err
	}
	running := i.State == Checking || i.State == Committing
	if running && by.At.Sub(i.LeaseUntil) > time.Minute {
		return i, s.Files.Ask(ctx, i.Tenant, i.ID, i.Asked+1)
	}
	return i, nil
}

// List returns imports, latest first.
func (s *Service) List(ctx context.Context, by access.Caller) ([]Import, error) {
	return s.Store.Imports(ctx, by.Tenant)
}

// Commit stores what has been checked. With settings, which is for people who may set them, the organisation's name and
// sign-in policy come along, unless the policy would lock out whoever asks for it.
func (s *Service) Commit(ctx context.Context, by access.Caller, which id.Import, who access.Principal, settings bool) (Import, error) {
	i, err := s.Store.Import(ctx, by.Tenant, which)
	if err != nil {
		return i, err
	}
	if i.State != Checked {
		return i, fault.New(fault.CodeImportState, "The import is %s; only one that is checked can be committed.", i.State)
	}
	if settings {
		if err := s.admit(ctx, by, i, who); err != nil {
			return i, err
		}
		i.SettingsBy = by.Actor
	}
	i.State, i.Fence, i.Marked, i.LeaseUntil, i.Asked = Committing, i.Fence+1, i.Fence+1, time.Time{}, i.Asked+1
	if err := s.Store.Step(ctx, i, audit.New(s.IDs, by, audit.ImportCommitted, "import:"+string(i.ID), "", "")); err != nil {
		return i, err
	}
	return i, s.Files.Ask(ctx, i.Tenant, i.ID, i.Asked)
}

// Cancel ends an import. What it has stored stays.
func (s *Service) Cancel(ctx context.Context, by access.Caller, which id.Import) error {
	i, err := s.Store.Import(ctx, by.Tenant, which)
	if err != nil {
		return err
	}
	if i.State != Done && i.State != Refused && i.State != Failed && i.State != Cancelled {
		i.State, i.Fence = Cancelled, i.Fence+1
		if err := s.Store.Step(ctx, i, audit.New(s.IDs, by, audit.ImportCancelled, "import:"+string(i.ID), "", "")); err != nil {
			return err
		}
	}
	return s.Files.Remove(ctx, i.Tenant, i.ID)
}
