package evidencepage

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"time"

	"github.com/a-h/templ"
)

// CertificatePage is a certificate of deletion in words.
type CertificatePage struct {
	ID, Tenant, Policy, Law, PlanHash, Template string
	Broken                                      []string // promises that it does not keep, by what it says itself
	Instants                                    []Instant
	Stores                                      []StoreRow
	Kept                                        []KeptRow
	File                                        []byte // the signed file
}

// Download is the signed file as an address: it is in the page already, and is not asked for a second time with the secret.
func (p CertificatePage) Download() templ.SafeURL {
	return templ.SafeURL("data:application/json;base64," + base64.StdEncoding.EncodeToString(p.File))
}

// Instant is one moment of a deletion.
type Instant struct {
	Name, Means string
	At          time.Time
}

// StoreRow is one place that held data.
type StoreRow struct {
	Name                   string
	Before, Deleted, After int64
	Provider, Method       string
}

// KeptRow is something that stays, or stood against the deletion.
type KeptRow struct {
	What, Basis, Why string
	Count            int
	Until            time.Time // zero: no end is set
}

// AskForCertificate writes the page that asks for the secret of a certificate. wrong is shown when the last try failed.
func AskForCertificate(w io.Writer, certificate, wrong string) error {
	return askDocument(certificate, wrong).Render(context.Background(), w)
}

// Certificate writes a certificate. Printed, it is a document of two pages or so.
func Certificate(w io.Writer, p CertificatePage) error {
	return certificateDocument(p).Render(context.Background(), w)
}

// FormPolicy is ContentSecurityPolicy for the pages of certificates, which have a form that leads to themselves.
func FormPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
}

// Stamp is an instant for people.
func Stamp(t time.Time) string { return t.UTC().Format("2 January 2006, 15:04 UTC") }

func until(t time.Time) string {
	if t.IsZero() {
		return "—"
	}
	return t.UTC().Format("2 January 2006")
}
