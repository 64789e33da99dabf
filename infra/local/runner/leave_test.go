package runner_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
)

const day = 24 * time.Hour

// leaving is the name the organisation takes before it goes: a name so long that what is encrypted cannot hold it by chance,
// which four letters do in one of thirty dumps.
const leaving = "Organisation that leaves on the walk"

// leaver is what the scenario knows of who leaves.
type leaver struct {
	*site
	*testing.T
	data   string
	tenant string
	token  string
	owner  [2]string // mail address and password
}

// json sends a request as somebody and reads the answer, which must have the status.
func (l *leaver) json(status int, method, path, token, body string) map[string]any {
	l.Helper()
	got, text, err := l.do(method, path, body, "Authorization", "Bearer "+token, "Accept", "application/json")
	var out map[string]any
	if err != nil || got != status || status != http.StatusNoContent && json.Unmarshal([]byte(text), &out) != nil {
		l.Fatalf("%s %s: %d %s %v, want %d", method, path, got, text, err, status)
	}
	return out
}

// pass moves the clock and fails when a schedule failed on the way. It returns the instant reached.
func (l *leaver) pass(d time.Duration) time.Time {
	l.Helper()
	status, body, err := l.do("POST", "/local/clock", fmt.Sprintf(`{"advance":%q}`, d))
	var got struct {
		Now time.Time
		Ran []struct{ Schedule, Error string }
	}
	if err != nil || status != 200 || json.Unmarshal([]byte(body), &got) != nil {
		l.Fatalf("clock: %d %.500s %v", status, body, err)
	}
	for _, r := range got.Ran {
		if r.Error != "" {
			l.Fatalf("at %s %s failed: %s", got.Now, r.Schedule, r.Error)
		}
	}
	return got.Now
}

// instant is one of those that the contract's page names.
func (l *leaver) instant(name string) time.Time {
	l.Helper()
	life := l.json(200, "GET", "/v1/tenant/lifecycle", l.token, "")
	for _, i := range life["instants"].([]any) {
		if i := i.(map[string]any); i["name"] == name {
			at, err := time.Parse(time.RFC3339, i["at"].(string))
			if err != nil {
				l.Fatal(err)
			}
			return at
		}
	}
	l.Fatalf("no instant %s in %v", name, life["instants"])
	return time.Time{}
}

// exports asks for an export and fetches it.
func (l *leaver) exports() {
	l.Helper()
	e := l.json(202, "POST", "/v1/exports", l.Key, `{"scope":"workspace"}`)
	for range 200 {
		e = l.json(200, "GET", "/v1/exports/"+e["id"].(string)+"?link=true", l.Key, "")
		if e["state"] == "ready" {
			resp, err := http.Get(e["download"].(map[string]any)["url"].(string))
			if err != nil {
				l.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 || !bytes.HasPrefix(b, []byte("PK")) {
				l.Fatalf("package: %d %d bytes %v", resp.StatusCode, len(b), err)
			}
			return
		}
		time.Sleep(50 * time.Millisecond) // packing runs beside this test
	}
	l.Fatalf("not packed: %v\n%s", e, l.complaints())
}

// complaints are the last lines of the request log that tell of something wrong.
func (l *leaver) complaints() string {
	b, err := os.ReadFile(filepath.Join(l.data, "requests.log"))
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, line := range strings.Split(string(b), "\n") {
		if strings.Contains(line, `"level":"ERROR"`) {
			out = append(out, line)
		}
	}
	return strings.Join(out[max(0, len(out)-5):], "\n")
}

// walked is how many days after the end of the contract are walked: until the certificate is there, which is after two
// months. PASSPORTCRAFT_WALK=1 walks to the end of what is promised; each day is five hundred runs of schedules.
func walked() time.Duration {
	if os.Getenv("PASSPORTCRAFT_WALK") != "" {
		return 95 * day
	}
	return 64 * day
}

// TestLeave ends the contract of the demo organisation on the real engines and walks on: everything can be exported
// until the last minute of the window, afterwards nothing is left but what the law keeps, the certificate verifies offline,
// and a neighbour has lost nothing.
func TestLeave(t *testing.T) {
	l := moved(t)
	neighbour := l.signIn(t, "neighbour@example.com", "a quiet neighbour", "Neighbour")
	next := l.json(201, "POST", "/v1/tenants", neighbour, `{"name":"Next door"}`)["id"].(string)
	theirs := l.json(201, "POST", "/v1/passports", neighbour, `{"productGroup":"general","granularity":"model","productIdentifier":"https://id.gs1.org/01/09506000134383","content":{"name":{"en":"Neighbour's bench"}}}`)["id"].(string)
	paths := l.published()
	if rows := l.everything(); holding(rows, l.tenant) == "" || holding(rows, paths["chair"][0]) == "" {
		t.Fatal("who leaves is not in the dump before it leaves")
	}
	l.json(200, "PUT", "/v1/passports/"+paths["batch"][0]+"/disposition", l.token, `{"successorUrl":"https://successor.example/batch","handedOver":true}`)
	l.json(200, "PUT", "/v1/passports/"+paths["model"][0]+"/disposition", l.token, fmt.Sprintf(`{"recycledAt":%q}`, l.pass(0).Add(-time.Hour).Format(time.RFC3339)))
	if status, body, _ := l.do("POST", "/v1/tenant/termination", `{"confirmation":"Not us"}`, "Authorization", "Bearer "+l.token); status != 422 || !strings.Contains(body, "confirmation-wrong") {
		t.Fatalf("another name typed: %d %s", status, body)
	}
	l.json(200, "POST", "/v1/tenant/termination", l.token, fmt.Sprintf(`{"confirmation":%q}`, leaving))
	l.walk(paths)
	l.gone(paths)
	if got := l.json(200, "GET", "/v1/passports/"+theirs, l.signIn(t, "neighbour@example.com", "a quiet neighbour", ""), ""); got["id"] != theirs {
		t.Errorf("the neighbour's passport: %v", got)
	}
	l.dumped(next, paths["chair"][0])
}

// moved starts the platform at a time at which batteries need passports.
func moved(t *testing.T) *leaver {
	t.Helper()
	l := &leaver{T: t, data: t.TempDir()}
	if ahead := time.Until(time.Date(2027, 3, 1, 8, 0, 0, 0, time.UTC)); ahead > 0 {
		if err := os.WriteFile(filepath.Join(l.data, "clock.json"), fmt.Appendf(nil, `{"offset":%q}`, ahead), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l.site = start(t, program(t), l.data, "LOCAL_CLOCK=manual")
	var run struct{ TenantID, OwnerEmail, OwnerPassword string }
	b, err := os.ReadFile(filepath.Join(l.data, "run.json"))
	if err == nil {
		err = json.Unmarshal(b, &run)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.tenant, l.owner = run.TenantID, [2]string{run.OwnerEmail, run.OwnerPassword}
	l.token = l.signIn(t, l.owner[0], l.owner[1], "")
	if status, body, err := l.do("PATCH", "/v1/tenant", fmt.Sprintf(`{"name":%q}`, leaving), "Authorization", "Bearer "+l.token, "If-Match", `"1"`); err != nil || status != 200 {
		t.Fatalf("another name: %d %s %v", status, body, err)
	}
	return l
}

// published is identifier and public path of each sample passport, by what it is.
func (l *leaver) published() map[string][2]string {
	l.Helper()
	out := map[string][2]string{}
	for _, p := range l.json(200, "GET", "/v1/passports", l.Key, "")["items"].([]any) {
		p := p.(map[string]any)
		name := p["granularity"].(string)
		if p["productGroup"] == "general" {
			name = "chair"
		}
		out[name] = [2]string{p["id"].(string), strings.TrimPrefix(p["productIdentifier"].(string), "https://id.gs1.org")}
	}
	if len(out) != 4 {
		l.Fatalf("samples: %v", out)
	}
	return out
}

// walk passes the window with exports at its beginning, in it and at its last minute, and sees it close.
func (l *leaver) walk(paths map[string][2]string) {
	l.Helper()
	t0 := l.instant("effective")
	l.pass(30 * time.Minute)
	if status, body, _ := l.do("POST", "/v1/passports", `{"productGroup":"general","granularity":"model","productIdentifier":"https://id.gs1.org/01/09506000134376"}`); status != 403 || !strings.Contains(body, "contract-stage") {
		l.Errorf("writing in the window: %d %s", status, body)
	}
	l.exports()
	for range 14 {
		l.pass(day)
	}
	l.exports()
	l.token = l.signIn(l.T, l.owner[0], l.owner[1], "")
	ends := l.instant("windowEnds")
	if open := ends.Sub(t0); open < 30*day+12*time.Hour {
		l.Errorf("the window is open for %s", open)
	}
	for now := l.pass(0); ends.Sub(now) > day; now = l.pass(min(day, ends.Sub(now)-day)) {
	}
	l.pass(ends.Add(-time.Minute).Sub(l.pass(0)))
	l.exports()
	if status, _, _ := l.do("GET", paths["chair"][1], "", "Accept", "application/json"); status != 200 {
		l.Errorf("a public page in the window: %d", status)
	}
	l.pass(time.Hour)
	if status, body, _ := l.do("GET", "/v1/passports", ""); status != 403 || !strings.Contains(body, "contract-stage") {
		l.Errorf("after the window: %d %s", status, body)
	}
	l.token = l.signIn(l.T, l.owner[0], l.owner[1], "")
	l.json(403, "DELETE", "/v1/tenant/termination", l.token, "")
	for now := l.pass(0); now.Before(t0.Add(walked())); now = l.pass(day) {
	}
}

// gone looks at what the public sees, and at the certificate.
func (l *leaver) gone(paths map[string][2]string) {
	l.Helper()
	for what, want := range map[string]int{"chair": 404, "item": 200, "model": 410} {
		status, body, err := l.do("GET", paths[what][1], "", "Accept", "application/json")
		if err != nil || status != want || want == 200 && !strings.Contains(body, `"status":"in-custody"`) {
			l.Errorf("%s: %d %.300s %v, want %d", what, status, body, err, want)
		}
	}
	plain := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := plain.Get(l.URL + paths["batch"][1])
	if err != nil || resp.StatusCode != 307 || resp.Header.Get("Location") != "https://successor.example/batch" {
		l.Errorf("handed over: %v %v", resp, err)
	}
	mails, err := filepath.Glob(filepath.Join(l.data, "mail", "*.json"))
	if err != nil || len(mails) == 0 {
		l.Fatalf("no mail: %v", err)
	}
	named := regexp.MustCompile(`certificate: ([0-9a-f-]{36})\\n  secret: ([^\\ ]+)\\n`)
	var found []string
	for _, f := range mails {
		b, err := os.ReadFile(f)
		if err != nil {
			l.Fatal(err)
		}
		if m := named.FindSubmatch(b); m != nil {
			found = []string{string(m[1]), string(m[2])}
		}
	}
	if found == nil {
		for _, f := range mails {
			b, _ := os.ReadFile(f)
			l.Logf("%.200s", b)
		}
		l.Fatalf("no mail of %d names the certificate\n%s", len(mails), l.complaints())
	}
	at := "/trust/certificates/" + found[0]
	l.json(404, "POST", at, "", `{"secret":"guessed"}`)
	status, file, err := l.do("POST", at, fmt.Sprintf(`{"secret":%q}`, found[1]), "Accept", "application/json")
	if err != nil || status != 200 {
		l.Fatalf("certificate: %d %s %v", status, file, err)
	}
	cert, key := filepath.Join(l.data, "certificate.json"), filepath.Join(l.data, "key.pem")
	_, pem, err := l.do("GET", "/trust/audit-key", "")
	if err != nil || os.WriteFile(cert, []byte(file), 0o600) != nil || os.WriteFile(key, []byte(pem), 0o600) != nil {
		l.Fatal(err)
	}
	var said bytes.Buffer
	if code := command.Run(l.Context(), []string{"verify", "certificate", cert, "-key", key}, command.World{Out: &said, Err: &said, Getenv: os.Getenv}); code != command.Good {
		l.Errorf("the certificate: %s", said.String())
	}
	l.Log(said.String())
	if status, page, err := l.do("POST", at, "secret="+found[1], "Content-Type", "application/x-www-form-urlencoded", "Accept", "text/html"); err != nil || status != 200 || !strings.Contains(page, "Everything was deleted in time") {
		l.Errorf("page of the certificate: %d %v", status, err)
	}
}

// dumped looks through every table and bucket for the one who left, and for the passport nothing obliges to keep.
func (l *leaver) dumped(neighbour, chair string) {
	l.Helper()
	rows := l.everything()
	for _, word := range []string{l.tenant, l.owner[0], leaving, chair} {
		if at := holding(rows, word); at != "" {
			l.Errorf("%q is left in %.200s", word, at)
		}
	}
	if holding(rows, neighbour) == "" {
		l.Error("the neighbour is gone too, or nothing was dumped")
	}
	l.Logf("%d rows and objects looked through", len(rows))
}

// holding is the first row that holds a word.
func holding(rows []string, word string) string {
	for _, row := range rows {
		if strings.Contains(row, word) {
			return row
		}
	}
	return ""
}

// everything is each row and each version of each object as text.
func (l *leaver) everything() []string {
	l.Helper()
	var env map[string]string
	b, err := os.ReadFile(filepath.Join(l.data, "operator.json"))
	if err == nil {
		err = json.Unmarshal(b, &env)
	}
	if err != nil {
		l.Fatal(err)
	}
	ctx := context.Background()
	cfg := aws.Config{Region: "eu-west-1", Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: env["AWS_ACCESS_KEY_ID"], SecretAccessKey: env["AWS_SECRET_ACCESS_KEY"]}, nil
	})}
	var rows []string
	db := dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) { o.BaseEndpoint = aws.String(env["DYNAMODB_ENDPOINT"]) })
	tables, err := db.ListTables(ctx, &dynamodb.ListTablesInput{})
	if err != nil {
		l.Fatal(err)
	}
	for _, table := range tables.TableNames {
		pages := dynamodb.NewScanPaginator(db, &dynamodb.ScanInput{TableName: &table})
		for pages.HasMorePages() {
			out, err := pages.NextPage(ctx)
			if err != nil {
				l.Fatal(err)
			}
			for _, it := range out.Items {
				rows = append(rows, table+" "+plain(&types.AttributeValueMemberM{Value: it}))
			}
		}
	}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.BaseEndpoint, o.UsePathStyle = aws.String(env["S3_ENDPOINT"]), true })
	buckets, err := objects.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		l.Fatal(err)
	}
	for _, bucket := range buckets.Buckets {
		out, err := objects.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: bucket.Name})
		if err != nil {
			l.Fatal(err)
		}
		for _, v := range out.Versions {
			got, err := objects.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket.Name, Key: v.Key, VersionId: v.VersionId})
			if err != nil {
				continue // an object that the lock of another time keeps unreadable names nobody
			}
			raw, _ := io.ReadAll(got.Body)
			_ = got.Body.Close()
			rows = append(rows, *bucket.Name+" "+*v.Key+" "+string(raw))
		}
		for _, m := range out.DeleteMarkers {
			rows = append(rows, *bucket.Name+" marker "+*m.Key)
		}
	}
	return rows
}

// plain is everything a row holds as text, its bytes as they are: in Base64 no word would be found.
func plain(v types.AttributeValue) string {
	switch v := v.(type) {
	case *types.AttributeValueMemberB:
		return string(v.Value)
	case *types.AttributeValueMemberBS:
		return string(bytes.Join(v.Value, []byte(" ")))
	case *types.AttributeValueMemberM:
		var parts []string
		for name, e := range v.Value {
			parts = append(parts, name+"="+plain(e))
		}
		slices.Sort(parts)
		return strings.Join(parts, " ")
	case *types.AttributeValueMemberL:
		var parts []string
		for _, e := range v.Value {
			parts = append(parts, plain(e))
		}
		return strings.Join(parts, " ")
	}
	return fmt.Sprint(v)
}
