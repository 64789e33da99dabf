package checks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/iam/policy"
	"github.com/passportcraft/passportcraft/shared/testkit"
)

// crossTenant are the functions that work on all tenants, with the reason.
var crossTenant = map[string]string{
	"rotate-backups":          "takes stock of copies of whole tables; the only rows that it can read are those that guard the clock",
	"run-retention-tick":      "takes the steps of every contract that ends; its keys are limited to doors, trails, logs, notices, members and exports",
	"run-retention-worker":    "empties tables of organisations that have left, which it has to walk for what cannot be enumerated; it opens no tenant's key",
	"run-retention-custodian": "reads passports of organisations whose contract has ended and copies what the law keeps; it deletes nothing",
	"run-retention-auditor":   "walks whole tables for what is left of organisations that have left; it opens no key and deletes nothing",
	"sequence-audit":          "orders the audit trail of every organisation; its keys are limited to those partitions",
	"tend-transfers":          "finds what is due in an index that holds keys only, and asks those who work for one organisation",
}

// walkers walk whole tables, which no condition on leading keys lets through.
var walkers = []string{"run-retention-worker", "run-retention-auditor"}

// scanned are the tables that the walkers may walk, with the reason; no other function walks any.
var scanned = map[string]map[string]string{
	"run-retention-worker": {
		"Records": "rows of organisations that have left under keys that nothing lists",
		"Keys":    "keys of organisations that have left, all versions",
		"People":  "members and credentials of organisations that have left",
		"Public":  "public rows, whose keys are addresses and name no organisation",
	},
	"run-retention-auditor": {
		"Records": "rows of organisations that have left under keys that nothing lists",
		"Keys":    "keys of organisations that have left, all versions",
		"People":  "members and credentials of organisations that have left",
		"Public":  "public rows, whose keys are addresses and name no organisation",
	},
}

// beyond is what functions may do with rows of passports, members and keys of any organisation, with the reason.
var beyond = map[string]map[string]string{
	"run-retention-worker": {
		"dynamodb:GetItem": "finds what it empties", "dynamodb:Query": "finds what it empties", "dynamodb:DeleteItem": "empties",
	},
	"run-retention-auditor":   {"dynamodb:GetItem": "counts what is left", "dynamodb:Query": "counts what is left"},
	"run-retention-custodian": {"dynamodb:GetItem": "decides what is kept", "dynamodb:Query": "decides what is kept"},
}

// TestRolesIsolateTenants holds every policy of the template to the rules of isolation: a table of tenants is reached only
// through a condition on the leading key that a call without one does not pass, and by a function's own role not at all.
func TestRolesIsolateTenants(t *testing.T) {
	tpl := testkit.Template(t)
	values := testkit.Values(map[string]string{"APP_ENV": "local", "AWS_REGION": "eu-west-1", "RECORDS_TABLE": "Records", "KEYS_TABLE": "Keys", "PEOPLE_TABLE": "People", "PUBLIC_TABLE": "Public", "LEDGER_TABLE": "Ledger", "CUSTODY_TABLE": "Custody", "DOCUMENTS_BUCKET": "documents", "BACKUP_VAULT": "backups", "LEDGER_VAULT": "ledger"})
	permissions, err := tpl.Permissions(values)
	if err != nil {
		t.Fatal(err)
	}
	table := func(name string) string { return "arn:aws:dynamodb:eu-west-1:000000000000:table/" + name }
	isolated := []string{table("Records"), table("Keys")}
	lint := func(name string, documents []any) []policy.Document {
		t.Helper()
		var all []policy.Document
		for _, d := range documents {
			parsed, err := policy.Parse(d, policy.Identity)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			for _, f := range policy.Lint(parsed, isolated...) {
				if slices.Contains(walkers, name) {
					continue
				}
				t.Errorf("%s, statement %s: %s", name, f.Sid, f.Problem)
			}
			all = append(all, parsed)
		}
		return all
	}
	roles := map[string]bool{}
	for _, r := range permissions.Roles {
		lint(r.ID, r.Policies)
		roles[r.ID] = true
	}
	const somebody = "01a3c7ab-7680-7000-8000-000000000001"
	for _, f := range tpl.Functions {
		own := lint(f.Folder, permissions.Functions[f.Folder])
		forTenants := slices.Contains(f.Variables(), "RECORDS_TABLE") && crossTenant[f.Folder] == ""
		if has := slices.Contains(f.Variables(), "TENANT_ROLE_ARN"); has != forTenants || has != roles[strings.TrimSuffix(f.ID, "Function")+"TenantRole"] {
			t.Errorf("%s works for tenants: %v; it has a tenant role: %v", f.Folder, forTenants, has)
		}
		for _, name := range []string{"Records", "Keys", "People", "Public", "Ledger", "Custody"} {
			r := policy.Request{Action: "dynamodb:Scan", Resource: table(name)}
			if got, want := policy.Decide(r, own...).Allowed, scanned[f.Folder][name] != ""; got != want {
				t.Errorf("%s may walk the table %s: %v, want %v", f.Folder, name, got, want)
			}
		}
		for _, action := range []string{"dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"} {
			for _, pk := range []string{"T#" + somebody, "T#" + somebody + "#P#" + somebody, "T#" + somebody + "#M", "T#" + somebody + "#KEYS"} {
				r := policy.Request{Action: action, Resource: table("Records"), Keys: policy.Keys{}.Set("dynamodb:LeadingKeys", pk)}
				door := crossTenant[f.Folder] != "" && pk == "T#"+somebody
				owners := f.Folder == "run-retention-tick" && action == "dynamodb:Query" && pk == "T#"+somebody+"#M" // whom it writes to
				if policy.Decide(r, own...).Allowed && !door && !owners && beyond[f.Folder][action] == "" {
					t.Errorf("%s may %s of %s without being that tenant", f.Folder, action, pk)
				}
			}
		}
	}
}
