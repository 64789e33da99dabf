package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// fenced keeps work that one process at a time goes on with: each that takes it over raises the fence, and what an earlier
// one still writes is refused. Nothing personal is in it; where it tells of tenants' content, rows hold it sealed.
type fenced[T any] struct {
	db     *DB
	ring   *keyring.Ring[id.Tenant] // nil: rows hold the work as JSON
	row    func(T) (t id.Tenant, k key, state string, fence int64)
	due    func(T) time.Time // when somebody has to look at it; zero for never
	absent func() error
}

func (s *fenced[T]) item(ctx context.Context, v T) (item, error) {
	t, k, state, fence := s.row(v)
	b, err := s.encode(ctx, t, k, v)
	if err != nil {
		return nil, err
	}
	it := k.attributes()
	it["v"], it["st"], it["fence"], it["e"] = number(1), text(state), number(fence), blob(b)
	writeDue(it, k, s.due(v))
	return it, nil
}

func (s *fenced[T]) encode(ctx context.Context, t id.Tenant, k key, v T) ([]byte, error) {
	if s.ring != nil {
		return pack(ctx, s.ring, t, k, v)
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("dynamo: encode work: %w", err)
	}
	return b, nil
}

func (s *fenced[T]) read(ctx context.Context, t id.Tenant, it item) (v T, err error) {
	if s.ring != nil {
		err = unpack(ctx, s.ring, t, it, &v)
		return v, err
	}
	r := reader{it: it}
	err = json.Unmarshal(r.blob("e"), &v)
	return v, errors.Join(err, r.err)
}

// Create stores new work with its audit entry. One transaction.
func (s *fenced[T]) Create(ctx context.Context, v T, entry audit.Entry) error {
	it, err := s.item(ctx, v)
	if err != nil {
		return err
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, unconditional)
	writeAudit(s.db, x, entry)
	return s.db.commit(ctx, x)
}

// one returns one piece of work. One read.
func (s *fenced[T]) one(ctx context.Context, t id.Tenant, k key) (T, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err == nil && it == nil {
		err = s.absent()
	}
	if err != nil {
		var none T
		return none, err
	}
	return s.read(ctx, t, it)
}

// mostListed is how much work is listed: with five exports a day, those of three weeks.
const mostListed = 100

// all lists the latest work, latest first. One query for each megabyte.
func (s *fenced[T]) all(ctx context.Context, t id.Tenant, partition string) ([]T, error) {
	return latest(ctx, s.db, partition, func(it item) (T, error) { return s.read(ctx, t, it) })
}

// latest reads so many rows of a partition as are listed, latest first, and no page of those before them.
func latest[T any](ctx context.Context, db *DB, partition string, read func(item) (T, error)) ([]T, error) {
	list := make([]T, 0, mostListed)
	err := db.each(ctx, listing(db, partition, false), func(it item) error {
		v, err := read(it)
		if err != nil {
			return err
		}
		if list = append(list, v); len(list) == mostListed {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return list, nil
}

// Save stores the progress of whoever has the work. One write.
func (s *fenced[T]) Save(ctx context.Context, v T) error {
	_, _, _, fence := s.row(v)
	return s.swap(ctx, v, fence)
}

// swap stores work whose fence is still as it was seen.
func (s *fenced[T]) swap(ctx context.Context, v T, seen int64) error {
	it, err := s.item(ctx, v)
	if err != nil {
		return err
	}
	met, _, err := s.db.put(ctx, s.db.tables.Records, it, "fence = :f", item{":f": number(seen)}, nil)
	if err == nil && !met {
		err = export.ErrTaken
	}
	return err
}

// step stores work in another state, with what goes into the trail, unless somebody has taken it over or stored that state
// since. One transaction.
func (s *fenced[T]) step(ctx context.Context, v T, more func(*transaction)) error {
	it, err := s.item(ctx, v)
	if err != nil {
		return err
	}
	_, _, state, fence := s.row(v)
	x := &transaction{}
	x.put(s.db.tables.Records, it, "fence <= :f AND st <> :st", item{":f": number(fence), ":st": text(state)}, means(export.ErrTaken))
	more(x)
	return s.db.commit(ctx, x)
}
