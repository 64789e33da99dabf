// Package backups reads and restores recovery points of AWS Backup. It can start a copy and a restore, and it cannot
// remove a recovery point: the vaults' lifecycle does that, and nothing else may.
package backups

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"

	domain "github.com/passportcraft/passportcraft/shared/domain/backup"
	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Observe is told about every call.
type Observe func(ctx context.Context, operation string, units float64)

// Vaults implements domain.Vaults.
type Vaults struct {
	api     *backup.Client
	role    string // with which AWS Backup copies and restores; "" where neither is done
	observe Observe
}

// Open makes the adapter. Nothing is called yet. endpoint overrides AWS's address; empty means AWS.
func Open(cfg aws.Config, endpoint, role string, observe Observe) *Vaults {
	api := backup.NewFromConfig(cfg, func(o *backup.Options) {
		if endpoint != "" {
			o.BaseEndpoint = aws.String(endpoint)
		}
	})
	return &Vaults{api, role, observe}
}

// Points returns all recovery points of a vault, whatever their state. One call for each thousand.
func (v *Vaults) Points(ctx context.Context, vault string) ([]domain.Copy, error) {
	var all []domain.Copy
	pages := backup.NewListRecoveryPointsByBackupVaultPaginator(v.api, &backup.ListRecoveryPointsByBackupVaultInput{BackupVaultName: &vault, MaxResults: aws.Int32(1000)})
	for pages.HasMorePages() {
		out, err := pages.NextPage(ctx)
		v.observe(ctx, "backup.ListRecoveryPointsByBackupVault", 0)
		if err != nil {
			return nil, failed(err)
		}
		for _, p := range out.RecoveryPoints {
			all = append(all, pointOf(vault, p))
		}
	}
	return all, nil
}

func pointOf(vault string, p types.RecoveryPointByBackupVault) domain.Copy {
	c := domain.Copy{
		Kind: domain.Vault, ID: aws.ToString(p.RecoveryPointArn), Of: tableOf(aws.ToString(p.ResourceArn)), Vault: vault,
		CreatedAt: aws.ToTime(p.CreationDate).UTC(), Status: statusOf(string(p.Status)),
	}
	if p.CalculatedLifecycle != nil && p.CalculatedLifecycle.DeleteAt != nil {
		c.ExpiresAt = p.CalculatedLifecycle.DeleteAt.UTC()
	}
	return c
}

// statusOf reads a status; what this version does not know is no good copy.
func statusOf(s string) domain.Status {
	switch s {
	case "COMPLETED", "AVAILABLE":
		return domain.Good
	case "CREATING", "DELETING":
		return domain.Under
	case "EXPIRED":
		return domain.Expired
	}
	return domain.Broken
}

// tableOf is the name at the end of a table's ARN.
func tableOf(arn string) string {
	_, name, _ := strings.Cut(arn, ":table/")
	name, _, _ = strings.Cut(name, "/")
	return name
}

// Copy starts a copy of a table into a vault and returns its job.
func (v *Vaults) Copy(ctx context.Context, vault, tableARN string) (job string, err error) {
	out, err := v.api.StartBackupJob(ctx, &backup.StartBackupJobInput{
		BackupVaultName: &vault, ResourceArn: &tableARN, IamRoleArn: &v.role, Lifecycle: &types.Lifecycle{DeleteAfterDays: aws.Int64(int64(domain.Most / (24 * time.Hour)))},
	})
	v.observe(ctx, "backup.StartBackupJob", 0)
	if err != nil {
		return "", failed(err)
	}
	return aws.ToString(out.BackupJobId), nil
}

// Copied tells whether a copy is made, and its recovery point. A job that failed is an error.
func (v *Vaults) Copied(ctx context.Context, job string) (point string, done bool, err error) {
	out, err := v.api.DescribeBackupJob(ctx, &backup.DescribeBackupJobInput{BackupJobId: &job})
	v.observe(ctx, "backup.DescribeBackupJob", 0)
	if err != nil {
		return "", false, failed(err)
	}
	switch out.State {
	case types.BackupJobStateCompleted:
		return aws.ToString(out.RecoveryPointArn), true, nil
	case types.BackupJobStateAborted, types.BackupJobStateExpired, types.BackupJobStateFailed, types.BackupJobStatePartial:
		return "", false, errors.New("backups: the copy ended as " + string(out.State) + ": " + aws.ToString(out.StatusMessage))
	}
	return "", false, nil
}

// Restore starts the restore of a recovery point into a new table and returns its job. token makes the same request one
// job, however often it is sent.
func (v *Vaults) Restore(ctx context.Context, point, table, token string) (job string, err error) {
	out, err := v.api.StartRestoreJob(ctx, &backup.StartRestoreJobInput{
		RecoveryPointArn: &point, IamRoleArn: &v.role, IdempotencyToken: &token, ResourceType: aws.String("DynamoDB"),
		Metadata: map[string]string{"targetTableName": table},
	})
	v.observe(ctx, "backup.StartRestoreJob", 0)
	if err != nil {
		return "", failed(err)
	}
	return aws.ToString(out.RestoreJobId), nil
}

// Restored tells whether a restore is done. A job that failed is an error.
func (v *Vaults) Restored(ctx context.Context, job string) (done bool, err error) {
	out, err := v.api.DescribeRestoreJob(ctx, &backup.DescribeRestoreJobInput{RestoreJobId: &job})
	v.observe(ctx, "backup.DescribeRestoreJob", 0)
	if err != nil {
		return false, failed(err)
	}
	switch out.Status {
	case types.RestoreJobStatusCompleted:
		return true, nil
	case types.RestoreJobStatusAborted, types.RestoreJobStatusFailed:
		return false, errors.New("backups: the restore ended as " + string(out.Status) + ": " + aws.ToString(out.StatusMessage))
	}
	return false, nil
}

func failed(err error) error {
	return fault.From(err, fault.CodeUnavailable, "The backup service did not answer. Nothing was changed; repeat later.").After(2 * time.Second)
}
