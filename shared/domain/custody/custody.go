// Package custody keeps what the law demands of passports whose operator is gone, and ends it on its date.
//
// Regulation (EU) 2024/1781, article 11(e), has a passport stay available after insolvency, liquidation or cessation of
// activity of whoever is responsible for it. A copy holds the version that was in force, and of that only what the
// audiences may read that the law of the product group names: no internal notes, no members that the schema does not
// declare, nobody who worked on it, and not whose it was. It is read-only, lies in a table of its own, is sealed under a
// key of its own beyond what everybody may read, and has an end.
package custody

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Copy is one passport in custody.
type Copy struct {
	ID           id.Custody // new: it leads back to nobody
	Passport     id.Passport
	Product      identifier.Product
	ProductGroup string
	Version      int
	PublishedAt  time.Time
	Since        time.Time
	Until        time.Time
	Basis        lifecycle.Basis
	ReviewBy     string                                 // date on which counsel looks at the law again
	Document     []byte                                 // what everybody may read, as it was served, with what is said about custody
	Restricted   map[audience.Audience]passport.Content // what else each other audience may read; sealed where it is stored
}

// Kept is what readers are told about a copy.
func (c Copy) Kept() *passport.Kept {
	return &passport.Kept{PublishedAt: c.PublishedAt, Since: c.Since, Until: c.Until, Basis: c.Basis.Act + ", " + c.Basis.Article}
}

// Store keeps copies. Keep of a product that is in custody already changes nothing.
type Store interface {
	Keep(ctx context.Context, c Copy) error
	// Copy returns the copy of a product; passport-not-found when there is none.
	Copy(ctx context.Context, p identifier.Product) (Copy, error)
	// Over lists products whose custody ends at or before an instant, at most so many; with an error those that it can read.
	Over(ctx context.Context, through time.Time, most int) ([]identifier.Product, error)
	// End destroys the copy and its key, and leaves at the product's address that it ended.
	End(ctx context.Context, p identifier.Product, now time.Time) error
}

// stated is what a public document says about custody beside what it said before.
type stated struct {
	Since string `json:"since"`
	Until string `json:"until"`
	Basis string `json:"basis"`
}

// document is a public document in custody: the members of passport.Document, in their order, and one more.
type document struct {
	passport.Document
	Custody stated `json:"custody"`
}

// Make copies of a version what a disposition lets be kept. It is an error to copy for anything but custody.
func Make(copyID id.Custody, v passport.Version, g *productgroup.Group, d lifecycle.Disposition, now time.Time) (Copy, error) {
	if d.Kind != lifecycle.Custody || d.Until.IsZero() || !d.Basis.Given() || d.Passport != v.Passport {
		return Copy{}, fmt.Errorf("custody: passport %s is not to be kept", v.Passport)
	}
	c := Copy{
		ID: copyID, Passport: v.Passport, Product: v.Product, ProductGroup: v.ProductGroup, Version: v.Number, PublishedAt: v.PublishedAt,
		Since: now.UTC(), Until: d.Until, Basis: d.Basis, ReviewBy: d.ReviewBy, Restricted: map[audience.Audience]passport.Content{},
	}
	published, err := passport.PublicDocument(v, g)
	if err != nil {
		return Copy{}, err
	}
	if c.Document, err = say(published, c); err != nil {
		return Copy{}, err
	}
	for _, a := range d.Keeps {
		if a == audience.Public {
			continue
		}
		if content := g.View(v.Content, a); len(content) > 0 {
			c.Restricted[a] = content
		}
	}
	return c, nil
}

func say(published []byte, c Copy) ([]byte, error) {
	var d document
	if err := json.Unmarshal(published, &d.Document); err != nil {
		return nil, fmt.Errorf("custody: public document: %w", err)
	}
	content, err := passport.DecodeContent(published)
	if err != nil {
		return nil, err
	}
	d.Content, _ = content["content"].(passport.Content) // with its numbers as they are written
	d.Status = passport.InCustody
	d.Custody = stated{Since: c.Since.Format(time.RFC3339), Until: c.Until.Format(time.RFC3339), Basis: c.Kept().Basis}
	return passport.Encode(d)
}

// Excess names what a copy holds and may not: elements that none of the audiences may read, or that no schema declares.
// It looks at the copy alone and uses nothing of Make, so that the one can be held against the other.
func Excess(c Copy, g *productgroup.Group, keeps []audience.Audience) []string {
	var out []string
	whole, err := passport.DecodeContent(c.Document)
	if err != nil {
		return []string{"the document cannot be read"}
	}
	public, _ := whole["content"].(passport.Content)
	for a, content := range c.Restricted {
		if !slices.Contains(keeps, a) || a == audience.Public {
			out = append(out, "restricted content for "+string(a))
		}
		out = append(out, beyond(g, content, a, "")...)
	}
	allowed := []string{"id", "productIdentifier", "productGroup", "schemaVersion", "granularity", "status", "version", "publishedAt", "links", "publicHash", "content", "custody"}
	for member := range whole {
		if !slices.Contains(allowed, member) {
			out = append(out, member)
		}
	}
	out = append(out, beyond(g, public, audience.Public, "")...)
	slices.Sort(out)
	return out
}

// beyond lists the paths of a content that are neither an element that an audience may read, nor lead to one.
func beyond(g *productgroup.Group, content map[string]any, a audience.Audience, at string) []string {
	var out []string
	for member, v := range content {
		path := at + "/" + member
		element, leads := false, false
		for _, e := range g.Elements() {
			element = element || e.Pointer == path && e.Audiences.Has(a)
			leads = leads || len(e.Pointer) > len(path) && e.Pointer[:len(path)+1] == path+"/" && e.Audiences.Has(a)
		}
		switch inner, object := v.(map[string]any); {
		case element:
		case leads && object:
			out = append(out, beyond(g, inner, a, path)...)
		default:
			out = append(out, string(a)+": "+path)
		}
	}
	return out
}

// Ender ends custody on its date.
type Ender struct {
	// Time tells the present, and says lifecycle.ErrClock when it is not known well enough to destroy anything: a copy that
	// ends early cannot be made again.
	Time  func(ctx context.Context, now time.Time) (lifecycle.Instants, error)
	Store Store
	Most  int // copies a run; 0: 1,000
}

// Run ends every custody that is over, however long ago. One that cannot be ended does not keep the others. Running it
// twice or late changes nothing else.
func (e *Ender) Run(ctx context.Context, now time.Time) error {
	at, err := e.Time(ctx, now)
	if err != nil {
		return err
	}
	over, err := e.Store.Over(ctx, at.NotBefore, cmp.Or(e.Most, 1000))
	failed := []error{err}
	for _, p := range over {
		if ctx.Err() != nil {
			break
		}
		if err := e.Store.End(ctx, p, at.NotBefore); err != nil {
			failed = append(failed, fmt.Errorf("end custody of %s: %w", p.Path(), err))
		}
	}
	return errors.Join(append(failed, ctx.Err())...)
}
