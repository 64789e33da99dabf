package routes_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/shared/adapters/objects"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/runtime/backing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// copies makes one day's copies, as the plans of the template do.
func copies(t *testing.T, k *testkit.Kit) {
	t.Helper()
	for rule := range k.Copies.Rules() {
		if err := k.Copies.Run(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
	}
}

func rotate(t *testing.T, k *testkit.Kit) error {
	t.Helper()
	return backing.Jobs(k.App.App)[0].Run(k.AsFunction("rotate-backups"), k.Clock.Now())
}

// TestRotateBackups walks 40 days with a copy on each: the rotation is content every day, no copy gets older than 28 days,
// and what DynamoDB was told to keep besides goes in its time.
func TestRotateBackups(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	native(t, k, k.Env["RECORDS_TABLE"])
	oldest := func() time.Duration {
		at, complete, err := backing.Rotator(k.App.App).Oldest(context.Background())
		if err != nil || !complete {
			t.Fatal(at, complete, err)
		}
		return k.Clock.Now().Sub(at)
	}
	for d := range 40 {
		copies(t, k)
		k.Clock.Advance(4 * time.Hour)
		if err := rotate(t, k); err != nil {
			t.Fatalf("day %d: %v", d, err)
		}
		if got, most := oldest(), 28*24*time.Hour; got > most || d < 28 && got < time.Duration(d)*24*time.Hour {
			t.Errorf("day %d: the oldest copy is %s old", d, got)
		}
		k.Clock.Advance(20 * time.Hour)
	}
	lines := strings.Split(strings.TrimSpace(k.Log.String()), "\n")
	var last struct {
		OldestBackupAge, NewestBackupAge float64
		ExpiredRecoveryPoints, Backups   int
	}
	for _, l := range lines {
		if strings.Contains(l, `"msg":"backups"`) {
			if err := json.Unmarshal([]byte(l), &last); err != nil {
				t.Fatal(err)
			}
		}
	}
	if last.NewestBackupAge != 4*3600 || last.OldestBackupAge != (27*24+4)*3600 || last.ExpiredRecoveryPoints != 0 || last.Backups != 4*28+40 {
		t.Errorf("published %+v", last)
	}
}

// TestDrillAge holds that the age of the last good restore is published once a day, and nothing while there is none.
func TestDrillAge(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	copies(t, k)
	age := func() (figures []float64) {
		t.Helper()
		k.Log.Reset()
		if err := rotate(t, k); err != nil {
			t.Fatal(err, k.Gate().Denials())
		}
		for _, l := range strings.Split(k.Log.String(), "\n") {
			var record struct{ DrillAge *float64 }
			if json.Unmarshal([]byte(l), &record) == nil && record.DrillAge != nil {
				figures = append(figures, *record.DrillAge)
			}
		}
		return figures
	}
	k.Clock.Advance(time.Hour)
	if got := age(); got != nil {
		t.Errorf("without a restore: %v", got)
	}
	c := k.App.Config()
	evidence := objects.OpenEvidence(k.App.AWS(), c.S3Endpoint, c.EvidenceBucket, httpapi.Count)
	for id, at := range map[string]time.Duration{"old": -30 * 24 * time.Hour, "new": -2 * time.Hour, "failed": -time.Hour} {
		if err := (drill.Report{ID: id, FinishedAt: k.Clock.Now().Add(at), Passed: id != "failed"}).Keep(t.Context(), evidence, "{}"); err != nil {
			t.Fatal(err)
		}
	}
	if got := age(); len(got) != 1 || got[0] != 2*3600 {
		t.Errorf("two hours after a restore: %v", got)
	}
}

// TestRotateBackupsFails holds that what AWS does not say is noticed: points that should be gone, deletions that do not
// happen, days on which nothing was copied.
func TestRotateBackupsFails(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	copies(t, k)
	native(t, k, k.Env["KEYS_TABLE"])
	k.Clock.Advance(26 * time.Hour)
	if err := rotate(t, k); err == nil || !strings.Contains(err.Error(), "stale: "+k.Env["RECORDS_TABLE"]) {
		t.Errorf("a day without a copy: %v", err)
	}
	k.Copies.Careless(true)
	k.Clock.Advance(27 * 24 * time.Hour)
	copies(t, k)
	err := rotate(t, k)
	for _, rule := range []string{"expired: arn:aws:backup", "overdue: arn:aws:backup", "not-removed: arn:aws:dynamodb"} {
		if rule == "overdue: arn:aws:backup" {
			k.Clock.Advance(12 * time.Hour)
			err = rotate(t, k)
		}
		if err == nil || !strings.Contains(err.Error(), rule) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	k.Copies.Careless(false)
	if err := rotate(t, k); err != nil {
		t.Errorf("once the service does what it says: %v", err)
	}
}

// TestRotateAfterARestore holds that the function sees, with its own rights, the table that a restored one has replaced.
func TestRotateAfterARestore(t *testing.T) {
	first := testkit.Open(t, testkit.Options{Routes: routes.All})
	k := restored(t, first, "PUBLIC_TABLE")
	copies(t, k)
	k.Clock.Advance(time.Hour)
	err := rotate(t, k)
	if lost := first.Env["PUBLIC_TABLE"]; err == nil || !strings.Contains(err.Error(), "left-over: "+lost+":") || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v; denied: %v", err, k.Gate().Denials())
	}
}

// TestRotateVersions holds that versions which a bucket should have dropped go, and what is current stays.
func TestRotateVersions(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, SystemClock: true}) // the storage stamps with the machine's clock
	api := s3.NewFromConfig(k.App.AWS(), func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = aws.String(k.Env["S3_ENDPOINT"]), true })
	bucket, name := k.Env["DOCUMENTS_BUCKET"], "content/a/b"
	for _, text := range []string{"one", "two", "three"} {
		if _, err := api.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &name, Body: bytes.NewReader([]byte(text))}); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int {
		out, err := api.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &bucket})
		if err != nil {
			t.Fatal(err)
		}
		return len(out.Versions)
	}
	k.Clock.Advance(29 * 24 * time.Hour)
	copies(t, k)
	if err := rotate(t, k); err != nil || count() != 3 {
		t.Fatalf("too early: %v, %d versions", err, count())
	}
	k.Clock.Advance(2 * 24 * time.Hour)
	copies(t, k)
	if err := rotate(t, k); err != nil || count() != 1 {
		t.Fatalf("%v, %d versions", err, count())
	}
	out, err := api.GetObject(t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &name})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(out.Body); err != nil || text.String() != "three" {
		t.Errorf("current is %q, %v", text.String(), err)
	}
}

// native has DynamoDB keep a copy of a table.
func native(t *testing.T, k *testkit.Kit, table string) {
	t.Helper()
	api := dynamodb.NewFromConfig(k.App.AWS(), func(o *dynamodb.Options) {
		o.BaseEndpoint, o.HTTPClient = aws.String(k.Env["BACKUP_ENDPOINT"]), http.DefaultClient
	})
	if _, err := api.CreateBackup(t.Context(), &dynamodb.CreateBackupInput{TableName: &table, BackupName: aws.String("by-hand")}); err != nil {
		t.Fatal(err)
	}
}
