package dynamo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// writeDue puts a row into the index of what is looked at by the clock, as part of the row itself: whatever changes the
// row moves it there, and what has ended is not there.
func writeDue(it item, k key, due time.Time) {
	if !due.IsZero() {
		it["DPK"], it["DSK"] = text(duePartition(dueTransfers, shardOf(k.sort, dueShards))), text(due.UTC().Format(instant))
	}
}

// Transfers finds exports and imports, of all tenants, that somebody has to look at.
type Transfers struct{ db *DB }

// NewTransfers makes the store.
func NewTransfers(db *DB) *Transfers { return &Transfers{db} }

// Due calls one of the functions for everything that is due at an instant or was before, the longest due first. One query
// for each shard and megabyte.
func (s *Transfers) Due(ctx context.Context, now time.Time, export func(id.Tenant, id.Export) error, imports func(id.Tenant, id.Import) error) error {
	for shard := range dueShards {
		in := &dynamodb.QueryInput{
			TableName: &s.db.tables.Records, IndexName: aws.String(indexByDue), KeyConditionExpression: aws.String("DPK = :p AND DSK <= :now"),
			ExpressionAttributeValues: item{":p": text(duePartition(dueTransfers, shard)), ":now": text(now.UTC().Format(instant))},
		}
		err := s.db.each(ctx, in, func(it item) error {
			r := reader{it: it}
			partition, sort := r.text("PK"), r.text("SK")
			if r.err != nil {
				return r.err
			}
			rest, _ := strings.CutPrefix(partition, tenantPrefix(""))
			tenant, kind, _ := strings.Cut(rest, "#")
			t := id.Tenant(tenant)
			switch "#" + kind {
			case exportsOf:
				return export(t, id.Export(sort))
			case importsOf, runsOf:
				return imports(t, id.Import(sort))
			}
			return fmt.Errorf("dynamo: nobody knows what is due in %.80q", partition)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
