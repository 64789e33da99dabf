package dynamo

import (
	"cmp"
	"context"
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
		for {
			out, err := s.db.query(ctx, in)
			if err != nil {
				return nil, err
			}
			for _, it := range out.Items {
				r := reader{it: it}
				entries = append(entries, audit.Entry{
					ID: id.Entry(r.text("id")), Tenant: t, At: r.moment("at"), Actor: r.text("ac"), Event: audit.Event(r.text("ev")),
					Object: r.text("ob"), Request: id.Request(r.text("rq")), Before: r.optional("bh"), After: r.optional("ah"),
				})
				if r.err != nil {
					return nil, r.err
				}
			}
			if out.LastEvaluatedKey == nil {
				break
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
	slices.SortFunc(entries, func(a, b audit.Entry) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	return entries, nil
}
