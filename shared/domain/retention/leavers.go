package retention

import (
	"context"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Leaver is a person of a tenant that leaves, with what services outside know them by.
type Leaver struct {
	Place     string // to go on after
	Person    id.Person
	Subjects  []string // at the identity provider; opaque
	Mail      string   // empty when it is not asked for, or the person was forgotten
	Elsewhere bool     // the person belongs to another tenant too, or is kept by a hold of another, and stays
}

// Leavers lists the persons of an order after a place, in a stable order; none: the end.
type Leavers interface {
	Leavers(ctx context.Context, o Order, after string, most int) ([]Leaver, error)
}

// Going calls do with everybody who leaves the platform with an order: not with those who belong elsewhere too.
func Going(ctx context.Context, all Leavers, o Order, do func(Leaver)) error {
	after := ""
	for {
		some, err := all.Leavers(ctx, o, after, pageOfPersons)
		if err != nil || len(some) == 0 {
			return err
		}
		for _, l := range some {
			if after = l.Place; !l.Elsewhere {
				do(l)
			}
		}
	}
}

// pageOfPersons are read at once.
const pageOfPersons = 100

// Departed remembers, until the tenant is certified, what persons were called at a service when they were deleted there:
// opaque names and digests only. By then the rows that said so are gone, and somebody still has to look again.
type Departed interface {
	Remember(ctx context.Context, o Order, store string, names []string) error
	Names(ctx context.Context, o Order, store string) ([]string, error)
}

// Spares tells whether something must stay because of a hold.
func (o Order) Spares(t lifecycle.Target) bool {
	t.Tenant = o.Tenant
	return o.Spare != nil && o.Spare(t)
}

// Whole tells whether an order is for everything of its tenant.
func (o Order) Whole() bool { return o.Passport == "" && o.Person == "" }
