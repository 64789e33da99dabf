// Command record measures the platform as its users meet it and writes the figures to infra/bench/results.md: requests
// through the local gateway, storage calls per route, what exports, imports and sweeps take, size and start of every
// function, bytes stored per passport.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/infra/local/runtimeapi"
	"github.com/passportcraft/passportcraft/infra/local/samples"
	"github.com/passportcraft/passportcraft/infra/local/template"
)

// seconds each measurement lasts; starts per function.
const (
	seconds = 4
	starts  = 11
)

func main() {
	if err := record(); err != nil {
		fmt.Fprintln(os.Stderr, "bench: "+err.Error())
		os.Exit(1)
	}
}

func record() error {
	root, err := enginehost.Root()
	if err != nil {
		return err
	}
	var report strings.Builder
	fmt.Fprintf(&report, "# Measured\n\nMachine: %s, %d cores, %s. Client and server share the cores. Written by `make bench`.\n", cpu(), runtime.NumCPU(), runtime.Version())
	for _, part := range []func(string, io.Writer) error{throughput, transfers, sweeps, functions} {
		if err := part(root, &report); err != nil {
			return err
		}
	}
	path := filepath.Join(root, "infra", "bench", "results.md")
	fmt.Println(report.String())
	return os.WriteFile(path, []byte(report.String()), 0o644)
}

func cpu() string {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		if name, ok := strings.CutPrefix(line, "model name"); ok {
			return strings.TrimSpace(strings.TrimLeft(name, " \t:"))
		}
	}
	return runtime.GOARCH
}

// site is the program of `make run` on a folder of its own.
type site struct {
	cmd          *exec.Cmd
	dir          string
	client       *http.Client
	URL          string `json:"url"`
	Key          string `json:"apiKey"`
	created      []string
	createdMutex sync.Mutex
	serial       atomic.Int64
}

func start(root string) (*site, error) {
	dir, err := os.MkdirTemp("", "passportcraft-bench-*")
	if err != nil {
		return nil, err
	}
	binary := filepath.Join(dir, "passportcraft")
	if out, err := exec.Command("go", "build", "-o", binary, filepath.Join(root, "infra", "local")).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	s := &site{cmd: exec.Command(binary), dir: dir, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	s.cmd.Env = append(os.Environ(), "LOCAL_DATA="+dir, "PORT=0")
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "ready ") {
			b, err := os.ReadFile(filepath.Join(dir, "run.json"))
			if err != nil {
				return nil, err
			}
			return s, json.Unmarshal(b, s)
		}
	}
	return nil, errors.New("the local program did not get ready")
}

func (s *site) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}

func (s *site) call(method, path, tag string, body []byte) (*http.Response, []byte, error) {
	r, err := http.NewRequest(method, s.URL+path, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	if strings.HasPrefix(path, "/v1/") {
		r.Header.Set("Authorization", "Bearer "+s.Key)
	} else {
		r.Header.Set("Accept", "application/json")
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if tag != "" {
		r.Header.Set("If-Match", tag)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %d %s", method, path, resp.StatusCode, b)
	}
	return resp, b, err
}

// throughput measures the routes that matter at one and at eight clients.
func throughput(root string, w io.Writer) error {
	s, err := start(root)
	if err != nil {
		return err
	}
	defer s.stop()
	model, err := samples.Read("1-ev-model.json")
	if err != nil {
		return err
	}
	one, err := samples.Read("3-ev-item.json")
	if err != nil {
		return err
	}
	var sample, item struct{ Content json.RawMessage }
	if err := errors.Join(json.Unmarshal(model, &sample), json.Unmarshal(one, &item)); err != nil {
		return err
	}
	before, err := size(s.dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n## Requests through the local gateway\n\nA full battery model has %d bytes, an item with its live data %d; %d s each, after a warm-up.\n\n| operation | clients | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|\n", len(model), len(one), seconds)
	operations := []struct {
		name string
		run  func(client, i int) error
	}{
		{"create, full battery model", func(int, int) error { return s.create(sample.Content) }},
		{"create, item with live data", func(int, int) error { return s.createItem(item.Content) }},
		{"read", func(c, i int) error { _, _, err := s.call("GET", s.one(c, i), "", nil); return err }},
		{"patch (read, then change)", func(c, _ int) error { return s.patch(c) }},
		{"resolve as JSON", func(int, int) error {
			_, _, err := s.call("GET", "/01/09506000134352/21/AC78-000421", "", nil)
			return err
		}},
	}
	for _, op := range operations {
		for _, clients := range []int{1, 8} {
			if _, err := measure(op.run, clients, time.Second/2); err != nil {
				return err
			}
			took, err := measure(op.run, clients, seconds*time.Second)
			if err != nil {
				return err
			}
			slices.Sort(took)
			fmt.Fprintf(w, "| %s | %d | %.0f | %.2f | %.2f |\n", op.name, clients, float64(len(took))/seconds, ms(took[len(took)/2]), ms(took[len(took)*99/100]))
		}
		if op.name == operations[0].name {
			after, err := size(s.dir)
			if err != nil {
				return err
			}
			defer fmt.Fprintf(w, "\nBytes on disk per created passport, with its reservation, audit entry and index row: %d.\n", (after-before)/int64(len(s.created)))
		}
	}
	return s.costs(w)
}

// test runs tests that measure, and returns what they print.
func test(root string, args ...string) (string, error) {
	cmd := exec.Command("go", append([]string{"test"}, args...)...)
	cmd.Dir, cmd.Env = root, append(os.Environ(), "PASSPORTCRAFT_BENCH=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

// transfers runs the measurements of package transfer and takes over the lines that they print.
func transfers(root string, w io.Writer) error {
	out, err := test(root, "-v", "-count=1", "-timeout", "30m", "./infra/bench/transfer")
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\n## Taking data away and bringing it\n\n"+
		"Packed are passports that differ (models and items of batteries, chairs), the least time of three rounds; plain DEFLATE is that of the standard library at its default level, of the very lines in the package, in turn with packing in the same process.\n\n"+
		"| what | measured |\n|---|---|\n")
	for line := range strings.Lines(out) {
		if figure, ok := strings.CutPrefix(line, "measured "); ok {
			fmt.Fprintf(w, "| %s |\n", strings.TrimSpace(figure))
		}
	}
	return nil
}

// sweeps empties the table of passports of large tenants, and says what the slowest of them would mean for the largest
// tenant that there is to be: ten million passports, six items each.
func sweeps(root string, w io.Writer) error {
	const largest = 60_000_000
	out, err := test(root, "-run", "XXX", "-bench", "Sweep", "-benchtime", "1x", "-timeout", "2h", "./shared/runtime/retaining")
	if err != nil {
		return err
	}
	fmt.Fprint(w, "\n## Emptying the table of passports\n\n"+
		"On the local engine: rows of 2 KB, six for each passport, in pages of 500 as the worker takes them.\n\n"+
		"| items | items/s | writes for each item | most memory, MB |\n|---|---|---|---|\n")
	slowest := math.Inf(1)
	for line := range strings.Lines(out) {
		name, rest, ok := strings.Cut(strings.TrimPrefix(line, "BenchmarkSweep/"), "-")
		if !ok || !strings.HasPrefix(line, "BenchmarkSweep/") {
			continue
		}
		figures, fields := map[string]float64{}, strings.Fields(rest)
		for i := 2; i+1 < len(fields); i += 2 {
			if figures[fields[i+1]], err = strconv.ParseFloat(fields[i], 64); err != nil {
				return fmt.Errorf("%w in %q", err, line)
			}
		}
		slowest = min(slowest, figures["items/s"])
		fmt.Fprintf(w, "| %s | %.0f | %.3f | %.0f |\n", name, figures["items/s"], figures["writes/item"], figures["MB-most"])
	}
	if math.IsInf(slowest, 1) {
		return fmt.Errorf("no sweep was measured: %s", out)
	}
	fmt.Fprintf(w, "\n60 million items take %.1f h at the slowest of these rates and %.1f h at 5,000 a second, the budget of writes of a table. From the end of the drain (T0 + 33 days at the latest) to T0 + 60 days there are %d h.\n",
		largest/slowest/3600, largest/5000.0/3600, 27*24)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func size(dir string) (total int64, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "data", "dynamo.db*"))
	for _, f := range files {
		if i, err := os.Stat(f); err == nil {
			total += i.Size()
		}
	}
	return total, err
}

func measure(run func(client, i int) error, clients int, lasts time.Duration) ([]time.Duration, error) {
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	end := time.Now().Add(lasts)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			var own []time.Duration
			var err error
			for i := 0; err == nil && time.Now().Before(end); i++ {
				began := time.Now()
				err = run(c, i)
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, own...)
			failed = errors.Join(failed, err)
		})
	}
	wg.Wait()
	return all, failed
}

func (s *site) create(content json.RawMessage) error {
	body := fmt.Sprintf(`{"productGroup":"battery","granularity":"batch","productIdentifier":"https://id.gs1.org/01/09506000134352/10/B%d","content":%s}`, s.serial.Add(1), content)
	resp, _, err := s.call("POST", "/v1/passports", "", []byte(body))
	if err != nil {
		return err
	}
	s.createdMutex.Lock()
	s.created = append(s.created, resp.Header.Get("Location"))
	s.createdMutex.Unlock()
	return nil
}

func (s *site) createItem(content json.RawMessage) error {
	serial := fmt.Sprintf("I%d", s.serial.Add(1))
	own := strings.ReplaceAll(string(content), "AC78-000421", serial)
	body := fmt.Sprintf(`{"productGroup":"battery","granularity":"item","productIdentifier":"https://id.gs1.org/01/09506000134352/21/%s","content":%s}`, serial, own)
	_, _, err := s.call("POST", "/v1/passports", "", []byte(body))
	return err
}

func (s *site) one(client, i int) string { return s.created[(client*131+i)%len(s.created)] }

func (s *site) patch(client int) error {
	path := s.created[client]
	resp, _, err := s.call("GET", path, "", nil)
	if err != nil {
		return err
	}
	_, _, err = s.call("PATCH", path, resp.Header.Get("ETag"), []byte(fmt.Sprintf(`{"content":{"usableExtinguishingAgent":"water %d"}}`, s.serial.Add(1))))
	return err
}

// costs reads what each route cost in storage from the request log, as the median of its successful requests.
func (s *site) costs(w io.Writer) error {
	f, err := os.Open(filepath.Join(s.dir, "requests.log"))
	if err != nil {
		return err
	}
	defer f.Close()
	type cost struct {
		calls []int
		units []float64
	}
	all := map[string]*cost{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Route         string
			Status        int
			StorageCalls  int
			CapacityUnits float64
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil || e.Route == "" || e.Status >= 300 {
			continue
		}
		if all[e.Route] == nil {
			all[e.Route] = &cost{}
		}
		all[e.Route].calls, all[e.Route].units = append(all[e.Route].calls, e.StorageCalls), append(all[e.Route].units, e.CapacityUnits)
	}
	fmt.Fprintf(w, "\n## Storage per request\n\n| route | calls | capacity units | requests |\n|---|---|---|---|\n")
	var routes []string
	for r := range all {
		routes = append(routes, r)
	}
	slices.Sort(routes)
	for _, r := range routes {
		c := all[r]
		slices.Sort(c.calls)
		slices.Sort(c.units)
		fmt.Fprintf(w, "| `%s` | %d | %.1f | %d |\n", r, c.calls[len(c.calls)/2], c.units[len(c.units)/2], len(c.calls))
	}
	return lines.Err()
}

// functions measures size (arm64, as deployed) and start (this machine, process start to first request for work).
func functions(root string, w io.Writer) error {
	cmd := exec.Command("make", "build", "functions")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	t, err := template.Read(filepath.Join(root, "template.yaml"))
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\n## Functions\n\nSize for arm64 as deployed; start is from process start to the first request for work, median and highest of %d on this machine.\n\n| function | MB | start ms | highest ms |\n|---|---|---|---|\n", starts)
	environment := map[string]string{"APP_ENV": "bench", "PUBLIC_BASE_URL": "https://passports.example", "RECORDS_TABLE": "r", "PUBLIC_TABLE": "p", "KEYS_TABLE": "k", "DOCUMENTS_BUCKET": "d", "TENANT_KEY_ARN": "t"}
	for _, f := range t.Functions {
		info, err := os.Stat(filepath.Join(root, "dist", f.Folder))
		if err != nil {
			return err
		}
		var took []time.Duration
		for range starts {
			d, err := startOnce(root, f, environment)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		slices.Sort(took)
		fmt.Fprintf(w, "| %s | %.2f | %.1f | %.1f |\n", f.Folder, float64(info.Size())/1e6, ms(took[len(took)/2]), ms(took[len(took)-1]))
	}
	return nil
}

func startOnce(root string, f template.Function, environment map[string]string) (time.Duration, error) {
	if len(f.Schedules) > 0 { // it goes to work at once, and must not reach for AWS
		environment = maps.Clone(environment)
		environment["APP_ENV"], environment["DYNAMODB_ENDPOINT"] = "local", "http://127.0.0.1:9"
	}
	r, err := runtimeapi.New(runtimeapi.Options{Region: "eu-west-1", AccessKeyID: "bench", SecretKey: "bench", Random: rand.Reader},
		runtimeapi.Function{Name: f.Folder, Binary: filepath.Join(root, ".local", "functions", f.Folder), Env: environment, Timeout: f.Timeout, MemoryMB: f.MemoryMB})
	if err != nil {
		return 0, err
	}
	defer r.Close()
	event := []byte(`{"httpMethod":"GET","path":"/nowhere"}`)
	_, err = r.Call(context.Background(), f.Folder, event)
	started := r.Stats(f.Folder).Starts
	if err != nil && (len(f.Schedules) == 0 || len(started) == 0) { // a job has nothing to work on here, and says so
		return 0, err
	}
	return started[0], nil
}
