package dynamo

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/identifier"
	"github.com/passportcraft/passportcraft/shared/domain/passport"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/foundation/page"
)

// queriesPerShard bounds how many pages of the index one list request reads from one shard, so that a filter that
// matches almost nothing still answers in bounded time (with a cursor to go on).
const queriesPerShard = 4

// strip is what one shard of the index contributed to a page.
type strip struct {
	items   []item
	horizon string // position down to which the shard has been read; "" when it is exhausted
}

// List returns summaries, latest change first: one query per status and shard, run side by side and merged. A product
// filter is answered by two reads instead.
func (s *Passports) List(ctx context.Context, t id.Tenant, f passport.Filter, req page.Request) (page.Of[passport.Summary], error) {
	if !f.Product.IsZero() {
		return s.listOne(ctx, t, f)
	}
	var none page.Of[passport.Summary]
	sealer, err := s.cursors(ctx, t)
	if err != nil {
		return none, err
	}
	scope, below := listScope(t, f), "~"
	if req.Cursor != "" {
		position, err := sealer.Open(scope, req.Cursor)
		if err != nil {
			return none, err
		}
		below = string(position)
	}
	strips, err := s.strips(ctx, t, f, below, req.Limit+1)
	if err != nil {
		return none, err
	}
	rows, next := merge(strips, req.Limit)
	got := page.Of[passport.Summary]{Items: make([]passport.Summary, 0, len(rows))}
	for _, it := range rows {
		summary, err := s.summary(ctx, t, it)
		if err != nil {
			return none, err
		}
		got.Items = append(got.Items, summary)
	}
	if next != "" {
		got.Next = sealer.Seal(scope, []byte(next))
	}
	return got, nil
}

func (s *Passports) strips(ctx context.Context, t id.Tenant, f passport.Filter, below string, want int) ([]strip, error) {
	statuses := passport.Statuses()
	if f.Status != "" {
		statuses = []passport.Status{f.Status}
	}
	out := make([]strip, len(statuses)*listShards)
	errs := make([]error, len(out))
	var wg sync.WaitGroup
	for i := range out {
		wg.Go(func() {
			partition := listPartition(t, statuses[i/listShards], i%listShards)
			out[i], errs[i] = s.strip(ctx, partition, f, below, want)
		})
	}
	wg.Wait()
	return out, cmp.Or(errs...)
}

// strip reads one shard from below downwards until it has enough rows, is exhausted or has spent its queries.
func (s *Passports) strip(ctx context.Context, partition string, f passport.Filter, below string, want int) (strip, error) {
	var got strip
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, IndexName: aws.String(indexByStatus), ScanIndexForward: aws.Bool(false),
		Limit: aws.Int32(int32(want)), KeyConditionExpression: aws.String("LPK = :p AND LSK BETWEEN :lo AND :hi"),
		ExpressionAttributeValues: item{":p": text(partition), ":lo": text("0"), ":hi": text(below)},
	}
	if !f.UpdatedSince.IsZero() {
		in.ExpressionAttributeValues[":lo"] = text(since(f.UpdatedSince))
	}
	if f.ProductGroup != "" {
		in.FilterExpression = aws.String("pg = :g")
		in.ExpressionAttributeValues[":g"] = text(f.ProductGroup)
	}
	for range queriesPerShard {
		out, err := s.db.query(ctx, in)
		if err != nil {
			return strip{}, err
		}
		for _, it := range out.Items {
			r := reader{it: it}
			if r.text("LSK") != below { // BETWEEN includes its bounds
				got.items = append(got.items, it)
			}
		}
		if out.LastEvaluatedKey == nil {
			got.horizon = ""
			return got, nil
		}
		last := reader{it: out.LastEvaluatedKey}
		got.horizon = last.text("LSK")
		if last.err != nil || len(got.items) >= want {
			return got, last.err
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
	return got, nil
}

// merge puts the strips together in order, and returns where the next page starts ("" when there is none). Rows below
// the highest horizon are left for the next page: a shard that has not been read so far may have rows between them.
func merge(strips []strip, limit int) (rows []item, next string) {
	horizon := ""
	for _, st := range strips {
		rows = append(rows, st.items...)
		horizon = max(horizon, st.horizon)
	}
	position := func(it item) string { r := reader{it: it}; return r.text("LSK") }
	slices.SortFunc(rows, func(a, b item) int { return cmp.Compare(position(b), position(a)) })
	rows = slices.DeleteFunc(rows, func(it item) bool { return position(it) < horizon })
	if len(rows) > limit {
		return rows[:limit], position(rows[limit-1])
	}
	return rows, horizon
}

func (s *Passports) listOne(ctx context.Context, t id.Tenant, f passport.Filter) (page.Of[passport.Summary], error) {
	var got page.Of[passport.Summary]
	p, err := s.Find(ctx, t, f.Product)
	if err != nil {
		if fault.Of(err).Kind == fault.NotFound {
			return got, nil
		}
		return got, err
	}
	if (f.Status == p.Status || f.Status == "" && p.Status != passport.Deleted) && (f.ProductGroup == "" || f.ProductGroup == p.ProductGroup) && !p.UpdatedAt.Before(f.UpdatedSince) {
		got.Items = append(got.Items, p.Summary())
	}
	return got, nil
}

func (s *Passports) summary(ctx context.Context, t id.Tenant, it item) (passport.Summary, error) {
	r := reader{it: it}
	k := key{r.text("PK"), r.text("SK")}
	_, product, err := s.facts(ctx, t, k, r.blob("sum"))
	if err != nil {
		return passport.Summary{}, err
	}
	return passport.Summary{
		ID: id.Passport(r.text("id")), Status: passport.Status(r.text("st")), Revision: r.number("rev"), Version: int(r.number("ver")),
		ProductGroup: r.text("pg"), Granularity: identifier.Granularity(r.text("gr")), Product: product,
		CreatedAt: r.moment("crt"), UpdatedAt: r.moment("upd"),
	}, r.err
}
