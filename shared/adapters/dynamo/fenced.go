package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/export"
)

// fenced keeps work that one process at a time goes on with: each that takes it over raises the fence, and what an earlier
// one still writes is refused. Rows hold the work as JSON, with nothing personal and nothing of tenants' content.
type fenced[T any] struct {
	db     *DB
	row    func(T) (k key, state string, fence int64)
	due    func(T) time.Time // when somebody has to look at it; zero for never
	absent func() error
}

func (s *fenced[T]) item(v T) (item, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("dynamo: encode work: %w", err)
	}
	k, state, fence := s.row(v)
	it := k.attributes()
	it["v"], it["st"], it["fence"], it["e"] = number(1), text(state), number(fence), blob(b)
	writeDue(it, k, s.due(v))
	return it, nil
}

func (s *fenced[T]) read(it item) (T, error) {
	r := reader{it: it}
	var v T
	err := json.Unmarshal(r.blob("e"), &v)
	return v, errors.Join(err, r.err)
}

// Create stores new work with its audit entry. One transaction.
func (s *fenced[T]) Create(ctx context.Context, v T, entry audit.Entry) error {
	it, err := s.item(v)
	if err != nil {
		return err
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, unconditional)
	writeAudit(s.db, x, entry)
	return s.db.commit(ctx, x)
}

// one returns one piece of work. One read.
func (s *fenced[T]) one(ctx context.Context, k key) (T, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err == nil && it == nil {
		err = s.absent()
	}
	if err != nil {
		var none T
		return none, err
	}
	return s.read(it)
}

// mostListed is how much work is listed: with five exports a day, those of three weeks.
const mostListed = 100

// all lists work, latest first. One query.
func (s *fenced[T]) all(ctx context.Context, partition string) ([]T, error) {
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true), Limit: aws.Int32(mostListed),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(partition)},
	})
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, len(out.Items))
	for _, it := range out.Items {
		v, err := s.read(it)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// Save stores the progress of whoever has the work. One write.
func (s *fenced[T]) Save(ctx context.Context, v T) error {
	_, _, fence := s.row(v)
	return s.swap(ctx, v, fence)
}

// swap stores work whose fence is still as it was seen.
func (s *fenced[T]) swap(ctx context.Context, v T, seen int64) error {
	it, err := s.item(v)
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
	it, err := s.item(v)
	if err != nil {
		return err
	}
	_, state, fence := s.row(v)
	x := &transaction{}
	x.put(s.db.tables.Records, it, "fence <= :f AND st <> :st", item{":f": number(fence), ":st": text(state)}, means(export.ErrTaken))
	more(x)
	return s.db.commit(ctx, x)
}
