package runtimeapi_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/passportcraft/passportcraft/infra/local/gateway"
	"github.com/passportcraft/passportcraft/infra/local/runtimeapi"
	"github.com/passportcraft/passportcraft/infra/local/template"
	"github.com/passportcraft/passportcraft/shared/foundation/clock"
)

// TestMain builds the test function once for all tests.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "probe")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Printf("the test function does not build: %v\n%s", err, out)
		return 1
	}
	if err := os.Setenv("PROBE_BINARY", filepath.Join(dir, "probe")); err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}

// probe is a runtime with the test function as "probe".
func probe(t *testing.T, o runtimeapi.Options, change func(*runtimeapi.Function)) *runtimeapi.Runtime {
	t.Helper()
	o.Random, o.Region, o.AccessKeyID, o.SecretKey = rand.Reader, "eu-west-1", "local", "secret"
	f := runtimeapi.Function{Name: "probe", Binary: os.Getenv("PROBE_BINARY"), Timeout: 20 * time.Second, MemoryMB: 512}
	if change != nil {
		change(&f)
	}
	r, err := runtimeapi.New(o, f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func call(t *testing.T, r *runtimeapi.Runtime, event string, into any) {
	t.Helper()
	b, err := r.Call(t.Context(), "probe", []byte(event))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, into); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
}

func TestEventAndAnswerPassUnchanged(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, nil)
	for _, event := range []string{`{"do":"echo","x":[1,2.50,"é\u0000"]}`, `{"do":"echo","y":{}}`} {
		got, err := r.Call(t.Context(), "probe", []byte(event))
		if err != nil || string(got) != event {
			t.Errorf("got %s, %v", got, err)
		}
	}
	s := r.Stats("probe")
	if s.Invocations != 2 || s.Failures != 0 || s.Processes != 1 || len(s.Starts) != 1 || s.Starts[0] <= 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestEnvironmentIsThatOfTheFunction: nothing of this process reaches the function.
func TestEnvironmentIsThatOfTheFunction(t *testing.T) {
	t.Setenv("SECRET_OF_THE_CALLER", "x")
	r := probe(t, runtimeapi.Options{SessionToken: "token"}, func(f *runtimeapi.Function) {
		f.Env = map[string]string{"RECORDS_TABLE": "Records", "AWS_REGION": "us-east-1"}
	})
	var got []string
	call(t, r, `{"do":"environment"}`, &got)
	for i, s := range got {
		if strings.HasPrefix(s, "AWS_LAMBDA_RUNTIME_API=127.0.0.1:") {
			got[i] = "AWS_LAMBDA_RUNTIME_API="
		}
	}
	want := []string{
		"AWS_ACCESS_KEY_ID=local", "AWS_DEFAULT_REGION=eu-west-1", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512", "AWS_LAMBDA_FUNCTION_NAME=probe",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST", "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand", "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/probe",
		"AWS_LAMBDA_LOG_STREAM_NAME=local", "AWS_LAMBDA_RUNTIME_API=", "AWS_REGION=eu-west-1", "AWS_SECRET_ACCESS_KEY=secret",
		"AWS_SESSION_TOKEN=token", "LAMBDA_TASK_ROOT=" + filepath.Dir(os.Getenv("PROBE_BINARY")), "LANG=en_US.UTF-8", "RECORDS_TABLE=Records",
		"TZ=:UTC", "_HANDLER=bootstrap",
	}
	got = slices.DeleteFunc(got, func(s string) bool { return strings.HasPrefix(s, "_X_AMZN_TRACE_ID=") || strings.HasPrefix(s, "PWD=") })
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestContextOfAnInvocation(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, nil)
	before := clock.System()
	answer, err := r.Invoke(t.Context(), "probe", events.APIGatewayProxyRequest{})
	if err != nil || answer.StatusCode != 0 {
		t.Fatalf("%+v, %v", answer, err)
	}
	var got struct {
		Deadline  int64
		RequestID string
		ARN       string
	}
	call(t, r, `{"do":"context"}`, &got)
	left := time.UnixMilli(got.Deadline).Sub(before)
	if left < 19*time.Second || left > 20*time.Second+clock.System().Sub(before) {
		t.Errorf("the deadline is %v away", left)
	}
	if len(got.RequestID) != 36 || got.RequestID[14] != '4' {
		t.Errorf("request id %q", got.RequestID)
	}
	if got.ARN != "arn:aws:lambda:eu-west-1:000000000000:function:probe" {
		t.Errorf("ARN %q", got.ARN)
	}
}

func TestProxyAnswer(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, nil)
	b, err := r.Call(t.Context(), "probe", []byte(`{"do":"answer"}`))
	if err != nil {
		t.Fatal(err)
	}
	var want events.APIGatewayProxyResponse
	if err := json.Unmarshal(b, &want); err != nil || want.StatusCode != 418 || len(want.MultiValueHeaders["Set-Cookie"]) != 2 {
		t.Errorf("%s, %v", b, err)
	}
}

// TestFailures: each failure is said, and the next invocation works.
func TestFailures(t *testing.T) {
	for _, c := range []struct {
		do, kind, message string
		processes         int // still there afterwards
	}{
		{"fail", "errorString", "as told", 1},
		{"panic", "string", "as told", -1}, // the process reports and then ends by itself
		{"exit", "Runtime.ExitError", "function exited: exit status 3", 0},
	} {
		t.Run(c.do, func(t *testing.T) {
			r := probe(t, runtimeapi.Options{}, nil)
			_, err := r.Call(t.Context(), "probe", []byte(`{"do":"`+c.do+`"}`))
			f, ok := errors.AsType[*runtimeapi.FunctionError](err)
			if !ok || f.Function != "probe" || f.Type != c.kind || f.Message != c.message {
				t.Fatalf("got %v", err)
			}
			if s := r.Stats("probe"); s.Failures != 1 || c.processes >= 0 && s.Processes != c.processes {
				t.Errorf("stats %+v", s)
			}
			var got map[string]string
			if call(t, r, `{"do":"echo"}`, &got); got["do"] != "echo" {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestTimeoutEndsTheProcess(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, func(f *runtimeapi.Function) { f.Timeout = 100 * time.Millisecond })
	_, err := r.Call(t.Context(), "probe", []byte(`{"do":"hang"}`))
	if f, ok := errors.AsType[*runtimeapi.FunctionError](err); !ok || f.Type != "Sandbox.Timedout" || !strings.Contains(f.Message, "100ms") {
		t.Fatalf("got %v", err)
	}
	if s := r.Stats("probe"); s.Processes != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestAnswerTooLarge(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, nil)
	if _, err := r.Call(t.Context(), "probe", []byte(`{"do":"large"}`)); !errors.Is(err, gateway.ErrResponseTooLarge) {
		t.Errorf("got %v", err)
	}
	if _, err := r.Call(t.Context(), "probe", bytes.Repeat([]byte(" "), gateway.MaxPayload+1)); err == nil || !strings.Contains(err.Error(), "more than Lambda takes") {
		t.Errorf("got %v", err)
	}
}

func TestStartThatFails(t *testing.T) {
	for _, c := range []struct {
		name, want string
		change     func(*runtimeapi.Function)
	}{
		{"ends at once", "function exited: exit status 4", func(f *runtimeapi.Function) { f.Env = map[string]string{"START": "exit"} }},
		{"never asks", "did not ask for work within 200ms", func(f *runtimeapi.Function) { f.Env = map[string]string{"START": "hang"} }},
		{"says why", "gave up starting: Config: RECORDS_TABLE must be set", func(f *runtimeapi.Function) { f.Env = map[string]string{"START": "report"} }},
		{"not built", "make functions", func(f *runtimeapi.Function) { f.Binary = filepath.Join(t.TempDir(), "absent") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := probe(t, runtimeapi.Options{InitTimeout: 200 * time.Millisecond}, c.change)
			if _, err := r.Call(t.Context(), "probe", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			if s := r.Stats("probe"); s.Processes != 0 || s.Failures != 1 {
				t.Errorf("stats %+v", s)
			}
		})
	}
	if _, err := probe(t, runtimeapi.Options{}, nil).Call(t.Context(), "other", nil); err == nil || !strings.Contains(err.Error(), "no function other") {
		t.Errorf("got %v", err)
	}
}

// gate holds visitors until they are let go.
type gate struct {
	server *httptest.Server
	came   chan struct{}
	leave  chan struct{}
}

func newGate(t *testing.T) *gate {
	t.Helper()
	g := &gate{came: make(chan struct{}, 16), leave: make(chan struct{})}
	g.server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { g.came <- struct{}{}; <-g.leave }))
	t.Cleanup(g.server.Close)
	return g
}

func (g *gate) event() []byte { return fmt.Appendf(nil, `{"do":"visit","url":%q}`, g.server.URL) }

// TestConcurrentCalls: a second call starts a second process, a call over the limit waits for one of them.
func TestConcurrentCalls(t *testing.T) {
	r, g := probe(t, runtimeapi.Options{MaxProcesses: 2}, nil), newGate(t)
	pids := make(chan string, 3)
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			b, err := r.Call(t.Context(), "probe", g.event())
			if err != nil {
				t.Error(err)
			}
			pids <- string(b)
		})
	}
	<-g.came
	<-g.came
	if s := r.Stats("probe"); s.Processes != 2 {
		t.Errorf("stats %+v", s)
	}
	short, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Call(short, "probe", g.event()); !errors.Is(err, context.Canceled) {
		t.Errorf("a call over the limit: %v", err)
	}
	close(g.leave)
	calls.Wait()
	seen := map[string]int{<-pids: 1}
	seen[<-pids]++
	seen[<-pids]++
	if s := r.Stats("probe"); len(seen) != 2 || s.Invocations != 3 || s.Processes != 2 || len(s.Starts) != 2 {
		t.Errorf("processes %v, stats %+v", seen, s)
	}
}

// TestCallerThatLeaves: the function finishes, and its process serves the next call.
func TestCallerThatLeaves(t *testing.T) {
	r, g := probe(t, runtimeapi.Options{MaxProcesses: 1}, nil), newGate(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { _, err := r.Call(ctx, "probe", g.event()); ended <- err }()
	<-g.came
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(g.leave)
	var got map[string]string
	call(t, r, `{"do":"echo"}`, &got)
	if s := r.Stats("probe"); s.Invocations != 2 || s.Failures != 0 || len(s.Starts) != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestProcessThatDiesIdle is replaced without anybody noticing.
func TestProcessThatDiesIdle(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, nil)
	var first, second struct{ PID int }
	call(t, r, `{"do":"context"}`, &first)
	if err := syscall.Kill(first.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for r.Stats("probe").Processes > 0 { // its end takes a moment to be noticed
		runtime.Gosched()
	}
	call(t, r, `{"do":"context"}`, &second)
	if first.PID == second.PID {
		t.Errorf("process %d outlived its end", first.PID)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	r, g := probe(t, runtimeapi.Options{}, nil), newGate(t)
	t.Cleanup(func() { close(g.leave) })
	ended := make(chan error)
	go func() { _, err := r.Call(t.Context(), "probe", g.event()); ended <- err }()
	<-g.came
	r.Close()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "function exited: signal: killed") {
		t.Errorf("the call that ran: %v", err)
	}
	if _, err := r.Call(t.Context(), "probe", []byte(`{}`)); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("a call afterwards: %v", err)
	}
	if s := r.Stats("probe"); s.Processes != 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestOutput(t *testing.T) {
	var out bytes.Buffer
	r := probe(t, runtimeapi.Options{Output: &out}, nil)
	if _, err := r.Call(t.Context(), "probe", []byte(`{"do":"print"}`)); err != nil {
		t.Fatal(err)
	}
	r.Close() // waits until everything printed has been passed on
	if out.String() != "printed\n" {
		t.Errorf("got %q", out.String())
	}
}

func TestNewRefuses(t *testing.T) {
	f := runtimeapi.Function{Name: "a", Timeout: time.Second}
	if _, err := runtimeapi.New(runtimeapi.Options{Random: rand.Reader}, f, f); err == nil || !strings.Contains(err.Error(), "two functions") {
		t.Errorf("got %v", err)
	}
	if _, err := runtimeapi.New(runtimeapi.Options{Random: rand.Reader}, runtimeapi.Function{Name: "a"}); err == nil || !strings.Contains(err.Error(), "no timeout") {
		t.Errorf("got %v", err)
	}
	if _, err := runtimeapi.New(runtimeapi.Options{}); err == nil || !strings.Contains(err.Error(), "randomness") {
		t.Errorf("got %v", err)
	}
}

// TestUnknownInvocation: an answer to what is not under way is refused and changes nothing.
func TestUnknownInvocation(t *testing.T) {
	r := probe(t, runtimeapi.Options{}, nil)
	var status map[string]int
	if call(t, r, `{"do":"stray"}`, &status); status["response"] != http.StatusBadRequest || status["error"] != http.StatusBadRequest {
		t.Errorf("got %v", status)
	}
}

// TestThroughTheGateway is the whole way: HTTP request, event, process, answer, HTTP answer.
func TestThroughTheGateway(t *testing.T) {
	tpl, err := template.Parse([]byte("Resources:\n  ProbeFunction: {Type: AWS::Serverless::Function, Properties: {Timeout: 20, " +
		"Environment: {Variables: {START: !Sub '${Mode}'}}, Events: {E: {Type: Api, Properties: {Method: any, Path: '/{all+}'}}}}}"))
	if err != nil {
		t.Fatal(err)
	}
	environments, err := tpl.Resolve(map[string]string{"Mode": "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	functions := runtimeapi.Functions(tpl, filepath.Dir(os.Getenv("PROBE_BINARY")), environments)
	r, err := runtimeapi.New(runtimeapi.Options{Random: rand.Reader, Region: "eu-west-1"}, functions...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	g, err := gateway.New(tpl, r, gateway.Options{Now: clock.System, Random: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	resp, err := http.Post(s.URL+"/01/A%2FB?q=1", "text/plain", strings.NewReader("hi"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var got struct{ Path, Query, Body, Trace string }
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	want := struct{ Path, Query, Body, Trace string }{"/01/A%2FB", "1", "hi", resp.Header.Get("X-Amzn-Trace-Id")}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// BenchmarkInvoke is one invocation of a warm process.
func BenchmarkInvoke(b *testing.B) {
	r, err := runtimeapi.New(runtimeapi.Options{Random: rand.Reader, Region: "eu-west-1"},
		runtimeapi.Function{Name: "probe", Binary: os.Getenv("PROBE_BINARY"), Timeout: 20 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(r.Close)
	for b.Loop() {
		if _, err := r.Call(b.Context(), "probe", []byte(`{"do":"echo"}`)); err != nil {
			b.Fatal(err)
		}
	}
}
