package simulation_test

import (
	"flag"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/simulation"
)

var (
	fromFlag  = flag.Uint64("from", 1, "first seed of TestMany")
	countFlag = flag.Int("count-seeds", 0, "how many seeds TestMany runs")
)

// TestMany searches seeds; it is for looking by hand.
func TestMany(t *testing.T) {
	if *countFlag == 0 {
		t.Skip("searches seeds: say how many with -count-seeds")
	}
	var all simulation.Figures
	for i := range *countFlag {
		r := simulation.Run(simulation.Config{Seed: *fromFlag + uint64(i), Tenants: *tenantsFlag, Years: *yearsFlag})
		all.Add(r.Figures)
		if len(r.Broken) > 0 {
			t.Errorf("seed %d: %d broken: %s; mix: %s", r.Seed, len(r.Broken), r.Broken[0], r.Mix)
		}
	}
	t.Logf("max active %s, residual %s", all.MaxActive, all.MaxResidual)
}
