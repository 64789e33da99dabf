package iam_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

const (
	one = "01a3c7ab-7680-7000-8000-000000000001"
	two = "01a3c7ab-7680-7000-8000-000000000002"
)

// world is the gate of the real template before real engines.
type world struct {
	gate  *iam.Gate
	env   map[string]string
	clock *clock.Movable
	http  aws.HTTPClient
	at    string // base address of all services; "" for their own
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{env: testkit.Environment(t), clock: clock.NewMovable(clock.Fixed(testkit.Start()))}
	g, err := iam.New(iam.Options{
		Template: testkit.Template(t), Values: testkit.Values(w.env), Now: w.clock.Now, Random: rand.Reader,
		Engines: iam.Engines{DynamoDB: w.env["DYNAMODB_ENDPOINT"], S3: w.env["S3_ENDPOINT"], KMS: w.env["KMS_ENDPOINT"], AccessKey: w.env["AWS_ACCESS_KEY_ID"], SecretKey: w.env["AWS_SECRET_ACCESS_KEY"]},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.gate, w.http = g, g
	return w
}

func (w *world) config(c aws.Credentials) aws.Config {
	return aws.Config{Region: "eu-west-1", HTTPClient: w.http, RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return c, nil })}
}

func (w *world) endpoint(name string) *string {
	if w.at != "" {
		return &w.at
	}
	return aws.String(w.env[name])
}

// session assumes the tenant role of create-passport.
func (w *world) session(t testing.TB, function string, tags ...string) (aws.Credentials, error) {
	t.Helper()
	own, role := w.gate.Identity(iam.As(t.Context(), function))
	api := sts.NewFromConfig(w.config(own), func(o *sts.Options) { o.BaseEndpoint = aws.String(testkit.STSEndpoint) })
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: aws.String("test"), DurationSeconds: aws.Int32(900)}
	for i := 0; i < len(tags); i += 2 {
		in.Tags = append(in.Tags, ststypes.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	out, err := api.AssumeRole(t.Context(), in)
	if err != nil {
		return aws.Credentials{}, err
	}
	c := out.Credentials
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}, nil
}

func (w *world) tenant(t testing.TB, function, tenant string) aws.Credentials {
	t.Helper()
	c, err := w.session(t, function, "tenant", tenant)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func code(err error) string {
	if api := smithy.APIError(nil); errors.As(err, &api) {
		return api.ErrorCode()
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// calls are calls of every service as the platform makes them, and as somebody would who has got hold of a function.
func calls(t testing.TB, w *world, c aws.Credentials) map[string]func() error {
	ctx, cfg := t.Context(), w.config(c)
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = w.endpoint("DYNAMODB_ENDPOINT") })
	keys := kms.NewFromConfig(cfg, func(o *kms.Options) { o.BaseEndpoint = w.endpoint("KMS_ENDPOINT") })
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = w.endpoint("S3_ENDPOINT"), true })
	records, bucket, wrap := w.env["RECORDS_TABLE"], w.env["DOCUMENTS_BUCKET"], w.env["TENANT_KEY_ARN"]
	key := func(pk string) map[string]types.AttributeValue {
		return map[string]types.AttributeValue{"PK": text(pk), "SK": text("X")}
	}
	get := func(table, pk string) func() error {
		return func() error {
			_, err := db.GetItem(ctx, &dynamodb.GetItemInput{TableName: &table, Key: key(pk)})
			return err
		}
	}
	query := func(index, condition string, names map[string]string, values map[string]types.AttributeValue) func() error {
		return func() error {
			in := &dynamodb.QueryInput{TableName: &records, KeyConditionExpression: &condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values}
			if index != "" {
				in.IndexName = &index
			}
			_, err := db.Query(ctx, in)
			return err
		}
	}
	generate := func(context map[string]string) func() error {
		return func() error {
			_, err := keys.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &wrap, KeySpec: kmstypes.DataKeySpecAes256, EncryptionContext: context})
			return err
		}
	}
	write := func(pks ...string) func() error {
		return func() error {
			in := &dynamodb.TransactWriteItemsInput{}
			for _, pk := range pks {
				in.TransactItems = append(in.TransactItems, types.TransactWriteItem{Put: &types.Put{TableName: &records, Item: key(pk)}})
			}
			_, err := db.TransactWriteItems(ctx, in)
			return err
		}
	}
	put := func(name string) func() error {
		return func() error {
			_, err := objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: strings.NewReader("sealed")})
			return err
		}
	}
	return map[string]func() error{
		"get own": get(records, "T#"+one), "get own below": get(records, "T#"+one+"#M"), "get another's": get(records, "T#"+two), "get one that begins alike": get(records, "T#"+one+"x"),
		"get from the ledger": get(w.env["LEDGER_TABLE"], "T#"+one), "get own wrapped key": get(w.env["KEYS_TABLE"], "T#"+one), "get another's wrapped key": get(w.env["KEYS_TABLE"], "T#"+two),
		"query another's":             query("", "PK = :p", nil, map[string]types.AttributeValue{":p": text("T#" + two)}),
		"query another's by alias":    query("", "#p = :p AND begins_with(SK, :s)", map[string]string{"#p": "PK"}, map[string]types.AttributeValue{":p": text("T#" + two), ":s": text("x")}),
		"query own list":              query("ByStatus", "LPK = :p", nil, map[string]types.AttributeValue{":p": text("T#" + one + "#L#draft#0")}),
		"query another's list":        query("ByStatus", "LPK = :p", nil, map[string]types.AttributeValue{":p": text("T#" + two + "#L#draft#0")}),
		"write own":                   write("T#"+one, "T#"+one+"#M"),
		"write own and another's":     write("T#"+one, "T#"+two),
		"wrap for own":                generate(map[string]string{"t": one}),
		"wrap for another":            generate(map[string]string{"t": two}),
		"wrap for nobody":             generate(nil),
		"put own object":              put("content/" + one + "/x"),
		"put another's object":        put("content/" + two + "/x"),
		"put beside":                  put("content/" + one + "x/x"),
		"put elsewhere in the bucket": put("x"),
		"scan": func() error {
			_, err := db.Scan(ctx, &dynamodb.ScanInput{TableName: &records})
			return err
		},
		"read by PartiQL": func() error {
			_, err := db.ExecuteStatement(ctx, &dynamodb.ExecuteStatementInput{Statement: aws.String(`SELECT * FROM "` + records + `"`)})
			return err
		},
		"read own and another's in a batch": func() error {
			_, err := db.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{records: {Keys: []map[string]types.AttributeValue{key("T#" + one), key("T#" + two)}}}})
			return err
		},
		"delete the table": func() error {
			_, err := db.DeleteTable(ctx, &dynamodb.DeleteTableInput{TableName: &records})
			return err
		},
		"list the bucket": func() error {
			_, err := objects.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket})
			return err
		},
		"copy another's object": func() error {
			_, err := objects.CopyObject(ctx, &s3.CopyObjectInput{Bucket: &bucket, Key: aws.String("content/" + one + "/y"), CopySource: aws.String(bucket + "/content/" + two + "/x")})
			return err
		},
		"delete the key": func() error {
			_, err := keys.ScheduleKeyDeletion(ctx, &kms.ScheduleKeyDeletionInput{KeyId: &wrap})
			return err
		},
	}
}

// TestIsolation makes the calls with a session of one tenant, with the function's own credentials and as whoever runs the
// machine, in this process and over a network.
func TestIsolation(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w.gate)
	defer server.Close()
	allowed := []string{"get own", "get own below", "get own wrapped key", "query own list", "write own", "wrap for own", "put own object"}
	// What no one function is given together is asked of several.
	may := map[string][]string{
		"create-passport": {"get own", "get own below", "get own wrapped key", "write own", "put own object"},
		"list-passports":  {"get own", "get own below", "get own wrapped key", "query own list", "write own"},
		"create-tenant":   {"get own", "get own below", "get own wrapped key", "write own", "wrap for own"},
	}
	seen := map[string]bool{}
	for function, list := range may {
		c := w.tenant(t, function, one)
		for _, remote := range []bool{false, true} {
			w.http, w.at = w.gate, ""
			if remote {
				w.http, w.at = http.DefaultClient, server.URL
			}
			for name, do := range calls(t, w, c) {
				err := do()
				if slices.Contains(list, name) {
					seen[name] = true
					if err != nil {
						t.Errorf("%s: %s: %v", function, name, err)
					}
					continue
				}
				if got := code(err); got != "AccessDeniedException" && got != "AccessDenied" {
					t.Errorf("%s: %s: %q", function, name, got)
				}
			}
		}
		w.http, w.at = w.gate, ""
		for name, do := range calls(t, w, w.gate.Credentials(function)) {
			if got := code(do()); got != "AccessDeniedException" && got != "AccessDenied" {
				t.Errorf("%s by itself: %s: %q", function, name, got)
			}
		}
	}
	for _, name := range allowed {
		if !seen[name] {
			t.Errorf("nobody was asked to %s", name)
		}
	}
	machine, _ := w.gate.Identity(t.Context())
	for _, name := range []string{"get another's", "scan", "put another's object"} {
		if err := calls(t, w, machine)[name](); err != nil {
			t.Errorf("whoever runs the machine: %s: %v", name, err)
		}
	}
}

// TestSessions holds who gets a session, and for how long it is good.
func TestSessions(t *testing.T) {
	w := newWorld(t)
	for name, tags := range map[string][]string{
		"no tag": nil, "another tag": {"tennant", one}, "two tags": {"tenant", one, "role", "owner"}, "a star": {"tenant", "*"}, "empty": {"tenant", ""},
		"not an identifier": {"tenant", "one"},
	} {
		if _, err := w.session(t, "create-passport", tags...); code(err) != "AccessDenied" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.session(t, "resolve-link", "tenant", one); err == nil {
		t.Error("a function without a tenant role has a session")
	}
	c := w.tenant(t, "create-passport", one)
	get := calls(t, w, c)["get own"]
	w.clock.Advance(15*time.Minute - time.Second)
	if err := get(); err != nil {
		t.Errorf("before its end: %v", err)
	}
	w.clock.Advance(time.Second)
	if got := code(get()); got != "ExpiredTokenException" {
		t.Errorf("after its end: %q", got)
	}
}

// TestForgeries holds that a signature must be the caller's own.
func TestForgeries(t *testing.T) {
	w := newWorld(t)
	good := w.tenant(t, "create-passport", one)
	other := w.tenant(t, "create-passport", two)
	for name, tc := range map[string]struct {
		change func(*aws.Credentials)
		db, s3 string
	}{
		"unknown key":     {func(c *aws.Credentials) { c.AccessKeyID = "AKIAAAAAAAAAAAAAAAAA" }, "UnrecognizedClientException", "InvalidAccessKeyId"},
		"wrong secret":    {func(c *aws.Credentials) { c.SecretAccessKey += "x" }, "InvalidSignatureException", "SignatureDoesNotMatch"},
		"no token":        {func(c *aws.Credentials) { c.SessionToken = "" }, "UnrecognizedClientException", "InvalidAccessKeyId"},
		"another's token": {func(c *aws.Credentials) { c.SessionToken = other.SessionToken }, "UnrecognizedClientException", "InvalidAccessKeyId"},
		"another's key":   {func(c *aws.Credentials) { c.AccessKeyID = other.AccessKeyID }, "UnrecognizedClientException", "InvalidAccessKeyId"},
		"token of nobody": {func(c *aws.Credentials) { *c = w.gate.Credentials("create-passport"); c.SessionToken = "x" }, "UnrecognizedClientException", "InvalidAccessKeyId"},
	} {
		c := good
		tc.change(&c)
		all := calls(t, w, c)
		if got := code(all["get own"]()); got != tc.db {
			t.Errorf("%s: DynamoDB answers %q, want %q", name, got, tc.db)
		}
		if got := code(all["put own object"]()); got != tc.s3 {
			t.Errorf("%s: S3 answers %q, want %q", name, got, tc.s3)
		}
	}
	// A signed request whose content is changed on the way.
	w.http = tampering{w.gate}
	if got := code(calls(t, w, good)["get own"]()); got != "InvalidSignatureException" {
		t.Errorf("a changed body: %q", got)
	}
	r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/", strings.NewReader("{}"))
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810.GetItem")
	if resp, err := w.gate.Do(r); err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("an unsigned request: %v %v", resp, err)
	}
}

type tampering struct{ next aws.HTTPClient }

func (c tampering) Do(r *http.Request) (*http.Response, error) {
	again := r.Clone(r.Context())
	again.Body = http.NoBody
	body := `{"TableName":"x","Key":{"PK":{"S":"T#` + two + `"},"SK":{"S":"X"}}}`
	again.Body, again.ContentLength = httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body)).Body, int64(len(body))
	return c.next.Do(again)
}

// TestDenialsAreTold holds that a refusal says enough to be mended, and a use is counted.
func TestDenialsAreTold(t *testing.T) {
	w := newWorld(t)
	all := calls(t, w, w.tenant(t, "create-passport", one))
	if err := all["get own"](); err != nil {
		t.Fatal(err)
	}
	_ = all["get another's"]()
	denials := w.gate.Denials()
	if len(denials) != 1 || denials[0].Role != "CreatePassportTenantRole" || denials[0].Action != "dynamodb:GetItem" || !slices.Equal(denials[0].LeadingKeys, []string{"T#" + two}) {
		t.Errorf("denials: %+v", denials)
	}
	used := w.gate.Used()
	if !slices.Contains(used, iam.Grant{Role: "CreatePassportTenantRole", Sid: "UseRecords", Action: "dynamodb:GetItem"}) || len(used) != 3 {
		t.Errorf("used: %+v", used)
	}
}

// BenchmarkGate is what the gate adds to a call of the key service's size: signature and policies, without the engine.
func BenchmarkGate(b *testing.B) {
	w := newWorld(b)
	do := calls(b, w, w.tenant(b, "create-passport", one))["get another's"] // refused, so the engine is not asked
	for b.Loop() {
		_ = do()
	}
}
