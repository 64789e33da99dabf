package checks_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// identifiersInBodies are the members of request bodies that name something, with the test in shared/runtime/routes that
// puts another organisation's there.
var identifiersInBodies = map[string]string{
	"productIdentifier": "TestForeignIsAbsent: a product that another organisation has published cannot be published, and nothing tells by whom",
	"idToken":           "TestTwoSignInsWithOneAddress: an ID token of another sign-in registers and links nobody",
	"recipeId":          "TestForeignRecipes: a recipe of another organisation is not found, whether an import begins with it or is checked with it",
	"passport":          "TestForeignIsAbsent: what is said about another organisation's passport is refused as for an absent one; a hold covers the caller's organisation only, whatever it names",
	"user":              "a hold covers the caller's organisation only, whatever it names: lifecycle.Hold.Blocks compares the tenant first",
	"from":              "as user",
	"to":                "as user",
	"token":             "TestPeopleComeAndGo: an invitation is for whoever holds it, once",
}

// TestIdentifiersInBodies fails for a request body with an identifier that no test swaps for another organisation's.
func TestIdentifiersInBodies(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root(t), "infra", "openapi", "openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var api map[string]any
	if err := yaml.Unmarshal(raw, &api); err != nil {
		t.Fatal(err)
	}
	schemas := api["components"].(map[string]any)["schemas"].(map[string]any)
	looks := regexp.MustCompile(`(?i)(^|[a-z])(id|identifier|token)s?$`)
	found := map[string]bool{}
	var walk func(schema any, in string, seen map[string]bool)
	walk = func(schema any, in string, seen map[string]bool) {
		s, ok := schema.(map[string]any)
		if !ok {
			return
		}
		if ref, ok := s["$ref"].(string); ok {
			name := ref[strings.LastIndex(ref, "/")+1:]
			if !seen[name] {
				seen[name] = true
				walk(schemas[name], in, seen)
			}
			return
		}
		members, _ := s["properties"].(map[string]any)
		for name, of := range members {
			if of.(map[string]any)["readOnly"] == true { // Ignored in requests: TestForeignRecipes shows it.
				continue
			}
			format, _ := of.(map[string]any)["format"].(string)
			if looks.MatchString(name) || format == "uuid" {
				found[name] = true
				if identifiersInBodies[name] == "" {
					t.Errorf("%s takes %q in its body, which no test swaps for another organisation's", in, name)
				}
			}
			walk(of, in, seen)
		}
		walk(s["items"], in, seen)
	}
	for path, methods := range api["paths"].(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			body, ok := operation.(map[string]any)["requestBody"].(map[string]any)
			if !ok {
				continue
			}
			for _, media := range body["content"].(map[string]any) {
				walk(media.(map[string]any)["schema"], method+" "+path, map[string]bool{})
			}
		}
	}
	for name := range identifiersInBodies {
		if !found[name] {
			t.Errorf("no body takes %q any more", name)
		}
	}
}
