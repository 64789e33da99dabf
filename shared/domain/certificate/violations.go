package certificate

import (
	"fmt"
	"time"
)

// What was promised, whatever policy the document names.
const (
	day      = 24 * time.Hour
	window   = 30 * day
	drain    = 25 * time.Hour
	between  = day
	active   = 60 * day
	residual = 90 * day
	cooling  = 72 * time.Hour
	release  = 30 * day // after the release of a hold
)

// Violations lists every promise that a document, by what it says itself, does not keep; none: it keeps them all. A hold
// that was in force moves the deadlines: 30 days after its release the active systems are clear, 30 days later the rest.
func (d Document) Violations() []string {
	var out []string
	rule := func(ok bool, say string, args ...any) {
		if !ok {
			out = append(out, fmt.Sprintf(say, args...))
		}
	}
	d.inOrder(rule)
	activeBy, residualBy := d.T0.Add(active), d.T0.Add(residual)
	for _, h := range d.Holds {
		rule(h.Act != "" && h.Article != "", "a hold names no act and article")
		rule(!h.ReleasedAt.IsZero(), "a hold is still in force")
		if by := h.ReleasedAt.Add(release); by.After(activeBy) {
			activeBy = by
			residualBy = later(residualBy, by.Add(release))
		}
	}
	open := d.SealedAt.Sub(d.T0)
	rule(open >= window || d.Expedited.wanted(d.SealedAt), "the window was open for %s, which is less than 30 days, and two owners did not want that 72 hours before", open)
	rule(d.DeletingAt.Sub(d.SealedAt) >= drain, "the deletion began %s after the seal, before the drain of 25 hours", d.DeletingAt.Sub(d.SealedAt))
	rule(d.FirstDestructive.IsZero() || !d.FirstDestructive.Before(d.DeletingAt), "something was destroyed at %s, before the deletion began", d.FirstDestructive)
	age := window
	if e := d.Expedited; e != nil {
		age = cooling
		d.signed(rule, e.Log, "the consent to its early end", age)
	}
	d.signed(rule, d.Log, "the end of the contract", age)
	rule(d.SecondVerified.Sub(d.FirstVerified) >= between, "the two verifications are %s apart, not a day", d.SecondVerified.Sub(d.FirstVerified))
	rule(!d.ActiveClearAt.After(activeBy), "the active systems were clear at %s, after %s", d.ActiveClearAt, activeBy)
	rule(!d.ResidualClearAt.After(residualBy), "residual copies were gone at %s, after %s", d.ResidualClearAt, residualBy)
	rule(d.OldestBackup.IsZero() || d.OldestBackup.After(d.ActiveClearAt), "a backup from %s, before the active systems were clear, was still there", d.OldestBackup)
	rule(d.LastVerified.After(d.ActiveClearAt) && !d.LastVerified.Before(d.ResidualClearAt), "nobody counted again before it was issued")
	d.counts(rule)
	return out
}

// signed holds that something stood in the audit log so long before the deletion began.
func (d Document) signed(rule func(bool, string, ...any), l *Log, what string, age time.Duration) {
	rule(l != nil, "it does not prove that %s stood in the audit log", what)
	if l != nil {
		rule(d.DeletingAt.Sub(l.SignedAt) >= age, "the checkpoint that proves %s was signed at %s, less than %s before the deletion began", what, l.SignedAt, age)
	}
}

// inOrder holds every instant against the one before it.
func (d Document) inOrder(rule func(bool, string, ...any)) {
	last, name := time.Time{}, ""
	for _, i := range []struct {
		name string
		at   time.Time
	}{
		{"the notice", d.NoticedAt}, {"T0", d.T0}, {"the end of the window", d.NotBefore}, {"the seal", d.SealedAt}, {"the end of the drain", d.DrainUntil},
		{"the beginning of the deletion", d.DeletingAt}, {"the first verification", d.FirstVerified}, {"the second verification", d.SecondVerified},
		{"the clearing of the active systems", d.ActiveClearAt}, {"the clearing of residual copies", d.ResidualClearAt}, {"the issue", d.IssuedAt},
	} {
		rule(!i.at.IsZero(), "%s is missing", i.name)
		if i.name == "the end of the window" && d.Expedited != nil {
			continue // T0 may come after the consent of two owners
		}
		rule(!i.at.Before(last), "%s comes before %s", i.name, name)
		last, name = i.at, i.name
	}
}

// wanted tells whether two owners wanted an end at an instant, and had their time to think again.
func (e *Expedited) wanted(sealed time.Time) bool {
	return e != nil && !e.AskedAt.IsZero() && !e.ConfirmedAt.Before(e.AskedAt) && sealed.Sub(e.ConfirmedAt) >= cooling
}

// counts holds that nothing is left anywhere, and that every store was looked at.
func (d Document) counts(rule func(bool, string, ...any)) {
	rule(len(d.Stores) > 0, "it names no store")
	keys := !d.KeysDestroyedAt.IsZero()
	rule(keys, "the keys were not destroyed")
	rule(!keys || !d.KeysDestroyedAt.Before(d.ActiveClearAt) || reopened(d.History), "the keys were destroyed before the active systems were clear")
	rule(d.PlanHash != "" && d.Policy.Version != "" && d.Tenant != "" && d.ID != "", "it does not say whose plan was followed, under which policy")
	rule(d.Template != "" && d.Law != "", "it does not say what was deployed, or which state of the law it followed")
	seen := map[string]bool{}
	for _, s := range d.Stores {
		rule(!seen[s.Name], "store %s stands in it twice", s.Name)
		seen[s.Name] = true
		rule(s.After == 0, "%d items are left in store %s", s.After, s.Name)
		rule(!s.DoneAt.IsZero(), "store %s was not finished", s.Name)
		rule(s.Receipt != nil, "store %s has no evidence", s.Name)
	}
	for _, p := range d.Passports.Listed {
		rule(p.Act != "" && p.Article != "", "passport %s is kept without an act and an article", p.Passport)
	}
	for _, e := range d.Exceptions {
		rule(e.Act != "" && e.Article != "" && e.Why != "", "an exception has no basis: %s", e.What)
	}
}

// reopened tells whether rows were found after the completion: the keys may then have gone in an earlier round.
func reopened(history []Event) bool {
	for _, e := range history {
		if e.Event == "tenant.deletion-reopened" {
			return true
		}
	}
	return false
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
