package dynamo

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/disposition"
	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Keeper implements retention.Keeper. Its keys have to be those of NewCustodyKeys: those of a sealed tenant are turned off.
type Keeper struct {
	db        *DB
	passports *Passports
	choices   *Choices
}

// NewKeeper makes the keeper.
func NewKeeper(db *DB, ring *keyring.Ring[id.Tenant], contents Overflow) *Keeper {
	return &Keeper{db: db, passports: NewPassports(db, ring, contents, nil), choices: NewChoices(db, ring)}
}

// Facts lists passports by shard and creation. One query, and for each passport three reads.
func (s *Keeper) Facts(ctx context.Context, t id.Tenant, after string, most int) ([]retention.Case, error) {
	shard, position := 0, ""
	if after != "" {
		first, rest, _ := strings.Cut(after, ":")
		n, err := strconv.Atoi(first)
		if err != nil {
			return nil, fmt.Errorf("dynamo: place of a keeper: %w", err)
		}
		shard, position = n, rest
	}
	for ; shard < listShards; shard, position = shard+1, "" {
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
			return nil, err
		}
		cases := make([]retention.Case, len(out.Items))
		err = inParallel(ctx, len(out.Items), findAtOnce, func(ctx context.Context, i int) error {
			r := reader{it: out.Items[i]}
			p := id.Passport(r.text("CSK"))
			if r.err != nil {
				return r.err
			}
			var err error
			cases[i], err = s.about(ctx, t, p)
			cases[i].Place = fmt.Sprintf("%d:%s", shard, p)
			return err
		})
		if err != nil || len(cases) > 0 {
			return cases, err
		}
	}
	return nil, nil
}

func (s *Keeper) about(ctx context.Context, t id.Tenant, p id.Passport) (retention.Case, error) {
	is, err := s.passports.Passport(ctx, t, p)
	if err != nil {
		return retention.Case{}, err
	}
	choice, err := s.choices.Choice(ctx, t, p)
	if err != nil {
		return retention.Case{}, err
	}
	var last *passport.Version
	if is.Version > 0 {
		v, err := s.passports.Version(ctx, t, p, is.Version)
		if err != nil {
			return retention.Case{}, err
		}
		last = &v
	}
	return retention.Case{Facts: disposition.Facts(p, is.ProductGroup, last, choice), Choice: choice}, nil
}

// Keep turns what the world may read of a passport into what stays of it: in custody the public view as it was last
// published, elsewhere a word in its place. From then on the row names no tenant, and none that leaves takes it along. What
// is deleted is hidden at once. One read and two writes.
func (s *Keeper) Keep(ctx context.Context, t id.Tenant, d lifecycle.Disposition) error {
	it, err := s.db.get(ctx, s.db.tables.Public, carrierKey(d.Passport))
	if err != nil || it == nil {
		return err // never published, or gone
	}
	r := reader{it: it}
	view := publicPath(r.text("pd"))
	if r.err != nil {
		return r.err
	}
	set, values := "SET hid = :y", item{":y": flag(true)}
	if d.Kind != lifecycle.Deleted {
		set = "SET kp = :k, ba = :b REMOVE tn"
		values = item{":k": text(string(d.Kind)), ":b": text(d.Basis.Act + ", " + d.Basis.Article)}
		if !d.Until.IsZero() {
			set, values[":u"] = "SET ut = :u, kp = :k, ba = :b REMOVE tn", moment(d.Until)
		}
		switch d.Kind {
		case lifecycle.HandedOver:
			set = "SET su = :s, " + strings.TrimPrefix(set, "SET ") + ", doc, rs"
			values[":s"] = text(d.SuccessorURL)
		case lifecycle.Ceased:
			set += ", doc"
		}
	}
	values[":t"] = text(string(t))
	if err := s.replace(ctx, view, set, values); err != nil || d.Kind == lifecycle.Deleted {
		return err
	}
	return s.replace(ctx, carrierKey(d.Passport), "SET kp = :k REMOVE tn", item{":k": text(string(d.Kind)), ":t": text(string(t))})
}

// replace changes a row while it is the tenant's; afterwards it is left as it is.
func (s *Keeper) replace(ctx context.Context, k key, set string, values item) error {
	_, err := s.db.api.UpdateItem(ctx, &dynamodb.UpdateItemInput{
		TableName: &s.db.tables.Public, Key: k.attributes(), UpdateExpression: &set, ConditionExpression: aws.String("tn = :t"),
		ExpressionAttributeValues: values, ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal,
	})
	if _, done := errors.AsType[*types.ConditionalCheckFailedException](err); done {
		s.db.observe(ctx, "dynamodb.UpdateItem", 1)
		return nil
	}
	if err != nil {
		return s.db.failed(ctx, "UpdateItem", err)
	}
	s.db.observe(ctx, "dynamodb.UpdateItem", 1)
	return nil
}
