package passport

import (
	"context"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// MaxContent is the most an encoded content may take, in bytes.
const MaxContent = 1 << 20

// Reader is what a tenant can read of its passports. The caller has been authenticated and allowed the action.
type Reader struct {
	Store   Store
	History History
	Groups  Groups
}

// Service is what a tenant can do with its passports: read and change them.
type Service struct {
	Reader
	Checker ContentChecker
	IDs     *id.Source
}

// NewDraft is the input of Create.
type NewDraft struct {
	ProductGroup      string
	Granularity       string
	ProductIdentifier string // GS1 Digital Link URI, any host
	Content           Content
}

// Patch is the input of Update. Nil members stay as they are.
type Patch struct {
	ProductGroup      *string
	Granularity       *string
	ProductIdentifier *string
	Content           Content // JSON Merge Patch (RFC 7396) over the content; nil changes nothing
	Clear             bool    // the patch says "content": null: start from empty content
}

// Create stores a new draft. It returns passport-invalid with every broken rule, or product-identifier-taken.
func (s *Service) Create(ctx context.Context, by access.Caller, d NewDraft) (Passport, error) {
	p := Passport{
		ID: id.New[id.Passport](s.IDs), Tenant: by.Tenant, Status: Draft, Revision: 1,
		ProductGroup: d.ProductGroup, Content: d.Content, CreatedAt: by.At, UpdatedAt: by.At,
	}
	if p.Content == nil {
		p.Content = Content{}
	}
	fields := s.identify(&p, d.ProductIdentifier, d.Granularity)
	fields = append(fields, s.check(p, p.Content)...)
	if len(fields) > 0 {
		return Passport{}, invalid(fields)
	}
	after, err := Digest(p)
	if err != nil {
		return Passport{}, err
	}
	entry := audit.New(s.IDs, by, audit.PassportCreated, object(p.ID), "", after)
	if err := s.Store.Commit(ctx, Change{After: p, Entry: entry}); err != nil {
		return Passport{}, fmt.Errorf("create passport: %w", err)
	}
	return p, nil
}

// Get returns a passport of the caller's tenant.
func (s *Reader) Get(ctx context.Context, by access.Caller, p id.Passport) (Passport, error) {
	if !id.Valid(p) {
		return Passport{}, NotFound()
	}
	return s.find(ctx, by, p)
}

// find is a passport that is not deleted.
func (s *Reader) find(ctx context.Context, by access.Caller, p id.Passport) (Passport, error) {
	got, err := s.Store.Passport(ctx, by.Tenant, p)
	if err == nil && got.Status == Deleted {
		return Passport{}, NotFound()
	}
	return got, err
}

// GetAsOf returns the version that was in force at an instant; passport-not-in-force when none was.
func (s *Reader) GetAsOf(ctx context.Context, by access.Caller, p id.Passport, at time.Time) (Version, error) {
	if !id.Valid(p) {
		return Version{}, NotFound()
	}
	if err := s.History.Alive(ctx, by.Tenant, p); err != nil {
		return Version{}, err
	}
	m, err := s.History.MomentAt(ctx, by.Tenant, p, at)
	if err != nil {
		return Version{}, err
	}
	if m.Status != Published {
		return Version{}, fault.New(fault.CodeNotInForce, "At %s no version was in force: the passport had been %s since %s.",
			at.Format(time.RFC3339), m.Status, m.At.Format(time.RFC3339))
	}
	return s.History.Version(ctx, by.Tenant, p, m.Version)
}

// List returns summaries of the caller's passports, latest change first.
func (s *Reader) List(ctx context.Context, by access.Caller, f Filter, r page.Request) (page.Of[Summary], error) {
	return s.Store.List(ctx, by.Tenant, f, r)
}

// Update merges a patch into the working copy, provided it is still at revision seen. What is published stays as it is
// until the next publication.
func (s *Service) Update(ctx context.Context, by access.Caller, p id.Passport, seen int64, patch Patch) (Passport, error) {
	before, err := s.current(ctx, by, p, seen)
	if err != nil {
		return Passport{}, err
	}
	if before.Status == Archived {
		return Passport{}, transition(before, "changed")
	}
	after, fields := s.apply(before, patch)
	if len(fields) > 0 {
		return Passport{}, invalid(fields)
	}
	return s.commit(ctx, by, before, Change{After: after}, audit.PassportUpdated)
}

// Version returns one version.
func (s *Reader) Version(ctx context.Context, by access.Caller, p id.Passport, number int) (Version, error) {
	if !id.Valid(p) {
		return Version{}, NotFound()
	}
	if err := s.History.Alive(ctx, by.Tenant, p); err != nil {
		return Version{}, err
	}
	return s.History.Version(ctx, by.Tenant, p, number)
}

// Versions lists versions, latest first; passport-not-found when there is no such passport.
func (s *Reader) Versions(ctx context.Context, by access.Caller, p id.Passport, r page.Request) (page.Of[VersionSummary], error) {
	if !id.Valid(p) {
		return page.Of[VersionSummary]{}, NotFound()
	}
	if err := s.History.Alive(ctx, by.Tenant, p); err != nil {
		return page.Of[VersionSummary]{}, err
	}
	return s.History.Versions(ctx, by.Tenant, p, r)
}

// current reads the passport and refuses when it is not at the revision the caller has seen.
func (s *Service) current(ctx context.Context, by access.Caller, p id.Passport, seen int64) (Passport, error) {
	before, err := s.Get(ctx, by, p)
	if err != nil {
		return Passport{}, err
	}
	if before.Revision != seen {
		return Passport{}, Stale(before.Revision)
	}
	return before, nil
}

// commit stores a change of an existing passport at its next revision, with its audit entry.
func (s *Service) commit(ctx context.Context, by access.Caller, before Passport, c Change, event audit.Event) (Passport, error) {
	c.Before = &before
	c.After.Revision = before.Revision + 1
	c.After.UpdatedAt = later(by.At, before.UpdatedAt)
	was, err := Digest(before)
	if err != nil {
		return Passport{}, err
	}
	is, err := Digest(c.After)
	if err != nil {
		return Passport{}, err
	}
	c.Entry = audit.New(s.IDs, by, event, object(before.ID), was, is)
	if err := s.Store.Commit(ctx, c); err != nil {
		return Passport{}, fmt.Errorf("%s: %w", event, err)
	}
	return c.After, nil
}

// apply returns the passport with the patch merged in, and every rule it then breaks.
func (s *Service) apply(before Passport, patch Patch) (Passport, []fault.Field) {
	after := before
	var fields []fault.Field
	if before.Version > 0 {
		fields = append(fields, fixed("/productGroup", patch.ProductGroup, before.ProductGroup)...)
		fields = append(fields, fixed("/granularity", patch.Granularity, string(before.Granularity))...)
		fields = append(fields, fixedProduct(patch.ProductIdentifier, before.Product)...)
	} else {
		if patch.ProductGroup != nil {
			after.ProductGroup = *patch.ProductGroup
		}
		uri, level := before.Product.Canonical(), string(before.Granularity)
		if patch.ProductIdentifier != nil {
			uri = *patch.ProductIdentifier
		}
		if patch.Granularity != nil {
			level = *patch.Granularity
		}
		fields = append(fields, s.identify(&after, uri, level)...)
	}
	if patch.Clear {
		after.Content = Content{}
	}
	if patch.Content != nil {
		after.Content = Merge(after.Content, patch.Content)
	}
	return after, append(fields, s.check(after, after.Content)...)
}

// identify reads granularity and product identifier into p and reports what does not fit.
func (s *Service) identify(p *Passport, uri, level string) []fault.Field {
	var fields []fault.Field
	granularity, err := identifier.ParseGranularity(level)
	if err != nil {
		fields = append(fields, at(err, "/granularity"))
	}
	product, perr := identifier.Parse(uri)
	if perr != nil {
		fields = append(fields, at(perr, "/productIdentifier"))
	}
	if err == nil && perr == nil && product.Granularity() != granularity {
		fields = append(fields, fault.Field{
			Pointer: "/granularity", Code: fault.CodeIdentifierGranularity,
			Detail: fmt.Sprintf("The product identifier names a %s, the granularity says %s.", product.Granularity(), granularity),
		})
	}
	p.Granularity, p.Product = granularity, product
	return fields
}

// check applies the rules that hold for every content, finished or not.
func (s *Service) check(p Passport, content Content) []fault.Field {
	group, err := s.Groups(p.ProductGroup)
	if err != nil {
		return []fault.Field{at(err, "/productGroup")}
	}
	fields := append(s.Checker.Check(p.ProductGroup, content), group.CheckRules(content, p.Granularity)...)
	return append(fields, contradictions(p, content)...)
}

// contradictions are numbers in the content that are not those of the product identifier: a reader could not tell which
// product is meant.
func contradictions(p Passport, content Content) []fault.Field {
	var fields []fault.Field
	for _, c := range []struct{ member, identified string }{{serialMember, p.Product.Serial()}, {batchMember, p.Product.Lot()}} {
		said, ok := content[c.member].(string)
		if ok && c.identified != "" && said != c.identified {
			fields = append(fields, fault.Field{Pointer: "/content/" + c.member, Code: fault.CodeContentValue,
				Detail: fmt.Sprintf("The product identifier says %q.", c.identified)})
		}
	}
	return fields
}

func fixed(pointer string, wanted *string, have string) []fault.Field {
	if wanted == nil || *wanted == have {
		return nil
	}
	return []fault.Field{{Pointer: pointer, Code: fault.CodeMemberFixed, Detail: "This cannot change once the passport has been published."}}
}

func fixedProduct(wanted *string, have identifier.Product) []fault.Field {
	if wanted == nil {
		return nil
	}
	if p, err := identifier.Parse(*wanted); err == nil && p == have {
		return nil
	}
	return []fault.Field{{Pointer: "/productIdentifier", Code: fault.CodeMemberFixed, Detail: "This cannot change once the passport has been published."}}
}

func later(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

func object(p id.Passport) string { return "passport:" + string(p) }
