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
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Exports implements export.Store. An export holds nothing personal and nothing of its content.
type Exports struct{ db *DB }

// NewExports makes the store.
func NewExports(db *DB) *Exports { return &Exports{db: db} }

func exportItem(e export.Export) (item, error) {
	b, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("dynamo: encode export: %w", err)
	}
	it := exportKey(e.Tenant, e.ID).attributes()
	it["v"], it["st"], it["fence"], it["e"] = number(1), text(string(e.State)), number(e.Fence), blob(b)
	return it, nil
}

func exportOf(it item) (export.Export, error) {
	r := reader{it: it}
	var e export.Export
	if err := json.Unmarshal(r.blob("e"), &e); err != nil || r.err != nil {
		return e, errors.Join(err, r.err)
	}
	return e, nil
}

// Create stores a new export with its audit entry. One transaction.
func (s *Exports) Create(ctx context.Context, e export.Export, entry audit.Entry) error {
	it, err := exportItem(e)
	if err != nil {
		return err
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, unconditional)
	writeAudit(s.db, x, entry)
	return s.db.commit(ctx, x)
}

// Export returns one export. One read.
func (s *Exports) Export(ctx context.Context, t id.Tenant, e id.Export) (export.Export, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, exportKey(t, e))
	if err != nil {
		return export.Export{}, err
	}
	if it == nil {
		return export.Export{}, export.NotFound()
	}
	return exportOf(it)
}

// mostExports is how many exports are listed: with five a day, those of three weeks.
const mostExports = 100

// Exports lists exports, latest first. One query.
func (s *Exports) Exports(ctx context.Context, t id.Tenant) ([]export.Export, error) {
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true), Limit: aws.Int32(mostExports),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(exportKey(t, "").partition)},
	})
	if err != nil {
		return nil, err
	}
	all := make([]export.Export, 0, len(out.Items))
	for _, it := range out.Items {
		e, err := exportOf(it)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// Claim takes an export for packing: whoever had it before can no longer write to it. One read and one write.
func (s *Exports) Claim(ctx context.Context, t id.Tenant, which id.Export, now, until time.Time) (export.Export, error) {
	e, err := s.Export(ctx, t, which)
	if err != nil {
		return e, err
	}
	if e.State != export.Queued && e.State != export.Running || now.Before(e.LeaseUntil) {
		return e, export.ErrTaken
	}
	seen := e.Fence
	e.Fence, e.LeaseUntil, e.State = seen+1, until, export.Running
	return e, s.write(ctx, e, seen)
}

// Save stores the progress of whoever has the export. One write.
func (s *Exports) Save(ctx context.Context, e export.Export) error { return s.write(ctx, e, e.Fence) }

func (s *Exports) write(ctx context.Context, e export.Export, fence int64) error {
	it, err := exportItem(e)
	if err != nil {
		return err
	}
	met, _, err := s.db.put(ctx, s.db.tables.Records, it, "fence = :f", item{":f": number(fence)}, nil)
	if err == nil && !met {
		err = export.ErrTaken
	}
	return err
}

// End stores the last state of an export with its audit entry and notice. One transaction.
func (s *Exports) End(ctx context.Context, e export.Export, entry audit.Entry, n audit.Notice) error {
	it, err := exportItem(e)
	if err != nil {
		return err
	}
	x := &transaction{}
	x.put(s.db.tables.Records, it, "fence <= :f", item{":f": number(e.Fence)}, means(export.ErrTaken))
	writeAudit(s.db, x, entry)
	writeNotice(s.db, x, e.Tenant, n)
	return s.db.commit(ctx, x)
}
