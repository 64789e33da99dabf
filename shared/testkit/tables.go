package testkit

import (
	"path/filepath"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/provision"
	"github.com/passportcraft/passportcraft/infra/local/template"
)

// Template is the repository's template.yaml.
func Template(t testing.TB) *template.Template {
	t.Helper()
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := template.Read(filepath.Join(root, "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// Tables are the tables of the template under names with a prefix.
func Tables(t testing.TB, prefix string) []provision.Table {
	return provision.FromTemplate(Template(t), named(prefix))
}

// named is the name of a table as CloudFormation makes it: of the stack, the logical id and something of its own.
func named(prefix string) func(logicalID string) string {
	return func(logicalID string) string { return prefix + logicalID + "-1" }
}
