package dynamo

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/domain/retention"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// SweepRecords is the store "records": all of a tenant in the Records table but its members, which tell who is to leave
// elsewhere, and what SweepSettings has. Passports are found by the order of their creation, lists by their partitions;
// what is left, such as answers to repeated requests, whose keys are digests, by walking the table.
type SweepRecords struct {
	db     *DB
	now    clock.Clock
	stages []stage
}

// NewSweepRecords makes the store.
func NewSweepRecords(db *DB, now clock.Clock) *SweepRecords {
	s := &SweepRecords{db: db, now: now}
	for shard := range listShards {
		s.stages = append(s.stages, s.passports(shard))
	}
	for _, list := range []string{"#I", "#N", "#X", "#J", "#B", "#R", "#KEYS", "#RATE"} {
		s.stages = append(s.stages, db.rows(db.tables.Records, "PK, SK", func(o retention.Order) string { return tenantPrefix(o.Tenant) + list }, ofTenant))
	}
	s.stages = append(s.stages, db.scan(db.tables.Records, "PK, SK, pid", recordsFilter, recordsValues, ofRow))
	return s
}

// recordsFilter is what SweepRecords deletes: the prefix of the tenant, without what other stores have.
const recordsFilter = "begins_with(PK, :t) AND PK <> :own AND PK <> :members AND PK <> :log AND NOT begins_with(PK, :audit)"

func recordsValues(o retention.Order) item {
	p := tenantPrefix(o.Tenant)
	return item{":t": text(p), ":own": text(p), ":members": text(p + "#M"), ":log": text(p + "#LOG"), ":audit": text(p + "#A#")}
}

// Name implements retention.Store.
func (s *SweepRecords) Name() string { return "records" }

// Phase implements retention.Store.
func (s *SweepRecords) Phase() retention.Phase { return retention.Content }

// Plan implements retention.Store.
func (s *SweepRecords) Plan(ctx context.Context, o retention.Order) (int64, error) {
	return s.Verify(ctx, o)
}

// Sweep implements retention.Store.
func (s *SweepRecords) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (retention.Page, error) {
	switch {
	case o.Person != "":
		return retention.Page{}, nil
	case o.Passport != "":
		return s.db.sweep(ctx, s.db.tables.Records, []stage{s.passport}, o, cursor, most)
	}
	return s.db.sweep(ctx, s.db.tables.Records, s.stages, o, cursor, most)
}

// Verify implements retention.Store. It walks the whole table and uses no index; for one passport it reads its partition.
func (s *SweepRecords) Verify(ctx context.Context, o retention.Order) (int64, error) {
	switch {
	case o.Person != "":
		return 0, nil
	case o.Passport != "":
		return s.db.tallyPartition(ctx, s.db.tables.Records, passportPartition(o.Tenant, o.Passport))
	}
	return s.db.tally(ctx, s.db.tables.Records, recordsFilter, recordsValues(o))
}

// Evidence implements retention.Store.
func (s *SweepRecords) Evidence(context.Context, retention.Order) (retention.Receipt, error) {
	return receipt(s.Name(), "The whole table was walked for rows of passports, drafts and what belongs to them, and has none.", s.now), nil
}

// Tenants implements retention.Census over the whole table.
func (s *SweepRecords) Tenants(ctx context.Context, do func(id.Tenant) error) error {
	return s.db.census(ctx, s.db.tables.Records, "PK", namesTenant(do))
}

func receipt(store, method string, now clock.Clock) retention.Receipt {
	return retention.Receipt{Store: store, Provider: "Amazon DynamoDB", Method: method, At: now()}
}

// namesTenant calls do with the tenant that a key names.
func namesTenant(do func(id.Tenant) error) func(string) error {
	return func(partition string) error {
		rest, ours := strings.CutPrefix(partition, tenantPrefix(""))
		t, _, _ := strings.Cut(rest, "#")
		if !ours || !id.Valid(id.Tenant(t)) {
			return nil
		}
		return do(id.Tenant(t))
	}
}

// passports is the stage of a shard of the tenant's passports: each with its versions, its moments and the reservation of
// its identifier, which goes before the passport that leads to it.
func (s *SweepRecords) passports(shard int) stage {
	return func(ctx context.Context, o retention.Order, at place, most int) ([]found, *place, error) {
		in := &dynamodb.QueryInput{
			TableName: &s.db.tables.Records, IndexName: aws.String(indexByCreation), Limit: aws.Int32(int32(max(1, most/rowsEach))),
			KeyConditionExpression:    aws.String("CPK = :p AND CSK > :a"),
			ExpressionAttributeValues: item{":p": text(creationPartition(o.Tenant, shard)), ":a": text(at.After)},
		}
		if at.After == "" {
			in.KeyConditionExpression = aws.String("CPK = :p")
			delete(in.ExpressionAttributeValues, ":a")
		}
		out, err := s.db.query(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		all := make([][]found, len(out.Items))
		err = inParallel(ctx, len(out.Items), findAtOnce, func(ctx context.Context, i int) error {
			r := reader{it: out.Items[i]}
			p := id.Passport(r.text("CSK"))
			if r.err != nil {
				return r.err
			}
			rows, err := s.rowsOf(ctx, o.Tenant, p)
			all[i] = rows
			return err
		})
		if err != nil {
			return nil, nil, err
		}
		if out.LastEvaluatedKey == nil {
			return slices.Concat(all...), nil, nil
		}
		r := reader{it: out.LastEvaluatedKey}
		return slices.Concat(all...), &place{Stage: at.Stage, After: r.text("CSK")}, r.err
	}
}

// rowsEach is how many rows a passport has, about: itself, its reservation, a version or two, some moments.
const rowsEach = 6

// passport is the stage of an order for one passport.
func (s *SweepRecords) passport(ctx context.Context, o retention.Order, _ place, _ int) ([]found, *place, error) {
	rows, err := s.rowsOf(ctx, o.Tenant, o.Passport)
	return rows, nil, err
}

// rowsOf lists the rows of a passport, the passport itself last.
func (s *SweepRecords) rowsOf(ctx context.Context, t id.Tenant, p id.Passport) ([]found, error) {
	of := lifecycle.Target{Tenant: t, Passport: p}
	head := passportKey(t, p)
	var rows []found
	var last []found
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("PK, SK, idn"),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(head.partition)},
	}
	err := s.db.each(ctx, in, func(it item) error {
		r := reader{it: it}
		k := key{r.text("PK"), r.text("SK")}
		if k == head {
			if blind := r.optional("idn"); blind != "" {
				rows = append(rows, found{identKey(t, blind), of})
			}
			last = []found{{k, of}}
			return r.err
		}
		rows = append(rows, found{k, of})
		return r.err
	})
	return append(rows, last...), err
}

// ofTenant is a row that belongs to the tenant as such.
func ofTenant(o retention.Order, _ *reader) lifecycle.Target {
	return lifecycle.Target{Tenant: o.Tenant}
}

// ofRow tells by its key, or by the passport that it names, whose a row is.
func ofRow(o retention.Order, r *reader) lifecycle.Target {
	of := lifecycle.Target{Tenant: o.Tenant, Passport: id.Passport(r.optional("pid"))}
	if rest, ours := strings.CutPrefix(r.text("PK"), passportPartition(o.Tenant, "")); ours {
		of.Passport = id.Passport(rest)
	}
	return of
}

// SweepSettings is the store "settings": the organisation's own row and its audit log. While the row is there, it says
// that the organisation is shut, so it goes last.
type SweepSettings struct {
	db     *DB
	now    clock.Clock
	stages []stage
}

// NewSweepSettings makes the store.
func NewSweepSettings(db *DB, now clock.Clock) *SweepSettings {
	s := &SweepSettings{db: db, now: now}
	log := func(o retention.Order) string { return logKey(o.Tenant, 0).partition }
	own := func(o retention.Order) string { return tenantPrefix(o.Tenant) }
	s.stages = []stage{
		s.entries,
		db.rows(db.tables.Records, "PK, SK", log, ofWhole),
		db.rows(db.tables.Records, "PK, SK", own, ofWhole),
	}
	return s
}

const settingsFilter = "PK = :own OR PK = :log OR begins_with(PK, :audit)"

func settingsValues(o retention.Order) item {
	p := tenantPrefix(o.Tenant)
	return item{":own": text(p), ":log": text(p + "#LOG"), ":audit": text(p + "#A#")}
}

// ofWhole is a row that speaks of more than one passport or person.
func ofWhole(o retention.Order, _ *reader) lifecycle.Target {
	return lifecycle.Target{Tenant: o.Tenant, Whole: true}
}

// Name implements retention.Store.
func (s *SweepSettings) Name() string { return "settings" }

// Phase implements retention.Store.
func (s *SweepSettings) Phase() retention.Phase { return retention.Settings }

// Plan implements retention.Store.
func (s *SweepSettings) Plan(ctx context.Context, o retention.Order) (int64, error) {
	return s.Verify(ctx, o)
}

// Sweep implements retention.Store.
func (s *SweepSettings) Sweep(ctx context.Context, o retention.Order, cursor string, most int) (retention.Page, error) {
	if !o.Whole() {
		return retention.Page{}, nil
	}
	return s.db.sweep(ctx, s.db.tables.Records, s.stages, o, cursor, most)
}

// Verify implements retention.Store. It walks the whole table.
func (s *SweepSettings) Verify(ctx context.Context, o retention.Order) (int64, error) {
	if !o.Whole() {
		return 0, nil
	}
	return s.db.tally(ctx, s.db.tables.Records, settingsFilter, settingsValues(o))
}

// Evidence implements retention.Store.
func (s *SweepSettings) Evidence(context.Context, retention.Order) (retention.Receipt, error) {
	return receipt(s.Name(), "The whole table was walked for rows of the organisation, its settings and its log, and has none. Checkpoints of the log that cannot be deleted are named by a random pseudonym, which was deleted with it.", s.now), nil
}

// entries is the stage of the audit trail, day by day from the foundation on. Without the organisation's row nobody knows
// when that was: what is left of the trail is then looked for in the whole table.
func (s *SweepSettings) entries(ctx context.Context, o retention.Order, at place, most int) ([]found, *place, error) {
	if at.PK != "" {
		return s.strayEntries(ctx, o, at, most)
	}
	day, err := time.Parse(time.DateOnly, at.After)
	if at.After == "" {
		var row item
		if row, err = s.db.get(ctx, s.db.tables.Records, tenantKey(o.Tenant)); err != nil {
			return nil, nil, err
		}
		about, unknown := tenantOf(o.Tenant, row)
		if errors.Is(unknown, fault.NotFound) {
			return s.strayEntries(ctx, o, at, most)
		}
		day, err = about.CreatedAt.UTC().Truncate(24*time.Hour), unknown
	}
	if err != nil {
		return nil, nil, err
	}
	var rows []found
	today := s.now().UTC()
	for n := 0; !day.After(today); day = day.Add(24 * time.Hour) {
		if n++; n > daysEach || len(rows) >= most {
			return rows, &place{Stage: at.Stage, After: day.Format(time.DateOnly)}, nil
		}
		for shard := range auditShards {
			in := &dynamodb.QueryInput{
				TableName: &s.db.tables.Records, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("PK, SK, ob, ac"),
				KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(auditPartition(o.Tenant, day, shard))},
			}
			err := s.db.each(ctx, in, func(it item) error {
				r := reader{it: it}
				rows = append(rows, found{key{r.text("PK"), r.text("SK")}, ofEntry(o, &r)})
				return r.err
			})
			if err != nil {
				return nil, nil, err
			}
		}
	}
	return rows, nil, nil
}

// daysEach is how many days of the trail one page looks at.
const daysEach = 100

func (s *SweepSettings) strayEntries(ctx context.Context, o retention.Order, at place, most int) ([]found, *place, error) {
	values := func(o retention.Order) item { return item{":audit": text(tenantPrefix(o.Tenant) + "#A#")} }
	return s.db.scan(s.db.tables.Records, "PK, SK, ob, ac", "begins_with(PK, :audit)", values, ofEntry)(ctx, o, at, most)
}

// ofEntry tells of whom an entry of the trail speaks.
func ofEntry(o retention.Order, r *reader) lifecycle.Target {
	of := lifecycle.Target{Tenant: o.Tenant}
	if p, ok := strings.CutPrefix(r.optional("ob"), "passport:"); ok {
		of.Passport = id.Passport(p)
	}
	if p, ok := strings.CutPrefix(r.optional("ac"), "person:"); ok {
		of.User = id.Person(p)
	}
	return of
}
