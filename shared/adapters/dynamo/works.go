package dynamo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Works implements retention.Works: rows of the Ledger, found by tenant or by the instant from which on they may be done.
type Works struct{ db *DB }

// NewWorks makes the store.
func NewWorks(db *DB) *Works { return &Works{db: db} }

// Add stores works; those that are there stay as they are. One write each.
func (s *Works) Add(ctx context.Context, works ...retention.Work) error {
	for _, w := range works {
		it, err := workItem(w)
		if err != nil {
			return err
		}
		if _, _, err := s.db.put(ctx, s.db.tables.Ledger, it, "attribute_not_exists(PK)", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

// Due lists what may be done now, earliest deadline first. The index says of everything that is due how
// urgent it is; what is listed is read. One query for each kind, shard and megabyte, and one read each.
func (s *Works) Due(ctx context.Context, kinds []retention.Kind, now time.Time, most int) ([]retention.Work, error) {
	type due struct {
		by string
		k  key
	}
	var all []due
	for _, kind := range kinds {
		for shard := range ledgerShards {
			err := s.db.due(ctx, duePartition(string(kind), shard), now, duePage, func(k key, at string) (bool, error) {
				all = append(all, due{at[min(len(at), len(instant)+1):], k})
				return true, nil
			})
			if err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(all, func(a, b due) int { return cmp.Compare(a.by, b.by) })
	var found []retention.Work
	for some := range slices.Chunk(all, batchMost) {
		keys := make([]key, len(some))
		for i, d := range some {
			keys[i] = d.k
		}
		rows, err := s.db.batchGet(ctx, s.db.tables.Ledger, keys)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			it, ok := rows[k]
			if !ok {
				continue
			}
			w, err := workOf(it)
			if err != nil {
				return nil, err
			}
			if w.Done.IsZero() && !w.NotBefore.After(now) {
				found = append(found, w)
			}
		}
		if len(found) >= most {
			return found[:most], nil
		}
	}
	return found, nil
}

// duePage is how many keys of what is due are read at a time, batchMost how many rows.
const (
	duePage   = 1000
	batchMost = 100
)

// Claim takes work over. One write.
func (s *Works) Claim(ctx context.Context, w retention.Work, until time.Time) (retention.Work, error) {
	seen := w.Fence
	w.Fence, w.Lease = w.Fence+1, until.UTC()
	return w, s.swap(ctx, w, seen)
}

// Save stores the progress of whoever has the work. One write.
func (s *Works) Save(ctx context.Context, w retention.Work) error { return s.swap(ctx, w, w.Fence) }

func (s *Works) swap(ctx context.Context, w retention.Work, seen int64) error {
	it, err := workItem(w)
	if err != nil {
		return err
	}
	met, _, err := s.db.put(ctx, s.db.tables.Ledger, it, "fence = :f", item{":f": number(seen)}, nil)
	if err == nil && !met {
		err = retention.ErrTaken
	}
	return err
}

// Of lists the works of a tenant. One query for each megabyte.
func (s *Works) Of(ctx context.Context, t id.Tenant) ([]retention.Work, error) {
	var all []retention.Work
	err := s.db.each(ctx, s.db.ledger(worksPartition(t), ""), func(it item) error {
		w, err := workOf(it)
		all = append(all, w)
		return err
	})
	return all, err
}

// Drop implements retention.Drops. One write.
func (s *Works) Drop(ctx context.Context, w retention.Work) error {
	x := &transaction{}
	x.delete(s.db.tables.Ledger, workKey(w), "fence = :f", item{":f": number(w.Fence)}, means(retention.ErrTaken))
	return s.db.commit(ctx, x)
}

// Remove deletes the works of a tenant. One query and one write each.
func (s *Works) Remove(ctx context.Context, t id.Tenant) error {
	var keys []key
	err := s.db.each(ctx, s.db.ledger(worksPartition(t), ""), func(it item) error {
		r := reader{it: it}
		keys = append(keys, key{r.text("PK"), r.text("SK")})
		return r.err
	})
	if err != nil {
		return err
	}
	return s.db.removeAll(ctx, s.db.tables.Ledger, keys)
}

func workItem(w retention.Work) (item, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("dynamo: encode work: %w", err)
	}
	k := workKey(w)
	it := k.attributes()
	it["v"], it["fence"], it["e"] = number(1), number(w.Fence), blob(b)
	if w.Done.IsZero() {
		it["DPK"], it["DSK"] = text(duePartition(string(w.Kind), shardOf(string(w.Tenant)+string(w.Person), ledgerShards))), text(workPosition(w.NotBefore, w.By, k))
	}
	return it, nil
}

func workOf(it item) (w retention.Work, err error) {
	r := reader{it: it}
	return w, errors.Join(json.Unmarshal(r.blob("e"), &w), r.err)
}
