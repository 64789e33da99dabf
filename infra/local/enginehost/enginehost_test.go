package enginehost_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
)

// asEngines makes this test binary behave as an engines program that says the variable's text and then waits for the end
// of its input.
const asEngines = "ENGINEHOST_TEST_SAYS"

func TestMain(m *testing.M) {
	if says, ok := os.LookupEnv(asEngines); ok {
		fmt.Fprintln(os.Stderr, "engines: the reason")
		fmt.Print(says)
		if says == "" {
			os.Exit(3)
		}
		_, _ = io.Copy(io.Discard, os.Stdin)
		return
	}
	os.Exit(m.Run())
}

// own makes a test independent of the environment of the person who runs it, and skips it where nothing was built.
func own(t *testing.T) {
	t.Helper()
	t.Setenv("DYNAMODB_ENDPOINT", "")
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, ".local", "bin", "engines")); err != nil && os.Getenv("ENGINES_BIN") == "" {
		t.Skipf("%s: the local engines are not built (make engines builds them)", t.Name())
	}
	if found, _ := filepath.Glob(filepath.Join(root, "infra", "local", "node_modules", "@dynoxide", "*", "dynoxide")); len(found) == 0 && os.Getenv("DYNOXIDE_BIN") == "" {
		t.Skipf("%s: the DynamoDB engine is not there (make engines fetches it)", t.Name())
	}
}

func answers(endpoint string) error {
	resp, err := http.Get(endpoint)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func TestStartAndStop(t *testing.T) {
	own(t)
	dir := t.TempDir()
	h, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Memory: true, Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	all := []string{h.Endpoints.DynamoDB, h.Endpoints.S3, h.Endpoints.KMS}
	for _, endpoint := range all {
		if err := answers(endpoint); err != nil {
			t.Errorf("%s does not answer: %v", endpoint, err)
		}
	}
	_, err = enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Memory: true})
	want := "the local engines do not start: the data folder " + dir + " is in use by another run; stop that one first"
	if err == nil || err.Error() != want {
		t.Errorf("a second run on the same folder: %v, want %s", err, want)
	}
	for range 2 {
		if err := h.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	for _, endpoint := range all {
		if answers(endpoint) == nil {
			t.Errorf("%s still answers", endpoint)
		}
	}
}

// Engines that are killed are reported by Done and Stop, and the next ones start on the same folder at once.
func TestKillAndStartAgain(t *testing.T) {
	own(t)
	dir := t.TempDir()
	h, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	h.Kill()
	<-h.Done()
	if h.Stop() == nil {
		t.Error("Stop does not tell that the engines were killed")
	}
	next, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	if next.Endpoints.AccessKey != h.Endpoints.AccessKey || next.Endpoints.SecretKey != h.Endpoints.SecretKey {
		t.Error("the credentials are others")
	}
	if err := next.Stop(); err != nil {
		t.Error(err)
	}
}

// A DynamoDB endpoint that the user has set is reported as it is, wherever it is; nothing is started for it.
func TestOwnDynamoDB(t *testing.T) {
	own(t)
	t.Setenv("DYNAMODB_ENDPOINT", "http://192.0.2.1:8000") // RFC 5737: an address for documentation
	t.Setenv("DYNOXIDE_BIN", filepath.Join(t.TempDir(), "absent"))
	h, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: t.TempDir(), Stderr: t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Stop()
	if h.Endpoints.DynamoDB != "http://192.0.2.1:8000" {
		t.Errorf("DynamoDB is at %s", h.Endpoints.DynamoDB)
	}
}

// Each way in which the engines cannot start is one sentence that names the cause.
func TestRefusals(t *testing.T) {
	t.Setenv("DYNAMODB_ENDPOINT", "")
	absent := filepath.Join(t.TempDir(), "absent")
	const elsewhere = `{"dynamodb":"http://127.0.0.1:1","s3":"http://192.0.2.1:2","kms":"http://127.0.0.1:3","pid":1}` + "\n"
	for name, c := range map[string]struct{ engines, dynoxide, data, says, want string }{
		"not built":         {absent, os.Args[0], "d", "-", "there is no program " + absent + ": run `make engines`, which builds the local engines (it needs Go 1.26 or later, and Node 20 or later)"},
		"not fetched":       {os.Args[0], absent, "d", "-", "there is no program " + absent + ": run `make engines`, which fetches the DynamoDB engine (it needs Node 20 or later), or set DYNAMODB_ENDPOINT to an engine of your own"},
		"no folder":         {os.Args[0], os.Args[0], "", "-", "the local engines need a data folder"},
		"they end":          {os.Args[0], os.Args[0], "d", "", "the local engines do not start: the reason"},
		"another program":   {os.Args[0], os.Args[0], "d", "hello\n", "the local engines do not start: they answered \"hello\\n\" instead of their addresses; run `make engines` to build them anew"},
		"not on loopback":   {os.Args[0], os.Args[0], "d", elsewhere, "the local engines do not start: they listen at \"http://192.0.2.1:2\", which is not an address of this machine alone"},
		"DynamoDB nowhere":  {os.Args[0], os.Args[0], "d", strings.NewReplacer("192.0.2.1", "127.0.0.1", "http://127.0.0.1:1", "").Replace(elsewhere), "the local engines do not start: they listen at \"\", which is not an address of this machine alone"},
		"S3 at no loopback": {os.Args[0], os.Args[0], "d", strings.ReplaceAll(elsewhere, "192.0.2.1", "localhost.example"), "the local engines do not start: they listen at \"http://localhost.example:2\", which is not an address of this machine alone"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("ENGINES_BIN", c.engines)
			t.Setenv("DYNOXIDE_BIN", c.dynoxide)
			t.Setenv(asEngines, c.says)
			_, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: c.data})
			if err == nil || err.Error() != c.want {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

// parentData tells a second copy of this test which folder to use: it starts the engines and is killed.
const parentData = "ENGINEHOST_TEST_PARENT"

// The engines end when the process that started them is killed.
func TestEnginesEndWithTheirParent(t *testing.T) {
	own(t)
	if dir := os.Getenv(parentData); dir != "" {
		h, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("started %s\n", h.Endpoints.KMS)
		<-h.Done()
		return
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run", "^TestEnginesEndWithTheirParent$")
	parent.Env = append(os.Environ(), parentData+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var endpoint string
	if _, err := fmt.Fscanf(out, "started %s\n", &endpoint); err != nil {
		t.Fatal(err)
	}
	if err := answers(endpoint); err != nil {
		t.Fatal(err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	// The folder becomes free when the engines have ended.
	for {
		h, err := enginehost.Start(t.Context(), enginehost.Options{DataDir: dir, Stderr: t.Output()})
		if err == nil {
			if err := h.Stop(); err != nil {
				t.Error(err)
			}
			break
		}
		if !strings.Contains(err.Error(), "in use by another run") {
			t.Fatal(err)
		}
	}
	var refused *net.OpError
	if err := answers(endpoint); !errors.As(err, &refused) {
		t.Errorf("the engines of the killed parent: %v", err)
	}
}

func TestRoot(t *testing.T) {
	here, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(here, "infra", "local", "enginehost", "root.go")); err != nil {
		t.Errorf("%s is not the repository", here)
	}
	other := t.TempDir()
	if other, err = filepath.EvalSymlinks(other); err != nil {
		t.Fatal(err)
	}
	deep := filepath.Join(other, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(deep)
	if found, err := enginehost.Root(); err == nil {
		t.Errorf("found a repository at %s", found)
	}
	for file, content := range map[string]string{
		"a/go.mod": "module github.com/passportcraft/passportcraft/infra/local/engines\n", "go.mod": "module github.com/passportcraft/passportcraft\n\ngo 1.26.0\n",
	} {
		if err := os.WriteFile(filepath.Join(other, filepath.FromSlash(file)), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if found, err := enginehost.Root(); err != nil || found != other {
		t.Errorf("found %q, %v; want %q", found, err, other)
	}
	if err := os.WriteFile(filepath.Join(other, "a", "template.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if found, err := enginehost.Root(); err != nil || found != filepath.Join(other, "a") {
		t.Errorf("found %q, %v; want %q", found, err, filepath.Join(other, "a"))
	}
}
