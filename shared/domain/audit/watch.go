package audit

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/passportcraft/passportcraft/shared/domain/access"
	"github.com/passportcraft/passportcraft/shared/foundation/id"
)

// Journal writes single entries that belong to no change.
type Journal interface {
	Append(ctx context.Context, e Entry) error
}

// Scribe writes down what changes nothing but should be known, such as a download.
type Scribe struct {
	Journal Journal
	IDs     *id.Source
}

// Note writes an entry.
func (s *Scribe) Note(ctx context.Context, by access.Caller, event Event, object string) error {
	return s.Journal.Append(ctx, New(s.IDs, by, event, object, "", ""))
}

// Attempt is something that somebody was not allowed to do.
type Attempt struct {
	By      access.Principal
	Event   Event
	Object  string // "route:<action>"
	Reason  string // the code of the refusal
	Request id.Request
	From    netip.Addr
	At      time.Time
}

// Watch writes refused attempts down. Of each actor, event, object and reason it writes the first in a minute, the tenth,
// and then whenever their number has doubled, each with the count of those since; what a minute leaves over comes with
// the next attempt. A flood so becomes a handful of writes, and the anomaly rules see it while it lasts.
type Watch struct {
	Journal Journal
	IDs     *id.Source
	Network func(ctx context.Context, t id.Tenant, from netip.Addr) (string, error)

	mu   sync.Mutex
	seen map[attemptSlot]counted
}

type attemptSlot struct {
	tenant                       id.Tenant
	actor, event, object, reason string
}

type counted struct {
	minute time.Time
	total  int // in this minute
	due    int // total at which to write again
	held   int // not yet written
}

// burst is the number of attempts in a minute from which on they are written again.
const burst = 10

const watchSize = 4096

// Refused writes an attempt down; a failure to do so is returned for the log, the caller is refused anyway.
func (w *Watch) Refused(ctx context.Context, a Attempt) error {
	count := w.count(a)
	if count == 0 {
		return nil
	}
	ctx = access.As(ctx, a.By.Tenant)
	by := access.Caller{Tenant: a.By.Tenant, Actor: a.By.Actor(), Request: a.Request, At: a.At}
	e := New(w.IDs, by, a.Event, a.Object, "", "").With("reason", a.Reason)
	e.Count = count
	if network, err := w.Network(ctx, a.By.Tenant, a.From); err == nil {
		e.Network = network
	}
	return w.Journal.Append(ctx, e)
}

// count is how many attempts the entry to write stands for, or 0 when this one is only counted.
func (w *Watch) count(a Attempt) int {
	at := attemptSlot{a.By.Tenant, a.By.Actor(), string(a.Event), a.Object, a.Reason}
	minute := a.At.Truncate(time.Minute)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.seen == nil || len(w.seen) >= watchSize {
		w.seen = map[attemptSlot]counted{}
	}
	c := w.seen[at]
	if !c.minute.Equal(minute) {
		c = counted{minute: minute, due: 1, held: c.held}
	}
	c.total, c.held = c.total+1, c.held+1
	written := 0
	if c.total >= c.due {
		written, c.held = c.held, 0
		c.due = max(burst, 2*c.total)
	}
	w.seen[at] = c
	return written
}
