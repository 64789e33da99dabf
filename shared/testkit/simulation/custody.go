package simulation

import (
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// kept is what stays of a passport: a copy in custody, a redirect, or a tombstone.
type kept struct {
	tenant      *tenant
	disposition lifecycle.Disposition
	fields      []field
	at          time.Time
	lost        bool // its address says nothing of it
}

// keep writes what the custodian decided; again for the same passport replaces it.
func (w *World) keep(t id.Tenant, d lifecycle.Disposition) {
	owner := w.byID[t]
	k := &kept{tenant: owner, disposition: d, at: w.now}
	switch d.Kind {
	case lifecycle.Deleted:
		return
	case lifecycle.Custody:
		readers, err := audience.Of(d.Keeps...)
		if err != nil {
			panic(err)
		}
		for _, r := range w.place(placeRecords).rows(t) {
			if r.kind != "head" || r.passport != d.Passport {
				continue
			}
			for _, f := range r.fields {
				if !f.person && f.readers&readers != 0 {
					k.fields = append(k.fields, f)
				}
			}
		}
	default:
	}
	if _, was := w.custody[d.Passport]; !was {
		w.custodyOrder = append(w.custodyOrder, d.Passport)
		w.stats.Kept++
	}
	w.custody[d.Passport] = k
	w.oracle.inCustody(k)
}

// inCustody looks at what is kept: invariant 9. It decides with its own reading of the law: a battery that was published,
// is not recycled and was placed on the market since the law applies has to be kept, with the fields that somebody outside
// may read and that name nobody; and nothing is kept longer than the law says.
func (o *oracle) inCustody(k *kept) {
	d := k.disposition
	p := o.w.passportOf(k.tenant.id, d.Passport)
	if p == nil {
		o.fail(9, k.tenant, "passport %s is kept and never existed", d.Passport)
		return
	}
	for _, f := range k.fields {
		if f.person || f.readers == 0 {
			o.fail(9, k.tenant, "field %s of passport %s is kept and may not be", f.name, d.Passport)
		}
	}
	if !p.Published {
		o.fail(9, k.tenant, "passport %s is kept and was never published", d.Passport)
	}
	if d.Kind == lifecycle.Custody && (d.Basis.Act == "" || d.Basis.Article == "" || d.Until.IsZero() || !d.Until.After(o.w.now)) {
		o.fail(9, k.tenant, "passport %s is kept without basis or end", d.Passport)
	}
	if d.Kind == lifecycle.Custody && !p.RecycledAt.IsZero() && p.Group == "battery" && p.RecycledAt.Before(o.w.now.Add(-day)) {
		o.fail(9, k.tenant, "passport %s of a recycled battery is kept", d.Passport)
	}
	begins := p.PublishedAt
	if p.PlacedAt.After(begins) {
		begins = p.PlacedAt
	}
	if years := begins.AddDate(30, 0, 0); d.Kind == lifecycle.Custody && p.Group == "battery" && (d.Until.Before(years) || d.Until.After(years.Add(day))) {
		o.fail(9, k.tenant, "passport %s is kept until %s, and not for 30 years", d.Passport, d.Until.Format(time.DateOnly))
	}
	if d.Kind == lifecycle.HandedOver && p.choice.SuccessorURL == "" {
		o.fail(9, k.tenant, "passport %s leads to a successor that nobody named", d.Passport)
	}
}

// mustBeKept tells whether the law demands a passport when its tenant is sealed, as the oracle reads it: of the groups of
// this model only batteries have a law that applies before 2028.
func mustBeKept(p *passport, now time.Time) bool {
	from := time.Date(2027, 2, 18, 0, 0, 0, 0, time.UTC)
	if p.Group != "battery" || !p.Published || !p.RecycledAt.IsZero() || !p.erasedAt.IsZero() {
		return false
	}
	if p.PlacedAt.IsZero() {
		return !now.Before(from)
	}
	return !p.PlacedAt.Before(from)
}

// disposed looks, when the deletion begins, whether everything that the law demands is kept.
func (o *oracle) disposed(t *tenant) {
	for _, p := range t.passports {
		if k := o.w.custody[p.Passport]; mustBeKept(p, t.exit.sealed) && (k == nil || k.tenant != t) {
			o.fail(9, t, "passport %s is demanded by law, and nothing of it is kept", p.Passport)
		}
	}
}

// expire removes what was kept when its time is over. DynamoDB: "TTL typically deletes expired items within a few days";
// whoever reads compares the date.
func (w *World) expire() {
	w.custodyOrder = slices.DeleteFunc(w.custodyOrder, func(p id.Passport) bool {
		k := w.custody[p]
		over := k == nil || !k.disposition.Until.IsZero() && w.now.After(k.disposition.Until)
		if over {
			delete(w.custody, p)
			w.stats.Ended++
		}
		return over
	})
}
