package runner_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/passportctl/command"
	"github.com/passportcraft/passportcraft/shared/domain/backup"
)

// program builds what `make run` runs.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "passportcraft")
	if out, err := exec.Command("go", "build", "-o", path, "github.com/passportcraft/passportcraft/infra/local").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// site is a running program.
type site struct {
	cmd  *exec.Cmd
	out  *bytes.Buffer
	URL  string `json:"url"`
	Key  string `json:"apiKey"`
	Page string `json:"samplePassportUrl"`
}

// start runs the program and waits for the ready line.
func start(t *testing.T, program, data string, env ...string) *site {
	t.Helper()
	s := &site{cmd: exec.Command(program), out: &bytes.Buffer{}}
	s.cmd.Env = append(os.Environ(), append([]string{"LOCAL_DATA=" + data, "PORT=0"}, env...)...)
	s.cmd.Stderr = s.out
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); _ = s.cmd.Wait() })
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		fmt.Fprintln(s.out, lines.Text())
		if strings.HasPrefix(lines.Text(), "ready http://127.0.0.1:") {
			go func() { _, _ = io.Copy(io.Discard, stdout) }()
			b, err := os.ReadFile(filepath.Join(data, "run.json"))
			if err == nil {
				err = json.Unmarshal(b, s)
			}
			if err != nil {
				t.Fatalf("run.json: %v", err)
			}
			return s
		}
	}
	_ = s.cmd.Wait()
	t.Fatalf("it did not get ready:\n%s", s.out)
	return nil
}

func (s *site) do(method, path, body string, headers ...string) (int, string, error) {
	r, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+s.Key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// TestKilledWithWritersRunning kills everything at once while clients write, and expects to find whatever was
// acknowledged after a second start.
func TestKilledWithWritersRunning(t *testing.T) {
	binary, data := program(t), t.TempDir()
	s := start(t, binary, data)
	if status, page, err := s.do("GET", strings.TrimPrefix(s.Page, s.URL), "", "Accept", "text/html"); err != nil || status != 200 || !strings.Contains(page, "Aurora 78 LR") {
		t.Fatalf("sample page: %d %v", status, err)
	}
	const writers, enough = 4, 120
	var mu sync.Mutex
	acknowledged := map[string]string{} // passport -> serial
	full := make(chan struct{})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := 0; ; i++ {
				serial := fmt.Sprintf("W%d-%d", w, i)
				body := fmt.Sprintf(`{"productGroup":"general","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134376/21/%s","content":{"name":{"en":"Chair %s"}}}`, serial, serial)
				status, answer, err := s.do("POST", "/v1/passports", body)
				if err != nil {
					return // killed
				}
				var p struct{ ID string }
				if status != 201 || json.Unmarshal([]byte(answer), &p) != nil {
					continue // cut off on the way down: not acknowledged
				}
				mu.Lock()
				acknowledged[p.ID] = serial
				if len(acknowledged) == enough {
					close(full)
				}
				mu.Unlock()
			}
		})
	}
	<-full
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	wg.Wait()
	again := start(t, binary, data)
	if again.Key != s.Key {
		t.Error("the second run made another demo tenant")
	}
	for p, serial := range acknowledged {
		if status, body, err := again.do("GET", "/v1/passports/"+p, ""); err != nil || status != 200 || !strings.Contains(body, "Chair "+serial) {
			t.Errorf("%s was acknowledged and is gone: %d %v %s", serial, status, err, body)
		}
	}
	if err := again.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := again.cmd.Wait(); err != nil {
		t.Errorf("it does not stop cleanly: %v\n%s", err, again.out)
	}
	t.Logf("%d passports acknowledged, all found again", len(acknowledged))
}

func TestManualClock(t *testing.T) {
	binary, data := program(t), t.TempDir()
	s := start(t, binary, data, "LOCAL_CLOCK=manual")
	at := func(s *site, advance string) time.Time {
		t.Helper()
		status, body, err := s.do("POST", "/local/clock", `{"advance":"`+advance+`"}`)
		var got struct{ Now time.Time }
		if err != nil || status != 200 || json.Unmarshal([]byte(body), &got) != nil {
			t.Fatalf("%d %s %v", status, body, err)
		}
		return got.Now
	}
	before := at(s, "0s")
	after := at(s, "720h")
	if d := after.Sub(before); d < 720*time.Hour || d > 721*time.Hour {
		t.Errorf("the clock moved by %v", d)
	}
	_, body, err := s.do("POST", "/v1/passports", `{"productGroup":"general","granularity":"model","productIdentifier":"https://id.gs1.org/01/09506000134383"}`)
	if err != nil || !strings.Contains(body, `"createdAt":"`+after.Format("2006-01")) {
		t.Errorf("a passport is not made in the moved time %s: %v %s", after, err, body)
	}
	if status, _, _ := s.do("POST", "/local/clock", `{"advance":"-1h"}`); status != 400 {
		t.Errorf("backwards: %d", status)
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	_ = s.cmd.Wait()
	if now := at(start(t, binary, data, "LOCAL_CLOCK=manual"), "0s"); now.Before(after) {
		t.Errorf("after a restart it is %s, before it was %s", now, after)
	}
	plain := start(t, binary, t.TempDir())
	if status, _, _ := plain.do("POST", "/local/clock", `{"advance":"1h"}`); status != 404 {
		t.Errorf("without LOCAL_CLOCK=manual the clock answers %d", status)
	}
}

// TestRestoreAndSwitch holds that copies are made as the template says, that a table can be restored while the platform
// runs, and that the next start uses it.
func TestRestoreAndSwitch(t *testing.T) {
	binary, data := program(t), t.TempDir()
	s := start(t, binary, data, "LOCAL_CLOCK=manual")
	status, body, err := s.do("POST", "/local/clock", `{"advance":"48h"}`)
	if err != nil || status != 200 || strings.Contains(body, `"error"`) || !strings.Contains(body, "rotate-backups.Daily") || !strings.Contains(body, "backup:BackupPlan.daily") {
		t.Fatalf("%d %s %v", status, body, err)
	}
	root, err := enginehost.Root()
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	code := command.Run(t.Context(), []string{"drill", "restore", "-table", "records", "-switch", "-environment", filepath.Join(data, "operator.json"),
		"-template", filepath.Join(root, "template.yaml"), "-state", filepath.Join(data, "state.json"), "-report", filepath.Join(data, "report.json")},
		command.World{Out: &said, Err: &said, Getenv: os.Getenv, Pause: time.Millisecond})
	if code != command.Good {
		t.Fatal(said.String())
	}
	_ = s.cmd.Process.Signal(syscall.SIGINT)
	_ = s.cmd.Wait()
	again := start(t, binary, data, "LOCAL_CLOCK=manual")
	if status, body, err = again.do("GET", "/v1/passports", ""); err != nil || status != 200 || !strings.Contains(body, `"id"`) {
		t.Errorf("%d %s %v", status, body, err)
	}
	b, err := os.ReadFile(filepath.Join(data, "operator.json"))
	if err != nil || !strings.Contains(string(b), backup.Restored) {
		t.Errorf("the restored table is not in use: %v", err)
	}
	code = command.Run(t.Context(), []string{"drill", "discard", "passportcraft-RecordsTable-local", "-environment", filepath.Join(data, "operator.json")}, command.World{Out: &said, Err: &said, Getenv: os.Getenv})
	if code != command.Good {
		t.Fatal(said.String())
	}
	_ = again.cmd.Process.Signal(syscall.SIGINT)
	_ = again.cmd.Wait()
	again = start(t, binary, data, "LOCAL_CLOCK=manual") // which does not make the lost table anew
	if status, body, err = again.do("POST", "/local/clock", `{"advance":"48h"}`); err != nil || status != 200 || strings.Contains(body, `"error"`) || !strings.Contains(body, "rotate-backups.Daily") {
		t.Errorf("with the lost table gone: %d %s %v", status, body, err)
	}
}

// TestRefusals holds the sentences for what people do wrong.
func TestRefusals(t *testing.T) {
	binary := program(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	for _, tc := range []struct{ env, want string }{
		{fmt.Sprintf("PORT=%d", port), fmt.Sprintf("port %d is taken by another program", port)},
		{"PORT=web", "PORT must be a port number"},
		{"LAMBDA=docker", "LAMBDA can only be binaries"},
		{"LOCAL_CLOCK=fast", "LOCAL_CLOCK can only be manual"},
		{"ENGINES_BIN=/nowhere", "make engines"},
		{"DYNOXIDE_BIN=/nowhere", "Node"},
	} {
		cmd := exec.Command(binary)
		cmd.Env = append(os.Environ(), "LOCAL_DATA="+t.TempDir(), "PORT=0", tc.env)
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tc.want) || strings.Count(strings.TrimSpace(string(out)), "\n") > 0 {
			t.Errorf("%s: %v, want one sentence with %q:\n%s", tc.env, err, tc.want, out)
		}
	}
}
