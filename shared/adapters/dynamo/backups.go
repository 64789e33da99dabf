package dynamo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/passportcraft/passportcraft/shared/domain/backup"
)

// TableBackups implements backup.Tables: what DynamoDB itself keeps of tables, by order or of its own accord.
type TableBackups struct{ db *DB }

// NewTableBackups makes the adapter.
func NewTableBackups(db *DB) *TableBackups { return &TableBackups{db} }

// Names implements backup.Tables. One call for each hundred.
func (s *TableBackups) Names(ctx context.Context) ([]string, error) {
	var all []string
	in := &dynamodb.ListTablesInput{}
	for {
		out, err := s.db.api.ListTables(ctx, in)
		if err != nil {
			return nil, s.db.failed(ctx, "ListTables", err)
		}
		s.db.observe(ctx, "dynamodb.ListTables", 0)
		all = append(all, out.TableNames...)
		if in.ExclusiveStartTableName = out.LastEvaluatedTableName; in.ExclusiveStartTableName == nil {
			return all, nil
		}
	}
}

// Backups implements backup.Tables. One call for each hundred. Those that AWS Backup made are in its vaults and counted
// there.
func (s *TableBackups) Backups(ctx context.Context) ([]backup.Copy, error) {
	var all []backup.Copy
	for _, kind := range []types.BackupTypeFilter{types.BackupTypeFilterUser, types.BackupTypeFilterSystem} {
		in := &dynamodb.ListBackupsInput{BackupType: kind}
		for {
			out, err := s.db.api.ListBackups(ctx, in)
			if err != nil {
				return nil, s.db.failed(ctx, "ListBackups", err)
			}
			s.db.observe(ctx, "dynamodb.ListBackups", 0)
			for _, b := range out.BackupSummaries {
				all = append(all, copyOf(b))
			}
			if in.ExclusiveStartBackupArn = out.LastEvaluatedBackupArn; in.ExclusiveStartBackupArn == nil {
				break
			}
		}
	}
	return all, nil
}

func copyOf(b types.BackupSummary) backup.Copy {
	c := backup.Copy{
		Kind: backup.Native, ID: aws.ToString(b.BackupArn), Of: aws.ToString(b.TableName),
		CreatedAt: aws.ToTime(b.BackupCreationDateTime).UTC(), ExpiresAt: aws.ToTime(b.BackupExpiryDateTime).UTC(),
	}
	switch b.BackupStatus {
	case types.BackupStatusAvailable:
		c.Status = backup.Good
	case types.BackupStatusCreating, types.BackupStatusDeleted:
		c.Status = backup.Under
	default:
		c.Status = backup.Broken
	}
	return c
}

// Remove implements backup.Tables. What is gone already is no error.
func (s *TableBackups) Remove(ctx context.Context, c backup.Copy) error {
	_, err := s.db.api.DeleteBackup(ctx, &dynamodb.DeleteBackupInput{BackupArn: &c.ID})
	if _, gone := errors.AsType[*types.BackupNotFoundException](err); gone {
		err = nil
	}
	if err != nil {
		return s.db.failed(ctx, "DeleteBackup", err)
	}
	s.db.observe(ctx, "dynamodb.DeleteBackup", 0)
	return nil
}

// Continuous implements backup.Tables.
func (s *TableBackups) Continuous(ctx context.Context, table string) (backup.Continuous, error) {
	c := backup.Continuous{Table: table}
	out, err := s.db.api.DescribeContinuousBackups(ctx, &dynamodb.DescribeContinuousBackupsInput{TableName: &table})
	if err != nil {
		return c, s.db.failed(ctx, "DescribeContinuousBackups", err)
	}
	s.db.observe(ctx, "dynamodb.DescribeContinuousBackups", 0)
	if out.ContinuousBackupsDescription == nil || out.ContinuousBackupsDescription.PointInTimeRecoveryDescription == nil {
		return c, nil
	}
	about := out.ContinuousBackupsDescription.PointInTimeRecoveryDescription
	c.Enabled = strings.EqualFold(string(about.PointInTimeRecoveryStatus), "ENABLED")
	c.Days = int(aws.ToInt32(about.RecoveryPeriodInDays))
	c.Earliest, c.Latest = instantOf(about.EarliestRestorableDateTime), instantOf(about.LatestRestorableDateTime)
	return c, nil
}

func instantOf(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
