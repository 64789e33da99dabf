package checks_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

var grant = flag.Bool("grant", false, "write into template.yaml what functions need to see whether their tables are cleared")

// rows are the tables of which a function reads rows, where it only asks about copies of its others.
var rows = map[string][]string{"rotate-backups": {"LedgerTable"}}

// TestFunctionsSeeMarkers holds that every function can tell whether each of its tables is cleared, with its own role, and
// reads nothing else by that; with -grant it writes the statements.
func TestFunctionsSeeMarkers(t *testing.T) {
	path := filepath.Join(root(t), "template.yaml")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for _, f := range testkit.Template(t).Functions {
		text = withMarkers(t, text, f)
	}
	if *grant {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, got := strings.Split(text, "\n"), strings.Split(string(b), "\n")
	for i := range want {
		if i >= len(got) || want[i] != got[i] {
			t.Fatalf("line %d of template.yaml should be\n%s\n`go test ./infra/checks -run TestFunctionsSeeMarkers -grant` writes it", i+1, want[i])
		}
	}
	if len(want) != len(got) {
		t.Error("template.yaml has statements of markers that belong to no table")
	}
}

// withMarkers is the text of the template with the statements of one function.
func withMarkers(t *testing.T, text string, f template.Function) string {
	t.Helper()
	block := regexp.MustCompile(`(?s)\n  ` + f.ID + `:\n.*?\n  [A-Z]`).FindStringIndex(text)
	if block == nil {
		t.Fatalf("%s has no block", f.ID)
	}
	body := text[block[0]:block[1]]
	statements := regexp.MustCompile(`(?s)            - Sid: SeeTables\n.*?            - Sid: ReadMarkers\n.*?'false'\}\n`)
	body = statements.ReplaceAllString(body, "")
	var tables []string
	for _, m := range regexp.MustCompile(`_TABLE: !Ref (\w+)\n`).FindAllStringSubmatch(body, -1) {
		some, limited := rows[f.Folder]
		if arn := "!GetAtt " + m[1] + ".Arn"; !slices.Contains(tables, arn) && (!limited || slices.Contains(some, m[1])) {
			tables = append(tables, arn)
		}
	}
	if len(tables) > 0 {
		head := "          Statement:\n"
		if i := strings.Index(body, "      Policies:\n"); i < 0 || !strings.Contains(body[i:], head) {
			t.Fatalf("%s has tables and no policy", f.ID)
		} else {
			at := i + strings.Index(body[i:], head) + len(head)
			body = body[:at] + fmt.Sprintf(markers, strings.Join(tables, ", ")) + body[at:]
		}
	}
	return text[:block[0]] + body + text[block[1]:]
}

const markers = `            - Sid: SeeTables
              Effect: Allow
              Action: ['dynamodb:DescribeTable']
              Resource: [%[1]s]
            - Sid: ReadMarkers
              Effect: Allow
              Action: ['dynamodb:GetItem']
              Resource: [%[1]s]
              Condition:
                'ForAllValues:StringEquals': {'dynamodb:LeadingKeys': ['RESTORE#CLEARED']}
                'Null': {'dynamodb:LeadingKeys': 'false'}
`
