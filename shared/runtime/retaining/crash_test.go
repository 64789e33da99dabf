package retaining_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/shared/adapters/dynamo"
	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
	"github.com/passportcraft/passportcraft/shared/jobs"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// leaver is a platform with an organisation that has something in every place, and one that stays.
type leaver struct {
	*testkit.Kit
	killer       testkit.Killer
	tenant, stay id.Tenant
	files        *s3.Client
	after        bool // whether a process is stopped once its call was carried out, or before
	kills        int
}

func (l *leaver) do(t *testing.T, want int, method, target, key, body string, headers ...string) string {
	t.Helper()
	w := l.Do(t, method, target, key, body, headers...)
	if w.Code != want {
		t.Fatalf("%s %s: %d %.300s", method, target, w.Code, w.Body)
	}
	return w.Body.String()
}

// newLeaver fills both organisations; anna owns both, bert owns the one that leaves.
func newLeaver(t *testing.T) *leaver {
	t.Helper()
	l := new(leaver)
	l.Kit = testkit.Open(t, testkit.Options{Routes: routes.All, HTTP: &l.killer})
	for _, who := range []string{"anna", "bert", "carl"} {
		l.Issuer.AddUser(who, "user-"+who)
	}
	var owner, stays string
	l.tenant, owner = l.Organisation(t, "anna", "Nordeiche")
	l.Join(t, owner, "bert", "owner")
	l.stay, stays = l.Organisation(t, "carl", "Other")
	l.Join(t, stays, "anna", "owner")
	l.Clock.Advance(31 * time.Second)
	owner, stays = l.SignIn(t, "bert"), l.SignIn(t, "carl")
	engines := testkit.Engines(t)
	l.files = s3.NewFromConfig(aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: engines.AccessKey, SecretAccessKey: engines.SecretKey}, nil
	})}, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = aws.String(l.Env["S3_ENDPOINT"]), true })
	for n, of := range []struct {
		tenant id.Tenant
		key    string
	}{{l.tenant, owner}, {l.stay, stays}} {
		for _, name := range samples.Names() {
			body, err := samples.Read(name)
			if err != nil {
				t.Fatal(err)
			}
			if p := l.Create(t, of.key, string(body)); n == 0 {
				l.Publish(t, of.key, p)
			}
		}
		const chair = `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/LARGE%d","content":{"serialNumber":"LARGE%d","name":{%s},"manufacturer":{"name":"Nordeiche"}}}`
		l.Publish(t, of.key, l.Create(t, of.key, fmt.Sprintf(chair, n+2, n+2, `"en":"Chair"`)))
		var names []string
		for i, language := range strings.Fields("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv") {
			names = append(names, fmt.Sprintf("%q:%q", language, noise(i, 9_900)))
		}
		large := fmt.Sprintf(chair, n, n, strings.Join(names, ","))
		draft := l.Create(t, of.key, large)
		l.do(t, 201, "POST", "/v1/passports/"+draft+"/documents?name=Declaration&kind=declaration-of-conformity&language=de&audience=public", of.key, "%PDF-1.7\nbytes", "Content-Type", "application/pdf")
		l.do(t, 202, "POST", "/v1/exports", of.key, `{"scope":"workspace"}`)
		l.PackAll(t)
		object := "uploads/" + string(of.tenant) + "/left.zip"
		if _, err := l.files.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: aws.String(l.Env["UPLOADS_BUCKET"]), Key: &object}); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// noise is text that does not get shorter when it is packed.
func noise(seed, n int) string {
	var b strings.Builder
	for x := uint64(seed); b.Len() < n; {
		x = x*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&b, "%x", x)
	}
	return b.String()[:n]
}

// objects are all versions, markers and unfinished uploads in the buckets of tenants.
func (l *leaver) objects(t *testing.T) (all []string) {
	t.Helper()
	for _, b := range []string{"DOCUMENTS_BUCKET", "EXPORTS_BUCKET", "UPLOADS_BUCKET"} {
		versions, err := l.files.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: aws.String(l.Env[b])})
		if err != nil || aws.ToBool(versions.IsTruncated) {
			t.Fatal(err, "or too many")
		}
		for _, v := range versions.Versions {
			all = append(all, strings.Join([]string{b, aws.ToString(v.Key), aws.ToString(v.VersionId), aws.ToString(v.ETag)}, " "))
		}
		for _, v := range versions.DeleteMarkers {
			all = append(all, strings.Join([]string{b, aws.ToString(v.Key), aws.ToString(v.VersionId), "deleted"}, " "))
		}
		parts, err := l.files.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: aws.String(l.Env[b])})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range parts.Uploads {
			all = append(all, strings.Join([]string{b, aws.ToString(u.Key), aws.ToString(u.UploadId), "unfinished"}, " "))
		}
	}
	slices.Sort(all)
	return all
}

// of are the rows and objects that name a tenant, but for how far its trail was looked through, which each look moves.
func (l *leaver) of(t *testing.T, tenant id.Tenant) []string {
	t.Helper()
	return slices.DeleteFunc(append(l.Dump(t), l.objects(t)...), func(s string) bool {
		return !strings.Contains(s, string(tenant)) || strings.Contains(s, "SK=AUDITHEAD") && tenant == l.stay
	})
}

// run runs a job to its end, in a process that is stopped at its first call, at its second, and so on, until it is through.
func (l *leaver) run(t *testing.T, j jobs.Job, stop bool) {
	t.Helper()
	for n := int64(1); ; n++ {
		at := n
		if !stop {
			at = 0
		}
		l.killer.Arm(at, l.after)
		err := j.Run(l.AsFunction(j.Function), l.Clock.Now())
		if through := at == 0 || l.killer.Calls() < at; through {
			l.killer.Arm(0, false)
			if err != nil {
				t.Fatalf("%s at %s: %v\ndenied: %v", j.Function, l.Clock.Now(), err, l.Gate().Denials())
			}
			return
		}
		l.kills++
		l.Clock.Advance(6 * time.Minute) // what the process held is free again
	}
}

// kept are the rows of custody that keep something, and do not only say what an address answers.
func (l *leaver) kept(t *testing.T) []string {
	t.Helper()
	return slices.DeleteFunc(l.Dump(t), func(s string) bool { return !strings.HasPrefix(s, "CUSTODY_TABLE") || !strings.Contains(s, " doc=") })
}

// TestCrashes ends a contract while every process is stopped at every call that it makes of an engine, once before and once
// after it was carried out: the outcome is the same. Nothing of the organisation is left, and nothing of another has changed.
func TestCrashes(t *testing.T) {
	t.Run("before each call", func(t *testing.T) { crash(t, false) })
	t.Run("after each call", func(t *testing.T) { crash(t, true) })
}

func crash(t *testing.T, after bool) {
	l := newLeaver(t)
	l.after = after
	sequencer := auditing.Jobs(l.App.App)[0]
	l.Clock.Advance(time.Hour)
	l.run(t, sequencer, false)
	bert, gone := l.SignIn(t, "bert"), false
	for n := int64(1); !gone; n++ { // terminate
		l.killer.Arm(n, l.after)
		w := l.Do(t, "POST", "/v1/tenant/termination", bert, `{"confirmation":"Nordeiche"}`)
		gone = l.killer.Calls() < n
		l.killer.Arm(0, false)
		if gone && w.Code != http.StatusOK && !strings.Contains(w.Body.String(), "termination-state") {
			t.Fatal(w.Code, w.Body)
		}
	}
	before, own := l.of(t, l.stay), l.of(t, l.tenant)
	if len(before) < 20 || len(own) < 20 {
		t.Fatal(len(before), len(own))
	}
	all := append([]jobs.Job{sequencer}, apart(l.Kit)...)
	lives := dynamo.NewLives(l.App.Database())
	state := lifecycle.State("")
	for range 120 {
		step := 12 * time.Hour
		if state == lifecycle.Window || state == lifecycle.ActiveClear {
			step = 3 * lifecycle.Day
		}
		l.Clock.Advance(step)
		for _, j := range all {
			l.run(t, j, j.Function != sequencer.Function)
		}
		life, err := lives.Life(t.Context(), l.tenant)
		if err != nil {
			state = "gone"
			break
		}
		if state != life.Record.State {
			state = life.Record.State
			t.Logf("%s: %s after %d kills", l.Clock.Now().Format(time.DateTime), state, l.kills)
		}
	}
	if left := l.of(t, l.tenant); state != "gone" || len(left) > 0 {
		t.Errorf("%s after %d kills; still there: %q", state, l.kills, left)
	}
	if kept := l.kept(t); len(kept) != 3 {
		t.Errorf("%d rows are in custody instead of one for each battery: %.900q", len(kept), kept)
	}
	l.Clock.Advance(30 * 365 * lifecycle.Day)
	custodian := all[len(all)-1]
	if err := custodian.Run(l.AsFunction(custodian.Function), l.Clock.Now()); !errors.Is(err, lifecycle.ErrClock) || len(l.kept(t)) != 3 {
		t.Errorf("after a leap in time: %v, and %d rows are in custody", err, len(l.kept(t)))
	}
	guards := dynamo.NewGuards(l.App.Database(), nil)
	high, _, err := guards.Mark(t.Context())
	if err == nil {
		err = guards.Raise(t.Context(), high, l.Clock.Now()) // as the ticks of thirty years would have
	}
	if err != nil {
		t.Fatal(err)
	}
	l.run(t, custodian, true)
	if kept := l.kept(t); len(kept) != 0 {
		t.Errorf("in custody after its end: %.900q", kept)
	}
	if users := l.Issuer.Users(); len(users) != 2 || users["bert"] != "" {
		t.Errorf("the pool has %v: who is a member elsewhere stays, and nobody else", users)
	}
	now := l.of(t, l.stay)
	for _, row := range before {
		if !slices.Contains(now, row) {
			t.Errorf("the other organisation had %.400s", row)
		}
	}
	for _, row := range now {
		if !slices.Contains(before, row) {
			t.Errorf("the other organisation has now %.400s", row)
		}
	}
}
