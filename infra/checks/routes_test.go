package checks_test

import (
	"fmt"
	"go/ast"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/infra/openapi"
	"github.com/passportcraft/passportcraft/shared/api/httpapi"
	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/runtime/routes"
	"github.com/passportcraft/passportcraft/shared/runtime/tenancy"
	"github.com/passportcraft/passportcraft/shared/runtime/wire"
)

// table is every route, built without any storage behind it.
func table(t *testing.T) []httpapi.Route {
	t.Helper()
	config, err := wire.ReadConfig(func(name string) string {
		return map[string]string{"APP_ENV": "test", "AWS_REGION": "eu-west-1", "PUBLIC_BASE_URL": "https://passports.example"}[name]
	})
	if err != nil {
		t.Fatal(err)
	}
	return routes.All(tenancy.New(config, wire.Parts{}))
}

func parsed(t *testing.T) *template.Template {
	t.Helper()
	tpl, err := template.Read(filepath.Join(root(t), "template.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return tpl
}

// TestRoutesAreDeployed compares the route table with the template: each path has one function that owns it and takes
// every method (so that HEAD, OPTIONS and 405 are ours); other functions take their one method.
func TestRoutesAreDeployed(t *testing.T) {
	want := map[string]bool{}
	all := table(t)
	if parsed(t).API.Authoriser == "" {
		t.Error("the API has no authoriser")
	}
	for _, r := range all {
		method, path, _ := strings.Cut(r.Pattern, " ")
		if method == http.MethodGet || !slices.ContainsFunc(all, func(o httpapi.Route) bool { return o.Pattern == "GET "+path }) {
			method = template.Any
		}
		want[r.Function+": "+method+" "+path] = r.Action == access.Public
	}
	got := map[string]bool{}
	for _, f := range parsed(t).Functions {
		for _, r := range f.Routes {
			got[f.Folder+": "+r.Method+" "+r.Path] = r.Open
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("route table and template.yaml differ (-table +template):\n%s", d)
	}
	if n := len(parsed(t).Functions); n > 60 {
		t.Errorf("%d functions; group rare administration or split the stack above 60", n)
	}
}

// TestSiblings holds that the owner of a path knows the methods that other functions serve there.
func TestSiblings(t *testing.T) {
	all := table(t)
	for _, owner := range all {
		method, path, _ := strings.Cut(owner.Pattern, " ")
		if method != http.MethodGet {
			continue
		}
		var others []string
		for _, r := range all {
			if m, p, _ := strings.Cut(r.Pattern, " "); p == path && m != method {
				others = append(others, m)
			}
		}
		if !slices.Equal(others, owner.Siblings) {
			t.Errorf("%s names the siblings %v, the table has %v", owner.Pattern, owner.Siblings, others)
		}
	}
}

// TestFoldersAreFunctions compares the folders under functions/ with the template.
func TestFoldersAreFunctions(t *testing.T) {
	folders, err := os.ReadDir(filepath.Join(root(t), "functions"))
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, f := range folders {
		have = append(have, f.Name())
	}
	for _, f := range parsed(t).Functions {
		want = append(want, f.Folder)
	}
	slices.Sort(want)
	if d := cmp.Diff(want, have); d != "" {
		t.Errorf("functions/ and template.yaml differ (-template +folders):\n%s", d)
	}
}

// TestMainsServeTheirRoutes compares, by reading the source, the constructors that each main calls with those that
// routes.go lists and with the function that each constructor's routes name.
func TestMainsServeTheirRoutes(t *testing.T) {
	all := sources(t)
	named := constructors(all)
	listed := map[string]bool{}
	served := map[string]bool{}
	for _, s := range all {
		if s.test() {
			continue
		}
		inMain := strings.HasPrefix(s.path, "functions/")
		if s.path != "shared/runtime/routes/routes.go" && !inMain {
			continue
		}
		for call := range calls(s) {
			if _, ok := named[call]; !ok {
				continue
			}
			if !inMain {
				listed[call] = true
				continue
			}
			served[call] = true
			if function := filepath.Base(s.dir()); !slices.Equal(named[call], []string{function}) {
				t.Errorf("%s serves %s, whose routes name %v", s.path, call, named[call])
			}
		}
	}
	if d := cmp.Diff(listed, served); d != "" || len(listed) == 0 {
		t.Errorf("constructors in routes.go and in the mains differ (-routes.go +mains):\n%s", d)
	}
}

// calls lists the qualified functions of shared/api packages that a file calls, as "package.Func".
func calls(s source) map[string]bool {
	out := map[string]bool{}
	ast.Inspect(s.file, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if sel, ok := c.Fun.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok {
				out[x.Name+"."+sel.Sel.Name] = true
			}
		}
		return true
	})
	return out
}

// constructors maps each exported function of the api packages that makes routes to the functions its routes name,
// following calls within the package.
func constructors(all []source) map[string][]string {
	direct, callees := map[string][]string{}, map[string][]string{}
	for _, s := range all {
		if s.test() || !strings.HasPrefix(s.path, "shared/api/") || strings.HasPrefix(s.path, "shared/api/httpapi/") {
			continue
		}
		pkg := s.file.Name.Name
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil {
				continue
			}
			id := pkg + "." + f.Name.Name
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.KeyValueExpr:
					key, ok := n.Key.(*ast.Ident)
					value, ok2 := n.Value.(*ast.BasicLit)
					if ok && ok2 && key.Name == "Function" {
						name, _ := strconv.Unquote(value.Value)
						direct[id] = append(direct[id], name)
					}
				case *ast.CallExpr:
					if x, ok := n.Fun.(*ast.Ident); ok {
						callees[id] = append(callees[id], pkg+"."+x.Name)
					}
				}
				return true
			})
		}
	}
	out := map[string][]string{}
	for _, m := range []map[string][]string{direct, callees} {
		for id := range m {
			names := slices.Clone(direct[id])
			for _, c := range callees[id] {
				names = append(names, direct[c]...)
			}
			slices.Sort(names)
			if names = slices.Compact(names); len(names) > 0 && ast.IsExported(strings.Split(id, ".")[1]) {
				out[id] = names
			}
		}
	}
	return out
}

// TestRoutesAreDescribed compares the route table with openapi.yaml: operations, parameters, security, and the answers
// that the layers can give.
func TestRoutesAreDescribed(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Ref  string `yaml:"$ref"`
				Name string `yaml:"name"`
				In   string `yaml:"in"`
			} `yaml:"parameters"`
			Security  *[]any         `yaml:"security"`
			Responses map[string]any `yaml:"responses"`
			Body      any            `yaml:"requestBody"`
		} `yaml:"paths"`
	}
	if err := yaml.Unmarshal(openapi.Document(), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			described[strings.ToUpper(method)+" "+path] = true
		}
	}
	for _, r := range table(t) {
		method, path, _ := strings.Cut(r.Pattern, " ")
		op, ok := doc.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s is not in openapi.yaml", r.Pattern)
			continue
		}
		delete(described, r.Pattern)
		var query, refs []string
		for _, p := range op.Parameters {
			if p.In == "query" {
				query = append(query, p.Name)
			}
			refs = append(refs, filepath.Base(p.Ref))
		}
		for parameter, name := range map[string]string{"Limit": "limit", "Cursor": "cursor"} {
			if slices.Contains(refs, parameter) {
				query = append(query, name)
			}
		}
		slices.Sort(query)
		known := slices.Sorted(slices.Values(r.Query))
		if !slices.Equal(query, known) {
			t.Errorf("%s: query parameters %v in openapi.yaml, %v in the route", r.Pattern, query, known)
		}
		demands := map[string]bool{"400": true, "500": true, "401": r.Action != "public", "429": r.Action != "public", "428": r.Conditional, "412": r.Conditional, "413": len(r.Body.Types) > 0, "415": len(r.Body.Types) > 0}
		for status, needed := range demands {
			if _, has := op.Responses[status]; needed && !has {
				t.Errorf("%s can answer %s, which openapi.yaml does not say", r.Pattern, status)
			}
		}
		for _, c := range []struct {
			what      string
			api, code bool
		}{
			{"open to everybody", op.Security != nil && len(*op.Security) == 0, r.Action == "public"},
			{"a request body", op.Body != nil, len(r.Body.Types) > 0},
			{"If-Match", slices.Contains(refs, "IfMatch"), r.Conditional},
			{"Idempotency-Key", slices.Contains(refs, "IdempotencyKey"), r.Idempotent},
		} {
			if c.api != c.code {
				t.Errorf("%s: openapi.yaml and the route differ on %s (%v, %v)", r.Pattern, c.what, c.api, c.code)
			}
		}
	}
	for operation := range described {
		t.Errorf("openapi.yaml describes %s, which no route serves", operation)
	}
}

// TestEveryFunctionHasAnEvent wants at least one payload in events/ for each function.
func TestEveryFunctionHasAnEvent(t *testing.T) {
	for _, f := range parsed(t).Functions {
		found, err := filepath.Glob(filepath.Join(root(t), "events", fmt.Sprintf("%s.*.json", f.Folder)))
		if err != nil || len(found) == 0 {
			t.Errorf("events/ has no payload for %s", f.Folder)
		}
	}
}
