package retention

import (
	"context"
	"encoding/json"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// The times of the smaller deletions; see also EraseWithin.
const (
	UndoFor  = 7 * lifecycle.Day // in which the deletion of a passport can be taken back
	personIn = 7 * lifecycle.Day // our own aim; Regulation (EU) 2016/679, article 12(3), gives a month
)

// Erasures asks for the deletion of one passport or one person, and takes it back. The worker does it.
type Erasures struct {
	Works Works
	Drops Drops
	Lives lifecycle.Store
	Holds lifecycle.Holds
}

// Passport asks for the deletion of a passport with everything of it, its history too. It can be taken back for UndoFor.
// Asking again changes nothing. until is when it begins. What the law keeps is for the caller to refuse.
func (e *Erasures) Passport(ctx context.Context, t id.Tenant, p id.Passport, now time.Time) (until time.Time, err error) {
	notBefore := now.UTC().Add(UndoFor)
	return e.ask(ctx, ErasePassport(t, p, now.UTC(), notBefore), notBefore, now)
}

// Person asks for the erasure of a person in one organisation: who they are, their key and their sign-in go; what they did keeps an
// identifier that leads nowhere. It cannot be taken back.
func (e *Erasures) Person(ctx context.Context, t id.Tenant, p id.Person, now time.Time) (until time.Time, err error) {
	w := ErasePerson(p, now.UTC())
	w.Tenant, w.By = t, now.UTC().Add(personIn)
	return e.ask(ctx, w, now.UTC(), now)
}

func (e *Erasures) ask(ctx context.Context, w Work, notBefore, now time.Time) (time.Time, error) {
	life, err := e.Lives.Life(ctx, w.Tenant)
	if err != nil {
		return time.Time{}, err
	}
	if err := lifecycle.Can(life.Record.At(now), lifecycle.Destroy); err != nil {
		return time.Time{}, err
	}
	holds, err := e.Holds.Of(ctx, w.Tenant)
	if err != nil {
		return time.Time{}, err
	}
	if err := lifecycle.Blocked(holds, lifecycle.Target{Tenant: w.Tenant, Passport: w.Passport, User: w.Person}); err != nil {
		return time.Time{}, err
	}
	if err := e.Works.Add(ctx, w); err != nil {
		return time.Time{}, err
	}
	is, state, err := e.pending(ctx, w)
	if err != nil || is.Tenant == "" {
		return notBefore, err
	}
	return state.NotBefore, nil
}

// Undo takes the deletion of a passport back. After UndoFor, or when nobody asked for it, deletion-step-blocked.
func (e *Erasures) Undo(ctx context.Context, t id.Tenant, p id.Passport, now time.Time) error {
	w, state, err := e.pending(ctx, Work{Tenant: t, Kind: Erase, Passport: p})
	switch {
	case err != nil:
		return err
	case w.Tenant == "":
		return fault.New(fault.CodeStepBlocked, "Nobody has asked for the deletion of this passport, or it is complete.")
	case !now.Before(state.NotBefore) || !w.Began.IsZero():
		return fault.New(fault.CodeStepBlocked, "The deletion could be taken back until %s.", stamp(state.NotBefore))
	}
	return e.Drops.Drop(ctx, w) // unless a worker has claimed it meanwhile
}

// Pending tells when the deletion of a passport begins; zero when nobody has asked for it.
func (e *Erasures) Pending(ctx context.Context, t id.Tenant, p id.Passport) (time.Time, error) {
	_, state, err := e.pending(ctx, Work{Tenant: t, Kind: Erase, Passport: p})
	return state.NotBefore, err
}

func (e *Erasures) pending(ctx context.Context, like Work) (Work, erased, error) {
	works, err := e.Works.Of(ctx, like.Tenant)
	if err != nil {
		return Work{}, erased{}, err
	}
	w, ok := find(works, like)
	if !ok {
		return Work{}, erased{}, nil
	}
	var state erased
	err = json.Unmarshal(w.State, &state)
	return w, state, err
}
