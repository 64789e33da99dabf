package document

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Store keeps the documents of all tenants; every method is confined to the tenant it is given. A document of another
// tenant or passport is not found.
type Store interface {
	// Room refuses when a passport takes no further document: passport-not-found, passport-transition when it is archived,
	// document-limit when it has as many as it may. Add asks again, in the transaction.
	Room(ctx context.Context, t id.Tenant, p id.Passport) error
	// Add stores the content, then the document with its audit entry in one transaction. When that fails, content may be
	// left that nothing leads to.
	Add(ctx context.Context, d Document, content []byte, entry audit.Entry) error
	// Document returns one document; document-not-found when absent.
	Document(ctx context.Context, t id.Tenant, p id.Passport, d id.Document) (Document, error)
	// Documents lists documents, latest first; passport-not-found when there is no such passport.
	Documents(ctx context.Context, t id.Tenant, p id.Passport, r page.Request) (page.Of[Document], error)
	// Content returns the bytes of a document.
	Content(ctx context.Context, d Document) ([]byte, error)
	// Delete removes a document with its audit entry in one transaction, then its content.
	Delete(ctx context.Context, d Document, entry audit.Entry) error
}

// Service is what a tenant can do with documents. The caller has been authenticated and allowed the action.
type Service struct {
	Store   Store
	Journal audit.Journal
	IDs     *id.Source
}

// New makes a document of bytes; it returns every broken rule of what is said about it. The media type is one of
// MediaTypes, and the body has at least one byte and at most MaxSize.
func New(of id.Passport, in id.Tenant, said Details, media string, body []byte) (Document, []fault.Field) {
	set, fields := said.Check()
	sum := sha256.Sum256(body)
	return Document{
		Passport: of, Tenant: in, Name: said.Name, Kind: Kind(said.Kind), Language: said.Language, Audience: set,
		Media: media, Size: int64(len(body)), SHA256: hex.EncodeToString(sum[:]),
	}, fields
}

// Add stores a document. It returns value-invalid with every broken rule, and what Store.Room says.
func (s *Service) Add(ctx context.Context, by access.Caller, p id.Passport, said Details, media string, body []byte) (Document, error) {
	d, fields := New(p, by.Tenant, said, media, body)
	if len(fields) > 0 {
		return Document{}, fault.New(fault.CodeValueInvalid, "The document cannot be taken as described.").With(fields...)
	}
	if err := genuine(media, body); err != nil {
		return Document{}, err
	}
	if !id.Valid(p) {
		return Document{}, passport.NotFound()
	}
	if err := s.Store.Room(ctx, by.Tenant, p); err != nil {
		return Document{}, err
	}
	d.ID, d.AddedAt, d.AddedBy = id.New[id.Document](s.IDs), by.At, by.Actor
	entry := s.entry(by, audit.DocumentAdded, d)
	entry.After = d.Digest()
	if err := s.Store.Add(ctx, d, body, entry); err != nil {
		return Document{}, fmt.Errorf("add document: %w", err)
	}
	return d, nil
}

// Get returns what is known of a document.
func (s *Service) Get(ctx context.Context, by access.Caller, p id.Passport, d id.Document) (Document, error) {
	if !id.Valid(p) || !id.Valid(d) {
		return Document{}, NotFound()
	}
	return s.Store.Document(ctx, by.Tenant, p, d)
}

// List returns documents, latest first.
func (s *Service) List(ctx context.Context, by access.Caller, p id.Passport, r page.Request) (page.Of[Document], error) {
	if !id.Valid(p) {
		return page.Of[Document]{}, passport.NotFound()
	}
	return s.Store.Documents(ctx, by.Tenant, p, r)
}

// Fetch returns a document with its bytes, and writes down that they were given out.
func (s *Service) Fetch(ctx context.Context, by access.Caller, p id.Passport, which id.Document) (Document, []byte, error) {
	d, err := s.Get(ctx, by, p, which)
	if err != nil {
		return Document{}, nil, err
	}
	body, err := s.Store.Content(ctx, d)
	if err != nil {
		return Document{}, nil, err
	}
	if sum := sha256.Sum256(body); hex.EncodeToString(sum[:]) != d.SHA256 {
		return Document{}, nil, fmt.Errorf("document %s: the content is not what was added", d.ID)
	}
	if err := s.Journal.Append(ctx, s.entry(by, audit.DocumentFetched, d)); err != nil {
		return Document{}, nil, err
	}
	return d, body, nil
}

// Delete removes a document for good.
func (s *Service) Delete(ctx context.Context, by access.Caller, p id.Passport, which id.Document) error {
	d, err := s.Get(ctx, by, p, which)
	if err != nil {
		return err
	}
	entry := s.entry(by, audit.DocumentDeleted, d)
	entry.Before = d.Digest()
	if err := s.Store.Delete(ctx, d, entry); err != nil {
		return fmt.Errorf("delete document: %w", err)
	}
	return nil
}

func (s *Service) entry(by access.Caller, event audit.Event, d Document) audit.Entry {
	return audit.New(s.IDs, by, event, "document:"+string(d.ID), "", "").With("passport", string(d.Passport)).With("kind", string(d.Kind))
}
