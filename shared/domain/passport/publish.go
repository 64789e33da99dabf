package passport

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/productgroup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// batchMember is the content member that names the batch an item was made in; with the GTIN it identifies the batch
// passport that the item inherits from.
const batchMember = "batchNumber"

// serialMember is the content member that repeats an item's serial number.
const serialMember = "serialNumber"

// maxReason is the longest reason, in characters.
const maxReason = 500

// Publish freezes the working content, completed by what the batch or model says, as the next version and puts it in
// force. It returns passport-incomplete with every gap, passport-nothing-to-publish when the version in force already
// says the same, and passport-transition for an archived passport.
func (s *Service) Publish(ctx context.Context, by access.Caller, p id.Passport, seen int64) (Passport, error) {
	before, err := s.current(ctx, by, p, seen)
	if err != nil {
		return Passport{}, err
	}
	if before.Status == Archived {
		return Passport{}, transition(before, "published")
	}
	group, err := s.Groups(before.ProductGroup)
	if err != nil {
		return Passport{}, err
	}
	v, err := s.freeze(ctx, by, before, group)
	if err != nil {
		return Passport{}, err
	}
	if before.Status == Published && v.ContentHash == before.ContentHash {
		return Passport{}, fault.New(fault.CodePassportNothingToDo, "Version %d already says exactly this.", before.Version)
	}
	document, err := PublicDocument(v, group)
	if err != nil {
		return Passport{}, err
	}
	after := before
	after.Status, after.Version, after.Reason = Published, v.Number, ""
	after.ContentHash, after.PublishedAt = v.ContentHash, v.PublishedAt
	view := publicView(after)
	view.At, view.Document = v.PublishedAt, document
	return s.commit(ctx, by, before, Change{
		After: after, Version: &v, Public: &view,
		Moment: &Moment{At: v.PublishedAt, Status: Published, Version: v.Number},
	}, audit.PassportPublished)
}

// Suspend takes a published passport out of force until it is published again; the reason is shown to readers.
func (s *Service) Suspend(ctx context.Context, by access.Caller, p id.Passport, seen int64, reason string) (Passport, error) {
	return s.end(ctx, by, p, seen, reason, Suspended, audit.PassportSuspended)
}

// Archive ends a passport for good; the reason is shown to readers. A draft that was never published is archived
// without a trace in public.
func (s *Service) Archive(ctx context.Context, by access.Caller, p id.Passport, seen int64, reason string) (Passport, error) {
	return s.end(ctx, by, p, seen, reason, Archived, audit.PassportArchived)
}

func (s *Service) end(ctx context.Context, by access.Caller, p id.Passport, seen int64, reason string, to Status, event audit.Event) (Passport, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < 3 || n > maxReason {
		return Passport{}, fault.New(fault.CodeReasonMissing, "Give a reason of 3 to %d characters.", maxReason).With(
			fault.Field{Pointer: "/reason", Code: fault.CodeReasonMissing, Detail: fmt.Sprintf("3 to %d characters", maxReason)})
	}
	before, err := s.current(ctx, by, p, seen)
	if err != nil {
		return Passport{}, err
	}
	if before.Status == Archived || to == Suspended && before.Status != Published {
		return Passport{}, transition(before, string(to))
	}
	after := before
	after.Status, after.Reason = to, reason
	change := Change{After: after}
	if before.Version > 0 {
		view := publicView(after)
		view.At = later(by.At, before.UpdatedAt)
		change.Public = &view
		change.Moment = &Moment{At: view.At, Status: to, Version: before.Version, Reason: reason}
	}
	return s.commit(ctx, by, before, change, event)
}

// freeze makes the next version and checks that it is complete.
func (s *Service) freeze(ctx context.Context, by access.Caller, p Passport, group *productgroup.Group) (Version, error) {
	parents, err := parentsOf(p)
	if err != nil {
		return Version{}, err
	}
	var inForce []Version
	if len(parents) > 0 {
		if inForce, err = s.Store.InForce(ctx, by.Tenant, parents); err != nil {
			return Version{}, fmt.Errorf("read what the passport inherits: %w", err)
		}
	}
	v := Version{
		Passport: p.ID, Tenant: p.Tenant, Number: p.Version + 1, ProductGroup: p.ProductGroup, SchemaVersion: group.Version(),
		Granularity: p.Granularity, Product: p.Product, Content: p.Content,
		PublishedAt: later(by.At, p.UpdatedAt), PublishedBy: by.Actor,
	}
	inherit(&v, group, inForce)
	fields := append(s.check(p, v.Content), group.CheckComplete(v.Content, p.Granularity)...)
	if len(fields) > 0 {
		return Version{}, incomplete(fields, p, v.Links)
	}
	v.ContentHash, err = Hash(v)
	return v, err
}

// inherit completes the content from the nearest published parent (a batch version already holds what its model says)
// and records the links.
func inherit(v *Version, group *productgroup.Group, inForce []Version) {
	var nearest *Version
	for i := range inForce {
		parent := &inForce[i]
		if parent.ProductGroup != v.ProductGroup {
			continue
		}
		switch parent.Granularity {
		case identifier.Model:
			v.Links.Model = parent.Product
			if nearest == nil {
				nearest = parent
			}
		case identifier.Batch:
			v.Links.Batch = parent.Product
			nearest = parent
		}
	}
	if nearest != nil {
		v.Content = group.Inherit(nearest.Content, v.Content)
	}
}

// parentsOf names the products a passport may inherit from.
func parentsOf(p Passport) ([]identifier.Product, error) {
	if p.Granularity == identifier.Model {
		return nil, nil
	}
	parents := []identifier.Product{p.Product.Model()}
	lot, _ := p.Content[batchMember].(string)
	if p.Granularity == identifier.Item && lot != "" {
		batch, err := p.Product.Model().Batch(lot)
		if err != nil {
			f := at(err, "/content/"+batchMember)
			return nil, invalid([]fault.Field{f})
		}
		parents = append(parents, batch)
	}
	return parents, nil
}

func publicView(p Passport) PublicView {
	return PublicView{
		Product: p.Product, Passport: p.ID, Tenant: p.Tenant, Status: p.Status,
		ProductGroup: p.ProductGroup, Version: p.Version, Reason: p.Reason,
	}
}
