package runner_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
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
	run(ctl, "export", "-url", s.URL, "-o", file, "-formats", "csv,xlsx,en18223,en18223-jsonld", "-no-audit")
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
		said := run("unzip", "-t", file)
		if !strings.Contains(said, "No errors detected") || strings.Contains(said, "audit/") {
			t.Errorf("unzip: %s", said)
		}
		for _, name := range []string{"tables/battery/000001.csv", "tables/battery/000001.xlsx", "en18223/000001.ndjson", "en18223-jsonld/000001.ndjson"} {
			if !strings.Contains(said, name) {
				t.Errorf("the package lacks %s:\n%s", name, said)
			}
		}
	})
	t.Run("spreadsheet", func(t *testing.T) {
		for _, tool := range []string{"unzip", "soffice"} {
			if _, err := exec.LookPath(tool); err != nil {
				t.Skip(tool + " is not installed here")
			}
		}
		run("unzip", "-q", "-o", file, "tables/battery/*", "-d", dir)
		tables := filepath.Join(dir, "tables", "battery")
		run("soffice", "-env:UserInstallation=file://"+filepath.Join(dir, "office"), "--headless", "--convert-to", "csv", "--outdir", dir, filepath.Join(tables, "000001.xlsx"))
		read := func(name string) [][]string {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\ufeff")))).ReadAll()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			return rows
		}
		own, theirs := read(filepath.Join(tables, "000001.csv")), read(filepath.Join(dir, "000001.csv"))
		if len(own) < 2 || len(own) != len(theirs) || strings.Join(own[0], "|") != strings.Join(theirs[0], "|") || own[1][1] != theirs[1][1] {
			t.Errorf("LibreOffice reads %d rows of %d, the first as\n%v\nthe table has\n%v", len(theirs), len(own), theirs, own)
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

// TestScheduleTendsTransfers lets time pass on one machine: the schedule of the template ends an import whose file never
// came.
func TestScheduleTendsTransfers(t *testing.T) {
	s := start(t, program(t), t.TempDir(), "LOCAL_CLOCK=manual")
	ask := func(method, path, body string, want int) map[string]any {
		t.Helper()
		status, text, err := s.do(method, path, body)
		var got map[string]any
		if err != nil || status != want || json.Unmarshal([]byte(text), &got) != nil {
			t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
		}
		return got
	}
	one := "/v1/imports/" + ask("POST", "/v1/imports", `{"format":"archive","size":7,"sha256":"`+strings.Repeat("0", 64)+`"}`, 201)["id"].(string)
	ask("POST", "/local/clock", `{"advance":"5h"}`, 200)
	if got := ask("GET", one, "", 200); got["state"] != "waiting" {
		t.Errorf("after five hours: %v", got)
	}
	ask("POST", "/local/clock", `{"advance":"2h"}`, 200)
	for try := 0; ask("GET", one, "", 200)["state"] != "cancelled"; try++ { // the schedule asks, somebody else does it
		if try == 500 {
			t.Fatalf("after seven hours: %v", ask("GET", one, "", 200))
		}
		<-time.After(20 * time.Millisecond)
	}
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
	if said, _ := run(false, "-recipe", recipe, "-dry-run"); !strings.Contains(said, "checked: 3 rows; 2 would be created") || !strings.Contains(said, "row 4, Product identifier") {
		t.Errorf("dry run: %s", said)
	}
	if said, errs := run(false, "-recipe", recipe, "-report", report); !strings.Contains(said, "done: 3 rows; 2 created, 0 updated, 0 unchanged, 1 refused") || !strings.Contains(errs, "1 of 3 rows were not taken: 1 refused, 0 duplicates") {
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
