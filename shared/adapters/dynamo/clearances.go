package dynamo

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/clearance"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// guard keeps every call from tables in quarantine. A table is looked at before its first use in a process, and never
// again once it is cleared: a table cannot lose its identity while it is there.
type guard struct {
	key     *clearance.Key // nil clears nothing
	refused func(table string, why error)

	mu      sync.RWMutex
	cleared map[string]bool
}

// Guard makes the connection refuse tables that no marker under this key clears; without a key, all. refused is told of
// each refusal. It must be called before the first use.
func (d *DB) Guard(key *clearance.Key, refused func(table string, why error)) *DB {
	d.guard = &guard{key: key, refused: refused, cleared: map[string]bool{}}
	return d
}

// Unguarded is a connection of its own that may use every table: for the tools that provision and restore.
func (d *DB) Unguarded() *DB {
	free := *d
	free.guard = nil
	return &free
}

// admit lets pass who calls tables that are cleared. Of others it asks, for each, for the table and its marker side by
// side, with the function's own credentials.
func (d *DB) admit(ctx context.Context, tables ...string) error {
	if d.guard == nil {
		return nil
	}
	d.guard.mu.RLock()
	known := !slices.ContainsFunc(tables, func(t string) bool { return !d.guard.cleared[t] })
	d.guard.mu.RUnlock()
	if known {
		return nil
	}
	d.guard.mu.Lock() // whoever comes second finds it cleared
	defer d.guard.mu.Unlock()
	for _, t := range tables {
		if d.guard.cleared[t] {
			continue
		}
		if err := d.look(access.As(ctx, ""), t); err != nil {
			return err
		}
		d.guard.cleared[t] = true
	}
	return nil
}

func (d *DB) look(ctx context.Context, table string) error {
	var hash item
	var missed error
	var wg sync.WaitGroup
	wg.Go(func() { hash, missed = d.marker(ctx, table) })
	about, err := d.describe(ctx, table)
	wg.Wait()
	if err = errors.Join(err, missed); err != nil {
		return err
	}
	m, signature, err := markerOf(table, hash)
	if err == nil {
		err = d.guard.key.Check(m, signature, table, aws.ToString(about.TableId))
	}
	if err != nil {
		d.guard.refused(table, err)
		return fault.From(err, fault.CodeQuarantined, "The service has been restored from a copy and is being checked. Nothing was changed; repeat later.").After(time.Minute)
	}
	return nil
}

func (d *DB) describe(ctx context.Context, table string) (*types.TableDescription, error) {
	out, err := d.api.DescribeTable(ctx, &dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return nil, d.failed(ctx, "DescribeTable", err)
	}
	d.observe(ctx, "dynamodb.DescribeTable", 0)
	return out.Table, nil
}

// marker reads the row of a table's marker. The tables Public and Custody have keys of one part.
func (d *DB) marker(ctx context.Context, table string) (item, error) {
	k := clearedKey(table == d.tables.Public || table == d.tables.Custody)
	out, err := d.api.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: k.attributes(), ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: types.ReturnConsumedCapacityTotal})
	if err != nil {
		return nil, d.failed(ctx, "GetItem", err)
	}
	d.count(ctx, "GetItem", out.ConsumedCapacity)
	return out.Item, nil
}

// markerOf reads a marker; without a row it is one that clears nothing.
func markerOf(table string, it item) (clearance.Marker, []byte, error) {
	if it == nil {
		return clearance.Marker{}, nil, nil
	}
	r := reader{it: it}
	m := clearance.Marker{Table: r.text("tb"), TableID: r.text("tid"), Sequence: r.number("seq"), At: r.moment("at")}
	return m, r.blob("sig"), r.err
}

// Clearances writes markers. No function does: the tool that provisions and the one that restores.
type Clearances struct{ db *DB }

// NewClearances makes the store.
func NewClearances(db *DB) *Clearances { return &Clearances{db} }

// Clear signs and stores the marker of a table. sorted tells whether its keys have a second part. A call of KMS, one that
// describes and a write.
func (s *Clearances) Clear(ctx context.Context, table string, sorted bool, sequence int64, at time.Time, by clearance.Signer) (clearance.Marker, error) {
	about, err := s.db.describe(ctx, table)
	if err != nil {
		return clearance.Marker{}, err
	}
	m := clearance.Marker{Table: table, TableID: aws.ToString(about.TableId), Sequence: sequence, At: at.UTC()}
	if m.TableID == "" {
		return m, errors.New("dynamo: the table has no identifier")
	}
	signature, err := by.Sign(ctx, m.Text())
	if err != nil {
		return m, err
	}
	it := clearedKey(!sorted).attributes()
	it["v"], it["tb"], it["tid"], it["seq"], it["at"], it["sig"] = number(1), text(m.Table), text(m.TableID), number(m.Sequence), moment(m.At), blob(signature)
	_, _, err = s.db.put(ctx, table, it, "", nil, nil)
	return m, err
}

// Marked tells whether a table has a marker, good or not.
func (s *Clearances) Marked(ctx context.Context, table string, sorted bool) (bool, error) {
	it, err := s.db.get(ctx, table, clearedKey(!sorted))
	return it != nil, err
}

// Cleared verifies the marker of a table as functions do.
func (s *Clearances) Cleared(ctx context.Context, table string, key *clearance.Key) error {
	d := *s.db
	d.Guard(key, func(string, error) {})
	return d.admit(ctx, table)
}
