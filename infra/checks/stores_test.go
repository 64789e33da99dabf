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
	"AccessLogBucket": "logs",
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

// known fails unless stores of package retention empty what, or it is said why none does.
func known(t *testing.T) func(what, said string) {
	t.Helper()
	wiring, err := os.ReadFile("../../shared/runtime/retaining/retaining.go")
	if err != nil {
		t.Fatal(err)
	}
	stores := map[string]bool{"logs": true}
	for _, m := range regexp.MustCompile(`Store: "([a-z-]+)"`).FindAllStringSubmatch(string(wiring), -1) {
		stores[m[1]] = true
	}
	for constructor, name := range map[string]string{
		"NewSweepRecords(": "records", "NewSweepPeople(": "people", "NewSweepSettings(": "settings", "NewSweepPublic(": "public", "NewSweepKeys(": "keys",
		"userpool.Sweep{": "identity-provider", "mail.Sweep{": "mail-suppression",
	} {
		stores[name] = strings.Contains(string(wiring), constructor)
	}
	return func(what, said string) {
		t.Helper()
		if strings.HasPrefix(said, "exempt: ") {
			return
		}
		for name := range strings.SplitSeq(said, ", ") {
			if said == "" || !stores[name] {
				t.Errorf("%s: no store of package retention empties it (%q): add one, or say here why none is needed", what, name)
			}
		}
	}
}

// TestEveryPlaceIsEmptied fails for a place that could hold data of an organisation and that no store empties.
func TestEveryPlaceIsEmptied(t *testing.T) {
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := known(t)
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

// hosts are those that the text of the code names, with the store of what they keep, or why there is none.
var hosts = map[string]string{
	"www.w3.org":                 "exempt: names of vocabularies and namespaces; nothing is fetched",
	"schemas.openxmlformats.org": "exempt: namespaces of spreadsheets; nothing is fetched",
	"id.gs1.org":                 "exempt: product identifiers; nothing is fetched",
	"passportcraft.dev":          "exempt: our own vocabulary; nothing is fetched",
}

// callers are the files that send requests over HTTP without the SDK, with the store of what the other side keeps.
var callers = map[string]string{
	"shared/adapters/identity/client.go": "identity-provider",
	"shared/adapters/identity/keys.go":   "exempt: fetches public keys of the identity provider and sends nothing",
	"shared/runtime/wire/config.go":      "exempt: the connection that the SDK uses; see clients",
	"shared/runtime/wire/wire.go":        "identity-provider",
	"shared/runtime/lambdahost":          "exempt: makes the request that came in; sends none",
}

// TestOutboundHosts fails when the code names a host, or sends requests from a place, that nobody has thought about: what a
// sub-processor keeps needs a store of package retention.
func TestOutboundHosts(t *testing.T) {
	host := regexp.MustCompile(`https?://([A-Za-z0-9.-]+\.[A-Za-z]+)`)
	sends := regexp.MustCompile(`http\.(Client\{|Transport\{|Get\(|Head\(|Post(Form)?\(|DefaultClient|NewRequest)|net\.Dial|tls\.Dial|websocket|net/smtp`)
	known := known(t)
	named, sending := map[string]bool{}, map[string]bool{}
	for _, s := range sources(t) {
		if s.test() || !strings.HasPrefix(s.path, "shared/") && !strings.HasPrefix(s.path, "functions/") || strings.HasPrefix(s.path, "shared/testkit") {
			continue
		}
		b, err := os.ReadFile("../../" + s.path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range host.FindAllStringSubmatch(string(b), -1) {
			named[m[1]] = true
			known(s.path+" names the host "+m[1], hosts[m[1]])
		}
		if !sends.Match(b) {
			continue
		}
		from := s.path
		if callers[from] == "" {
			from = s.dir()
		}
		sending[from] = true
		known(s.path+" sends requests by "+string(sends.Find(b)), callers[from])
	}
	for name := range hosts {
		if !named[name] {
			t.Errorf("no code names the host %s", name)
		}
	}
	for name := range callers {
		if !sending[name] {
			t.Errorf("%s sends no requests", name)
		}
	}
}
