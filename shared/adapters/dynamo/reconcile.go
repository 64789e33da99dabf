package dynamo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Reconcile implements drill.Truth: what the Ledger knows of organisations, and the table of custody of addresses, goes into
// the restored table. Every change is made once only, so that it can be broken off and done again.
func (s *Restored) Reconcile(ctx context.Context, k drill.Kind, table string) (said string, err error) {
	switch k {
	case drill.Records:
		changed, missing, err := s.doors(ctx, table)
		return fmt.Sprintf("%d organisations are as their lives say; %d have come since the copy and are lost", changed, missing), err
	case drill.Keys:
		off, err := s.turnOff(ctx, table)
		return fmt.Sprintf("the keys of %d closed organisations are off", off), err
	case drill.Public:
		left, err := s.addresses(ctx, table)
		if err != nil {
			return "", err
		}
		hidden, err := s.hide(ctx, table)
		return fmt.Sprintf("%d addresses say again what is left of their passports, %d are hidden", left, hidden), err
	case drill.Custody:
		back, lost, err := s.custody(ctx, table)
		return fmt.Sprintf("%d addresses are known again; %d copies have come since and are lost", back, lost), err
	default:
		return "nothing else speaks of these rows", nil
	}
}

// doors has the row of each organisation say what its life says. A step that was taken since the copy has changed both, and
// no later one would find the row as it expects it; and the row decides who may come in.
func (s *Restored) doors(ctx context.Context, table string) (changed, missing int, err error) {
	lives := NewLives(s.db)
	err = lives.Each(ctx, func(l lifecycle.Life) error {
		for {
			t := l.Record.Tenant
			row, err := s.db.get(ctx, table, tenantKey(t))
			if err != nil {
				return err
			}
			if row == nil {
				missing++
				return nil
			}
			has, err := tenantOf(t, row)
			if err != nil {
				return err
			}
			says := doorOf(l.Record)
			if had := has.Door(); had.State == says.State && had.Halted == says.Halted && had.Effective.Equal(says.Effective) {
				return nil
			}
			x := &transaction{}
			condition, values := before(l.Record)
			x.check(s.db.tables.Ledger, lifeKey(t), condition, values, means(lifecycle.ErrStale))
			set, values := saying(says, l.Record.Epoch)
			values[":r"] = row["rev"]
			x.update(table, tenantKey(t), set, "rev = :r", values, means(lifecycle.ErrStale))
			if err = s.db.commit(ctx, x); err == nil {
				changed++
				return nil
			}
			if !errors.Is(err, lifecycle.ErrStale) {
				return err
			}
			if l, err = lives.Life(ctx, t); errors.Is(err, fault.NotFound) {
				return nil // certified at this moment
			} else if err != nil {
				return err
			}
		}
	})
	return changed, missing, err
}

// doorOf is the door of a life; once its deletion has begun it stays shut as it was then.
func doorOf(r lifecycle.Record) access.Door {
	says := r.Door()
	if begun(r.State) {
		says.State = lifecycle.Deleting.Access()
	}
	return says
}

// turnOff turns the keys of organisations off whose contract has ended, as the seal does.
func (s *Restored) turnOff(ctx context.Context, table string) (off int, err error) {
	there := *s.db
	there.tables.Keys = table
	keys := NewDataKeys(&there)
	err = s.sealed(ctx, func(t id.Tenant) error {
		off++
		return keys.Disable(ctx, t)
	})
	return off, err
}

// sealed calls do with every organisation that is sealed or being deleted.
func (s *Restored) sealed(ctx context.Context, do func(id.Tenant) error) error {
	return NewLives(s.db).Each(ctx, func(l lifecycle.Life) error {
		if l.Record.State != lifecycle.Sealed && !begun(l.Record.State) {
			return nil
		}
		return do(l.Record.Tenant)
	})
}

// addresses writes what is left of passports whose operator is gone. A copy from before the custodian ran still has the
// row of the organisation there, which is deleted with it, and nothing writes what was left a second time.
func (s *Restored) addresses(ctx context.Context, table string) (changed int, err error) {
	err = s.scan(ctx, s.db.tables.Custody, func(page []item) error {
		wanted := map[key]item{}
		for _, it := range page {
			if it["id"] == nil {
				continue // the marker
			}
			row, err := leftOf(it)
			if err != nil {
				return err
			}
			wanted[keyOf(row)] = row
			carrier := carrierOf(row)
			wanted[keyOf(carrier)] = carrier
		}
		for some := range slices.Chunk(slices.Collect(maps.Keys(wanted)), batchMost) {
			have, err := s.db.batchGet(ctx, table, some)
			if err != nil {
				return err
			}
			for _, k := range some {
				if says(have[k], wanted[k]) {
					continue
				}
				if err := s.set(ctx, table, wanted[k]); err != nil {
					return err
				}
				changed++
			}
		}
		return nil
	})
	return changed, err
}

// set writes what an address answers, or what leads to one. No other passport ever has the address.
func (s *Restored) set(ctx context.Context, table string, it item) error {
	condition, values := "", item(nil)
	if it["id"] != nil {
		condition, values = "attribute_not_exists(PK) OR id = :p", item{":p": it["id"]}
	}
	met, _, err := s.db.put(ctx, table, it, condition, values, nil)
	if err == nil && !met {
		err = fmt.Errorf("dynamo: the address %s has another passport than in custody", keyOf(it).partition)
	}
	return err
}

// leftOf is what the address of a row of custody answers.
func leftOf(it item) (item, error) {
	if over(it) {
		row := maps.Clone(it)
		delete(row, "cid")
		return row, nil
	}
	r := reader{it: it}
	p, err := productAt(r.text("PK"))
	if err != nil {
		return nil, err
	}
	row := ended(p, passport.InCustody, r.moment("since"))
	row["id"], row["pg"], row["ver"] = it["id"], it["pg"], it["ver"]
	return row, r.err
}

// says tells whether a row of Public answers what it should, whenever that was written.
func says(have, want item) bool {
	for _, name := range []string{"id", "st", "su", "rs", "tn", "pd"} {
		if !reflect.DeepEqual(have[name], want[name]) {
			return false
		}
	}
	return have != nil
}

func keyOf(it item) key {
	r := reader{it: it}
	return key{r.text("PK"), r.optional("SK")}
}

// carrierOf is the row that leads from a passport to the address of a row.
func carrierOf(row item) item {
	r := reader{it: row}
	carrier := carrierKey(id.Passport(r.text("id"))).attributes()
	carrier["v"], carrier["pd"] = number(1), text(r.text("PK")[len(productPrefix):])
	return carrier
}

// hide shows nothing any more of the passports of which nothing is left, when all of an organisation are decided about:
// nobody hides them a second time before they are deleted.
func (s *Restored) hide(ctx context.Context, table string) (hidden int, err error) {
	decided := map[string]bool{}
	err = s.sealed(ctx, func(t id.Tenant) error {
		works, err := NewWorks(s.db).Of(ctx, t)
		for _, w := range works {
			if w.Kind == retention.Dispose && !w.Done.IsZero() {
				decided[string(t)] = true
			}
		}
		return err
	})
	if err != nil || len(decided) == 0 {
		return 0, err
	}
	err = s.scan(ctx, table, func(page []item) error {
		for _, it := range page {
			r := reader{it: it}
			if !decided[r.optional("tn")] || it["st"] == nil || r.text("st") == string(passport.Hidden) {
				continue
			}
			row := maps.Clone(it)
			for _, name := range []string{"doc", "rs", "su"} {
				delete(row, name)
			}
			row["st"] = text(string(passport.Hidden))
			if _, _, err := s.db.put(ctx, table, row, "tn = :t", item{":t": it["tn"]}, nil); err != nil {
				return err
			}
			hidden++
		}
		return nil
	})
	return hidden, err
}

// custody writes what addresses say that moved or ceased since the copy was made, as far as Public is there, and counts the
// copies that came since.
func (s *Restored) custody(ctx context.Context, table string) (back, lost int, err error) {
	err = s.scan(ctx, s.db.tables.Public, func(page []item) error {
		for _, it := range page {
			r := reader{it: it}
			if it["tn"] != nil || it["st"] == nil {
				continue
			}
			have, err := s.db.get(ctx, table, keyOf(it))
			switch {
			case err != nil:
				return err
			case have != nil:
			case r.text("st") == string(passport.InCustody):
				lost++
			default:
				if err := s.set(ctx, table, it); err != nil {
					return err
				}
				back++
			}
		}
		return nil
	})
	if _, gone := errors.AsType[*types.ResourceNotFoundException](err); gone {
		return 0, 0, nil // Public is lost too, and is restored after this one
	}
	return back, lost, err
}
