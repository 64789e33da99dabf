package checks_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// emptied says of every resource of the template that keeps something which store of package retention empties it, or
// with "exempt:" why none does.
var emptied = map[string]string{
	"RecordsTable":    "records, people, settings",
	"PeopleTable":     "people",
	"PublicTable":     "public",
	"KeysTable":       "keys",
	"CustodyTable":    "exempt: what the law keeps of passports, on purpose, until its date (custody.Ender); names no organisation",
	"CustodyKey":      "exempt: encrypts custody at rest, and wraps the keys of single copies",
	"LedgerTable":     "exempt: holds no content; what names an organisation leaves with its certificate (lifecycle.Store.Retire)",
	"DocumentsBucket": "documents",
	"ExportsBucket":   "exports",
	"UploadsBucket":   "uploads",
	"EvidenceBucket":  "evidence",
	"AccessLogBucket": "exempt: names of objects, which are identifiers; deleted by its lifecycle rule",
	"UserPool":        "identity-provider",
	"BackupVault":     "exempt: copies run out by rotation, which the certificate waits for (retention.Backups)",
	"LedgerVault":     "exempt: copies of the Ledger, which holds no content",
	"TenantKey":       "exempt: wraps keys of organisations; those are destroyed by the store keys",
	"StorageKey":      "exempt: encrypts at rest; no key of an organisation",
	"LedgerKey":       "exempt: encrypts at rest, and wraps the secret of the journal",
	"BackupKey":       "exempt: encrypts copies at rest",
	"AuditKey":        "exempt: signs; holds nothing",
	"LogsKey":         "exempt: encrypts logs at rest",
	"AlarmTopic":      "exempt: alarms name no organisation, and topics keep nothing",
}

// stateful are types of resources that keep what is put into them. Of log groups all are of the store logs.
var stateful = regexp.MustCompile(`^AWS::(DynamoDB::|S3::Bucket$|Cognito::UserPool$|SQS::|SNS::Topic$|KMS::Key$|Kinesis|Backup::BackupVault$|SES::(ContactList|Tenant|DedicatedIpPool)|Logs::LogGroup$|RDS::|EFS::|ElastiCache::|OpenSearch|SecretsManager::Secret$|SSM::Parameter$|StepFunctions::|Events::Archive$|CloudFront::)`)

// clients are the services that the platform calls, with the store of what they keep.
var clients = map[string]string{
	"dynamodb": "records, people, public, settings, keys", "s3": "documents, exports, uploads, evidence", "kms": "keys", "sesv2": "mail-suppression",
	"cognitoidentityprovider": "identity-provider", "sts": "exempt: keeps nothing", "backup": "exempt: see BackupVault", "sso": "exempt: keeps nothing",
}

// TestEveryPlaceIsEmptied fails for a place that could hold data of an organisation and that no store empties.
func TestEveryPlaceIsEmptied(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	stores := map[string]bool{"logs": true}
	wiring, err := os.ReadFile("../../shared/runtime/retaining/retaining.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`Store: "([a-z-]+)"`).FindAllStringSubmatch(string(wiring), -1) {
		stores[m[1]] = true
	}
	for constructor, name := range map[string]string{
		"NewSweepRecords(": "records", "NewSweepPeople(": "people", "NewSweepSettings(": "settings", "NewSweepPublic(": "public", "NewSweepKeys(": "keys",
		"userpool.Sweep{": "identity-provider", "mail.Sweep{": "mail-suppression",
	} {
		stores[name] = strings.Contains(string(wiring), constructor)
	}
	known := func(what, said string) {
		if strings.HasPrefix(said, "exempt: ") {
			return
		}
		for name := range strings.SplitSeq(said, ", ") {
			if said == "" || !stores[name] {
				t.Errorf("%s: no store of package retention empties it (%q): add one, or say here why none is needed", what, name)
			}
		}
	}
	seen := map[string]bool{}
	resource := regexp.MustCompile(`(?m)^  (\w+):\n(?:    #.*\n)*    Type: (\S+)$`)
	for _, m := range resource.FindAllStringSubmatch(string(text), -1) {
		id, kind := m[1], m[2]
		if !stateful.MatchString(kind) {
			continue
		}
		seen[id] = true
		if kind == "AWS::Logs::LogGroup" {
			known(id, "logs")
			continue
		}
		known(id, emptied[id])
	}
	for id := range emptied {
		if !seen[id] {
			t.Errorf("%s is no resource of the template that keeps anything", id)
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d resources were found: the template is not read right", len(seen))
	}
	const sdk = "github.com/aws/aws-sdk-go-v2/service/"
	for _, s := range sources(t) {
		if s.test() || !strings.HasPrefix(s.path, "shared/") || strings.HasPrefix(s.path, "shared/testkit") {
			continue
		}
		for _, p := range s.imports {
			if service, ok := strings.CutPrefix(p, sdk); ok {
				service, _, _ = strings.Cut(service, "/")
				known(s.path+" calls "+service, clients[service])
			}
		}
	}
}

// TestOutboundHosts fails when the code calls a sub-processor that no store empties.
func TestOutboundHosts(t *testing.T) {
	host := regexp.MustCompile(`https?://[a-z0-9.-]*(openai|stripe|sentry|slack|twilio|sendgrid|hubspot)[a-z0-9.-]*`)
	for _, s := range sources(t) {
		if s.test() || !strings.HasPrefix(s.path, "shared/") {
			continue
		}
		b, err := os.ReadFile("../../" + s.path)
		if err != nil {
			t.Fatal(err)
		}
		if m := host.FindString(string(b)); m != "" {
			t.Errorf("%s calls %s: a sub-processor needs a store of package retention", s.path, m)
		}
	}
}
