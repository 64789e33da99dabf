package dynamo

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/domain/apikey"
	"github.com/passportcraft/passportcraft/shared/domain/audit"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// APIKeys implements apikey.Store.
type APIKeys struct{ db *DB }

// NewAPIKeys makes the store.
func NewAPIKeys(db *DB) *APIKeys { return &APIKeys{db: db} }

// PutKey stores a new key with its audit entry and notice. One transaction.
func (s *APIKeys) PutKey(ctx context.Context, k apikey.Key, e audit.Entry, n audit.Notice) error {
	it := apiKeyKey(k.Tenant, k.ID).attributes()
	scopes := make([]string, len(k.Scopes))
	for i, scope := range k.Scopes {
		scopes[i] = string(scope)
	}
	from := make([]string, len(k.From))
	for i, p := range k.From {
		from[i] = p.String()
	}
	it["v"], it["id"], it["nm"], it["sc"], it["hash"] = number(1), text(k.ID), text(k.Name), texts(scopes), blob(k.Hash[:])
	it["crt"], it["exp"], it["from"], it["by"] = moment(k.CreatedAt), moment(k.ExpiresAt), texts(from), text(k.CreatedBy)
	x := &transaction{}
	x.put(s.db.tables.Records, it, "attribute_not_exists(PK)", nil, means(errors.New("dynamo: key exists")))
	stirTenant(s.db, x, k.Tenant, 0, errors.New("dynamo: a key without its tenant"))
	writeAudit(s.db, x, e)
	writeNotice(s.db, x, k.Tenant, n)
	return s.db.commit(ctx, x)
}

// Key returns a key. One read.
func (s *APIKeys) Key(ctx context.Context, t id.Tenant, keyID string) (apikey.Key, error) {
	it, err := s.db.get(ctx, s.db.tables.Records, apiKeyKey(t, keyID))
	if err != nil {
		return apikey.Key{}, err
	}
	if it == nil {
		return apikey.Key{}, apikey.Unknown()
	}
	return apiKeyOf(t, it)
}

// Keys returns all keys of a tenant. One query for each megabyte.
func (s *APIKeys) Keys(ctx context.Context, t id.Tenant) ([]apikey.Key, error) {
	in := &dynamodb.QueryInput{
		TableName: &s.db.tables.Records, ConsistentRead: aws.Bool(true), KeyConditionExpression: aws.String("PK = :p"),
		ExpressionAttributeValues: item{":p": text(apiKeyKey(t, "").partition)},
	}
	var all []apikey.Key
	err := s.db.each(ctx, in, func(it item) error {
		k, err := apiKeyOf(t, it)
		all = append(all, k)
		return err
	})
	return all, err
}

// Revoke ends a live key, with its audit entry and notice. One transaction.
func (s *APIKeys) Revoke(ctx context.Context, k apikey.Key, e audit.Entry, n audit.Notice) error {
	x := &transaction{}
	x.update(s.db.tables.Records, apiKeyKey(k.Tenant, k.ID), "SET rvk = :t", "attribute_exists(PK) AND attribute_not_exists(rvk)",
		item{":t": moment(k.RevokedAt)}, means(apikey.Unknown()))
	stirTenant(s.db, x, k.Tenant, 0, errors.New("dynamo: a key without its tenant"))
	writeAudit(s.db, x, e)
	writeNotice(s.db, x, k.Tenant, n)
	return s.db.commit(ctx, x)
}

// Used writes the first use in an hour from a network, with its audit entry. One transaction; nothing when another
// process has written it.
func (s *APIKeys) Used(ctx context.Context, u apikey.Use) error {
	mark := u.Hour.UTC().Format("2006-01-02T15") + " " + u.Network
	written := errors.New("dynamo: written already")
	x := &transaction{}
	x.add(types.TransactWriteItem{Update: &types.Update{
		TableName: &s.db.tables.Records, Key: apiKeyKey(u.Key.Tenant, u.Key.ID).attributes(),
		UpdateExpression: aws.String("SET used = :h, net = :m"), ConditionExpression: aws.String("attribute_exists(PK) AND (attribute_not_exists(net) OR net <> :m)"),
		ExpressionAttributeValues:           item{":h": moment(u.Hour), ":m": text(mark)},
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureNone,
	}}, means(written))
	writeAudit(s.db, x, u.Entry)
	if err := s.db.commit(ctx, x); !errors.Is(err, written) {
		return err
	}
	return nil
}

func apiKeyOf(t id.Tenant, it item) (apikey.Key, error) {
	r := reader{it: it}
	k := apikey.Key{
		ID: r.text("id"), Tenant: t, Name: r.text("nm"), CreatedAt: r.moment("crt"), ExpiresAt: r.moment("exp"),
		RevokedAt: r.optionalMoment("rvk"), UsedAt: r.optionalMoment("used"), CreatedBy: r.text("by"),
	}
	if copy(k.Hash[:], r.blob("hash")) != len(k.Hash) {
		r.miss("hash")
	}
	for _, scope := range r.texts("sc") {
		k.Scopes = append(k.Scopes, access.Scope(scope))
	}
	for _, s := range r.texts("from") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return k, fmt.Errorf("dynamo: network of a key: %w", err)
		}
		k.From = append(k.From, p)
	}
	return k, r.err
}

// writeNotice adds a notice to the transaction of what it tells.
func writeNotice(db *DB, x *transaction, t id.Tenant, n audit.Notice) {
	it := noticeKey(t, n.ID).attributes()
	it["v"], it["at"], it["ev"], it["ac"], it["ob"] = number(1), moment(n.At), text(string(n.Event)), text(n.Actor), text(n.Object)
	if len(n.Detail) > 0 {
		it["dt"] = dictionary(n.Detail)
	}
	x.put(db.tables.Records, it, "attribute_not_exists(PK)", nil, unconditional)
}
