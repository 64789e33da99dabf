package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audience"
	"github.com/passportcraft/passportcraft/shared/domain/custody"
	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// kept is what stays of a passport: a copy in custody, a redirect, or a tombstone.
type kept struct {
	product     identifier.Product
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
	if was, ok := w.custody[d.Passport]; ok {
		k.product = was.product
	} else {
		w.custodyOrder = append(w.custodyOrder, d.Passport)
		w.stats.Kept++
		var err error
		if k.product, err = identifier.Parse(fmt.Sprintf("https://id.gs1.org/01/09506000134352/21/%d", w.stats.Kept)); err != nil {
			panic(err)
		}
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

// copies is the table of custody as the ender sees it.
type copies struct {
	custody.Store
	w *World
}

// Over is one of custody.Store.
func (c copies) Over(_ context.Context, through time.Time, most int) ([]identifier.Product, error) {
	return call(c.w, "CustodyOver", func() (over []identifier.Product, err error) {
		for _, p := range c.w.custodyOrder {
			k := c.w.custody[p]
			if k.disposition.Kind == lifecycle.Custody && !k.disposition.Until.After(through) && len(over) < most {
				over = append(over, k.product)
			}
		}
		return over, nil
	})
}

// End is one of custody.Store. What is kept ends on its date, and no moment before: invariant 9.
func (c copies) End(_ context.Context, product identifier.Product, _ time.Time) error {
	return send(c.w, "CustodyEnd", func() error {
		w := c.w
		w.custodyOrder = slices.DeleteFunc(w.custodyOrder, func(p id.Passport) bool {
			k := w.custody[p]
			if k.product != product {
				return false
			}
			if w.now.Before(k.disposition.Until) {
				w.oracle.fail(9, k.tenant, "custody of passport %s ended before %s", p, k.disposition.Until.Format(time.DateOnly))
			}
			delete(w.custody, p)
			w.stats.Ended++
			return true
		})
		return nil
	})
}
