package checks_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// exported says of every kind of key in the tables where its rows are in an export, or why they are not in any.
var exportedKinds = map[string]string{
	"tenantKey":        "account/organisation.ndjson",
	"apiKeyKey":        "account/api-keys.ndjson",
	"memberKey":        "account/members.ndjson",
	"invitationKey":    "account/invitations.ndjson",
	"noticeKey":        "account/notices.ndjson",
	"passportKey":      "passports/",
	"momentKey":        "passports/, history",
	"versionKey":       "versions/",
	"documentKey":      "documents/, files/",
	"documentsKey":     "exempt: counts the documents of a passport",
	"auditKey":         "audit/, account/audit-not-yet-signed/",
	"logKey":           "audit/",
	"logHeadKey":       "audit/, checkpoints",
	"publicKey":        "versions/: the public view is made of the version in force",
	"personKey":        "account/members.ndjson; the person's own row belongs to the person",
	"bucketKey":        "exempt: counts of the last seconds",
	"identKey":         "exempt: a keyed digest of the product identifier, which is in passports/",
	"attemptKey":       "exempt: answers kept for a day, all of objects that are exported",
	"logWatchKey":      "exempt: what the anomaly rules remember of the trail, which is exported",
	"identityKey":      "exempt: the person's way to sign in is theirs, not the organisation's",
	"belongsKey":       "exempt: says that a person is a member, as account/members.ndjson does",
	"registerKey":      "exempt: the platform's list of organisations",
	"custodyKey":       "exempt: of tenants that are gone; names nobody",
	"carrierKey":       "exempt: leads from a passport's identifier to its product; both are in passports/",
	"dataKeyKey":       "exempt: wrapped keys never leave",
	"recipeKey":        "account/recipes.ndjson",
	"clearedKey":       "exempt: says of a table that it may be used; belongs to nobody",
	"journalKey":       "exempt: deletions, of which keyed digests say nothing to anybody else",
	"journalMarkKey":   "exempt: leads to an entry of the deletion journal",
	"journalHeadKey":   "exempt: counts the entries of the deletion journal",
	"journalSecretKey": "exempt: the wrapped secret of the deletion journal never leaves",
	"importKey":        "exempt: what was brought; its passports are in passports/",
	"runKey":           "exempt: what was brought; its passports are in passports/",
	"exportKey":        "exempt: exports themselves; asking for one and fetching it is in the trail",
	"choiceKey":        "passports/, said",
	"holdKey":          "account/holds.ndjson",
	"lifeKey":          "account/contract.ndjson",
	"workKey":          "exempt: what is still to be deleted, which is deleted",
	"toldKey":          "exempt: digests of mails that went out",
	"strayKey":         "exempt: says that data of an organisation that does not exist was found",
	"guardKey":         "exempt: the platform's clock and limiter",
	"wordKey":          "exempt: operators' words after outages; what concerns an organisation is in its trail",
	"certificateKey":   "exempt: made when there is nothing left to export; fetched with its secret",
	"departedKey":      "exempt: digests of users who were deleted elsewhere, until the organisation is certified",
	"wayKey":           "exempt: the person's way to sign in is theirs, not the organisation's",
}

// TestEveryKindIsExported fails when a kind of row exists that neither appears in exports nor is exempt with a reason.
func TestEveryKindIsExported(t *testing.T) {
	var all []ast.Decl
	files, err := filepath.Glob(filepath.Join(root(t), "shared", "adapters", "dynamo", "keys*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, file.Decls...)
	}
	found := map[string]bool{}
	for _, d := range all {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Type.Results == nil || len(f.Type.Results.List) != 1 {
			continue
		}
		if result, ok := f.Type.Results.List[0].Type.(*ast.Ident); !ok || result.Name != "key" {
			continue
		}
		found[f.Name.Name] = true
		if exportedKinds[f.Name.Name] == "" {
			t.Errorf("%s makes keys of rows that no export holds; add them to shared/adapters/dynamo/dump.go, or say why not", f.Name.Name)
		}
	}
	for name := range exportedKinds {
		if !found[name] {
			t.Errorf("there is no %s any more", name)
		}
	}
}
