package dynamo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/domain/auditlog"
	"github.com/passportcraft/passportcraft/shared/domain/document"
	"github.com/passportcraft/passportcraft/shared/domain/export"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Dump implements export.Source: everything that a tenant has here, as it was at an instant.
type Dump struct {
	Records     *Passports
	Members     *Members
	Invitations *Invitations
	Keys        *APIKeys
	Tenants     *Tenants
	Notices     *Notices
	Logs        *AuditLogs
	Recipes     *Recipes
	Papers      *Documents
	Choices     *Choices
	Lives       *Lives
	Holds       *Holds
}

// last is the greatest identifier that can have been made at or before an instant (UUIDv7: the first 48 bits are the
// milliseconds).
func last(at time.Time) string {
	ms := at.UnixMilli()
	return fmt.Sprintf("%08x-%04x-7fff-bfff-ffffffffffff", ms>>16, ms&0xffff)
}

func (s *Dump) created(t id.Tenant, shard int, after string, at time.Time) *dynamodb.QueryInput {
	return &dynamodb.QueryInput{
		TableName: &s.Records.db.tables.Records, IndexName: aws.String(indexByCreation),
		KeyConditionExpression:    aws.String("CPK = :p AND CSK BETWEEN :lo AND :hi"),
		ExpressionAttributeValues: item{":p": text(creationPartition(t, shard)), ":lo": text(after), ":hi": text(last(at))},
	}
}

// Count counts passports by the index alone. One query for each megabyte of it, about 8,000 passports.
func (s *Dump) Count(ctx context.Context, t id.Tenant, at time.Time) (int64, error) {
	n := int64(0)
	for shard := range listShards {
		in := s.created(t, shard, "0", at)
		in.Select = types.SelectCount
		for {
			out, err := s.Records.db.query(ctx, in)
			if err != nil {
				return 0, err
			}
			n += int64(out.Count)
			if out.LastEvaluatedKey == nil {
				break
			}
			in.ExclusiveStartKey = out.LastEvaluatedKey
		}
	}
	return n, nil
}

// Passports lists passports by shard and creation. A place is "<shard>:<passport>"; the end is an empty list. One query.
func (s *Dump) Passports(ctx context.Context, t id.Tenant, at time.Time, after string, limit int) ([]export.Placed, error) {
	shard, from := 0, "0"
	if after != "" {
		number, passport, ok := strings.Cut(after, ":")
		n, err := strconv.Atoi(number)
		if !ok || err != nil || n < 0 || n >= listShards {
			return nil, fmt.Errorf("dynamo: %q is no place among passports", after)
		}
		shard, from = n, passport
	}
	for ; shard < listShards; shard, from = shard+1, "0" {
		in := s.created(t, shard, from, at)
		in.Limit = aws.Int32(int32(limit) + 1)
		out, err := s.Records.db.query(ctx, in)
		if err != nil {
			return nil, err
		}
		var all []export.Placed
		for _, it := range out.Items {
			r := reader{it: it}
			if p := r.text("CSK"); p != from {
				all = append(all, export.Placed{Passport: id.Passport(p), Place: strconv.Itoa(shard) + ":" + p})
			}
			if r.err != nil {
				return nil, r.err
			}
		}
		if len(all) > 0 {
			return all[:min(len(all), limit)], nil
		}
	}
	return nil, nil
}

// Passport reads a passport with all of its history: one query for each megabyte, and one object for each content that is
// too large for a row, and for each document that is asked for.
func (s *Dump) Passport(ctx context.Context, t id.Tenant, p id.Passport, at time.Time, to export.Takers) error {
	var history []export.MomentRecord
	var papers []document.Document // at most as many as a passport may have
	var said *export.SaidRecord
	there := false
	// Rows come as moments (AT#), what was said about the passport (CHOICE), documents (D#) and their number, the passport
	// itself (META), versions (V#).
	err := s.Records.db.each(ctx, &dynamodb.QueryInput{
		TableName: &s.Records.db.tables.Records, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :p"),
		ExpressionAttributeValues: item{":p": text(passportPartition(t, p))},
	}, func(it item) error {
		r := reader{it: it}
		k := key{r.text("PK"), r.text("SK")}
		switch {
		case r.err != nil:
			return r.err
		case strings.HasPrefix(k.sort, momentPrefix):
			m := export.MomentRecord{At: r.moment("at"), Status: r.text("st"), Version: int(r.number("ver"))}
			if !m.At.After(at) {
				history = append(history, m)
			}
			return r.err
		case k.sort == choiceKey(t, p).sort:
			var err error
			said, err = s.said(ctx, t, it)
			return err
		case k.sort == passportKey(t, p).sort:
			whole, err := s.Records.passport(ctx, t, k, it)
			if err != nil {
				return err
			}
			out := snapshot(whole, history, at)
			out.Said, there = said, true
			return to.Passport(out)
		case k.sort == documentsKey(t, p).sort:
			return nil
		case strings.HasPrefix(k.sort, documentPrefix):
			d, err := s.Papers.read(ctx, t, it)
			if !d.AddedAt.After(at) {
				papers = append(papers, d)
			}
			return err
		case strings.HasPrefix(k.sort, versionPrefix):
			v, err := s.Records.version(ctx, t, k, it)
			if err != nil || v.PublishedAt.After(at) {
				return err
			}
			return to.Version(versionRecord(v))
		}
		return fmt.Errorf("dynamo: the export knows no row %s of a passport", k.sort)
	})
	if err != nil || !there {
		return err
	}
	return s.papers(ctx, papers, to)
}

// papers gives documents, each with a way to its bytes.
func (s *Dump) papers(ctx context.Context, all []document.Document, to export.Takers) error {
	for _, d := range all {
		record := export.DocumentRecord{
			ID: d.ID, Passport: d.Passport, Name: d.Name, Kind: d.Kind, Language: d.Language, Audience: d.Audience.List(), MediaType: d.Media,
			Size: d.Size, SHA256: d.SHA256, AddedAt: d.AddedAt, AddedBy: d.AddedBy,
		}
		if err := to.Document(record, func() ([]byte, error) { return s.Papers.Content(ctx, d) }); err != nil {
			return err
		}
	}
	return nil
}

// snapshot is a passport as it was in force at an instant. Its own content is the newest there is.
func snapshot(p passport.Passport, history []export.MomentRecord, at time.Time) export.PassportRecord {
	r := export.PassportRecord{
		ID: p.ID, ProductGroup: p.ProductGroup, Granularity: string(p.Granularity), ProductIdentifier: p.Product.Canonical(), Status: string(passport.Draft),
		Revision: p.Revision, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt, Content: p.Content, History: history, ChangedSince: p.UpdatedAt.After(at),
	}
	if n := len(history); n > 0 {
		r.Status = history[n-1].Status
	}
	if p.Status == passport.Deleted && !p.UpdatedAt.After(at) { // histories do not know it
		r.Status = string(passport.Deleted)
	}
	for _, m := range history {
		r.Version = max(r.Version, m.Version)
	}
	if !r.ChangedSince {
		r.Reason = p.Reason
	}
	return r
}

func versionRecord(v passport.Version) export.VersionRecord {
	r := export.VersionRecord{
		Passport: v.Passport, Number: v.Number, ProductGroup: v.ProductGroup, SchemaVersion: v.SchemaVersion, Granularity: string(v.Granularity),
		ProductIdentifier: v.Product.Canonical(), ContentHash: v.ContentHash, PublishedAt: v.PublishedAt, PublishedBy: v.PublishedBy, Content: v.Content,
	}
	if !v.Links.Model.IsZero() {
		r.Model = v.Links.Model.Canonical()
	}
	if !v.Links.Batch.IsZero() {
		r.Batch = v.Links.Batch.Canonical()
	}
	return r
}

// pages walks a list to its end.
func pages[T any](list func(page.Request) (page.Of[T], error), do func(T) error) error {
	req := page.Request{Limit: page.MaxLimit}
	for {
		got, err := list(req)
		if err != nil {
			return err
		}
		for _, v := range got.Items {
			if err := do(v); err != nil {
				return err
			}
		}
		if got.Next == "" {
			return nil
		}
		req.Cursor = got.Next
	}
}

// Account gives the organisation, its people, keys and notices.
func (s *Dump) Account(ctx context.Context, t id.Tenant, _ time.Time, record func(string, any) error) error {
	own, err := s.Tenants.Tenant(ctx, t)
	if err != nil {
		return err
	}
	err = record("organisation", map[string]any{"id": own.ID, "name": own.Name, "state": own.State, "revision": own.Revision, "createdAt": own.CreatedAt, "policy": own.Policy})
	members := pages(func(r page.Request) (page.Of[export.Row], error) {
		got, err := s.Members.List(ctx, t, r)
		return rows(got, err, func(m export.MemberOf) export.Row {
			return export.Row{"person": m.Person, "name": m.Name, "email": m.Mail, "role": m.Role, "joinedAt": m.JoinedAt, "revision": m.Revision}
		})
	}, func(r export.Row) error { return record("members", r) })
	invitations := pages(func(r page.Request) (page.Of[export.Row], error) {
		got, err := s.Invitations.Open(ctx, t, r)
		return rows(got, err, func(i export.InvitationOf) export.Row {
			return export.Row{"id": i.ID, "email": i.Mail, "role": i.Role, "invitedBy": i.InvitedBy, "createdAt": i.CreatedAt, "expiresAt": i.ExpiresAt}
		})
	}, func(r export.Row) error { return record("invitations", r) })
	notices := pages(func(r page.Request) (page.Of[export.Row], error) {
		got, err := s.Notices.Notices(ctx, t, r)
		return rows(got, err, func(n export.NoticeOf) export.Row {
			return export.Row{"id": n.ID, "event": n.Event, "at": n.At, "actor": n.Actor, "object": n.Object, "detail": n.Detail}
		})
	}, func(r export.Row) error { return record("notices", r) })
	keys := s.keys(ctx, t, record)
	recipes, failed := s.Recipes.Recipes(ctx, t)
	for _, r := range recipes {
		failed = errors.Join(failed, record("recipes", r))
	}
	return errors.Join(err, members, invitations, notices, keys, failed, s.contract(ctx, t, record))
}

func rows[T any](got page.Of[T], err error, of func(T) export.Row) (page.Of[export.Row], error) {
	out := page.Of[export.Row]{Next: got.Next}
	for _, v := range got.Items {
		out.Items = append(out.Items, of(v))
	}
	return out, err
}

func (s *Dump) keys(ctx context.Context, t id.Tenant, record func(string, any) error) error {
	all, err := s.Keys.Keys(ctx, t)
	for _, k := range all {
		r := export.Row{"id": k.ID, "name": k.Name, "scopes": k.Scopes, "networks": k.From, "createdAt": k.CreatedAt, "expiresAt": k.ExpiresAt, "createdBy": k.CreatedBy}
		if !k.RevokedAt.IsZero() {
			r["revokedAt"] = k.RevokedAt
		}
		if !k.UsedAt.IsZero() {
			r["lastUsedAt"] = k.UsedAt
		}
		err = errors.Join(err, record("api-keys", r))
	}
	return err
}

// unsignedPage is how many entries are given at once.
const unsignedPage = 1000

// Unsigned gives entries that were not in the signed log when they were first asked for. A place is that of an entry in the
// trail.
func (s *Dump) Unsigned(ctx context.Context, t id.Tenant, at time.Time, after string, record func(any) error) (string, error) {
	if after == "" {
		head, err := s.Logs.Head(ctx, t)
		if err != nil || head.Through.IsZero() {
			return "", err
		}
		after = head.Through.UTC().Format(instant)
	}
	n, next := 0, ""
	err := s.Logs.audits.walk(ctx, t, after, at, func(position string, e audit.Entry) (more bool, err error) {
		if n == unsignedPage {
			return false, nil
		}
		b, err := e.Canonical()
		if err == nil {
			err = record(json.RawMessage(b))
		}
		if n++; n == unsignedPage {
			next = position
		}
		return true, err
	})
	return next, err
}

// Trail writes a block of the signed log as its download has it.
func (s *Dump) Trail(ctx context.Context, t id.Tenant, from int64, w io.Writer) (int64, error) {
	block, err := s.Logs.Block(ctx, t, from)
	if err != nil {
		return 0, err
	}
	if from == 0 && len(block.Records) == 0 {
		return -1, nil
	}
	return block.Next, auditlog.WriteLines(w, string(t), from == 0, block)
}
