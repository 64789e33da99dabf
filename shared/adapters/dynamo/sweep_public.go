package dynamo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// SweepPublic is the store "public": what the world may read of a tenant's passports, and what leads there. What was
// written in its place by whoever keeps passports that the law demands names no tenant, and stays.
type SweepPublic struct {
	db  *DB
	now clock.Clock
}

// NewSweepPublic makes the store.
func NewSweepPublic(db *DB, now clock.Clock) *SweepPublic { return &SweepPublic{db: db, now: now} }

// Name implements retention.Store.
func (s *SweepPublic) Name() string { return "public" }

// Phase implements retention.Store.
func (s *SweepPublic) Phase() retention.Phase { return retention.Derived }

// Plan implements retention.Store.
func (s *SweepPublic) Plan(ctx context.Context, o retention.Order) (int64, error) {
	return s.Verify(ctx, o)
}

// Sweep implements retention.Store. The views of passports are found by the order of their creation, as long as those
// are there, and the table is walked for others.
func (s *SweepPublic) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (retention.Page, error) {
	if o.Person != "" {
		return retention.Page{}, nil
	}
	at, err := placeOf(cursor)
	if err != nil {
		return retention.Page{}, err
	}
	var rows []found
	var next *place
	switch {
	case o.Passport != "":
		rows, err = s.views(ctx, o, []id.Passport{o.Passport})
	case at.Stage < listShards:
		if rows, next, err = s.passports(ctx, o, at, most); next == nil {
			next = &place{Stage: at.Stage + 1}
		}
	default:
		rows, next, err = s.db.scan(s.db.tables.Public, "PK, id", "tn = :t", publicValues, ofView)(ctx, o, at, most)
	}
	if err != nil {
		return retention.Page{}, err
	}
	page, err := s.erase(ctx, o, rows)
	if next != nil {
		page.Cursor = next.String()
	}
	return page, err
}

func publicValues(o retention.Order) item { return item{":t": text(string(o.Tenant))} }

func ofView(o retention.Order, r *reader) lifecycle.Target {
	of := lifecycle.Target{Tenant: o.Tenant, Passport: id.Passport(r.optional("id"))}
	if p, carrier := strings.CutPrefix(r.text("PK"), carrierKey("").partition); carrier {
		of.Passport = id.Passport(p)
	}
	return of
}

// erase deletes rows that are still the tenant's: whoever keeps passports may have replaced one.
func (s *SweepPublic) erase(ctx context.Context, o retention.Order, rows []found) (page retention.Page, err error) {
	sum := sha256.New()
	var keys []key
	for _, f := range rows {
		if o.Spares(f.of) {
			page.Spared++
			continue
		}
		keys = append(keys, f.k)
		fmt.Fprintf(sum, "%s\x00", f.k.partition)
	}
	page.Digest, page.Writes = sum.Sum(nil), int64(len(keys))
	page.Deleted, err = s.db.eraseWhere(ctx, s.db.tables.Public, keys, "tn = :t", publicValues(o))
	return page, err
}

func (s *SweepPublic) passports(ctx context.Context, o retention.Order, at place, most int) ([]found, *place, error) {
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, IndexName: aws.String(indexByCreation), Limit: aws.Int32(int32(min(max(1, most/2), batchMost))),
		KeyConditionExpression: aws.String("CPK = :p"), ExpressionAttributeValues: item{":p": text(creationPartition(o.Tenant, at.Stage))},
	}
	if at.After != "" {
		in.KeyConditionExpression = aws.String("CPK = :p AND CSK > :a")
		in.ExpressionAttributeValues[":a"] = text(at.After)
	}
	out, err := s.db.query(ctx, in)
	if err != nil {
		return nil, nil, err
	}
	var list []id.Passport
	for _, it := range out.Items {
		r := reader{it: it}
		if list = append(list, id.Passport(r.text("CSK"))); r.err != nil {
			return nil, nil, r.err
		}
	}
	rows, err := s.views(ctx, o, list)
	if err != nil || out.LastEvaluatedKey == nil {
		return rows, nil, err
	}
	return rows, &place{Stage: at.Stage, After: string(list[len(list)-1])}, nil
}

// views lists the rows of passports, as far as they are the tenant's: the view, then the carrier that leads to it.
func (s *SweepPublic) views(ctx context.Context, o retention.Order, passports []id.Passport) ([]found, error) {
	carriers := make([]key, len(passports))
	for i, p := range passports {
		carriers[i] = carrierKey(p)
	}
	if len(carriers) == 0 {
		return nil, nil
	}
	known, err := s.db.batchGet(ctx, s.db.tables.Public, carriers)
	if err != nil {
		return nil, err
	}
	var rows []found
	for i, k := range carriers {
		it, ok := known[k]
		r := reader{it: it}
		if !ok || r.optional("tn") != string(o.Tenant) {
			continue
		}
		product, err := identifier.FromPath(r.text("pd"))
		if err != nil || r.err != nil {
			return nil, errors.Join(err, r.err)
		}
		of := lifecycle.Target{Tenant: o.Tenant, Passport: passports[i]}
		rows = append(rows, found{publicKey(product), of}, found{k, of})
	}
	return rows, nil
}

// Verify implements retention.Store. It walks the whole table; for one passport it reads what leads to it.
func (s *SweepPublic) Verify(ctx context.Context, o retention.Order) (int64, error) {
	switch {
	case o.Person != "":
		return 0, nil
	case o.Passport != "":
		rows, err := s.views(ctx, o, []id.Passport{o.Passport})
		return int64(len(rows)), err
	}
	return s.db.tally(ctx, s.db.tables.Public, "tn = :t", publicValues(o))
}

// Evidence implements retention.Store.
func (s *SweepPublic) Evidence(context.Context, retention.Order) (retention.Receipt, error) {
	return receipt(s.Name(), "The whole table was walked for public views and what leads to them, and has none. What the law keeps names no organisation.", s.now), nil
}

// Tenants implements retention.Census over the whole table.
func (s *SweepPublic) Tenants(ctx context.Context, do func(id.Tenant) error) error {
	return s.db.census(ctx, s.db.tables.Public, "tn", func(v string) error { return do(id.Tenant(v)) })
}
