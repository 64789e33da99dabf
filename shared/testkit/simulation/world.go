package simulation

import (
	"container/heap"
	"fmt"
	"io"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/lifecycle"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Config says which run.
type Config struct {
	Seed    uint64
	Tenants int
	Years   int
	Mix     *Mix      // nil: drawn from the seed
	Log     io.Writer // of every event, to read after a failure; nil: none
}

// epoch is when every world begins: before the passport of batteries becomes mandatory, a leap year on the way.
func epoch() time.Time { return time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC) }

const day = 24 * time.Hour

// World is one platform with its customers.
type World struct {
	cfg    Config
	mix    Mix
	now    time.Time // the true time, which nobody inside can read but through clocks
	end    time.Time
	agenda agenda
	seq    int
	dice   dices
	ids    *id.Source
	oracle *oracle
	stats  Figures

	faults       faults
	ledger       *ledgers
	places       []*place // in the order of sweeping
	backups      *backups
	keys         *place
	tenants      []*tenant
	byID         map[id.Tenant]*tenant
	journals     *journals
	disabled     map[id.Tenant]bool
	custody      map[id.Passport]*kept
	doors        map[id.Tenant][]door
	custodyOrder []id.Passport
	trace        uint64
	exports      map[id.Tenant][]*exporting
	moments      map[id.Tenant]int // how many the history of each tenant has
	policy       lifecycle.Policy  // of the build that runs
	clocks       *clocks
	engine       *engine
}

// dices has one source for each purpose.
type dices struct {
	faults, clocks, schedule, people, data, script, backup, entropy dice
}

// entry is something that happens at an instant.
type entry struct {
	at  time.Time
	seq int
	do  func()
}

// agenda is a heap of entries; what was put in first comes first among equals.
type agenda []entry

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].at.Equal(a[j].at) {
		return a[i].seq < a[j].seq
	}
	return a[i].at.Before(a[j].at)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// at puts something on the agenda.
func (w *World) at(t time.Time, do func()) {
	w.seq++
	heap.Push(&w.agenda, entry{t, w.seq, do})
}

// after is at, counted from now.
func (w *World) after(d time.Duration, do func()) { w.at(w.now.Add(d), do) }

// every repeats something, with what each time says about the next. However long one takes, the next is not put off by it.
func (w *World) every(first time.Duration, do func() (next time.Duration)) {
	w.repeat(w.now.Add(first), do)
}

func (w *World) repeat(t time.Time, do func() (next time.Duration)) {
	w.at(t, func() { w.repeat(t.Add(do()), do) })
}

// run works the agenda off until the end.
func (w *World) run() {
	for len(w.agenda) > 0 && !w.agenda[0].at.After(w.end) {
		e := heap.Pop(&w.agenda).(entry)
		if e.at.After(w.now) {
			w.now = e.at
		}
		e.do()
		if w.oracle.enough() {
			return
		}
	}
	w.now = w.end
}

// logf writes a line of the event log.
func (w *World) logf(format string, args ...any) {
	w.trace = w.trace*1099511628211 ^ uint64(w.now.UnixNano()) ^ uint64(len(format))
	if w.cfg.Log == nil {
		return
	}
	fmt.Fprintf(w.cfg.Log, "%s %s\n", w.now.Format("2006-01-02T15:04:05.000"), fmt.Sprintf(format, args...))
}
