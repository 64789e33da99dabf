package runner_test

import (
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestTakeEverythingAway exports the demo organisation with the command line alone, checks the package offline, and opens
// it with programs that know nothing of us.
func TestTakeEverythingAway(t *testing.T) {
	s := start(t, program(t), t.TempDir())
	dir := t.TempDir()
	ctl := filepath.Join(dir, "passportctl")
	run := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(cmd.Environ(), "PASSPORTCRAFT_API_KEY="+s.Key)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("go", "build", "-o", ctl, "github.com/passportcraft/passportcraft/infra/passportctl")
	key, file := filepath.Join(dir, "audit-key.pem"), filepath.Join(dir, "export.zip")
	run(ctl, "audit", "key", "-url", s.URL, "-o", key)
	run(ctl, "export", "-url", s.URL, "-o", file)
	if said := run(ctl, "verify", "export", file, "-key", key); !strings.Contains(said, "4 passports") || !strings.Contains(said, "4 versions") {
		t.Errorf("verify: %s", said)
	}
	if said := run(ctl, "import", file, "-url", s.URL); !strings.Contains(said, "4 there already") {
		t.Errorf("bringing it back to where it is from: %s", said)
	}
	t.Run("unzip", func(t *testing.T) {
		if _, err := exec.LookPath("unzip"); err != nil {
			t.Skip("unzip is not installed here")
		}
		if said := run("unzip", "-t", file); !strings.Contains(said, "No errors detected") {
			t.Errorf("unzip: %s", said)
		}
	})
	t.Run("jq", func(t *testing.T) {
		for _, tool := range []string{"unzip", "jq"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip(tool + " is not installed here")
			}
		}
		said := strings.TrimSpace(run("sh", "-c", "unzip -p '"+file+"' 'passports/*.ndjson' | jq -s 'map(.content|type) | length'"))
		if n, err := strconv.Atoi(said); err != nil || n != 4 {
			t.Errorf("jq counts %q passports", said)
		}
	})
}
