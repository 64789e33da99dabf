// Package dynamo keeps the platform's records in DynamoDB: one adapter per port of the domain, over the tables Records,
// People, Public, Ledger, Keys and Custody.
//
// It translates and never decides: a failed condition becomes the fault that its place in the transaction stands for.
// Each exported method is one access pattern. Keys are built in keys.go only. Content is sealed under the tenant's key
// before it gets here into an item; only published public views are stored in the clear.
package dynamo

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Tables are the physical names of the tables. A function that may not use a table leaves its name empty.
type Tables struct{ Records, People, Public, Ledger, Keys, Custody string }

func (t Tables) all() []string {
	return []string{t.Records, t.People, t.Public, t.Ledger, t.Keys, t.Custody}
}

// indexByStatus lists passports of a tenant by status and time of last change.
const indexByStatus = "ByStatus"

// indexByCreation lists passports of a tenant by creation: nothing else about them, so that changing one does not write
// to it.
const indexByCreation = "ByCreation"

// indexByDue lists by the instant from which on somebody has to look at them, and says nothing else about them: in Records
// exports and imports of all tenants, in the Ledger lives and works. Rows that wait for nothing are not in it.
const indexByDue = "ByDue"

// Observe is told about every call: its operation ("dynamodb.GetItem") and the capacity units it consumed.
type Observe func(ctx context.Context, operation string, units float64)

// DB is a connection to the tables; safe for concurrent use.
type DB struct {
	api     *dynamodb.Client
	tables  Tables
	observe Observe
	guard   *guard // nil: every table may be used; for tools only
}

// Open makes a connection. Nothing is called yet. endpoint overrides AWS's address; empty means AWS.
func Open(cfg aws.Config, endpoint string, tables Tables, observe Observe) *DB {
	api := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
		o.DisableValidateResponseChecksum = true // TLS protects the transport; the CRC-32 costs a pass over every answer
	})
	return &DB{api: api, tables: tables, observe: observe}
}

// Over is a connection over a client that somebody has made, for tools: every table may be used.
func Over(api *dynamodb.Client, observe Observe) *DB { return &DB{api: api, observe: observe} }

func (k key) attributes() item {
	it := item{"PK": text(k.partition)}
	if k.sort != "" {
		it["SK"] = text(k.sort)
	}
	return it
}

// get reads one item, strongly consistent; nil when absent.
func (d *DB) get(ctx context.Context, table string, k key) (item, error) {
	if err := d.admit(ctx, table); err != nil {
		return nil, err
	}
	out, err := d.api.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &table, Key: k.attributes(), ConsistentRead: aws.Bool(true),
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if err != nil {
		return nil, d.failed(ctx, "GetItem", err)
	}
	d.count(ctx, "GetItem", out.ConsumedCapacity)
	return out.Item, nil
}

// batchGet reads up to 100 items of one table, strongly consistent, by their keys; absent ones are left out.
func (d *DB) batchGet(ctx context.Context, table string, keys []key) (map[key]item, error) {
	if err := d.admit(ctx, table); err != nil {
		return nil, err
	}
	found := make(map[key]item, len(keys))
	ask := make([]map[string]types.AttributeValue, len(keys))
	for i, k := range keys {
		ask[i] = k.attributes()
	}
	for range batchTries {
		if len(ask) == 0 {
			return found, nil
		}
		out, err := d.api.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
			RequestItems:           map[string]types.KeysAndAttributes{table: {Keys: ask, ConsistentRead: aws.Bool(true)}},
			ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err != nil {
			return nil, d.failed(ctx, "BatchGetItem", err)
		}
		for i := range out.ConsumedCapacity {
			d.count(ctx, "BatchGetItem", &out.ConsumedCapacity[i])
		}
		for _, it := range out.Responses[table] {
			r := reader{it: it}
			found[key{r.text("PK"), r.text("SK")}] = it
		}
		ask = out.UnprocessedKeys[table].Keys
	}
	return nil, fault.New(fault.CodeUnavailable, "The storage did not answer in full.").After(time.Second)
}

// batchTries bounds how often unprocessed keys are asked for again.
const batchTries = 5

// put stores one item on a condition ("" for none); met is false when the condition failed.
func (d *DB) put(ctx context.Context, table string, it item, condition string, values item, names map[string]string) (met bool, old item, err error) {
	if err := d.admit(ctx, table); err != nil {
		return false, nil, err
	}
	in := &dynamodb.PutItemInput{
		TableName: &table, Item: it, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		ExpressionAttributeValues: values, ExpressionAttributeNames: names,
	}
	if condition != "" {
		in.ConditionExpression = &condition
		in.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	out, err := d.api.PutItem(ctx, in)
	if failed, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		d.observe(ctx, "dynamodb.PutItem", 1)
		return false, failed.Item, nil
	}
	if err != nil {
		return false, nil, d.failed(ctx, "PutItem", err)
	}
	d.count(ctx, "PutItem", out.ConsumedCapacity)
	return true, nil, nil
}

// remove deletes one item on a condition; a failed condition is not an error.
func (d *DB) remove(ctx context.Context, table string, k key, condition string, values item) error {
	if err := d.admit(ctx, table); err != nil {
		return err
	}
	out, err := d.api.DeleteItem(ctx, &dynamodb.DeleteItemInput{
		TableName: &table, Key: k.attributes(), ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if _, ok := errors.AsType[*types.ConditionalCheckFailedException](err); ok {
		d.observe(ctx, "dynamodb.DeleteItem", 1)
		return nil
	}
	if err != nil {
		return d.failed(ctx, "DeleteItem", err)
	}
	d.count(ctx, "DeleteItem", out.ConsumedCapacity)
	return nil
}

func (d *DB) query(ctx context.Context, in *dynamodb.QueryInput) (*dynamodb.QueryOutput, error) {
	if err := d.admit(ctx, aws.ToString(in.TableName)); err != nil {
		return nil, err
	}
	in.ReturnConsumedCapacity = types.ReturnConsumedCapacityTotal
	out, err := d.api.Query(ctx, in)
	if err != nil {
		return nil, d.failed(ctx, "Query", err)
	}
	d.count(ctx, "Query", out.ConsumedCapacity)
	return out, nil
}

// each calls do with every item that a query finds, page after page. One query for each megabyte.
func (d *DB) each(ctx context.Context, in *dynamodb.QueryInput, do func(item) error) error {
	for {
		out, err := d.query(ctx, in)
		if err != nil {
			return err
		}
		for _, it := range out.Items {
			if err := do(it); err != nil {
				return err
			}
		}
		if out.LastEvaluatedKey == nil {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}

func (d *DB) count(ctx context.Context, operation string, c *types.ConsumedCapacity) {
	units := 0.0
	if c != nil && c.CapacityUnits != nil {
		units = *c.CapacityUnits
	}
	d.observe(ctx, "dynamodb."+operation, units)
}

// failed turns an SDK error into a fault: everything that is not a refused condition is, for the caller, a storage that
// cannot be reached now. The error stays as cause for the log.
func (d *DB) failed(ctx context.Context, operation string, err error) error {
	d.observe(ctx, "dynamodb."+operation, 0)
	return fault.From(err, fault.CodeUnavailable, "The storage did not answer. Nothing can be said about the request; repeat it later.").After(2 * time.Second)
}
