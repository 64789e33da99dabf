package runner_test

import (
	"os"
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

// TestBringTables brings a table with the command line alone: a recipe as the headers suggest it, a dry run, and the commit
// with a report of each row.
func TestBringTables(t *testing.T) {
	s := start(t, program(t), t.TempDir())
	dir := t.TempDir()
	ctl := filepath.Join(dir, "passportctl")
	if out, err := exec.Command("go", "build", "-o", ctl, "github.com/passportcraft/passportcraft/infra/passportctl").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	file, recipe, report := filepath.Join(dir, "chairs.csv"), filepath.Join(dir, "recipe.json"), filepath.Join(dir, "report.csv")
	table := "Product identifier;Serial number;Name (en)\n"
	for _, serial := range []string{"T-1", "T-2"} {
		table += "https://id.gs1.org/01/09506000134376/21/" + serial + ";" + serial + ";Chair\n"
	}
	if err := os.WriteFile(file, []byte(table+"no identifier;T-3;Chair\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(good bool, args ...string) (out, errs string) {
		t.Helper()
		cmd := exec.Command(ctl, append([]string{"import", file, "-url", s.URL}, args...)...)
		cmd.Env = append(cmd.Environ(), "PASSPORTCRAFT_API_KEY="+s.Key)
		var said strings.Builder
		cmd.Stderr = &said
		b, err := cmd.Output()
		if (err == nil) != good {
			t.Fatalf("%v: %v\n%s%s", args, err, b, said.String())
		}
		return string(b), said.String()
	}
	suggested, _ := run(false, "-group", "general", "-granularity", "item")
	if err := os.WriteFile(recipe, []byte(suggested), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, _ := run(false, "-recipe", recipe, "-dry-run"); !strings.Contains(said, "checked: 3 rows; 2 created") || !strings.Contains(said, "row 4, Product identifier") {
		t.Errorf("dry run: %s", said)
	}
	if said, errs := run(false, "-recipe", recipe, "-report", report); !strings.Contains(said, "done: 3 rows; 2 created, 0 updated, 0 unchanged, 1 refused") || !strings.Contains(errs, "1 of 3 rows were refused") {
		t.Errorf("commit: %s%s", said, errs)
	}
	b, err := os.ReadFile(report)
	if err != nil || strings.Count(string(b), "\n") < 4 || !strings.Contains(string(b), "T-2") || !strings.Contains(string(b), "refused") {
		t.Errorf("report: %v\n%s", err, b)
	}
	if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, _ := run(true, "-recipe", recipe); !strings.Contains(said, "done: 2 rows; 0 created, 0 updated, 2 unchanged") {
		t.Errorf("again: %s", said)
	}
}
