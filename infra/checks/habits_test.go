package checks_test

import (
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/foundation/fault"
)

// Budgets of DESIGN.md.
const (
	maxFile      = 500
	maxFunction  = 70
	maxInterface = 6
	maxMain      = 25
)

func TestBudgets(t *testing.T) {
	for _, s := range sources(t) {
		if s.made() {
			continue
		}
		if s.lines > maxFile {
			t.Errorf("%s has %d lines; %d are allowed", s.path, s.lines, maxFile)
		}
		if strings.HasPrefix(s.path, "functions/") && s.lines > maxMain {
			t.Errorf("%s has %d lines; a main picks a route and has %d at most", s.path, s.lines, maxMain)
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				from, to := s.set.Position(n.Pos()).Line, s.set.Position(n.End()).Line
				data := n.Name.Name == "Catalogue" || s.test() // tables are data
				if to-from+1 > maxFunction && !data {
					t.Errorf("%s: %s has %d lines; %d are allowed", s.path, n.Name.Name, to-from+1, maxFunction)
				}
			case *ast.InterfaceType:
				if n.Methods != nil && len(n.Methods.List) > maxInterface {
					t.Errorf("%s: an interface has %d methods; %d are allowed", s.path, len(n.Methods.List), maxInterface)
				}
			}
			return true
		})
	}
}

// TestHabits holds: time comes from the clock, randomness is injected, nothing happens in init, and there is no package
// of leftovers and no variable shared by a package (embedded files are constants in all but name).
func TestHabits(t *testing.T) {
	leftovers := []string{"util", "utils", "common", "helpers", "models", "types", "core", "manager", "mocks"}
	for _, s := range sources(t) {
		if slices.Contains(leftovers, filepath.Base(s.dir())) {
			t.Errorf("%s: a package named %s says nothing", s.path, filepath.Base(s.dir()))
		}
		if s.test() || s.made() || strings.HasPrefix(s.path, "infra/") || strings.HasPrefix(s.path, "shared/testkit") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := sel.X.(*ast.Ident)
			if ok && x.Name == "time" && slices.Contains([]string{"Now", "Sleep", "Since", "Until"}, sel.Sel.Name) && s.dir() != "shared/foundation/clock" {
				t.Errorf("%s:%d uses time.%s; take a clock", s.path, s.set.Position(n.Pos()).Line, sel.Sel.Name)
			}
			return true
		})
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s has an init function", s.path)
				}
			case *ast.GenDecl:
				if d.Tok == token.VAR && (d.Doc == nil || !strings.Contains(d.Doc.List[len(d.Doc.List)-1].Text, "go:embed")) && !sentinel(d) {
					t.Errorf("%s:%d: a package-level variable", s.path, s.set.Position(d.Pos()).Line)
				}
			}
		}
	}
}

// sentinel tells whether a declaration is an error value to compare with, or a compile-time assertion.
func sentinel(d *ast.GenDecl) bool {
	for _, spec := range d.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(v.Names[0].Name, "Err") && v.Names[0].Name != "_" {
			return false
		}
	}
	return true
}

// TestPackagesExplainThemselves wants a paragraph on each package.
func TestPackagesExplainThemselves(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if !s.test() {
			documented[s.dir()] = documented[s.dir()] || s.file.Doc != nil && len(s.file.Doc.Text()) > 40
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no paragraph that says what it does", dir)
		}
	}
}

// TestKeysAreBuiltInOnePlace forbids storage keys outside keys.go.
func TestKeysAreBuiltInOnePlace(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir() != "shared/adapters/dynamo" || s.test() || strings.HasSuffix(s.path, "keys.go") && !strings.HasSuffix(s.path, "datakeys.go") {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING && regexp.MustCompile(`"(T|P|Q|V|AT|DK)#`).MatchString(lit.Value) {
				t.Errorf("%s:%d builds a key by hand: %s", s.path, s.set.Position(lit.Pos()).Line, lit.Value)
			}
			return true
		})
	}
}

// TestCodesAreDocumented compares the codes in the source with the catalogue and with openapi.yaml.
func TestCodesAreDocumented(t *testing.T) {
	documented := map[string]bool{}
	for _, d := range fault.Catalogue() {
		documented[string(d.Code)] = true
	}
	declared := regexp.MustCompile(`Code = "([a-z0-9-]+)"`)
	text, err := os.ReadFile(filepath.Join(root(t), "shared/foundation/fault/codes.go"))
	if err != nil {
		t.Fatal(err)
	}
	api, err := os.ReadFile(filepath.Join(root(t), "infra/openapi/openapi.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := declared.FindAllStringSubmatch(string(text), -1)
	for _, m := range found {
		if !documented[m[1]] {
			t.Errorf("code %s is not in the catalogue", m[1])
		}
		if !strings.Contains(string(api), `"`+m[1]+`"`) {
			t.Errorf("code %s is not in openapi.yaml", m[1])
		}
	}
	if len(found) != len(documented) {
		t.Errorf("%d codes are declared, %d documented", len(found), len(documented))
	}
}
