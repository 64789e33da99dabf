// Package provision makes on local engines what CloudFormation makes on AWS: tables, buckets and keys, as the template
// declares them. What exists stays as it is.
package provision

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
)

// Table is a table to make. All keys are text.
type Table struct {
	Name    string
	Hash    string
	Range   string // "" for none
	Indexes []Index
}

// Index is a global secondary index.
type Index struct {
	Name, Hash, Range string
	Include           []string // projected attributes; nil projects all
}

// FromTemplate lists the tables of a template under the names of this machine.
func FromTemplate(t *template.Template, name func(logicalID string) string) []Table {
	var all []Table
	for _, declared := range t.Tables {
		table := Table{Name: name(declared.ID), Hash: declared.Hash, Range: declared.Range}
		for _, x := range declared.Indexes {
			index := Index{Name: x.Name, Hash: x.Hash, Range: x.Range}
			if x.Projection == "INCLUDE" {
				index.Include = x.Include
			}
			table.Indexes = append(table.Indexes, index)
		}
		all = append(all, table)
	}
	return all
}

// Tables makes the tables that do not exist yet.
func Tables(ctx context.Context, api *dynamodb.Client, tables []Table) error {
	for _, t := range tables {
		_, err := api.CreateTable(ctx, request(t))
		var exists *ddb.ResourceInUseException
		if err != nil && !errors.As(err, &exists) {
			return fmt.Errorf("make table %s: %w", t.Name, err)
		}
	}
	return nil
}

func request(t Table) *dynamodb.CreateTableInput {
	in := &dynamodb.CreateTableInput{TableName: &t.Name, BillingMode: ddb.BillingModePayPerRequest, KeySchema: schema(t.Hash, t.Range)}
	names := map[string]bool{t.Hash: true, t.Range: true}
	for _, x := range t.Indexes {
		projection := &ddb.Projection{ProjectionType: ddb.ProjectionTypeAll}
		if x.Include != nil {
			projection = &ddb.Projection{ProjectionType: ddb.ProjectionTypeInclude, NonKeyAttributes: x.Include}
		}
		in.GlobalSecondaryIndexes = append(in.GlobalSecondaryIndexes, ddb.GlobalSecondaryIndex{
			IndexName: &x.Name, KeySchema: schema(x.Hash, x.Range), Projection: projection,
		})
		names[x.Hash], names[x.Range] = true, true
	}
	delete(names, "")
	for name := range names {
		in.AttributeDefinitions = append(in.AttributeDefinitions, ddb.AttributeDefinition{AttributeName: aws.String(name), AttributeType: ddb.ScalarAttributeTypeS})
	}
	return in
}

func schema(hash, sort string) []ddb.KeySchemaElement {
	s := []ddb.KeySchemaElement{{AttributeName: &hash, KeyType: ddb.KeyTypeHash}}
	if sort != "" {
		s = append(s, ddb.KeySchemaElement{AttributeName: &sort, KeyType: ddb.KeyTypeRange})
	}
	return s
}

// Bucket makes a versioned bucket if it does not exist yet.
func Bucket(ctx context.Context, api *s3.Client, name string) error {
	_, err := api.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name})
	var owned *s3types.BucketAlreadyOwnedByYou
	var exists *s3types.BucketAlreadyExists
	if err != nil && !errors.As(err, &owned) && !errors.As(err, &exists) {
		return fmt.Errorf("make bucket %s: %w", name, err)
	}
	_, err = api.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{
		Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled},
	})
	if err != nil {
		return fmt.Errorf("version bucket %s: %w", name, err)
	}
	return nil
}

// Key makes a symmetric key with an alias, if the alias does not exist yet, and returns its ARN.
func Key(ctx context.Context, api *kms.Client, alias string) (string, error) {
	return key(ctx, api, alias, &kms.CreateKeyInput{})
}

// SigningKey makes a P-256 key that signs, with an alias, if the alias does not exist yet, and returns its ARN.
func SigningKey(ctx context.Context, api *kms.Client, alias string) (string, error) {
	return key(ctx, api, alias, &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccNistP256, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
}

func key(ctx context.Context, api *kms.Client, alias string, make *kms.CreateKeyInput) (string, error) {
	alias = "alias/" + alias
	found, err := api.DescribeKey(ctx, &kms.DescribeKeyInput{KeyId: &alias})
	if err == nil {
		return *found.KeyMetadata.Arn, nil
	}
	var absent *kmstypes.NotFoundException
	if !errors.As(err, &absent) {
		return "", fmt.Errorf("look for key %s: %w", alias, err)
	}
	make.Description = aws.String("made by the local runner")
	made, err := api.CreateKey(ctx, make)
	if err != nil {
		return "", fmt.Errorf("make key %s: %w", alias, err)
	}
	if _, err := api.CreateAlias(ctx, &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: made.KeyMetadata.KeyId}); err != nil {
		return "", fmt.Errorf("name key %s: %w", alias, err)
	}
	return *made.KeyMetadata.Arn, nil
}

// Mark clears tables that have no marker at all: new ones, under the names of this machine. A restored table comes with the
// marker of its source, which does not clear it, and is not touched here. It returns the public key under which the markers
// are good, in base64.
func Mark(ctx context.Context, db *dynamodb.Client, keys *kms.Client, keyARN string, name func(logicalID string) string, now time.Time) (string, error) {
	public, err := keys.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &keyARN})
	if err != nil {
		return "", fmt.Errorf("read the key of markers: %w", err)
	}
	store := dynamo.NewClearances(dynamo.Over(db, func(context.Context, string, float64) {}))
	for _, at := range drill.Places() {
		there, err := store.Marked(ctx, name(at.Table), at.Sorted)
		if err == nil && !there {
			_, err = store.Clear(ctx, name(at.Table), at.Sorted, 0, now, signer{keys, keyARN})
		}
		if err != nil {
			return "", fmt.Errorf("clear table %s: %w", name(at.Table), err)
		}
	}
	return base64.StdEncoding.EncodeToString(public.PublicKey), nil
}

// signer signs with a key of the local key service.
type signer struct {
	api *kms.Client
	arn string
}

func (s signer) Sign(ctx context.Context, message []byte) ([]byte, error) {
	out, err := s.api.Sign(ctx, &kms.SignInput{KeyId: &s.arn, Message: message, MessageType: kmstypes.MessageTypeRaw, SigningAlgorithm: kmstypes.SigningAlgorithmSpecEcdsaSha256})
	if err != nil {
		return nil, err
	}
	return out.Signature, nil
}
