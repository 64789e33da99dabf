package dynamo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// Version returns one version. One read.
func (s *Passports) Version(ctx context.Context, t id.Tenant, p id.Passport, n int) (passport.Version, error) {
	k := versionKey(t, p, n)
	it, err := s.db.get(ctx, s.db.tables.Records, k)
	if err != nil {
		return passport.Version{}, err
	}
	if it == nil {
		return passport.Version{}, fault.New(fault.CodeVersionNotFound, "The passport has no version %d.", n)
	}
	return s.version(ctx, t, k, it)
}

// Versions lists versions, latest first. One query; the contents are not carried over the wire.
func (s *Passports) Versions(ctx context.Context, t id.Tenant, p id.Passport, req page.Request) (page.Of[passport.VersionSummary], error) {
	var none page.Of[passport.VersionSummary]
	sealer, err := s.cursors(ctx, t)
	if err != nil {
		return none, err
	}
	scope := "versions|" + string(t) + "|" + string(p)
	below := versionPrefix + "99999999~"
	if req.Cursor != "" {
		position, err := sealer.Open(scope, req.Cursor)
		if err != nil {
			return none, err
		}
		below = string(position)
	}
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, Limit: aws.Int32(int32(req.Limit) + 2), ScanIndexForward: aws.Bool(false),
		ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :p AND SK BETWEEN :lo AND :hi"),
		ProjectionExpression: aws.String("PK, SK, num, sv, pub, #by, #sum"), ExpressionAttributeNames: map[string]string{"#by": "by", "#sum": "sum"},
		ExpressionAttributeValues: item{":p": text(passportPartition(t, p)), ":lo": text(versionPrefix), ":hi": text(below)},
	})
	if err != nil {
		return none, err
	}
	var got page.Of[passport.VersionSummary]
	for _, it := range out.Items {
		r := reader{it: it}
		k := key{r.text("PK"), r.text("SK")}
		if k.sort == below {
			continue // BETWEEN includes its bounds
		}
		if len(got.Items) == req.Limit {
			got.Next = sealer.Seal(scope, []byte(versionKey(t, p, got.Items[req.Limit-1].Number).sort))
			break
		}
		facts, _, err := s.facts(ctx, t, k, r.blob("sum"))
		if err != nil {
			return none, err
		}
		got.Items = append(got.Items, passport.VersionSummary{
			Number: int(r.number("num")), SchemaVersion: r.text("sv"), ContentHash: facts.Hash,
			PublishedAt: r.moment("pub"), PublishedBy: r.text("by"),
		})
		if r.err != nil {
			return none, r.err
		}
	}
	return got, nil
}

// Alive tells a passport that is there from one that is absent or deleted. One read.
func (s *Passports) Alive(ctx context.Context, t id.Tenant, p id.Passport) error {
	it, err := s.db.get(ctx, s.db.tables.Records, passportKey(t, p))
	if err != nil {
		return err
	}
	r := reader{it: it}
	if it == nil || passport.Status(r.text("st")) == passport.Deleted {
		return passport.NotFound()
	}
	return r.err
}

// MomentAt returns the last change of what is in force at or before an instant. One query of one item.
func (s *Passports) MomentAt(ctx context.Context, t id.Tenant, p id.Passport, at time.Time) (passport.Moment, error) {
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, Limit: aws.Int32(1), ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true),
		KeyConditionExpression: aws.String("PK = :p AND SK BETWEEN :lo AND :hi"),
		ExpressionAttributeValues: item{
			":p": text(passportPartition(t, p)), ":lo": text(momentPrefix), ":hi": text(momentPrefix + at.UTC().Format(instant) + "~"),
		},
	})
	if err != nil {
		return passport.Moment{}, err
	}
	if len(out.Items) == 0 {
		if err := s.Alive(ctx, t, p); err != nil {
			return passport.Moment{}, err
		}
		return passport.Moment{}, fault.New(fault.CodeNotInForce, "At %s the passport had not been published.", at.Format(time.RFC3339))
	}
	r := reader{it: out.Items[0]}
	m := passport.Moment{At: r.moment("at"), Status: passport.Status(r.text("st")), Version: int(r.number("ver"))}
	return m, r.err
}

func (s *Passports) version(ctx context.Context, t id.Tenant, k key, it item) (passport.Version, error) {
	r := reader{it: it}
	facts, product, err := s.facts(ctx, t, k, r.blob("sum"))
	if err != nil {
		return passport.Version{}, err
	}
	v := passport.Version{
		Passport: id.Passport(r.text("id")), Tenant: t, Number: int(r.number("num")), ProductGroup: r.text("pg"),
		SchemaVersion: r.text("sv"), Granularity: identifier.Granularity(r.text("gr")), Product: product,
		ContentHash: facts.Hash, PublishedAt: r.moment("pub"), PublishedBy: r.text("by"),
	}
	if v.Links, err = linksOf(facts); err != nil {
		return passport.Version{}, err
	}
	v.Content, err = s.content(ctx, t, k, &r)
	return v, err
}

func linksOf(f sealedFacts) (l passport.Links, err error) {
	if f.Model != "" {
		if l.Model, err = identifier.Parse(f.Model); err != nil {
			return l, fmt.Errorf("dynamo: model link: %w", err)
		}
	}
	if f.Batch != "" {
		if l.Batch, err = identifier.Parse(f.Batch); err != nil {
			return l, fmt.Errorf("dynamo: batch link: %w", err)
		}
	}
	return l, nil
}

func (s *Passports) cursors(ctx context.Context, t id.Tenant) (page.Sealer, error) {
	k, err := s.ring.CursorKey(ctx, t)
	if err != nil {
		return page.Sealer{}, err
	}
	return page.NewSealer(k, s.now)
}

// listScope binds a cursor to a tenant and a filter.
func listScope(t id.Tenant, f passport.Filter) string {
	return "passports|" + string(t) + "|" + string(f.Status) + "|" + f.ProductGroup + "|" + strconv.FormatInt(f.UpdatedSince.UnixNano(), 10)
}
