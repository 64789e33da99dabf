package lifecycle

import (
	"fmt"
	"time"
)

// View is what an owner reads about the end of the contract: every instant, what may be done now and until when, what is
// kept and why. It holds nothing that is not the tenant's own to know.
type View struct {
	State     State        `json:"state"`
	Means     string       `json:"means"` // the state in words, and since when
	AsOf      time.Time    `json:"asOf"`
	Policy    string       `json:"policyVersion"`
	Instants  []Instant    `json:"instants"`
	May       []Permission `json:"may"`
	MayNot    []Permission `json:"mayNot"`
	Kept      []Kept       `json:"kept"`
	Passports []Tally      `json:"passports,omitempty"`
	Expedited *EarlyEnd    `json:"earlyEnd,omitempty"`
	PlanHash  string       `json:"planHash,omitempty"`
	Next      string       `json:"next"` // what happens next, in a sentence
}

// Instant is one moment of a termination.
type Instant struct {
	Name    string    `json:"name"`
	At      time.Time `json:"at"`
	Means   string    `json:"means"`
	Reached bool      `json:"reached"` // it lies in the past or was recorded
}

// Permission is one capability.
type Permission struct {
	Capability Capability `json:"capability"`
	Means      string     `json:"means"`
	Limit      string     `json:"limit,omitempty"`
	Until      time.Time  `json:"until,omitzero"` // zero: no end in sight
}

// Kept is something that stays after the deletion, or stands against it.
type Kept struct {
	What     string    `json:"what"`
	Act      string    `json:"act"`
	Article  string    `json:"article"`
	Why      string    `json:"why"`
	Until    time.Time `json:"until,omitzero"`
	ReviewBy string    `json:"reviewBy,omitempty"`
}

// Tally counts passports with the same disposition.
type Tally struct {
	Kind  DispositionKind `json:"kind"`
	Group string          `json:"group"`
	Count int             `json:"count"`
	Until time.Time       `json:"until,omitzero"` // the latest of them
}

// EarlyEnd is where the wish for an early end of the window stands.
type EarlyEnd struct {
	AskedAt     time.Time `json:"askedAt"`
	ConfirmedAt time.Time `json:"confirmedAt,omitzero"`
	Next        string    `json:"next"`
}

// Context is what a view shows beside the record.
type Context struct {
	Owners int // how many the tenant has
	Holds  []Hold
	Tally  []Tally
	Law    Law
}

// Show makes the view of a record at an instant.
func Show(r Record, c Context, now time.Time) View {
	now = now.UTC()
	v := View{
		State: r.At(now), Means: r.At(now).Means(), AsOf: now, Policy: r.Policy().Version,
		Instants: r.instants(now), Passports: c.Tally, PlanHash: r.PlanHash,
		May: []Permission{}, MayNot: []Permission{},
	}
	if v.State == r.State {
		v.Means = r.says()
	}
	for _, row := range Capabilities() {
		if row.Capability == Personal || row.Capability == Destroy {
			continue // not the tenant's to do
		}
		answer := Look(v.State, row.Capability)
		p := Permission{Capability: row.Capability, Means: row.Means, Limit: answer.Limit}
		if r.Can(row.Capability, now) != nil {
			v.MayNot = append(v.MayNot, p)
			continue
		}
		p.Until = r.Until(row.Capability)
		v.May = append(v.May, p)
	}
	v.Kept = kept(r, c)
	v.Expedited = r.earlyEnd(c.Owners)
	v.Next = r.next(v.State, c)
	return v
}

func (r Record) instants(now time.Time) []Instant {
	out := []Instant{}
	add := func(name string, at time.Time, means string) {
		if !at.IsZero() {
			out = append(out, Instant{Name: name, At: at.UTC(), Means: means, Reached: !at.After(now)})
		}
	}
	if r.Begins().IsZero() {
		return out
	}
	d := r.Deadlines()
	add("noticed", r.NoticedAt, "The termination was asked for.")
	add("effective", r.Begins(), "The termination comes into force: from here on data can be read and exported, and not changed.")
	add("windowEnds", d.NotBefore, "Not before this instant the window closes; until then everything can be exported and the termination taken back.")
	add("sealed", r.SealedAt, "The window was closed.")
	add("drained", d.DrainUntil, "What was still under way has ended; not before this instant anything is destroyed.")
	add("deletionBegan", r.DeletingAt, "The deletion began.")
	add("firstVerified", r.FirstVerified, "Every store was searched, and nothing was found.")
	add("secondVerified", r.SecondVerified, "Every store was searched again, and nothing was found.")
	add("activeClear", r.ActiveClearAt, "The data had left the active systems and the sub-processors.")
	add("activeBy", d.ActiveBy, "At the latest now the data has left the active systems and the sub-processors.")
	add("residualClear", r.ResidualClearAt, "No backup and no key was left from before.")
	add("residualBy", d.ResidualBy, "At the latest now no backup holds a residual copy.")
	add("certified", r.CertifiedAt, "The certificate was signed.")
	return out
}

// kept lists what the law keeps: passports in custody or handed over, holds, and the registered exceptions. The case of a
// hold is not named, since the tenant is not always to know it.
func kept(r Record, c Context) []Kept {
	out := []Kept{}
	for _, t := range c.Tally {
		g, ok := c.Law.Group(t.Group)
		what := map[DispositionKind]string{
			Custody:    "the fields of %d passports (%s) that the law demands",
			HandedOver: "the addresses of %d passports (%s), which lead to their successors",
			Ceased:     "the addresses of %d passports (%s), which say that the product was recycled",
		}[t.Kind]
		if !ok || what == "" || t.Count == 0 {
			continue
		}
		out = append(out, Kept{What: fmt.Sprintf(what, t.Count, g.Title), Act: g.Act, Article: g.Article, Why: g.Basis, Until: t.Until, ReviewBy: g.ReviewBy})
	}
	for _, h := range c.Holds {
		if h.InForce() {
			out = append(out, Kept{
				What: "what a legal hold covers: " + string(h.Scope.Kind), Act: h.Basis.Act, Article: h.Basis.Article,
				Why: "The law demands that this is kept until the hold is released.", ReviewBy: h.ReviewBy.UTC().Format(time.DateOnly),
			})
		}
	}
	for _, e := range c.Law.Kept {
		k := Kept{What: e.What, Act: e.Act, Article: e.Article, Why: e.Why + " " + e.Assumption, ReviewBy: e.ReviewBy}
		if begins := r.Begins(); e.Days > 0 && !begins.IsZero() {
			k.Until = begins.Add(time.Duration(e.Days) * Day)
		}
		out = append(out, k)
	}
	return out
}

func (r Record) earlyEnd(owners int) *EarlyEnd {
	e := r.Expedited
	if e == nil {
		return nil
	}
	v := &EarlyEnd{AskedAt: e.AskedAt, ConfirmedAt: e.ConfirmedAt}
	switch {
	case !e.ConfirmedAt.IsZero():
		v.Next = "Two owners want this. The window closes at " + stamp(r.Deadlines().NotBefore) + " unless an owner takes it back before."
	case owners < 2:
		v.Next = "A second owner has to confirm, and there is none: make somebody else an owner, or wait until the window ends at " + stamp(r.Deadlines().NotBefore) + "."
	default:
		v.Next = "Another owner has to confirm. Until then the window ends as planned."
	}
	return v
}

func (r Record) next(s State, c Context) string {
	d, held := r.Policy().Prolong(r.Deadlines(), c.Holds)
	switch s {
	case Active:
		return "The contract runs; there is nothing to do."
	case Suspended:
		return "A suspension alone starts no deletion. Your data can be read and exported."
	case Scheduled:
		return "The termination comes into force at " + stamp(r.EffectiveAt) + ", unless an owner cancels it."
	case Window:
		return "Export what you need: the window closes at " + stamp(d.NotBefore) + ". Until then an owner can take the termination back."
	case Certified:
		return "The deletion is complete and certified; there is nothing left to do."
	}
	switch {
	case held:
		return "A legal hold stands against part of the deletion; the rest goes on."
	case s == Sealed:
		return "The deletion begins at " + stamp(d.DrainUntil) + " at the earliest."
	case s == Deleting:
		return "The data leaves the active systems and the sub-processors by " + stamp(d.ActiveBy) + " at the latest."
	case s == ActiveClear:
		return "Residual copies in backups are gone by " + stamp(d.ResidualBy) + " at the latest."
	default:
		return "The certificate is being signed."
	}
}
