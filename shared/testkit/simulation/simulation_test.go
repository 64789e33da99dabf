package simulation_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/simulation"
)

// seedFlag replays one seed: go test ./shared/testkit/simulation -run TestSeed -seed=… [-tenants=…] [-years=…] -v
var (
	seedFlag    = flag.Uint64("seed", 0, "replay this seed, with its log")
	tenantsFlag = flag.Int("tenants", 40, "tenants of the seed that is replayed")
	yearsFlag   = flag.Int("years", 5, "years of the seed that is replayed")
)

// check fails for every promise that was broken, with the line that replays it.
func check(t *testing.T, r simulation.Result) {
	t.Helper()
	for _, b := range r.Broken {
		t.Errorf("%s", b)
	}
	if len(r.Broken) > 0 {
		t.Errorf("mix: %s\nreplay: go test ./shared/testkit/simulation -run TestSeed -seed=%d -tenants=%d -years=%d -v", r.Mix, r.Seed, r.Tenants, r.Years)
	}
}

// TestSeed replays one seed and writes its log.
func TestSeed(t *testing.T) {
	if *seedFlag == 0 {
		t.Skip("replays a seed: give it with -seed")
	}
	log, err := os.Create(fmt.Sprintf("%s/seed-%d.log", os.TempDir(), *seedFlag))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	out := bufio.NewWriter(log)
	defer out.Flush()
	r := simulation.Run(simulation.Config{Seed: *seedFlag, Tenants: *tenantsFlag, Years: *yearsFlag, Log: out})
	var b bytes.Buffer
	r.Figures.Print(&b, len(r.Broken))
	t.Logf("log: %s\nmix: %s\n%s", log.Name(), r.Mix, b.String())
	check(t, r)
}

// regressions are the seeds that once failed.
func regressions(t *testing.T) (out []simulation.Config) {
	t.Helper()
	text, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 3 || strings.HasPrefix(line, "#") {
			continue
		}
		seed, err1 := strconv.ParseUint(f[0], 10, 64)
		tenants, err2 := strconv.Atoi(f[1])
		years, err3 := strconv.Atoi(f[2])
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatalf("testdata/seeds.txt: %q", line)
		}
		out = append(out, simulation.Config{Seed: seed, Tenants: tenants, Years: years})
	}
	return out
}
