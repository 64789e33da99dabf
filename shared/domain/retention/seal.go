package retention

import (
	"context"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// settle is between the seal and the first look at what is there: by then no session that began before can write.
const settle = time.Hour

// sealed turns the keys off, has the passports decided about and the stores counted, and freezes the plan of what comes
// out. Nothing of it destroys.
func (v *visit) sealed(ctx context.Context) (more bool, err error) {
	r := v.life.Record
	if r.PlanHash != "" {
		return false, nil
	}
	if err := v.Switch.Disable(ctx, r.Tenant); err != nil {
		return false, err
	}
	if err := v.load(ctx); err != nil {
		return false, err
	}
	due := r.Deadlines().DrainUntil
	wanted := []Work{{Tenant: r.Tenant, Kind: Dispose, NotBefore: r.SealedAt.Add(settle), By: due}}
	for _, p := range v.Places {
		wanted = append(wanted, Work{Tenant: r.Tenant, Kind: Count, Store: p.Name, Phase: p.Phase, NotBefore: r.SealedAt.Add(settle), By: due})
	}
	if err := v.add(ctx, wanted); err != nil {
		return false, err
	}
	for _, w := range wanted {
		if is, ok := find(v.works, w); !ok || is.Done.IsZero() {
			return false, nil
		}
	}
	certificate := v.life.CertificateID
	if certificate == "" {
		certificate = string(id.New[id.Request](v.ids))
	}
	secret, err := v.Secrets.Secret(ctx, certificate)
	if err != nil {
		return false, err
	}
	plan, err := v.plan(certificate)
	if err != nil {
		return false, err
	}
	after, event, err := lifecycle.Freeze(r, hashOf(plan), v.at.Instants)
	if err != nil || event == "" {
		return false, err
	}
	v.life, err = v.take(ctx, v.life, after, event, map[string]string{"plan": after.PlanHash}, func(l *lifecycle.Life) {
		l.Plan, l.CertificateID, l.CertificateSecret = plan, certificate, HashSecret(secret)
	})
	return err == nil, err
}

// add adds what is not there yet.
func (v *visit) add(ctx context.Context, wanted []Work) error {
	var missing []Work
	for _, w := range wanted {
		if _, ok := find(v.works, w); !ok {
			missing = append(missing, w)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := v.Works.Add(ctx, missing...); err != nil {
		return err
	}
	return v.load(ctx)
}

// find looks for the piece of work with the same name.
func find(works []Work, like Work) (Work, bool) {
	for _, w := range works {
		if w.Tenant == like.Tenant && w.Kind == like.Kind && w.Store == like.Store && w.Passport == like.Passport && w.Person == like.Person {
			return w, true
		}
	}
	return Work{}, false
}

// addSweeps adds the emptying of every store but the keys, and the verification after it.
func (v *visit) addSweeps(ctx context.Context) error {
	r := v.life.Record
	wanted := []Work{{Tenant: r.Tenant, Kind: Verify, NotBefore: v.at.NotAfter, By: by(r, v.holds, Settings)}}
	for _, p := range v.Places {
		if p.Phase != Keys {
			wanted = append(wanted, v.sweepOf(p))
		}
	}
	return v.add(ctx, wanted)
}

// addKeys adds the destruction of the keys, which begins when the tenant is clear.
func (v *visit) addKeys(ctx context.Context) error {
	var wanted []Work
	for _, p := range v.Places {
		if p.Phase == Keys {
			wanted = append(wanted, v.sweepOf(p))
		}
	}
	if err := v.add(ctx, wanted); err != nil {
		return err
	}
	return v.hurry(ctx, keysDestroyed(v.works).IsZero())
}

// sweepOf is the emptying of one store. It begins a moment later than this tick: whoever does it may read a clock that is
// a little behind, and must not be told that it is too early.
func (v *visit) sweepOf(p Place) Work {
	r := v.life.Record
	w := Work{Tenant: r.Tenant, Kind: Sweep, Store: p.Name, Phase: p.Phase, NotBefore: v.at.NotAfter.Add(lifecycle.MaxDisagreement), By: by(r, v.holds, p.Phase)}
	if counted, ok := find(v.works, Work{Tenant: r.Tenant, Kind: Count, Store: p.Name}); ok {
		w.Planned = counted.Planned
	}
	return w
}

// hurry has the auditor look again soon, where it would otherwise come days later.
func (v *visit) hurry(ctx context.Context, wanted bool) error {
	w, ok := find(v.works, Work{Tenant: v.life.Record.Tenant, Kind: Verify})
	if !wanted || !ok || !w.NotBefore.After(v.at.NotAfter.Add(retry)) {
		return nil
	}
	w, err := claim(ctx, v.Works, w, v.at)
	if err == nil {
		w.NotBefore = v.at.NotAfter.Add(soon)
		err = put(ctx, v.Works, w)
	}
	if ignorable(err) {
		return nil
	}
	return err
}

// by is until when a phase has to be done: the deadline of the policy, later where a hold has kept something.
func by(r lifecycle.Record, holds []lifecycle.Hold, p Phase) time.Time {
	policy := r.Policy()
	d, _ := policy.Prolong(r.Deadlines(), holds)
	if p == Keys {
		return d.ResidualBy.Add(-policy.Keys)
	}
	return d.ActiveBy
}
