// Package passport is the digital product passport itself: its content, its life from draft to archive, its immutable
// versions, and the view of it that the world may read.
//
// A passport describes a product at one granularity (model, batch or item, ESPR Art. 9(2)(d)). Its working content can
// change at any time; the world sees only versions, each frozen with a content hash when it is published. An item
// inherits at publication what its batch and its model say (Reg. (EU) 2023/1542 Annex XIII speaks of one passport with
// model and item data), so that every version is complete in itself.
//
// The package holds rules and ports; it stores and serves nothing itself.
package passport

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Status is where a passport stands in its life.
type Status string

// The statuses. Archived is final.
const (
	Draft     Status = "draft"     // never published
	Published Status = "published" // a version is in force
	Suspended Status = "suspended" // withdrawn for now; may be published again
	Archived  Status = "archived"  // ended, with a reason
	Deleted   Status = "deleted"   // hidden from everybody, and for good when it has not been taken back in time
)

// What is left of a passport whose operator is gone. The statuses are those of public views only: the passport itself does
// not exist any more.
const (
	InCustody Status = "in-custody" // the law keeps it; somebody else than the operator shows it
	Moved     Status = "moved"      // a successor shows it
	Ceased    Status = "ceased"     // it ended, and nothing else will have its address
	Hidden    Status = "hidden"     // about to be deleted: nobody sees it any more
)

// Statuses lists the statuses in the order of life. Deleted is none of them: what is deleted is found by whoever can take
// that back, and by nobody else.
func Statuses() []Status { return []Status{Draft, Published, Suspended, Archived} }

// Content is the product data: JSON with numbers as json.Number, described by the schema of its product group.
type Content = map[string]any

// Passport is the record a tenant works on.
type Passport struct {
	ID           id.Passport
	Tenant       id.Tenant
	Status       Status
	Revision     int64 // 1 at creation, one more with each change; the entity tag
	Version      int   // number of the latest version, 0 before the first publication
	ProductGroup string
	Granularity  identifier.Granularity
	Product      identifier.Product
	Content      Content // its own data, without what it inherits
	Reason       string  // why it was suspended or archived
	Was          Status  // before it was deleted
	ContentHash  string  // of the latest version
	CreatedAt    time.Time
	UpdatedAt    time.Time
	PublishedAt  time.Time // of the latest version
}

// Summary is a passport in a list: everything but the content.
type Summary struct {
	ID           id.Passport
	Status       Status
	Revision     int64
	Version      int
	ProductGroup string
	Granularity  identifier.Granularity
	Product      identifier.Product
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Version is an immutable publication.
type Version struct {
	Passport      id.Passport
	Tenant        id.Tenant
	Number        int // 1 for the first
	ProductGroup  string
	SchemaVersion string
	Granularity   identifier.Granularity
	Product       identifier.Product
	Links         Links
	Content       Content // effective: own data over batch data over model data
	ContentHash   string  // "sha-256:<hex>", see Hash
	PublishedAt   time.Time
	PublishedBy   string
}

// VersionSummary is a version in a list.
type VersionSummary struct {
	Number        int
	SchemaVersion string
	ContentHash   string
	PublishedAt   time.Time
	PublishedBy   string
}

// Links name the passports of the batch and the model a passport inherits from; a zero product means none exists.
type Links struct {
	Model identifier.Product
	Batch identifier.Product
}

// Moment is a change of what is in force: from At on, the passport had this status and version.
type Moment struct {
	At      time.Time
	Status  Status
	Version int
	Reason  string
}

// Filter narrows a list. Zero fields do not filter.
type Filter struct {
	Status       Status
	ProductGroup string
	Product      identifier.Product
	UpdatedSince time.Time
}

// PublicView is what the world may read of a product: the answer of the resolver.
type PublicView struct {
	Product  identifier.Product
	Passport id.Passport
	Tenant   id.Tenant
	Status   Status // Published, Suspended or Archived; InCustody, Moved or Ceased when its operator is gone;
	// Hidden and Deleted are answered like a product that nobody knows
	ProductGroup string
	Version      int
	Reason       string
	At           time.Time // when this status began
	Document     []byte    // the public document as JSON; empty unless published or in custody
	Successor    string    // Moved: the address where it is now
	Kept         *Kept     // InCustody
}

// Kept says on what ground and until when a passport without operator is shown.
type Kept struct {
	PublishedAt time.Time // of the version that is kept
	Since       time.Time
	Until       time.Time
	Basis       string // act and article
}

// Summary is the passport without its content.
func (p Passport) Summary() Summary {
	return Summary{
		ID: p.ID, Status: p.Status, Revision: p.Revision, Version: p.Version, ProductGroup: p.ProductGroup,
		Granularity: p.Granularity, Product: p.Product, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}
