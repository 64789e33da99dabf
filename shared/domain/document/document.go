// Package document is the papers that go with a passport: declarations of conformity, manuals, certificates, test reports,
// safety data sheets. A document never changes; replacing one is adding another and deleting the first. It belongs to the
// working record, not to a version: what the world reads names no documents yet.
//
// The package holds rules and ports; it stores and serves nothing itself.
package document

import (
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of documents.
const (
	// MaxSize is the most a document may take, in bytes. A function takes and gives 6 MB at most, and base64 adds a third.
	MaxSize = 4 << 20
	// MaxPerPassport is how many documents a passport has at most.
	MaxPerPassport = 100

	maxName = 200 // characters
)

// Kind is what a document is.
type Kind string

// The kinds.
const (
	Declaration     Kind = "declaration-of-conformity"
	Manual          Kind = "manual"
	Certificate     Kind = "certificate"
	TestReport      Kind = "test-report"
	SafetyDataSheet Kind = "safety-data-sheet"
	Other           Kind = "other"
)

// Kinds lists the kinds.
func Kinds() []Kind {
	return []Kind{Declaration, Manual, Certificate, TestReport, SafetyDataSheet, Other}
}

// MediaTypes lists what a document may be. None of them runs anything in a browser that takes them for what they say.
func MediaTypes() []string {
	return []string{"application/pdf", "image/png", "image/jpeg", "text/plain", "text/csv", "application/json", "application/xml"}
}

// Extension is what names of files of a media type end with.
func Extension(media string) string {
	return map[string]string{
		"application/pdf": ".pdf", "image/png": ".png", "image/jpeg": ".jpg", "text/plain": ".txt", "text/csv": ".csv", "application/json": ".json", "application/xml": ".xml",
	}[media]
}

// Document is what is known of a document; its bytes are read apart.
type Document struct {
	ID       id.Document
	Passport id.Passport
	Tenant   id.Tenant
	Name     string
	Kind     Kind
	Language string       // BCP 47; empty when it has none or several
	Audience audience.Set // who it is meant for
	Media    string       // media type without parameters
	Size     int64        // bytes
	SHA256   string       // of the bytes, in hex
	AddedAt  time.Time
	AddedBy  string // actor
	Ref      string // where the storage has the bytes
}

// Digest identifies a document in the audit trail without saying anything of it.
func (d Document) Digest() string {
	parts := []string{d.Name, string(d.Kind), d.Language, d.Media, d.SHA256}
	for _, a := range d.Audience.List() {
		parts = append(parts, string(a))
	}
	return audit.Digest(parts...)
}

// NotFound is the answer for a document that does not exist, or belongs to somebody else or to another passport.
func NotFound() error {
	return fault.New(fault.CodeDocumentNotFound, "The passport has no document with this identifier.")
}

// Full is the answer when a passport has as many documents as it may.
func Full() error {
	return fault.New(fault.CodeDocumentLimit, "A passport has at most %d documents. Delete one that is no longer needed.", MaxPerPassport)
}

// Fixed is the answer to changes of an archived passport's documents.
func Fixed() error {
	return fault.New(fault.CodeTransition, "The passport is archived; its documents stay as they are.")
}
