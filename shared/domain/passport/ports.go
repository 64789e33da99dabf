package passport

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Store keeps the passports of all tenants; every method is confined to the tenant it is given. An object of another
// tenant is not found.
type Store interface {
	// Passport returns one passport, strongly consistent; passport-not-found when absent.
	Passport(ctx context.Context, t id.Tenant, p id.Passport) (Passport, error)
	// Find returns the passport of a product; passport-not-found when the tenant has none.
	Find(ctx context.Context, t id.Tenant, product identifier.Product) (Passport, error)
	// List returns summaries, latest change first. It may lag behind a change by a moment.
	List(ctx context.Context, t id.Tenant, f Filter, p page.Request) (page.Of[Summary], error)
	// InForce returns the latest published versions of those of the products that the tenant has published and not
	// suspended or archived, in the order of the products; others are left out.
	InForce(ctx context.Context, t id.Tenant, products []identifier.Product) ([]Version, error)
	// Commit stores a change whole or not at all.
	Commit(ctx context.Context, c Change) error
}

// History reads what was published.
type History interface {
	// Version returns one version; version-not-found when absent.
	Version(ctx context.Context, t id.Tenant, p id.Passport, number int) (Version, error)
	// Versions lists versions, latest first.
	Versions(ctx context.Context, t id.Tenant, p id.Passport, r page.Request) (page.Of[VersionSummary], error)
	// Alive returns passport-not-found for a passport that is absent or deleted, strongly consistent.
	Alive(ctx context.Context, t id.Tenant, p id.Passport) error
	// MomentAt returns the last change of what is in force at or before an instant; passport-not-in-force when none.
	MomentAt(ctx context.Context, t id.Tenant, p id.Passport, at time.Time) (Moment, error)
}

// Change is one step of a passport's life, stored in one transaction: the record at its next revision, and with it the
// version it freezes, the public view, the moment in its timeline and the audit entry.
//
// Commit returns revision-stale when the stored revision is not Before.Revision, and product-identifier-taken when
// another passport of the tenant, or at publication of anybody, holds the product identifier.
type Change struct {
	Before  *Passport // nil at creation
	After   Passport
	Version *Version    // at publication
	Public  *PublicView // when what the world sees changes
	Moment  *Moment     // when what is in force changes
	Erase   *Erasure    // when the passport is deleted; one that was asked for goes when it is taken back
	Entry   audit.Entry
}

// Erasure is what is to happen with a deleted passport that nobody takes back.
type Erasure struct {
	Asked     time.Time
	NotBefore time.Time // until then it can be taken back
}

// ContentChecker validates content against the schema of its product group.
type ContentChecker interface {
	Check(group string, content map[string]any) []fault.Field
}

// Groups finds product groups.
type Groups func(name string) (*productgroup.Group, error)

// PublicStore reads what the world may read; no other table is reachable through it.
type PublicStore interface {
	// View returns the public view of a product in one storage read; passport-not-found when there is none.
	View(ctx context.Context, product identifier.Product) (PublicView, error)
	// Carrier returns the product of a passport that has been published, in one storage read.
	Carrier(ctx context.Context, p id.Passport) (identifier.Product, error)
	// Kept completes the view of a passport in custody with its document, or says what came after it, in one read of the table
	// of custody.
	Kept(ctx context.Context, v PublicView) (PublicView, error)
}
