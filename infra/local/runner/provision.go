package runner

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/infra/local/backups"
	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/provision"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
)

const (
	region = "eu-west-1"
	stack  = "passportcraft"
	// ratePerKey is far above what one client reaches here: the quota is there to be seen, not to be in the way.
	ratePerKey = "100000"
)

// environments makes what the template declares and returns each function's environment, and what all have in common.
func (s *site) environments(ctx context.Context) (each map[string]map[string]string, common map[string]string, err error) {
	at := s.engines.Endpoints
	cfg := aws.Config{Region: region, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: at.AccessKey, SecretAccessKey: at.SecretKey}, nil
	})}
	values := map[string]string{"AppEnv": "local", "PublicBaseUrl": s.url, "AWS::Region": region, "AWS::AccountId": "000000000000", "AWS::Partition": "aws", "AWS::StackName": stack}
	name := func(logicalID string) string { return stack + "-" + strings.ToLower(logicalID) }
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = &at.DynamoDB })
	inUse, err := s.tables(ctx, db, name)
	if err != nil {
		return nil, nil, err
	}
	for _, t := range s.template.Tables {
		values[t.ID] = inUse(t.ID)
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = &at.S3, true })
	for _, b := range s.template.Buckets {
		values[b.ID] = name(b.ID)
		if err := provision.Bucket(ctx, objects, values[b.ID]); err != nil {
			return nil, nil, err
		}
	}
	keys := kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = &at.KMS })
	if err := makeKeys(ctx, keys, values); err != nil {
		return nil, nil, err
	}
	if values["MarkerKey"], err = provision.Mark(ctx, db, keys, values["AuditKey.Arn"], inUse, s.clock.Now()); err != nil {
		return nil, nil, err
	}
	for _, v := range s.template.Vaults {
		values[v.ID] = name(v.ID)
	}
	if err := s.openBackups(inUse); err != nil {
		return nil, nil, err
	}
	values["UserPool"], values["UserPoolClient"], values["UserPoolDomain"] = "local", "local", "local"
	values["UserPool.Arn"] = "arn:aws:cognito-idp:" + region + ":000000000000:userpool/local"
	if each, err = s.template.Resolve(values); err != nil {
		return nil, nil, err
	}
	mail, copies := s.url+mailPath, s.url+backupsPath
	s.gate, err = iam.New(iam.Options{
		Template: s.template, Values: values, Now: s.clock.Now, Random: rand.Reader,
		Created: s.arrived, Mount: storagePath,
		Denied: func(d iam.Denial) {
			fmt.Fprintf(s.log, "{\"level\":\"ERROR\",\"msg\":\"denied\",\"role\":%q,\"action\":%q,\"resource\":%q,\"cause\":%q}\n", d.Role, d.Action, d.Resource, d.Why)
		},
		Engines: iam.Engines{DynamoDB: at.DynamoDB, S3: at.S3, KMS: at.KMS, SES: mail, Cognito: s.signIn.APIURL(), Backup: copies, AccessKey: at.AccessKey, SecretKey: at.SecretKey},
	})
	if err != nil {
		return nil, nil, err
	}
	if err := template.LeaveHash(filepath.Join(s.options.Root, "template.yaml"), s.options.Data); err != nil {
		return nil, nil, err
	}
	common = s.signInSettings()
	maps.Copy(common, map[string]string{
		"AWS_REGION": region, "AWS_ACCESS_KEY_ID": at.AccessKey, "AWS_SECRET_ACCESS_KEY": at.SecretKey,
		"DYNAMODB_ENDPOINT": at.DynamoDB, "S3_ENDPOINT": at.S3, "KMS_ENDPOINT": at.KMS, "STS_ENDPOINT": s.url + "/local/sts", "RATE_PER_KEY": ratePerKey,
		"LEDGER_KEY_ARN": values["LedgerKey.Arn"], "SES_ENDPOINT": mail, "COGNITO_ENDPOINT": s.signIn.APIURL(), "BACKUP_ENDPOINT": copies, "S3_PUBLIC_ENDPOINT": s.url + storagePath, "LAMBDA_TASK_ROOT": s.options.Data,
	})
	return each, common, nil
}

// tables makes the tables of the template and returns the names of those in use, and of whatever else has a name. Names of
// tables are as CloudFormation makes them. One that took the place of another is never made anew: it would be empty.
func (s *site) tables(ctx context.Context, db *dynamodb.Client, name func(logicalID string) string) (func(logicalID string) string, error) {
	switched, err := s.switched()
	if err != nil {
		return nil, err
	}
	inUse := func(id string) string {
		if strings.HasSuffix(id, "Table") {
			return cmp.Or(switched[id], stack+"-"+id+"-local")
		}
		return name(id)
	}
	made := slices.DeleteFunc(provision.FromTemplate(s.template, inUse), func(t provision.Table) bool { return strings.Contains(t.Name, backup.Restored) })
	return inUse, provision.Tables(ctx, db, made)
}

// openBackups brings up the stand-in for AWS Backup.
func (s *site) openBackups(name func(logicalID string) string) (err error) {
	at := s.engines.Endpoints
	s.copies, err = backups.Open(backups.Options{
		Dir: filepath.Join(s.options.Data, "backups"), DynamoDB: at.DynamoDB, Access: at.AccessKey, Secret: at.SecretKey,
		Now: s.clock.Now, Template: s.template, Name: name,
	})
	return err
}

// switched are the tables that were put in the place of those of the template by a restore, by logical id.
func (s *site) switched() (map[string]string, error) {
	path := filepath.Join(s.options.Data, "tables.json")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	all := map[string]string{}
	if err == nil {
		err = json.Unmarshal(b, &all)
	}
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	return all, nil
}

// makeKeys makes the keys of the template that functions name.
func makeKeys(ctx context.Context, api *kms.Client, values map[string]string) (err error) {
	for name, alias := range map[string]string{"TenantKey.Arn": "tenants", "CustodyKey.Arn": "custody", "LedgerKey.Arn": "ledger"} {
		if values[name], err = provision.Key(ctx, api, alias); err != nil {
			return err
		}
	}
	values["AuditKey.Arn"], err = provision.SigningKey(ctx, api, "audit")
	return err
}
