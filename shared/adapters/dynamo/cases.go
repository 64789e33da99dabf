package dynamo

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/disposition"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Cases lists the passports of a sealed tenant for whoever decides about them. Its keys have to be those of
// NewCustodyKeys: those of a sealed tenant are turned off.
type Cases struct {
	db        *DB
	passports *Passports
	choices   *Choices
}

// NewCases makes the list.
func NewCases(db *DB, ring *keyring.Ring[id.Tenant], contents Overflow) *Cases {
	return &Cases{db: db, passports: NewPassports(db, ring, contents, nil), choices: NewChoices(db, ring)}
}

// Facts lists passports by shard and creation, without those that are deleted. One query or some more, and for each
// passport three reads.
func (s *Cases) Facts(ctx context.Context, t id.Tenant, after string, most int) ([]retention.Case, error) {
	shard, position := 0, ""
	if after != "" {
		first, rest, _ := strings.Cut(after, ":")
		n, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("dynamo: place of a case: %w", err)
		}
		shard, position = n, rest
	}
	for ; shard < listShards; shard, position = shard+1, "" {
		for more := true; more; {
			cases, last, err := s.some(ctx, t, shard, position, most)
			if err != nil || len(cases) > 0 {
				return cases, err
			}
			position, more = last, last != ""
		}
	}
	return nil, nil
}

// some are the passports of a shard after a position; last is empty when there are no more of them.
func (s *Cases) some(ctx context.Context, t id.Tenant, shard int, position string, most int) (cases []retention.Case, last string, err error) {
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, IndexName: aws.String(indexByCreation), Limit: aws.Int32(int32(most)),
		KeyConditionExpression: aws.String("CPK = :p"), ExpressionAttributeValues: item{":p": text(creationPartition(t, shard))},
	}
	if position != "" {
		in.KeyConditionExpression = aws.String("CPK = :p AND CSK > :a")
		in.ExpressionAttributeValues[":a"] = text(position)
	}
	out, err := s.db.query(ctx, in)
	if err != nil {
		return nil, "", err
	}
	cases = make([]retention.Case, len(out.Items))
	err = inParallel(ctx, len(out.Items), findAtOnce, func(ctx context.Context, i int) error {
		r := reader{it: out.Items[i]}
		p := id.Passport(r.text("CSK"))
		if r.err != nil {
			return r.err
		}
		var deleted bool
		var err error
		if cases[i], deleted, err = s.about(ctx, t, p); !deleted {
			cases[i].Place = fmt.Sprintf("%d:%s", shard, p)
		}
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if out.LastEvaluatedKey != nil {
		r := reader{it: out.LastEvaluatedKey}
		if last = r.text("CSK"); r.err != nil {
			return nil, "", r.err
		}
	}
	return slices.DeleteFunc(cases, func(c retention.Case) bool { return c.Place == "" }), last, nil
}

func (s *Cases) about(ctx context.Context, t id.Tenant, p id.Passport) (one retention.Case, deleted bool, err error) {
	is, err := s.passports.Passport(ctx, t, p)
	if err != nil || is.Status == passport.Deleted {
		return one, err == nil, err
	}
	choice, err := s.choices.Choice(ctx, t, p)
	if err != nil {
		return one, false, err
	}
	var last *passport.Version
	if is.Version > 0 {
		v, err := s.passports.Version(ctx, t, p, is.Version)
		if err != nil {
			return one, false, err
		}
		last = &v
	}
	return retention.Case{Facts: disposition.Facts(p, is.ProductGroup, last, choice), Choice: choice}, false, nil
}
