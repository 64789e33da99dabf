package routes_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// needless are the grants that no test can use, with the reason.
var needless = map[string]string{
	"UseWrappedKeys dynamodb:GetItem":       "rows sealed under an earlier key of the person, once keys have been rotated",
	"UseWrappedTenantKey dynamodb:GetItem":  "rows sealed under an earlier key of the organisation, once keys have been rotated",
	"UseWrappedPersonKeys dynamodb:GetItem": "rows sealed under an earlier key of the person, once keys have been rotated",
	"WriteReports s3:AbortMultipartUpload":  "the last part of a report of more than 5 MB that S3 refuses",
	"UseLedgerKey kms:Decrypt":              "DynamoDB calls KMS on our behalf; the local engine does not",
	"RemovePackages s3:DeleteObject":        "a package that is finished at the very moment its export ends",
	"SeeTables":                             "asked before the first use of a table in a process, and functions share one here; infra/checks/binaries runs each in its own",
	"ReadMarkers":                           "asked before the first use of a table in a process, and functions share one here; infra/checks/binaries runs each in its own",
	"UseTableKey":                           "DynamoDB calls KMS on our behalf; the local engine does not",
	"UseTableKeys":                          "DynamoDB calls KMS on our behalf; the local engine does not",
	"UseBucketKey":                          "S3 calls KMS on our behalf; the local engine does not",
}

// elsewhere are the functions that other tests run behind the gate, by the beginning of their roles.
var elsewhere = map[string]string{
	"RunRetention": "shared/runtime/retaining walks contracts to their end; infra/local/runner does with passports, people and objects",
}

func TestMain(m *testing.M) {
	testkit.MainAllUsed(m, func(role string) bool {
		for begins := range elsewhere {
			if strings.HasPrefix(role, begins) {
				return false
			}
		}
		return true
	}, needless)
}

// large is a passport whose content does not fit into a row.
func large(t *testing.T, bytes int) string {
	t.Helper()
	texts := func() map[string]string {
		all := map[string]string{}
		for _, language := range strings.Fields("bg cs da de el en es et fi fr ga hr hu it lt lv mt nl pl pt ro sk sl sv") {
			raw := make([]byte, bytes/100)
			if _, err := rand.Read(raw); err != nil {
				t.Fatal(err)
			}
			all[language] = hex.EncodeToString(raw)
		}
		return all
	}
	chair, err := os.ReadFile(filepath.Join("..", "..", "..", "infra", "local", "samples", "4-chair.json"))
	if err != nil {
		t.Fatal(err)
	}
	var passport map[string]any
	if err := json.Unmarshal(chair, &passport); err != nil {
		t.Fatal(err)
	}
	content := passport["content"].(map[string]any)
	content["careInstructions"], content["description"] = texts(), texts()
	b, err := json.Marshal(passport)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// repeated makes a change three times under one idempotency key: refused for want of a body or a revision, done, and
// answered again as before.
func repeated(t *testing.T, k *testkit.Kit, method, target, token, body, revision string) {
	t.Helper()
	name := fmt.Sprintf("%x", sha256.Sum256([]byte(method+target+body+revision)))
	for _, wrong := range [][2]string{{`{"no":"such member"}`, revision}, {body, `"999"`}} {
		if wrong[0] == body && (slices.Contains([]string{"/v1/invitations", "/v1/exports", "/v1/imports"}, target) && method == "POST" ||
			strings.HasPrefix(target, "/v1/holds/") || strings.HasPrefix(target, "/v1/tenant/termination") || strings.HasSuffix(target, "/restoration") || strings.HasSuffix(target, "/disposition")) {
			continue // has no revision
		}
		if w := k.Do(t, method, target, token, wrong[0], "If-Match", wrong[1], "Idempotency-Key", name); w.Code < 400 || w.Code >= 500 {
			t.Fatalf("%s %s: refused with %d", method, target, w.Code)
		}
	}
	for n := range 2 {
		w := k.Do(t, method, target, token, body, "If-Match", revision, "Idempotency-Key", name)
		if w.Code >= 300 || (w.Header().Get("Idempotency-Replayed") == "true") != (n == 1) {
			t.Fatalf("%s %s, time %d: %d %.300s", method, target, n+1, w.Code, w.Body)
		}
	}
}

// TestRepeatedChanges repeats what people in charge do.
func TestRepeatedChanges(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	k.Join(t, anna, "bert", "viewer")
	bert := answer(t, k.Do(t, "GET", "/v1/members", anna, ""), 200)["items"].([]any)
	for _, m := range bert {
		if m := m.(map[string]any); m["role"] == "viewer" {
			repeated(t, k, "PATCH", "/v1/members/"+m["id"].(string), anna, `{"role":"editor"}`, `"1"`)
		}
	}
	repeated(t, k, "POST", "/v1/invitations", anna, `{"email":"x@nordeiche.example","role":"viewer"}`, "")
	repeated(t, k, "POST", "/v1/imports", anna, `{"format":"archive","size":1,"sha256":"`+strings.Repeat("a", 64)+`"}`, "")
	tag := func(path string) string { return k.Do(t, "GET", path, anna, "").Header().Get("ETag") }
	repeated(t, k, "PATCH", "/v1/tenant", anna, `{"name":"Nordeiche ApS"}`, tag("/v1/tenant"))
	repeated(t, k, "PUT", "/v1/tenant/sign-in-policy", anna, `{"sessionHours":8}`, tag("/v1/tenant/sign-in-policy"))
	if w := k.Do(t, "GET", "/trust/audit-key", "", ""); w.Code != 200 {
		t.Errorf("audit key: %d", w.Code)
	}
}

// TestLargeAnswers holds that a request is not carried out twice even when its answer is too large to be kept.
func TestLargeAnswers(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, key := k.Tenant(t, "Nordeiche")
	body := large(t, 450_000)
	for n, want := range []int{201, 409} {
		w := k.Do(t, "POST", "/v1/passports", key, body, "Idempotency-Key", "one")
		if w.Code != want || n == 1 && !strings.Contains(w.Body.String(), `"idempotency-done"`) {
			t.Errorf("time %d: %d %.300s", n+1, w.Code, w.Body)
		}
	}
}

// TestLargeContent leads a passport whose content lies in the object storage through its life, each function coming to it
// for the first time.
func TestLargeContent(t *testing.T) {
	for _, first := range []string{"versions", "version"} {
		k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
		_, key := k.Tenant(t, "Nordeiche")
		body := large(t, 250_000)
		id := k.Create(t, key, body)
		one, revision := "/v1/passports/"+id, 1
		var sent struct{ Content map[string]any }
		if err := json.Unmarshal([]byte(body), &sent); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, k.Do(t, "GET", one, key, ""), 200)["content"].(map[string]any); fmt.Sprint(got["careInstructions"]) != fmt.Sprint(sent.Content["careInstructions"]) {
			t.Error("the content came back changed")
		}
		change := func(method, path, body string) {
			t.Helper()
			repeated(t, k, method, one+path, key, body, fmt.Sprintf("%q", fmt.Sprint(revision)))
			revision++
		}
		change("PATCH", "", `{"content":{"brand":"B"}}`)
		change("POST", "/publication", "")
		change("PATCH", "", `{"content":{"brand":"C"}}`)
		change("POST", "/publication", "")
		change("POST", "/suspension", `{"reason":"under review"}`)
		paths := []string{"/versions", "/versions/2", "/versions/1"}
		if first == "version" {
			slices.Reverse(paths)
		}
		for _, path := range paths {
			answer(t, k.Do(t, "GET", one+path, key, ""), 200)
		}
		answer(t, k.Do(t, "GET", "/v1/passports?productIdentifier=https://id.gs1.org/01/09506000134376", key, ""), 200)
		if rows := strings.Join(k.Dump(t), "\n"); !strings.Contains(rows, " ref=") {
			t.Error("nothing lies in the object storage: the test is for nothing")
		}
		change("POST", "/archival", `{"reason":"recycled"}`)
	}
}

// TestLargeContentLeaves asks what becomes of passports that are too large for a row, and deletes one and takes it back.
func TestLargeContentLeaves(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All, Apart: true})
	_, anna := k.Organisation(t, "anna", "Nordeiche")
	draft := k.Create(t, anna, large(t, 250_000))
	answer(t, k.Do(t, "DELETE", "/v1/passports/"+draft, anna, "", "If-Match", `"1"`), 200)
	answer(t, k.Do(t, "POST", "/v1/passports/"+draft+"/restoration", anna, ""), 200)
	k.Publish(t, anna, draft)
	answer(t, k.Do(t, "GET", "/v1/passports/"+draft+"/disposition", anna, ""), 200)
}
