// Command mutants breaks the code that keeps the promise of deletion on purpose, one place at a time, and sees whether
// somebody notices: first the oracle of the simulation, then the tests of the package. A mutant is a small change of
// text, applied to a copy that the compiler reads instead of the file (go build -overlay); the tree is left alone. One
// whose text is no longer there is an error, as is one that nobody notices. The list with its killers is written to
// infra/mutants/results.md.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
)

// mutant is one change for the worse.
type mutant struct {
	name     string // what is broken
	file     string
	old, new string // old occurs exactly once
}

// killer says who noticed.
type killer struct {
	mutant
	by, how string
}

func main() {
	only := flag.String("only", "", "run only mutants whose name contains this")
	check := flag.Bool("check", false, "only see that every mutant still fits the code")
	beside := flag.Int("j", runtime.NumCPU(), "so many at a time")
	resume := flag.Bool("resume", false, "take what .local/mutants.txt says of the run before, and run the rest")
	flag.Parse()
	if err := run(*only, *check, *resume, *beside); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(only string, check, resume bool, beside int) error {
	root, err := enginehost.Root()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if !check {
		if by, how, err := hunt(root, ""); err != nil || by != "" {
			return errors.Join(err, fmt.Errorf("without any mutant, %s already says: %s", by, how))
		}
	}
	all := slices.DeleteFunc(mutants(), func(m mutant) bool { return !strings.Contains(m.name, only) })
	killed, wrong := make([]killer, len(all)), make([]error, len(all))
	said, err := diary(root, resume, check)
	if err != nil {
		return err
	}
	var wait sync.WaitGroup
	free := make(chan struct{}, max(1, beside))
	for i, m := range all {
		if k, ok := said.before[m.name]; ok {
			killed[i] = killer{m, k[0], k[1]}
			continue
		}
		overlay, err := apply(root, dir, i, m)
		if wrong[i] = err; err != nil || check {
			continue
		}
		free <- struct{}{}
		wait.Go(func() {
			defer func() { <-free }()
			if killed[i], wrong[i] = kill(root, overlay, m); wrong[i] != nil {
				wrong[i] = fmt.Errorf("%s: %w", m.name, wrong[i])
				fmt.Println(wrong[i])
				return
			}
			fmt.Printf("%-60s %s: %s\n", m.name, killed[i].by, killed[i].how)
			said.write(killed[i])
		})
	}
	wait.Wait()
	if err := errors.Join(wrong...); err != nil || check || only != "" {
		return err
	}
	return write(root, killed)
}

// book remembers who noticed what, so that a run that was interrupted need not begin again.
type book struct {
	before map[string][2]string
	mu     sync.Mutex
	file   *os.File
}

func diary(root string, resume, check bool) (*book, error) {
	b := &book{before: map[string][2]string{}}
	if check {
		return b, nil
	}
	path := filepath.Join(root, ".local/mutants.txt")
	if text, err := os.ReadFile(path); err == nil && resume {
		for line := range strings.Lines(string(text)) {
			if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 3 {
				b.before[f[0]] = [2]string{f[1], f[2]}
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	mode := os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	if resume {
		mode = os.O_CREATE | os.O_WRONLY | os.O_APPEND
	}
	var err error
	b.file, err = os.OpenFile(path, mode, 0o600)
	return b, err
}

func (b *book) write(k killer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fmt.Fprintf(b.file, "%s\t%s\t%s\n", k.name, k.by, k.how)
}

// apply makes the overlay of one mutant.
func apply(root, dir string, i int, m mutant) (overlay string, err error) {
	path := filepath.Join(root, m.file)
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if n := bytes.Count(text, []byte(m.old)); n != 1 {
		return "", fmt.Errorf("%s: the text to change occurs %d times in %s:\n%s", m.name, n, m.file, m.old)
	}
	changed := filepath.Join(dir, fmt.Sprintf("%d.go", i))
	if err := os.WriteFile(changed, bytes.Replace(text, []byte(m.old), []byte(m.new), 1), 0o600); err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {path: changed}})
	if err != nil {
		return "", err
	}
	overlay = filepath.Join(dir, fmt.Sprintf("%d.json", i))
	return overlay, os.WriteFile(overlay, list, 0o600)
}

// errSurvived says that nobody noticed.
var errSurvived = errors.New("nobody noticed")

func kill(root, overlay string, m mutant) (killer, error) {
	by, how, err := hunt(root, overlay)
	if err == nil && by == "" {
		by, how, err = tests(root, overlay, filepath.Dir(m.file))
	}
	if err == nil && by == "" {
		err = errSurvived
	}
	return killer{m, by, how}, err
}

// hunt runs the simulation until the oracle says something.
func hunt(root, overlay string) (by, how string, err error) {
	out, err := test(root, overlay, "./shared/testkit/simulation", "-run=TestHunt", "-args", "-hunt=8", "-storm", "-from=100", "-tenants=25", "-years=3")
	if err != nil {
		return "", "", err
	}
	if found := regexp.MustCompile(`seed (\d+): \d+ broken: (invariant \d+), [^,]*, [^:]*: ([^;]*)`).FindStringSubmatch(out); found != nil {
		what := regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d{4}-\d\d-\d\dT[\d:]+Z`).ReplaceAllString(found[3], "…")
		return "oracle", fmt.Sprintf("%s, seed %s: %s", found[2], found[1], what), nil
	}
	if strings.Contains(out, "test timed out") {
		return "oracle", "the run does not end", nil
	}
	if strings.Contains(out, "panic:") {
		return "oracle", "the engine panics: " + regexp.MustCompile(`panic: [^\n]*`).FindString(out), nil
	}
	return "", "", nil
}

// tests runs the tests of the package that was changed, and of those that stand on it.
func tests(root, overlay, pkg string) (by, how string, err error) {
	packages := []string{"./" + pkg}
	if pkg == "shared/domain/lifecycle" {
		packages = append(packages, "./shared/domain/retention")
	}
	for _, p := range packages {
		out, err := test(root, overlay, p, "-failfast")
		if err != nil {
			return "", "", err
		}
		if name := regexp.MustCompile(`--- FAIL: (\S+)`).FindStringSubmatch(out); name != nil {
			return "test", strings.TrimPrefix(p, "./shared/domain/") + "." + name[1], nil
		}
		if strings.Contains(out, "panic:") {
			return "test", strings.TrimPrefix(p, "./shared/domain/") + " panics", nil
		}
	}
	return "", "", nil
}

// test runs go test. That tests fail is no error; that nothing could be compiled is.
func test(root, overlay, pkg string, more ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	args := []string{"test", "-count=1", "-vet=off", "-timeout=5m"}
	if overlay != "" {
		args = append(args, "-overlay="+overlay)
	}
	c := exec.CommandContext(ctx, "go", append(append(args, pkg), more...)...)
	c.Dir = root
	out, err := c.CombinedOutput()
	text := string(out)
	if strings.Contains(text, "[build failed]") || !strings.Contains(text, "ok  \t") && !strings.Contains(text, "--- FAIL") && !strings.Contains(text, "panic:") {
		return "", fmt.Errorf("go test %s: %w\n%s", pkg, err, out)
	}
	return text, nil
}

func write(root string, killed []killer) error {
	var b strings.Builder
	oracle := 0
	for _, k := range killed {
		if k.by == "oracle" {
			oracle++
		}
	}
	fmt.Fprintf(&b, "# Mutants\n\nWritten by `make mutants`: the code that keeps the promise of deletion, broken in %d ways, one at a time. Every one was noticed: %d by the oracle of the simulation, %d by a test.\n\n| broken | in | noticed by | how |\n|---|---|---|---|\n",
		len(killed), oracle, len(killed)-oracle)
	for _, k := range killed {
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", k.name, strings.TrimPrefix(k.file, "shared/domain/"), k.by, strings.ReplaceAll(k.how, "|", "/"))
	}
	return os.WriteFile(filepath.Join(root, "infra/mutants/results.md"), []byte(b.String()), 0o644)
}
