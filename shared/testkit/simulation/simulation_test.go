package simulation_test

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

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
	cfg := simulation.Config{Seed: *seedFlag, Tenants: *tenantsFlag, Years: *yearsFlag, Log: out}
	if *stormFlag {
		storm := simulation.Storm()
		cfg.Mix = &storm
	}
	r := simulation.Run(cfg)
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
		if strings.HasPrefix(line, "#") {
			continue
		}
		head, _, _ := strings.Cut(line, ":")
		var cfg simulation.Config
		var kind string
		if n, err := fmt.Sscan(head, &cfg.Seed, &cfg.Tenants, &cfg.Years, &kind); n != 4 {
			t.Fatalf("testdata/seeds.txt: %q: %v", line, err)
		}
		if kind == "storm" {
			storm := simulation.Storm()
			cfg.Mix = &storm
		}
		out = append(out, cfg)
	}
	return out
}

// TestRegressions replays every seed that once failed.
func TestRegressions(t *testing.T) {
	for _, cfg := range regressions(t) {
		t.Run(fmt.Sprint(cfg.Seed), func(t *testing.T) { check(t, simulation.Run(cfg)) })
	}
}

// TestYears lets tenants live for five years in worlds with faults. The seeds are fixed, so that a change that breaks the
// promise fails for everybody alike; make simulate looks at new ones.
func TestYears(t *testing.T) {
	const worlds, tenants, years = 8, 28, 5
	var all simulation.Figures
	for seed := range uint64(worlds) {
		r := simulation.Run(simulation.Config{Seed: 1000 + seed, Tenants: tenants, Years: years})
		check(t, r)
		all.Add(r.Figures)
	}
	faults := int64(0)
	for _, n := range all.Faults {
		faults += n
	}
	// A run in which nothing happens shows nothing.
	for name, least := range map[string][2]int64{
		"tenants": {int64(all.Tenants), 200}, "certificates": {int64(all.Certified), 100}, "probes": {int64(all.Probes), 400}, "faults": {faults, 1000},
		"kinds of faults": {int64(len(all.Faults)), 15}, "holds": {int64(all.Holds), 50}, "restores": {all.Restores, 10}, "taken back": {int64(all.Reinstated), 10},
	} {
		if least[0] < least[1] {
			t.Errorf("%s: %d, and at least %d should have been", name, least[0], least[1])
		}
	}
	var b bytes.Buffer
	all.Print(&b, 0)
	t.Logf("\n%s", b.String())
}

// TestCalm runs a world without faults: there, the promise is kept with the days to spare that we aim for.
func TestCalm(t *testing.T) {
	calm := simulation.Calm()
	r := simulation.Run(simulation.Config{Seed: 1, Tenants: 30, Years: 5, Mix: &calm})
	check(t, r)
	if r.Figures.MaxActive.Hours() > 37*24 || r.Figures.MaxResidual.Hours() > 70*24 {
		t.Errorf("active clear after %s, residual after %s", r.Figures.MaxActive, r.Figures.MaxResidual)
	}
}

// TestCustody runs thirty years, with clocks that are years ahead now and then: what is kept is kept for as long as the law
// says, and ends.
func TestCustody(t *testing.T) {
	mix := simulation.Calm()
	mix.Step, mix.Jump = 12*time.Hour, 0.005
	r := simulation.Run(simulation.Config{Seed: 7, Tenants: 25, Years: 33, Mix: &mix})
	check(t, r)
	if r.Figures.Kept < 5 || r.Figures.Ended < 1 {
		t.Errorf("%d passports were kept, and %d of them ended", r.Figures.Kept, r.Figures.Ended)
	}
}

// TestSameSeedSameRun holds that a seed replays.
func TestSameSeedSameRun(t *testing.T) {
	log := func(seed uint64) (string, uint64) {
		var b bytes.Buffer
		r := simulation.Run(simulation.Config{Seed: seed, Tenants: 12, Years: 2, Log: &b})
		return b.String(), r.Trace
	}
	one, trace := log(5)
	if again, same := log(5); again != one || trace != same {
		t.Error("the same seed ran in two ways")
	}
	if other, _ := log(6); other == one {
		t.Error("two seeds ran alike")
	}
	if quiet := simulation.Run(simulation.Config{Seed: 5, Tenants: 12, Years: 2}); quiet.Trace != trace {
		t.Error("a run that is not logged is another run")
	}
}
