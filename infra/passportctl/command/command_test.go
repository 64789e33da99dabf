package command_test

import (
	"bytes"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/runtime/auditing"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

func TestMain(m *testing.M) { testkit.Main(m) }

// ctl runs passportctl and returns its exit code and what it said.
func ctl(t *testing.T, key string, args ...string) (int, string) {
	t.Helper()
	var out, errs bytes.Buffer
	code := command.Run(t.Context(), args, command.World{Out: &out, Err: &errs, Getenv: func(string) string { return key }})
	return code, out.String() + errs.String()
}

// TestAuditTrailIsVerified leads a trail from the requests that made it through the schedule and the download to the
// verdict of somebody who trusts nobody, on the real engines.
func TestAuditTrailIsVerified(t *testing.T) {
	k := testkit.Open(t, testkit.Options{Routes: routes.All})
	_, key := k.Tenant(t, "Nordeiche")
	_, otherKey := k.Tenant(t, "Somebody else")
	sequence := func() {
		t.Helper()
		for _, j := range auditing.Jobs(k.App.App) {
			if err := j.Run(k.AsFunction(j.Function), k.Clock.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	passport := func(serial string) {
		k.Create(t, key, `{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/`+serial+`","content":{"serialNumber":"`+serial+`"}}`)
		k.Clock.Advance(time.Second)
	}
	for i := range 30 {
		passport("A" + string(rune('a'+i%26)) + string(rune('a'+i/26)))
	}
	k.Clock.Advance(3 * time.Minute)
	sequence()
	server := httptest.NewServer(k.Mux)
	defer server.Close()
	dir := t.TempDir()
	trail, pub, kept := filepath.Join(dir, "audit.ndjson"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "kept.txt")
	if code, said := ctl(t, "", "audit", "key", "-url", server.URL, "-o", pub); code != command.Good {
		t.Fatal(said)
	}
	fetch := func(key string) {
		t.Helper()
		if code, said := ctl(t, key, "audit", "download", "-url", server.URL, "-o", trail); code != command.Good {
			t.Fatal(said)
		}
	}
	fetch(key)
	code, said := ctl(t, "", "verify", "audit", trail, "-key", pub)
	if code != command.Good || !strings.Contains(said, "good: 33 entries") { // founded, key created, used, and 30 passports
		t.Fatalf("%d %s", code, said)
	}
	b, err := os.ReadFile(trail)
	if err != nil {
		t.Fatal(err)
	}
	note := lastNote(t, string(b))
	write(t, kept, note)

	// More happens; sequencing twice changes nothing; the kept checkpoint is still within the log.
	passport("B1")
	k.Clock.Advance(26 * time.Hour) // over midnight
	passport("B2")
	k.Clock.Advance(3 * time.Minute)
	sequence()
	sequence()
	fetch(key)
	code, said = ctl(t, "", "verify", "audit", "-json", "-earlier", kept, "-key", pub, trail)
	if code != command.Good || !strings.Contains(said, `"entries":38`) { // the download, two passports, use of the key from another network and in another hour
		t.Fatalf("%d %s", code, said)
	}
	b, err = os.ReadFile(trail)
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(string) string{
		"edited":    func(s string) string { return strings.Replace(s, "passport.created", "passport.updated", 1) },
		"cut off":   func(s string) string { return s[:strings.Index(s, `{"seq":20`)] },
		"removed":   func(s string) string { return s[:strings.Index(s, `{"seq":20`)] + s[strings.Index(s, `{"seq":21`):] },
		"another's": func(string) string { fetch(otherKey); b, _ := os.ReadFile(trail); return string(b) },
		"empty":     func(string) string { return "" },
	} {
		file := filepath.Join(dir, "bad.ndjson")
		write(t, file, edit(string(b)))
		if code, said := ctl(t, "", "verify", "audit", file, "-key", pub, "-earlier", kept); code != command.Bad || !strings.Contains(said, "NOT what was signed") {
			t.Errorf("%s: %d %s", name, code, said)
		}
	}
}

func lastNote(t *testing.T, trail string) string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(trail), "\n")
	_, rest, ok := strings.Cut(lines[len(lines)-1], `{"checkpoint":"`)
	if !ok {
		t.Fatalf("the trail does not end with a checkpoint: %s", lines[len(lines)-1])
	}
	return strings.ReplaceAll(strings.TrimSuffix(rest, `"}`), `\n`, "\n")
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUsage holds that a newcomer's mistakes get a sentence and the right exit code.
func TestUsage(t *testing.T) {
	missing, environment := filepath.Join(t.TempDir(), "nothing"), filepath.Join(t.TempDir(), "operator.json")
	write(t, environment, `{"APP_ENV":"prod","AWS_REGION":"eu-west-1"}`)
	restore := []string{"drill", "restore", "-environment", environment, "-state", missing, "-table"}
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{nil, command.Good, "passportctl verify audit"}, {[]string{"help"}, command.Good, "passportctl verify audit"},
		{[]string{"verify"}, command.Usage, "passportctl verify certificate"}, {[]string{"drill"}, command.Usage, "passportctl drill restore"}, {[]string{"nonsense"}, command.Usage, "no command"},
		{[]string{"verify", "-h"}, command.Good, "passportctl verify certificate"}, {[]string{"export", "-h"}, command.Good, "passportctl export"}, {[]string{"drill", "mark", "--help"}, command.Good, "passportctl drill mark"},
		{[]string{"import", "x", "-h"}, command.Good, "-format csv|xlsx"}, {[]string{"-h"}, command.Good, "passportctl drill resume"}, {[]string{"export", "-o", "x", "-nonsense"}, command.Usage, "`passportctl export -h`"},
		{[]string{"drill", "restore", "-table", "records"}, command.Usage, "no environment: "}, {append(restore[:len(restore):len(restore)], "nonsense"), command.Usage, `passportctl: "nonsense" is no table`},
		{append(restore[:len(restore):len(restore)], "records"), command.Usage, "does not say RECORDS_TABLE"}, {[]string{"import", "x"}, command.Usage, "-id"},
		{[]string{"verify", "audit"}, command.Usage, "needs a file"},
		{[]string{"verify", "audit", "x", "-kye", "y"}, command.Usage, "kye"}, {[]string{"verify", "audit", "x", "-key", missing}, command.Bad, "public key cannot be read"},
		{[]string{"audit", "download", "-url", "http://127.0.0.1:1", "-o", missing}, command.Usage, "PASSPORTCRAFT_API_KEY"},
		{[]string{"audit", "key", "-url", "http://127.0.0.1:1", "-o", missing}, command.Bad, "does not answer"},
	} {
		if code, said := ctl(t, "", tc.args...); code != tc.code || !strings.Contains(said, tc.says) || strings.Contains(said, "help requested") {
			t.Errorf("%v: %d %s", tc.args, code, said)
		}
	}
}
