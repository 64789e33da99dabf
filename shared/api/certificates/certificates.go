// Package certificates hands out the certificates of deletion. Nobody is left to sign in, so whoever has the secret that
// was mailed before the deletion gets it; the secret travels in the body, never in an address.
package certificates

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/certificate"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/web/evidencepage"
)

const (
	html  = "text/html"
	plain = "application/json"
	form  = "application/x-www-form-urlencoded"
)

// Keys gives the public key of certificates (DER SubjectPublicKeyInfo).
type Keys interface {
	PublicKey(ctx context.Context) ([]byte, error)
}

// Routes serves GET /trust/certificates/{certificateId}, a page that asks for the secret, and POST, which answers with the
// certificate as a page or as the signed file.
func Routes(store lifecycle.Certificates, keys Keys) []httpapi.Route {
	ask := httpapi.Route{
		Function: "show-certificate", Pattern: "GET /trust/certificates/{certificateId}", Action: access.Public, Siblings: []string{"POST"},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			// The same for every identifier: what exists is not told to those who only guess.
			return httpapi.Page(func(w io.Writer) error { return evidencepage.AskForCertificate(w, r.PathValue("certificateId"), "") }, evidencepage.FormPolicy())
		},
	}
	fetch := httpapi.Route{
		Function: "show-certificate", Pattern: "POST /trust/certificates/{certificateId}", Action: access.Public,
		Body: httpapi.Body{Types: []string{plain, form}, Max: 4096, Must: true},
		Handle: func(r *httpapi.Request) (*httpapi.Response, error) {
			media, err := httpapi.Negotiate(r.Header.Get("Accept"), plain, html)
			if err != nil {
				return nil, err
			}
			secret, err := shown(r)
			if err != nil {
				return nil, err
			}
			row, err := store.Certificate(r.Context(), r.PathValue("certificateId"))
			if errors.Is(err, fault.NotFound) {
				return nil, absent()
			}
			if err != nil {
				return nil, err
			}
			sum := sha256.Sum256([]byte(strings.TrimSpace(secret))) // a space comes along when it is copied out of a mail
			if subtle.ConstantTimeCompare([]byte("sha-256:"+hex.EncodeToString(sum[:])), []byte(row.Secret)) != 1 {
				return nil, absent()
			}
			spki, err := keys.PublicKey(r.Context())
			if err != nil {
				return nil, err
			}
			parsed, err := x509.ParsePKIXPublicKey(spki)
			key, ok := parsed.(*ecdsa.PublicKey)
			if err != nil || !ok {
				return nil, errors.Join(err, errors.New("certificates: the platform's key is of another kind"))
			}
			d, err := certificate.Verify(row.Document, row.Signature, key)
			if err != nil {
				return nil, err
			}
			file, err := certificate.Pack(row.Document, row.Signature)
			if err != nil {
				return nil, err
			}
			if media == html {
				p := page(d)
				p.File = file
				return httpapi.Page(func(w io.Writer) error { return evidencepage.Certificate(w, p) }, evidencepage.FormPolicy())
			}
			return (&httpapi.Response{Raw: file, ContentType: plain}).Set("Content-Disposition", `attachment; filename="deletion-certificate.json"`), nil
		},
		Present: again,
	}
	return []httpapi.Route{ask, fetch}
}

func absent() error {
	return fault.New(fault.CodeCertificateUnknown, "There is no such certificate, or the secret is not its own. It can be fetched when the deletion is complete, backups included: about two months after the contract ended, and at the latest after 90 days unless a legal hold stands against it.")
}

// shown is the secret in a body, as JSON or from the form of the page.
func shown(r *httpapi.Request) (string, error) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media == form {
		values, err := url.ParseQuery(string(r.Body))
		if err != nil {
			return "", absent()
		}
		return values.Get("secret"), nil
	}
	in, err := httpapi.Decode[struct {
		Secret string `json:"secret"`
	}](r)
	return in.Secret, err
}

// again shows people the form once more, and what was wrong.
func again(r *httpapi.Request, f *fault.Error, _ int) *httpapi.Response {
	media, err := httpapi.Negotiate(r.Header.Get("Accept"), plain, html)
	if err != nil || media != html {
		return nil
	}
	resp, err := httpapi.Page(func(w io.Writer) error {
		return evidencepage.AskForCertificate(w, r.PathValue("certificateId"), f.Detail)
	}, evidencepage.FormPolicy())
	if err != nil {
		return nil
	}
	return resp
}

// page is a certificate in words.
func page(d certificate.Document) evidencepage.CertificatePage {
	p := evidencepage.CertificatePage{ID: d.ID, Tenant: d.Tenant, Policy: d.Policy.Version, Law: d.Law, Broken: d.Violations(), PlanHash: d.PlanHash, Template: d.Template}
	add := func(name, means string, i evidencepage.Instant) {
		if !i.At.IsZero() {
			i.Name, i.Means = name, means
			p.Instants = append(p.Instants, i)
		}
	}
	add("Terminated", "The contract ended.", evidencepage.Instant{At: d.T0})
	if l := d.Log; l != nil {
		add("Signed in the audit log", fmt.Sprintf("As entry %d of the organisation's own log; the proof is in the signed file.", l.Index), evidencepage.Instant{At: l.SignedAt})
	}
	add("Window", "Until then everything could be exported.", evidencepage.Instant{At: d.NotBefore})
	add("Sealed", "Nobody could get in any more.", evidencepage.Instant{At: d.SealedAt})
	add("Deletion began", "Not before the last straggler had ended.", evidencepage.Instant{At: d.DeletingAt})
	add("First count", "Every place was searched, and nothing was found.", evidencepage.Instant{At: d.FirstVerified})
	add("Second count", "At least a day later, by the same independent code.", evidencepage.Instant{At: d.SecondVerified})
	add("Active systems clear", "Promised by "+evidencepage.Stamp(d.ActiveBy)+".", evidencepage.Instant{At: d.ActiveClearAt})
	add("Keys destroyed", "What was sealed under them cannot be read anywhere.", evidencepage.Instant{At: d.KeysDestroyedAt})
	add("Backups and keys gone", "Promised by "+evidencepage.Stamp(d.ResidualBy)+".", evidencepage.Instant{At: d.ResidualClearAt})
	add("Issued", "This certificate was signed.", evidencepage.Instant{At: d.IssuedAt})
	for _, s := range d.Stores {
		row := evidencepage.StoreRow{Name: s.Name, Before: s.Before, Deleted: s.Deleted, After: s.After}
		if s.Receipt != nil {
			row.Provider, row.Method = s.Receipt.Provider, s.Receipt.Method
		}
		p.Stores = append(p.Stores, row)
	}
	for _, k := range d.Passports.Kept {
		row := evidencepage.KeptRow{What: outcome(k.Kind) + ", " + k.Group, Count: k.Count, Until: k.Until}
		for _, one := range d.Passports.Listed {
			if one.Kind == k.Kind && one.Act != "" {
				row.Basis = one.Act + ", " + one.Article
			}
		}
		p.Kept = append(p.Kept, row)
	}
	for _, h := range d.Holds {
		p.Kept = append(p.Kept, evidencepage.KeptRow{What: "legal hold on a " + h.Scope, Basis: h.Act + ", " + h.Article, Until: h.ReleasedAt})
	}
	for _, e := range d.Exceptions {
		p.Kept = append(p.Kept, evidencepage.KeptRow{What: e.What, Basis: e.Act + ", " + e.Article, Why: e.Why, Until: e.Until})
	}
	p.Broken = slices.Clip(p.Broken)
	return p
}

// outcome is what became of passports, in words.
func outcome(kind string) string {
	switch lifecycle.DispositionKind(kind) {
	case lifecycle.Custody:
		return "Passports kept in custody"
	case lifecycle.HandedOver:
		return "Addresses of passports that lead to a successor"
	case lifecycle.Ceased:
		return "Addresses of passports that ceased"
	}
	return kind
}
