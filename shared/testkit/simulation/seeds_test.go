package simulation_test

import (
	"flag"
	"testing"

	"github.com/passportcraft/passportcraft/shared/testkit/simulation"
)

var (
	fromFlag  = flag.Uint64("from", 1, "first seed of TestHunt")
	huntFlag  = flag.Int("hunt", 0, "how many seeds TestHunt looks at, until one breaks the promise")
	stormFlag = flag.Bool("storm", false, "every fault at once in every second seed of TestHunt")
)

// TestHunt looks for a seed that breaks the promise; infra/mutants runs it over code that has been broken on purpose.
func TestHunt(t *testing.T) {
	if *huntFlag == 0 {
		t.Skip("searches seeds: say how many with -hunt")
	}
	for i := range *huntFlag {
		cfg := simulation.Config{Seed: *fromFlag + uint64(i), Tenants: *tenantsFlag, Years: *yearsFlag}
		if *stormFlag && i%2 == 0 {
			storm := simulation.Storm()
			cfg.Mix = &storm
		}
		r := simulation.Run(cfg)
		if len(r.Broken) > 0 {
			t.Fatalf("seed %d: %d broken: %s; mix: %s", r.Seed, len(r.Broken), r.Broken[0], r.Mix)
		}
	}
}
