package dynamo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// AuditLogs implements auditlog.Store: blocks of records under the number of their first, and one row that is the head.
type AuditLogs struct {
	db     *DB
	audits *Audits
}

// NewAuditLogs makes the store.
func NewAuditLogs(db *DB) *AuditLogs { return &AuditLogs{db, NewAudits(db)} }

// Tenants calls do for every tenant there is. One query for each shard of the register and megabyte.
func (s *AuditLogs) Tenants(ctx context.Context, do func(id.Tenant) error) error {
	for shard := range registerShards {
		in := &dynamodb.QueryInput{
			TableName: &s.db.tables.Ledger, KeyConditionExpression: aws.String("PK = :p"),
			ExpressionAttributeValues: item{":p": text(registerPartition(shard))},
		}
		err := s.db.each(ctx, in, func(it item) error {
			r := reader{it: it}
			t := id.Tenant(r.text("SK"))
			if r.err != nil {
				return r.err
			}
			return do(t)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Head returns the end of a tenant's log. One read of two rows. The log of a tenant whose deletion has begun, or that is no
// more, is closed.
func (s *AuditLogs) Head(ctx context.Context, t id.Tenant) (auditlog.Head, error) {
	rows, err := s.db.batchGet(ctx, s.db.tables.Records, []key{logHeadKey(t), tenantKey(t)})
	if err != nil {
		return auditlog.Head{}, err
	}
	about, err := tenantOf(t, rows[tenantKey(t)])
	if errors.Is(err, fault.NotFound) {
		return auditlog.Head{Closed: true}, nil
	}
	if err != nil {
		return auditlog.Head{}, err
	}
	h := auditlog.Head{Through: about.CreatedAt.Add(-time.Nanosecond)}
	if it := rows[logHeadKey(t)]; it != nil {
		r := reader{it: it}
		raw := r.blob("head")
		if r.err != nil {
			return auditlog.Head{}, r.err
		}
		if h, err = auditlog.ParseHead(raw); err != nil {
			return h, err
		}
	}
	h.Closed = begun(lifecycle.State(about.State))
	return h, nil
}

// Entries returns at most so many entries after one instant and up to another, in order. Four queries for each day
// between them, until there are enough, and one for each further page. Entries of one instant are never parted.
func (s *AuditLogs) Entries(ctx context.Context, t id.Tenant, after, through time.Time, most int) ([]audit.Entry, error) {
	var got []audit.Entry
	err := s.audits.walk(ctx, t, after.UTC().Format(instant), through, func(_ string, e audit.Entry) (more bool, err error) {
		if len(got) >= most && !e.At.Equal(got[len(got)-1].At) {
			return false, nil
		}
		got = append(got, e)
		return true, nil
	})
	return got, err
}

// Extend stores records and the new head. One transaction.
func (s *AuditLogs) Extend(ctx context.Context, t id.Tenant, before, after auditlog.Head, records []auditlog.Record) error {
	var lines bytes.Buffer
	e := json.NewEncoder(&lines)
	e.SetEscapeHTML(false) // the bytes of an entry are what was hashed
	if err := e.Encode(records); err != nil {
		return fmt.Errorf("dynamo: encode records: %w", err)
	}
	it := logKey(t, before.Size).attributes()
	it["v"], it["n"], it["rec"], it["note"] = number(1), number(len(records)), blob(lines.Bytes()), text(after.Note)
	x := &transaction{}
	if err := s.head(x, t, before, after); err != nil {
		return err
	}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(auditlog.ErrMoved))
	return s.db.commit(ctx, x)
}

// Mark stores a head of the same log. One transaction of one write.
func (s *AuditLogs) Mark(ctx context.Context, t id.Tenant, before, after auditlog.Head) error {
	x := &transaction{}
	if err := s.head(x, t, before, after); err != nil {
		return err
	}
	return s.db.commit(ctx, x)
}

// Watched returns what the anomaly rules remember of a tenant. One read.
func (s *AuditLogs) Watched(ctx context.Context, t id.Tenant) ([]byte, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, logWatchKey(t))
	if err != nil || it == nil {
		return nil, err
	}
	r := reader{it: it}
	return r.blob("state"), r.err
}

// KeepWatched stores it. One write.
func (s *AuditLogs) KeepWatched(ctx context.Context, t id.Tenant, state []byte) error {
	it := logWatchKey(t).attributes()
	it["v"], it["state"] = number(1), blob(state)
	_, _, err := s.db.put(ctx, s.db.tables.Records, it, "", nil, nil)
	return err
}

// Tell stores an entry with its notice. One transaction.
func (s *AuditLogs) Tell(ctx context.Context, e audit.Entry, n audit.Notice) error {
	x := &transaction{}
	writeAudit(s.db, x, e)
	writeNotice(s.db, x, e.Tenant, n)
	return s.db.commit(ctx, x)
}

func (s *AuditLogs) head(x *transaction, t id.Tenant, before, after auditlog.Head) error {
	b, err := json.Marshal(after)
	if err != nil {
		return fmt.Errorf("dynamo: encode head: %w", err)
	}
	it := logHeadKey(t).attributes()
	it["v"], it["size"], it["head"] = number(1), number(after.Size), blob(b)
	condition, values := "size = :s", item{":s": number(before.Size)}
	if before.Size == 0 {
		condition, values = "attribute_not_exists(PK)", nil
	}
	x.put(s.db.tables.Records, it, condition, values, means(auditlog.ErrMoved))
	if before.Size > 0 {
		x.members[len(x.members)-1].Put.ConditionExpression = aws.String("#s = :s")
		x.members[len(x.members)-1].Put.ExpressionAttributeNames = map[string]string{"#s": "size"}
	}
	return nil
}

// Block returns the part of a log that begins with a number, which must be 0 or a Next. One query.
func (s *AuditLogs) Block(ctx context.Context, t id.Tenant, from int64) (auditlog.Block, error) {
	k := logKey(t, from)
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, ConsistentRead: aws.Bool(true), Limit: aws.Int32(2),
		KeyConditionExpression: aws.String("PK = :p AND SK >= :s"), ExpressionAttributeValues: item{":p": text(k.partition), ":s": text(k.sort)},
	})
	if err != nil {
		return auditlog.Block{}, err
	}
	if len(out.Items) == 0 && from == 0 {
		return auditlog.Block{Next: -1}, nil // nothing has been put in its place yet
	}
	if len(out.Items) == 0 || (&reader{it: out.Items[0]}).text("SK") != k.sort {
		return auditlog.Block{}, fault.New(fault.CodeQueryInvalid, "No part of the log begins with this number.").With(
			fault.Field{Pointer: "?from", Code: fault.CodeQueryInvalid, Detail: "0, or the Next-Sequence of the part before"})
	}
	r := reader{it: out.Items[0]}
	got := auditlog.Block{Note: r.text("note"), Next: -1}
	if err := json.Unmarshal(r.blob("rec"), &got.Records); err != nil || r.err != nil {
		return auditlog.Block{}, errors.Join(err, r.err)
	}
	if len(out.Items) == 2 {
		got.Next = from + int64(len(got.Records))
	}
	return got, nil
}
