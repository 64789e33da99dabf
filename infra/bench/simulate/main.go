// Command simulate lets many tenants live, leave and be deleted for years in worlds with faults, and writes what came of
// it to infra/bench/simulation.md. With -seed it replays one world and writes everything that happened in it to a file.
package main

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/infra/local/enginehost"
	"github.com/passportcraft/passportcraft/shared/testkit/simulation"
)

// perWorld is how many tenants one world has: enough for mass exits, few enough for many different mixes of faults.
const perWorld = 80

func main() {
	seed := flag.Uint64("seed", 0, "replay this seed; 0: many")
	first := flag.Uint64("first", 10_000, "the first of many seeds")
	tenants := flag.Int("tenants", 20_000, "tenants in all")
	years := flag.Int("years", 5, "years that each world lasts")
	beside := flag.Int("j", runtime.NumCPU(), "worlds at a time")
	flag.Parse()
	do := func() error { return many(*first, *tenants, *years, *beside) }
	if *seed != 0 {
		do = func() error { return replay(*seed, *tenants, *years) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func replay(seed uint64, tenants, years int) error {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("seed-%d.log", seed))
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	log := bufio.NewWriter(file)
	r := simulation.Run(simulation.Config{Seed: seed, Tenants: min(tenants, perWorld), Years: years, Log: log})
	if err := errors.Join(log.Flush(), file.Close()); err != nil {
		return err
	}
	fmt.Printf("what happened is in %s\nmix: %s\n", name, r.Mix)
	r.Figures.Print(os.Stdout, len(r.Broken))
	for _, b := range r.Broken {
		fmt.Println(b)
	}
	if len(r.Broken) > 0 {
		return errors.New("the promise was broken")
	}
	return nil
}

// many runs worlds side by side; what comes of it does not depend on how many there are.
func many(first uint64, tenants, years, beside int) error {
	worlds := max(1, (tenants+perWorld-1)/perWorld)
	results := make([]simulation.Result, worlds)
	began := time.Now()
	var wait sync.WaitGroup
	next := make(chan int)
	for range max(1, beside) {
		wait.Go(func() {
			for i := range next {
				results[i] = simulation.Run(simulation.Config{Seed: first + uint64(i), Tenants: perWorld, Years: years})
				for _, b := range results[i].Broken {
					fmt.Printf("%s\n  replay: make simulate SEED=%d YEARS=%d\n", b, first+uint64(i), years)
				}
			}
		})
	}
	for i := range worlds {
		if i%25 == 0 {
			fmt.Printf("%d of %d worlds, %s\n", i, worlds, time.Since(began).Round(time.Second))
		}
		next <- i
	}
	close(next)
	wait.Wait()
	return record(results, first, years, time.Since(began))
}

// record writes the figures down, and says so when the promise was broken.
func record(results []simulation.Result, first uint64, years int, took time.Duration) error {
	var all simulation.Figures
	broken, calm := 0, 0
	for _, r := range results {
		all.Add(r.Figures)
		broken += len(r.Broken)
		if r.Mix == simulation.Calm() {
			calm++
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# Simulated\n\nWritten by `make simulate`: %d worlds of %d tenants for %d years each, seeds %d to %d, %d of them without faults; %s on %d processors that others used too, %s.\n",
		len(results), perWorld, years, first, first+uint64(len(results))-1, calm, took.Round(time.Second), runtime.NumCPU(), runtime.Version())
	b.WriteString("The engine is the real one; storage, backups, keys, clocks and customers are the model of `shared/testkit/simulation`. Times from T0 are of tenants that no hold and no late write kept.\n\n| figure | value |\n|---|---|\n")
	all.Print(&b, broken)
	fmt.Print(b.String())
	root, err := enginehost.Root()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "infra/bench/simulation.md"), b.Bytes(), 0o644); err != nil {
		return err
	}
	if broken > 0 {
		return fmt.Errorf("the promise was broken %d times", broken)
	}
	return nil
}
