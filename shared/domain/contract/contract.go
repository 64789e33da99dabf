// Package contract is what the people in charge of an organisation do about the end of their contract: terminate it, take
// that back, shorten the window together, and see where everything stands. The rules are those of package lifecycle; here
// they are applied to what is stored, each step with its audit entry and its notice, whole or not at all.
//
// A customer may leave at any time, and is told beforehand what happens when (Regulation (EU) 2023/2854, articles 25 and
// 26; Regulation (EU) 2016/679, article 28(3)(g)). The deletion itself is the business of package retention.
package contract

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/tenant"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Tenants finds an organisation's name and how many owners it has.
type Tenants interface {
	Tenant(ctx context.Context, t id.Tenant) (tenant.Tenant, error)
}

// Service is what owners can do with their contract.
type Service struct {
	Lives   lifecycle.Store
	Holds   lifecycle.Holds
	Tenants Tenants
	Law     lifecycle.Law
	Policy  lifecycle.Policy // of this build
	IDs     *id.Source
	// Tally counts what becomes of the passports according to a frozen plan; nil as long as none is.
	Tally func(plan []byte) ([]lifecycle.Tally, error)
}

// Wish is what an owner says who terminates the contract.
type Wish struct {
	EffectiveAt  time.Time // zero: now
	Confirmation string    // the organisation's name, typed
}

// Show returns where the contract stands. It is answered in every state, also while the data is being deleted, and reads
// nothing that is sealed under the organisation's key.
func (s *Service) Show(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	life, err := s.Lives.Life(ctx, by.Tenant)
	if err != nil {
		return lifecycle.View{}, err
	}
	return s.view(ctx, life, by.At)
}

// Terminate ends the contract with effect from an instant, now if none is given. An owner types the organisation's name.
func (s *Service) Terminate(ctx context.Context, by access.Caller, w Wish) (lifecycle.View, error) {
	t, err := s.Tenants.Tenant(ctx, by.Tenant)
	if err != nil {
		return lifecycle.View{}, err
	}
	return s.step(ctx, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.Terminate(r, by, lifecycle.Termination{
			EffectiveAt: w.EffectiveAt, Confirmation: w.Confirmation, Name: t.Name, Policy: s.Policy,
		}, by.At)
	})
}

// Reinstate takes a termination back while the window is open.
func (s *Service) Reinstate(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	return s.step(ctx, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.Reinstate(r, by, by.At)
	})
}

// Expedite asks for the window to end early.
func (s *Service) Expedite(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	return s.step(ctx, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.Expedite(r, by, by.At)
	})
}

// ConfirmExpedite is another owner's consent to that.
func (s *Service) ConfirmExpedite(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	return s.step(ctx, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.ConfirmExpedite(r, by, by.At)
	})
}

// DropExpedite takes the wish for an early end back.
func (s *Service) DropExpedite(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	return s.step(ctx, by, func(r lifecycle.Record) (lifecycle.Record, audit.Event, error) {
		return lifecycle.DropExpedite(r, by, by.At)
	})
}

// Suspend is the operator's: the organisation reads and exports, and changes nothing. No route of tenants reaches it.
func (s *Service) Suspend(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	return s.step(ctx, by, lifecycle.Suspend)
}

// Activate is the operator's: it lifts a suspension. No route of tenants reaches it.
func (s *Service) Activate(ctx context.Context, by access.Caller) (lifecycle.View, error) {
	return s.step(ctx, by, lifecycle.Activate)
}

// step takes one step of the record and stores it with what is said about it.
func (s *Service) step(ctx context.Context, by access.Caller, take func(lifecycle.Record) (lifecycle.Record, audit.Event, error)) (lifecycle.View, error) {
	before, err := s.Lives.Life(ctx, by.Tenant)
	if err != nil {
		return lifecycle.View{}, err
	}
	r, event, err := take(before.Record)
	if err != nil {
		return lifecycle.View{}, err
	}
	entry := audit.New(s.IDs, by, event, "tenant:"+string(by.Tenant), digest(before.Record), digest(r))
	for name, at := range instants(event, r) {
		entry = entry.With(name, at.UTC().Format(time.RFC3339Nano))
	}
	after := before
	after.Record, after.DueAt = r, due(r, by.At)
	after.History = append(after.History[:len(after.History):len(after.History)], lifecycle.Moment{Event: event, At: by.At, Actor: by.Actor, Detail: entry.Detail})
	err = s.Lives.Step(ctx, lifecycle.Step{
		Before: before.Record, After: after, Entries: []audit.Entry{entry}, Notices: []audit.Notice{audit.NoticeOf(s.IDs, entry)},
	})
	if errors.Is(err, lifecycle.ErrStale) {
		return lifecycle.View{}, fault.New(fault.CodeRevisionStale, "Somebody else took a step with the contract at this moment. Look at it again.")
	}
	if err != nil {
		return lifecycle.View{}, fmt.Errorf("%s: %w", event, err)
	}
	return s.view(ctx, after, by.At)
}

// instants are those that an entry names. The proof of a termination in the audit log is read from them.
func instants(event audit.Event, r lifecycle.Record) map[string]time.Time {
	switch event {
	case lifecycle.EventTerminated:
		return map[string]time.Time{"effectiveAt": r.EffectiveAt, "windowEnds": r.Deadlines().NotBefore}
	case lifecycle.EventExpedited:
		return map[string]time.Time{"confirmedAt": r.Expedited.ConfirmedAt, "windowEnds": r.Deadlines().NotBefore}
	case lifecycle.EventExpediteDropped:
		return map[string]time.Time{"windowEnds": r.Deadlines().NotBefore}
	default:
		return nil
	}
}

// due is when the tick has to look at a record next: when a termination comes into force, and at once when one that is in
// force has changed. It then finds out the rest by itself.
func due(r lifecycle.Record, now time.Time) time.Time {
	switch {
	case r.State == lifecycle.Scheduled:
		return r.EffectiveAt
	case r.State.Terminated():
		return now
	default:
		return time.Time{}
	}
}

func (s *Service) view(ctx context.Context, life lifecycle.Life, now time.Time) (lifecycle.View, error) {
	c := lifecycle.Context{Law: s.Law}
	var err error
	if c.Holds, err = s.Holds.Of(ctx, life.Record.Tenant); err != nil {
		return lifecycle.View{}, err
	}
	if e := life.Record.Expedited; e != nil && !life.Record.State.Closed() {
		t, err := s.Tenants.Tenant(ctx, life.Record.Tenant)
		if err != nil {
			return lifecycle.View{}, err
		}
		c.Owners = t.Owners
	}
	if s.Tally != nil && life.Plan != nil {
		if c.Tally, err = s.Tally(life.Plan); err != nil {
			return lifecycle.View{}, err
		}
	}
	return lifecycle.Show(life.Record, c, now), nil
}

// digest tells records apart in audit entries.
func digest(r lifecycle.Record) string {
	return audit.Digest(string(r.State), fmt.Sprint(r.Epoch, r.Revision, r.Suspended, r.Expedited != nil), r.EffectiveAt.UTC().Format(time.RFC3339Nano))
}
