package lifecycle

import (
	"context"
	"errors"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// ErrStale is returned by a store when a record is no longer what was read.
var ErrStale = errors.New("lifecycle: somebody else has changed the record")

// Life is a tenant's record and what happened to it.
type Life struct {
	Record  Record
	History []Moment  // one for each step, in order; only ever appended to
	DueAt   time.Time // when somebody has to look at it next; zero: when something happens

	// The certificate is named when the plan is frozen, so that the people who can fetch it hear of it while there still
	// are any: whoever shows the secret gets it.
	CertificateID     string
	CertificateSecret string // "sha-256:<hex>" of the secret
	Plan              []byte // the frozen plan as JSON, of which Record.PlanHash is the hash

	// Proof is the Evidence on which the deletion began, and Consent that of an early end, kept because the log is deleted
	// before the certificate is made.
	Proof   string
	Consent string

	// The certificate between its signing and Retire, see CertificateRow.
	Document  []byte
	Signature []byte
}

// Moment is one step. It names no person but by identifier, and is removed with the identifiers when the tenant is certified.
type Moment struct {
	Event  audit.Event       `json:"event"`
	At     time.Time         `json:"at"`
	Actor  string            `json:"actor"`
	Detail map[string]string `json:"detail,omitempty"`
}

// Step is one change of a life, stored whole or not at all: the life at its next revision, what the tenant's own audit
// trail and notices say about it, and the state at the door of the tenant. Trail and notices are left out once the
// deletion has begun: from then on the history of the life alone is written.
type Step struct {
	Before  Record // as read; its state, epoch and revision are the condition
	After   Life
	Entries []audit.Entry
	Notices []audit.Notice
}

// Store keeps lives in the Ledger, where they outlive what they speak of. It works across tenants.
type Store interface {
	// Life returns a tenant's life. One that never asked to leave has the record New under the policy that it was founded
	// with, in the state of its row; one that does not exist is organisation-not-found.
	Life(ctx context.Context, t id.Tenant) (Life, error)
	// Step stores a step; ErrStale when the record is no longer Before.
	Step(ctx context.Context, s Step) error
	// Due lists tenants whose DueAt is at or before an instant, earliest first, at most so many.
	Due(ctx context.Context, through time.Time, most int) ([]id.Tenant, error)
	// Each walks every life that is stored, in no order: the second way to find work, in case the list of what is due has
	// lost something.
	Each(ctx context.Context, do func(Life) error) error
	// Retire stores the certificate under its identifier and removes the life and the name of the tenant from the register,
	// in one transaction: from here on nothing names the tenant. Its holds, all of them released, go before. The record is
	// Certified; before is the condition, as in Step.
	Retire(ctx context.Context, before Record, c CertificateRow) error
}

// CertificateRow is a stored certificate: the document that was signed, its signature, and who may fetch it.
type CertificateRow struct {
	ID        string
	Secret    string // "sha-256:<hex>"
	Document  []byte // JSON, exactly the bytes that were signed
	Signature []byte // ASN.1 DER, ECDSA P-256 over SHA-256 of the domain-separated document
	At        time.Time
}

// Certificates reads what Retire stored.
type Certificates interface {
	// Certificate returns one; certificate-not-found when there is none.
	Certificate(ctx context.Context, certificate string) (CertificateRow, error)
}

// Holds keeps legal holds in the Ledger. A change is stored with its audit entry in one transaction; ErrStale when the
// hold is no longer what was read.
type Holds interface {
	Hold(ctx context.Context, t id.Tenant, hold string) (Hold, error) // hold-not-found
	Of(ctx context.Context, t id.Tenant) ([]Hold, error)              // all, also released ones, in the order of asking
	Save(ctx context.Context, before *Hold, after Hold, e audit.Entry) error
	Each(ctx context.Context, do func(Hold) error) error // of all tenants, for reviews that are overdue
}

// Choices keeps what a tenant says about its passports before it is sealed, in the tenant's own partition.
type Choices interface {
	Choice(ctx context.Context, t id.Tenant, p id.Passport) (Choice, error) // the zero choice when nothing was said
	Choose(ctx context.Context, t id.Tenant, p id.Passport, c Choice, e audit.Entry) error
}
