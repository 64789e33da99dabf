package testkit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// STSEndpoint is where the gate answers for the Security Token Service in tests; nothing listens there.
const STSEndpoint = "http://127.0.0.1/sts"

// grantsVariable names the folder in which the kits of a test process leave which grants they used.
const grantsVariable = "PASSPORTCRAFT_TEST_GRANTS"

// Values are the names of an environment's resources, as the template names them.
func Values(env map[string]string) map[string]string {
	return map[string]string{
		"AppEnv": env["APP_ENV"], "PublicBaseUrl": env["PUBLIC_BASE_URL"], "AWS::Region": env["AWS_REGION"], "AWS::AccountId": "000000000000", "AWS::Partition": "aws", "AWS::StackName": stackOf(env["RECORDS_TABLE"]),
		"RecordsTable": env["RECORDS_TABLE"], "PeopleTable": env["PEOPLE_TABLE"], "PublicTable": env["PUBLIC_TABLE"], "LedgerTable": env["LEDGER_TABLE"], "KeysTable": env["KEYS_TABLE"], "CustodyTable": env["CUSTODY_TABLE"],
		"DocumentsBucket": env["DOCUMENTS_BUCKET"], "EvidenceBucket": env["EVIDENCE_BUCKET"], "ExportsBucket": env["EXPORTS_BUCKET"], "UploadsBucket": env["UPLOADS_BUCKET"], "AccessLogBucket": env["DOCUMENTS_BUCKET"] + "-log",
		"BackupVault": env["BACKUP_VAULT"], "LedgerVault": env["LEDGER_VAULT"], "MarkerKey": env["MARKER_KEY"], "LedgerKey.Arn": env["LEDGER_KEY_ARN"],
		"TenantKey.Arn": env["TENANT_KEY_ARN"], "AuditKey.Arn": env["AUDIT_KEY_ARN"], "CustodyKey.Arn": env["CUSTODY_KEY_ARN"], "MailFrom": env["MAIL_FROM"], "UserPool": "pool", "UserPool.Arn": "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/pool", "LogDays": "14", "UserPoolClient": env["TOKEN_CLIENT_ID"], "UserPoolDomain": "sign-in",
	}
}

// stackOf is the stack that a table of records is of.
func stackOf(table string) string {
	stack, _, _ := strings.Cut(table, "-RecordsTable-")
	return stack
}

// gate puts the policies of the template in front of the engines of an environment.
func gate(t testing.TB, env map[string]string, now clock.Clock, next aws.HTTPClient, created func(bucket, object string)) *iam.Gate {
	t.Helper()
	g, err := iam.New(iam.Options{
		Template: Template(t), Values: Values(env), Now: now, Random: rand.Reader, Next: next, Created: created,
		Engines: iam.Engines{DynamoDB: env["DYNAMODB_ENDPOINT"], S3: env["S3_ENDPOINT"], KMS: env["KMS_ENDPOINT"], SES: env["SES_ENDPOINT"], Cognito: env["COGNITO_ENDPOINT"], Backup: env["BACKUP_ENDPOINT"], AccessKey: env["AWS_ACCESS_KEY_ID"], SecretKey: env["AWS_SECRET_ACCESS_KEY"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b, err := json.Marshal(g.Used())
		if err == nil {
			err = os.WriteFile(filepath.Join(os.Getenv(grantsVariable), env["RECORDS_TABLE"]+".json"), b, 0o600)
		}
		if err != nil {
			t.Error(err)
		}
	})
	return g
}

// OpenGate is a gate without a platform behind it.
func OpenGate(t testing.TB, env map[string]string, now clock.Clock) *iam.Gate {
	t.Helper()
	return gate(t, env, now, nil, nil)
}

// used are the grants that all kits of the process have used.
func used(dir string) (map[iam.Grant]bool, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	all := map[iam.Grant]bool{}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var some []iam.Grant
		if err := json.Unmarshal(b, &some); err != nil {
			return nil, err
		}
		for _, g := range some {
			all[g] = true
		}
	}
	return all, err
}

// asFunction has each request answered by the function that serves its route, with that function's credentials. A
// request for which there is no route goes to the function "".
func asFunction(routes []httpapi.Route, handler func(function string) http.Handler) http.Handler {
	table := http.NewServeMux()
	for _, r := range routes {
		table.Handle(r.Pattern, served(r.Function))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tidy := r.Clone(r.Context())
		if p := r.URL.Path; len(p) > 1 {
			tidy.URL.Path, tidy.URL.RawPath = strings.TrimSuffix(p, "/"), strings.TrimSuffix(r.URL.EscapedPath(), "/")
		}
		h, _ := table.Handler(tidy)
		function, _ := h.(served)
		handler(string(function)).ServeHTTP(w, r.WithContext(iam.As(r.Context(), string(function))))
	})
}

// served is the function of a route.
type served string

func (served) ServeHTTP(http.ResponseWriter, *http.Request) {}

// AsFunction is a context in which calls are made as a function makes them, for a tenant if one is given.
func (k *Kit) AsFunction(function string) context.Context {
	return iam.As(context.Background(), function)
}

// Gate is the policies in front of the engines.
func (k *Kit) Gate() *iam.Gate { return k.gate }

// granted are all grants of the template.
func granted() ([]iam.Grant, error) {
	root, err := enginehost.Root()
	if err != nil {
		return nil, err
	}
	parsed, err := template.Read(filepath.Join(root, "template.yaml"))
	if err != nil {
		return nil, err
	}
	g, err := iam.New(iam.Options{Template: parsed, Values: Values(map[string]string{"APP_ENV": "local", "AWS_REGION": "eu-west-1"}), Now: clock.System, Random: rand.Reader})
	if err != nil {
		return nil, err
	}
	return g.Granted(), nil
}
