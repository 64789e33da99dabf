package dynamo

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"github.com/passportcraft/passportcraft/shared/domain/keyring"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// DataKeys implements keyring.Store over the Keys table.
type DataKeys struct{ db *DB }

// NewDataKeys makes the store.
func NewDataKeys(db *DB) *DataKeys { return &DataKeys{db: db} }

// Newest returns the tenant's newest wrapped key. One query of one item.
func (s *DataKeys) Newest(ctx context.Context, t id.Tenant) (keyring.Wrapped, error) {
	out, err := s.db.query(ctx, &dynamodb.QueryInput{
		TableName: &s.db.tables.Keys, Limit: aws.Int32(1), ScanIndexForward: aws.Bool(false), ConsistentRead: aws.Bool(true),
		KeyConditionExpression:    aws.String("PK = :p AND begins_with(SK, :k)"),
		ExpressionAttributeValues: item{":p": text(tenantPrefix(t)), ":k": text(dataKeyPrefix)},
	})
	if err != nil {
		return keyring.Wrapped{}, err
	}
	if len(out.Items) == 0 {
		return keyring.Wrapped{}, noKey()
	}
	return wrapped(out.Items[0])
}

// Version returns one wrapped key. One read.
func (s *DataKeys) Version(ctx context.Context, t id.Tenant, version uint32) (keyring.Wrapped, error) {
	it, err := s.db.get(ctx, s.db.tables.Keys, dataKeyKey(t, version))
	if err != nil {
		return keyring.Wrapped{}, err
	}
	if it == nil {
		return keyring.Wrapped{}, noKey()
	}
	return wrapped(it)
}

// Add stores a wrapped key; the version must be new.
func (s *DataKeys) Add(ctx context.Context, t id.Tenant, w keyring.Wrapped) error {
	it := dataKeyKey(t, w.Version).attributes()
	it["v"], it["ver"], it["wk"] = number(1), number(w.Version), blob(w.Blob)
	met, _, err := s.db.put(ctx, s.db.tables.Keys, it, "attribute_not_exists(PK)", nil, nil)
	if err == nil && !met {
		return fault.New(fault.CodeTransition, "The organisation already has this key.")
	}
	return err
}

func wrapped(it item) (keyring.Wrapped, error) {
	r := reader{it: it}
	return keyring.Wrapped{Version: uint32(r.number("ver")), Blob: r.blob("wk")}, r.err
}

func noKey() error {
	return fault.New(fault.CodeRouteNotFound, "The organisation has no encryption key.")
}
