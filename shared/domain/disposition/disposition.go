// Package disposition says what becomes of passports when their organisation leaves: it reads from a passport what the
// decision of package lifecycle takes from it, shows the decision beforehand, and keeps what the organisation says about it.
//
// A passport that the law demands outlives its operator (Regulation (EU) 2024/1781, articles 9(2)(i) and 11; Regulation
// (EU) 2023/1542, article 77): it is handed over, or kept in custody.
package disposition

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Facts is what a decision takes from a passport: from its latest version, which is complete in itself, and from what the
// organisation has said. It is the one place where this is read. last is nil for a passport that was never published.
//
// No product group has a data element for the day on which a product was placed on the market: the month of manufacture
// comes before that day, and would let a passport go too early, so the day is taken for unknown, which keeps it. Nor is
// there one for recycling (the status "waste" comes before that too): the organisation says it, as a choice.
func Facts(p id.Passport, group string, last *passport.Version, c lifecycle.Choice) lifecycle.PassportFacts {
	f := lifecycle.PassportFacts{Passport: p, Group: group, RecycledAt: c.RecycledAt}
	if last == nil {
		return f
	}
	f.Group, f.Published, f.PublishedAt = last.ProductGroup, true, last.PublishedAt
	f.Category = productgroup.Category(last.Content)
	return f
}

// Passports reads the passports of an organisation.
type Passports interface {
	Passport(ctx context.Context, t id.Tenant, p id.Passport) (passport.Passport, error)
	List(ctx context.Context, t id.Tenant, f passport.Filter, r page.Request) (page.Of[passport.Summary], error)
}

// Versions reads what was published.
type Versions interface {
	Version(ctx context.Context, t id.Tenant, p id.Passport, number int) (passport.Version, error)
}

// Service is what can be seen and said about dispositions until the organisation is sealed.
type Service struct {
	Passports Passports
	Versions  Versions
	Choices   lifecycle.Choices
	Law       lifecycle.Law
	IDs       *id.Source
	Own       string // scheme and host of our own resolver: no passport is handed over to where it is
}

// Saying is what the organisation says about a passport. The zero value says nothing, and takes back what was said.
type Saying struct {
	SuccessorURL string
	HandedOver   bool // the successor has the passport
	RecycledAt   time.Time
}

// Outlook is what becomes of a passport if the organisation left now, and what it has said about that.
type Outlook struct {
	Product     identifier.Product
	Disposition lifecycle.Disposition
	Choice      lifecycle.Choice
}

// Get returns the outlook of one passport.
func (s *Service) Get(ctx context.Context, by access.Caller, p id.Passport) (Outlook, error) {
	if !id.Valid(p) {
		return Outlook{}, passport.NotFound()
	}
	got, err := s.Passports.Passport(ctx, by.Tenant, p)
	if err != nil {
		return Outlook{}, err
	}
	if got.Status == passport.Deleted {
		return Outlook{}, passport.NotFound()
	}
	return s.outlook(ctx, by, got.Summary())
}

// List returns the outlook of every published passport, also of those that are suspended or archived, latest change first.
// A page can be shorter than asked for.
func (s *Service) List(ctx context.Context, by access.Caller, r page.Request) (page.Of[Outlook], error) {
	got, err := s.Passports.List(ctx, by.Tenant, passport.Filter{}, r)
	out := page.Of[Outlook]{Items: []Outlook{}, Next: got.Next}
	if err != nil {
		return out, err
	}
	for _, p := range got.Items {
		if p.Version == 0 {
			continue
		}
		o, err := s.outlook(ctx, by, p)
		if err != nil {
			return out, err
		}
		out.Items = append(out.Items, o)
	}
	return out, nil
}

// Say keeps what the organisation says about a passport; the last word counts. What would not count is refused, and the
// refusal says why.
func (s *Service) Say(ctx context.Context, by access.Caller, p id.Passport, said Saying) (Outlook, error) {
	was, err := s.Get(ctx, by, p)
	if err != nil {
		return was, err
	}
	c, err := s.choice(by, said)
	if err != nil {
		return was, err
	}
	facts, err := s.facts(ctx, by, was, c)
	if err != nil {
		return was, err
	}
	d, err := lifecycle.Choose(facts, c, s.Law, by.At)
	if err != nil {
		return was, err
	}
	entry := audit.New(s.IDs, by, lifecycle.EventDispositionSet, "passport:"+string(p), digest(was.Choice), digest(c)).With("becomes", string(d.Kind))
	return Outlook{was.Product, d, c}, s.Choices.Choose(ctx, by.Tenant, p, c, entry)
}

func (s *Service) choice(by access.Caller, said Saying) (lifecycle.Choice, error) {
	c := lifecycle.Choice{SuccessorURL: said.SuccessorURL, RecycledAt: said.RecycledAt.UTC()}
	if said.RecycledAt.IsZero() {
		c.RecycledAt = time.Time{}
	}
	if said.HandedOver {
		c.DeclaredBy, c.DeclaredAt = by.Actor, by.At.UTC()
	}
	to, err := url.Parse(said.SuccessorURL)
	own, err2 := url.Parse(s.Own)
	if err == nil && err2 == nil && to.Host != "" && strings.EqualFold(to.Hostname(), own.Hostname()) {
		return c, fault.New(fault.CodeDisposition, "This address leads back to us.").With(
			fault.Field{Pointer: "/successorUrl", Code: fault.CodeDisposition, Detail: "must be the address of the successor, not ours"})
	}
	return c, nil
}

func (s *Service) outlook(ctx context.Context, by access.Caller, p passport.Summary) (Outlook, error) {
	c, err := s.Choices.Choice(ctx, by.Tenant, p.ID)
	if err != nil {
		return Outlook{}, err
	}
	last, err := s.last(ctx, by, p)
	if err != nil {
		return Outlook{}, err
	}
	d, err := lifecycle.Dispose(Facts(p.ID, p.ProductGroup, last, c), c, s.Law, by.At)
	return Outlook{p.Product, d, c}, err
}

// facts reads the passport once more, with another choice.
func (s *Service) facts(ctx context.Context, by access.Caller, o Outlook, c lifecycle.Choice) (lifecycle.PassportFacts, error) {
	p, err := s.Passports.Passport(ctx, by.Tenant, o.Disposition.Passport)
	if err != nil {
		return lifecycle.PassportFacts{}, err
	}
	last, err := s.last(ctx, by, p.Summary())
	return Facts(p.ID, p.ProductGroup, last, c), err
}

func (s *Service) last(ctx context.Context, by access.Caller, p passport.Summary) (*passport.Version, error) {
	if p.Version == 0 {
		return nil, nil
	}
	v, err := s.Versions.Version(ctx, by.Tenant, p.ID, p.Version)
	return &v, err
}

func digest(c lifecycle.Choice) string {
	if c == (lifecycle.Choice{}) {
		return ""
	}
	return audit.Digest(c.SuccessorURL, c.DeclaredBy, c.DeclaredAt.UTC().Format(time.RFC3339Nano), c.RecycledAt.UTC().Format(time.RFC3339Nano))
}
