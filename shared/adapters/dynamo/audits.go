package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Audits reads the audit trail.
type Audits struct{ db *DB }

// NewAudits makes the reader.
func NewAudits(db *DB) *Audits { return &Audits{db: db} }

// Day returns a tenant's entries of one UTC day in the order of time. One query per shard and megabyte.
func (s *Audits) Day(ctx context.Context, t id.Tenant, day time.Time) ([]audit.Entry, error) {
	var entries []audit.Entry
	for shard := range auditShards {
		in := &dynamodb.QueryInput{
			TableName: &s.db.tables.Records, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :p"),
			ExpressionAttributeValues: item{":p": text(auditPartition(t, day, shard))},
		}
		err := s.db.each(ctx, in, func(it item) error {
			e, err := entryOf(t, it)
			entries = append(entries, e)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	slices.SortFunc(entries, func(a, b audit.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return entries, nil
}

// entriesPage is how many entries of a shard are in memory at once when the trail is walked.
const entriesPage = 100

// walk calls do with a tenant's entries after a position and up to an instant, in order, as long as it wants more. A
// position is an instant, after which all of that instant comes, or that of an entry. Four queries a day, and one for each
// further page of a shard.
func (s *Audits) walk(ctx context.Context, t id.Tenant, after string, through time.Time, do func(position string, e audit.Entry) (more bool, err error)) error {
	from, to := after+"~", through.UTC().Format(instant)+"~"
	day, err := time.Parse(time.DateOnly, after[:min(len(after), len(time.DateOnly))])
	if err != nil {
		return fmt.Errorf("dynamo: %q is no position in a trail", after)
	}
	for ; from < to && !day.After(through); day = day.Add(24 * time.Hour) {
		shards := make([]strand, auditShards)
		for n := range shards {
			shards[n].in = &dynamodb.QueryInput{
				TableName: &s.db.tables.Records, ConsistentRead: aws.Bool(true), Limit: aws.Int32(entriesPage), KeyConditionExpression: aws.String("PK = :p AND SK BETWEEN :lo AND :hi"),
				ExpressionAttributeValues: item{":p": text(auditPartition(t, day, n)), ":lo": text(from), ":hi": text(to)},
			}
		}
		for {
			next := -1
			for n := range shards {
				if err := shards[n].fill(ctx, s.db); err != nil {
					return err
				}
				if len(shards[n].items) > 0 && (next < 0 || shards[n].position < shards[next].position) {
					next = n
				}
			}
			if next < 0 {
				break
			}
			e, err := entryOf(t, shards[next].items[0])
			if err != nil {
				return err
			}
			if more, err := do(shards[next].position, e); err != nil || !more {
				return err
			}
			shards[next].items = shards[next].items[1:]
		}
	}
	return nil
}

// strand is a page of what one shard has of a day.
type strand struct {
	in       *dynamodb.QueryInput
	items    []item
	position string // of the first item
	over     bool
}

// fill reads the next page when there is nothing left of this one.
func (s *strand) fill(ctx context.Context, db *DB) error {
	for len(s.items) == 0 && !s.over {
		out, err := db.query(ctx, s.in)
		if err != nil {
			return err
		}
		s.items, s.in.ExclusiveStartKey, s.over = out.Items, out.LastEvaluatedKey, out.LastEvaluatedKey == nil
	}
	if len(s.items) == 0 {
		return nil
	}
	r := reader{it: s.items[0]}
	s.position = r.text("SK")
	return r.err
}

// Append implements audit.Journal: it stores an entry that belongs to no change. One write.
func (s *Audits) Append(ctx context.Context, e audit.Entry) error {
	_, _, err := s.db.put(ctx, s.db.tables.Records, entryItem(e), "attribute_not_exists(PK)", nil, nil)
	return err
}

// writeAudit adds an entry to the transaction of its change.
func writeAudit(db *DB, x *transaction, e audit.Entry) {
	x.put(db.tables.Records, entryItem(e), "attribute_not_exists(PK)", nil, unconditional)
}

func entryItem(e audit.Entry) item {
	it := auditKey(e.Tenant, e.At, e.ID).attributes()
	it["v"], it["at"], it["n"] = number(1), moment(e.At), number(max(1, e.Count))
	it["id"], it["ac"], it["ev"], it["ob"], it["rq"] = text(string(e.ID)), text(e.Actor), text(string(e.Event)), text(e.Object), text(string(e.Request))
	for name, value := range map[string]string{"bh": e.Before, "ah": e.After, "nw": e.Network} {
		if value != "" {
			it[name] = text(value)
		}
	}
	if len(e.Detail) > 0 {
		it["dt"] = dictionary(e.Detail)
	}
	return it
}

func entryOf(t id.Tenant, it item) (audit.Entry, error) {
	r := reader{it: it}
	e := audit.Entry{
		ID: id.Entry(r.text("id")), Tenant: t, At: r.moment("at"), Actor: r.text("ac"), Event: audit.Event(r.text("ev")),
		Object: r.text("ob"), Request: id.Request(r.text("rq")), Before: r.optional("bh"), After: r.optional("ah"),
		Network: r.optional("nw"), Count: 1, Detail: r.dictionary("dt"),
	}
	if r.has("n") { // rows of before it was counted stand for one
		e.Count = int(r.number("n"))
	}
	return e, r.err
}
