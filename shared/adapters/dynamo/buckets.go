package dynamo

import (
	"context"
	"math"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/quota"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Buckets implements quota.Store. Tokens are kept in thousandths. Rows carry ttl, since a full bucket is no bucket.
type Buckets struct{ db *DB }

// NewBuckets makes the store.
func NewBuckets(db *DB) *Buckets { return &Buckets{db: db} }

// bucketLife is after how long an untouched bucket may go; it has long been full by then.
const bucketLife = time.Hour

// Swap implements quota.Store. One conditional write.
func (s *Buckets) Swap(ctx context.Context, t id.Tenant, name string, before *quota.Bucket, after quota.Bucket) (*quota.Bucket, bool, error) {
	it := bucketKey(t, name).attributes()
	it["v"], it["tk"], it["at"], it["ttl"] = number(1), number(thousandths(after)), number(after.At.UnixMicro()), number(after.At.Add(bucketLife).Unix())
	condition, values, names := "attribute_not_exists(PK)", item(nil), map[string]string(nil)
	if before != nil {
		condition, names = "tk = :t AND #at = :a", map[string]string{"#at": "at"}
		values = item{":t": number(thousandths(*before)), ":a": number(before.At.UnixMicro())}
	}
	met, old, err := s.db.put(ctx, s.db.tables.Records, it, condition, values, names)
	if err != nil || met || old == nil {
		return nil, met, err
	}
	r := reader{it: old}
	stored := &quota.Bucket{Tokens: float64(r.number("tk")) / 1000, At: time.UnixMicro(r.number("at"))}
	return stored, false, r.err
}

func thousandths(b quota.Bucket) int64 { return int64(math.Round(b.Tokens * 1000)) }
