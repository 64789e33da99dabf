package simulation

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/retention"
)

// Figures count what happened in a run.
type Figures struct {
	Tenants, Exits, Certified, Reinstated         int
	Early, Residual, Removed, Mails               int64
	Probes, Holds, Erasures, Kept, Ended          int
	Restores, Copies, Resurrections, Steps, Calls int64
	Jobs, JobErrors, Alarms, Faults               map[string]int64
	MaxActive, MaxResidual                        time.Duration // from T0, of those that nothing held and nothing haunted
}

// Result is the outcome of a run.
type Result struct {
	Config
	Mix     Mix
	Figures Figures
	Broken  []Broken
	Trace   uint64 // over everything that happened: equal for equal runs
}

// Run lives through the years of one seed.
func Run(cfg Config) Result {
	w := newWorld(cfg)
	w.clocks = &clocks{w: w}
	w.journals = newJournals(w)
	w.engine = newEngine(w)
	w.logf("seed %d: %s", cfg.Seed, w.mix)
	w.engine.schedule()
	w.daily()
	for range cfg.Tenants {
		w.script(w.dice.script.between(0, w.end.Sub(w.now)/3))
	}
	w.run()
	w.stats.Faults, w.stats.Calls = w.faults.byKind, w.faults.calls
	return Result{Config: cfg, Mix: w.mix, Figures: w.stats, Broken: w.oracle.broken, Trace: w.trace}
}

// Add adds the figures of another run.
func (f *Figures) Add(o Figures) {
	f.Tenants, f.Exits, f.Certified, f.Reinstated = f.Tenants+o.Tenants, f.Exits+o.Exits, f.Certified+o.Certified, f.Reinstated+o.Reinstated
	f.Early, f.Residual, f.Removed, f.Mails = f.Early+o.Early, f.Residual+o.Residual, f.Removed+o.Removed, f.Mails+o.Mails
	f.Probes, f.Holds, f.Erasures, f.Kept, f.Ended = f.Probes+o.Probes, f.Holds+o.Holds, f.Erasures+o.Erasures, f.Kept+o.Kept, f.Ended+o.Ended
	f.Restores, f.Copies, f.Resurrections = f.Restores+o.Restores, f.Copies+o.Copies, f.Resurrections+o.Resurrections
	f.Steps, f.Calls = f.Steps+o.Steps, f.Calls+o.Calls
	f.MaxActive, f.MaxResidual = max(f.MaxActive, o.MaxActive), max(f.MaxResidual, o.MaxResidual)
	for _, m := range []struct{ to, from *map[string]int64 }{{&f.Jobs, &o.Jobs}, {&f.JobErrors, &o.JobErrors}, {&f.Alarms, &o.Alarms}, {&f.Faults, &o.Faults}} {
		if *m.to == nil {
			*m.to = map[string]int64{}
		}
		for k, v := range *m.from {
			(*m.to)[k] += v
		}
	}
}

// sorted lists a count by name.
func sorted(m map[string]int64) []string {
	var names []string
	for k := range m {
		names = append(names, k)
	}
	slices.SortFunc(names, cmp.Compare[string])
	var out []string
	for _, k := range names {
		out = append(out, fmt.Sprintf("%s %d", k, m[k]))
	}
	return out
}

// days is a duration in days.
func days(d time.Duration) string { return fmt.Sprintf("%.2f days", d.Hours()/24) }

// Print writes the figures for a person.
func (f Figures) Print(out io.Writer, broken int) {
	for _, line := range []struct {
		name  string
		value any
	}{
		{"promises broken", broken}, {"early deletions", f.Early}, {"residual objects", f.Residual},
		{"longest T0 to active clear", days(f.MaxActive)}, {"longest T0 to residual clear", days(f.MaxResidual)},
		{"tenants", f.Tenants}, {"terminations", f.Exits}, {"taken back", f.Reinstated}, {"certified", f.Certified},
		{"exports probed", f.Probes}, {"rows removed", f.Removed}, {"single deletions", f.Erasures}, {"passports kept", f.Kept}, {"of those ended on their date", f.Ended},
		{"changes of holds", f.Holds}, {"backups made", f.Copies}, {"backups restored", f.Restores}, {"data that came back", f.Resurrections},
		{"steps", f.Steps}, {"calls of ports", f.Calls},
		{"runs of jobs", strings.Join(sorted(f.Jobs), ", ")}, {"runs that ended with an error", strings.Join(sorted(f.JobErrors), ", ")},
		{"faults injected", strings.Join(sorted(f.Faults), ", ")}, {"alarms", strings.Join(sorted(f.Alarms), ", ")},
	} {
		fmt.Fprintf(out, "| %s | %v |\n", line.name, line.value)
	}
}

var _ retention.Meter = (*World)(nil)
