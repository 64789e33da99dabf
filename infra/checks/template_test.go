package checks_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// resource is a resource of the template, with intrinsic functions left as they are written.
type resource struct {
	Type           string
	DeletionPolicy string `yaml:"DeletionPolicy"`
	Properties     yaml.Node
}

func resources(t *testing.T) map[string]resource {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]struct {
			Type           string    `yaml:"Type"`
			DeletionPolicy string    `yaml:"DeletionPolicy"`
			Properties     yaml.Node `yaml:"Properties"`
		} `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]resource{}
	for name, r := range doc.Resources {
		out[name] = resource{r.Type, r.DeletionPolicy, r.Properties}
	}
	if len(out) < 40 {
		t.Fatalf("only %d resources read", len(out))
	}
	return out
}

// at walks mappings and returns the node there, or nil.
func at(n *yaml.Node, path ...string) *yaml.Node {
	for _, p := range path {
		if n == nil || n.Kind != yaml.MappingNode {
			return nil
		}
		var next *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == p {
				next = n.Content[i+1]
			}
		}
		n = next
	}
	return n
}

func value(n *yaml.Node, path ...string) string {
	if n = at(n, path...); n == nil {
		return ""
	}
	return n.Value
}

// each calls f with every scalar below n.
func each(n *yaml.Node, f func(string)) {
	if n == nil {
		return
	}
	if n.Kind == yaml.ScalarNode {
		f(n.Value)
	}
	for _, c := range n.Content {
		each(c, f)
	}
}

// wider are the values that the rule below forbids and a function needs, with the reason.
var wider = map[string]string{
	"RunRetentionWorkerFunction dynamodb:Scan":    "what cannot be enumerated has to be found by walking the table",
	"RunRetentionAuditorFunction dynamodb:Scan":   "counts what is left without any index",
	"RunRetentionWorkerFunction *":                "SES knows no resource for its suppression list",
	"RunRetentionAuditorFunction *":               "SES knows no resource for its suppression list",
	"RunRetentionTickFunction *":                  "DynamoDB cannot limit the list of backups to tables",
	"RotateBackupsFunction *":                     "dynamodb:ListBackups has no resource-level permission",
	"RotateBackupsFunction dynamodb:DeleteBackup": "removing backups that are too old is what it is for",
}

// TestFunctionsAreConfined holds that each function says what its failure means, has its own log group and alarm, and
// may do nothing by wildcard, no scan and no PartiQL.
func TestFunctionsAreConfined(t *testing.T) {
	all := resources(t)
	for name, r := range all {
		if r.Type != "AWS::Serverless::Function" {
			continue
		}
		if !strings.Contains(value(&r.Properties, "Description"), "While it fails") {
			t.Errorf("%s does not say what its failure means", name)
		}
		base := strings.TrimSuffix(name, "Function")
		logs, ok := all[base+"Logs"]
		if !ok || logs.Type != "AWS::Logs::LogGroup" || at(&logs.Properties, "RetentionInDays") == nil || at(&logs.Properties, "KmsKeyId") == nil {
			t.Errorf("%s has no sealed log group with a retention", name)
		}
		alarm, ok := all[base+"Errors"]
		if !ok || alarm.Type != "AWS::CloudWatch::Alarm" || at(&alarm.Properties, "AlarmActions") == nil || value(&alarm.Properties, "TreatMissingData") == "" {
			t.Errorf("%s has no alarm that tells somebody", name)
		}
		policies := at(&r.Properties, "Policies")
		each(policies, func(s string) {
			if wider[name+" "+s] != "" {
				return
			}
			if s == "*" || strings.HasSuffix(s, ":*") || s == "dynamodb:Scan" || strings.Contains(s, "PartiQL") || strings.HasPrefix(s, "dynamodb:Delete") && s != "dynamodb:DeleteItem" {
				t.Errorf("%s may %s", name, s)
			}
		})
		if folder := value(&r.Properties, "FunctionName"); strings.Contains(folder, "resolve-link") || strings.Contains(folder, "draw-carrier") {
			each(policies, func(s string) {
				if strings.Contains(s, "RecordsTable") || strings.Contains(s, "KeysTable") || strings.Contains(s, "TenantKey") {
					t.Errorf("%s, which is open to everybody, reaches %s", name, s)
				}
			})
		}
	}
}

// TestStoresAreProtected holds what must be true of everything that keeps data.
func TestStoresAreProtected(t *testing.T) {
	for name, r := range resources(t) {
		p := &r.Properties
		demand := func(what string, ok bool) {
			if !ok {
				t.Errorf("%s: %s", name, what)
			}
		}
		switch r.Type {
		case "AWS::DynamoDB::Table":
			demand("is kept when the stack goes", r.DeletionPolicy == "Retain")
			demand("has deletion protection", value(p, "DeletionProtectionEnabled") == "true")
			demand("is encrypted with our key", value(p, "SSESpecification", "SSEType") == "KMS" && at(p, "SSESpecification", "KMSMasterKeyId") != nil)
			demand("can be restored to a point in time", value(p, "PointInTimeRecoverySpecification", "PointInTimeRecoveryEnabled") == "true")
			days := value(p, "PointInTimeRecoverySpecification", "RecoveryPeriodInDays")
			want := "28"
			if name == "KeysTable" {
				want = "7"
			}
			demand(fmt.Sprintf("keeps restore points %s days, not %s", want, days), days == want)
			if ttl := value(p, "TimeToLiveSpecification", "AttributeName"); name != "RecordsTable" {
				demand("has no time to live", ttl == "")
			}
		case "AWS::S3::Bucket":
			demand("is kept when the stack goes", r.DeletionPolicy == "Retain")
			demand("is encrypted", at(p, "BucketEncryption") != nil)
			// Packages are copies that end after days: versions of them would outlive their deletion.
			demand("is versioned", value(p, "VersioningConfiguration", "Status") == "Enabled" || name == "ExportsBucket" || name == "UploadsBucket")
			for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
				demand("has "+block, value(p, "PublicAccessBlockConfiguration", block) == "true")
			}
			demand("forgets old versions", at(p, "LifecycleConfiguration") != nil)
		case "AWS::KMS::Key":
			demand("is kept when the stack goes", r.DeletionPolicy == "Retain")
			demand("rotates", value(p, "EnableKeyRotation") == "true" || value(p, "KeyUsage") == "SIGN_VERIFY") // KMS rotates symmetric keys only
		case "AWS::S3::BucketPolicy":
			tls := false
			each(p, func(s string) { tls = tls || s == "aws:SecureTransport" })
			demand("refuses requests in the clear", tls)
		case "AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::DynamoDB::GlobalTable":
			t.Errorf("%s: a %s has no place here", name, r.Type)
		}
		each(p, func(s string) {
			for _, region := range []string{"us-east-1", "us-west-2", "eu-central-1"} {
				demand("names the region "+region, !strings.Contains(s, region))
			}
		})
	}
}
