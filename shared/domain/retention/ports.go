// Package retention ends what has to end: it walks tenants that leave through the states of package lifecycle, freezes the
// plan of each deletion, has every place that holds tenant data searched, emptied and searched again by somebody else, and
// keeps the proof. It also deletes single passports and persons.
//
// Four jobs share the work, each with a role of its own on AWS. The tick (every 15 minutes) takes every step that is due
// at or before now. The custodian decides what becomes of each passport of a sealed tenant, and copies what the law keeps.
// The worker empties stores page by page. The auditor counts, with code and credentials of its own, what is left. Each may
// be killed at any instant, called twice, called late or not at all for days: what is left to do is always found in the
// Ledger, and every write of progress carries a fencing token.
//
// The package decides and drives; it reads no storage by itself.
package retention

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ErrTaken is returned when somebody else has taken a piece of work over.
var ErrTaken = errors.New("retention: somebody else is at it")

// Phase orders stores: a store is swept when every store of the phases before is empty.
type Phase int

// The phases.
const (
	Derived  Phase = iota // projections, exports, uploads, what can be made again
	Content               // passports, versions, documents, objects
	People                // members, users at the identity provider, suppression lists
	Settings              // the organisation's own row, its log
	Keys                  // begins when the tenant is active-clear
)

// Order says for whom a store works, and what it has to spare.
type Order struct {
	Tenant   id.Tenant   // empty only for a person who is in no organisation any more, wherever they are
	Passport id.Passport // only what belongs to this passport; empty: everything of the tenant
	Person   id.Person   // only what belongs to this person
	Asked    time.Time   // when this deletion was asked for: tells it from another one of the same, in the journal
	// Spare tells whether a row must stay because of a hold. A store asks it for every row that it can tell the owner of,
	// and with Whole for one that it cannot. nil spares nothing.
	Spare func(lifecycle.Target) bool
}

// Page is what one call of Sweep did.
type Page struct {
	Deleted int64  // rows, objects, versions, users … that were there and are gone
	Spared  int64  // because of holds
	Writes  int64  // requests to delete, in units of one item, retries included
	Digest  []byte // of the names of what was deleted, in order; nothing that could be read back
	Cursor  string // where to go on; empty: the end was reached
}

// Receipt is the evidence of one store: what a sub-processor or a storage said, or how else it is known.
type Receipt struct {
	Store    string    `json:"store"`
	Provider string    `json:"provider"` // "Amazon DynamoDB", "Amazon Cognito", …
	Method   string    `json:"method"`   // in a sentence
	Request  string    `json:"request,omitempty"`
	At       time.Time `json:"at"`
}

// Store is one place that holds tenant data. Every method may be called at any time, again and again. Sweep deletes the
// next page and returns where it ends; deleting what is gone already is no error. Verify counts what is left, held or
// not, without using what Sweep uses to find things. Evidence is asked for right after Verify has found nothing, by the same
// instance; it is an error when nothing can be shown. An order for a passport or a person touches and counts nothing else,
// and a store that holds neither answers nothing at once.
type Store interface {
	Name() string // stable, such as "records"
	Phase() Phase
	Plan(ctx context.Context, o Order) (items int64, err error)
	Sweep(ctx context.Context, o Order, cursor string, most int) (Page, error)
	Verify(ctx context.Context, o Order) (left int64, err error)
	Evidence(ctx context.Context, o Order) (Receipt, error)
}

// Census names every tenant of whom a store holds anything, once or more often, in no order: it finds what came back.
type Census interface {
	Name() string
	Tenants(ctx context.Context, do func(id.Tenant) error) error
}

// Kind tells pieces of work apart.
type Kind string

// The kinds of work.
const (
	Dispose Kind = "dispose" // decide what becomes of the passports of a sealed tenant, and copy what is kept
	Count   Kind = "count"   // count what one store of a sealed tenant holds, for the plan
	Sweep   Kind = "sweep"   // empty one store of one tenant
	Verify  Kind = "verify"  // count, by the auditor, what is left in every store of a tenant
	Erase   Kind = "erase"   // one passport or one person, out of every store
	Stray   Kind = "stray"   // empty one store of a tenant that does not exist, whose data came back
)

// Work is one piece of work that is left to do, in the Ledger. It holds identifiers, counts and digests, no content. The
// tenant, kind, store, passport and person name it.
type Work struct {
	Tenant   id.Tenant
	Kind     Kind
	Store    string      // Count, Sweep, Stray
	Phase    Phase       // as Store
	Passport id.Passport // Erase
	Person   id.Person   // Erase

	NotBefore time.Time // not to be begun earlier: undo, drain, backing off
	By        time.Time // the deadline: earliest first
	Done      time.Time // zero: not yet
	Ended     time.Time // Sweep: when the end was last reached; without Done, all that was found there is held
	Verified  time.Time // Sweep of keys, Verify: when nothing was found
	Left      int64     // found by the last verification
	Fence     int64     // raised by whoever takes it over
	Lease     time.Time
	Cursor    string
	Planned   int64
	Deleted   int64
	Spared    int64
	Writes    int64
	Digest    []byte // rolling, over the pages
	Began     time.Time
	Attempts  int       // since the last progress
	Progress  time.Time // the last time a page was done
	Why       string    // code of the last failure
	Receipt   *Receipt
	State     []byte // what a kind has to remember beside these, as JSON
}

// Works keeps work. Claim and Save carry the fence: ErrTaken when somebody else has raised it.
type Works interface {
	Add(ctx context.Context, w ...Work) error // what is there already stays as it is
	// Due lists work that is not done and whose NotBefore is at or before an instant, the earliest By first; also what is
	// leased.
	Due(ctx context.Context, kinds []Kind, now time.Time, most int) ([]Work, error)
	// Claim raises the fence of what was read and sets the lease; what it returns is as it is stored.
	Claim(ctx context.Context, w Work, until time.Time) (Work, error)
	Save(ctx context.Context, w Work) error
	Of(ctx context.Context, t id.Tenant) ([]Work, error)
	Remove(ctx context.Context, t id.Tenant) error // everything of a tenant that is certified
}

// Drops removes one piece of work: an erasure that was taken back or has ended. ErrTaken as in Save.
type Drops interface {
	Drop(ctx context.Context, w Work) error
}

// KeySwitch turns the keys of a tenant off when it is sealed, so that nothing that is still under way can read or write
// content. What is off can still be read by the custodian and destroyed. Idempotent.
type KeySwitch interface {
	Disable(ctx context.Context, t id.Tenant) error
}

// Secrets derives the secret that opens a certificate, at least 128 bits in text: the same each time for the same
// certificate, so that it need not be kept, and not to be guessed by anybody else.
type Secrets interface {
	Secret(ctx context.Context, certificate string) (string, error)
}

// Register knows every tenant that exists. Registered reads consistently: a tenant that was just founded is there.
type Register interface {
	Registered(ctx context.Context, t id.Tenant) (bool, error)
	// Found writes down that a store holds data of a tenant that does not exist. Idempotent for one store and day.
	Found(ctx context.Context, t id.Tenant, store string, at time.Time) error
}

// Keeper knows the passports of a sealed tenant, and does with each what was decided.
type Keeper interface {
	// Facts lists passports after a place, in a stable order; none: the end.
	Facts(ctx context.Context, t id.Tenant, after string, most int) ([]Case, error)
	// Keep writes the copy in custody, the redirect or the tombstone, and hides the public view. Idempotent.
	Keep(ctx context.Context, t id.Tenant, d lifecycle.Disposition) error
}

// Case is one passport to be decided about.
type Case struct {
	Place  string // to go on after
	Facts  lifecycle.PassportFacts
	Choice lifecycle.Choice
}

// Sources reads independent clocks, such as this machine's and the Date of an answer of the storage.
type Sources interface {
	Now(ctx context.Context) ([]time.Time, error)
}

// Guards keeps the high-water mark of the clock, an operator's word after an outage, the limiter, and how far the search for
// what came back is, one row each.
type Guards interface {
	Mark(ctx context.Context) (high time.Time, word *lifecycle.Resume, err error)
	Raise(ctx context.Context, from, to time.Time) error // ErrTaken when it is no longer from
	Limiter(ctx context.Context) (l lifecycle.Limiter, revision int64, err error)
	Limit(ctx context.Context, l lifecycle.Limiter, revision int64) error // ErrTaken
	Search(ctx context.Context) (Search, error)                           // zero: there was none yet
	Searched(ctx context.Context, s Search) error
}

// Search is how far the search for what came back is. Two that meet walk a store twice, which does no harm.
type Search struct {
	Began time.Time // of the one under way, or of the last one
	Tried time.Time // when somebody last went on with it
	Done  []string  // the stores that were walked in it
	Ended time.Time // when a search last walked every store; zero: none did
}

// Prover finds in the tenant's audit log that its termination was recorded, with the proof of inclusion and the signature
// of the checkpoint verified; nil when it cannot be shown.
type Prover interface {
	Prove(ctx context.Context, r lifecycle.Record) (*lifecycle.LogProof, error)
}

// Backups answers for copies that cannot be emptied and have to run out.
type Backups interface {
	// Oldest is when the oldest copy was made; zero: there is none. complete is false when not every place was read.
	Oldest(ctx context.Context) (at time.Time, complete bool, err error)
}

// Journal remembers what was deleted, without saying whose it was, so that a restored backup can be emptied of it. An
// order is named by whom it is for and by Asked: a tenant that was opened again is another deletion.
type Journal interface {
	Begin(ctx context.Context, o Order, notBefore time.Time) error // idempotent
	Close(ctx context.Context, o Order, done time.Time, evidence string) error
	Closed(ctx context.Context, o Order) (bool, error)
}

// Exports tells whether exports keep the window open, see lifecycle.Facts.
type Exports interface {
	Running(ctx context.Context, t id.Tenant, before time.Time) (running bool, doneAt time.Time, err error)
}

// Signer signs certificates with the platform's key.
type Signer interface {
	Sign(ctx context.Context, message []byte) ([]byte, error)
}

// Meter publishes figures, of which none names a tenant, and tells operators why a piece of work does not go on: the work
// itself keeps the code alone.
type Meter interface {
	Put(name string, value float64)
	Failed(w Work, err error)
}

// Herald tells the people of a tenant by mail; the notices in the application are part of each step. A message with the
// same key goes out once to each, however often it is asked for. reached counts who has got it, also before; an error says
// that it was not all.
type Herald interface {
	Tell(ctx context.Context, t id.Tenant, key string, m Message) (reached int, err error)
}

// Message is a mail to the owners of a tenant.
type Message struct {
	Subject string
	Text    string
}
