package backups_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/backup"
	"github.com/aws/aws-sdk-go-v2/service/backup/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/backups"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

type world struct {
	service *backups.Service
	clock   *clock.Movable
	vaults  *sdk.Client
	tables  *dynamodb.Client
	env     map[string]string
	reopen  func()
}

func open(t *testing.T) *world {
	t.Helper()
	w := &world{env: testkit.Environment(t), clock: clock.NewMovable(clock.Fixed(testkit.Start()))}
	e := testkit.Engines(t)
	prefix := w.env["BACKUP_VAULT"][:len(w.env["BACKUP_VAULT"])-len("BackupVault")]
	dir := filepath.Join(t.TempDir(), "backups")
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	w.reopen = func() {
		s, err := backups.Open(backups.Options{Dir: dir, DynamoDB: e.DynamoDB, Access: e.AccessKey, Secret: e.SecretKey, Now: w.clock.Now, Template: testkit.Template(t),
			Name: func(id string) string {
				if id == "RecordsTable" || id == "PeopleTable" || id == "PublicTable" || id == "LedgerTable" || id == "KeysTable" {
					id = id[:len(id)-len("Table")]
				}
				return prefix + id
			}})
		if err != nil {
			t.Fatal(err)
		}
		w.service, server.Config.Handler = s, s
	}
	w.reopen()
	cfg := aws.Config{Region: "eu-west-1", RetryMaxAttempts: 1, Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: e.AccessKey, SecretAccessKey: e.SecretKey}, nil
	})}
	w.vaults = sdk.NewFromConfig(cfg, func(o *sdk.Options) { o.BaseEndpoint = &server.URL })
	w.tables = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = &e.DynamoDB })
	return w
}

func (w *world) points(t *testing.T) []types.RecoveryPointByBackupVault {
	t.Helper()
	out, err := w.vaults.ListRecoveryPointsByBackupVault(t.Context(), &sdk.ListRecoveryPointsByBackupVaultInput{BackupVaultName: aws.String(w.env["BACKUP_VAULT"])})
	if err != nil {
		t.Fatal(err)
	}
	return out.RecoveryPoints
}

func (w *world) rows(t *testing.T, table string) []map[string]ddb.AttributeValue {
	t.Helper()
	var all []map[string]ddb.AttributeValue
	pages := dynamodb.NewScanPaginator(w.tables, &dynamodb.ScanInput{TableName: &table})
	for pages.HasMorePages() {
		out, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, out.Items...)
	}
	slices.SortFunc(all, func(a, b map[string]ddb.AttributeValue) int {
		return cmpText(a["PK"].(*ddb.AttributeValueMemberS).Value, b["PK"].(*ddb.AttributeValueMemberS).Value)
	})
	return all
}

func cmpText(a, b string) int {
	if a < b {
		return -1
	}
	if a > b {
		return 1
	}
	return 0
}

// TestCopyAndRestore drives the service with the SDK's clients: a table is copied, changed, and restored into a new one
// as it was, with every type of attribute, and with another identity.
func TestCopyAndRestore(t *testing.T) {
	w := open(t)
	table := w.env["PUBLIC_TABLE"]
	for i := range 400 {
		item := map[string]ddb.AttributeValue{
			"PK": &ddb.AttributeValueMemberS{Value: fmt.Sprintf("P#%04d <&>\u2028é", i)}, "n": &ddb.AttributeValueMemberN{Value: "12345678901234567890.125"},
			"b": &ddb.AttributeValueMemberB{Value: make([]byte, 8000)}, "t": &ddb.AttributeValueMemberBOOL{Value: true}, "z": &ddb.AttributeValueMemberNULL{Value: true},
			"l":  &ddb.AttributeValueMemberL{Value: []ddb.AttributeValue{&ddb.AttributeValueMemberM{Value: map[string]ddb.AttributeValue{"x": &ddb.AttributeValueMemberS{Value: "y"}}}}},
			"ss": &ddb.AttributeValueMemberSS{Value: []string{"a", "b"}},
		}
		if _, err := w.tables.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &table, Item: item}); err != nil {
			t.Fatal(err)
		}
	}
	before := w.rows(t, table)
	started, err := w.vaults.StartBackupJob(t.Context(), &sdk.StartBackupJobInput{
		BackupVaultName: aws.String(w.env["BACKUP_VAULT"]), ResourceArn: aws.String("arn:aws:dynamodb:eu-west-1:000000000000:table/" + table), IamRoleArn: aws.String("arn:role"),
		Lifecycle: &types.Lifecycle{DeleteAfterDays: aws.Int64(28)},
	})
	if err != nil {
		t.Fatal(err)
	}
	var states []types.BackupJobState
	for range 2 {
		out, err := w.vaults.DescribeBackupJob(t.Context(), &sdk.DescribeBackupJobInput{BackupJobId: started.BackupJobId})
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, out.State)
	}
	if !slices.Equal(states, []types.BackupJobState{types.BackupJobStateRunning, types.BackupJobStateCompleted}) {
		t.Errorf("the job went through %v", states)
	}
	if _, err := w.tables.DeleteItem(t.Context(), &dynamodb.DeleteItemInput{TableName: &table, Key: map[string]ddb.AttributeValue{"PK": before[0]["PK"]}}); err != nil {
		t.Fatal(err)
	}
	w.reopen() // what is known is on disk
	points := w.points(t)
	if len(points) != 1 || points[0].Status != types.RecoveryPointStatusCompleted || !aws.ToTime(points[0].CreationDate).Equal(testkit.Start()) || !aws.ToTime(points[0].CalculatedLifecycle.DeleteAt).Equal(testkit.Start().Add(28*24*time.Hour)) {
		t.Fatalf("%+v", points)
	}
	restore := func(name, token string) string {
		out, err := w.vaults.StartRestoreJob(t.Context(), &sdk.StartRestoreJobInput{RecoveryPointArn: points[0].RecoveryPointArn, IdempotencyToken: &token, Metadata: map[string]string{"targetTableName": name}})
		if err != nil {
			t.Fatal(err)
		}
		return *out.RestoreJobId
	}
	state := func(job string) types.RestoreJobStatus {
		var s types.RestoreJobStatus
		for range 2 {
			out, err := w.vaults.DescribeRestoreJob(t.Context(), &sdk.DescribeRestoreJobInput{RestoreJobId: &job})
			if err != nil {
				t.Fatal(err)
			}
			s = out.Status
		}
		return s
	}
	job := restore(table+"-restored-1", "once")
	if again := restore(table+"-restored-1", "once"); again != job || state(job) != types.RestoreJobStatusCompleted {
		t.Errorf("the same request is job %s and %s", job, again)
	}
	if s := state(restore(table, "over the living")); s != types.RestoreJobStatusFailed {
		t.Errorf("a restore over a table that exists is %s", s)
	}
	if d := cmp.Diff(fmt.Sprint(len(before)), fmt.Sprint(len(w.rows(t, table+"-restored-1")))); d != "" {
		t.Error(d)
	}
	for i, got := range w.rows(t, table+"-restored-1") {
		if d := cmp.Diff(before[i], got, cmp.AllowUnexported(ddb.AttributeValueMemberS{}, ddb.AttributeValueMemberN{}, ddb.AttributeValueMemberB{}, ddb.AttributeValueMemberBOOL{}, ddb.AttributeValueMemberNULL{}, ddb.AttributeValueMemberL{}, ddb.AttributeValueMemberM{}, ddb.AttributeValueMemberSS{})); d != "" {
			t.Fatal(d)
		}
	}
	id := func(name string) string {
		out, err := w.tables.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &name})
		if err != nil {
			t.Fatal(err)
		}
		return aws.ToString(out.Table.TableId)
	}
	if a, b := id(table), id(table+"-restored-1"); a == b || a == "" || b == "" {
		t.Errorf("tables are identified as %q and %q", a, b)
	}
}

// TestUnpleasantSides holds what the platform must cope with: 200 without effect, a locked vault, lifecycles it refuses.
func TestUnpleasantSides(t *testing.T) {
	w := open(t)
	vault := aws.String(w.env["BACKUP_VAULT"])
	start := func(days int64) error {
		_, err := w.vaults.StartBackupJob(t.Context(), &sdk.StartBackupJobInput{BackupVaultName: vault, ResourceArn: aws.String("arn:aws:dynamodb:eu-west-1:000000000000:table/" + w.env["PUBLIC_TABLE"]), IamRoleArn: aws.String("arn:role"), Lifecycle: &types.Lifecycle{DeleteAfterDays: &days}})
		return err
	}
	for _, days := range []int64{0, 6, 29} {
		var refused *types.InvalidParameterValueException
		if err := start(days); !errors.As(err, &refused) {
			t.Errorf("%d days: %v", days, err)
		}
	}
	for range 2 {
		if err := start(28); err != nil {
			t.Fatal(err)
		}
	}
	remove := func(arn *string) error {
		_, err := w.vaults.DeleteRecoveryPoint(t.Context(), &sdk.DeleteRecoveryPointInput{BackupVaultName: vault, RecoveryPointArn: arn})
		return err
	}
	points := w.points(t)
	w.service.Careless(true)
	if err := remove(points[0].RecoveryPointArn); err != nil {
		t.Errorf("AWS says 200 to whoever lacks the permission: %v", err)
	}
	if points = w.points(t); len(points) != 2 || points[0].Status != types.RecoveryPointStatusExpired {
		t.Errorf("and keeps the point as expired: %+v", points)
	}
	w.service.Careless(false)
	if err := remove(points[0].RecoveryPointArn); err != nil || len(w.points(t)) != 1 {
		t.Errorf("with the permission it goes: %v", err)
	}
	w.clock.Advance(3 * 24 * time.Hour)
	var refused *types.InvalidRequestException
	if err := remove(points[1].RecoveryPointArn); !errors.As(err, &refused) || len(w.points(t)) != 1 {
		t.Errorf("a locked vault: %v", err)
	}
	w.clock.Advance(25 * 24 * time.Hour)
	if n := len(w.points(t)); n != 0 {
		t.Errorf("%d points after 28 days", n)
	}
}
