// Package binaries_test builds every Lambda function and drives each through the Lambda Runtime API with the payloads of
// events/, comparing what comes back with golden answers.
package binaries_test

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/iam"
	"github.com/passportcraft/passportcraft/infra/local/runtimeapi"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

var update = flag.Bool("update", false, "write the golden answers again")

// TestEveryBinaryRuns needs no clock of its own: what differs between two runs is replaced before comparing.
func TestEveryBinaryRuns(t *testing.T) {
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	binaries := build(t, root)
	k := testkit.Open(t, testkit.Options{Routes: routes.All, SystemClock: true})
	events, key := k.Tenant(t, "Events")
	k.Env["TOKEN_JWKS"], k.Env["TOKEN_API_URL"] = k.Env["COGNITO_ENDPOINT"], k.Env["COGNITO_ENDPOINT"]
	_, owner := k.Organisation(t, "eva", "People of events")
	people := map[string]string{"${API_KEY}": key, "${TOKEN}": owner, "${PERSON}": person(t, k, owner), "${EXPORTS_BUCKET}": k.Env["EXPORTS_BUCKET"], "${UPLOADS_BUCKET}": k.Env["UPLOADS_BUCKET"], "${TENANT}": string(events), "${NEWCOMER}": k.Register(t, "nora")}
	for rule := range k.Copies.Rules() { // so that there is something to take stock of
		if err := k.Copies.Run(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
	}
	tpl := testkit.Template(t)
	gate := httptest.NewServer(k.Gate())
	defer gate.Close()
	environments := map[string]map[string]string{}
	for _, f := range tpl.Functions {
		environments[f.Folder] = map[string]string{}
		for _, name := range append(f.Variables(), "TOKEN_JWKS", "RATE_PER_KEY") {
			environments[f.Folder][name] = k.Env[name]
		}
		maps.Copy(environments[f.Folder], k.Gate().Environment(f.Folder, gate.URL))
		_, environments[f.Folder]["TENANT_ROLE_ARN"] = k.Gate().Identity(iam.As(t.Context(), f.Folder))
	}
	runtime, err := runtimeapi.New(runtimeapi.Options{
		Region: "eu-west-1", Random: rand.Reader, Output: t.Output(),
	}, runtimeapi.Functions(tpl, binaries, environments)...)
	if err != nil {
		t.Fatal(err)
	}
	defer runtime.Close()
	files, err := filepath.Glob(filepath.Join(root, "events", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no events: %v", err)
	}
	ran := map[string]bool{}
	for i, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		function, _, _ := strings.Cut(name, ".")
		ran[function] = true
		t.Run(name, func(t *testing.T) { one(t, k, runtime, file, name, function, people, i) })
	}
	for _, f := range tpl.Functions {
		if !ran[f.Folder] {
			t.Errorf("%s was built but never run", f.Folder)
		}
	}
}

// person is the identifier of the only member of an organisation.
func person(t *testing.T, k *testkit.Kit, owner string) string {
	t.Helper()
	var me struct{ Person struct{ ID string } }
	if err := json.Unmarshal(k.Do(t, "GET", "/v1/me", owner, "").Body.Bytes(), &me); err != nil || me.Person.ID == "" {
		t.Fatalf("no person: %v", err)
	}
	return me.Person.ID
}

func build(t *testing.T, root string) string {
	t.Helper()
	dir := filepath.Join(root, ".local", "functions")
	cmd := exec.Command("make", "functions")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("make functions: %v\n%s", err, out)
	}
	return dir
}

// one sends the payload of a file to its function, with fresh passports behind its placeholders.
func one(t *testing.T, k *testkit.Kit, runtime *runtimeapi.Runtime, file, name, function string, people map[string]string, i int) {
	key := people["${API_KEY}"]
	body := func(serial string) string {
		return fmt.Sprintf(`{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/%[1]s","content":{"serialNumber":"%[1]s","name":{"en":"Oak chair","de":"Eichenstuhl"},"manufacturer":{"name":"Nordeiche"},"disassembly":"Eight screws."}}`, serial)
	}
	draft, published, fresh := fmt.Sprintf("D-%03d", i), fmt.Sprintf("P-%03d", i), fmt.Sprintf("N-%03d", i)
	pairs := []string{}
	for placeholder, value := range people {
		pairs = append(pairs, placeholder, value)
	}
	names := strings.NewReplacer(append(pairs, "${DRAFT}", k.Create(t, key, body(draft)),
		"${PUBLISHED}", k.Publish(t, key, k.Create(t, key, body(published))), "${SERIAL}", published, "${NEW_SERIAL}", fresh)...)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), `"source": "aws.scheduler"`) || strings.Contains(string(raw), `"eventSource": "aws:s3"`) {
		if out, err := runtime.Call(context.Background(), function, []byte(names.Replace(string(raw)))); err != nil || string(out) != "null" {
			t.Errorf("%s: %s %v", function, out, err)
		}
		return
	}
	if strings.Contains(string(raw), `"type": "REQUEST"`) || strings.Contains(string(raw), `"triggerSource"`) {
		out, err := runtime.Call(context.Background(), function, []byte(names.Replace(string(raw))))
		if err != nil {
			t.Fatal(err)
		}
		compare(t, name, regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f-]{21}`).ReplaceAllString(string(out), "<id>")+"\n")
		return
	}
	var event events.APIGatewayProxyRequest
	if err := json.Unmarshal([]byte(names.Replace(string(raw))), &event); err != nil {
		t.Fatal(err)
	}
	answer, err := runtime.Invoke(context.Background(), function, event)
	if err != nil {
		t.Fatal(err)
	}
	described(t, event, answer)
	compare(t, name, steady(t, answer, draft, published, fresh))
}

// compare holds an answer against the golden one.
func compare(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatalf("no golden answer; look at this one and run `make events`:\n%s", got)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("answer differs (-golden +got):\n%s", d)
	}
}

// steady writes an answer as text in which whatever differs from run to run is replaced.
func steady(t *testing.T, a events.APIGatewayProxyResponse, serials ...string) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", a.StatusCode)
	var names []string
	for name := range a.MultiValueHeaders {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(a.MultiValueHeaders[name], ", "))
	}
	body := a.Body
	if a.IsBase64Encoded {
		raw, err := base64.StdEncoding.DecodeString(body)
		if err != nil {
			t.Fatal(err)
		}
		body = fmt.Sprintf("binary beginning with %q", raw[:min(8, len(raw))])
	}
	if media := a.MultiValueHeaders["Content-Type"]; len(media) > 0 && strings.Contains(media[0], "html") {
		body = regexp.MustCompile(`(?s)<style>.*</style>`).ReplaceAllString(body, "<style></style>")
		body = regexp.MustCompile(`<section|<div|<tr|<li|<p`).ReplaceAllString(body, "\n$0")
	}
	text := b.String() + "\n" + body + "\n"
	for _, r := range []struct{ find, put string }{
		{strings.Join(serials, "|"), "<serial>"},
		{`[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`, "<id>"},
		{`20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`, "<time>"},
		{`\d{1,2} [A-Z][a-z]+ 20\d\d at \d\d:\d\d UTC`, "<time>"},
		{`(?s)-----BEGIN PUBLIC KEY-----.*-----END PUBLIC KEY-----`, "<public key>"},
		{`pc_local_[a-z2-7]{8}…[a-z2-7]{4}`, "<prefix>"},
		{`pc_local_[a-z2-7_]+`, "<secret>"},
		{`"id":"[a-z2-7]{39}"`, `"id":"<key>"`},
		{`key:[a-z2-7]{39}`, "key:<key>"},
		{`api-keys/[a-z2-7]{39}`, "api-keys/<key>"},
		{`"next":"[^"]+"`, `"next":"<cursor>"`},
		{`"next":"[^"]+"`, `"next":"<cursor>"`},
		{`sha-256:[0-9a-f]{64}`, "sha-256:<hash>"},
		{`Etag: "[0-9a-f]{24}"`, `Etag: "<digest>"`},
		{`(?s)<svg.*</svg>`, "<svg></svg>"},
		{`Content-Length: \d+`, "Content-Length: <n>"},
		{`'sha256-[A-Za-z0-9+/=]+'`, "'sha256-<style>'"},
	} {
		text = regexp.MustCompile(r.find).ReplaceAllString(text, r.put)
	}
	return text
}
