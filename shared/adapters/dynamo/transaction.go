package dynamo

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// transaction collects writes that happen together or not at all, each with the fault that its failed condition means.
type transaction struct {
	members  []types.TransactWriteItem
	meanings []func(old item) error
}

// unconditional is the meaning of a member without a condition, which cannot fail by itself.
func unconditional(item) error { return errors.New("dynamo: an unconditional write was refused") }

// means turns a fixed fault into a meaning.
func means(err error) func(item) error { return func(item) error { return err } }

func (x *transaction) put(table string, it item, condition string, values item, meaning func(item) error) {
	p := &types.Put{TableName: &table, Item: it}
	if condition != "" {
		p.ConditionExpression = &condition
		p.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	if len(values) > 0 {
		p.ExpressionAttributeValues = values
	}
	x.add(types.TransactWriteItem{Put: p}, meaning)
}

func (x *transaction) update(table string, k key, set, condition string, values item, meaning func(item) error) {
	x.add(types.TransactWriteItem{Update: &types.Update{
		TableName: &table, Key: k.attributes(), UpdateExpression: &set, ConditionExpression: &condition,
		ExpressionAttributeValues: values, ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, meaning)
}

func (x *transaction) delete(table string, k key, condition string, values item, meaning func(item) error) {
	d := &types.Delete{TableName: &table, Key: k.attributes(), ExpressionAttributeValues: values}
	if condition != "" {
		d.ConditionExpression = &condition
		d.ReturnValuesOnConditionCheckFailure = types.ReturnValuesOnConditionCheckFailureAllOld
	}
	x.add(types.TransactWriteItem{Delete: d}, meaning)
}

// check demands something of an item that the transaction does not change.
func (x *transaction) check(table string, k key, condition string, values item, meaning func(item) error) {
	x.add(types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &table, Key: k.attributes(), ConditionExpression: &condition, ExpressionAttributeValues: values,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	}}, meaning)
}

func (x *transaction) add(member types.TransactWriteItem, meaning func(item) error) {
	x.members = append(x.members, member)
	x.meanings = append(x.meanings, meaning)
}

// bytes is how much there is in what the transaction puts, without names and numbers.
func (x *transaction) bytes() int {
	n := 0
	for _, m := range x.members {
		if m.Put == nil {
			continue
		}
		for _, v := range m.Put.Item {
			switch v := v.(type) {
			case *types.AttributeValueMemberB:
				n += len(v.Value)
			case *types.AttributeValueMemberS:
				n += len(v.Value)
			}
		}
	}
	return n
}

// tables are those that the transaction touches.
func (x *transaction) tables() []string {
	all := make([]string, len(x.members))
	for i, m := range x.members {
		switch {
		case m.Put != nil:
			all[i] = *m.Put.TableName
		case m.Update != nil:
			all[i] = *m.Update.TableName
		case m.Delete != nil:
			all[i] = *m.Delete.TableName
		case m.ConditionCheck != nil:
			all[i] = *m.ConditionCheck.TableName
		}
	}
	return all
}

// conflictTries is how often a transaction is sent when another one holds one of its items at that moment. The winner's
// change then shows as a failed condition.
const conflictTries = 4

// commit sends the transaction. The first member, in order, whose condition failed decides the fault.
func (d *DB) commit(ctx context.Context, x *transaction) error {
	if err := d.admit(ctx, x.tables()...); err != nil {
		return err
	}
	for try := 1; ; try++ {
		out, err := d.api.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{
			TransactItems: x.members, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
		})
		if err == nil {
			units := 0.0
			for _, c := range out.ConsumedCapacity {
				if c.CapacityUnits != nil {
					units += *c.CapacityUnits
				}
			}
			d.observe(ctx, "dynamodb.TransactWriteItems", units)
			return nil
		}
		cancelled, ok := errors.AsType[*types.TransactionCanceledException](err)
		if !ok {
			return d.failed(ctx, "TransactWriteItems", err)
		}
		d.observe(ctx, "dynamodb.TransactWriteItems", 0)
		verdict, again := x.verdict(cancelled)
		if !again || try == conflictTries {
			return verdict
		}
	}
}

// verdict reads the cancellation reasons, which come in the order of the members.
func (x *transaction) verdict(c *types.TransactionCanceledException) (err error, again bool) {
	for i, reason := range c.CancellationReasons {
		if i >= len(x.meanings) || reason.Code == nil {
			continue
		}
		switch *reason.Code {
		case "None":
		case "ConditionalCheckFailed":
			return x.meanings[i](reason.Item), false
		case "TransactionConflict":
			err, again = fault.From(c, fault.CodeUnavailable, "Another change of the same object is being stored. Repeat the request.").After(time.Second), true
		case "ThrottlingError", "ProvisionedThroughputExceeded":
			return fault.From(c, fault.CodeUnavailable, "The storage is busy. Repeat the request.").After(2 * time.Second), false
		default: // ValidationError, ItemCollectionSizeLimitExceeded: ours to mend
			return fmt.Errorf("dynamo: transaction member %d: %s: %w", i, *reason.Code, c), false
		}
	}
	if err == nil {
		err = fmt.Errorf("dynamo: transaction cancelled without a reason: %w", c)
	}
	return err, again
}
