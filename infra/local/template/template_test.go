package template_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/passportcraft/passportcraft/infra/local/template"
)

const real = "../../../template.yaml"

func TestTemplateOfThisRepository(t *testing.T) {
	tpl, err := template.Read(real)
	if err != nil {
		t.Fatal(err)
	}
	byFolder := map[string]template.Function{}
	for _, f := range tpl.Functions {
		byFolder[f.Folder] = f
	}
	resolver := byFolder["resolve-link"]
	want := template.Function{
		ID: "ResolveLinkFunction", Folder: "resolve-link", Timeout: 10 * time.Second, MemoryMB: 512,
		Routes: []template.Route{{"ANY", "/01/{gtin}", true}, {"ANY", "/01/{gtin}/10/{lot}", true}, {"ANY", "/01/{gtin}/21/{serial}", true}},
	}
	if d := cmp.Diff(want, resolver, cmpopts.IgnoreUnexported(template.Function{})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"APP_ENV", "CUSTODY_TABLE", "MARKER_KEY", "PUBLIC_BASE_URL", "PUBLIC_TABLE"}, resolver.Variables()); d != "" {
		t.Errorf("the resolver may know no more than this: %s", d)
	}
	if got := byFolder["create-passport"].Routes; !slices.Equal(got, []template.Route{{"POST", "/v1/passports", false}}) {
		t.Errorf("create-passport: %v", got)
	}
	for _, f := range tpl.Functions {
		if _, err := os.Stat(filepath.Join("../../../functions", f.Folder, "main.go")); err != nil {
			t.Errorf("%s: %v", f.ID, err)
		}
	}
	wantTables := []template.Table{
		{ID: "RecordsTable", Recovery: 28, Protected: true, Hash: "PK", Range: "SK", TTL: "ttl", Indexes: []template.Index{{
			Name: "ByStatus", Hash: "LPK", Range: "LSK", Projection: "INCLUDE",
			Include: []string{"id", "st", "pg", "gr", "rev", "ver", "crt", "upd", "pub", "sum"},
		}, {Name: "ByCreation", Hash: "CPK", Range: "CSK", Projection: "KEYS_ONLY"}, {Name: "ByDue", Hash: "DPK", Range: "DSK", Projection: "KEYS_ONLY"}}},
		{ID: "PeopleTable", Recovery: 28, Protected: true, Hash: "PK", Range: "SK"},
		{ID: "PublicTable", Recovery: 28, Protected: true, Hash: "PK"},
		{ID: "CustodyTable", Recovery: 28, Protected: true, Hash: "PK", Indexes: []template.Index{{Name: "ByEnd", Hash: "EPK", Range: "ESK", Projection: "KEYS_ONLY"}}},
		{ID: "LedgerTable", Recovery: 28, Protected: true, Hash: "PK", Range: "SK", Indexes: []template.Index{{Name: "ByDue", Hash: "DPK", Range: "DSK", Projection: "KEYS_ONLY"}}},
		{ID: "KeysTable", Recovery: 7, Protected: true, Hash: "PK", Range: "SK"},
	}
	if d := cmp.Diff(wantTables, tpl.Tables); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]template.Bucket{{ID: "DocumentsBucket", Versioned: true}, {ID: "ExportsBucket"}, {ID: "UploadsBucket"}, {ID: "EvidenceBucket", Versioned: true}, {ID: "AccessLogBucket", Versioned: true}}, tpl.Buckets); d != "" {
		t.Error(d)
	}
	if r := tpl.API.Responses["MISSING_AUTHENTICATION_TOKEN"]; r.Status != 404 || r.Headers["Content-Type"] != "application/problem+json" || !strings.Contains(r.Body, "route-not-found") {
		t.Errorf("unknown path: %+v", r)
	}
	if tpl.API.Stage != "live" || !slices.Equal(tpl.API.BinaryMediaTypes, []string{"*/*"}) || tpl.API.BurstLimit == 0 {
		t.Errorf("%+v", tpl.API)
	}
}

func TestResolveRealEnvironment(t *testing.T) {
	tpl, err := template.Read(real)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"AppEnv": "local", "PublicBaseUrl": "http://127.0.0.1:8080", "RecordsTable": "Records", "PublicTable": "Public",
		"MarkerKey": "key", "BackupVault": "backups", "LedgerVault": "ledger", "LedgerTable": "Ledger", "KeysTable": "Keys", "CustodyTable": "Custody", "CustodyKey.Arn": "arn:custody", "DocumentsBucket": "documents", "TenantKey.Arn": "arn:key",
		"PeopleTable": "People", "UserPool": "pool", "UserPoolClient": "client", "UserPoolDomain": "domain", "EvidenceBucket": "evidence", "ExportsBucket": "exports", "UploadsBucket": "uploads", "AuditKey.Arn": "arn:audit", "LedgerKey.Arn": "arn:ledger", "UserPool.Arn": "arn:pool", "MailFrom": "from@example.com", "LogDays": "14", "AWS::Region": "eu-west-1",
		"AWS::Partition": "aws", "AWS::AccountId": "000000000000",
	}
	got, err := tpl.Resolve(values)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"APP_ENV": "local", "MARKER_KEY": "key", "PUBLIC_BASE_URL": "http://127.0.0.1:8080", "RECORDS_TABLE": "Records", "KEYS_TABLE": "Keys",
		"DOCUMENTS_BUCKET": "documents", "TENANT_KEY_ARN": "arn:key", "PEOPLE_TABLE": "People", "TENANT_ROLE_ARN": "arn:aws:iam::000000000000:role/passportcraft-local-create-passport",
		"TOKEN_ISSUER": "https://cognito-idp.eu-west-1.amazonaws.com/pool", "TOKEN_CLIENT_ID": "client",
	}
	if d := cmp.Diff(want, got["create-passport"]); d != "" {
		t.Error(d)
	}
	delete(values, "TenantKey.Arn")
	if _, err := tpl.Resolve(values); err == nil || !strings.Contains(err.Error(), "TENANT_KEY_ARN of AuthoriseRequestFunction") || !strings.Contains(err.Error(), "TenantKey.Arn") {
		t.Errorf("a missing value must be named, got %v", err)
	}
}

const everything = `
Parameters:
  Stage: {Type: String, Default: dev}
  Count: {Type: Number}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  NotProd: !Not [!Condition IsProd]
  Both: !And [!Condition NotProd, {"Fn::Equals": [a, a]}]
  Either: !Or [!Condition IsProd, !Condition Both]
Globals:
  Function:
    Timeout: 7
    Environment: {Variables: {A: global, B: global}}
Resources:
  SweepDeletionsFunction:
    Type: AWS::Serverless::Function
    Properties:
      MemorySize: 1024
      Environment:
        Variables:
          B: own
          REF: !Ref Table
          LONG: {Ref: Table}
          ATT: !GetAtt Key.Arn
          ATTLONG: {"Fn::GetAtt": [Key, Arn]}
          SUB: !Sub 'x-${Stage}-${Key.Arn}-${!kept}-${AWS::Region}'
          SUBLIST: !Sub ['${Own}/${Stage}', {Own: !Ref Table}]
          JOIN: !Join ['/', [a, !Ref Table]]
          IF: !If [IsProd, yes-it-is, !Sub '${Stage}!']
          GONE: !If [Either, !Ref AWS::NoValue, x]
          EMPTY: ''
      Events:
        Daily: {Type: ScheduleV2, Properties: {ScheduleExpression: 'rate(1 day)', Input: '{"a":1}'}}
        Off: {Type: Schedule, Properties: {Schedule: 'cron(0 3 * * ? *)', Enabled: false}}
        Put:
          Type: S3
          Properties:
            Bucket: !Ref Files
            Events: ['s3:ObjectCreated:*']
            Filter: {S3Key: {Rules: [{Name: prefix, Value: in/}, {Name: suffix, Value: .json}]}}
  Files: {Type: AWS::S3::Bucket}
`

func TestEverythingTheParserKnows(t *testing.T) {
	tpl, err := template.Parse([]byte(everything))
	if err != nil {
		t.Fatal(err)
	}
	want := []template.Function{{
		ID: "SweepDeletionsFunction", Folder: "sweep-deletions", Timeout: 7 * time.Second, MemoryMB: 1024,
		Schedules: []template.Schedule{
			{Name: "sweep-deletions.Daily", Expression: "rate(1 day)", Input: `{"a":1}`, Enabled: true},
			{Name: "sweep-deletions.Off", Expression: "cron(0 3 * * ? *)"},
		},
		ObjectEvents: []template.ObjectEvent{{Bucket: "Files", Events: []string{"s3:ObjectCreated:*"}, Prefix: "in/", Suffix: ".json"}},
	}}
	if d := cmp.Diff(want, tpl.Functions, cmpopts.IgnoreUnexported(template.Function{})); d != "" {
		t.Error(d)
	}
	got, err := tpl.Resolve(map[string]string{"Table": "T1", "Key.Arn": "arn:k", "AWS::Region": "eu-west-1"})
	if err != nil {
		t.Fatal(err)
	}
	wantEnvironment := map[string]string{
		"A": "global", "B": "own", "REF": "T1", "LONG": "T1", "ATT": "arn:k", "ATTLONG": "arn:k", "SUB": "x-dev-arn:k-${kept}-eu-west-1",
		"SUBLIST": "T1/dev", "JOIN": "a/T1", "IF": "dev!", "EMPTY": "",
	}
	if d := cmp.Diff(wantEnvironment, got["sweep-deletions"]); d != "" {
		t.Error(d)
	}
}

func TestRefusals(t *testing.T) {
	function := func(events string) string {
		return "Resources:\n  AFunction:\n    Type: AWS::Serverless::Function\n    Properties:\n      Events: {" + events + "}\n"
	}
	route := func(method, path string) string {
		return function("E: {Type: Api, Properties: {Method: " + method + ", Path: '" + path + "'}}")
	}
	for _, c := range []struct{ name, source, want string }{
		{"not YAML", "a: [", "not YAML"},
		{"resources are a list", "Resources: [a]", "line 1: names and values"},
		{"resource twice", "Resources:\n  A: {Type: X}\n  A: {Type: X}", "A"},
		{"no slash", route("get", "x"), "line 5: path \"x\": it must start"},
		{"parameter in part of a segment", route("get", "/a{x}"), "segment \"a{x}\""},
		{"parameter not closed", route("get", "/{x"), "segment \"{x\""},
		{"greedy in the middle", route("get", "/{x+}/a"), "must be last"},
		{"parameter twice", route("get", "/{x}/{x}"), "there twice"},
		{"empty segment", route("get", "/a//b"), "segment \"\""},
		{"unknown method", route("fetch", "/a"), "not a method"},
		{"unknown event", function("E: {Type: SQS}"), "SQS"},
		{"one route twice", function("E: {Type: Api, Properties: {Method: get, Path: /a}}, F: {Type: Api, Properties: {Method: GET, Path: /a}}"), "GET /a belongs to both"},
		{"time zone", function("E: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 day), ScheduleExpressionTimezone: Europe/Paris}}"), "UTC"},
		{"number key", "Resources: {T: {Type: AWS::DynamoDB::Table, Properties: {KeySchema: [{AttributeName: PK, KeyType: HASH}], AttributeDefinitions: [{AttributeName: PK, AttributeType: N}]}}}", "type N"},
		{"no hash key", "Resources: {T: {Type: AWS::DynamoDB::Table}}", "no HASH"},
		{"two gateways", "Resources: {A: {Type: AWS::Serverless::Api}, B: {Type: AWS::Serverless::Api}}", "more than one"},
		{"mapped header", "Resources: {A: {Type: AWS::Serverless::Api, Properties: {GatewayResponses: {THROTTLED: {ResponseParameters: {Headers: {X: method.request.header.Y}}}}}}}", "single quotes"},
		{"status is not a number", "Resources: {A: {Type: AWS::Serverless::Api, Properties: {GatewayResponses: {THROTTLED: {StatusCode: many}}}}}", "whole number"},
		{"unknown function", "Conditions: {A: !FindInMap [a, b, c]}", "FindInMap"},
		{"intrinsic where plain text is needed", route("!Ref X", "/a"), "plain value"},
		{"alias to itself", "Conditions: {A: &a !Not [*a]}", "too much"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := template.Parse([]byte(c.source)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("want an error with %q, got %v", c.want, err)
			}
		})
	}
}

func TestConditionsInACircle(t *testing.T) {
	source := "Conditions: {A: !Not [!Condition B], B: !Not [!Condition A]}\n" +
		"Resources: {AFunction: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {X: !If [A, a, b]}}}}}"
	tpl, err := template.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tpl.Resolve(nil); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("got %v", err)
	}
}

func TestFolder(t *testing.T) {
	for id, want := range map[string]string{
		"GetPassportFunction": "get-passport", "DescribeProductGroupsFunction": "describe-product-groups", "AFunction": "a", "Rotate2KeysFunction": "rotate2-keys",
	} {
		if got := template.Folder(id); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(everything)
	f.Add("Resources: {AFunction: {Type: AWS::Serverless::Function, Properties: {Environment: {Variables: {X: !Sub '${A}'}}}}}")
	f.Add("Conditions: {A: &a !Not [*a]}")
	f.Add("a: &a [x, x]\nb: &b [*a, *a]\nConditions: {C: !And *b}")
	f.Fuzz(func(t *testing.T, source string) {
		tpl, err := template.Parse([]byte(source))
		if err != nil {
			return
		}
		for _, fn := range tpl.Functions {
			for _, r := range fn.Routes {
				if !strings.HasPrefix(r.Path, "/") || r.Method != strings.ToUpper(r.Method) {
					t.Errorf("accepted %+v", r)
				}
			}
		}
		_, _ = tpl.Resolve(map[string]string{"A": "a"})
	})
}
