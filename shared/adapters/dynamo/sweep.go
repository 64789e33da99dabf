package dynamo

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Limits of sweeping.
const (
	eraseBatch  = 25 // items of one BatchWriteItem
	eraseAtOnce = 8  // batches under way
	eraseTries  = 6  // of a batch, before its items are deleted one by one
	findAtOnce  = 16 // queries under way
	scanPages   = 32 // of a scan, in one page of a sweep
	scanParts   = 8  // segments in which a table is counted at once
)

// found is a row that a sweep came upon, and whose it is.
type found struct {
	k  key
	of lifecycle.Target
}

// place is where a sweep goes on: a stage, a part of it, and the last key seen there. It names nothing of what was found
// but identifiers.
type place struct {
	Stage int    `json:"s"`
	Part  int    `json:"p,omitempty"`
	After string `json:"a,omitempty"`
	PK    string `json:"pk,omitempty"`
}

func placeOf(cursor string) (p place, err error) {
	if cursor == "" {
		return p, nil
	}
	if err := json.Unmarshal([]byte(cursor), &p); err != nil {
		return p, fmt.Errorf("dynamo: cursor of a sweep: %w", err)
	}
	return p, nil
}

func (p place) String() string {
	b, _ := json.Marshal(p) // texts and numbers always encode
	return string(b)
}

// stage finds the next rows of a part of a store, at most about so many. next is nil at the end of the stage.
type stage func(ctx context.Context, o retention.Order, at place, most int) (rows []found, next *place, err error)

// sweep runs the stage of a cursor once, deletes what it found and tells where to go on. Empty stages are passed over, as
// many as take one call each.
func (d *DB) sweep(ctx context.Context, table string, stages []stage, o retention.Order, cursor string, most int) (retention.Page, error) {
	at, err := placeOf(cursor)
	if err != nil {
		return retention.Page{}, err
	}
	var page retention.Page
	sum := sha256.New()
	for range scanPages {
		if at.Stage >= len(stages) {
			break
		}
		rows, next, err := stages[at.Stage](ctx, o, at, most)
		if err != nil {
			return retention.Page{}, err
		}
		var leaving []key
		for _, f := range rows {
			if o.Spares(f.of) {
				page.Spared++
				continue
			}
			leaving = append(leaving, f.k)
			fmt.Fprintf(sum, "%s\x00%s\x00", f.k.partition, f.k.sort)
		}
		writes, err := d.erase(ctx, table, leaving)
		if err != nil {
			return retention.Page{}, err
		}
		page.Deleted, page.Writes = page.Deleted+int64(len(leaving)), page.Writes+writes
		if next == nil {
			next = &place{Stage: at.Stage + 1}
		}
		at = *next
		if len(leaving) > 0 {
			break
		}
	}
	page.Digest = sum.Sum(nil)
	if at.Stage < len(stages) {
		page.Cursor = at.String()
	}
	return page, nil
}

// erase deletes rows, several batches at once. writes is how many deletes were asked for, repeated ones included.
func (d *DB) erase(ctx context.Context, table string, keys []key) (writes int64, err error) {
	var asked atomic.Int64
	err = inParallel(ctx, (len(keys)+eraseBatch-1)/eraseBatch, eraseAtOnce, func(ctx context.Context, n int) error {
		some := keys[n*eraseBatch : min(len(keys), (n+1)*eraseBatch)]
		w, err := d.eraseBatch(ctx, table, some)
		asked.Add(w)
		return err
	})
	return asked.Load(), err
}

// eraseBatch deletes at most eraseBatch rows. What the storage leaves undone is asked for again, later each time, and at
// last one by one.
func (d *DB) eraseBatch(ctx context.Context, table string, keys []key) (writes int64, err error) {
	ask := make([]types.WriteRequest, len(keys))
	for i, k := range keys {
		ask[i] = types.WriteRequest{DeleteRequest: &types.DeleteRequest{Key: k.attributes()}}
	}
	for try := range eraseTries {
		if err := pause(ctx, try); err != nil {
			return writes, err
		}
		writes += int64(len(ask))
		out, err := d.api.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: ask}, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return writes, d.failed(ctx, "BatchWriteItem", err)
		}
		for i := range out.ConsumedCapacity {
			d.count(ctx, "BatchWriteItem", &out.ConsumedCapacity[i])
		}
		if ask = out.UnprocessedItems[table]; len(ask) == 0 {
			return writes, nil
		}
	}
	for _, a := range ask {
		writes++
		out, err := d.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: &table, Key: a.DeleteRequest.Key, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
		if err != nil {
			return writes, d.failed(ctx, "DeleteItem", err)
		}
		d.count(ctx, "DeleteItem", out.ConsumedCapacity)
	}
	return writes, nil
}

// eraseWhere deletes rows on a condition, side by side. gone is how many met it.
func (d *DB) eraseWhere(ctx context.Context, table string, keys []key, condition string, values item) (gone int64, err error) {
	var n atomic.Int64
	err = inParallel(ctx, len(keys), findAtOnce, func(ctx context.Context, i int) error {
		out, err := d.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
			TableName: &table, Key: keys[i].attributes(), ConditionExpression: &condition, ExpressionAttributeValues: values,
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if _, other := errors.AsType[*types.ConditionalCheckFailedException](err); other {
			d.observe(ctx, "dynamodb.DeleteItem", 1)
			return nil
		}
		if err != nil {
			return d.failed(ctx, "DeleteItem", err)
		}
		d.count(ctx, "DeleteItem", out.ConsumedCapacity)
		n.Add(1)
		return nil
	})
	return n.Load(), err
}

// pause waits before a try, none before the first, up to about a second before later ones.
func pause(ctx context.Context, try int) error {
	if try == 0 {
		return nil
	}
	most := 20 * time.Millisecond << min(try, 6)
	t := time.NewTimer(most/2 + rand.N(most/2))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return fault.From(ctx.Err(), fault.CodeUnavailable, "The storage did not take everything in time. Repeat later.")
	case <-t.C:
		return nil
	}
}

// inParallel calls do for 0 to n-1, so many at once, until one fails.
func inParallel(ctx context.Context, n, most int, do func(ctx context.Context, i int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	slots := make(chan struct{}, most)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := do(ctx, i); err != nil {
				stop(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// rows is the stage of a partition: its rows from the last one seen on. of tells whose a row is.
func (d *DB) rows(table, projection string, partition func(retention.Order) string, of func(retention.Order, *reader) lifecycle.Target) stage {
	return func(ctx context.Context, o retention.Order, at place, most int) ([]found, *place, error) {
		p := partition(o)
		in := &dynamodb.QueryInput{
			TableName: &table, ConsistentRead: aws.Bool(true), Limit: aws.Int32(int32(most)), ProjectionExpression: &projection,
			KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(p)},
		}
		if at.After != "" {
			in.KeyConditionExpression = aws.String("PK = :p AND SK > :a")
			in.ExpressionAttributeValues[":a"] = text(at.After)
		}
		out, err := d.query(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		return pageOf(o, out.Items, out.LastEvaluatedKey, at, of)
	}
}

// scan is the stage that walks a whole table for rows of an order that cannot be enumerated. A table without sort keys
// has none in its rows.
func (d *DB) scan(table, projection, filter string, values func(retention.Order) item, of func(retention.Order, *reader) lifecycle.Target) stage {
	return func(ctx context.Context, o retention.Order, at place, most int) ([]found, *place, error) {
		in := &dynamodb.ScanInput{
			TableName: &table, ConsistentRead: aws.Bool(true), ProjectionExpression: &projection, FilterExpression: &filter,
			ExpressionAttributeValues: values(o), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		}
		if at.PK != "" {
			in.ExclusiveStartKey = key{at.PK, at.After}.attributes()
		}
		var all []found
		for range scanPages {
			out, err := d.api.Scan(ctx, in)
			if err != nil {
				return nil, nil, d.failed(ctx, "Scan", err)
			}
			d.count(ctx, "Scan", out.ConsumedCapacity)
			rows, next, err := pageOf(o, out.Items, out.LastEvaluatedKey, at, of)
			if err != nil {
				return nil, nil, err
			}
			if all = append(all, rows...); next == nil || len(all) >= most {
				return all, next, nil
			}
			in.ExclusiveStartKey, at = out.LastEvaluatedKey, *next
		}
		return all, &at, nil
	}
}

func pageOf(o retention.Order, items []item, last item, at place, of func(retention.Order, *reader) lifecycle.Target) ([]found, *place, error) {
	rows := make([]found, 0, len(items))
	for _, it := range items {
		r := reader{it: it}
		f := found{k: key{r.text("PK"), r.optional("SK")}, of: of(o, &r)}
		if r.err != nil {
			return nil, nil, r.err
		}
		rows = append(rows, f)
	}
	if last == nil {
		return rows, nil, nil
	}
	r := reader{it: last}
	next := &place{Stage: at.Stage, Part: at.Part, PK: r.text("PK"), After: r.optional("SK")}
	return rows, next, r.err
}

// tally counts rows by walking a whole table, in segments side by side, with nothing but a filter: it finds what no
// index and no list knows.
func (d *DB) tally(ctx context.Context, table, filter string, values item) (int64, error) {
	var n atomic.Int64
	err := inParallel(ctx, scanParts, scanParts, func(ctx context.Context, part int) error {
		in := &dynamodb.ScanInput{
			TableName: &table, ConsistentRead: aws.Bool(true), Select: types.SelectCount, FilterExpression: &filter, ExpressionAttributeValues: values,
			Segment: aws.Int32(int32(part)), TotalSegments: aws.Int32(scanParts), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		}
		for {
			out, err := d.api.Scan(ctx, in)
			if err != nil {
				return d.failed(ctx, "Scan", err)
			}
			d.count(ctx, "Scan", out.ConsumedCapacity)
			n.Add(int64(out.Count))
			if out.LastEvaluatedKey == nil {
				return nil
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	})
	return n.Load(), err
}

// tallyPartition counts the rows of a partition.
func (d *DB) tallyPartition(ctx context.Context, table, partition string) (n int64, err error) {
	in := &dynamodb.QueryInput{
		TableName: &table, ConsistentRead: aws.Bool(true), Select: types.SelectCount,
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(partition)},
	}
	for {
		out, err := d.query(ctx, in)
		if err != nil {
			return n, err
		}
		if n += int64(out.Count); out.LastEvaluatedKey == nil {
			return n, nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

// census calls do with an attribute of every row of a table, as far as it names a tenant.
func (d *DB) census(ctx context.Context, table, attribute string, do func(value string) error) error {
	in := &dynamodb.ScanInput{TableName: &table, ProjectionExpression: &attribute, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal}
	last := ""
	for {
		out, err := d.api.Scan(ctx, in)
		if err != nil {
			return d.failed(ctx, "Scan", err)
		}
		d.count(ctx, "Scan", out.ConsumedCapacity)
		for _, it := range out.Items {
			r := reader{it: it}
			v := r.optional(attribute)
			if v == last || v == "" {
				continue
			}
			last = v
			if err := do(v); err != nil {
				return err
			}
		}
		if out.LastEvaluatedKey == nil {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
