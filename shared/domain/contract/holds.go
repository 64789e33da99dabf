package contract

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Holds is what can be done with legal holds: by the people in charge of an organisation on its own data, and by the
// operator of the platform (actor "operator:…", "system:…") on everybody's. What one side has asked for, the other one
// does not decide on.
type Holds struct {
	Store lifecycle.Holds
	IDs   *id.Source
	// Review is how far ahead the next review of a hold may be.
	Review time.Duration
}

// Plea is what somebody says who asks for a hold.
type Plea struct {
	Scope    lifecycle.Scope // of the caller's organisation, whatever it says
	Basis    lifecycle.Basis
	ReviewBy time.Time
}

// List returns every hold on the organisation's data, released ones too, in the order in which they were asked for.
func (h *Holds) List(ctx context.Context, by access.Caller) ([]lifecycle.Hold, error) {
	all, err := h.Store.Of(ctx, by.Tenant)
	for i := range all {
		all[i] = shown(all[i], by)
	}
	return all, err
}

// Get returns one hold.
func (h *Holds) Get(ctx context.Context, by access.Caller, hold string) (lifecycle.Hold, error) {
	got, err := h.find(ctx, by, hold)
	return shown(got, by), err
}

// Ask makes a hold that waits for somebody else's approval and keeps nothing until then.
func (h *Holds) Ask(ctx context.Context, by access.Caller, p Plea) (lifecycle.Hold, error) {
	p.Scope.Tenant = by.Tenant
	hold, err := lifecycle.Ask(id.New[string](h.IDs), p.Scope, p.Basis, by.Actor, p.ReviewBy, h.Review, by.At)
	if err != nil {
		return hold, err
	}
	return hold, h.save(ctx, by, nil, hold, lifecycle.EventHoldAsked)
}

// Approve puts a hold in force.
func (h *Holds) Approve(ctx context.Context, by access.Caller, hold string) (lifecycle.Hold, error) {
	return h.decide(ctx, by, hold, lifecycle.EventHoldApproved, func(was lifecycle.Hold) (lifecycle.Hold, error) {
		return was.Approve(by.Actor, by.At)
	})
}

// Continue records that somebody looked at the hold and found it still needed, until the next review.
func (h *Holds) Continue(ctx context.Context, by access.Caller, hold string, reviewBy time.Time) (lifecycle.Hold, error) {
	return h.decide(ctx, by, hold, lifecycle.EventHoldReviewed, func(was lifecycle.Hold) (lifecycle.Hold, error) {
		return was.Continue(by.Actor, reviewBy, h.Review, by.At)
	})
}

// Release ends a hold. What it kept is deleted within Policy.Release when nothing else keeps it.
func (h *Holds) Release(ctx context.Context, by access.Caller, hold string) (lifecycle.Hold, error) {
	return h.decide(ctx, by, hold, lifecycle.EventHoldReleased, func(was lifecycle.Hold) (lifecycle.Hold, error) {
		return was.Release(by.Actor, by.At)
	})
}

func (h *Holds) decide(ctx context.Context, by access.Caller, hold string, event audit.Event, take func(lifecycle.Hold) (lifecycle.Hold, error)) (lifecycle.Hold, error) {
	was, err := h.find(ctx, by, hold)
	if err != nil {
		return was, err
	}
	if tenants(by.Actor) != tenants(was.RequestedBy) {
		return was, fault.New(fault.CodeForbidden, "The operator of the platform was asked for this hold by somebody else than you, and decides on it.")
	}
	is, err := take(was)
	if err != nil {
		return was, err
	}
	return is, h.save(ctx, by, &was, is, event)
}

func (h *Holds) find(ctx context.Context, by access.Caller, hold string) (lifecycle.Hold, error) {
	if !id.Valid(hold) {
		return lifecycle.Hold{}, fault.New(fault.CodeHoldUnknown, "There is no such hold.")
	}
	return h.Store.Hold(ctx, by.Tenant, hold)
}

// save stores a hold with its entry. The entry names the scope and the act, not the case.
func (h *Holds) save(ctx context.Context, by access.Caller, was *lifecycle.Hold, is lifecycle.Hold, event audit.Event) error {
	before := ""
	if was != nil {
		before = digestOf(*was)
	}
	e := audit.New(h.IDs, by, event, "hold:"+is.ID, before, digestOf(is)).With("scope", string(is.Scope.Kind)).With("act", is.Basis.Act).With("article", is.Basis.Article)
	err := h.Store.Save(ctx, was, is, e)
	if errors.Is(err, lifecycle.ErrStale) {
		return fault.New(fault.CodeRevisionStale, "Somebody else decided on this hold at this moment. Look at it again.")
	}
	return err
}

// tenants tells whether an actor belongs to an organisation, and not to the operator of the platform.
func tenants(actor string) bool { return strings.HasPrefix(actor, string(access.Person)+":") }

// shown leaves out the case of a hold that others have asked for: the organisation is not always to know it.
func shown(h lifecycle.Hold, by access.Caller) lifecycle.Hold {
	if tenants(by.Actor) && !tenants(h.RequestedBy) {
		h.Basis.Case = ""
	}
	return h
}

func digestOf(h lifecycle.Hold) string {
	stamp := func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
	return audit.Digest(h.ID, string(h.Scope.Kind), string(h.Scope.Passport), string(h.Scope.User), string(h.Scope.From), string(h.Scope.To),
		h.Basis.Act, h.Basis.Article, h.Basis.Case, h.ApprovedBy, stamp(h.ApprovedAt), stamp(h.ReviewBy), h.ReleasedBy, stamp(h.ReleasedAt))
}
