package checks_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
)

const module = "github.com/passportcraft/passportcraft/"

func root(t *testing.T) string {
	t.Helper()
	dir, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// source is one Go file of the repository.
type source struct {
	path    string // relative to the root, with slashes
	file    *ast.File
	set     *token.FileSet
	lines   int
	imports []string
}

func (s source) dir() string { return filepath.ToSlash(filepath.Dir(s.path)) }
func (s source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s source) made() bool  { return strings.HasSuffix(s.path, "_templ.go") }

// sources parses every Go file outside the engines' own module.
func sources(t *testing.T) []source {
	t.Helper()
	base := root(t)
	var all []source
	err := filepath.WalkDir(base, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(base, path)
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel == ".git" || rel == ".local" || rel == "dist" || rel == "infra/local/engines" || rel == "infra/tools" || d.Name() == "node_modules" || d.Name() == "testdata" {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		s := source{path: rel, set: token.NewFileSet(), lines: strings.Count(string(text), "\n")}
		if s.file, err = parser.ParseFile(s.set, path, text, parser.ParseComments); err != nil {
			return err
		}
		for _, i := range s.file.Imports {
			p, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			s.imports = append(s.imports, p)
		}
		all = append(all, s)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 50 {
		t.Fatalf("only %d Go files found: the walk is broken", len(all))
	}
	return all
}
