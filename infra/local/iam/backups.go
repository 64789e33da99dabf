package iam

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
)

// aboutBackups tells whether a call of DynamoDB is one that the stand-in for AWS Backup answers.
func (a *attempt) aboutBackups() bool {
	name := strings.TrimPrefix(a.r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	return a.service == "dynamodb" && slices.Contains([]string{"ListBackups", "DeleteBackup", "DescribeContinuousBackups"}, name)
}

// dynamodbBackups is the request of such a call. The list of backups has no resource (Service Authorization Reference).
func (a *attempt) dynamodbBackups() ([]policy.Request, string) {
	name := strings.TrimPrefix(a.r.Header.Get("X-Amz-Target"), "DynamoDB_20120810.")
	var in struct{ TableName, BackupArn string }
	if json.Unmarshal(a.body, &in) != nil {
		return nil, name
	}
	r := policy.Request{Action: "dynamodb:" + name, Resource: "*"}
	switch name {
	case "DescribeContinuousBackups":
		r.Resource = a.table(in.TableName)
	case "DeleteBackup":
		r.Resource = in.BackupArn
	}
	return []policy.Request{r}, ""
}

// backup is the request of a call of AWS Backup.
func (a *attempt) backup() ([]policy.Request, string) {
	parts := strings.Split(strings.Trim(a.r.URL.EscapedPath(), "/"), "/")
	i := slices.Index(parts, "backup-vaults")
	if a.r.Method != http.MethodGet || i < 0 || len(parts) != i+3 || parts[i+2] != "recovery-points" {
		return nil, a.r.Method
	}
	vault, err := url.PathUnescape(parts[i+1])
	if err != nil {
		return nil, a.r.Method
	}
	of := "arn:aws:backup:" + a.region + ":" + a.options.Values["AWS::AccountId"] + ":backup-vault:" + vault
	return []policy.Request{{Action: "backup:ListRecoveryPointsByBackupVault", Resource: of}}, ""
}
