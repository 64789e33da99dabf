package checks_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/domain/drill"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// TestEveryTableIsClearedAndRestored holds that the tables which are marked when they are new, and which a drill restores,
// are those of the template: one that nobody marks serves nothing on AWS, and one without a kind has no way back. The
// Ledger alone is restored by hand.
func TestEveryTableIsClearedAndRestored(t *testing.T) {
	declared := map[string]bool{} // by logical id, whether its keys have two parts
	for _, table := range testkit.Template(t).Tables {
		declared[table.ID] = table.Range != ""
	}
	text, err := os.ReadFile(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ +(\w+_TABLE): !Ref (\w+)$`).FindAllStringSubmatch(string(text), -1) {
		variables[m[2]] = m[1]
	}
	runbook, err := os.ReadFile(filepath.Join(root(t), "infra/runbooks/restore-table.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range drill.Places() {
		sorted, ok := declared[p.Table]
		if !ok || sorted != p.Sorted || variables[p.Table] != p.Variable {
			t.Errorf("%+v is not what the template says: declared %v, sorted %v, variable %s", p, ok, sorted, variables[p.Table])
		}
		delete(declared, p.Table)
		if p.Kind.Known() == (p.Kind == drill.Ledger) {
			t.Errorf("%s: restored by a drill: %v", p.Table, p.Kind.Known())
		}
		if p.Kind.Known() && !slices.Contains(strings.FieldsFunc(string(drill.Schema), func(r rune) bool { return r == '"' }), string(p.Kind)) {
			t.Errorf("a report cannot be of %s", p.Kind)
		}
		if !strings.Contains(string(runbook), "`"+p.Variable+"`") {
			t.Errorf("the runbook does not name %s", p.Variable)
		}
	}
	for table := range declared {
		t.Errorf("%s is never cleared, and has no way back", table)
	}
}
