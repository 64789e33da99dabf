package retention

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Limits of the tick.
const (
	defaultBudget = 100 // tenants that one tick looks at
	maxSteps      = 32  // of one tenant in one tick: more than a whole life has
)

// How long a tenant that waits for others is left alone.
const (
	soon  = 15 * time.Minute
	retry = time.Hour
	later = 6 * time.Hour
)

// Place names one store and where it stands in the order.
type Place struct {
	Name  string
	Phase Phase
}

// Places are the names of stores.
func Places(stores []Store) []Place {
	var out []Place
	for _, s := range stores {
		out = append(out, Place{s.Name(), s.Phase()})
	}
	return out
}

// Tick takes every step of every tenant that is due at or before now. It destroys nothing itself: it adds the work of
// which the others destroy. It touches no store of content.
type Tick struct {
	Time
	Lives    lifecycle.Store
	Holds    lifecycle.Holds
	Works    Works
	Places   []Place // every store; see Places
	Exports  Exports
	Prover   Prover
	Backups  Backups
	Journal  Journal
	Switch   KeySwitch
	Herald   Herald
	Secrets  Secrets
	Signer   Signer
	Law      lifecycle.Law
	IDs      *id.Source
	Site     string           // scheme and host of the platform, for addresses in mails
	Policy   lifecycle.Policy // of this build; counts for running terminations where it is stricter. Zero: what they have
	Budget   int              // tenants in one call; 0: 100
	Template string           // hash of the template that this build runs from, for certificates
}

// Run looks at the tenants that are due, earliest first. One that fails does not stop the others; the errors are returned
// together at the end. With lifecycle.ErrClock nothing was done.
func (t *Tick) Run(ctx context.Context, now time.Time) error {
	t.Meter.Put(TickHeartbeat, 1)
	at, err := t.observe(ctx, now, true)
	if err != nil {
		return err
	}
	budget := t.Budget
	if budget == 0 {
		budget = defaultBudget
	}
	due, err := t.Lives.Due(ctx, at.NotAfter, budget)
	if err != nil {
		return err
	}
	var failed []error
	blocked, extended, paused := 0, 0, 0.0
	for _, tenant := range due {
		if at.over() || ctx.Err() != nil {
			break
		}
		v, err := t.visit(ctx, tenant, at)
		if err != nil {
			failed = append(failed, fmt.Errorf("tenant %s: %w", tenant, err))
		}
		if v.blocked {
			blocked++
		}
		if v.paused {
			paused = 1
		}
		if v.extended {
			extended++
		}
	}
	t.Meter.Put(StepsFailed, float64(len(failed)))
	t.Meter.Put(StepsBlocked, float64(blocked))
	t.Meter.Put(WindowsExtended, float64(extended))
	t.Meter.Put(LimiterPaused, paused)
	return errors.Join(failed...)
}

// visit is one tenant in one tick.
type visit struct {
	*Tick
	steps
	life  lifecycle.Life
	holds []lifecycle.Hold
	works []Work
	wait  time.Time // somebody has said when to come again

	retired  bool // it is no more
	paused   bool // by the limiter
	extended bool // the window, for an export
	blocked  bool // a step is due by time and waits for something that should be there
}

// visit takes the steps of one tenant, and then says when to look at it again.
func (t *Tick) visit(ctx context.Context, tenant id.Tenant, at reading) (*visit, error) {
	v := &visit{Tick: t, steps: steps{lives: t.Lives, ids: t.IDs, actor: "system:retention-tick", at: at}}
	var err error
	if v.life, err = t.Lives.Life(ctx, tenant); errors.Is(err, fault.NotFound) {
		return v, nil // the list of what is due is a moment behind
	} else if err != nil {
		return v, err
	}
	err = v.walk(ctx)
	switch {
	case v.retired:
		return v, nil
	case ignorable(err), ctx.Err() != nil:
		return v, err // it stays due
	}
	if rest := v.rest(ctx, err); rest != nil && !errors.Is(rest, lifecycle.ErrStale) {
		return v, errors.Join(err, rest)
	}
	if waiting(err) {
		v.blocked = fault.Of(err).Code == fault.CodeStepBlocked
		return v, nil
	}
	return v, err
}

// waiting tells whether an error is a step that waits: for something, or for the end of a hold.
func waiting(err error) bool {
	var f *fault.Error
	return errors.As(err, &f) && (f.Code == fault.CodeStepBlocked || f.Code == fault.CodeHeld)
}

// walk takes steps until none is due.
func (v *visit) walk(ctx context.Context) error {
	var err error
	if v.holds, err = v.Holds.Of(ctx, v.life.Record.Tenant); err != nil {
		return err
	}
	for range maxSteps {
		more, err := v.once(ctx)
		if err != nil || !more {
			return err
		}
	}
	return fmt.Errorf("more than %d steps", maxSteps)
}

// once sends what is to be sent, prepares what the state needs, and takes a step if one is due.
func (v *visit) once(ctx context.Context) (more bool, err error) {
	if more, err = v.adopt(ctx); err != nil || more {
		return more, err
	}
	if more, err = v.notify(ctx); err != nil || more {
		return more, err
	}
	if more, err = v.prepare(ctx); err != nil || more || v.retired {
		return more, err
	}
	r := v.life.Record
	facts, err := v.facts(ctx)
	if err != nil {
		return false, err
	}
	if r.State == lifecycle.ActiveClear && facts.KeysDestroyedAt.IsZero() || r.State == lifecycle.ResidualClear && facts.Certificate == "" {
		return false, nil // the worker and the auditor are at it
	}
	after, event, err := lifecycle.Advance(r, v.at.Instants, facts)
	if err != nil || event == "" {
		return false, err
	}
	edit := func(*lifecycle.Life) {}
	switch event {
	case lifecycle.EventDeleting:
		if err := v.enter(ctx, facts); err != nil {
			return false, err
		}
		edit = func(l *lifecycle.Life) {
			if l.Proof = facts.Proof.Evidence; facts.Proof.Consent != nil {
				l.Consent = facts.Proof.Consent.Evidence
			}
		}
	case lifecycle.EventCertified:
		if edit, err = v.certify(ctx, after); err != nil {
			return false, err
		}
	case lifecycle.EventWindowExtended:
		v.extended = true
	default:
	}
	v.life, err = v.take(ctx, v.life, after, event, v.says(after), edit)
	return err == nil, err
}

// adopt has the policy of this build count where it is stricter. One that cannot be kept together with what was promised
// changes nothing: what was promised stays.
func (v *visit) adopt(ctx context.Context) (more bool, err error) {
	r := v.life.Record
	if v.Policy.Version == "" || r.Begins().IsZero() || r.State == lifecycle.Certified {
		return false, nil
	}
	after, err := lifecycle.Adopt(r, v.Policy)
	if err != nil || after.Revision == r.Revision {
		return false, nil
	}
	v.life, err = v.take(ctx, v.life, after, lifecycle.EventPolicyAdopted, map[string]string{"policy": after.Policy().Version}, nil)
	return err == nil, err
}

// says is what an entry tells of a step.
func (v *visit) says(after lifecycle.Record) map[string]string {
	d := map[string]string{"from": string(v.life.Record.State), "to": string(after.State)}
	if !after.T0.IsZero() {
		d["t0"] = stamp(after.T0)
	}
	return d
}

// prepare does what has to be done in a state before its next step; all of it may be done again. more: a step was taken.
func (v *visit) prepare(ctx context.Context) (more bool, err error) {
	switch v.life.Record.State {
	case lifecycle.Sealed:
		return v.sealed(ctx)
	case lifecycle.Deleting:
		if err := v.load(ctx); err != nil {
			return false, err
		}
		if err := journalled(ctx, v.Journal, v.life); err != nil { // opened again: another deletion
			return false, err
		}
		return false, v.addSweeps(ctx)
	case lifecycle.ActiveClear:
		if err := v.load(ctx); err != nil {
			return false, err
		}
		return false, v.addKeys(ctx)
	case lifecycle.ResidualClear:
		return false, v.lastLook(ctx)
	case lifecycle.Certified:
		return false, v.retire(ctx)
	default:
		return false, nil
	}
}

func (v *visit) load(ctx context.Context) (err error) {
	v.works, err = v.Works.Of(ctx, v.life.Record.Tenant)
	return err
}

// enter asks the limiter and writes the deletion into the journal; both before the step.
func (v *visit) enter(ctx context.Context, given lifecycle.Facts) error {
	l, revision, err := v.Guards.Limiter(ctx)
	if err != nil {
		return err
	}
	l, a := l.Enter(v.at.NotAfter)
	if a.Admitted || a.Page {
		if err := v.Guards.Limit(ctx, l, revision); err != nil {
			return err
		}
	}
	if !a.Admitted {
		v.paused, v.wait = true, a.Until
		given.Admitted = false
		_, _, err := lifecycle.Advance(v.life.Record, v.at.Instants, given)
		return err
	}
	return journalled(ctx, v.Journal, v.life)
}

// orderOf is the deletion of a whole tenant that goes on now.
func orderOf(l lifecycle.Life) Order {
	all := ordersOf(l)
	return all[len(all)-1]
}

// ordersOf are all deletions of a whole tenant, in their order. One that was opened again is another one, whose backups
// have to run out again.
func ordersOf(l lifecycle.Life) []Order {
	all := []Order{{Tenant: l.Record.Tenant, Asked: l.Record.T0}}
	for _, m := range l.History {
		if m.Event == lifecycle.EventReopened {
			all = append(all, Order{Tenant: l.Record.Tenant, Asked: m.At})
		}
	}
	return all
}

// journalled writes the deletion of a tenant into the journal, before anything of it is destroyed.
func journalled(ctx context.Context, j Journal, l lifecycle.Life) error {
	return begin(ctx, j, l, orderOf(l))
}

// begin writes one of a tenant's deletions into the journal.
func begin(ctx context.Context, j Journal, l lifecycle.Life, o Order) error {
	notBefore := l.Record.Deadlines().DrainUntil
	if o.Asked.After(notBefore) {
		notBefore = o.Asked
	}
	return j.Begin(ctx, o, notBefore)
}

// rest stores when to look at the tenant again, unless a step has said so already.
func (v *visit) rest(ctx context.Context, failure error) error {
	next := dueAt(v.life.Record, v.at.NotAfter, later)
	switch {
	case failure == nil:
	case waiting(failure) && fault.Of(failure).Code == fault.CodeHeld:
		next = v.at.NotAfter.Add(later)
	default:
		next = v.at.NotAfter.Add(retry)
	}
	if v.wait.After(v.at.NotAfter) {
		next = v.wait
	}
	if v.life.DueAt.Equal(next) || v.life.DueAt.After(v.at.NotAfter) && v.wait.IsZero() {
		return nil
	}
	return v.look(ctx, v.life, next)
}

// dueAt is when a tenant has to be looked at next: the next instant of its record, or, where it waits for others, after
// poll. Zero: when something happens.
func dueAt(r lifecycle.Record, now time.Time, poll time.Duration) time.Time {
	next := time.Time{}
	switch r.State {
	case lifecycle.Active, lifecycle.Suspended:
		return time.Time{}
	case lifecycle.Scheduled:
		next = r.EffectiveAt.Add(lifecycle.Reserve)
	case lifecycle.Window:
		next = r.Deadlines().NotBefore.Add(lifecycle.Reserve)
		if n := r.NextNotice(); !n.IsZero() && n.Before(next) {
			next = n
		}
	case lifecycle.Sealed:
		next = now.Add(min(poll, soon))
		if r.PlanHash != "" {
			next = r.Deadlines().DrainUntil.Add(lifecycle.Reserve)
		}
	case lifecycle.ResidualClear:
		next = now.Add(min(poll, retry))
	case lifecycle.Certified:
		next = now.Add(min(poll, soon))
	default:
		next = now.Add(poll)
	}
	if !next.After(now) {
		return now.Add(min(poll, retry))
	}
	return next
}
