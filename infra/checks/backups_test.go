package checks_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// notCopied are the places that keep data and are in no backup plan, with the reason.
var notCopied = map[string]string{
	"KeysTable":       "a destroyed key must be final after the 7 days of point-in-time recovery; a copy would undo destruction for 28",
	"DocumentsBucket": "versions of 28 days are its copies",
	"ExportsBucket":   "packages are copies themselves and end after 7 days",
	"UploadsBucket":   "files that a tenant has and brings end after 7 days; reports on them can be made again",
	"EvidenceBucket":  "object lock keeps every version; hashes and signatures only",
	"AccessLogBucket": "logs end after 14 days and are evidence of nothing that would have to be restored",
	"UserPool":        "Amazon Cognito has no copies; who belongs where is in the People table, passwords are set again",
}

// texts of a list of !Ref, !GetAtt or plain values.
func listed(n *yaml.Node) []string {
	var all []string
	each(n, func(s string) { all = append(all, strings.TrimSuffix(s, ".Arn")) })
	return all
}

// TestCopiesAreBounded holds that no plan keeps a copy of content for more than 28 days, that a lock enforces it, that each
// vault has a key, and that what is copied by nothing says why.
func TestCopiesAreBounded(t *testing.T) {
	tpl, all := testkit.Template(t), resources(t)
	most := map[string]int{"BackupVault": 28, "LedgerVault": 400} // the Ledger holds no content and outlives all copies
	copied := map[string]bool{}
	if len(tpl.Vaults) != len(most) {
		t.Errorf("%d vaults; each needs its bound here", len(tpl.Vaults))
	}
	for _, v := range tpl.Vaults {
		r := all[v.ID]
		if v.MaxDays == 0 || v.MaxDays != most[v.ID] || v.MinDays < 7 || v.MinDays > v.MaxDays || v.ChangeableDays < 3 {
			t.Errorf("%s: the lock keeps between %d and %d days and can be changed for %d", v.ID, v.MinDays, v.MaxDays, v.ChangeableDays)
		}
		if r.DeletionPolicy != "Retain" || at(&r.Properties, "EncryptionKeyArn") == nil {
			t.Errorf("%s goes with the stack, or has no key of its own", v.ID)
		}
		denied := listed(at(&r.Properties, "AccessPolicy"))
		for _, action := range []string{"Deny", "backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle", "backup:StartCopyJob"} {
			if !slices.Contains(denied, action) {
				t.Errorf("%s: its policy lacks %s", v.ID, action)
			}
		}
	}
	for _, p := range tpl.Plans {
		for _, r := range p.Rules {
			if r.DeleteAfterDays == 0 || r.DeleteAfterDays != most[r.Vault] || !strings.HasPrefix(r.Expression, "cron(0 3 * * ? *)") {
				t.Errorf("%s, rule %s: %d days in %s, %s", p.ID, r.Name, r.DeleteAfterDays, r.Vault, r.Expression)
			}
			for _, table := range p.Tables {
				if copied[table] {
					t.Errorf("%s is copied twice", table)
				}
				copied[table] = true
				if holdsContent := table != "LedgerTable"; holdsContent != (r.Vault == "BackupVault") {
					t.Errorf("%s is copied into %s", table, r.Vault)
				}
			}
		}
	}
	stateful := []string{"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::Cognito::UserPool", "AWS::RDS::DBInstance", "AWS::EFS::FileSystem", "AWS::SecretsManager::Secret"}
	for name, r := range all {
		if slices.Contains(stateful, r.Type) && copied[name] == (notCopied[name] != "") {
			t.Errorf("%s keeps data: it is in a plan (%v) or has a reason why not (%q), one of both", name, copied[name], notCopied[name])
		}
	}
	for name := range notCopied {
		if _, ok := all[name]; !ok {
			t.Errorf("%s has a reason and does not exist", name)
		}
	}
}

// TestReplacedVersionsEnd holds that a bucket's lifecycle removes what was replaced, within 28 days.
func TestReplacedVersionsEnd(t *testing.T) {
	for name, r := range resources(t) {
		if r.Type != "AWS::S3::Bucket" || value(&r.Properties, "VersioningConfiguration", "Status") != "Enabled" {
			continue
		}
		ends := false
		for _, rule := range at(&r.Properties, "LifecycleConfiguration", "Rules").Content {
			days := value(rule, "NoncurrentVersionExpiration", "NoncurrentDays")
			ends = ends || value(rule, "Status") == "Enabled" && at(rule, "Prefix") == nil && (days == "28" || days == "1")
		}
		if !ends {
			t.Errorf("%s keeps replaced versions longer than 28 days", name)
		}
	}
}

// TestAccessLogsEnd holds that the logs of accesses to buckets end as early as all others: S3 rounds each of the two periods up
// to the next midnight (Amazon S3 User Guide, "Lifecycle rules: based on an object's age").
func TestAccessLogsEnd(t *testing.T) {
	bucket := resources(t)["AccessLogBucket"]
	rules := at(&bucket.Properties, "LifecycleConfiguration", "Rules").Content
	p := lifecycle.Current()
	for _, rule := range rules {
		days, err := strconv.Atoi(value(rule, "ExpirationInDays"))
		versions, err2 := strconv.Atoi(value(rule, "NoncurrentVersionExpiration", "NoncurrentDays"))
		if longest := time.Duration(days+1+versions+1) * lifecycle.Day; err != nil || err2 != nil || longest > p.Logs+p.LogLag {
			t.Errorf("a log of accesses can be there for %s (%v, %v), and the policy says %s", longest, err, err2, p.Logs+p.LogLag)
		}
	}
	if len(rules) == 0 {
		t.Error("logs of accesses never end")
	}
}

// TestBackupAlarms holds that somebody is told when copies get too old, are not made or are not removed, when no restore was
// rehearsed, and when nobody has looked.
func TestBackupAlarms(t *testing.T) {
	want := map[string]string{"OldestBackupAge": "2448000", "NewestBackupAge": "90000", "ExpiredRecoveryPoints": "0", "DrillAge": "3024000"} // 28 d 8 h, 25 h, 35 d
	for name, r := range resources(t) {
		metric := value(&r.Properties, "MetricName")
		if want[metric] == "" || r.Type != "AWS::CloudWatch::Alarm" {
			continue
		}
		if value(&r.Properties, "Threshold") != want[metric] || value(&r.Properties, "ComparisonOperator") != "GreaterThanThreshold" || value(&r.Properties, "TreatMissingData") != "breaching" || at(&r.Properties, "AlarmActions") == nil {
			t.Errorf("%s does not alarm above %s and on silence", name, want[metric])
		}
		delete(want, metric)
	}
	if len(want) > 0 {
		t.Errorf("no alarm on %v", want)
	}
}
