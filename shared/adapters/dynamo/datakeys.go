package dynamo

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// DataKeys implements keyring.Store over the Keys table, for tenants or for persons.
type DataKeys[O ~string] struct {
	db        *DB
	partition func(O) string
	all       bool // also keys that are turned off
}

// NewDataKeys makes the store of tenants' keys.
func NewDataKeys(db *DB) *DataKeys[id.Tenant] {
	return &DataKeys[id.Tenant]{db: db, partition: tenantPrefix}
}

// NewPersonKeys makes the store of persons' keys.
func NewPersonKeys(db *DB) *DataKeys[id.Person] {
	return &DataKeys[id.Person]{db: db, partition: personKeyPartition}
}

// NewCustodyKeys makes the store of tenants' keys for whoever copies what the law keeps: it opens those that are turned
// off too.
func NewCustodyKeys(db *DB) *DataKeys[id.Tenant] {
	return &DataKeys[id.Tenant]{db: db, partition: tenantPrefix, all: true}
}

// NewCopyKeys makes the store of the keys of passports in custody.
func NewCopyKeys(db *DB) *DataKeys[id.Custody] {
	return &DataKeys[id.Custody]{db: db, partition: custodyKeyPartition}
}

// Newest returns an owner's newest wrapped key. One query of one item.
func (s *DataKeys[O]) Newest(ctx context.Context, o O) (keyring.Wrapped, error) {
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Keys, Limit: aws.Int32(1), ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("PK = :p AND begins_with(SK, :k)"),
		ExpressionAttributeValues: item{":p": text(s.partition(o)), ":k": text(dataKeyPrefix)},
	})
	if err != nil {
		return keyring.Wrapped{}, err
	}
	if len(out.Items) == 0 {
		return keyring.Wrapped{}, noKey()
	}
	return s.wrapped(out.Items[0])
}

// Version returns one wrapped key. One read.
func (s *DataKeys[O]) Version(ctx context.Context, o O, version uint32) (keyring.Wrapped, error) {
	it, err := s.db.get(ctx, s.db.tables.Keys, dataKeyKey(s.partition(o), version))
	if err != nil {
		return keyring.Wrapped{}, err
	}
	if it == nil {
		return keyring.Wrapped{}, noKey()
	}
	return s.wrapped(it)
}

// Add stores a wrapped key; the version must be new.
func (s *DataKeys[O]) Add(ctx context.Context, o O, w keyring.Wrapped) error {
	it := dataKeyKey(s.partition(o), w.Version).attributes()
	it["v"], it["ver"], it["wk"] = number(1), number(w.Version), blob(w.Blob)
	met, _, err := s.db.put(ctx, s.db.tables.Keys, it, "attribute_not_exists(PK)", nil, nil)
	if err == nil && !met {
		return fault.New(fault.CodeTransition, "The owner already has this key.")
	}
	return err
}

func (s *DataKeys[O]) wrapped(it item) (keyring.Wrapped, error) {
	r := reader{it: it}
	if r.has("off") && !s.all {
		return keyring.Wrapped{}, fault.New(fault.CodeContractStage, "The contract of the organisation has ended, and its data can no longer be read or written.")
	}
	return keyring.Wrapped{Version: uint32(r.number("ver")), Blob: r.blob("wk")}, r.err
}

func noKey() error {
	return fault.New(fault.CodeRouteNotFound, "There is no encryption key.")
}

// Disable turns all keys of an owner off: from then on they neither seal nor open, in a process that has one in its memory
// within keyring.Keep. Destroy still destroys them. One query and one write per key.
func (s *DataKeys[O]) Disable(ctx context.Context, o O) error {
	var keys []key
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Keys, ConsistentRead: aws.Bool(true), ProjectionExpression: aws.String("PK, SK"),
		KeyConditionExpression: aws.String("PK = :p"), ExpressionAttributeValues: item{":p": text(s.partition(o))},
	}
	err := s.db.each(ctx, in, func(it item) error {
		r := reader{it: it}
		keys = append(keys, key{r.text("PK"), r.text("SK")})
		return r.err
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		x := &transaction{}
		x.update(s.db.tables.Keys, k, "SET off = :t", "attribute_exists(PK)", item{":t": flag(true)}, means(nil))
		if err := s.db.commit(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// Destroy removes all keys of an owner: what was sealed under them can no longer be read, wherever it is. One query and
// one delete per key.
func (s *DataKeys[O]) Destroy(ctx context.Context, o O) error {
	for {
		newest, err := (&DataKeys[O]{db: s.db, partition: s.partition, all: true}).Newest(ctx, o)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.db.remove(ctx, s.db.tables.Keys, dataKeyKey(s.partition(o), newest.Version), "attribute_exists(PK)", nil); err != nil {
			return err
		}
	}
}
