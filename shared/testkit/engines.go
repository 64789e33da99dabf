// Package testkit runs the whole platform on the local engines with a movable clock, for tests. Nothing of it is linked
// into the product.
package testkit

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/iam"
)

// endpointsVariable carries the endpoints from Main to the tests of the same process.
const endpointsVariable = "PASSPORTCRAFT_TEST_ENGINES"

// Main is the TestMain of packages whose tests need engines: it starts them once for the package, with tables in memory,
// and stops them after the tests.
func Main(m *testing.M) { os.Exit(run(m, nil)) }

// MainAllUsed is Main, and fails when the template grants one of these roles something that no test of the package has used:
// a grant that nobody needs is one that only an attacker uses. Needless are the grants that no test can use, by statement or
// by statement and action, with the reason. It looks only when all tests ran.
func MainAllUsed(m *testing.M, roles func(role string) bool, needless map[string]string) {
	os.Exit(run(m, func(used map[iam.Grant]bool) error {
		for _, f := range []string{"test.run", "test.skip", "test.bench", "test.fuzz", "test.list"} {
			if flag.Lookup(f).Value.String() != "" {
				return nil
			}
		}
		granted, err := granted()
		if err != nil {
			return err
		}
		var idle []string
		for _, g := range granted {
			if roles(g.Role) && !used[g] && needless[g.Sid] == "" && needless[g.Sid+" "+g.Action] == "" {
				idle = append(idle, fmt.Sprintf("%s: %s allows %s", g.Role, g.Sid, g.Action))
			}
		}
		if len(idle) > 0 {
			return fmt.Errorf("template.yaml grants what no test of this package uses:\n%s", strings.Join(idle, "\n"))
		}
		return nil
	}))
}

func run(m *testing.M, after func(map[iam.Grant]bool) error) int {
	dir, err := os.MkdirTemp("", "passportcraft-test-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	h, err := enginehost.Start(context.Background(), enginehost.Options{DataDir: dir, Memory: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer h.Stop()
	b, err := json.Marshal(h.Endpoints)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := os.Setenv(endpointsVariable, string(b)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	grants := filepath.Join(dir, "grants")
	if err := errors.Join(os.Mkdir(grants, 0o700), os.Setenv(grantsVariable, grants)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if code == 0 && after != nil {
		all, err := used(grants)
		if err == nil {
			err = after(all)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return code
}

// Engines is where the engines of this test process answer.
func Engines(t testing.TB) enginehost.Endpoints {
	t.Helper()
	var e enginehost.Endpoints
	if err := json.Unmarshal([]byte(os.Getenv(endpointsVariable)), &e); err != nil || e.PID == 0 {
		t.Fatal("this package's TestMain must be testkit.Main")
	}
	return e
}
