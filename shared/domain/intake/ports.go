package intake

import (
	"context"
	"errors"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ErrStale is what a Store returns when a run was saved by somebody else in between.
var ErrStale = errors.New("intake: the run was changed meanwhile")

// ErrTaken is what a Runner returns when somebody else works on the run, or took it over.
var ErrTaken = errors.New("intake: somebody else works on the run")

// Store keeps runs.
type Store interface {
	// Load returns a run, strongly consistent; import-not-found when there is none.
	Load(ctx context.Context, t id.Tenant, run id.Import) (Run, error)
	// Save stores a run if the revision of the stored one is one less than its own, and returns ErrStale otherwise. Entries
	// go into the audit trail in the same transaction.
	Save(ctx context.Context, r Run, entries ...audit.Entry) error
}

// Target is where passports go. All but Find are as in passport.Service, with all its checks.
type Target interface {
	// Find returns the passport of a product, strongly consistent; passport-not-found when the tenant has none.
	Find(ctx context.Context, t id.Tenant, product identifier.Product) (passport.Passport, error)
	Create(ctx context.Context, by access.Caller, d passport.NewDraft) (passport.Passport, error)
	Update(ctx context.Context, by access.Caller, p id.Passport, seen int64, patch passport.Patch) (passport.Passport, error)
	Publish(ctx context.Context, by access.Caller, p id.Passport, seen int64) (passport.Passport, error)
}

// Place is where a block of a report is: the number of the row before its first one, 0 at the beginning, and the fence of
// whoever wrote it.
type Place struct {
	After int   `json:"after"`
	Fence int64 `json:"fence"`
}

// Block is a part of the report: verdicts on rows that follow each other. A block that was not followed by a checkpoint
// comes again, with another fence or with more or fewer rows; those that count are found from the last one backwards, each
// naming the one Before it.
type Block struct {
	Tenant   id.Tenant
	Run      id.Import
	Phase    Phase
	Place    Place
	Before   *Place // nil for the first one
	Verdicts []Verdict
}

// Report takes the verdicts, row by row.
type Report interface {
	Append(ctx context.Context, b Block) error
	// Finish makes one file of the blocks of a phase. It may come again. last is nil when there are none.
	Finish(ctx context.Context, t id.Tenant, run id.Import, phase Phase, last *Place) error
}
